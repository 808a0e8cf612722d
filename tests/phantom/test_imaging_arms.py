"""Arms on laterals: up and out of the way, and nothing else moved."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from hilum.phantom.imaging import shoot
from hilum.phantom.imaging_arms import raised
from hilum.phantom.patient import Pose
from tests.phantom.simple_chest import chest_anatomy
from tests.phantom.thoraces import places, thorax


@pytest.mark.parametrize("view", ["PA", "AP"])
def test_nothing_changes_on_frontal_films(view: str) -> None:
    made = thorax("one")
    assert raised(made, view, seed=1) is made.body  # type: ignore[arg-type]


def test_a_body_without_arms_stays_as_it_is() -> None:
    simple = chest_anatomy()
    assert raised(simple, "LL", seed=1) is simple.body


def test_everything_but_the_humeri_stays_where_it_is() -> None:
    made = thorax("one")
    body = raised(made, "LL", seed=1)
    named = made.body.structures.ids != 0
    arms = ndimage.binary_dilation(made.body.mask("humerus") | body.mask("humerus"))  # voxels shared with them too
    kept = named & ~arms
    assert np.array_equal(made.body.structures.ids[kept], body.structures.ids[kept])
    assert np.array_equal(made.body.volume.voxels[kept], body.volume.voxels[kept])
    assert not np.array_equal(made.body.volume.voxels, body.volume.voxels)


def test_upper_arms_run_up_from_where_they_hung_down() -> None:
    made = thorax("two")
    before, after = (np.argwhere(body.mask("humerus"))[:, 2].mean() for body in (made.body, raised(made, "LL", seed=2)))
    lungs = np.argwhere(made.body.mask("lung"))[:, 2].max()
    assert before < after
    assert after > lungs


def test_beside_the_torso_is_air() -> None:
    made = thorax("one")
    body = raised(made, "LL", seed=3)
    x = body.volume.affine[0, 3] + body.spacing_mm * np.arange(body.volume.voxels.shape[0])
    far = np.abs(x) > 0.5 * made.log["drawn"]["torso_width_mm"] + 8.0
    middle = slice(*np.quantile(np.argwhere(made.body.mask("lung"))[:, 2], [0.2, 0.6]).astype(int))
    assert (body.volume.voxels[far][:, :, middle] < -900).mean() > 0.99
    assert places(made, "humerus")[:, 0].max() > x[~far].max() - 40.0  # where an arm had been


def test_rays_from_the_side_meet_less_shoulder() -> None:
    made = thorax("one")
    still = Pose(exposure_seed=4)
    shot = shoot(made, (), still, "LL", size=64, supersample=1, classes=("lungs",))
    apex = shot.paths["lungs"][:16].max(axis=1).argmax()
    assert shot.maps["soft tissue"].max() < 60.0
    assert np.isfinite(shot.maps["soft tissue"][apex]).all()


def test_one_seed_is_one_pose_of_the_arms() -> None:
    made = thorax("one")
    first, again, other = (raised(made, "LL", seed=seed).volume.voxels for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
