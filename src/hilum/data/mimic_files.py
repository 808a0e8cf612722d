"""Where MIMIC-CXR keeps its films and reports, and how its tables write views and times."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path

from hilum.core.errors import InputError
from hilum.core.geometry import View
from hilum.core.image import Image
from hilum.core.report import Report
from hilum.data.reports import sectioned
from hilum.data.rows import film

PLACE = re.compile(r"p\d\d/(?P<patient>p\d{8})/(?P<study>s\d{8})(?:/(?P<film>[^/.]+))?")
"""Patient, study and film in a path of MIMIC-CXR."""
_VIEWS: Mapping[str, View] = {
    "PA": "PA", "AP": "AP", "LATERAL": "LL", "LL": "LL", "RL": "RL", "LAO": "LAO", "RAO": "RAO",
    "AP LLD": "LLD", "PA LLD": "LLD", "AP RLD": "RLD", "PA RLD": "RLD",
}  # fmt: skip
_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)(?:\.0*)?")
_CLOCK = re.compile(r"(\d\d)(\d\d)(\d\d)")
_ARCHIVE = "mimic-cxr-reports.zip"
_LARGEST = 1 << 20  # bytes of one report


def view_of(stated: str) -> View:
    """Return the view of a ViewPosition cell; 'unknown' for a blank, 'AP AXIAL', 'XTABLE LATERAL' and the like."""
    return _VIEWS.get(stated.strip().upper(), "unknown")


def when(date: str, time: str, where: str) -> datetime | None:
    """Return the moment that StudyDate and StudyTime name, None where there is no date.

    Args:
        date: '21800506'.
        time: '213014.531'; a number may have lost its leading zeros: '902.0' is 00:09:02.
        where: the row, as an error names it.

    Raises:
        InputError: if they are no date and time.
    """
    if not date.strip():
        return None
    day = _DATE.fullmatch(date.strip())
    whole, _, fraction = time.strip().partition(".")
    clock = _CLOCK.fullmatch(whole.zfill(6))
    try:
        if day and clock and (fraction or "0").isdecimal():
            parts = (*day.groups(), *clock.groups(), (fraction + "000000")[:6])
            return datetime(*(int(part) for part in parts))  # type: ignore[arg-type]
    except ValueError:
        pass
    raise InputError(f"{where}: StudyDate '{date}' and StudyTime '{time}' are no date (20240131) and time (235959.0)")


def folder_of(root: str | Path, patient: str) -> Path:
    """Return the folder of a patient, root/files/p10/p10000032."""
    return Path(root) / "files" / patient[:3] / patient


def film_at(folder: str | Path, dicom: str, *, view: View = "unknown", suffix: str = ".jpg") -> Image:
    """Return a film of a study's folder, .jpg, .png or .dcm, its pixels read on use.

    Args:
        folder: of the study.
        dicom: the film's id, the stem of its file.
        view: as a table says; of a DICOM file its own is kept where the table knows none.
        suffix: of the file that is missed when the pixels of a film are asked for that is not there.
    """
    for kind in (".jpg", ".png"):
        path = Path(folder) / f"{dicom}{kind}"
        if path.is_file():
            return film(path, view=view, id=dicom)
    return dicom_at(Path(folder) / f"{dicom}.dcm", dicom, view) or film(
        Path(folder) / f"{dicom}{suffix}", view=view, id=dicom
    )


def dicom_at(path: Path, name: str, view: View) -> Image | None:
    """Return a DICOM film under another id, None where the file is not there; a view of 'unknown' leaves its own."""
    if not path.is_file():
        return None
    from hilum.io.dicom import read_image

    made = read_image(path, lazy=True).with_id(name)
    return made if view == "unknown" else made.with_view(view)


class Reports:
    """The text files of reports below a folder, or in mimic-cxr-reports.zip, read one at a time.

    Args:
        place: folder that holds files/, mimic-cxr-reports/files/ or mimic-cxr-reports.zip; or that archive itself.
    """

    def __init__(self, place: str | Path) -> None:
        self.place = Path(place)

    @cached_property
    def _archive(self) -> zipfile.ZipFile | None:
        path = self.place if self.place.suffix == ".zip" else self.place / _ARCHIVE
        try:
            return zipfile.ZipFile(path) if path.is_file() else None
        except zipfile.BadZipFile:
            raise InputError(f"{path.name} is no whole ZIP archive: copy it anew") from None

    @cached_property
    def _members(self) -> Mapping[str, zipfile.ZipInfo]:
        if self._archive is None:
            return {}
        return {Path(member.filename).name: member for member in self._archive.infolist()}

    def of(self, patient: str, study: str) -> Report | None:
        """Return the report of a study, None where there is no file.

        Raises:
            InputError: if the file is longer than any report, or the archive is damaged.
        """
        name = f"{study}.txt"
        for base in (self.place, self.place / "mimic-cxr-reports"):
            path = folder_of(base, patient) / name
            if path.is_file():
                return _report(path.read_bytes()[: _LARGEST + 1], name)
        member = self._members.get(name)
        if member is None or self._archive is None:
            return None
        try:
            with self._archive.open(member) as stream:
                return _report(stream.read(_LARGEST + 1), name)
        except (zipfile.BadZipFile, EOFError, OSError) as fault:
            raise InputError(f"{name} cannot be read from {_ARCHIVE}: {fault}; copy the archive anew") from None


def _report(content: bytes, name: str) -> Report:
    return sectioned(content.decode("utf-8", errors="replace"), name=name)
