"""All structures of a CT seen by one exposure: the path length of every ray through each, in one pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError, TooLargeError
from hilum.core.geometry import voxel_spacing
from hilum.drr.field import Field, Structures
from hilum.drr.geometry import Geometry, Pencil
from hilum.drr.render import Model

if TYPE_CHECKING:
    from hilum.drr.structures_layout import Layout

_LIMIT = 8 * 2**30
SMALL = 300 * 300  # pixels; below, an oblique detector is gathered: as fast there as the plane, and more exact


def path_lengths(
    structures: Structures,
    geometry: Geometry,
    ids: Sequence[int] | None = None,
    *,
    field: Field | None = None,
    model: Model = "trilinear",
) -> NDArray[np.float32]:
    """Measure how far every ray runs through each structure, all structures in one pass.

    Args:
        structures: named structures on a grid.
        geometry: source and detector; the grid is taken to lie between them.
        ids: which structures, in the order of the result; None takes all that are present, in order of id.
        field: on the same grid; the result is then the line integral of this field inside each structure alone.
        model: 'trilinear' takes a structure as a mask that fades over one voxel, as `line_integrals` takes a
            volume; 'siddon' takes it as whole voxels, and gives exact path lengths that add up over structures.

    Returns:
        float32 (S, rows, columns) in mm, or the field's unit times mm. It is 0 where a ray misses the structure.

    Raises:
        InputError: if the field lies on another grid, an id is asked for twice, or the model is not known.
        TooLargeError: if the result would not fit in 8 GiB.

    Source: Joseph, IEEE Trans Med Imaging 1982;1:192; Siddon, Med Phys 1985;12:252.
    """
    wanted = _checked(structures, geometry, ids, field)
    out = np.zeros((len(wanted), *geometry.shape), np.float32)
    if not wanted:
        return out
    if model == "siddon":
        _route(structures, geometry, wanted, field, 0 if field is None else 1, out)
    elif model == "trilinear":
        _trilinear(structures, geometry, wanted, field, out)
    else:
        raise InputError(f"the projection model '{model}' is not known: use trilinear or siddon")
    if field is not None and field.scale != 1:
        out *= np.float32(field.scale)
    return out


def maxima(
    structures: Structures, geometry: Geometry, field: Field, ids: Sequence[int] | None = None, *, outside: float = 0.0
) -> NDArray[np.float32]:
    """Return the largest value of a field that each ray meets inside each structure (MIP), in one pass.

    Args:
        structures: named structures on a grid.
        geometry: source and detector.
        field: on the same grid.
        ids: which structures; None takes all that are present.
        outside: what a ray that misses the structure gets.

    Returns:
        float32 (S, rows, columns) in the field's unit: the maximum over the voxels a ray passes through.

    Raises:
        InputError: if the field lies on another grid, or an id is asked for twice.
        TooLargeError: if the result would not fit in 8 GiB.
    """
    wanted = _checked(structures, geometry, ids, field)
    out = np.full((len(wanted), *geometry.shape), np.float32(outside / field.scale), np.float32)
    if wanted:
        _route(structures, geometry, wanted, field, 2, out)
    out *= np.float32(field.scale)
    return out


def _checked(
    structures: Structures, geometry: Geometry, ids: Sequence[int] | None, field: Field | None
) -> tuple[int, ...]:
    wanted = tuple(structures.keep("present", structures.present) if ids is None else (int(i) for i in ids))
    if len(set(wanted)) != len(wanted):
        raise InputError(f"each structure can be asked for once, got {list(wanted)}")
    last = int(np.iinfo(structures.ids.dtype).max)
    if wanted and not 0 < min(wanted) <= max(wanted) <= last:
        raise InputError(f"structure ids lie between 1 and {last}, got {min(wanted)} to {max(wanted)}")
    if field is not None and (
        field.shape != structures.ids.shape or not np.allclose(field.affine, structures.affine, atol=1e-4)
    ):
        raise InputError(
            f"the field, {field.shape} voxels, lies on another grid than the structures, {structures.ids.shape}: "
            "resample one onto the other"
        )
    size = 4 * len(wanted) * geometry.shape[0] * geometry.shape[1]
    if size > _LIMIT:
        raise TooLargeError(
            f"{len(wanted)} structures on {geometry.shape[0]} x {geometry.shape[1]} pixels take "
            f"{size / 2**30:.1f} GiB, over the limit of {_LIMIT // 2**30}: ask for fewer structures at a time, "
            "or a smaller detector"
        )
    return wanted


def footprints(structures: Structures, geometry: Geometry, ids: Sequence[int]) -> NDArray[np.int64]:
    """Return (S, 4) first and stop row and column of a rectangle that holds all each structure may cast a shadow on.

    It is the rectangle around the shadow of the structure's box, one voxel wider, and empty (0, 0, 0, 0) where that
    misses the detector or no voxel has the id.

    Args:
        structures: named structures on a grid.
        geometry: source and detector; the grid is taken to lie between them.
        ids: which structures.
    """
    from scipy import ndimage

    boxes = structures.keep("boxes", lambda: ndimage.find_objects(structures.ids))
    found = np.zeros((len(ids), 4), np.int64)
    for place, number in zip(found, ids, strict=True):
        box = boxes[number - 1] if number <= len(boxes) else None
        if box is not None:
            ends = [(part.start - 1, part.stop) for part in box]
            corners = np.array([(i, j, k) for i in ends[0] for j in ends[1] for k in ends[2]], np.float64)
            at = geometry.shadow(corners @ structures.affine[:3, :3].T + structures.affine[:3, 3])
            low, high = np.floor(at.min(axis=0)), np.ceil(at.max(axis=0)) + 1
            if (high > 0).all() and (low < geometry.shape).all():
                place[0::2], place[1::2] = np.maximum(low, 0), np.minimum(high, geometry.shape)
    return found


def ray_steps(geometry: Geometry) -> NDArray[np.float64]:
    """Return the (3, 3) ray to pixel (0, 0) in mm, and what a row and a column further add to it."""
    if geometry.parallel:
        return np.stack([geometry.normal * geometry.source_detector_mm, np.zeros(3), np.zeros(3)])
    return np.stack([geometry.corner - geometry.source, geometry.column_step, geometry.row_step])


def _route(
    structures: Structures, geometry: Geometry, ids: tuple[int, ...], field: Field | None, mode: int,
    out: NDArray[np.float32],
) -> None:  # fmt: skip
    from hilum.drr import structures_siddon

    lookup = np.full(int(np.iinfo(structures.ids.dtype).max) + 1, -1, np.int64)
    lookup[list(ids)] = np.arange(len(ids))
    spacing = voxel_spacing(structures.affine)
    values = np.zeros((1, 1, 1), np.float32)
    if field is not None:
        values = field.keep("slices apart", lambda: _slices_apart(field.values, spacing))
    structures_siddon.route(
        structures.keep("slices apart", lambda: _slices_apart(structures.ids, spacing)), lookup, values,
        structures.keep("box", lambda: _box(structures)), np.stack(geometry.pencil(structures.affine)),
        ray_steps(geometry), mode, out,
    )  # fmt: skip


def _slices_apart(array: NDArray[Any], spacing_mm: tuple[float, float, float]) -> NDArray[Any]:
    """Return an array with the thickest axis slowest in memory, as neighbouring rays stay in a slice; no copy if so."""
    order = sorted(range(3), key=lambda axis: (-spacing_mm[axis], -axis))
    return np.ascontiguousarray(array.transpose(order)).transpose(np.argsort(order))


def _box(structures: Structures) -> NDArray[np.int64]:
    """Return the (3, 2) first and last voxel of anything at all."""
    box = np.zeros((3, 2), np.int64)
    for axis in range(3):
        found = np.flatnonzero(structures.ids.any(axis=tuple(other for other in range(3) if other != axis)))
        box[axis] = (found[0], found[-1]) if found.size else (0, -1)
    return box


def _trilinear(
    structures: Structures, geometry: Geometry, ids: tuple[int, ...], field: Field | None, out: NDArray[np.float32]
) -> None:
    from hilum.drr import structures_kernels as kernels
    from hilum.drr.structures_layout import layout, with_field

    pencil, mm = geometry.pencil(structures.affine), ray_steps(geometry)

    def packed(axes: tuple[int, int, int]) -> Layout:
        found = layout(structures, ids, axes)
        return found if field is None else with_field(found, structures, field)

    axes = _standing(pencil, geometry.shape)
    if axes is not None:
        found = packed(axes)
        tasks = _tasks(found, geometry.shape)
        kernels.separable(found[2:], axes, np.stack(pencil), mm, tasks, out, np.empty((len(tasks), 4), np.int64))
        return
    for axis in _axes_used(pencil, geometry.shape):
        _oblique(structures, geometry, axis, packed, out)


def _oblique(
    structures: Structures,
    geometry: Geometry,
    axis: int,
    packed: Callable[[tuple[int, int, int]], Layout],
    out: NDArray[np.float32],
) -> None:
    """Fill in the rays that cross one axis fastest, by way of a plane across that axis."""
    from hilum.drr import structures_gather
    from hilum.drr import structures_kernels as kernels
    from hilum.drr import structures_oblique as oblique

    pencil = geometry.pencil(structures.affine)
    box = structures.keep("box", lambda: _box(structures))
    spacing = voxel_spacing(structures.affine)
    v, u = sorted((other for other in range(3) if other != axis), key=lambda other: -spacing[other])
    plane = oblique.plane_for(np.stack(pencil), box, (axis, v, u), geometry.shape, geometry.parallel)
    if plane is None:
        return
    found = packed(plane.axes)
    parts = (pencil.way, pencil.start_row, pencil.start_column) if geometry.parallel else pencil[3:]
    inverse = np.linalg.inv(np.stack(parts, axis=1))
    if geometry.shape[0] * geometry.shape[1] <= SMALL:
        structures_gather.gathered(
            found[2:], plane.axes, np.stack(pencil), ray_steps(geometry), inverse, geometry.parallel,
            _tasks(found, geometry.shape), plane.used, out,
        )  # fmt: skip
        return
    flat = np.zeros((len(out), *plane.shape), np.float32)
    tasks = _tasks(found, plane.shape)
    extents = np.empty((len(tasks), 4), np.int64)
    mm = ray_steps(geometry) if geometry.parallel else plane.pencil[3:] @ structures.affine[:3, :3].T
    kernels.separable(found[2:], plane.axes, plane.pencil, mm, tasks, flat, extents)
    written = np.zeros((len(out), 4), np.int64)
    written[:, 0::2] = np.iinfo(np.int64).max
    np.minimum.at(written[:, 0::2], tasks[:, 0], extents[:, 0::2])
    np.maximum.at(written[:, 1::2], tasks[:, 0], extents[:, 1::2])
    windows = oblique.windows(plane, written, inverse, geometry.parallel, pencil.start)
    reading = deal([
        ((bottom - top) * (right - left), s, r, min(r + 32, bottom), left, right)
        for s, (top, bottom, left, right) in enumerate(windows.tolist())
        for r in range(top, bottom, 32)
    ])  # fmt: skip
    if len(reading):
        oblique.read_plane(flat, np.stack(pencil), plane.axes, plane.place, oblique.PITCH, plane.used, reading, out)


def _corner_ways(pencil: Pencil, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return (4, 3) the absolute ways of the corner rays."""
    rows, columns = shape[0] - 1, shape[1] - 1
    return np.stack([pencil.way + r * pencil.way_row + c * pencil.way_column for r in (0, rows) for c in (0, columns)])


