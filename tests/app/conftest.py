"""Films for the command's tests, made from the bundled one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import pydicom
import pytest

EXAMPLE = Path(str(files("hilum").joinpath("app/static/example-film.dcm")))


@dataclass(frozen=True)
class Ran:
    """What one command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def hilum(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run the command line in this process and return its exit code and output."""
    from hilum.app.cli import main

    def run(*arguments: str | Path) -> Ran:
        capsys.readouterr()
        try:
            main([str(argument) for argument in arguments])
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        shown = capsys.readouterr()
        return Ran(code, shown.out, shown.err)

    return run


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., Path]:
    """Write a copy of the example film with header fields changed."""

    def write(name: str, folder: Path | None = None, **fields: object) -> Path:
        ds = pydicom.dcmread(EXAMPLE)
        for keyword, value in fields.items():
            setattr(ds, keyword, value)
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        target = (folder or tmp_path) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        ds.save_as(target, enforce_file_format=True)
        return target

    return write
