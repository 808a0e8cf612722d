"""Oblique views by way of a plane against the exact integral, and where the plane does not suit."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError
from hilum.data.chest_ct import chest_ct, folder
from hilum.drr import reference
from hilum.drr.attenuation import mu_map
from hilum.drr.field import Field
from hilum.drr.geometry import aim
from hilum.drr.render import line_integrals, line_integrals_many

pytest.importorskip("numba")


def body() -> Field:
    """A smooth body in a border of nothing, on a grid that runs backwards along one axis."""
    grid = np.indices((48, 40, 30)).astype(float)
    values = np.exp(-(((grid[0] - 25) / 9) ** 2) - ((grid[1] - 19) / 8) ** 2 - ((grid[2] - 14) / 6) ** 2)
    affine = np.diag([-2.0, 2.0, 3.0, 1.0])
    return Field(np.where(values > 1e-3, values, 0).astype(np.float32), affine)


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("view", ["PA", "LL"])
@pytest.mark.parametrize("angles", [(5.0, 7.0, 12.0), (-8.0, 3.0, -20.0), (0.0, 0.0, 0.0)])
def test_an_oblique_film_is_the_exact_integral(parallel: bool, view: str, angles: tuple[float, float, float]) -> None:
    field = body()
    geometry = aim(
        field.affine, field.shape, view=view, angles_deg=angles, detector=(61, 53), pitch_mm=(2.0, 2.2),  # type: ignore[arg-type]
        source_detector_mm=700.0, parallel=parallel, offset_mm=(7.0, -9.0),
    )  # fmt: skip
    film = line_integrals(field, geometry, kernel="plane")
    pixels = np.argwhere(np.ones(geometry.shape, bool))[::7]
    exact = reference.trilinear(field, geometry, pixels)
    assert exact.max() > 10
    assert np.abs(film[tuple(pixels.T)] - exact).max() < 2e-3 * exact.max()
    assert film.shape == (61, 53)


def test_nothing_is_seen_beside_the_body_of_an_oblique_view() -> None:
    field = body()
    geometry = aim(field.affine, field.shape, angles_deg=(5.0, 7.0, 12.0), detector=(120, 120), pitch_mm=(3.0, 3.0))
    film = line_integrals(field, geometry, kernel="plane")
    missed = line_integrals(field, geometry, kernel="gather") == 0
    assert 0.5 < missed.mean() < 1
    assert (film[missed] == 0).mean() > 0.97  # the others lie within one place of the plane from the body
    assert np.abs(film[missed]).max() < 1e-3 * film.max()


def test_materials_of_an_oblique_view_are_what_each_is_alone() -> None:
    whole = body()
    dense = Field(np.where(whole.values > 0.5, 2 * whole.values, 0).astype(np.float32), whole.affine, scale=3.0)
    geometry = aim(whole.affine, whole.shape, angles_deg=(5.0, 7.0, 12.0), detector=(60, 70), pitch_mm=(3.0, 3.0))
    films = line_integrals_many([whole, dense], geometry, kernel="plane")
    for field, film in zip((whole, dense), films, strict=True):
        assert np.array_equal(line_integrals(field, geometry, kernel="plane"), film)
    assert not np.allclose(films[0], films[1])


def test_rays_near_45_degrees_are_left_to_the_gather_kernel() -> None:
    field = body()
    geometry = aim(field.affine, field.shape, angles_deg=(0.0, 0.0, 44.0), detector=(320, 320))
    with pytest.raises(InputError, match="45 degrees"):
        line_integrals(field, geometry, kernel="plane")
    gathered = line_integrals(field, geometry, kernel="gather")
    assert np.array_equal(line_integrals(field, geometry), gathered)


def test_the_real_ct_is_within_the_bounds_kept() -> None:
    try:
        folder()
    except MissingError as error:
        pytest.skip(str(error))
    field = mu_map(chest_ct())
    geometry = aim(field.affine, field.shape, angles_deg=(5.0, 7.0, 12.0), detector=(512, 512))
    film = line_integrals(field, geometry)
    pixels = np.random.default_rng(0).integers(0, 512, (500, 2))
    exact = reference.trilinear(field, geometry, pixels)
    error = np.abs(film[tuple(pixels.T)] - exact)
    assert error.mean() / exact.mean() < 1.5e-4
    seen = exact > 0.3
    assert np.median(error[seen] / exact[seen]) < 1e-3
    assert np.quantile(error[seen] / exact[seen], 0.999) < 0.01
