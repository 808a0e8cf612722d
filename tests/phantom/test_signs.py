"""Findings of the made chest: sizes as drawn, on their own side, more with more severity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hilum.phantom.anatomy import Chest, draw_chest
from hilum.phantom.chords import Solid
from hilum.phantom.film import FIELD_MM, Film, Pose, grid, render
from hilum.phantom.signs import CONCEPTS, Sign, draw_sign, enlarged, outline_mask

QUIET = Pose(noise=0.0)
STEP = FIELD_MM / 256


def drawn(sign: Sign, chest: Chest | None = None) -> Film:
    return render(chest or Chest(), (sign,), pose=QUIET, size=256)


def area_mm2(film: Film, name: str) -> float:
    return float(film.masks[name].sum()) * STEP**2


@pytest.mark.parametrize("radius", [8.0, 14.0, 30.0])
def test_a_nodules_box_is_its_diameter(radius: float) -> None:
    film = drawn(Sign("lung nodule", 1, 0.5, (Solid((85.0, 0.0, -40.0), (radius,) * 3),)))
    rows, columns = np.nonzero(film.masks["lung nodule"])
    for line in (rows, columns):
        assert (line.max() - line.min() + 1) * STEP == pytest.approx(2 * radius, abs=2.5 * STEP)
    frame = grid(256, QUIET)
    assert frame.x[film.masks["lung nodule"]].mean() == pytest.approx(85, abs=STEP)
    assert frame.z[film.masks["lung nodule"]].mean() == pytest.approx(-40, abs=STEP)


def test_a_mass_is_larger_than_any_nodule() -> None:
    chest = draw_chest(1, "p")
    sizes = {
        name: [draw_sign(name, chest, seed).solids[0].axes[0] for seed in range(30)]
        for name in ("lung nodule", "lung mass")
    }
    assert max(sizes["lung nodule"]) <= 15 < 17 <= min(sizes["lung mass"])  # 3 cm parts the two


def test_more_fluid_covers_more_and_lies_low() -> None:
    areas = []
    for severity in (0.1, 0.5, 0.9):
        film = drawn(Sign("pleural effusion", -1, severity, level=72.0 + 22.0 - 95.0 * severity))
        areas.append(area_mm2(film, "pleural effusion"))
        rows, columns = np.nonzero(film.masks["pleural effusion"])
        assert rows.max() > 0.6 * 256
        assert columns.max() < 140  # the patient's right is on the left of the film
    assert areas == sorted(areas)
    assert areas[0] < areas[2]


def test_the_fluids_surface_rises_towards_the_side_wall() -> None:
    film = drawn(Sign("pleural effusion", 1, 0.5, level=50.0))
    mask = film.masks["pleural effusion"]
    columns = np.flatnonzero(mask.any(axis=0))
    tops = [int(np.flatnonzero(mask[:, column])[0]) for column in columns]
    outer, middle = np.mean(tops[-8:-2]), np.mean(tops[len(tops) // 2 - 3 : len(tops) // 2 + 3])
    assert outer < middle


def test_more_collapse_leaves_more_free_air_at_apex_and_wall() -> None:
    areas = [area_mm2(drawn(Sign("pneumothorax", 1, 0.5, collapse=share)), "pneumothorax") for share in (0.1, 0.3, 0.5)]
    assert areas == sorted(areas)
    assert areas[0] > 0
    film = drawn(Sign("pneumothorax", 1, 0.5, collapse=0.3))
    mask = film.masks["pneumothorax"]
    assert (mask <= film.lungs).all()
    rows, columns = np.nonzero(mask)
    lung_rows, lung_columns = np.nonzero(film.lungs)
    assert rows.min() == lung_rows.min()
    assert columns.max() == lung_columns.max()


def test_a_collapsed_lung_is_denser_than_it_was() -> None:
    plain, film = render(Chest(), pose=QUIET, size=256), drawn(Sign("pneumothorax", 1, 0.9, collapse=0.4))
    frame = grid(256, QUIET)
    kept = film.lungs & ~film.masks["pneumothorax"] & (frame.x > 55) & (np.abs(frame.z) < 40)
    assert float((film.pixels - plain.pixels)[kept].mean()) > 0.02


def test_atelectasis_lifts_the_dome_of_its_side_only() -> None:
    chest = Chest()
    sign = draw_sign("atelectasis", chest, 4)
    film, plain = drawn(replace(sign, severity=1.0, lift=28.0), chest), render(chest, pose=QUIET, size=256)
    frame = grid(256, QUIET)
    own, other = frame.x * sign.side > 40, frame.x * sign.side < -40
    low = frame.z[film.lungs & own].max(), frame.z[plain.lungs & own].max()
    assert (film.lungs & own).sum() < (plain.lungs & own).sum()
    assert np.array_equal(film.lungs & other, plain.lungs & other)
    assert low[0] <= low[1]


def test_infiltration_is_fainter_than_consolidation() -> None:
    chest, bare = Chest(), render(Chest(), pose=QUIET, size=256).pixels
    gain = {}
    for name in ("infiltration", "consolidation"):
        films = [drawn(draw_sign(name, chest, seed), chest) for seed in range(6)]
        gain[name] = np.mean(
            [(film.pixels - bare)[film.masks[name]].mean() for film in films if film.masks[name].any()]
        )
    assert 0 < gain["infiltration"] < gain["consolidation"]


@pytest.mark.parametrize("name", [name for name in CONCEPTS if name != "cardiomegaly"])
def test_a_finding_stays_on_its_side(name: str) -> None:
    frame = grid(256, QUIET)
    for seed in range(3):
        sign = draw_sign(name, Chest(), seed)
        mask = drawn(sign).masks[name]
        assert (frame.x[mask] * sign.side > 0).all()


@pytest.mark.parametrize(("severity", "grade"), [(0.05, "mild"), (0.5, "moderate"), (0.99, "severe"), (1.0, "severe")])
def test_grades_are_thirds_of_severity(severity: float, grade: str) -> None:
    assert Sign("cardiomegaly", 0, severity).grade == grade


def test_draws_depend_on_the_seed_and_the_names_alone() -> None:
    chest = Chest()
    assert draw_sign("lung mass", chest, 1, "a") == draw_sign("lung mass", chest, 1, "a")
    assert draw_sign("lung mass", chest, 1, "a") != draw_sign("lung mass", chest, 1, "b")
    sides = {draw_sign("lung mass", chest, seed).side for seed in range(20)}
    assert sides == {-1, 1}


def test_the_enlarged_heart_keeps_the_rest() -> None:
    chest = Chest()
    large = enlarged(chest, 1.0)
    assert large.ctr == pytest.approx(0.68)
    assert replace(large, ctr=chest.ctr) == chest


def test_an_outline_is_where_the_path_is_long_enough() -> None:
    path = np.array([[0.0, 1.0, 2.0]], dtype=np.float32)
    assert outline_mask(path, 1.0).tolist() == [[False, True, True]]
