"""Boxes of anatomical sites on an upright frontal film, from its lung mask and a small atlas.

Source: the atlas method of Chest ImaGenome (Wu et al., NeurIPS Datasets and Benchmarks 2021) in our own form; where
each region's corners come from stands in tables/atlas.json, which scripts/make_atlas.py writes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.region import Box
from hilum.core.zones import sides

Bools = NDArray[np.bool_]
Corners = tuple[float, float, float, float]
_TABLE = Path(__file__).parent / "tables" / "atlas.json"
_SMALLEST_SHARE = 0.02  # of the image; a chest film shows more lung than this
_ASPECT = (0.5, 2.2)  # width over height of the box around both lungs
_BALANCE = 0.12  # the smaller lung has at least this share of both
_SOLID = 0.25  # share of its own box that a lung fills at least
_CUT = 0.5  # share of the lung field's width along the top or bottom edge of the image: the film is cropped
_LEAST = 1.0  # pixels a box measures at least


@dataclass(frozen=True)
class Region:
    """One region of the atlas.

    Args:
        name: as in the label set 'imagenome-29'.
        frame: 'right lung' or 'left lung', the box around that lung; 'midline', as wide and as high as the box around
            both, with 0.5 half-way between the lungs' inner edges.
        tight: whether the box is drawn in to the lung pixels inside it.
        corners: (x0, y0, x1, y1), 0 to 1 from the frame's image-left top to its right bottom, the patient's right
            on image left.
        spread: standard deviation of each corner over what it was measured on, in the same unit; 0 for a definition.
        source: where the corners come from.
    """

    name: str
    frame: str
    tight: bool
    corners: Corners
    spread: Corners
    source: str


@cache
def regions() -> tuple[Region, ...]:
    """Return the atlas: one region per boxed site."""
    loaded = json.loads(_TABLE.read_text(encoding="utf-8"))
    return tuple(
        Region(name, row["frame"], row["tight"], tuple(row["corners"]), tuple(row["spread"]), row["source"])
        for name, row in loaded["regions"].items()
    )


def boxes(mask: Bools, orientation: tuple[str, str] | None = None) -> dict[str, Box]:
    """Return a box per site of Chest ImaGenome.

    Args:
        mask: bool (H, W), both lungs, on an upright frontal film.
        orientation: directions of a row and of a column; ('L', 'F'), the patient's left on image right, where None.

    Returns:
        Site -> Box in pixels of the mask, inside the image. A site that lies outside the film has no box. A box says
        where the site is, not that anything is wrong there.

    Raises:
        InputError: if the film is not upright and frontal, or the mask does not show two plausible lungs.
    """
    pixels = np.asarray(mask, dtype=np.bool_)
    lungs = sides(pixels, orientation)
    _check(pixels, lungs)
    mirrored = orientation is not None and orientation[0][:1] == "R"
    height, width = pixels.shape
    if mirrored:
        lungs = {name: lung[:, ::-1] for name, lung in lungs.items()}
    known = frames(lungs["right lung"], lungs["left lung"])
    made = {}
    for region in regions():
        lung = lungs.get(region.frame)
        corners = _placed(region.corners, known[region.frame])
        if region.tight and lung is not None:
            corners = _drawn_in(corners, lung)
        x0, x1 = np.clip((corners[0], corners[2]), 0, width)
        y0, y1 = np.clip((corners[1], corners[3]), 0, height)
        if x1 - x0 >= _LEAST and y1 - y0 >= _LEAST:
            left, right = (width - x1, width - x0) if mirrored else (x0, x1)
            made[region.name] = Box(float(left), float(y0), float(right), float(y1))
    return made


def frames(right: Bools, left: Bools) -> dict[str, Corners]:
    """Return the frames that the atlas measures in.

    Args:
        right, left: bool (H, W), each lung; the patient's right on image left. Neither may be empty.

    Returns:
        'right lung', 'left lung' and 'midline' -> (x0, y0, x1, y1) in pixels.
    """
    x0, y0, x1, y1 = _extent(right | left)
    middle = (_inner_edge(right) + right.shape[1] - _inner_edge(left[:, ::-1])) / 2
    half = (x1 - x0) / 2
    return {"right lung": _extent(right), "left lung": _extent(left), "midline": (middle - half, y0, middle + half, y1)}


def _inner_edge(lung: Bools) -> float:
    """Median image-right edge of a lung over the middle half of its rows."""
    rows = np.flatnonzero(lung.any(axis=1))
    inner = lung[rows[len(rows) // 4 : len(rows) - len(rows) // 4]]
    return float(np.median(lung.shape[1] - np.argmax(inner[:, ::-1], axis=1)))


def _check(mask: Bools, lungs: dict[str, Bools]) -> None:
    """Raise an InputError that says why the mask cannot be used, if it cannot."""
    if not mask.any():
        raise InputError("no boxes: the lung mask is empty; two lungs on an upright frontal film are expected")
    if len(lungs) < 2:
        seen = next(iter(lungs), "no lung whose side can be told")
        raise InputError(f"no boxes: the mask shows {seen} only; two lungs are expected")
    both = lungs["right lung"] | lungs["left lung"]
    x0, y0, x1, y1 = _extent(both)
    width, height = x1 - x0, y1 - y0
    share, areas = float(both.mean()), sorted(int(lung.sum()) for lung in lungs.values())
    faults = (
        (share < _SMALLEST_SHARE, f"the lungs cover {share:.1%} of the image, at least {_SMALLEST_SHARE:.0%}"),
        (not _ASPECT[0] <= width / height <= _ASPECT[1],
         f"the lung field is {width:.0f} x {height:.0f} pixels, a width of {_ASPECT[0]} to {_ASPECT[1]} heights"),
        (areas[0] < _BALANCE * sum(areas),
         f"one lung holds {areas[0] / sum(areas):.0%} of the lung area, at least {_BALANCE:.0%}"),
        (min(map(_fill, lungs.values())) < _SOLID,
         f"a lung fills {min(map(_fill, lungs.values())):.0%} of its own box, at least {_SOLID:.0%}"),
        (max(both[0].sum(), both[-1].sum()) > _CUT * width,
         "the lungs run into the image's top or bottom edge, a film that shows them whole"),
    )  # fmt: skip
    for wrong, sentence in faults:
        if wrong:
            raise InputError(f"no boxes: {sentence} is expected; check the lung mask")


def _fill(lung: Bools) -> float:
    x0, y0, x1, y1 = _extent(lung)
    return float(lung.sum()) / ((x1 - x0) * (y1 - y0))


def _extent(mask: Bools) -> Corners:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def _placed(corners: Corners, frame: Corners) -> Corners:
    """Corners of a frame (0 to 1) in pixels."""
    width, height = frame[2] - frame[0], frame[3] - frame[1]
    return (
        frame[0] + corners[0] * width, frame[1] + corners[1] * height,
        frame[0] + corners[2] * width, frame[1] + corners[3] * height,
    )  # fmt: skip


def _drawn_in(corners: Corners, lung: Bools) -> Corners:
    """The columns that hold lung between two rows, inside the corners; the corners where none does."""
    columns = slice(max(0, int(np.floor(corners[0]))), int(np.ceil(corners[2])))
    inside = lung[max(0, int(np.floor(corners[1]))) : int(np.ceil(corners[3])), columns]
    held = np.flatnonzero(inside.any(axis=0))
    if not held.size:
        return corners
    x0, x1 = columns.start + float(held[0]), columns.start + float(held[-1] + 1)
    return (max(corners[0], x0), corners[1], min(corners[2], x1), corners[3])
