"""Warps: nothing folds, masks follow voxels, and the cardiothoracic ratio is that of the solids drawn."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.image import Volume
from hilum.drr.field import Structures
from hilum.phantom.warp import Body, Warp, cardiothoracic_ratio, draw_warp, resampled, warped
from tests.phantom.bodies import NAMES, made_body


def test_a_warp_that_moves_nothing_gives_the_body_back() -> None:
    body = made_body()
    same = warped(body, Warp(centre=np.zeros(3)))
    assert np.array_equal(same.structures.ids, body.structures.ids)
    assert np.abs(same.volume.voxels - body.volume.voxels).max() < 1e-3


@pytest.mark.parametrize("family", range(6))
def test_no_warp_folds(family: int) -> None:
    """The determinant of the map's derivative stays above 0 at random places, by central differences."""
    body = made_body()
    warp = draw_warp(body, 1, str(family), heart_scale=(0.66, 0.8, 1.0, 1.2, 1.45, 0.7)[family])
    rng = np.random.default_rng(family)
    points = rng.uniform(-120, 120, (4000, 3)) + warp.centre
    slopes = [(warp.source(points + 0.5 * e) - warp.source(points - 0.5 * e)) for e in np.eye(3)]
    assert np.linalg.det(np.stack(slopes, axis=-1)).min() > 0.05


def test_masks_follow_the_voxels() -> None:
    """Lung is -850 HU and nothing else is: wherever the warp puts it, the mask is there."""
    body = warped(made_body(), draw_warp(made_body(), 3, "a"))
    lungs = body.mask("lung")
    assert lungs.sum() > 1000
    air_like = np.abs(body.volume.voxels + 850) < 1
    assert (air_like & ~lungs).sum() < 0.02 * lungs.sum()
    assert (body.volume.voxels[lungs] < -400).mean() > 0.97


def test_one_family_is_one_body_and_another_is_another() -> None:
    body = made_body()
    first, again, other = (warped(body, draw_warp(body, 5, name)).volume.voxels for name in ("a", "a", "b"))
    assert np.array_equal(first, again)
    assert np.abs(first - other).mean() > 10


def test_the_heart_is_scaled_and_the_ratio_follows() -> None:
    body = made_body()
    ratios = [
        cardiothoracic_ratio(warped(body, draw_warp(body, 0, "x", heart_scale=s, amount=0.0))) for s in (0.7, 1.0, 1.3)
    ]
    assert ratios[0] < ratios[1] - 0.05 < ratios[2] - 0.1
    assert ratios[1] == pytest.approx(72 / 200, abs=0.03)  # half-lengths 36 of the heart, 2 x 100 across both lungs


def test_a_mirror_exchanges_left_and_right() -> None:
    body = made_body()
    mirrored = warped(body, draw_warp(body, 0, "m", amount=0.0, mirror=True))
    x = np.arange(body.volume.voxels.shape[0])
    before, after = (
        np.average(x, weights=each.mask("lung_upper_lobe_left").sum(axis=(1, 2))) for each in (body, mirrored)
    )
    assert before > x.mean() + 5
    assert after < x.mean() - 5


def test_beyond_the_ct_its_border_goes_on() -> None:
    body = made_body()
    smaller = warped(body, Warp(centre=np.zeros(3), scale=(1.0, 1.0, 0.5)))
    middle = tuple(n // 2 for n in body.volume.voxels.shape[:2])
    assert smaller.volume.voxels[middle][0] == pytest.approx(body.volume.voxels[middle][0])


def test_resampling_keeps_places_whatever_the_storage() -> None:
    """The same ball stored with flipped and exchanged axes lands at the same place in mm."""
    ball = np.full((20, 24, 28), -1000.0, np.float32)
    ball[4:8, 10:14, 18:22] = 40.0
    ids = (ball > 0).astype(np.uint8)
    straight = np.diag([4.0, 3.0, 5.0, 1.0])
    turned = np.array([[0, 0, -4.0, 76.0], [0, 3.0, 0, 0], [-5.0, 0, 0, 135.0], [0, 0, 0, 1.0]])
    bodies = [
        resampled(Volume(ball, straight), Structures(ids, straight, {1: "lung"}), spacing_mm=2.0),
        resampled(
            Volume(np.ascontiguousarray(ball.transpose(2, 1, 0)[::-1, :, ::-1]), turned),
            Structures(np.ascontiguousarray(ids.transpose(2, 1, 0)[::-1, :, ::-1]), turned, {1: "lung"}),
            spacing_mm=2.0,
        ),
    ]
    assert np.allclose(bodies[0].volume.voxels, bodies[1].volume.voxels, atol=1e-2)
    middle = np.argwhere(bodies[0].mask("lung")).mean(axis=0) * 2.0 + bodies[0].volume.affine[:3, 3]
    assert middle == pytest.approx([5.5 * 4, 11.5 * 3, 19.5 * 5], abs=1.0)
    assert bodies[0].mask("lung").sum() * 8.0 == pytest.approx(64 * 60.0, rel=0.1)


def test_what_does_not_fit_is_refused() -> None:
    body = made_body()
    other = Structures(body.structures.ids, np.diag([2.0, 2.0, 2.0, 1.0]), NAMES)
    with pytest.raises(InputError, match="another grid"):
        resampled(body.volume, other, spacing_mm=3.0)
    with pytest.raises(InputError, match="above 0 mm"):
        resampled(body.volume, body.structures, spacing_mm=0.0)
    empty = Body(body.volume, Structures(np.zeros_like(body.structures.ids), body.volume.affine, NAMES))
    with pytest.raises(InputError, match="no heart or no lungs"):
        cardiothoracic_ratio(empty)
