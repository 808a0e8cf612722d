"""Whole films: what they know of themselves, that blocks can be turned off, and that metal goes white."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.image import Volume
from hilum.drr.detector import Exposure
from hilum.drr.detector_display import Processing
from hilum.drr.film import EXPOSURES, PROCESSING, added, film
from hilum.drr.geometry import Geometry, aim
from hilum.drr.materials import decompose
from hilum.drr.randomise import random_exposure, random_processing

AFFINE = np.diag([4.0, 4.0, 4.0, 1.0])
CLEAN = Exposure(scatter=0.0, quanta=False, mtf=False, focal_mm=0.0)
PLAIN = Processing(detail_power=1.0, edge_gain=1.0, tone="linear", window_percent=(0.0, 100.0))


def body() -> Volume:
    """A box of water with two lungs of air and a spine, in air."""
    voxels = np.full((80, 50, 80), -1000.0, np.float32)
    voxels[10:70, 8:42, 5:75] = 20.0
    voxels[14:34, 12:38, 15:60] = voxels[46:66, 12:38, 15:60] = -850.0
    voxels[37:43, 30:38, 5:75] = 600.0
    return Volume(voxels, AFFINE)


def view(which: str = "PA", size: int = 120) -> Geometry:
    volume = body()
    return aim(volume.affine, volume.voxels.shape, view=which, detector=(size, size), pitch_mm=(400 / size, 400 / size))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def maps() -> dict[str, np.ndarray]:
    return decompose(body()).maps(view())


def test_a_film_knows_its_view_spacing_and_that_it_was_computed() -> None:
    geometry = view("LL")
    made = film(body(), geometry, exposure=EXPOSURES["lateral"], name="one")
    image = made.image
    assert (image.view, image.spacing_plane, image.orientation) == ("LL", "detector", ("P", "F"))
    assert image.spacing_mm == geometry.pitch_mm
    assert image.synthetic
    assert image.id == "one"
    assert 0 <= image.pixels.min() < image.pixels.max() <= 1
    assert np.allclose(image.display(), image.pixels, atol=1e-6)


def test_lung_is_dark_and_bone_is_bright(maps: dict[str, np.ndarray]) -> None:
    shown = film(maps, view()).image.display()
    lung, wall, spine = shown[50:60, 30:45].mean(), shown[96:102, 30:45].mean(), shown[50:60, 58:62].mean()
    assert lung < wall < spine + 0.05
    assert spine > 0.6


def test_the_same_seed_gives_the_same_film(maps: dict[str, np.ndarray]) -> None:
    first, second, other = (film(maps, view(), seed=seed).image.pixels for seed in (1, 1, 2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)
    assert np.abs(first - other).mean() < 0.05


def test_the_log_is_plain_and_holds_every_setting(maps: dict[str, np.ndarray]) -> None:
    made = film(maps, view(), processing=replace(PROCESSING, histogram_points=5), seed=7)
    log = json.loads(json.dumps(made.log))
    assert log["seed"] == 7
    assert set(log["exposure"]) >= {"kv", "filters_mm", "detector_ugy", "scatter", "grid", "focal_mm", "quanta", "mtf"}
    assert set(log["processing"]) >= set(PROCESSING.as_dict())
    assert len(log["drawn"]["histogram"]) == 7
    assert log["geometry"]["view"] == "PA"
    assert log["measured"]["scatter_fraction"] > 0.1
    assert json.loads(json.dumps(film(body(), view()).log))["restore"] > 1


def test_with_every_block_off_a_film_is_the_line_integral(maps: dict[str, np.ndarray]) -> None:
    made = film(maps, view(), exposure=CLEAN, processing=PLAIN)
    p = -np.log(made.primary)
    inside = (made.image.pixels > 0) & (made.image.pixels < 1)
    assert inside.sum() > 1000
    slope, offset = np.polyfit(p[inside], made.image.pixels[inside], 1)
    assert slope > 0
    assert np.allclose(made.image.pixels[inside], slope * p[inside] + offset, atol=1e-4)


def test_each_block_changes_the_film(maps: dict[str, np.ndarray]) -> None:
    whole = film(maps, view()).image.pixels
    exposure = EXPOSURES["PA"]
    for change in ({"scatter": 0.0}, {"quanta": False}, {"mtf": False}, {"grid": False}):
        assert np.abs(film(maps, view(), exposure=replace(exposure, **change)).image.pixels - whole).max() > 1e-3
    for change in ({"detail_power": 0.5}, {"tone": "linear"}, {"curve": "sqrt"}, {"window_percent": (5.0, 95.0)}):
        assert np.abs(film(maps, view(), processing=replace(PROCESSING, **change)).image.pixels - whole).max() > 0.005


def test_scatter_takes_contrast_away(maps: dict[str, np.ndarray]) -> None:
    def contrast(exposure: Exposure) -> float:
        made = film(maps, view(), exposure=exposure, processing=replace(PLAIN, window_percent=(0, 100)))
        low, high = made.log["drawn"]["window"]
        return float(high - low)

    no, grid, bare = (contrast(replace(CLEAN, scatter=s, grid=g)) for s, g in ((0.0, True), (1.0, True), (1.0, False)))
    assert no > grid > bare


def test_metal_goes_white_by_saturation(maps: dict[str, np.ndarray]) -> None:
    """Two and ten mm of steel differ little: both let almost nothing through, and scatter fills the rest."""
    rods = []
    for areal in (0.8, 1.6, 8.0):
        metal = np.zeros_like(maps["soft tissue"])
        metal[40:70, 35:40] = areal
        made = film(maps, view(), extra={"iron": metal})
        assert made.log["added"] == ["iron"]
        rods.append(made.image.pixels[45:65, 36:39].mean())
        beside = made.image.pixels[45:65, 30:33].mean()
        assert rods[-1] > beside + 0.2
    assert rods[0] < rods[1] < rods[2] + 1e-3
    assert rods[2] - rods[1] < 0.5 * (rods[1] - beside)
    assert rods[2] < 1.0 + 1e-6


def test_a_device_does_not_change_the_maps_it_is_added_to(maps: dict[str, np.ndarray]) -> None:
    tube = np.full_like(maps["soft tissue"], 0.2)
    before = maps["soft tissue"].copy()
    both = added(maps, {"soft tissue": tube, "pvc": tube})
    assert np.allclose(both["soft tissue"], before + 0.2)
    assert np.array_equal(maps["soft tissue"], before)
    assert "pvc" not in maps
    with pytest.raises(InputError, match="negative"):
        added(maps, {"pvc": -tube})
    with pytest.raises(InputError, match="one detector"):
        added(maps, {"pvc": tube[:4]})


def test_a_marker_is_lead_on_the_patients_left(maps: dict[str, np.ndarray]) -> None:
    plain, marked = (film(maps, view(), processing=replace(PROCESSING, marker=m)).image.pixels for m in ("", "L"))
    changed = np.argwhere(np.abs(marked - plain) > 0.3)
    assert len(changed) > 5
    assert changed[:, 0].max() < 15
    assert changed[:, 1].min() > 100
    lateral = film(body(), view("LL"), processing=replace(PROCESSING, marker="L"), seed=1).image.pixels
    bare = film(body(), view("LL"), seed=1).image.pixels
    assert np.argwhere(np.abs(lateral - bare) > 0.3)[:, 1].max() < 30


def test_borders_text_and_polarity(maps: dict[str, np.ndarray]) -> None:
    processing = replace(PROCESSING, border_mm=(20.0, 10.0, 30.0, 0.0), text="AP", inverted=False)
    image = film(maps, view(), processing=processing).image
    shown = image.display()
    assert (shown[:6] == 0).all()
    assert (shown[-3:] == 0).all()
    assert (shown[:, :9] == 0).all()
    assert shown[50:60, 30:100].min() > 0
    inverted = film(maps, view(), processing=replace(processing, inverted=True)).image
    assert inverted.inverted
    assert np.allclose(inverted.pixels, 1 - image.pixels, atol=1e-6)
    assert np.allclose(inverted.display(), shown, atol=1e-6)


def test_a_film_has_no_more_than_its_maps_allow(maps: dict[str, np.ndarray]) -> None:
    with pytest.raises(InputError, match="project it again"):
        film(maps, view(size=64))
    with pytest.raises(InputError, match="no material"):
        film({"cheese": maps["soft tissue"]}, view())


def test_drawn_settings_stay_in_their_ranges_and_vary() -> None:
    exposures = [random_exposure(seed, view="AP") for seed in range(40)]
    assert all(80 <= e.spectrum.kv <= 90 and 1.5 <= e.detector_ugy <= 5 for e in exposures)
    assert 1 <= sum(e.grid for e in exposures) <= 20
    assert random_exposure(3) == random_exposure(3)
    processings = [random_processing(seed, start=replace(PROCESSING, marker="L")) for seed in range(40)]
    assert {p.tone for p in processings} == {"linear", "sigmoid", "power"}
    assert all(p.marker == "L" and 4 <= p.histogram_points <= 12 for p in processings)
    assert random_processing(1, histogram=False).histogram_points == 0
    with pytest.raises(InputError, match="view must be"):
        random_exposure(0, view="oblique")


def test_random_settings_make_different_films_of_one_chest(maps: dict[str, np.ndarray]) -> None:
    made = [film(maps, view(), exposure=random_exposure(s), processing=random_processing(s), seed=s) for s in range(6)]
    pairs = [np.abs(a.image.pixels - b.image.pixels) for a, b in combinations(made, 2)]
    assert min(float(pair.mean()) for pair in pairs) > 0.01, "no two are one film"
    assert np.mean([pair[30:90, 30:90].mean() for pair in pairs]) > 0.03, "inside the body greys differ"
    for each in made:
        assert np.isfinite(each.image.pixels).all()
        assert each.image.pixels[50:60, 30:45].mean() < each.image.pixels[50:60, 58:62].mean()
