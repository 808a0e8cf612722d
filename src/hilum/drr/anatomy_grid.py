"""Structures seen along the patient's own axes, whatever the order and direction of the array."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.geometry import voxel_spacing
from hilum.drr.axes import axis_order
from hilum.drr.field import Structures

V1_HEART = (
    "heart_myocardium", "heart_atrium_left", "heart_ventricle_left", "heart_atrium_right", "heart_ventricle_right",
)  # fmt: skip
"""TotalSegmentator 1 has no whole heart, only these."""


@dataclass(frozen=True)
class Grid:
    """Structure ids as (x, y, z): to the left, to the back, to the head; distances from voxel 0 in mm.

    Args:
        structures: with axes less than about 45 degrees from the patient's.
    """

    structures: Structures

    @cached_property
    def ids(self) -> NDArray[Any]:
        """(X, Y, Z) ids, a view."""
        return self.turned(self.structures.ids)

    @cached_property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel size to the left, to the back and to the head."""
        order, _ = axis_order(self.structures.affine)
        spacing = voxel_spacing(self.structures.affine)
        return spacing[order[0]], spacing[order[1]], spacing[order[2]]

    def turned(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return an array of the structures' grid as an (x, y, z) view."""
        order, signs = axis_order(self.structures.affine)
        return array.transpose(order)[tuple(slice(None, None, sign) for sign in signs)]

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Ids by name, of structures that at least one voxel carries."""
        present = set(self.structures.keep("present", self.structures.present))
        return {name: number for number, name in self.structures.names.items() if number in present}

    @cached_property
    def _boxes(self) -> list[Any]:
        from scipy import ndimage

        return list(ndimage.find_objects(self.ids))

    def box(self, name: str) -> tuple[slice, slice, slice]:
        """Return the (x, y, z) slices of a structure that is present."""
        found: tuple[slice, slice, slice] = self._boxes[self.numbers[name] - 1]
        return found

    def present(self, *names: str) -> list[str]:
        """Return those of some names that are there."""
        return [name for name in names if name in self.numbers]

    def heart(self) -> list[str]:
        """Return what makes up the heart: one structure, or five of TotalSegmentator 1."""
        return self.present("heart") or self.present(*V1_HEART)

    def around(self, names: Iterable[str], margin: int = 2) -> tuple[slice, slice, slice]:
        """Return the (x, y, z) slices that hold some present structures, and a margin of voxels."""
        boxes = [self.box(name) for name in names]
        return tuple(
            slice(max(min(box[a].start for box in boxes) - margin, 0),
                  min(max(box[a].stop for box in boxes) + margin, self.ids.shape[a]))
            for a in range(3)
        )  # type: ignore[return-value]  # fmt: skip

    def mask(self, names: Iterable[str], box: tuple[slice, slice, slice]) -> NDArray[np.bool_]:
        """Return where any of some present structures is, within a box."""
        wanted = np.zeros(max(self.numbers.values(), default=0) + 1, np.bool_)
        wanted[[self.numbers[name] for name in names]] = True
        found: NDArray[np.bool_] = wanted[self.ids[box]]
        return found

    def voxels(self, name: str) -> NDArray[np.int64]:
        """Return (N, 3) indices of a structure's voxels."""
        box = self.box(name)
        found = np.argwhere(self.ids[box] == self.numbers[name])
        at: NDArray[np.int64] = found + np.array([part.start for part in box])
        return at

    def height(self, names: Iterable[str], share: float = 0.5) -> float | None:
        """Return the z index below which this share of the voxels of some structures lies; None if none is there."""
        found = [self.voxels(name)[:, 2] for name in self.present(*names)]
        return float(np.quantile(np.concatenate(found), share)) if found else None
