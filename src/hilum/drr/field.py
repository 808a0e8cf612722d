"""What rays run through: a scalar on a voxel grid (attenuation, density), and named structures on the same grid."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.equality import ArrayRecord, read_only
from hilum.core.errors import InputError
from hilum.core.geometry import check_affine, voxel_spacing


@dataclass(frozen=True, eq=False)
class Field(ArrayRecord):
    """A scalar on a grid, 0 outside it: `scale * values`, with the affine from index to patient mm (LPS).

    Args:
        values: (A, B, C) float32, or uint16 codes, which halve the memory a ray has to read.
        affine: (4, 4) index of a voxel centre to mm.
        scale: what one unit of `values` is worth, e.g. 1/mm of attenuation.

    Raises:
        InputError: if the values are not a 3-D array of float32 or uint16, or the affine is not invertible.
    """

    values: NDArray[Any]
    affine: NDArray[np.float64]
    scale: float = 1.0
    kept: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        values = np.asarray(self.values)
        if values.ndim != 3 or 0 in values.shape or values.dtype not in (np.float32, np.uint16):
            raise InputError(
                f"a field needs float32 or uint16 values of shape (A, B, C), got {values.dtype} {values.shape}"
            )
        object.__setattr__(self, "values", read_only(values))
        object.__setattr__(self, "affine", read_only(check_affine(self.affine)))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along each array axis."""
        return self.values.shape

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Size of a voxel along each array axis."""
        return voxel_spacing(self.affine)

    def float32(self) -> NDArray[np.float32]:
        """Return the values in their unit, (A, B, C)."""
        scaled: NDArray[np.float32] = self.values.astype(np.float32) * np.float32(self.scale)
        return scaled

    def keep(self, key: object, make: Callable[[], Any]) -> Any:
        """Return what `make` made under this key before, or make and keep it: a kernel's own layout of the values."""
        if key not in self.kept:
            self.kept[key] = make()
        return self.kept[key]


@dataclass(frozen=True, eq=False)
class Structures(ArrayRecord):
    """Named structures on a grid: one id per voxel, 0 for none.

    Args:
        ids: (A, B, C) uint8 or uint16.
        affine: (4, 4) index of a voxel centre to patient mm (LPS).
        names: id to name, e.g. {51: 'heart'}; TotalSegmentator's names where they come from it.

    Raises:
        InputError: if the ids are not a 3-D array of uint8 or uint16.
    """

    ids: NDArray[Any]
    affine: NDArray[np.float64]
    names: Mapping[int, str]
    kept: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        ids = np.asarray(self.ids)
        if ids.ndim != 3 or 0 in ids.shape or ids.dtype not in (np.uint8, np.uint16):
            raise InputError(f"structures need uint8 or uint16 ids of shape (A, B, C), got {ids.dtype} {ids.shape}")
        object.__setattr__(self, "ids", read_only(ids))
        object.__setattr__(self, "affine", read_only(check_affine(self.affine)))

    def present(self) -> tuple[int, ...]:
        """Return the ids that at least one voxel carries, in order."""
        flat, size = self.ids.ravel(order="K"), int(self.ids.max()) + 1
        found = np.zeros(size, np.int64)
        for start in range(0, flat.size, 2**20):  # in pieces, as counting first makes 8-byte integers
            found += np.bincount(flat[start : start + 2**20], minlength=size)
        return tuple(int(i) for i in np.flatnonzero(found) if i)

    def wanted(self, names: Iterable[str]) -> tuple[int, ...]:
        """Return the ids of structures by name; a name also stands for all that start with it ('rib', 'lung').

        Raises:
            InputError: if nothing has that name.
        """
        found: list[int] = []
        for name in names:
            exact = [i for i, known in self.names.items() if known == name]
            matching = exact or [i for i, known in self.names.items() if known.startswith(name.rstrip("s"))]
            if not matching:
                raise InputError(f"no structure is named '{name}'; there are: {', '.join(self.names.values())}")
            found += [i for i in matching if i not in found]
        return tuple(found)

    def keep(self, key: object, make: Callable[[], Any]) -> Any:
        """Return what `make` made under this key before, or make and keep it."""
        if key not in self.kept:
            self.kept[key] = make()
        return self.kept[key]
