"""Which lesions survive projection: the table of conventions, and the recipe that places them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from hilum.core.errors import InputError, MissingError
from hilum.core.image import Volume
from hilum.drr.conventions import CONVENTIONS
from hilum.drr.field import Structures
from hilum.drr.lesions import LESIONS, LOBES, Lesion, centre_mm, contrast_to_noise, depth_mm, inserted, lesion_mask
from hilum.drr.resample import resampled, structures_resampled

# Measured once by other code on the same CT (2026-11-24): rows as LESIONS, columns as conventions.
TABLE = {
    "linear": (0.68, 2.52, 0.69, 0.20, -0.79, -1.31),
    "bilinear": (0.52, 1.99, 0.55, 0.15, -0.61, -1.01),
    "clamped": (0.55, 2.52, 0.68, 0.16, -0.25, -0.31),
    "thresholded": (0.00, 0.86, 0.24, 0.00, -0.04, -0.03),
}


@pytest.fixture(scope="module")
def chest() -> tuple[Volume, Structures]:
    from hilum.data.chest_ct import chest_ct, chest_structures

    pytest.importorskip("nibabel")
    try:
        volume, structures = chest_ct(), chest_structures()
    except MissingError as reason:
        pytest.skip(str(reason))
    return resampled(volume, 2.0), structures_resampled(structures, 2.0)


@pytest.mark.parametrize("convention", TABLE)
def test_the_table_of_conventions_is_reproduced(chest: tuple[Volume, Structures], convention: str) -> None:
    volume, structures = chest
    found = [contrast_to_noise(volume, structures, lesion, CONVENTIONS[convention]) for lesion in LESIONS]
    for lesion, value, expected in zip(LESIONS, found, TABLE[convention], strict=True):
        assert value == pytest.approx(expected, rel=0.1, abs=0.011), lesion.name


def lungs(spacing: float = 2.0) -> Structures:
    """A right and a left block of lung, each of an upper and a lower lobe (plus a middle one), in a box of nothing."""
    ids = np.zeros((60, 30, 50), np.uint8)
    ids[5:25, 5:25, 25:45], ids[5:25, 5:25, 15:25], ids[5:25, 5:25, 5:15] = 12, 13, 14
    ids[35:55, 5:25, 25:45], ids[35:55, 5:25, 5:25] = 10, 11
    names = dict(zip((10, 11, 12, 13, 14), LOBES, strict=True))
    return Structures(ids, np.diag([spacing, spacing, spacing, 1.0]), names)


def test_a_sphere_has_its_volume_and_stays_in_lung() -> None:
    mask = lesion_mask(lungs(), Lesion("ball", 30.0, 16.0))
    assert mask.sum() * 8.0 == pytest.approx(4 / 3 * np.pi * 8**3, rel=0.05)
    large = lesion_mask(lungs(), Lesion("large", 30.0, 400.0))
    assert np.array_equal(large, lungs().ids > 0)


def test_a_sphere_goes_where_it_is_sent() -> None:
    mask = lesion_mask(lungs(), Lesion("ball", 30.0, 8.0), centre=np.array([90.0, 30.0, 60.0]))
    assert np.argwhere(mask).mean(axis=0) * 2 == pytest.approx([90, 30, 60], abs=0.1)
    with pytest.raises(InputError, match="touches no lung"):
        lesion_mask(lungs(), Lesion("ball", 30.0, 8.0), centre=np.array([500.0, 0.0, 0.0]))


def test_depth_is_what_erosion_by_a_cross_takes_away() -> None:
    rng = np.random.default_rng(3)
    mask = rng.random((20, 20, 20)) > 0.03
    mask[[0, -1]] = mask[:, [0, -1]] = mask[:, :, [0, -1]] = False
    for times in (1, 2, 3):
        kept = depth_mm(mask, (2.0, 2.0, 2.0)) > 2.0 * times + 1e-3
        assert np.array_equal(kept, binary_erosion(mask, iterations=times))


def test_depth_counts_millimetres_along_each_axis() -> None:
    mask = np.zeros((9, 9, 9), bool)
    mask[1:8, 1:8, 1:8] = True
    assert depth_mm(mask, (1.0, 3.0, 5.0))[4, 4, 4] == pytest.approx(4.0)
    assert depth_mm(mask, (5.0, 3.0, 5.0))[4, 4, 4] == pytest.approx(12.0)


def test_a_rim_is_apical_pleural_and_on_its_side() -> None:
    structures = lungs()
    rim = lesion_mask(structures, Lesion("rim", -1000.0, rim_mm=6.0, lobe="lung_upper_lobe_left"))
    where = np.argwhere(rim)
    assert where[:, 0].min() >= 35
    lowest = np.percentile(np.argwhere(np.isin(structures.ids, (10, 11)))[:, 2], 60)
    assert where[:, 2].min() > lowest
    assert not rim[40:50, 10:20, 35:40].any()


def test_filling_keeps_vessels_and_air_takes_them() -> None:
    voxels = np.full((4, 4, 4), -850.0, np.float32)
    voxels[2, 2, 2] = 45.0
    volume, everywhere = Volume(voxels, np.eye(4)), np.ones((4, 4, 4), bool)
    assert inserted(volume, everywhere, -600.0).voxels[2, 2, 2] == 45.0
    assert inserted(volume, everywhere, -600.0).voxels[0, 0, 0] == -600.0
    assert (inserted(volume, everywhere, -980.0).voxels == -980.0).all()
    assert (volume.voxels == voxels).all()
    with pytest.raises(InputError, match="one grid"):
        inserted(volume, everywhere[:2], 0.0)


def test_the_centre_is_in_patient_millimetres() -> None:
    structures = lungs(3.0)
    assert centre_mm(structures, "lung_lower_lobe_right") == pytest.approx([42, 42, 28], abs=3.1)
    with pytest.raises(InputError, match="no structure is named"):
        centre_mm(structures, "lingula")


def test_a_lesion_is_a_sphere_or_a_rim() -> None:
    for sizes in ({}, {"diameter_mm": 3.0, "rim_mm": 3.0}):
        with pytest.raises(InputError, match="needs a diameter or a rim"):
            Lesion("neither", 0.0, **sizes)


def test_conventions_say_what_they_do_to_lung() -> None:
    hu = np.array([-2000.0, -1000.0, -900.0, -810.0, -799.0, -500.0, -100.0, 0.0, 1000.0], np.float32)
    shown = {name: law(hu) for name, law in CONVENTIONS.items()}
    assert (shown["thresholded"][:7] == 0).all()
    assert (shown["clamped"][:5] == 0).all()
    assert shown["clamped"].max() == 1.0
    for name in ("linear", "bilinear"):
        assert (np.diff(shown[name][1:]) > 0).all()
    assert shown["bilinear"][-1] == pytest.approx(0.0573)
    assert (CONVENTIONS["clamped"](np.full((3, 3), -900.0, np.float32)) == 0).all()


def test_resampling_is_exact_for_what_is_linear() -> None:
    x, y, z = np.meshgrid(np.arange(9.0), np.arange(7.0), np.arange(11.0), indexing="ij")
    affine = np.diag([2.0, -3.0, 1.0, 1.0])
    affine[:3, 3] = (10.0, 20.0, 30.0)
    volume = Volume((2 * x - 3 * y + 5 * z).astype(np.float32), affine)
    found = resampled(volume, 1.5)
    assert found.spacing_mm == pytest.approx((1.5, 1.5, 1.5))
    index = np.array([3, 5, 4])
    place = np.linalg.inv(affine) @ found.affine @ np.array([*index, 1.0])
    assert found.voxels[tuple(index)] == pytest.approx(2 * place[0] - 3 * place[1] + 5 * place[2], abs=1e-4)
    with pytest.raises(InputError, match="above 0"):
        resampled(volume, 0.0)


def test_structures_keep_their_ids_on_another_grid() -> None:
    coarse = structures_resampled(lungs(), 4.0)
    assert coarse.present() == lungs().present()
    assert (coarse.ids > 0).sum() * 64 == pytest.approx((lungs().ids > 0).sum() * 8, rel=0.15)
