"""Dual-energy triples: they add up, bone is where bone is, and motion moves soft tissue by as much as was asked."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from hilum.core.errors import InputError
from hilum.drr.detector import shrunken
from hilum.phantom.imaging import shoot
from hilum.phantom.imaging_dual import triple
from hilum.phantom.patient import Shot
from tests.phantom.simple_chest import chest_anatomy, still


@pytest.fixture(scope="module")
def shot() -> Shot:
    return shoot(chest_anatomy(), [], still(), "PA", size=96, supersample=4, classes=("lungs", "ribs", "spine"))


def test_the_mixed_film_is_what_soft_and_bone_make_together(shot: Shot) -> None:
    """Two films subtracted two ways: the mixed one is a sum of both with weights that follow from the two alone."""
    made = triple(shot, still())
    first, second = made.weights
    ratio = first / second
    rebuilt = ((1 - first) * made.soft.pixels + ratio * made.bone.pixels) / (1 - ratio)
    assert np.abs(rebuilt - made.mixed.pixels).max() < 2e-3
    columns = np.stack([made.soft.pixels.ravel(), made.bone.pixels.ravel(), np.ones(96 * 96)], axis=1)
    fitted, *_ = np.linalg.lstsq(columns, made.mixed.pixels.ravel(), rcond=None)
    assert np.std(columns @ fitted - made.mixed.pixels.ravel()) < 1e-3 * made.mixed.pixels.std()


def test_exact_bone_is_there_where_bone_is_and_nowhere_else(shot: Shot) -> None:
    made = triple(shot, still())
    areal = shrunken(shot.maps["cortical bone"], shot.fine)
    assert made.exact_bone.min() > -1e-4
    assert np.abs(made.exact_bone[areal == 0]).max() < 1e-4
    assert np.corrcoef(made.exact_bone.ravel(), areal.ravel())[0, 1] > 0.97


def test_subtraction_gets_rid_of_most_bone_and_of_most_soft_tissue(shot: Shot) -> None:
    made = triple(shot, still())
    lung = shot.paths["lungs"] > 60
    fine = [image - gaussian_filter(image, 6) for image in (made.bone.pixels, made.exact_bone)]  # scatter is coarse
    assert np.corrcoef(fine[0][lung], fine[1][lung])[0, 1] > 0.8
    slope = [np.gradient(image, axis=1)[lung] for image in (made.exact_bone, made.exact_soft.pixels)]
    parts = np.stack(slope, axis=1)
    mixed, soft = (
        np.linalg.lstsq(parts, np.gradient(image.pixels, axis=1)[lung], rcond=None)[0]
        for image in (made.mixed, made.soft)
    )
    assert mixed[0] > 0.5
    assert abs(soft[0]) < 0.25 * mixed[0]  # bone is all but gone
    assert soft[1] > 0.6 * mixed[1]  # and soft tissue is not


def test_motion_moves_the_second_exposure_by_as_much_as_asked(shot: Shot) -> None:
    """Where no bone lies, what changes is the slope down the film times the way soft tissue went."""
    steady, moved = (triple(shot, still(), motion_mm=mm) for mm in (0.0, 1.5))
    pixels = 1.5 * shot.geometry.magnification / (shot.geometry.pitch_mm[0] * shot.fine)
    change = moved.mixed.pixels - steady.mixed.pixels
    down = -np.gradient(steady.mixed.pixels, axis=0)
    soft = shrunken(shot.maps["cortical bone"], shot.fine) < 0.05
    strong = soft & (np.abs(down) > np.quantile(np.abs(down), 0.9))
    assert np.polyfit(down[strong], change[strong], 1)[0] == pytest.approx(pixels, rel=0.25)
    assert np.array_equal(steady.exact_mixed.pixels, moved.exact_mixed.pixels)


def test_one_seed_is_one_triple(shot: Shot) -> None:
    first, again, other = (triple(shot, still(), seed=s) for s in (1, 1, 2))
    assert np.array_equal(first.soft.pixels, again.soft.pixels)
    assert first.log == again.log
    assert not np.array_equal(first.soft.pixels, other.soft.pixels)
    assert np.array_equal(first.exact_soft.pixels, other.exact_soft.pixels)


def test_images_know_what_they_are(shot: Shot) -> None:
    made = triple(shot, still(), name="p1")
    assert (made.soft.id, made.soft.view, made.soft.synthetic) == ("p1 soft", "PA", True)
    assert made.mixed.spacing_mm == pytest.approx([p * shot.fine for p in shot.geometry.pitch_mm])
    shown = made.mixed.display()
    assert shown[shot.paths["spine"] > 20].mean() > shown[shot.paths["lungs"] > 120].mean() + 0.2


def test_nobody_moves_backwards(shot: Shot) -> None:
    with pytest.raises(InputError, match="moves 0 to 10 mm"):
        triple(shot, still(), motion_mm=-1.0)
