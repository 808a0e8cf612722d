"""Where source, patient and film stand: distances, crop, and the way a turned or bent patient goes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.phantom.families_base import named
from hilum.phantom.imaging_frame import DISTANCE_MM, fields_mm, frame
from hilum.phantom.patient import Anatomy, Pose
from tests.phantom.simple_chest import NAMES, chest_anatomy, still


@pytest.fixture(scope="module")
def anatomy() -> Anatomy:
    return chest_anatomy()


@pytest.mark.parametrize("view", ["PA", "AP", "LL", "RL"])
def test_distances_are_those_of_a_department_or_a_ward(anatomy: Anatomy, view: str) -> None:
    drawn = [frame(anatomy, still(), view, size=(64, 64), seed=s)[0] for s in range(12)]  # type: ignore[arg-type]
    low, high = DISTANCE_MM[view]
    assert all(low <= g.source_detector_mm <= high for g in drawn)
    assert np.std([g.source_detector_mm for g in drawn]) > 2
    to_film = [g.source_detector_mm - g.source_isocentre_mm for g in drawn]
    half = 155.0 if view in ("LL", "RL") else 115.0
    assert all(half + 5 < each < half + 65 for each in to_film)
    assert all((1.05 < g.magnification < 1.2) for g in drawn)


@pytest.mark.parametrize(("view", "axis", "lead"), [("PA", 1, 1), ("AP", 1, 1), ("LL", 0, 0)])
def test_the_lungs_take_the_share_of_the_film_that_was_drawn(anatomy: Anatomy, view: str, axis: int, lead: int) -> None:
    """Projected points of the lungs, against what the log says, and the spread that real films have."""
    shares, middles = [], []
    for seed in range(30):
        geometry, log = frame(anatomy, still(), view, size=(96, 96), seed=seed)  # type: ignore[arg-type]
        shadow = geometry.shadow(fields_mm(anatomy, axis=axis))
        box = np.ptp(shadow, axis=0) / 96
        assert box == pytest.approx([log["lung_height_share"], log["lung_width_share"]], abs=0.002)
        assert box.max() <= 0.985
        shares.append(box[lead])
        middles.append((shadow.min(axis=0) + shadow.max(axis=0) + 1) / 2 / 96)
    assert 0.7 < np.mean(shares) < 0.92
    assert 0.02 < np.std(shares) < 0.1
    assert np.mean(middles, axis=0) == pytest.approx([0.49, 0.5], abs=0.03)


def test_lungs_behind_the_liver_do_not_count(anatomy: Anatomy) -> None:
    points = fields_mm(anatomy, axis=1)
    lung = np.argwhere(named(anatomy.body, "lung")) * 4.0 + anatomy.body.volume.affine[:3, 3]
    assert points[:, 2].max() == pytest.approx(lung[:, 2].max())
    right = points[np.abs(points[:, 0] + 66) < 5]
    assert right[:, 2].min() > -60
    assert lung[:, 2].min() <= -90


def shadow_of(anatomy: Anatomy, pose: Pose, place: tuple[float, float, float]) -> np.ndarray:
    geometry, _ = frame(anatomy, pose, "PA", size=(64, 64), seed=0)
    centre, place_px = geometry.shadow(np.array([[0.0, 0.0, 0.0], place]))
    return np.asarray((place_px - centre) * geometry.pitch_mm[0])


def test_left_shoulder_back_moves_the_breastbone_to_the_patients_left(anatomy: Anatomy) -> None:
    straight, turned = still(), replace(still(), rotation_deg=10.0)
    moved = shadow_of(anatomy, turned, (0.0, -90.0, 0.0)) - shadow_of(anatomy, straight, (0.0, -90.0, 0.0))
    assert moved[1] == pytest.approx(90 * np.sin(np.radians(10)) * 1.05, rel=0.12)
    back = shadow_of(anatomy, turned, (0.0, 90.0, 0.0)) - shadow_of(anatomy, straight, (0.0, 90.0, 0.0))
    assert back[1] < -10


def test_leaning_forward_lowers_the_front(anatomy: Anatomy) -> None:
    straight, bent = still(), replace(still(), tilt_deg=8.0)
    moved = shadow_of(anatomy, bent, (0.0, -90.0, 0.0)) - shadow_of(anatomy, straight, (0.0, -90.0, 0.0))
    assert moved[0] == pytest.approx(90 * np.sin(np.radians(8)) * 1.05, rel=0.15)  # rows run to the feet


def test_one_seed_is_one_frame(anatomy: Anatomy) -> None:
    first, again, other = (frame(anatomy, still(), "PA", size=(64, 64), seed=s) for s in (4, 4, 5))
    assert first[1] == again[1]
    assert np.array_equal(first[0].corner, again[0].corner)
    assert first[1] != other[1]


def test_a_body_without_free_lung_or_tissue_is_refused(anatomy: Anatomy) -> None:
    body = anatomy.body
    lungless = replace(body.structures, ids=np.where(named(body, "lung"), 5, body.structures.ids), names=NAMES, kept={})
    with pytest.raises(InputError, match="no lung above the diaphragm"):
        frame(replace(anatomy, body=type(body)(body.volume, lungless)), still(), "PA", size=(64, 64), seed=0)
    empty = body.with_hu(np.full_like(body.volume.voxels, -1000.0))
    with pytest.raises(InputError, match="no tissue"):
        frame(replace(anatomy, body=empty), still(), "PA", size=(64, 64), seed=0)
    with pytest.raises(InputError, match="PA, AP, LL or RL"):
        frame(anatomy, still(), "LAO", size=(64, 64), seed=0)  # type: ignore[arg-type]
