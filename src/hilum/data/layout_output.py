"""What every layout is written with: films as JPEG or PNG, tables that appear whole, and what was left out."""

from __future__ import annotations

import csv
import gzip
import io
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.cohort import Cohort
from hilum.core.image import Image
from hilum.core.region import Box
from hilum.core.study import Study
from hilum.io.save import save_bytes, save_text
from hilum.text.graph_schema import Graph

_QUALITY = 95  # of MIMIC-CXR-JPG's films
_OFFICIAL: Mapping[str, str] = {"val": "valid", "validate": "valid", "validation": "valid", "dev": "valid"}


@dataclass(frozen=True)
class Extras:
    """What a layout holds and a Study has no field for, given by whoever knows it.

    Args:
        person: study -> {'sex': 'Female' or 'Male', 'age': '68'}; CheXpert's columns stay 'Unknown' and blank without.
        graph: study -> exact report graph for RadGraph; without it the report is read by rules.
        sites: (study, film) -> site -> Box in pixels of the film, the anatomical boxes of ImaGenome.
        films: write the pictures; False writes tables and texts only.
    """

    person: Callable[[Study], Mapping[str, str]] | None = None
    graph: Callable[[Study], Graph | None] | None = None
    sites: Callable[[Study, Image], Mapping[str, Box]] | None = None
    films: bool = True


@dataclass
class Written:
    """What was written where: how many studies and films, and (study, reason) of what the layout could not hold."""

    folder: Path
    studies: int = 0
    films: int = 0
    left_out: list[tuple[str, str]] = field(default_factory=list)


class Table:
    """A CSV file, plain or .gz, that appears under its name when it is whole; the same rows give the same bytes.

    Args:
        path: where to; `.gz` is compressed.
        header: its columns; () for a bare list.
    """

    def __init__(self, path: str | Path, header: Sequence[str]) -> None:
        self.path, self.header = Path(path), tuple(header)
        self._part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")

    def __enter__(self) -> Table:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        raw = self._part.open("wb")
        packed = gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if self.path.suffix == ".gz" else raw
        self._raw, self._stream = raw, io.TextIOWrapper(packed, encoding="utf-8", newline="")
        self._writer = csv.writer(self._stream, lineterminator="\n")
        if self.header:
            self._writer.writerow(self.header)
        return self

    def add(self, *cells: str | int) -> None:
        """Write one row."""
        self._writer.writerow(cells)

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
        self._raw.close()
        if kind is None:
            os.replace(self._part, self.path)
        with suppress(OSError):
            self._part.unlink(missing_ok=True)


def grey(film: Image) -> NDArray[np.uint8]:
    """Return what a viewer shows of a film, 8 bit (H, W); pixels that are not in memory are not kept there."""
    shown: NDArray[np.uint8] = np.rint(_opened(film).display() * 255.0).astype(np.uint8)
    return shown


def size_of(film: Image) -> tuple[int, int]:
    """Return (rows, columns) of a film."""
    shape = _opened(film).pixels.shape
    return (shape[0], shape[1])


def _opened(film: Image) -> Image:
    """The film where its pixels are loaded, which may have cost much; else one that is dropped after use."""
    return film if film.loaded else film.fresh()


def save_film(film: Image, path: str | Path) -> tuple[int, int]:
    """Write a film as JPEG of quality 95 or as PNG, by its suffix, and return (rows, columns)."""
    from PIL import Image as Picture

    pixels, buffer = grey(film), io.BytesIO()
    options: dict[str, Any] = {"quality": _QUALITY} if Path(path).suffix == ".jpg" else {}
    Picture.fromarray(pixels).save(buffer, "JPEG" if options else "PNG", **options)
    save_bytes(buffer.getvalue(), path)
    return (pixels.shape[0], pixels.shape[1])


def split_of(cohort: Cohort, study: Study) -> str:
    """Return 'train', 'valid', 'test' or the cohort's own word for the split of a study; 'train' where it has none."""
    if not cohort.splits:
        return "train"
    own = cohort.split_of(study.patient or study.id)
    return _OFFICIAL.get(own, own)


def note(cohort: Cohort, layout: str, done: Written, more: str = "") -> None:
    """Write README.txt: whose data these are, in whose layout, and what was left out."""
    lines = [
        f"The cohort '{cohort.name}' in the layout of {layout}, written by Hilum. It is not {layout}: numbers of",
        "patients and studies are made, and ids.csv says which is which.",
        f"Licence: {cohort.licence or 'not stated'}",
        f"Cite: {cohort.citation or 'not stated'}",
        f"Studies: {done.studies}. Films: {done.films}. Left out: {len(done.left_out)} (left_out.csv).",
        *([more] if more else []),
    ]
    save_text("\n".join(lines) + "\n", done.folder / "README.txt")
    with Table(done.folder / "left_out.csv", ("study", "reason")) as table:
        for study, reason in done.left_out:
            table.add(study, reason)
