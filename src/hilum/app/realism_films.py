"""Films for the realism page: real ones of a pack and virtual ones of a cohort, at one size, with what is known."""

from __future__ import annotations

import io
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError, MissingError
from hilum.core.record import from_json
from hilum.core.seed import generator
from hilum.data.pack import mask, pixels, rows
from hilum.data.virtual import manifest
from hilum.io.shards import samples
from hilum.measure.pictures import shrunk

SOURCES = ("nih512", "hannover", "covid_cc")
"""Of the pack: whole frontal films, not squashed, of adults for the most part."""
FRONTAL_KINDS = ("pa", "ap")
Picture = NDArray[np.float32]
Masks = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Shadow:
    """One frontal film.

    Args:
        pixels: float32 (H, W) in [0, 1], bone bright.
        patient: whose.
        name: file or study.
        view: 'PA' or 'AP'.
        lungs, heart: masks (H, W), drawn by people on real films and by rays on virtual ones; None where there is none.
        shot: stored shot of a virtual film, b'' where the cohort was drawn without --maps.
        pose: of a virtual patient, as its record holds it.
    """

    pixels: Picture
    patient: str
    name: str
    view: str
    lungs: Masks | None = None
    heart: Masks | None = None
    shot: bytes = b""
    pose: dict[str, Any] = field(default_factory=dict)


def real_films(root: Path, *, size: int, most: int, masked: bool = False, seed: int = 0) -> list[Shadow]:
    """Return frontal films of a pack, one of each patient, in an order drawn anew.

    Args:
        root: folder of the pack.
        size: pixels along the longer side, as the cohort's.
        most: films.
        masked: only films whose lungs people outlined.
        seed: of the order.

    Raises:
        MissingError: if the pack holds no such film.
    """
    listed = [row for row in rows(root, SOURCES) if row.view.startswith(("PA", "AP")) and (row.mask or not masked)]
    found: dict[str, Shadow] = {}
    for place in generator(seed, "realism-real").permutation(len(listed)):
        row = listed[int(place)]
        if len(found) == most:
            break
        if row.patient not in found:
            drawn, film = mask(root, row), pixels(root, row)
            lungs = None if drawn is None or drawn.shape != film.shape else _sized(drawn, size) > 0.5
            found[row.patient] = Shadow(np.clip(_sized(film, size), 0, 1), row.patient, row.file, row.view[:2], lungs)
    if not found:
        raise MissingError(f"'{root}' lists no frontal film of {', '.join(SOURCES)}: give the folder of the pack")
    return list(found.values())


def _sized(film: NDArray[Any], size: int) -> Picture:
    """A film with a longer side of `size`; one that is smaller is enlarged."""
    ratio = size / max(film.shape)
    height, width = (max(1, round(side * ratio)) for side in film.shape)
    return shrunk(film.astype(np.float64), height, width)


def cohort_films(root: Path, *, most: int) -> dict[str, list[Shadow]]:
    """Return the frontal films of a cohort by anatomy family, at most so many of each, in the cohort's order.

    Raises:
        MissingError: if the folder holds no finished cohort, or the cohort no frontal film.
    """
    found: dict[str, list[Shadow]] = defaultdict(list)
    for family, shadow in _shadows(root):
        if len(found[family]) < most:
            found[family].append(shadow)
    if not found:
        raise MissingError(f"the cohort in '{root}' holds no frontal film: draw it with views PA or AP")
    return dict(sorted(found.items()))


def _shadows(root: Path) -> Iterator[tuple[str, Shadow]]:
    kinds = ["json", *(f"{view}.{kind}" for view in FRONTAL_KINDS for kind in ("png", "shot.npz"))]
    for shard in manifest(root)["shards"]:
        for key, files in samples(root / shard["name"], kinds):
            view = next((view for view in FRONTAL_KINDS if f"{view}.png" in files), "")
            if not view:
                continue
            try:
                told = json.loads(files["json"])
                truth, masks = told["truth"], {each.label: each for each in map(from_json, told["anatomy"][view])}
            except (KeyError, ValueError, AttributeError):
                raise InputError(
                    f"the record of '{key}' in '{shard['name']}' is damaged: draw the cohort again"
                ) from None
            lungs, heart = (masks[name].pixels if name in masks else None for name in ("lungs", "heart"))
            yield truth["family"], Shadow(
                _png(files[f"{view}.png"]), truth["patient"], key, view.upper(), lungs, heart,
                files.get(f"{view}.shot.npz", b""), truth["pose"],
            )  # fmt: skip


def _png(data: bytes) -> Picture:
    from PIL import Image as Film

    with Film.open(io.BytesIO(data), formats=("PNG",)) as film:
        deep = film.mode.startswith("I;16") or film.mode == "I"
        return np.asarray(film, np.float32) / np.float32(65535.0 if deep else 255.0)


def chosen(films: Sequence[Shadow], count: int, *, seed: int = 0) -> list[Shadow]:
    """Return films drawn without replacement, as many as there are where they are fewer."""
    return [films[int(k)] for k in generator(seed, "realism-sheet").permutation(len(films))[:count]]


def sheet(films: Sequence[Shadow], *, columns: int = 6, side: int = 224) -> NDArray[np.uint8]:
    """Return films on one sheet, row by row, each letterboxed into a square of `side` pixels on grey.

    Raises:
        InputError: if there are none.
    """
    if not films:
        raise InputError("there are no films to put on a sheet")
    high = -(-len(films) // columns)
    found = np.full((high * side, columns * side), 60, np.uint8)
    for number, each in enumerate(films):
        small = np.rint(np.clip(_sized(each.pixels, side - 4), 0, 1) * 255).astype(np.uint8)
        top = number // columns * side + (side - small.shape[0]) // 2
        left = number % columns * side + (side - small.shape[1]) // 2
        found[top : top + small.shape[0], left : left + small.shape[1]] = small
    return found
