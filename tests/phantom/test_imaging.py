"""Films of a made chest: label and volume agree, sides are right, contrast is what was put in, physics is anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.drr.detector import Exposure
from hilum.drr.detector_display import Processing
from hilum.drr.objects import Thing
from hilum.drr.solids import plate
from hilum.phantom.families_base import named
from hilum.phantom.imaging import drawn_processing, expose, shoot
from hilum.phantom.imaging_paths import FIELDS
from hilum.phantom.patient import Anatomy, Placed, Plan, Pose, Shot
from hilum.phantom.warp import Warp, warped
from tests.phantom.simple_chest import STEP, ball, chest_anatomy, places, still, with_lesion

SIZE = 64
TIGHT = 13
"""Seed of a frame that leaves out what lies far below the lungs."""


@pytest.fixture(scope="module")
def sound() -> Anatomy:
    return chest_anatomy()


def cube(middle: tuple[float, float, float], half_mm: float) -> np.ndarray:
    return (np.abs(places() - np.array(middle)) <= half_mm).all(axis=-1)


def centre(path: np.ndarray) -> np.ndarray:
    """Row and column of the middle of a map, weighted by it."""
    return np.array([(path * grid).sum() / path.sum() for grid in np.indices(path.shape)])


def test_a_cube_is_as_long_as_it_is_and_where_it_is(sound: Anatomy) -> None:
    """Ten voxels of 4 mm: 40 mm of path in the middle; all paths together are its volume, magnified twice."""
    mask = cube((66.0, 0.0, 30.0), 20.0)
    ill, placed = with_lesion(sound, mask, 40.0)
    shot = shoot(ill, [placed], still(), "PA", size=SIZE, supersample=2)
    path = shot.lesions["nodule-1"]
    row, column = np.round(shot.geometry.shadow(np.array([[66.0, 0.0, 30.0]]))[0] / 2 - 0.25).astype(int)
    assert path[row, column] == pytest.approx(40.0, rel=0.01)
    pitch = shot.geometry.pitch_mm[0] * 2
    volume_mm3 = mask.sum() * STEP**3
    assert path.sum() == pytest.approx(volume_mm3 * (shot.geometry.magnification / pitch) ** 2, rel=0.02)
    assert centre(path) == pytest.approx(shot.geometry.shadow(np.array([[66.0, 0.0, 30.0]]))[0] / 2 - 0.25, abs=0.2)


def test_matter_in_a_ray_is_density_times_length(sound: Anatomy) -> None:
    """Below the lungs, in front of nothing but the spine's side: soft tissue of 1.03 g/cm3 through an ellipse."""
    even = sound.body.volume.voxels.copy()
    inside = (np.hypot(places()[..., 0] / 155, places()[..., 1] / 115) <= 1) & ~named(sound.body, "lung")
    even[inside] = 30.0
    flat = replace(sound, body=sound.body.with_hu(even))
    shot = shoot(flat, [], still(), "PA", size=SIZE, supersample=2)
    row, column = np.round(shot.geometry.shadow(np.array([[0.0, 0.0, 0.0]]))[0]).astype(int)
    assert shot.maps["soft tissue"][row, column] == pytest.approx(1.03 * 23.0, rel=0.03)
    assert shot.maps["cortical bone"].max() < 0.2


