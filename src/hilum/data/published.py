"""What published data sets share beside tables: files by name, DICOM films, masks and JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError, MissingError
from hilum.core.finding import Finding
from hilum.core.geometry import View
from hilum.core.image import Image, MadeBy
from hilum.core.region import Mask
from hilum.core.report import Report, Sentence

YES_NO = ("yes", "no")


def by_stem(root: str | Path, *patterns: str) -> dict[str, Path]:
    """Return the files under a root that match any pattern, by name without suffix; of two with one name the first."""
    found: dict[str, Path] = {}
    for pattern in patterns:
        for path in sorted(Path(root).glob(pattern)):
            if path.is_file():
                found.setdefault(path.stem, path)
    return found


def dicom_film(path: str | Path | None, *, id: str, view: View | None = None) -> Image:
    """Return a DICOM film under the data set's own id, decoded on use.

    Args:
        path: the file, or None where the folder holds none of that name.
        id: as the data set's tables call it; boxes name it.
        view: stands where the header says nothing.

    Returns:
        The film; without a file, one that raises MissingError when its pixels are asked for.

    Raises:
        DecodeError, RefusedError, TooLargeError: if the file is there and no film.
    """
    if path is None or not Path(path).is_file():
        return Image(partial(_absent, path, id), view=view or "unknown", id=id, source=str(path or ""))  # type: ignore[arg-type]
    from hilum.io.dicom import read_image

    film = read_image(path, lazy=True).with_id(id)
    return film.with_view(view) if view and film.view == "unknown" else film


def _absent(path: str | Path | None, name: str) -> NDArray[np.float32]:
    where = f"the film {path}" if path else f"a file for the film '{name}'"
    raise MissingError(f"{where} is not there: the table names it, so that part of the data set is missing")


def picture_mask(path: str | Path, *, image: str, label: str, scale: int = 1) -> Mask:
    """Return a mask drawn as a picture: True where it is over half of its brightest grey.

    Args:
        path: PNG or GIF.
        image, label: of the film it lies on, and what it shows.
        scale: film pixels per mask pixel; nearest neighbour.

    Raises:
        InputError: if the file is no picture.
    """
    from PIL import Image as Picture

    try:
        with Picture.open(path) as picture:
            grey = np.asarray(picture.convert("L") if picture.mode in ("P", "RGB", "RGBA") else picture, np.float32)
    except OSError as fault:
        raise InputError(f"the mask {path} cannot be read: {fault}; copy it anew") from None
    inside = grey > grey.max(initial=1.0) / 2
    return Mask(np.kron(inside, np.ones((scale, scale), bool)) if scale > 1 else inside, image=image, label=label)


def read_json(path: str | Path, kind: type[list[Any]] | type[dict[Any, Any]], *, what: str) -> Any:
    """Return what a JSON file holds.

    Args:
        path: the file, read whole.
        kind: list or dict, as it should be.
        what: the file as an error names it.

    Raises:
        MissingError: if it is not there.
        InputError: if it is cut, not JSON, or of another kind.
    """
    place = Path(path)
    if not place.is_file():
        raise MissingError(f"{place} is not there: it should be {what}")
    try:
        loaded = json.loads(place.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as fault:
        raise InputError(f"{place.name} is not whole JSON: {fault}; copy it anew") from None
    if not isinstance(loaded, kind):
        raise InputError(f"{place.name} holds a {type(loaded).__name__}: expected {what}, a {kind.__name__}")
    return loaded


def field(row: Any, name: str, kind: type | tuple[type, ...], *, where: str) -> Any:
    """Return one field of a JSON object.

    Raises:
        InputError: if the object has no such field, or one of another kind.
    """
    if not isinstance(row, dict) or not isinstance(row.get(name), kind):
        got = type(row.get(name)).__name__ if isinstance(row, dict) and name in row else "nothing"
        names = " or ".join(each.__name__ for each in (kind if isinstance(kind, tuple) else (kind,)))
        raise InputError(f"{where} needs '{name}', a {names}; got {got}")
    return row[name]


def read_negative(concept: str, reader: MadeBy) -> tuple[Finding, ...]:
    """Return the two findings of a film that was read as normal: nothing found, and the sought finding absent."""
    return (Finding("no finding", made_by=reader, id="normal"), Finding(concept, "absent", made_by=reader, id=concept))


def report_of(sentences: Sequence[tuple[str, tuple[str, ...]]], **facts: Any) -> Report:
    """Return a report whose findings section is these sentences, one a line, with their spans and finding ids.

    Args:
        sentences: (text, ids of the findings it states).
        facts: further fields of Report.
    """
    spans, start = [], 0
    for text, ids in sentences:
        spans.append(Sentence("findings", start, start + len(text), ids))
        start += len(text) + 1
    return Report(findings="\n".join(text for text, _ in sentences), sentences=tuple(spans), **facts)


def choices_of(answer: str) -> tuple[str, ...]:
    """Return ('yes', 'no') for a yes or no answer, else nothing: an open question has no choices."""
    return YES_NO if answer.strip().lower() in YES_NO else ()
