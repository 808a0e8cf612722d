"""From a box to words: which lung, and which third of it, given a lung mask on an upright frontal film."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.region import Box

Bools = NDArray[np.bool_]
ZONES = ("upper", "mid", "lower")
"""Thirds of a lung's own height in the mask, top to bottom."""

HEART_CONCEPTS = frozenset({"cardiomegaly", "pericardial effusion", "dextrocardia"})
"""Concepts whose box is the heart, wherever the lung mask lies."""

_SPECK = 0.02  # components below this share of the mask are noise
_VALLEY = 0.3  # two lungs: the columns between them are this much emptier than the fuller columns of either
_ON_LUNG = 0.15  # share of a box that must lie on a lung before that lung is named
_IN_ZONE = 0.15  # share of a box's lung pixels that must lie in a third before it is named
_ROWS = 256  # a mask with twice as many rows or columns is thinned first
_MIDLINE = 0.02  # a lone lung centred closer to the midline than this share of the width has no side


def _image_right_is_left(orientation: tuple[str, str] | None) -> bool:
    """Whether image right is the patient's left; ('L', 'F') is assumed where the orientation is unknown."""
    if orientation is None:
        return True
    row, column = orientation
    if row[:1] not in ("L", "R") or column[:1] != "F":
        raise InputError(
            f"zones need an upright frontal film, orientation ('L', 'F') or ('R', 'F'), got {orientation}: "
            "turn the film upright, or leave lateral views out"
        )
    return row[:1] == "L"


