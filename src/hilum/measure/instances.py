"""Masks as separate things: connected components of reference and answer, matched one to one by their Dice."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label
from scipy.optimize import linear_sum_assignment

from hilum.core.errors import InputError
from hilum.measure.masks import Region, both, inside

LEVEL = 0.2
"""Dice from which two instances match (ReXGroundingCT)."""
CONNECTIVITY = {2: 8, 3: 26}
"""Neighbours of a pixel that belong to the same instance, corners too, by number of axes."""
How = Literal["most", "greedy"]


class Matched(NamedTuple):
    """Instances that match, that were only said, and that were missed; and (reference, answer, Dice) of each match."""

    right: int
    invented: int
    missed: int
    pairs: tuple[tuple[int, int, float], ...] = ()


def components(region: Region) -> tuple[NDArray[np.int32], int]:
    """Return instance numbers from 1 (0 outside) and how many: 8-connected in a picture, 26-connected in a volume.

    Raises:
        InputError: if the mask is malformed.
    """
    pixels = inside(region)
    numbers, count = label(pixels, structure=np.ones((3,) * pixels.ndim))
    return numbers.astype(np.int32), int(count)


def dice_table(reference: Region, answer: Region) -> NDArray[np.float64]:
    """Return the Dice of every instance of the reference (R) with every one of the answer (A): (R, A).

    Raises:
        InputError: if a mask is malformed, or shapes differ.
    """
    true, said = both(reference, answer)
    (ours, rows), (theirs, columns) = components(true), components(said)
    joint = np.bincount(
        ours.ravel().astype(np.int64) * (columns + 1) + theirs.ravel(), minlength=(rows + 1) * (columns + 1)
    )
    joint = joint.reshape(rows + 1, columns + 1).astype(np.float64)
    sizes = joint.sum(axis=1)[1:, None] + joint.sum(axis=0)[None, 1:]
    return 2 * joint[1:, 1:] / np.where(sizes > 0, sizes, 1.0)


def match(reference: Region, answer: Region, *, level: float = LEVEL, how: How = "most") -> Matched:
    """Match the instances of two masks one to one.

    Args:
        reference, answer: masks of one shape.
        level: Dice from which two instances may match, in (0, 1].
        how: 'most' matches as many as can be and of those the best by summed Dice (Hungarian); 'greedy' takes the best
            Dice first.

    Raises:
        InputError: if a mask is malformed, shapes differ, or an option is out of its range.
    """
    if not 0 < level <= 1 or how not in ("most", "greedy"):
        raise InputError(f"level must lie in (0, 1] and how be 'most' or 'greedy', got {level} and '{how}'")
    table = dice_table(reference, answer)
    rows, columns = table.shape
    found = _greedy(table, level) if how == "greedy" else _most(table, level)
    pairs = tuple((row + 1, column + 1, float(table[row, column])) for row, column in found)
    return Matched(len(pairs), columns - len(pairs), rows - len(pairs), pairs)


def _most(table: NDArray[np.float64], level: float) -> list[tuple[int, int]]:
    worth = np.where(table >= level, min(table.shape, default=0) + table, 0.0)  # one more match outweighs any Dice
    return [(int(r), int(c)) for r, c in zip(*linear_sum_assignment(-worth), strict=True) if table[r, c] >= level]


def _greedy(table: NDArray[np.float64], level: float) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    rows, columns = set(), set()
    for place in np.argsort(-table, axis=None, kind="stable"):
        row, column = divmod(int(place), table.shape[1])
        if table[row, column] < level:
            break
        if row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            found.append((row, column))
    return sorted(found)
