"""Films and layers as the bytes that the page asks for."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np

from hilum.app.view.case import Case
from hilum.core.errors import MissingError
from hilum.core.image import Image
from hilum.core.region import Mask
from hilum.io.png import png_bytes

SMALL = 256
"""Pixels along the longer side of a thumbnail."""


def film_of(case: Case, film_id: str) -> Image:
    """Return a film of a case.

    Raises:
        MissingError: if it has none of that id.
    """
    film = case.film(film_id)
    if film is None:
        raise MissingError(f"the study has no film '{film_id[:80]}'")
    return film


def write_dicom(case: Case, film: Image, path: Path) -> Path:
    """Write a film as the DICOM file that would be kept with its reading."""
    from hilum.io.film import film_file
    from hilum.io.save import save_bytes

    keep, known = case.keep_identifiers, case.magnifications.get(film.id)
    return save_bytes(film_file(film, case.study, keep_identifiers=keep, magnification=known), path)


def thumbnail(film: Image) -> bytes:
    """Return a film as it is shown, as a PNG of at most `SMALL` pixels a side."""
    path = Path(film.source) if film.source else None
    if path is not None and path.is_file() and not film.loaded:
        return _of_file(film.id, str(path), path.stat().st_mtime_ns, film)
    return _small(film)


@lru_cache(maxsize=512)
def _cached(key: tuple[str, str, int]) -> list[bytes]:
    return []


def _of_file(film_id: str, path: str, stamp: int, film: Image) -> bytes:
    """A thumbnail by its file, made once."""
    held = _cached((film_id, path, stamp))
    if not held:
        held.append(_small(film))
    return held[0]


def _small(film: Image) -> bytes:
    from PIL import Image as Picture

    picture = Picture.fromarray(np.rint(film.display() * 255).astype(np.uint8))
    picture.thumbnail((SMALL, SMALL), Picture.Resampling.BOX, reducing_gap=2.0)
    made = BytesIO()
    picture.save(made, "PNG")
    return made.getvalue()


def layer(what: Mask | Image) -> bytes:
    """Return a mask as a PNG of 0 and 255, or a film as the grey values it shows."""
    grey = (
        what.pixels.astype(np.uint8) * 255 if isinstance(what, Mask) else np.rint(what.display() * 255).astype(np.uint8)
    )
    return png_bytes(grey)