def _runs(row: Bools) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(row.astype(np.int8), prepend=0, append=0))
    return [(int(start), int(stop)) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def components(mask: Bools, *, smallest: float = 1) -> list[Bools]:
    """Return the 4-connected components of a mask, largest first.

    Args:
        mask: bool (H, W).
        smallest: pixels a component has at least; smaller ones are left out before any mask is made of them.

    Returns:
        Masks of shape (H, W); disjoint, their union is the mask but for what was left out.
    """
    parent: list[int] = []
    found: list[tuple[int, int, int]] = []  # row, start, stop of each run; its index is its first label

    def root(label: int) -> int:
        while parent[label] != label:
            parent[label] = parent[parent[label]]
            label = parent[label]
        return label

    above: list[int] = []
    for y in range(mask.shape[0]):
        here = []
        for start, stop in _runs(mask[y]):
            label = len(parent)
            parent.append(label)
            found.append((y, start, stop))
            here.append(label)
            for other in above:
                if found[other][1] < stop and start < found[other][2]:
                    parent[root(other)] = root(label)
        above = here
    sizes: dict[int, int] = {}
    for label, (_, start, stop) in enumerate(found):
        sizes[root(label)] = sizes.get(root(label), 0) + stop - start
    parts: dict[int, Bools] = {}
    for label, (y, start, stop) in enumerate(found):
        key = root(label)
        if sizes[key] < smallest:
            continue
        if key not in parts:
            parts[key] = np.zeros(mask.shape, np.bool_)
        parts[key][y, start:stop] = True
    return sorted(parts.values(), key=lambda part: -int(part.sum()))


def _split_column(columns: NDArray[np.float64]) -> float | None:
    """Column edge that parts two lungs, or None where the column counts (W,) show one lung only."""
    before, after = np.maximum.accumulate(columns), np.maximum.accumulate(columns[::-1])[::-1]
    lower_peak = np.minimum(before, after)
    depth = lower_peak - columns
    best = float(depth.max())
    deepest = np.flatnonzero(depth >= best - 1e-9)
    middle = float(deepest[0] + deepest[-1] + 1) / 2
    if best <= 0 or best < _VALLEY * float(lower_peak[deepest[0]]):
        return None
    return middle


def sides(mask: Bools, orientation: tuple[str, str] | None = None) -> dict[str, Bools]:
    """Return each lung of a lung mask under its name, 'right lung' or 'left lung'.

    The mask is parted where its columns are emptiest, so that lungs that touch are told apart; a separate
    component that lies on one side goes there whole. A lone lung is named by the half of the image it lies in.

    Args:
        mask: bool (H, W), both lungs, on an upright frontal film.
        orientation: directions of a row and of a column; ('L', 'F'), the patient's left on image right, where None.

    Returns:
        The lungs that were found: two, one, or none (an empty mask, or a lone lung on the midline).

    Raises:
        InputError: if the mask is not 2-D or the film is not upright and frontal.
    """
    pixels = np.asarray(mask, dtype=np.bool_)
    if pixels.ndim != 2:
        raise InputError(f"a lung mask must be (H, W), got shape {pixels.shape}")
    on_left, on_right = (
        ("right lung", "left lung") if _image_right_is_left(orientation) else ("left lung", "right lung")
    )
    parts = components(pixels, smallest=max(1.0, _SPECK * float(pixels.sum())))
    if not parts:
        return {}
    kept: Bools = np.logical_or.reduce(parts)
    centres = np.arange(pixels.shape[1]) + 0.5
    split = _split_column(kept.sum(axis=0).astype(np.float64))
    if split is None:
        offset = float((kept.sum(axis=0) * centres).sum() / kept.sum()) / pixels.shape[1] - 0.5
        return {} if abs(offset) < _MIDLINE else {on_left if offset < 0 else on_right: kept}
    halves = {on_left: np.zeros_like(kept), on_right: np.zeros_like(kept)}
    for part in parts:
        share = float(part[:, centres < split].sum() / part.sum())
        if share > 0.9 or share < 0.1:
            halves[on_left if share > 0.9 else on_right] |= part
        else:
            halves[on_left] |= part & (centres < split)
            halves[on_right] |= part & (centres > split)
    return {name: halves[name] for name in ("right lung", "left lung") if halves[name].any()}


def _box_pixels(box: Box, shape: tuple[int, int]) -> Bools:
    """Pixels whose centre lies in the box, at least the one under its middle."""
    rows, columns = np.arange(shape[0]) + 0.5, np.arange(shape[1]) + 0.5
    inside: Bools = ((rows >= box.y0) & (rows < box.y1))[:, None] & ((columns >= box.x0) & (columns < box.x1))[None]
    x, y = (int(np.floor(value)) for value in box.center)
    if not inside.any() and 0 <= y < shape[0] and 0 <= x < shape[1]:
        inside[y, x] = True
    return inside


def _thirds(lung: Bools, inside: Bools) -> frozenset[str]:
    """Names of the thirds of a lung that hold a fair share of the pixels `inside`."""
    rows = np.flatnonzero(lung.any(axis=1))
    edges = rows[0] + (rows[-1] + 1 - rows[0]) * np.arange(1, 3) / 3
    zone = np.searchsorted(edges, np.arange(lung.shape[0]) + 0.5, side="right")
    counts = np.bincount(zone, weights=(lung & inside).sum(axis=1), minlength=3)
    return frozenset(name for name, count in zip(ZONES, counts, strict=True) if count >= _IN_ZONE * counts.sum() > 0)


def _coarse(boxes: tuple[Box, ...], mask: Bools) -> tuple[tuple[Box, ...], Bools]:
    """Thin a large mask, and scale boxes with it: thirds of a lung need no more than a few hundred rows."""
    step = max(1, max(np.shape(mask)) // _ROWS)
    thin = tuple(replace(b, x0=b.x0 / step, y0=b.y0 / step, x1=b.x1 / step, y1=b.y1 / step) for b in boxes)
    return thin, mask[::step, ::step]


def _found(boxes: Iterable[Box], mask: Bools, orientation: tuple[str, str] | None) -> dict[str, frozenset[str]]:
    """Side -> thirds reached by any of the boxes."""
    lungs = sides(mask, orientation)
    reached: dict[str, frozenset[str]] = {}
    for box in boxes:
        inside = _box_pixels(box, np.asarray(mask).shape)
        for name, lung in lungs.items():
            if (lung & inside).sum() >= _ON_LUNG * max(1, int(inside.sum())):
                side = name.split()[0]
                reached[side] = reached.get(side, frozenset()) | _thirds(lung, inside)
    return reached


def zones_of(
    boxes: Iterable[Box], mask: Bools, orientation: tuple[str, str] | None = None, *, concept: str = ""
) -> tuple[str, ...]:
    """Return the sites that boxes lie in, as names of the vocabulary.

    Args:
        boxes: in pixels of the mask.
        mask: bool (H, W), both lungs, on an upright frontal film.
        orientation: directions of a row and of a column; ('L', 'F') where None.
        concept: what the boxes show; a heart concept gives 'cardiac silhouette'.

    Returns:
        E.g. ('right lower lung zone',), ('left lung',) for all thirds, ('bilateral lower lung zones',) where
        both sides agree; () where no box lies on a lung.

    Raises:
        InputError: if the mask is not 2-D or the film is not upright and frontal.
    """
    boxes, mask = _coarse(tuple(boxes), mask)
    if concept.casefold() in HEART_CONCEPTS:
        return ("cardiac silhouette",) if boxes else ()
    reached = _found(boxes, mask, orientation)
    right, left = reached.get("right", frozenset()), reached.get("left", frozenset())
    if len(right) == len(left) == 3:
        return ("bilateral lungs",)
    both = right & left if 3 not in (len(right), len(left)) else frozenset()
    named = [f"bilateral {zone} lung zones" for zone in ZONES if zone in both]
    for side, thirds in (("right", right), ("left", left)):
        if len(thirds) == 3:
            named.append(f"{side} lung")
        else:
            named += [f"{side} {zone} lung zone" for zone in ZONES if zone in thirds - both]
    return tuple(named)


def zone_of(box: Box, mask: Bools, orientation: tuple[str, str] | None = None, *, concept: str = "") -> tuple[str, ...]:
    """Return the sites one box lies in; see `zones_of`."""
    return zones_of((box,), mask, orientation, concept=concept)
