"""Answers of the DICOM node to questions: C-FIND in the archive, C-MOVE to nodes that are known (PS3.4 C.4)."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from hilum.app.serve.archive_query import FIELDS, LIMIT, Level, Located, Query, locate, search
from hilum.core.errors import HilumError, InputError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pynetdicom.events import Event

    from hilum.app.serve.archive import Archive

LOG = logging.getLogger(__name__)
FIND = ("1.2.840.10008.5.1.4.1.2.1.1", "1.2.840.10008.5.1.4.1.2.2.1")
MOVE = ("1.2.840.10008.5.1.4.1.2.1.2", "1.2.840.10008.5.1.4.1.2.2.2")
"""Query/Retrieve by patient and by study."""
PENDING, CANCELLED, UNABLE, NO_MATCH = 0xFF00, 0xFE00, 0xC000, 0xA900
_CONTEXTS = 128
_LEVELS: dict[str, Level] = {"PATIENT": "study", "STUDY": "study", "SERIES": "series", "IMAGE": "instance"}
_UNMATCHED = ("QueryRetrieveLevel", "SpecificCharacterSet", "RetrieveAETitle", "TimezoneOffsetFromUTC")


class Questions:
    """Finds and moves what the archive holds.

    Args:
        archive: what is asked about.
        peers: AE title -> (host, port) of nodes that films may be moved to; nobody else gets any.
        own_title: our AE title, written into answers.
    """

    def __init__(self, archive: Archive, peers: Mapping[str, tuple[str, int]], *, own_title: str = "HILUM") -> None:
        self._archive, self._peers, self._own_title = archive, dict(peers), own_title

    def handlers(self) -> list[Any]:
        """Return pynetdicom's handlers."""
        from pynetdicom import evt

        return [(evt.EVT_C_FIND, self.find), (evt.EVT_C_MOVE, self.move)]

    def find(self, event: Event) -> Iterator[tuple[Any, Dataset | None]]:
        """Yield the answers to a C-FIND: every key that was asked for, empty where the archive does not know it."""
        try:
            asked = event.identifier
            level = _level(asked)
            match, keys = _matching(asked, level)
            for row in self._rows(asked, level, match, keys):
                if event.is_cancelled:
                    yield CANCELLED, None
                    return
                yield PENDING, self._answer(asked, keys, row)
        except HilumError as error:
            yield _status(NO_MATCH if isinstance(error, InputError) else UNABLE, str(error)), None
        except Exception as error:  # whatever it was, the peer must hear that there is no answer
            LOG.warning("a C-FIND could not be answered: %s", type(error).__name__)
            yield _status(UNABLE, "the question could not be answered"), None

    def _rows(self, asked: Dataset, level: Level, match: dict[str, str], keys: list[str]) -> Iterator[dict[str, Any]]:
        seen: set[tuple[str, str]] = set()
        offset = 0
        include = tuple(key for key in keys if key in FIELDS[level])
        while True:
            found = search(self._archive.database, level, Query(match, LIMIT, offset, include))
            for row in found.rows:
                if asked.QueryRetrieveLevel == "PATIENT":
                    patient = (str(row["PatientID"]), str(row["IssuerOfPatientID"]))
                    if patient in seen:
                        continue
                    seen.add(patient)
                yield row
            if not found.more:
                return
            offset += len(found.rows)

    def _answer(self, asked: Dataset, keys: list[str], row: Mapping[str, Any]) -> Dataset:
        from pydicom.dataset import Dataset

        answer = Dataset()
        for key in keys:
            value = row.get(key, "")
            setattr(answer, key, _value(key, value))
        answer.SpecificCharacterSet = "ISO_IR 192"
        answer.QueryRetrieveLevel = asked.QueryRetrieveLevel
        answer.RetrieveAETitle = self._own_title
        return answer

    def move(self, event: Event) -> Iterator[Any]:
        """Yield where to, how many, and each instance of a C-MOVE."""
        from pydicom import dcmread
        from pynetdicom.presentation import build_context

        destination = str(event.move_destination or "").strip()
        if destination not in self._peers:
            LOG.warning("a C-MOVE to a node that is not among the peers was refused")
            yield None, None  # pynetdicom answers A801, destination unknown
            return
        try:
            wanted = self._wanted(event.identifier)
            paths = [self._archive.path(each.uid) for each in wanted]
        except HilumError as error:
            LOG.warning("a C-MOVE could not be answered: %s", type(error).__name__)
            yield self._peers[destination]
            yield 0
            yield _status(NO_MATCH if isinstance(error, InputError) else UNABLE, str(error)), None
            return
        pairs = sorted({(each.sop_class, each.syntax) for each in wanted})[:_CONTEXTS]  # films go out as they lie here
        yield (*self._peers[destination], {"contexts": [build_context(*pair) for pair in pairs]})
        yield len(paths)
        for path in paths:
            if event.is_cancelled:
                yield CANCELLED, None
                return
            yield PENDING, dcmread(path)

    def _wanted(self, asked: Dataset) -> list[Located]:
        """Return the instances that are asked for, by the unique keys of their level."""
        level = _level(asked)
        studies = _several(asked, "StudyInstanceUID")
        if asked.QueryRetrieveLevel == "PATIENT":
            patient = str(getattr(asked, "PatientID", "") or "").strip()
            if not patient or set(patient) & set("*?"):
                raise InputError("a C-MOVE of a patient needs its PatientID")
            studies = [row["StudyInstanceUID"] for row in self._rows_of_patient(patient)]
        if not studies:
            raise InputError(f"a C-MOVE at the level {asked.QueryRetrieveLevel} needs StudyInstanceUID")
        series = _several(asked, "SeriesInstanceUID") if level != "study" else [""]
        instances = _several(asked, "SOPInstanceUID") if level == "instance" else [""]
        if not series or not instances:
            raise InputError("a C-MOVE of series or instances needs their UIDs and those above them")
        found: list[Located] = []
        for one in studies:
            for two in series:
                for three in instances:
                    found += locate(self._archive.database, one, two, three)
        return found

    def _rows_of_patient(self, patient: str) -> list[dict[str, Any]]:
        return search(self._archive.database, "study", Query({"PatientID": patient})).rows


def _level(asked: Dataset) -> Level:
    told = str(getattr(asked, "QueryRetrieveLevel", "") or "").strip()
    if told not in _LEVELS:
        raise InputError(f"QueryRetrieveLevel must be one of {', '.join(_LEVELS)}, got '{told[:16]}'")
    return _LEVELS[told]


def _matching(asked: Dataset, level: Level) -> tuple[dict[str, str], list[str]]:
    """Split an identifier into what must match and what is asked for; what is not indexed comes back empty."""
    match: dict[str, str] = {}
    keys: list[str] = []
    for element in asked:
        key = element.keyword
        if not key or key in _UNMATCHED or element.VR == "SQ":
            continue
        keys.append(key)
        value = element.value
        text = "\\".join(map(str, value)) if element.VM > 1 else str(value or "")
        if text and key in FIELDS[level]:
            match[key] = text
    return match, keys


def _several(asked: Dataset, key: str) -> list[str]:
    value = getattr(asked, key, None) or ""
    return [str(value)] if isinstance(value, str) and value else [str(each) for each in value] if value else []


def _value(key: str, value: Any) -> Any:
    if value is None:
        return ""
    if key == "ModalitiesInStudy":
        return [part for part in str(value).split("\\") if part]
    return value


def _status(code: int, comment: str) -> Any:
    from pydicom.dataset import Dataset

    answer = Dataset()
    answer.Status = code
    answer.ErrorComment = comment.replace("\\", "/")[:64]
    return answer
