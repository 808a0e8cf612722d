"""Structures packed for rays: for every structure and slab its own small window, and the runs of voxels in it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hilum.drr.compiled import jit, prange
from hilum.drr.field import Field, Structures

GAP = 6  # voxels: a run goes on over a shorter gap, as starting a new one costs more than the zeros between


class Layout(NamedTuple):
    """All structures along one slab axis; axes are (slab, row, run) for short b, v, u.

    Attributes:
        ids: (S,) structure ids, in order.
        axes: array axes taken as (b, v, u).
        slab_of: (S + 1,) where the slabs of each structure start in `slabs`.
        slabs: (N, 7) int64: b, first and last v, first and last u of the window (padding by one included), where
            its voxels start in `values`, and where its runs start in `runs`.
        runs: (M, 3) int64: v, first u, u after the last; not padded.
        values: 1 inside the structure, or a field's values; row by row of each window.
    """

    ids: NDArray[np.int64]
    axes: tuple[int, int, int]
    slab_of: NDArray[np.int64]
    slabs: NDArray[np.int64]
    runs: NDArray[np.int64]
    values: NDArray[Any]


@jit(parallel=True)
def _boxes(order: Any, lookup: Any, boxes: Any) -> None:
    """Write the first and last v and u of each structure in each slab: boxes (B, S, 4)."""
    for b in prange(order.shape[0]):
        for v in range(order.shape[1]):
            for u in range(order.shape[2]):
                found = order[b, v, u]
                if found:
                    s = lookup[found]
                    if s >= 0:
                        box = boxes[b, s]
                        box[0], box[1] = min(box[0], v), max(box[1], v)
                        box[2], box[3] = min(box[2], u), max(box[3], u)


@jit()
def _runs_of_row(row: Any, wanted: int, first: int, last: int, gap: int, v: int, out: Any, at: int) -> int:
    """Append the runs of one id in one row to `out` from `at` on (counting only, if `out` has no rows)."""
    start, end = -1, -1
    for u in range(first, last + 1):
        if row[u] == wanted:
            if start >= 0 and u - end > gap:
                if len(out):
                    out[at, 0], out[at, 1], out[at, 2] = v, start, end + 1
                at += 1
                start = -1
            if start < 0:
                start = u
            end = u
    if start >= 0:
        if len(out):
            out[at, 0], out[at, 1], out[at, 2] = v, start, end + 1
        at += 1
    return at


@jit(parallel=True)
def _count(order: Any, ids: Any, slabs: Any, owner: Any, gap: int, counts: Any) -> None:
    nothing = np.empty((0, 3), np.int64)
    for n in prange(len(slabs)):
        b, at = slabs[n, 0], 0
        for v in range(slabs[n, 1] + 1, slabs[n, 2]):
            at = _runs_of_row(order[b, v], ids[owner[n]], slabs[n, 3] + 1, slabs[n, 4] - 1, gap, v, nothing, at)
        counts[n] = at


@jit(parallel=True)
def _fill(order: Any, ids: Any, slabs: Any, owner: Any, gap: int, runs: Any, values: Any) -> None:
    for n in prange(len(slabs)):
        b, at, wanted = slabs[n, 0], slabs[n, 6], ids[owner[n]]
        width = slabs[n, 4] - slabs[n, 3] + 1
        for v in range(slabs[n, 1] + 1, slabs[n, 2]):
            at = _runs_of_row(order[b, v], wanted, slabs[n, 3] + 1, slabs[n, 4] - 1, gap, v, runs, at)
            place = slabs[n, 5] + (v - slabs[n, 1]) * width - slabs[n, 3]
            for u in range(slabs[n, 3] + 1, slabs[n, 4]):
                values[place + u] = 1 if order[b, v, u] == wanted else 0


@jit(parallel=True)
def _fill_field(field: Any, slabs: Any, mask: Any, values: Any) -> None:
    for n in prange(len(slabs)):
        b, width = slabs[n, 0], slabs[n, 4] - slabs[n, 3] + 1
        for v in range(slabs[n, 1] + 1, slabs[n, 2]):
            place = slabs[n, 5] + (v - slabs[n, 1]) * width - slabs[n, 3]
            for u in range(slabs[n, 3] + 1, slabs[n, 4]):
                if mask[place + u]:
                    values[place + u] = field[b, v, u]


def layout(structures: Structures, ids: tuple[int, ...], axes: tuple[int, int, int]) -> Layout:
    """Return the layout of some structures for a slab axis, made once and kept with them."""

    def make() -> Layout:
        order = structures.ids.transpose(axes)
        lookup = np.full(int(np.iinfo(order.dtype).max) + 1, -1, np.int64)
        lookup[list(ids)] = np.arange(len(ids))
        boxes = np.empty((order.shape[0], len(ids), 4), np.int32)
        boxes[..., 0::2], boxes[..., 1::2] = np.iinfo(np.int32).max, -1
        _boxes(order, lookup, boxes)
        owner, slab = np.nonzero(boxes[..., 1].T >= 0)
        box = boxes[slab, owner].astype(np.int64)
        slabs = np.empty((len(owner), 7), np.int64)
        slabs[:, 0] = slab
        slabs[:, 1:5] = box + np.array([-1, 1, -1, 1])
        slabs[:, 5] = starts((slabs[:, 2] - slabs[:, 1] + 1) * (slabs[:, 4] - slabs[:, 3] + 1))[:-1]
        counts = np.zeros(len(owner), np.int64)
        numbers = np.asarray(ids, np.int64)
        _count(order, numbers, slabs, owner, GAP, counts)
        slabs[:, 6] = starts(counts)[:-1]
        runs = np.empty((int(counts.sum()), 3), np.int64)
        size = int(((slabs[:, 2] - slabs[:, 1] + 1) * (slabs[:, 4] - slabs[:, 3] + 1)).sum())
        values = np.zeros(size + 2, np.uint8)  # a ray that grazes the last window by rounding reads one further
        _fill(order, numbers, slabs, owner, GAP, runs, values)
        return Layout(numbers, axes, starts(np.bincount(owner, minlength=len(ids))), slabs, runs, values)

    kept: Layout = structures.keep(("layout", ids, axes), make)
    return kept


def with_field(packed: Layout, structures: Structures, field: Field) -> Layout:
    """Return the layout with a field's raw values in place of 1, kept with the field."""
    key = ("structures", tuple(packed.ids), packed.axes)
    owner, values = field.kept.get(key, (None, None))
    if owner is not structures:
        values = np.zeros(packed.values.shape, field.values.dtype)
        _fill_field(field.values.transpose(packed.axes), packed.slabs, packed.values, values)
        field.kept[key] = (structures, values)
    return packed._replace(values=values)


def starts(counts: NDArray[Any]) -> NDArray[np.int64]:
    """Return where each group starts when groups of these sizes follow each other, and where the last one ends."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
