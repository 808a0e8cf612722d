"""Boxes of grounded phrases: RadFact's spatial entailment, and the overlap that its precision does not see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hilum.core.errors import InputError

ENOUGH = 0.5
"""Share of a phrase's boxed area that must lie inside the boxes of its evidence."""
GRID = 224
"""Side of the mask on which RadFact counts pixels."""
Corners = tuple[float, float, float, float]


class Grounded(NamedTuple):
    """A phrase with its boxes (x0, y0, x1, y1), each in [0, 1] of the image; none where it is not on the film."""

    text: str
    boxes: tuple[Corners, ...] = ()


def checked(boxes: Sequence[Sequence[float]]) -> tuple[Corners, ...]:
    """Return boxes as tuples.

    Raises:
        InputError: if a box is not four numbers in [0, 1] with x0 < x1 and y0 < y1.
    """
    made = []
    for box in boxes:
        if len(box) != 4 or not all(0.0 <= side <= 1.0 for side in box) or box[0] >= box[2] or box[1] >= box[3]:
            raise InputError(f"a box must be x0 < x1, y0 < y1, each in [0, 1] of the image, got {tuple(box)}")
        made.append((float(box[0]), float(box[1]), float(box[2]), float(box[3])))
    return tuple(made)


def area(boxes: Sequence[Corners], within: Sequence[Corners] | None = None) -> float:
    """Return the area of a union of boxes, or of the part of it that lies in another union; exact, no grid."""
    all_boxes = [*boxes, *(within or ())]
    xs = sorted({side for box in all_boxes for side in (box[0], box[2])})
    ys = sorted({side for box in all_boxes for side in (box[1], box[3])})
    if len(xs) < 2 or len(ys) < 2:
        return 0.0
    middle_x, middle_y = ((np.array(s[1:]) + np.array(s[:-1])) / 2 for s in (xs, ys))
    held = _covered(boxes, middle_x, middle_y)
    if within is not None:
        held &= _covered(within, middle_x, middle_y)
    return float((held * np.diff(ys)[:, None] * np.diff(xs)[None, :]).sum())


def _covered(boxes: Sequence[Corners], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    held = np.zeros((len(y), len(x)), dtype=bool)
    for x0, y0, x1, y1 in boxes:
        held |= ((y > y0) & (y < y1))[:, None] & ((x > x0) & (x < x1))[None, :]
    return held


def on_grid(boxes: Sequence[Corners], *, size: int = GRID) -> np.ndarray:
    """Return the mask (size, size) of a union of boxes, as RadFact draws it."""
    held = np.zeros((size, size), dtype=bool)
    for x0, y0, x1, y1 in boxes:
        held[int(y0 * size) : int(y1 * size), int(x0 * size) : int(x1 * size)] = True
    return held


def share_inside(boxes: Sequence[Corners], evidence: Sequence[Corners], *, pixels: bool = False) -> float:
    """Return the share of a phrase's boxed area inside the boxes of its evidence; NaN where it has no area.

    Args:
        boxes, evidence: of the phrase, and of what bears it out.
        pixels: count pixels of RadFact's mask, in which a box thinner than one is lost; else areas are exact.
    """
    if pixels:
        mask = on_grid(boxes)
        return float((mask & on_grid(evidence)).sum() / mask.sum()) if mask.any() else float("nan")
    own = area(boxes)
    return area(boxes, evidence) / own if own > 0 else float("nan")


def overlap(boxes: Sequence[Corners], evidence: Sequence[Corners]) -> float:
    """Return intersection over union of two unions of boxes; NaN where both are empty."""
    shared, whole = area(boxes, evidence), area([*boxes, *evidence])
    return shared / whole if whole > 0 else float("nan")
