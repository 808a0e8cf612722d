"""Packed structures hold each voxel once, and planes and windows lose none of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hilum.drr import reference, structures_oblique
from hilum.drr.field import Field, Structures
from hilum.drr.geometry import Geometry, aim
from hilum.drr.structures import SMALL, deal, footprints, path_lengths, ray_steps
from hilum.drr.structures_layout import GAP, Layout, layout, starts, with_field

AXES = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]


def unpack(packed: Layout, shape: tuple[int, ...], by_runs: bool) -> np.ndarray:
    """Rebuild (S, b, v, u) from windows, or from the runs alone."""
    out = np.zeros((len(packed.ids), *(shape[axis] for axis in packed.axes)), packed.values.dtype)
    for s in range(len(packed.ids)):
        for n in range(packed.slab_of[s], packed.slab_of[s + 1]):
            b, v_low, v_high, u_low, u_high, offset, run = packed.slabs[n]
            width = u_high - u_low + 1
            window = packed.values[offset : offset + (v_high - v_low + 1) * width].reshape(-1, width)
            assert not window[[0, -1]].any()
            assert not window[:, [0, -1]].any()
            if not by_runs:
                out[s, b, v_low + 1 : v_high, u_low + 1 : u_high] = window[1:-1, 1:-1]
                continue
            stop = packed.slabs[n + 1, 6] if n + 1 < len(packed.slabs) else len(packed.runs)
            for v, first, last in packed.runs[run:stop]:
                out[s, b, v, first:last] += window[v - v_low, first - u_low : last - u_low]
    return out


@given(arrays(np.uint8, (4, 5, 9), elements=st.sampled_from([0, 0, 0, 2, 5])), st.sampled_from(AXES), st.booleans())
@settings(max_examples=40, deadline=None)
def test_windows_and_runs_hold_every_voxel_once(ids: np.ndarray, axes: tuple[int, int, int], by_runs: bool) -> None:
    packed = layout(Structures(ids, np.eye(4), {}), (5, 2), axes)
    truth = np.stack([(ids == number).transpose(axes) for number in (5, 2)])
    assert np.array_equal(unpack(packed, ids.shape, by_runs), truth)


def test_runs_go_on_over_short_gaps_only() -> None:
    row = np.zeros((1, 1, 60), np.uint8)
    row[0, 0, [3, 3 + GAP, 40, 41]] = 1
    packed = layout(Structures(row, np.eye(4), {}), (1,), (0, 1, 2))
    assert packed.runs.tolist() == [[0, 3, 4 + GAP], [0, 40, 42]]


def test_thin_structures_take_little_room() -> None:
    """A slanted bar through a large box: windows together hold a small part of the box."""
    ids = np.zeros((100, 100, 100), np.uint8)
    for step in range(100):
        ids[step, max(step - 2, 0) : step + 3, 40:45] = 1
    packed = layout(Structures(ids, np.eye(4), {}), (1,), (0, 1, 2))
    assert packed.values.size < 0.06 * ids.size
    assert packed.values.sum() == (ids > 0).sum()


def test_a_layout_is_made_once_and_a_field_is_kept_with_the_field() -> None:
    ids = np.random.default_rng(0).integers(0, 3, (6, 7, 8)).astype(np.uint16)
    found, other = Structures(ids, np.eye(4), {}), Structures(ids[::-1].copy(), np.eye(4), {})
    first = layout(found, (1, 2), (0, 1, 2))
    assert layout(found, (1, 2), (0, 1, 2)) is first
    assert layout(found, (2, 1), (0, 1, 2)) is not first
    field = Field(np.random.default_rng(1).random((6, 7, 8)).astype(np.float32), np.eye(4))
    filled = with_field(first, found, field)
    assert with_field(first, found, field).values is filled.values
    truth = np.stack([np.where(ids == number, field.values, 0) for number in (1, 2)])
    assert np.array_equal(unpack(filled, ids.shape, by_runs=False), truth)
    turned = with_field(layout(other, (1, 2), (0, 1, 2)), other, field)
    assert np.array_equal(
        unpack(turned, ids.shape, by_runs=False),
        np.stack([np.where(other.ids == number, field.values, 0) for number in (1, 2)]),
    )


def test_starts_and_deals() -> None:
    assert starts(np.array([2, 0, 3])).tolist() == [0, 2, 2, 5]
    tasks = [(float(cost), cost, 0, 1) for cost in (1, 9, 4, 4, 2)]
    dealt = deal(tasks)
    assert sorted(dealt[:, 0].tolist()) == [1, 2, 4, 4, 9]
    assert dealt[0, 0] == 9
    assert deal([]).shape == (0, 3)


def ball(number: int = 4) -> Structures:
    grid = np.stack(np.meshgrid(*(np.arange(size) for size in (40, 36, 30)), indexing="ij"), axis=-1)
    ids = np.zeros(grid.shape[:3], np.uint8)
    ids[np.linalg.norm((grid - (22, 15, 13)) * (1.0, 1.1, 1.6), axis=-1) < 11] = number
    return Structures(ids, np.diag([1.0, 1.1, 1.6, 1.0]), {number: "ball"})


def turned(found: Structures, size: int, angles: tuple[float, float, float], parallel: bool) -> Geometry:
    return aim(
        found.affine, found.ids.shape, angles_deg=angles, detector=(size, size), pitch_mm=(72 / size, 72 / size),
        source_detector_mm=400, parallel=parallel,
    )  # fmt: skip


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("angles", [(6, 0, 0), (5, 8, 12), (0, 0, 50), (70, 10, 0)])
def test_a_plane_and_a_gather_agree_either_side_of_the_limit(angles: tuple, parallel: bool) -> None:
    """The same rays through a detector just under and one over the size at which the way changes."""
    found = ball()
    coarse, fine = turned(found, 100, angles, parallel), turned(found, 500, angles, parallel)
    assert coarse.shape[0] * coarse.shape[1] <= SMALL < fine.shape[0] * fine.shape[1]
    gathered, read = path_lengths(found, coarse)[0], path_lengths(found, fine)[0, 2::5, 2::5]
    assert np.allclose(coarse.pixel(30, 40), fine.pixel(152, 202))
    assert np.abs(gathered - read).max() < 0.5  # at the rim, where the plane rounds off
    assert np.abs(gathered - read).mean() < 0.02 * gathered.mean()
    pixels = np.argwhere(gathered > 0)[::7]
    truth = reference.trilinear(Field((found.ids > 0).astype(np.float32), found.affine), coarse, pixels)
    assert np.abs(gathered[tuple(pixels.T)] - truth).mean() < 0.01 * truth.mean()


def test_a_plane_stands_in_for_all_rays_that_hit_and_no_other() -> None:
    found = ball()
    geometry = turned(found, 64, (4, 3, 30), False)
    pencil = np.stack(geometry.pencil(found.affine))
    box = np.stack([[part.min(), part.max()] for part in np.nonzero(found.ids)])
    used = np.zeros(geometry.shape, int)
    for axes in ((0, 2, 1), (1, 2, 0), (2, 1, 0)):
        plane = structures_oblique.plane_for(pencil, box, axes, geometry.shape, False)
        if plane is not None:
            used += plane.used
            assert min(plane.shape) > 0
    assert used.max() == 1
    assert (used[path_lengths(found, geometry, model="siddon")[0] > 0] == 1).all()
    away = turned(found, 64, (0, 0, 0), False)
    assert structures_oblique.plane_for(np.stack(away.pencil(found.affine)), box, (0, 2, 1), away.shape, False) is None


@given(
    st.tuples(*[st.floats(-80, 80)] * 3), st.tuples(*[st.floats(-60, 60)] * 3), st.booleans(),
    st.sampled_from([(20, 30), (64, 48)]),
)  # fmt: skip
@settings(max_examples=30, deadline=None)
def test_footprints_hold_every_pixel_of_the_shadow(
    angles: tuple[float, float, float], shift: tuple[float, float, float], parallel: bool, shape: tuple[int, int]
) -> None:
    found = ball()
    geometry = turned(found, 40, (0, 0, 0), parallel).resized(shape).turned(angles, shift)
    lengths = path_lengths(found, geometry, [4, 9])
    (top, bottom, left, right), nothing = footprints(found, geometry, [4, 9])
    assert not nothing.any()
    outside = lengths[0].copy()
    outside[top:bottom, left:right] = 0
    assert not outside.any()


def test_rays_in_steps_are_those_of_the_geometry() -> None:
    for parallel in (False, True):
        geometry = turned(ball(), 40, (3, 4, 5), parallel)
        first, down, along = ray_steps(geometry)
        rows, columns = np.mgrid[:40, :40]
        lengths = np.linalg.norm(first + rows[..., None] * down + columns[..., None] * along, axis=-1)
        assert np.allclose(lengths, geometry.ray_mm())


@pytest.mark.parametrize("angles", [(0, 0, 0), (10, 20, 30)])
def test_whole_voxels_fill_the_grid_as_deep_as_its_chord(angles: tuple) -> None:
    """Every voxel has an id of its own, 16 bits: what all give together is the chord of the whole box."""
    shape = (9, 8, 7)
    ids = np.arange(1, 505, dtype=np.uint16).reshape(shape)
    found = Structures(ids, np.diag([1.0, 2.0, 1.5, 1.0]), {})
    geometry = aim(found.affine, shape, angles_deg=angles, detector=(16, 16), pitch_mm=(2, 2), source_detector_mm=300)
    lengths = path_lengths(found, geometry, model="siddon")
    assert lengths.shape == (504, 16, 16)
    pixels = np.argwhere(np.ones(geometry.shape, bool))
    whole = reference.siddon(Field(np.ones(shape, np.float32), found.affine), geometry, pixels)
    assert np.allclose(lengths.sum(axis=0).ravel(), whole, atol=1e-4)
    assert lengths.max() <= np.linalg.norm([1.0, 2.0, 1.5]) + 1e-5