def test_a_slab_of_metal_is_as_thick_as_it_is(sound: Anatomy) -> None:
    slab = Thing("slab", False, (plate("aluminium", 2.7, (40.0, 40.0, 10.0)).moved(rotation=np.array(
        [[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]), shift_mm=(60.0, 0.0, 30.0)),))  # fmt: skip
    placed = Placed(Plan("plate-1", "plate", 1.0), None, (slab,))
    shot = shoot(sound, [placed], still(), "PA", size=SIZE, supersample=2)
    row, column = np.round(shot.geometry.shadow(np.array([[60.0, 0.0, 30.0]]))[0]).astype(int)
    assert shot.maps["aluminium"][row, column] == pytest.approx(2.7, rel=0.01)
    assert shot.lesions["plate-1"][row // 2, column // 2] == pytest.approx(10.0, rel=0.01)
    bare = shoot(sound, [], still(), "PA", size=SIZE, supersample=2)
    pushed = bare.maps["soft tissue"][row, column] - shot.maps["soft tissue"][row, column]
    assert 0.1 < pushed < 0.2  # a centimetre of lung
    assert shot.visible["plate-1"] > 1
    assert "plate-1" in expose(shot, still()).boxes


@settings(max_examples=8, deadline=None)
@given(
    x=st.floats(-100, 100), y=st.floats(-60, 60), z=st.floats(-140, 140), radius=st.floats(6, 40),
    view=st.sampled_from(["PA", "AP", "LL"]),
)  # fmt: skip
def test_boxes_are_the_extent_of_masks_and_masks_of_paths(
    x: float, y: float, z: float, radius: float, view: str
) -> None:
    mask = ball((x, y, z), (radius, radius, radius))
    ill, placed = with_lesion(chest_anatomy(), mask, 40.0)
    shot = shoot(ill, [placed], still(), view, size=48, supersample=2)  # type: ignore[arg-type]
    made = expose(shot, still())
    pixels = made.masks["nodule-1"].pixels
    assert np.array_equal(pixels, shot.lesions["nodule-1"] > shot.least_mm["nodule-1"])
    assert (shot.lesions["nodule-1"].max() > 0) == bool(pixels.any())
    if "nodule-1" not in made.boxes:
        assert not pixels.any()
        return
    x0, y0, x1, y1 = (int(v) for v in made.boxes["nodule-1"].corners)
    inside = np.zeros_like(pixels)
    inside[y0:y1, x0:x1] = True
    assert not (pixels & ~inside).any()
    assert all(edge.any() for edge in (pixels[y0], pixels[y1 - 1], pixels[:, x0], pixels[:, x1 - 1]))


def left_signs(shot: Shot) -> tuple[bool, bool]:
    """Whether heart and stomach fall on the right half of what the lungs cover."""
    middle = centre((shot.paths["lungs"] > 0).astype(float))[1]
    return bool(centre(shot.paths["heart"])[1] > middle), bool(centre(shot.paths["stomach"])[1] > middle)


@pytest.mark.parametrize("view", ["PA", "AP"])
def test_the_patients_left_is_on_image_right_and_a_mirrored_body_fails(sound: Anatomy, view: str) -> None:
    mirrored = replace(sound, body=warped(sound.body, Warp(centre=np.zeros(3), mirror=True)))
    signs = [
        left_signs(shoot(each, [], still(view), view, size=SIZE, classes=("lungs", "heart", "stomach")))  # type: ignore[arg-type]
        for each in (sound, mirrored)
    ]
    assert signs == [(True, True), (False, False)]


def test_gas_in_the_stomach_is_dark_on_image_right(sound: Anatomy) -> None:
    plain = Processing(detail_power=1.0, edge_gain=1.0, tone="linear")
    shot = shoot(sound, [], still(), "PA", size=SIZE)
    shown = expose(shot, still(), exposure=Exposure(quanta=False), processing=plain).image.display()
    places_px = shot.geometry.shadow(np.array([[66.0, -10.0, -100.0], [-66.0, -10.0, -100.0]])) / shot.fine
    (r0, c0), (r1, c1) = np.round(places_px).astype(int)
    assert c0 > SIZE / 2 > c1
    assert shown[r0, c0] < shown[r1, c1] - 0.02


def test_on_a_lateral_film_the_front_is_on_the_left_and_the_spine_on_the_right(sound: Anatomy) -> None:
    shot = shoot(sound, [], still(), "LL", size=SIZE, classes=("heart", "spine", "sternum"))
    columns = {name: centre(path)[1] for name, path in shot.paths.items()}
    assert columns["sternum"] < columns["heart"] < columns["spine"]


def test_a_source_in_front_makes_the_heart_larger(sound: Anatomy) -> None:
    def ratio(view: str) -> float:
        shot = shoot(sound, [], still(view), view, size=128, classes=("lungs", "heart"), seed=1)  # type: ignore[arg-type]
        heart, lungs = (np.ptp(np.flatnonzero((shot.paths[n] > 1).any(axis=0))) for n in ("heart", "lungs"))
        return float(heart / lungs)

    assert ratio("AP") > 1.02 * ratio("PA")


def test_exposing_anew_changes_physics_and_nothing_else(sound: Anatomy) -> None:
    ill, placed = with_lesion(sound, ball((66.0, 0.0, 30.0), (15.0, 15.0, 15.0)), 40.0)
    shot = shoot(ill, [placed], still(), "PA", size=SIZE)
    first, again, other = (expose(shot, still(), seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.image.pixels, again.image.pixels)
    assert first.log == again.log
    assert not np.array_equal(first.image.pixels, other.image.pixels)
    assert first.log["exposure"] != other.log["exposure"]
    assert first.boxes == other.boxes
    assert np.array_equal(first.masks["nodule-1"].pixels, other.masks["nodule-1"].pixels)
    assert np.array_equal(first.anatomy["heart"].pixels, other.anatomy["heart"].pixels)
    assert first.log["frame"] == other.log["frame"]
    assert first.image.pixels.shape == (SIZE, SIZE)
    assert first.image.spacing_mm == pytest.approx([p * shot.fine for p in shot.geometry.pitch_mm])


def test_the_same_pose_gives_the_same_shot_and_another_seed_another_crop(sound: Anatomy) -> None:
    first, again, other = (shoot(sound, [], still(), "PA", size=SIZE, seed=s) for s in (1, 1, 2))
    assert all(np.array_equal(first.maps[name], again.maps[name]) for name in first.maps)
    assert first.log == again.log
    assert first.log["lung_width_share"] != other.log["lung_width_share"]


def test_denser_and_larger_is_more_visible_and_air_is_negative(sound: Anatomy) -> None:
    """The exact change, against the same body without the finding, is near what is guessed without that body."""
    found = {}
    for name, radius, hu in (
        ("faint", 12.0, -700.0),
        ("solid", 12.0, 40.0),
        ("large", 24.0, 40.0),
        ("air", 12.0, -1000.0),
    ):
        ill, placed = with_lesion(sound, ball((66.0, 0.0, 30.0), (radius,) * 3), hu)
        exact, guessed = (
            shoot(ill, [placed], still(), "PA", size=SIZE, sound=s).visible["nodule-1"] for s in (sound, None)
        )
        assert guessed == pytest.approx(exact, rel=0.25)
        found[name] = exact
    assert 0 < found["faint"] < found["solid"] < found["large"]
    assert found["air"] < 0
    assert found["solid"] / found["faint"] == pytest.approx(900 / 160, rel=0.1)


def test_a_finding_off_the_film_is_empty_and_invisible(sound: Anatomy) -> None:
    ill, placed = with_lesion(sound, ball((0.0, 0.0, -164.0), (6.0, 6.0, 2.5)), 900.0)
    shot = shoot(ill, [placed], still(), "PA", size=SIZE, seed=TIGHT)
    made = expose(shot, still())
    assert shot.log["lung_width_share"] > 0.88
    assert (shot.visible["nodule-1"], dict(made.boxes)) == (0.0, {})
    assert not made.masks["nodule-1"].pixels.any()


def test_overlapping_findings_keep_their_own_paths(sound: Anatomy) -> None:
    small, large = ball((66.0, 0.0, 30.0), (12.0,) * 3), ball((66.0, 8.0, 30.0), (30.0,) * 3)
    ill, first = with_lesion(sound, large, -300.0, key="large-1", concept="consolidation")
    ill, second = with_lesion(ill, small, 40.0, key="small-1")
    both = shoot(ill, [first, second], still(), "PA", size=SIZE)
    alone = [shoot(ill, [each], still(), "PA", size=SIZE) for each in (first, second)]
    for shot, key in zip(alone, ("large-1", "small-1"), strict=True):
        assert np.allclose(both.lesions[key], shot.lesions[key], atol=1e-4)
    assert both.least_mm == {"large-1": 5.0, "small-1": 1.0}


def test_fields_of_the_lungs_end_at_dome_and_spine(sound: Anatomy) -> None:
    shot = shoot(sound, [], still(), "PA", size=128, classes=(FIELDS, "lungs", "spine", "liver"))
    field = expose(shot, still()).anatomy[FIELDS].pixels
    assert 0.5 < field.sum() / (shot.paths["lungs"] > 0).sum() < 0.95
    assert not (field & (shot.paths["liver"] > 31)).any()
    assert not (field & (shot.paths["spine"] > 26)).any()
    assert not (field & (shot.paths["lungs"] <= 0)).any()


def test_less_dose_is_more_noise(sound: Anatomy) -> None:
    shot = shoot(sound, [], still(), "PA", size=SIZE)
    plain = Processing(detail_power=1.0, edge_gain=1.0, tone="linear")

    def grain(dose: float) -> float:
        made = [
            expose(shot, still(), seed=s, exposure=Exposure(detector_ugy=dose), processing=plain).image.pixels
            for s in (1, 2)
        ]
        return float(np.std(made[0] - made[1]))

    assert grain(0.5) == pytest.approx(grain(5.0) * np.sqrt(10), rel=0.3)


def test_most_films_have_a_usual_look_and_some_have_not() -> None:
    drawn = [drawn_processing(seed, Pose(supine=True), "AP") for seed in range(120)]
    usual = [p for p in drawn if p.tone == "sigmoid" and 0.6 <= p.detail_power <= 0.8 and not p.histogram_points]
    assert 80 <= len(usual) < 120
    assert any(p.histogram_points for p in drawn)
    assert {p.text for p in drawn} == {"", "SUPINE"}
    assert {p.marker for p in drawn} == {"", "L"}
    assert all(drawn_processing(s, Pose(), "PA", unusual=0.0).tone == "sigmoid" for s in range(10))
    assert drawn_processing(3, Pose(), "PA") == drawn_processing(3, Pose(), "PA")


def test_what_cannot_be_shot_is_refused(sound: Anatomy) -> None:
    ill, placed = with_lesion(sound, cube((66.0, 0.0, 30.0), 10.0), 40.0)
    with pytest.raises(InputError, match="its own key"):
        shoot(ill, [placed, placed], still(), "PA", size=SIZE)
    with pytest.raises(InputError, match="no structure of 'gall bladder'"):
        shoot(sound, [], still(), "PA", size=SIZE, classes=("gall bladder",))
    with pytest.raises(InputError, match="PA, AP, LL or RL"):
        shoot(sound, [], still(), "oblique", size=SIZE)  # type: ignore[arg-type]


def test_steps_are_equal_on_films_of_unequal_sides(sound: Anatomy) -> None:
    shot = shoot(sound, [], still(), "PA", size=(80, 64), supersample=3)
    assert (shot.size, shot.fine, shot.geometry.shape) == ((80, 64), 3, (240, 192))
    assert shot.geometry.pitch_mm[0] == pytest.approx(shot.geometry.pitch_mm[1])
    assert expose(shot, still()).image.pixels.shape == (80, 64)
