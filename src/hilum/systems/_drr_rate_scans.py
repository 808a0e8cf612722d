"""CTs to learn from: their films rendered once into a folder, and folds that keep patients together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.image import Volume
from hilum.core.seed import generator
from hilum.io.save import save_bytes
from hilum.systems._drr_rate_picture import as_png

Render = Callable[[Volume], NDArray[np.uint8]]


@dataclass(frozen=True)
class Scan:
    """One CT to learn from.

    Args:
        id: names its film.
        patient: folds keep patients together.
        target: for each label 1, 0, or NaN where nothing is said.
        volume: reads the CT in HU.
    """

    id: str
    patient: str
    target: tuple[float, ...]
    volume: Callable[[], Volume]


def cached_films(
    scans: Sequence[Scan], render: Render, cache: Path, *, say: Callable[[str], None] = lambda line: None
) -> list[Path]:
    """Render every scan once into a folder of PNG files and return their paths; what is there already is kept."""
    cache.mkdir(parents=True, exist_ok=True)
    paths = [cache / f"{scan.id}.png" for scan in scans]
    for number, (scan, path) in enumerate(zip(scans, paths, strict=True)):
        if not path.is_file():
            save_bytes(as_png(render(scan.volume())), path)
        if (number + 1) % 100 == 0:
            say(f"rendered {number + 1} of {len(scans)} CTs")
    return paths


def load(paths: Sequence[Path]) -> NDArray[np.uint8]:
    """Return films (N, S, S) uint8 of PNG files."""
    from PIL import Image as Picture

    films = []
    for path in paths:
        with Picture.open(path) as picture:
            films.append(np.asarray(picture.convert("L")))
    return np.stack(films)


def folds_of(scans: Sequence[Scan], count: int, *, seed: int) -> NDArray[np.intp]:
    """Return the fold (N,) of each scan; all scans of a patient share one."""
    patients, which = np.unique([scan.patient for scan in scans], return_inverse=True)
    if len(patients) < count:
        raise InputError(f"{count} folds need {count} patients or more, got {len(patients)}")
    return np.asarray(generator(seed, "drr-rate folds").permutation(len(patients))[which] % count, np.intp)
