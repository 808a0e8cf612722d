"""Made DICOM files for the archive's tests: as many patients, studies and films as a test asks for."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from tests.io import made

pytest.importorskip("sqlalchemy", reason="the archive needs hilum[serve]")

from hilum.app.serve.archive import Archive
from hilum.app.serve.database import Database, open_database
from hilum.app.serve.part10 import Bounds

ROOT = "1.2.826.0.1.3680043.10.999"


def study_uid(study: int) -> str:
    return f"{ROOT}.{study}"


def series_uid(study: int, series: int = 1) -> str:
    return f"{ROOT}.{study}.{series}"


def sop_uid(study: int, number: int = 1, series: int = 1) -> str:
    return f"{ROOT}.{study}.{series}.{number}"


def film(
    study: int = 1, number: int = 1, *, series: int = 1, shape: tuple[int, int] = (24, 32), **changes: Any
) -> pydicom.Dataset:
    """One small film of a study; its pixels depend on its numbers."""
    pixels = (made.ramp(*shape) + 16 * study + number).astype(np.uint16) & 0xFFF
    own: dict[str, Any] = {
        **{"SOPInstanceUID": sop_uid(study, number, series), "SeriesInstanceUID": series_uid(study, series)},
        **{"StudyInstanceUID": study_uid(study), "PatientID": f"P{study}", "InstanceNumber": number},
    }
    return made.film(pixels, **{**own, **changes})


def part10(ds: pydicom.Dataset, folder: Path, syntax: str = "1.2.840.10008.1.2.1") -> bytes:
    """The bytes of a dataset as a Part 10 file."""
    path = made.write(ds, folder / "made.dcm", syntax)
    data = path.read_bytes()
    path.unlink()
    return data


def film_bytes(folder: Path, study: int = 1, number: int = 1, **changes: Any) -> bytes:
    return part10(film(study, number, **changes), folder)


def reread(data: bytes) -> pydicom.Dataset:
    return pydicom.dcmread(BytesIO(data))


def database(folder: Path, url: str = "", **options: Any) -> Database:
    """The index in a folder's file, or wherever `url` says."""
    return open_database(url or f"sqlite:///{folder / 'index.db'}", **options)


def archive(folder: Path, url: str = "", **options: Any) -> Archive:
    return Archive(folder / "archive", database(folder, url), **{"spare_bytes": 0, **options})


__all__ = ["Archive", "Bounds", "Database"]
