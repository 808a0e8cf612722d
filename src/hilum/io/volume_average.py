"""A CT too large for memory, read plane by plane and averaged in blocks: line integrals keep their value."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from math import prod
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import DecodeError, need
from hilum.io.volume import STRICT, Rules, nifti_grid

Factor = tuple[int, int, int]
_AIR_HU = -1000.0


def block_factor(shape: tuple[int, ...], spacing_mm: tuple[float, ...], voxels: int) -> Factor:
    """Return by how much each axis has to shrink for at most `voxels` voxels, finest axis first."""
    factor = [1, 1, 1]
    while prod(-(-size // by) for size, by in zip(shape, factor, strict=True)) > max(voxels, 1):
        steps = [spacing * by for spacing, by in zip(spacing_mm, factor, strict=True)]
        finest = min((axis for axis in range(3) if factor[axis] < shape[axis]), key=lambda axis: steps[axis])
        factor[finest] += 1
    return factor[0], factor[1], factor[2]


def averaged(planes: Iterable[NDArray[np.float32]], shape: tuple[int, int, int], factor: Factor) -> NDArray[np.float32]:
    """Average blocks of voxels while planes are read; what no matter has (below -1000 HU) counts as air.

    Args:
        planes: (H, W) values along the first axis, one at a time.
        shape: (D, H, W) of what the planes make up.
        factor: voxels of a block along each axis; what a last block lacks counts as air.

    Returns:
        float32 (ceil(D / d), ceil(H / h), ceil(W / w)).
    """
    deep, high, wide = factor
    out = np.zeros(tuple(-(-size // by) for size, by in zip(shape, factor, strict=True)), np.float32)
    rows, columns = np.arange(0, shape[1], high), np.arange(0, shape[2], wide)
    for index, plane in enumerate(planes):
        above_air = np.maximum(np.nan_to_num(plane, nan=_AIR_HU), _AIR_HU) - _AIR_HU
        out[index // deep] += np.add.reduceat(np.add.reduceat(above_air, rows, axis=0), columns, axis=1)
    out /= float(np.prod(factor))
    out += np.float32(_AIR_HU)
    return out


def block_affine(affine: NDArray[np.float64], factor: Factor) -> NDArray[np.float64]:
    """Return the affine of blocks: their centres lie between the voxels they average."""
    coarse = np.array(affine, np.float64)
    coarse[:3, 3] += affine[:3, :3] @ ((np.array(factor) - 1) / 2)
    coarse[:3, :3] = affine[:3, :3] * np.array(factor)
    return coarse


def nifti_planes(path: Path, *, rules: Rules = STRICT) -> Iterator[NDArray[np.float32]]:
    """Yield the planes (H, W) of a NIfTI file along its third axis, reading only one at a time.

    Raises:
        DecodeError: if the file ends early or holds colours.
    """
    try:
        import nibabel
    except ImportError:
        raise need("nibabel", "volume", "reading NIfTI") from None
    picture: Any = nibabel.load(path)
    _, shape = nifti_grid(picture, path.name, rules)
    proxy = picture.dataobj
    kind = np.dtype(proxy.dtype)
    if kind.fields:
        raise DecodeError(f"'{path.name}' holds colours, not one value per voxel")
    across, high, deep = shape[0], shape[1], shape[2]
    size = across * high * kind.itemsize
    with _opened(path) as stream:
        stream.seek(proxy.offset)
        for _ in range(deep):
            data = stream.read(size)
            if len(data) < size:
                raise DecodeError(f"'{path.name}' cannot be used: its voxels are truncated")
            stored = np.frombuffer(data, kind).reshape(high, across)
            own = Rules(rescale=(float(proxy.slope), float(proxy.inter)))
            yield (rules if rules.rescale else own).values(stored)


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path)) if packed else path.open("rb")
