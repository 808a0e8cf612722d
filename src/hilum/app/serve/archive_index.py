"""From a file to its rows: what the index knows of a patient, a study, a series and an instance."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from hilum.app.serve import database as db
from hilum.app.serve.part10 import Bounds, examine, read_header
from hilum.core.errors import HilumError, InputError
from hilum.io import tags

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from sqlalchemy.engine import Connection

FILMS = frozenset(
    (
        "1.2.840.10008.5.1.4.1.1.1",  # Computed Radiography
        "1.2.840.10008.5.1.4.1.1.1.1",  # Digital X-Ray, for presentation
        "1.2.840.10008.5.1.4.1.1.1.1.1",  # Digital X-Ray, for processing
    )
)
CLASSES = FILMS | frozenset(
    (
        "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture
        "1.2.840.10008.5.1.4.1.1.11.1",  # Grayscale Softcopy Presentation State
        "1.2.840.10008.5.1.4.1.1.66.4",  # Segmentation
        "1.2.840.10008.5.1.4.1.1.88.11",  # Basic Text SR
        "1.2.840.10008.5.1.4.1.1.88.22",  # Enhanced SR
        "1.2.840.10008.5.1.4.1.1.88.33",  # Comprehensive SR
        "1.2.840.10008.5.1.4.1.1.88.34",  # Comprehensive 3D SR
    )
)
# Pixel data that is an address on another server, to be fetched by whoever reads the file.
_REFERENCED = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (94, 95, 204, 205))
UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_TEXT_LENGTH = 1024
_READ = (
    *("SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"),
    *("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex"),
    *("StudyDate", "StudyTime", "AccessionNumber", "StudyID", "StudyDescription", "ReferringPhysicianName"),
    *("Modality", "SeriesDescription", "BodyPartExamined", "Laterality", "SeriesDate", "SeriesTime", "SeriesNumber"),
    *("InstanceNumber", "Rows", "Columns", "NumberOfFrames", "BitsAllocated", "ViewPosition"),
    *("SamplesPerPixel", "PhotometricInterpretation"),
)


class InstanceRefusedError(InputError):
    """One instance is not kept; the sentence says why, `failure` is the DICOM failure reason (0008,1197).

    Args:
        message: the reason, for people.
        failure: 0x0110 processing failure, 0x0117 invalid instance, 0x0122 class not supported,
            0xA700 out of resources, 0xA900 dataset does not match, 0xC000 cannot be understood.
        sop_class: SOP Class UID where it is known.
        sop_uid: SOP Instance UID where it is known.
    """

    def __init__(self, message: str, *, failure: int = 0xC000, sop_class: str = "", sop_uid: str = "") -> None:
        super().__init__(message)
        self.failure, self.sop_class, self.sop_uid = failure, sop_class, sop_uid


@dataclass(frozen=True)
class Entry:
    """The rows of one instance, and the SHA-256 of its dataset in its transfer syntax."""

    patient: dict[str, Any]
    study: dict[str, Any]
    series: dict[str, Any]
    instance: dict[str, Any]


def read_entry(path: Path, *, classes: frozenset[str] | None = CLASSES, bounds: Bounds | None = None) -> Entry:
    """Check a file and return its rows.

    Args:
        path: a DICOM Part 10 file.
        classes: SOP Class UIDs that are kept; None keeps all.
        bounds: what its structure may be.

    Raises:
        InstanceRefusedError: if it is damaged, too large, of another class, or lacks what an archive needs.
    """
    try:
        structure = examine(path, bounds=bounds)
        header = read_header(path, _READ)
    except HilumError as error:
        raise InstanceRefusedError(f"The file is refused: {error}.", failure=0xC000) from None
    named = {"sop_class": one_line(header, "SOPClassUID"), "sop_uid": one_line(header, "SOPInstanceUID")}
    _check(header, structure.syntax, (structure.sop_class, structure.sop_uid), classes, named)
    _check_pixels(header, structure.pixel_bytes, named)
    instance = {
        **{"uid": named["sop_uid"], "sop_class": named["sop_class"], "syntax": structure.syntax},
        **{"series": one_line(header, "SeriesInstanceUID"), "study": one_line(header, "StudyInstanceUID")},
        **{"view": one_line(header, "ViewPosition"), "number": _whole(header, "InstanceNumber")},
        **{"rows": _whole(header, "Rows"), "columns": _whole(header, "Columns")},
        **{"frames": _whole(header, "NumberOfFrames"), "bits": _whole(header, "BitsAllocated")},
        **{"size_bytes": path.stat().st_size, "digest": _digest(path, structure.body, structure.syntax)},
        **{"file": file_name(named["sop_uid"]), "film": named["sop_class"] in FILMS},
    }
    return Entry(_patient(header), _study(header), _series(header), instance)


def _check(
    header: Dataset,
    syntax: str,
    meta: tuple[str, str],
    classes: frozenset[str] | None,
    named: dict[str, str],
) -> None:
    def refuse(why: str, failure: int) -> InstanceRefusedError:
        known = {key: value if is_uid(value) else "" for key, value in named.items()}
        return InstanceRefusedError(why, failure=failure, **known)

    for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        value = one_line(header, keyword)
        if not is_uid(value):
            came = "it is missing" if not value else "it is not a UID (digits and dots, at most 64)"
            raise refuse(f"The file is refused: it needs a {keyword}, and {came}.", 0xA900)
    if any(said and said != named[key] for said, key in zip(meta, ("sop_class", "sop_uid"), strict=True)):
        raise refuse("The file is refused: its file meta information names another instance than its dataset.", 0xA900)
    if classes is not None and named["sop_class"] not in classes:
        from pydicom.uid import UID as Known

        name = Known(named["sop_class"]).name
        raise refuse(
            f"The file is refused: this archive keeps radiographs and what is made from them, not '{name}'. "
            "An administrator can allow other classes.",
            0x0122,
        )
    if not is_uid(syntax) or syntax in _REFERENCED:
        named_syntax = "".join(letter for letter in syntax[:64] if letter.isprintable())
        raise refuse(f"The file is refused: transfer syntax '{named_syntax}' is not kept here.", 0xC122)


def _check_pixels(header: Dataset, pixel_bytes: int | None, named: dict[str, str]) -> None:
    """Refuse a picture without its pixels: a file cut at the end of an element is well-formed all the same."""
    sizes = [_whole(header, name) for name in ("Rows", "Columns", "BitsAllocated")]
    if pixel_bytes is None and (sizes[0] is not None or named["sop_class"] in FILMS):
        why = "The file is refused: it has no pixel data, it was cut short."
        raise InstanceRefusedError(why, failure=0xC000, **named)
    if pixel_bytes and all(sizes) and not one_line(header, "PhotometricInterpretation").startswith("YBR"):
        bits = math.prod(size or 0 for size in sizes)
        bits *= (_whole(header, "SamplesPerPixel") or 1) * (_whole(header, "NumberOfFrames") or 1)
        if pixel_bytes < bits // 8:
            raise InstanceRefusedError(
                f"The file is refused: its pixel data has {pixel_bytes} bytes, its header says {bits // 8}.",
                failure=0xC000,
                **named,
            )


def is_uid(value: str) -> bool:
    """Tell whether a text is a UID: digits and dots, at most 64."""
    return len(value) <= 64 and UID.fullmatch(value) is not None


def file_name(sop_uid: str) -> str:
    """Return the name an instance has on the disk: the SHA-256 of its UID, 64 hexadecimal digits."""
    return sha256(sop_uid.encode()).hexdigest()


def one_line(header: Dataset, keyword: str) -> str:
    """Return an attribute as one printable line, '' where absent: nothing of a header may end a line or a field."""
    value = tags.text(header, keyword)[:_TEXT_LENGTH]
    return "".join(letter for letter in value if letter.isprintable()).strip()


def _whole(header: Dataset, keyword: str) -> int | None:
    value = tags.integer(header, keyword)
    return value if value is not None and abs(value) < 2**31 else None


def _day(header: Dataset, keyword: str) -> str:
    digits = re.sub(r"[.\-/]", "", one_line(header, keyword))
    return digits if re.fullmatch(r"\d{8}", digits) else ""


def _clock(header: Dataset, keyword: str) -> str:
    digits = one_line(header, keyword).replace(":", "")
    return digits if re.fullmatch(r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?", digits) else ""


def patient_key(patient_id: str, issuer: str, study_uid: str) -> str:
    """Return the key of a patient; without an id, nobody can say that two studies are of one patient."""
    parts = ("id", issuer, patient_id) if patient_id else ("study", study_uid)
    return sha256("\x1f".join(parts).encode()).hexdigest()


def _patient(header: Dataset) -> dict[str, Any]:
    patient_id, issuer = one_line(header, "PatientID"), one_line(header, "IssuerOfPatientID")
    name = one_line(header, "PatientName")
    return {
        "key": patient_key(patient_id, issuer, one_line(header, "StudyInstanceUID")),
        **{"patient_id": patient_id, "issuer": issuer, "name": name, "name_folded": name.casefold()},
        **{"birth_date": _day(header, "PatientBirthDate"), "sex": one_line(header, "PatientSex")[:16]},
    }


def _study(header: Dataset) -> dict[str, Any]:
    return {
        **{"uid": one_line(header, "StudyInstanceUID"), "patient": _patient(header)["key"]},
        **{"date": _day(header, "StudyDate"), "time": _clock(header, "StudyTime")},
        **{"accession": one_line(header, "AccessionNumber"), "study_id": one_line(header, "StudyID")},
        **{"description": one_line(header, "StudyDescription")},
        **{"referring": one_line(header, "ReferringPhysicianName")},
    }


def _series(header: Dataset) -> dict[str, Any]:
    return {
        **{"uid": one_line(header, "SeriesInstanceUID"), "study": one_line(header, "StudyInstanceUID")},
        **{"modality": one_line(header, "Modality")[:16], "description": one_line(header, "SeriesDescription")},
        **{"body_part": one_line(header, "BodyPartExamined"), "laterality": one_line(header, "Laterality")},
        **{"date": _day(header, "SeriesDate"), "time": _clock(header, "SeriesTime")},
        "number": _whole(header, "SeriesNumber"),
    }


def _digest(path: Path, body: int, syntax: str) -> str:
    """Return the SHA-256 of the dataset and its syntax: senders write preamble and file meta each in their own way."""
    digest = sha256(syntax.encode())
    with path.open("rb") as stream:
        stream.seek(body)
        for block in iter(lambda: stream.read(2**20), b""):
            digest.update(block)
    return digest.hexdigest()


def add_rows(connection: Connection, entry: Entry, *, source: str, now: float) -> bool:
    """Insert the rows of one instance, counts included; tell whether the instance is new.

    Raises:
        InstanceRefusedError: if its study belongs to another patient, or its series to another study.
    """
    study, instance = entry.study["uid"], entry.instance
    known = connection.scalar(sa.select(db.studies.c.patient).where(db.studies.c.uid == study))
    if known not in (None, entry.patient["key"]):
        raise _misplaced(instance, "its study is here under another Patient ID")
    holder = connection.scalar(sa.select(db.series.c.study).where(db.series.c.uid == instance["series"]))
    if holder not in (None, study):
        raise _misplaced(instance, "its series is here in another study")
    db.insert_once(connection, db.patients, entry.patient)
    fresh = {"modalities": "", "series": 0, "instances": 0, "films": 0, "arrived": now, "changed": now}
    db.insert_once(connection, db.studies, {**entry.study, **fresh})
    new_series = db.insert_once(connection, db.series, {**entry.series, "instances": 0})
    if not db.insert_once(connection, db.instances, {**instance, "source": source[:256], "arrived": now}):
        return False
    first = {"state": "waiting" if instance["film"] else "unread", "reason": "", "revision": 0, "attempts": 0}
    blank = {"signature": "", "job": "", "summary": ""}
    if not db.insert_once(connection, db.readings, {"study": study, **first, **blank}) and instance["film"]:
        # A study of reports or captures alone is not read; its first film puts it in the queue.
        waiting = sa.update(db.readings).values(state="waiting")
        connection.execute(waiting.where(db.readings.c.study == study, _no_film_yet(study)))
    connection.execute(
        sa.update(db.series).where(db.series.c.uid == instance["series"]).values(instances=db.series.c.instances + 1)
    )
    counts: dict[str, Any] = {
        "instances": db.studies.c.instances + 1,
        "films": db.studies.c.films + int(instance["film"]),
        "changed": now,
    }
    if new_series:
        counts |= {"series": db.studies.c.series + 1, "modalities": modalities(connection, study)}
    connection.execute(sa.update(db.studies).where(db.studies.c.uid == study).values(**counts))
    return True


def _no_film_yet(study: str) -> Any:
    films = sa.select(db.studies.c.films).where(db.studies.c.uid == study).scalar_subquery()
    return sa.and_(films == 0, db.readings.c.state == "unread")


def modalities(connection: Connection, study: str) -> str:
    r"""Return the modalities of a study as the index keeps them, e.g. '\CR\SR\', so that each can be found."""
    found = connection.scalars(sa.select(db.series.c.modality).where(db.series.c.study == study).distinct())
    names = sorted({name for name in found if name})
    return "\\" + "\\".join(names) + "\\" if names else ""


def _misplaced(instance: dict[str, Any], why: str) -> InstanceRefusedError:
    return InstanceRefusedError(
        f"The file is refused: {why}. The first one stands; correct the file, or delete the study and send all again.",
        failure=0x0110,
        sop_class=instance["sop_class"],
        sop_uid=instance["uid"],
    )
