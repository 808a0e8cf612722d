"""Subtraction cancels what it should, costs noise, and shows motion."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.drr.beam import CESIUM_IODIDE, IDEAL, SPECTRA
from hilum.drr.dual_energy import HIGH, LOW, cancelling_weight, dual_energy, quiet, without_bone
from hilum.drr.geometry import aim

GEOMETRY = aim(np.eye(4), (300, 100, 300), detector=(120, 120), pitch_mm=(2.5, 2.5))


def chest() -> dict[str, np.ndarray]:
    """15 g/cm2 of soft tissue with a step below, and a rib of 0.8 g/cm2."""
    soft = np.full((120, 120), 15.0, np.float32)
    soft[80:] = 19.0
    bone = np.zeros_like(soft)
    bone[30:45, 20:100] = 0.8
    return {"soft tissue": soft, "cortical bone": bone}


def rib(image: np.ndarray) -> float:
    return float(image[34:41, 30:90].mean() - image[55:70, 30:90].mean())


def test_the_weights_are_those_of_the_beams() -> None:
    low, high = SPECTRA["dual-energy low"], SPECTRA["dual-energy high"]
    assert cancelling_weight("cortical bone", low, high, IDEAL) == pytest.approx(0.53, abs=0.01)
    assert cancelling_weight("soft tissue", low, high, IDEAL) == pytest.approx(0.79, abs=0.01)
    assert cancelling_weight("cortical bone", low, high, CESIUM_IODIDE) == pytest.approx(0.59, abs=0.01)
    with pytest.raises(InputError, match="a lower and a higher beam"):
        cancelling_weight("cortical bone", high, low, IDEAL)


def test_bone_goes_and_soft_tissue_stays() -> None:
    made = dual_energy(chest(), GEOMETRY, low=quiet(LOW), high=quiet(HIGH))
    assert abs(rib(made.soft)) < 0.05 * rib(made.high)
    step = made.soft[100:110].mean() - made.soft[55:70].mean()
    assert step > 0.5


def test_soft_tissue_goes_and_bone_stays() -> None:
    made = dual_energy(chest(), GEOMETRY, low=quiet(LOW), high=quiet(HIGH))
    step = abs(made.bone[100:110].mean() - made.bone[55:70].mean())
    assert rib(made.bone) > 0.02
    assert step < 0.25 * rib(made.bone)


def test_the_exact_image_replaces_bone_by_its_volume() -> None:
    maps = chest()
    made = dual_energy(maps, GEOMETRY)
    flat = {"soft tissue": maps["soft tissue"] + maps["cortical bone"] * 1.06 / 1.92}
    assert np.allclose(made.exact, without_bone(flat, HIGH), atol=1e-5)
    assert 0 < rib(made.exact) < 0.7 * rib(made.high) + 0.1


def test_subtraction_costs_noise() -> None:
    made, other = (dual_energy(chest(), GEOMETRY, seed=seed) for seed in (3, 4))
    grain = [float((a - b)[55:70, 30:90].std()) for a, b in ((made.high, other.high), (made.soft, other.soft))]
    assert grain[1] > 2 * grain[0]
    again = dual_energy(chest(), GEOMETRY, seed=3)
    assert np.array_equal(made.soft, again.soft)


def test_motion_draws_an_edge_where_tissue_ends() -> None:
    still, moved = (
        dual_energy(chest(), GEOMETRY, low=quiet(LOW), high=quiet(HIGH), motion_mm=m).bone for m in (0.0, 4.0)
    )
    change = np.abs(moved - still)
    assert change[78:84].max() > 5 * change[50:75].max() + 0.01
    assert np.allclose(moved[:, 5][100:], still[:, 5][100:], atol=1e-3)


def test_a_pair_needs_a_body() -> None:
    with pytest.raises(InputError, match="needs a map of soft tissue"):
        dual_energy({"iron": np.ones((120, 120), np.float32)}, GEOMETRY)
