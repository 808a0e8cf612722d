"""Known poses are found again, whatever the film's tone curve, polarity and pixel size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hilum.core.errors import InputError
from hilum.core.image import Image, Volume
from hilum.drr import joseph
from hilum.drr.field import Field
from hilum.drr.geometry import Geometry
from hilum.drr.project import film_geometry
from hilum.drr.register import Registration, coarser, expected_geometry, register_film

torch = pytest.importorskip("torch", reason="registration needs hilum[train]")

from hilum.drr.similarity import gradient_correlation, likeness, local_correlation  # noqa: E402


def chest() -> Field:
    """A toy chest: a trunk with two lungs of unequal size, a heart, a spine, ribs and a collar bone."""
    x, y, z = (axis * 5.0 for axis in np.indices((60, 44, 60)) - np.array([29.5, 21.5, 29.5])[:, None, None, None])

    def ball(middle: tuple[float, float, float], size: tuple[float, float, float]) -> np.ndarray:
        parts = [((axis - m) / s) ** 2 for axis, m, s in zip((x, y, z), middle, size, strict=True)]
        return np.clip(4 * (1.2 - sum(parts)), 0, 1)

    mu = 0.02 * ball((0, 0, 0), (135, 90, 190))
    mu -= 0.015 * ball((-60, -5, 20), (45, 55, 95)) + 0.015 * ball((65, -5, 15), (38, 55, 88))
    mu += 0.012 * ball((25, -35, -20), (40, 35, 45)) + 0.03 * ball((0, 55, 0), (14, 16, 170))
    for step in range(-3, 4):
        ring = np.abs(np.hypot(x / 125, y / 85) - 0.85) < 0.05
        mu += 0.02 * ring * (np.abs(z - step * 38 + 0.25 * np.abs(x) - 0.2 * y) < 6)
    mu += 0.025 * ball((-65, -45, 118), (60, 7, 7)) + 0.025 * ball((65, -45, 112), (55, 7, 8))
    affine = np.diag([5.0, 5.0, 5.0, 1.0])
    affine[:3, 3] = (-147.5, -107.5, -147.5)
    return Field(np.maximum(mu, 0).astype(np.float32), affine)


def film_at(field: Field, geometry: Geometry, seed: int, *, inverted: bool = False) -> Image:
    """A film with a steep S-shaped tone curve and noise."""
    draw = np.random.default_rng(seed)
    integrals = joseph.integrals(field, geometry)
    tone = 1 / (1 + np.exp(-(integrals - np.median(integrals)) * 2.0 / integrals.std()))
    tone = tone**1.3 + draw.normal(0, 0.01, tone.shape)
    pixels = 4000 * (1 - tone if inverted else tone) + 100
    return Image(pixels, view=geometry.view, spacing_mm=geometry.pitch_mm, spacing_plane=geometry.spacing_plane)


def miss(found: Registration, angles: tuple[float, ...], shift: tuple[float, ...]) -> tuple[float, np.ndarray]:
    turn = (
        Rotation.from_rotvec(found.rotation_deg, degrees=True) * Rotation.from_euler("xyz", angles, degrees=True).inv()
    )
    return float(np.degrees(turn.magnitude())), np.abs(np.subtract(found.shift_mm, shift))


@pytest.mark.parametrize("inverted", [False, True])
def test_a_pose_is_found_from_one_film(inverted: bool) -> None:
    field = chest()
    angles, shift = (6.0, -7.0, 9.0), (18.0, -12.0, -22.0)
    nominal = film_geometry(field, size=(90, 80), field_mm=300.0)
    film = film_at(field, nominal.turned(angles, shift), 1, inverted=inverted)  # type: ignore[arg-type]
    found = register_film(film, field, geometry=nominal, starts=64)
    turned, shifted = miss(found, angles, shift)
    assert turned <= 1.0
    assert max(shifted[0], shifted[2]) <= 2.0
    assert found.inverted == (inverted,)
    assert found.similarity > 0.8
    assert found.geometry.shape == nominal.shape
    assert len(found.history) > 50


def test_a_frontal_and_lateral_pair_settles_depth_too() -> None:
    field = chest()
    angles, shift = (-5.0, 4.0, -8.0), (-15.0, 20.0, 10.0)
    nominal = [film_geometry(field, view=view, size=64, field_mm=300.0) for view in ("PA", "LL")]  # type: ignore[arg-type]
    films = [film_at(field, one.turned(angles, shift), seed) for seed, one in enumerate(nominal)]  # type: ignore[arg-type]
    found = register_film(films, field, starts=64)
    turned, shifted = miss(found, angles, shift)
    assert turned <= 1.0
    assert shifted.max() <= 2.0
    assert len(found.geometries) == 2


def test_the_same_seed_gives_the_same_pose_and_the_box_holds() -> None:
    field = coarser(chest(), 10.0)
    nominal = film_geometry(field, size=32, field_mm=300.0)
    film = film_at(field, nominal.turned((0.0, 0.0, 20.0), (40.0, 0.0, 0.0)), 2)
    one, two = (register_film(film, field, geometry=nominal, starts=16, within_deg=5.0, within_mm=8.0) for _ in "ab")
    assert one.rotation_deg == two.rotation_deg
    assert one.shift_mm == two.shift_mm
    assert max(map(abs, one.rotation_deg)) <= 5.0 + 1e-9
    assert max(map(abs, one.shift_mm)) <= 8.0 + 1e-9


def test_a_film_mirrored_and_marked_so_is_turned_back() -> None:
    field = coarser(chest(), 10.0)
    nominal = film_geometry(field, size=32, field_mm=300.0)
    straight = replace(film_at(field, nominal.turned((0, 0, 6.0)), 3), orientation=("L", "F"))
    plain, mirrored = (
        register_film(film, field, geometry=nominal, starts=16) for film in (straight, straight.flip(horizontal=True))
    )
    assert mirrored.rotation_deg == plain.rotation_deg
    with pytest.raises(InputError, match="rotate the film"):
        register_film(replace(straight, orientation=("F", "L")), field, geometry=nominal)


def test_a_coarser_field_keeps_mass_and_middle() -> None:
    field = chest()
    small = coarser(field, 15.0)
    assert small.spacing_mm == pytest.approx((15.0, 15.0, 15.0))
    assert coarser(field, 15.0) is small
    masses, middles = [], []
    for one in (field, small):
        weight = one.values.astype(float) * np.abs(np.linalg.det(one.affine[:3, :3]))
        places = np.indices(one.shape).reshape(3, -1).T @ one.affine[:3, :3].T + one.affine[:3, 3]
        masses.append(weight.sum())
        middles.append((places * weight.reshape(-1, 1)).sum(0) / weight.sum())
    assert masses[0] == pytest.approx(masses[1], rel=1e-4)
    assert np.allclose(middles[0], middles[1], atol=0.05)


def test_the_expected_exposure_comes_from_the_films_own_facts() -> None:
    field = chest()
    film = Image(np.random.default_rng(0).random((100, 80)), view="LL", spacing_mm=(3.0, 3.5), spacing_plane="detector")
    geometry = expected_geometry(film, field)
    assert (geometry.view, geometry.shape) == ("LL", (100, 80))
    assert geometry.pitch_mm == pytest.approx((3.0, 3.5))
    middle = geometry.shadow(geometry.isocentre)[0]
    assert middle == pytest.approx((49.5, 39.5), abs=1e-6)
    in_patient = expected_geometry(replace(film, spacing_plane="patient"), field)
    assert in_patient.pitch_mm == pytest.approx(tuple(v * geometry.magnification for v in (3.0, 3.5)))
    unmeasured = expected_geometry(replace(film, spacing_mm=None, spacing_plane=None), field)
    assert unmeasured.pitch_mm == pytest.approx((4.3, 4.3))


@pytest.mark.parametrize("measure", [likeness, gradient_correlation, lambda a, b: local_correlation(a, b, width=9)])
def test_likeness_is_one_for_equal_pictures_and_turns_with_polarity(draw: np.random.Generator, measure: object) -> None:
    picture = torch.from_numpy(draw.normal(size=(40, 50)).cumsum(0).cumsum(1).astype(np.float32))
    others = torch.stack([picture, 3 * picture + 7, -picture, torch.from_numpy(draw.random((40, 50), np.float32))])
    same, scaled, negative, other = measure(picture, others).tolist()  # type: ignore[operator]
    assert same == pytest.approx(1.0, abs=0.02)
    assert scaled == pytest.approx(same, abs=1e-3)
    assert negative == pytest.approx(-same, abs=1e-3)
    assert abs(other) < 0.3


def test_local_correlation_sees_past_a_tone_curve_and_uneven_light(draw: np.random.Generator) -> None:
    x = torch.linspace(-3, 3, 60)
    detail = torch.from_numpy(draw.normal(size=(60, 60)).astype(np.float32))
    picture = x[:, None] + x[None, :] + detail
    assert local_correlation(picture, torch.sigmoid(0.7 * picture)[None], width=9)[0] > 0.9
    shaded = detail + 20 * torch.cos(x)[:, None]
    whole = torch.corrcoef(torch.stack([detail.flatten(), shaded.flatten()]))[0, 1]
    assert local_correlation(detail, shaded[None], width=5)[0] > whole + 0.3


def test_what_cannot_be_registered_is_refused() -> None:
    field = coarser(chest(), 15.0)
    pixels = np.random.default_rng(0).random((20, 20))
    with pytest.raises(InputError, match="with_view"):
        register_film(Image(pixels), field)
    with pytest.raises(InputError, match="flat"):
        register_film(Image(np.ones((20, 20)), view="PA"), field)
    with pytest.raises(InputError, match="one geometry"):
        register_film([Image(pixels, view="PA")], field, geometry=[])
    with pytest.raises(InputError, match="its geometry"):
        register_film(Image(pixels, view="PA"), field, geometry=film_geometry(field, size=30))
    with pytest.raises(InputError, match="search box"):
        register_film(Image(pixels, view="PA"), field, within_deg=0.0)
    volume = Volume(np.full((8, 8, 8), -1000.0), np.eye(4))
    with pytest.raises(InputError, match="nothing"):
        register_film(Image(pixels, view="PA"), volume)