def _axes_used(pencil: Pencil, shape: tuple[int, int]) -> list[int]:
    """Return the axes along which at least one ray may be fastest; the extremes of linear ways lie at corners."""
    ways = _corner_ways(pencil, shape)
    most = np.abs(ways).max(axis=0)
    least = np.where((ways > 0).all(axis=0) | (ways < 0).all(axis=0), np.abs(ways).min(axis=0), 0.0)
    return [axis for axis in range(3) if all(most[axis] >= least[other] for other in range(3))]


def _standing(pencil: Pencil, shape: tuple[int, int]) -> tuple[int, int, int] | None:
    """Return (b, v, u) if the beam runs along b, a column step along u and a row step along v, for all rays."""
    axes = _axes_used(pencil, shape)
    if len(axes) != 1:
        return None
    size = np.abs(np.stack(pencil)[[1, 2, 4, 5]] * np.array([shape[0], shape[1]] * 2)[:, None])
    row, column = np.maximum(size[0], size[2]), np.maximum(size[1], size[3])
    (b,), tiny = axes, 1e-6
    u, v = int(np.argmax(column)), int(np.argmax(row))
    if {b, u, v} != {0, 1, 2} or max(row[b], row[u], column[b], column[v]) > tiny:
        return None
    return b, v, u


