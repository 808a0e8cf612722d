"""DRR-RATE's rendering against path lengths worked out ray by ray, and against what the paper states."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.image import Volume
from hilum.core.vocabulary import concept, label_set, to_concept
from hilum.drr import reference
from hilum.systems._drr_rate_render import DrrRateRendering, eight_bit, thresholded

SPEC = DrrRateRendering()


def speckled(shape: tuple[int, int, int] = (24, 20, 28), step: float = 8.0) -> Volume:
    rng = np.random.default_rng(3)
    affine = np.diag([step, -step, step, 1.0])
    affine[:3, 3] = (-90.0, 70.0, -400.0)
    return Volume(rng.uniform(-1000, 900, shape).astype(np.float32), affine)


@pytest.mark.parametrize("view", ["frontal", "lateral"])
def test_integrals_are_those_of_rays_followed_one_by_one(view: str) -> None:
    """Sum over the ray of (HU + 100) above the threshold, over the length from source to the pixel as published."""
    volume = speckled()
    chosen = SPEC.sized(33)
    found = chosen.integrals(volume, view=view)
    geometry = chosen.geometry(volume, view=view)
    pixels = np.stack(np.meshgrid(np.arange(0, 33, 4), np.arange(0, 33, 4), indexing="ij"), axis=-1).reshape(-1, 2)
    field = thresholded(volume)
    at = geometry.corner + pixels[:, :1] * geometry.column_step + pixels[:, 1:] * geometry.row_step
    near = np.linalg.norm(at - geometry.source, axis=1) * 1000.0 / geometry.source_detector_mm
    expected = reference.siddon(field, geometry, pixels) / near
    hit = expected > 0.05 * expected.max()
    assert hit.sum() > 20
    error = np.abs(found[tuple(pixels.T)] - expected)[hit]
    assert np.median(error / expected[hit]) < 1e-3


def test_numbers_of_the_publication() -> None:
    volume = speckled()
    geometry = SPEC.geometry(volume)
    assert geometry.shape == (512, 512)
    assert geometry.source_isocentre_mm == pytest.approx(1300.0)  # 1000 and the move of 300
    at_isocentre = geometry.pitch_mm[1] * 1000.0 / geometry.source_detector_mm
    assert at_isocentre == pytest.approx(0.51)
    field = 512 * geometry.pitch_mm[1] * 1300.0 / geometry.source_detector_mm
    assert field == pytest.approx(340, abs=1)  # mm, through the middle of the patient
    assert SPEC.sized(96).geometry(volume).pitch_mm[0] * 96 == pytest.approx(geometry.pitch_mm[0] * 512)


def test_the_source_stands_in_front_and_the_lateral_is_a_quarter_turn() -> None:
    """Turning the patient by -90 degrees about the head axis before a frontal is the lateral."""
    volume = speckled((24, 24, 28))
    front, side = (SPEC.sized(40).geometry(volume, view=view) for view in ("frontal", "lateral"))
    assert front.normal @ np.array([0.0, 1.0, 0.0]) == pytest.approx(1.0)
    turned = front.turned((0.0, 0.0, -90.0))
    assert np.allclose(turned.source, side.source)
    assert np.allclose(turned.row_step, side.row_step)


def test_what_is_below_the_threshold_is_ignored() -> None:
    volume = speckled()
    lung = Volume(np.where(volume.voxels < -100, -1000.0, volume.voxels), volume.affine)
    chosen = SPEC.sized(24)
    assert np.array_equal(chosen.integrals(volume), chosen.integrals(lung))
    assert not np.array_equal(DrrRateRendering(threshold_hu=-900.0).sized(24).integrals(volume),
                              DrrRateRendering(threshold_hu=-900.0).sized(24).integrals(lung))  # fmt: skip
    assert not thresholded(Volume(np.full((3, 3, 3), -100.0), np.eye(4))).values.any()


def test_the_picture_runs_from_0_to_255_with_left_on_image_right_and_the_head_up() -> None:
    voxels = np.full((40, 40, 40), -1000.0, np.float32)
    voxels[30:36, 17:23, 30:36] = 1000.0  # to the left, to the head
    film = SPEC.sized(64)(Volume(voxels, np.diag([8.0, 8.0, 8.0, 1.0])))
    row, column = np.unravel_index(int(film.pixels.argmax()), film.pixels.shape)
    assert row < 24
    assert column > 40
    assert film.orientation == ("L", "F")
    assert film.view == "AP"
    grey = film.pixels * 255
    assert np.array_equal(grey, np.rint(grey))
    assert (grey.min(), grey.max()) == (0, 255)
    assert not eight_bit(np.full((3, 3), 7.0)).any()
    with pytest.raises(InputError, match="frontal and a lateral"):
        SPEC.geometry(speckled(), view="oblique")


def test_the_18_labels_are_mapped() -> None:
    known = label_set("ct-rate-18").labels
    assert len(known) == 18
    for label, expected in {"Lung opacity": "lung opacity", "Pleural effusion": "pleural effusion",
                            "Interlobular septal thickening": "septal lines", "Lymphadenopathy": "adenopathy",
                            "Arterial wall calcification": "vascular calcification"}.items():  # fmt: skip
        assert to_concept("ct-rate-18", label).name == concept(expected).name
    assert len({to_concept("ct-rate-18", label).name for label in known}) == 18
