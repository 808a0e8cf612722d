"""Every fast trilinear kernel against Joseph's sum in float64, ray by ray."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.drr import reference
from hilum.drr.field import Field
from hilum.drr.geometry import Geometry, aim
from hilum.drr.render import line_integrals

pytest.importorskip("numba")

VIEWS = ["PA", "AP", "LL", "RL"]


def smooth(draw: np.random.Generator, shape: tuple[int, int, int], dtype: str) -> Field:
    """A random field whose border is empty, so that the rule at the border plays no part; float32 goes below 0."""
    values = np.zeros(shape, np.float32)
    inner = tuple(slice(3, size - 3) for size in shape)
    values[inner] = draw.normal(0, 1, values[inner].shape)
    affine = np.diag([2.0, -3.0, 4.0, 1.0])
    affine[:3, 3] = (-7.0, 11.0, 5.0)
    if dtype == "uint16":
        return Field((np.abs(values) * 900).astype(np.uint16), affine, scale=0.002)
    return Field(values, affine)


def exposure(field: Field, view: str, **more: object) -> Geometry:
    settings = {
        "detector": (40, 52), "pitch_mm": (3.1, 2.3), "source_detector_mm": 700.0, "source_isocentre_mm": 560.0, **more
    }  # fmt: skip
    return aim(field.affine, field.shape, view=view, **settings)  # type: ignore[arg-type]


def every_pixel(geometry: Geometry) -> np.ndarray:
    return np.stack(np.meshgrid(*map(np.arange, geometry.shape), indexing="ij"), axis=-1).reshape(-1, 2)


def worst(field: Field, geometry: Geometry, kernel: str) -> float:
    """Largest difference from Joseph's sum in float64, as a share of the largest value."""
    made = line_integrals(field, geometry, kernel=kernel)  # type: ignore[arg-type]
    want = plain_joseph(field, geometry, every_pixel(geometry)).reshape(geometry.shape)
    assert np.abs(want).max() > 0
    return float(np.abs(made - want).max() / np.abs(want).max())


def plain_joseph(field: Field, geometry: Geometry, pixels: np.ndarray) -> np.ndarray:
    """Joseph's formula, ray by ray in float64: bilinear samples on the planes of the fastest axis."""
    starts, ways, lengths = reference.rays(field, geometry, pixels)
    padded = np.pad(field.values.astype(np.float64), 2)
    total = np.zeros(len(pixels))
    for n, (start, way) in enumerate(zip(starts, ways, strict=True)):
        axis = int(np.argmax(np.abs(way)))
        one, two = (k for k in range(3) if k != axis)
        along = (np.arange(field.shape[axis]) - start[axis]) / way[axis]
        at = start + along[:, None] * way
        planes = np.moveaxis(padded, axis, 0)[2:-2]
        place = [np.clip(at[:, k], -2, field.shape[k]) + 2 for k in (one, two)]
        low = [np.floor(p).astype(int) for p in place]
        for i in (0, 1):
            for j in (0, 1):
                weight = np.abs(1 - i - (place[0] - low[0])) * np.abs(1 - j - (place[1] - low[1]))
                total[n] += (weight * planes[np.arange(len(at)), low[0] + i, low[1] + j]).sum() / abs(way[axis])
    return total * lengths * field.scale


@pytest.mark.parametrize("dtype", ["float32", "uint16"])
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("kernel", ["slab", "gather"])
def test_an_aligned_view_is_josephs_sum(
    draw: np.random.Generator, view: str, dtype: str, parallel: bool, kernel: str
) -> None:
    field = smooth(draw, (20, 24, 38), dtype)
    assert worst(field, exposure(field, view, parallel=parallel), kernel) < 2e-6


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (2, 1, 0)])
@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, -1)])
def test_axis_order_and_flips_do_not_change_a_film(
    draw: np.random.Generator, order: tuple[int, int, int], flips: tuple[int, int, int]
) -> None:
    field = smooth(draw, (18, 22, 26), "float32")
    affine = field.affine.copy()
    for axis, sign in enumerate(flips):
        if sign < 0:
            affine[:3, 3] += affine[:3, axis] * (field.shape[axis] - 1)
            affine[:3, axis] *= -1
    values = field.values[tuple(slice(None, None, sign) for sign in flips)].transpose(order)
    other = Field(np.ascontiguousarray(values), affine[:, [*order, 3]])
    geometry = exposure(field, "LL")
    assert np.allclose(
        line_integrals(other, geometry, kernel="slab"), line_integrals(field, geometry, kernel="slab"), atol=2e-5
    )


@pytest.mark.parametrize("kernel", ["slab", "gather"])
@pytest.mark.parametrize("view", VIEWS)
def test_a_detector_offset_and_larger_than_the_body_sees_nothing_beside_it(
    draw: np.random.Generator, view: str, kernel: str
) -> None:
    field = smooth(draw, (20, 24, 38), "uint16")
    geometry = exposure(field, view, detector=(70, 90), pitch_mm=(6.0, 4.0), offset_mm=(31.0, -17.0))
    film = line_integrals(field, geometry, kernel=kernel)  # type: ignore[arg-type]
    assert worst(field, geometry, kernel) < 2e-6
    assert (film[:2] == 0).all()
    assert (film[:, :2] == 0).all()
    assert film.max() > 0
    away = exposure(field, view, offset_mm=(4000.0, 0.0))
    assert (line_integrals(field, away, kernel=kernel) == 0).all()  # type: ignore[arg-type]


@pytest.mark.parametrize("columns", [7, 64, 150])
def test_a_mirrored_grid_gives_the_same_film(draw: np.random.Generator, columns: int) -> None:
    """Columns that run down the grid's axis are taken from the last to the first."""
    field = smooth(draw, (20, 24, 38), "uint16")
    affine = field.affine.copy()
    affine[:3, 3] += affine[:3, 1] * (field.shape[1] - 1)
    affine[:3, 1] *= -1
    other = Field(np.ascontiguousarray(field.values[:, ::-1]), affine, field.scale)
    geometry = exposure(field, "LL", detector=(40, columns))
    one, two = (line_integrals(each, geometry, kernel="slab") for each in (field, other))
    assert one.max() > 0
    assert np.abs(one - two).max() < 2e-6 * one.max()


def test_slab_asks_for_an_aligned_detector(draw: np.random.Generator) -> None:
    field = smooth(draw, (20, 24, 38), "float32")
    with pytest.raises(InputError, match="aligned"):
        line_integrals(field, exposure(field, "PA", angles_deg=(0.0, 0.0, 5.0)), kernel="slab")
