"""Warps of the one real CT at hand: nothing unlabelled in its lungs, sides right, and a mirrored body found out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hilum.core.errors import MissingError
from hilum.data.chest_ct import chest_ct, chest_structures, folder
from hilum.phantom.families import warp_anatomy
from hilum.phantom.families_base import base_of, named
from hilum.phantom.imaging import shoot
from hilum.phantom.patient import Anatomy, Person, Pose
from hilum.phantom.warp import Body, Warp, cardiothoracic_ratio, resampled, warped

try:
    folder()
except MissingError as missing:
    pytest.skip(str(missing), allow_module_level=True)

PERSON = Person("female", 48.0, 166.0, 24.0)
MASS_MM = (57.0, 87.0, -116.0)
"""Middle of the mass in the left lower lobe."""


@pytest.fixture(scope="module")
def base() -> Body:
    return resampled(chest_ct(), chest_structures(), spacing_mm=4.0)


@pytest.fixture(scope="module")
def anatomy(base: Body) -> Anatomy:
    return warp_anatomy(base, PERSON, seed=1, patient="one", ctr=0.47, spacing_mm=4.0)


def test_the_mass_of_the_left_lower_lobe_is_gone(base: Body) -> None:
    at = np.rint((np.array(MASS_MM) - base.volume.affine[:3, 3]) / 4.0).astype(int)
    place = tuple(slice(k - 1, k + 2) for k in at)
    ready = base_of(base)
    assert base.volume.voxels[place].mean() > -150
    assert ready.filled >= 1
    assert ready.body.volume.voxels[place].mean() < -600
    assert ready.body.volume.voxels[named(base, "heart")].max() <= 60


def test_ratio_carina_and_lungs_are_those_of_a_person(anatomy: Anatomy) -> None:
    assert cardiothoracic_ratio(anatomy.body) == pytest.approx(0.47, abs=0.03)
    assert 1800 < anatomy.log["lung_ml"] < 6000
    trachea = np.argwhere(named(anatomy.body, "trachea")) * 4.0 + anatomy.body.volume.affine[:3, 3]
    assert np.linalg.norm(trachea - anatomy.carina_mm, axis=1).min() < 8.0


def gas_column(anatomy: Anatomy) -> float:
    """Column of the stomach's gas less that of the lungs' middle, as a share of the film."""
    gas = named(anatomy.body, "stomach", "colon") & (anatomy.body.volume.voxels < -500)
    heart = named(anatomy.body, "heart")
    shot = shoot(anatomy, [], Pose(), "PA", size=48, supersample=2, classes=("lungs", "heart"))
    lungs = np.argwhere(named(anatomy.body, "lung")).mean(axis=0)
    across = [np.argwhere(part).mean(axis=0)[0] - lungs[0] for part in (gas, heart)]
    columns = [np.flatnonzero(shot.paths[name].any(axis=0)).mean() for name in ("lungs", "heart")]
    assert np.sign(across[1]) == np.sign(columns[1] - columns[0])
    return float(across[0])


def test_gas_and_heart_lie_on_image_right_and_a_mirrored_body_fails(anatomy: Anatomy) -> None:
    mirrored = replace(anatomy, body=warped(anatomy.body, Warp(centre=base_centre(anatomy), mirror=True)))
    assert gas_column(anatomy) > 0 > gas_column(mirrored)


def base_centre(anatomy: Anatomy) -> np.ndarray:
    """Middle of the grid in mm, about which left and right are exchanged."""
    half = (np.array(anatomy.body.volume.voxels.shape) - 1) / 2
    return anatomy.body.volume.affine[:3, 3] + half * anatomy.body.spacing_mm
