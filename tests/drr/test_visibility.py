"""Contrast against anatomy, and what lies over what."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.drr.attenuation import attenuation
from hilum.drr.field import Field
from hilum.drr.labels import Shadow
from hilum.drr.visibility import anatomical_noise, mean_values, occlusion, visibility
from tests.drr import chest


def test_white_noise_is_measured_and_slow_anatomy_is_not() -> None:
    film = np.random.default_rng(0).normal(0, 0.5, (200, 200)).astype(np.float32)
    everywhere = np.ones(film.shape, bool)
    assert anatomical_noise(film, everywhere, (1.0, 1.0)) == pytest.approx(0.5, rel=0.02)
    slow = film + np.linspace(0, 40, 200, dtype=np.float32)[:, None]
    inner = np.zeros_like(everywhere)
    inner[60:140, 60:140] = True
    assert anatomical_noise(slow, inner, (1.0, 1.0)) == pytest.approx(0.5, rel=0.05)


def test_contrast_is_weighted_by_path() -> None:
    change, path = np.zeros((50, 50), np.float32), np.zeros((50, 50), np.float32)
    change[10:12, 10], path[10:12, 10] = (1.0, 3.0), (1.0, 3.0)
    film = np.random.default_rng(1).normal(0, 1, (50, 50)).astype(np.float32)
    assert visibility(change, film, (1, 1)).contrast == pytest.approx(2.0)
    seen = visibility(change, film, (1, 1), path_mm=path)
    assert seen.contrast == pytest.approx(10 / 4)
    assert seen.contrast_to_noise == pytest.approx(2.5 / seen.noise)
    assert visibility(change, film, (1, 1), around_mm=8).noise == pytest.approx(1.0, rel=0.3)
    with pytest.raises(InputError, match="no shadow"):
        visibility(np.zeros_like(change), film, (1, 1))
    with pytest.raises(InputError, match="16 pixels"):
        visibility(change, film, (1, 1), lung_mm=path)


def test_occlusion_is_the_share_under_denser_structures() -> None:
    def box(name: str, columns: slice, path_mm: float) -> Shadow:
        inside = np.zeros((10, 40), bool)
        inside[:, columns] = True
        return Shadow(name, (inside * path_mm).astype(np.float32), inside, 0, 0, (10, 40))

    film = {"lung": box("lung", slice(0, 20), 100.0), "heart": box("heart", slice(15, 30), 80.0),
            "rib": box("rib", slice(0, 2), 6.0), "gas": box("gas", slice(0, 40), 50.0)}  # fmt: skip
    density = {"lung": 0.005, "heart": 0.02, "rib": 0.03, "gas": 0.0}
    found = occlusion("lung", film, density)
    assert found.share == pytest.approx(7 / 20)
    assert found.by == pytest.approx({"heart": 5 / 20, "rib": 2 / 20})
    assert list(found.by) == ["heart", "rib"]
    assert occlusion("rib", film, density).share == 0
    with pytest.raises(InputError, match="a density of 'vessel'"):
        occlusion("vessel", film, density)


def test_mean_values_are_those_of_each_mask() -> None:
    found = chest.structures()
    cut = (slice(None, None, 8), slice(None, None, 8), slice(None, None, 8))
    small = type(found)(found.ids[cut].copy(), found.affine @ np.diag([8, 8, 8, 1]), found.names)
    field = Field(attenuation(chest.ct().voxels[cut]), small.affine)
    means = mean_values(small, field)
    for name in ("heart", "lung_lower_lobe_right", "liver"):
        assert means[name] == pytest.approx(field.values[small.ids == chest.number_of(small, name)].mean(), rel=1e-5)
    assert means["lung_lower_lobe_right"] < 0.4 * means["heart"]


LESIONS = {
    "40 mm ground glass": (40, -600, 0.68), "40 mm consolidation": (40, 30, 2.52), "10 mm solid nodule": (10, 40, 0.69),
    "10 mm ground-glass nodule": (10, -630, 0.20), "60 mm bulla": (60, -980, -0.79),
}  # fmt: skip


def test_lesions_are_as_visible_as_measured_before_for_the_linear_law() -> None:
    """An earlier measurement of this CT: 2 mm grid, rays from front to back, spheres at the median voxel of a lobe.

    Lesions only add to the lung (a bulla only takes away), so that vessels inside stay; contrast by path length.
    """
    from scipy import ndimage

    found, volume = chest.structures(), chest.ct()
    factors = np.array(volume.spacing_mm) / 2.0
    hounsfield = ndimage.zoom(volume.voxels, factors, order=1)
    ids = ndimage.zoom(found.ids, factors, order=0)
    lung, lobe = np.isin(ids, range(10, 15)), np.argwhere(ids == 14)
    film, lung_mm = attenuation(hounsfield).sum(axis=1) * 2.0, lung.sum(axis=1).astype(np.float32) * 2.0
    away = np.linalg.norm(np.moveaxis(np.indices(ids.shape), 0, -1) - np.median(lobe, axis=0), axis=-1) * 2.0
    for name, (diameter, value, published) in LESIONS.items():
        inside = (away <= diameter / 2) & lung
        stronger = np.maximum(hounsfield, value) if value > -900 else np.minimum(hounsfield, value)
        change = attenuation(np.where(inside, stronger, hounsfield)).sum(axis=1) * 2.0 - film
        path = inside.sum(axis=1).astype(np.float32) * 2.0
        seen = visibility(change, film, (2.0, 2.0), lung_mm=lung_mm, path_mm=path)
        assert seen.contrast_to_noise == pytest.approx(published, rel=0.1), name