def _tasks(packed: Layout, shape: tuple[int, int]) -> NDArray[np.int64]:
    """Share the work out in bands of rows, so that a large structure does not hold up the others."""
    import numba

    weight = np.diff(np.append(packed.slabs[:, 5], len(packed.values)))
    cost = np.add.reduceat(np.append(weight, 0), packed.slab_of[:-1]) * (np.diff(packed.slab_of) > 0)
    parts = np.clip(np.ceil(cost * 4 * numba.get_num_threads() / max(cost.sum(), 1)), 1, shape[0]).astype(int)
    return deal([
        (cost[s] / count, s, shape[0] * n // count, shape[0] * (n + 1) // count)
        for s, count in enumerate(parts) if cost[s]
        for n in range(count)
    ])  # fmt: skip


def deal(tasks: list[tuple[Any, ...]]) -> NDArray[np.int64]:
    """Order (cost, ...) tasks so that each thread's share, one block of them, is of like cost; costs are dropped."""
    import numba

    if not tasks:
        return np.zeros((0, 3), np.int64)
    tasks = sorted(tasks, key=lambda task: (-task[0], *task[1:]))
    threads = numba.get_num_threads()
    dealt = [task[1:] for thread in range(threads) for task in tasks[thread::threads]]
    return np.array(dealt, np.int64)
