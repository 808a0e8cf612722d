"""Films for tests with peers: the kept example under new names, which the shipped model reads in a second or two."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest

from tests.app.serve.conftest import cluster, postgres

__all__ = ["cluster", "postgres"]

EXAMPLE = Path(__file__).parents[2] / "src" / "hilum" / "app" / "static" / "example-film.dcm"
ROOT = "1.2.826.0.1.3680043.10.998"
MakeFilm = Callable[..., Path]


def study_uid(study: int) -> str:
    """Study Instance UID of the films with that number."""
    return f"{ROOT}.{study}"


def example(folder: Path, study: int, number: int = 1, *, syntax: str = "", **changes: Any) -> Path:
    """Write one film of a study of its own; `syntax` decompresses it first."""
    ds = pydicom.dcmread(EXAMPLE)
    if syntax:
        ds.decompress()
        ds.file_meta.TransferSyntaxUID = syntax
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study_uid(study), f"{study_uid(study)}.1"
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{study_uid(study)}.1.{number}"
    ds.PatientID, ds.PatientName, ds.InstanceNumber = f"PEER-{study}", f"Example^Number{study}", number
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    path = folder / f"film-{study}-{number}.dcm"
    ds.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def make_film(tmp_path: Path) -> MakeFilm:
    """Write films to the test's own folder."""
    folder = tmp_path / "films"
    folder.mkdir()

    def make(study: int, number: int = 1, **changes: Any) -> Path:
        return example(folder, study, number, **changes)

    return make
