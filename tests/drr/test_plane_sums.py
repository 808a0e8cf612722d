"""Sums by bends on a plane against the slab kernel, which adds every line of every slab."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.drr.field import Field

pytest.importorskip("numba")

from hilum.drr import plane_sums, slab

AXES = (1, 2, 0)  # slabs along y, lines along z, columns along x


def fan(v_first: float, v_step: float, u_first: float = -3.0, u_step: float = 0.4, source: float = -60.0) -> slab.Fan:
    """A point source before slab 0, and places on the plane through slab 19, counted from the source's own."""
    u, v, far = 11.0, 8.0, 19.0 - source
    return slab.Fan(
        np.array([u, 0.0, u_first - u, u_step]), np.array([v, 0.0, v_first - v, v_step]), np.array([source, far])
    )


def filled(draw: np.random.Generator, dtype: str, shape: tuple[int, int, int] = (24, 20, 32)) -> Field:
    """Random to the last voxel on every side; float32 goes below 0."""
    values = draw.normal(0, 1, shape)
    coded = np.abs(values) * 900 if dtype == "uint16" else values
    return Field(coded.astype(dtype), np.eye(4))


def both(fields: list[Field], rays: slab.Fan, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The plane by bends and by adding every line; what was there before must not show."""
    layouts = [slab.layout(field, AXES) for field in fields]
    bends, added = (np.full((len(fields), *size), np.nan, np.float32) for _ in range(2))
    plane_sums.sample_sums(layouts, rays, size, bends)
    slab.sample_sums(layouts, rays, size, added)
    return bends, added


@pytest.mark.parametrize("dtype", ["float32", "uint16"])
@pytest.mark.parametrize("v_first", [-0.9, 4.3, 30.2])  # before the volume, inside it, and where it soon ends
@pytest.mark.parametrize(("rows", "v_step"), [(1, 0.3), (2, 0.3), (33, 0.5), (150, 0.27), (97, 0.05)])
def test_bends_give_the_sums_of_the_lines(
    draw: np.random.Generator, dtype: str, v_first: float, rows: int, v_step: float
) -> None:
    bends, added = both([filled(draw, dtype)], fan(v_first, v_step), (rows, 77))
    assert added.any()
    assert np.abs(bends - added).max() < 5e-6 * np.abs(added).max()


@pytest.mark.parametrize("length", [16, 30, 31, 32, 33])
def test_a_line_of_any_length_ends_where_it_ends(draw: np.random.Generator, length: int) -> None:
    field = filled(draw, "float32", (24, 20, length))
    bends, added = both([field], fan(-4.0, 0.31), (160, 40))
    assert np.abs(bends - added).max() < 5e-6 * np.abs(added).max()
    assert np.abs(bends[0, -1]).max() < 5e-6 * added.max()


def test_parallel_rays_that_lean(draw: np.random.Generator) -> None:
    rays = slab.Fan(np.array([-8.0, 0.4, 9.0, 0.0]), np.array([-7.0, 0.3, -5.0, 0.0]), np.array([-1.0, 20.0]))
    bends, added = both([filled(draw, "float32")], rays, (180, 110))
    assert added.any()
    assert np.abs(bends - added).max() < 5e-6 * np.abs(added).max()


def test_beside_a_body_there_is_exactly_nothing(draw: np.random.Generator) -> None:
    values = np.zeros((24, 20, 32), np.float32)
    values[8:14, 5:15, 12:17] = 1000 * draw.random((6, 10, 5))
    bends, added = both([Field(values, np.eye(4))], fan(-6.0, 0.06), (700, 90))
    seen = added[0] != 0
    assert seen.any()
    assert (bends[0][~seen] == 0).mean() > 0.98
    assert np.abs(bends[0][~seen]).max() < 2e-6 * added.max()


def test_several_fields_are_each_their_own(draw: np.random.Generator) -> None:
    """A dense field, one that fills a corner and one that is empty, in one call and one by one."""
    corner = np.zeros((24, 20, 32), np.uint16)
    corner[-4:, 3:6, :5] = 7
    fields = [filled(draw, "uint16"), Field(corner, np.eye(4)), Field(np.zeros_like(corner), np.eye(4))]
    rays, size = fan(-5.0, 0.3), (140, 120)
    together, _ = both(fields, rays, size)
    for field, film in zip(fields, together, strict=True):
        assert np.array_equal(both([field], rays, size)[0][0], film)
    assert together[1].any()
    assert not together[2].any()
