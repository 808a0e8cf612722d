"""The wheel's structures, loaded once; tests that need them skip with a reason where the wheel is missing."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from hilum.core.errors import MissingError
from hilum.core.image import Volume
from hilum.data.chest_ct import chest_ct, chest_structures
from hilum.drr.field import Field, Structures


@cache
def structures() -> Structures:
    try:
        return chest_structures()
    except MissingError as error:
        pytest.skip(f"the example CT is not installed: {error}")


@cache
def ct() -> Volume:
    structures()
    return chest_ct()


def mask_field(found: Structures, number: int) -> Field:
    """One structure as a field of ones, cut to its box and one voxel more (outside, a field is 0 as the mask is)."""
    box = [np.flatnonzero((found.ids == number).any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    low = [max(int(part[0]) - 1, 0) for part in box]
    cut = tuple(slice(start, int(part[-1]) + 2) for start, part in zip(low, box, strict=True))
    affine = found.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ low
    return Field((found.ids[cut] == number).astype(np.float32), affine)


def number_of(found: Structures, name: str) -> int:
    return next(i for i, known in found.names.items() if known == name)
