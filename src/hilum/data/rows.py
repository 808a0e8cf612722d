"""What every table-and-pictures data set needs: rows of a CSV file with its columns checked, and films read on use."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import DecodeError, InputError, MissingError
from hilum.core.geometry import View
from hilum.core.image import Image


def find(root: str | Path, *patterns: str, what: str) -> Path:
    """Return the last file, by name, that matches the first pattern with any match.

    Args:
        root: folder of the data set.
        patterns: globs, best first.
        what: the data set as an error names it, e.g. 'the MIMIC-CXR-JPG folder'.

    Raises:
        MissingError: if nothing matches.
    """
    for pattern in patterns:
        found = sorted(path for path in Path(root).glob(pattern) if path.is_file())
        if found:
            return found[-1]
    raise MissingError(f"no {' or '.join(patterns)} in {root}: give {what}")


def rows(
    path: str | Path, columns: Sequence[str] = (), *, what: str = "", delimiter: str = ","
) -> Iterator[dict[str, str]]:
    """Yield the rows of a .csv or .csv.gz file as dictionaries, read as they are asked for.

    Args:
        path: the file.
        columns: names that must be among its header.
        what: the table as an error names it, e.g. "NIH's table of labels".
        delimiter: between cells.

    Raises:
        MissingError: if the file is not there.
        InputError: on use, if a column is missing, the file is no UTF-8 text, or a row has fewer cells than the header.
    """
    place = Path(path)
    if not place.is_file():
        raise MissingError(f"{place} is not there: it should be {what or 'a table'}")
    try:
        with gzip.open(place, "rb") if place.suffix == ".gz" else place.open("rb") as raw:
            reader = csv.DictReader(io.TextIOWrapper(raw, encoding="utf-8-sig", newline=""), delimiter=delimiter)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                got = ", ".join(reader.fieldnames or ()) or "nothing"
                raise InputError(f"{place.name} has no column '{missing[0]}': expected {what or 'it'}, got {got[:200]}")
            for row in reader:
                short = [name for name in columns if row[name] is None]
                if short:
                    raise InputError(f"{place.name} line {reader.line_num} is cut before '{short[0]}': copy it anew")
                yield row
    except (UnicodeDecodeError, csv.Error, gzip.BadGzipFile, EOFError, zlib.error) as fault:
        raise InputError(f"{place.name} cannot be read as a table: {fault}") from None


def film(path: str | Path, *, view: View = "unknown", id: str = "") -> Image:
    """Return an 8 or 16 bit grey picture as an Image of [0, 1] values that is decoded on first use.

    Args:
        path: PNG or JPEG file; it need not exist until the pixels are asked for.
        view: as the data set's table says.
        id: SOP Instance UID or the data set's own name of the film; the file's stem when not given.
    """
    place = Path(path)
    return Image(partial(_pixels, place), view=view, id=id or place.stem, source=str(place))  # type: ignore[arg-type]


def _pixels(path: Path) -> NDArray[np.float32]:
    from PIL import Image as Picture

    if not path.is_file():
        raise MissingError(f"the film {path} is not there: the table names it, so that part of the data set is missing")
    try:
        with Picture.open(path) as picture:
            deep = picture.mode.startswith("I;16") or picture.mode == "I"
            values = np.asarray(picture if deep else picture.convert("L"), dtype=np.float32)
    except (OSError, SyntaxError, ValueError) as fault:  # Pillow's words for a picture that is cut or no picture
        raise DecodeError(f"the film {path} cannot be read: {fault}; copy it anew") from None
    return np.asarray(values / np.float32(65535.0 if deep else 255.0))
