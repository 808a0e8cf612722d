"""CTs in bad states: a sentence for a person, or a remark and the right voxels; nothing silently lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import DecodeError, HilumError, InputError, TooLargeError
from hilum.data.ct_read import grid_of, parse_rescale, read_ct
from tests.data.made_ct import chest, nifti, series, upright

pytest.importorskip("nibabel", reason="nibabel (extra 'volume') is not installed")

HU = chest()[0]


def sheared(affine: np.ndarray) -> np.ndarray:
    tilted = affine.copy()
    tilted[1, 0] += 3.0  # each slice 3 mm further back: a gantry tilt of 14 degrees
    return tilted


def turned(affine: np.ndarray) -> np.ndarray:
    angle = np.radians(25)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return turn @ affine


@pytest.mark.parametrize(("change", "word"), [(sheared, "sheared by"), (turned, "obliquely"), (np.array, "")])
def test_sheared_and_oblique_grids_are_kept_with_a_remark(tmp_path: Path, change: object, word: str) -> None:
    affine = change(upright())  # type: ignore[operator]
    for place in (nifti(tmp_path / "a.nii.gz", HU, affine), tmp_path / "slices"):
        if place.suffix != ".gz":
            series(place, HU, affine)
        found = read_ct(place)
        np.testing.assert_allclose(found.volume.affine, affine, atol=1e-3)
        np.testing.assert_array_equal(found.volume.voxels, HU)
        np.testing.assert_allclose(grid_of(place), affine, atol=1e-3)
        assert bool(word) == any(word in remark for remark in found.remarks)


def test_raw_values_are_refused_unless_their_intercept_is_given(tmp_path: Path) -> None:
    path = nifti(tmp_path / "raw.nii.gz", HU + 1024)
    with pytest.raises(InputError, match=r"raw.nii.gz.*not Hounsfield.*--rescale 1,-1024"):
        read_ct(path)
    np.testing.assert_array_equal(read_ct(path, rescale="1,-1024").volume.voxels, HU)
    forced = read_ct(path, rescale="header")
    assert any("not Hounsfield" in remark for remark in forced.remarks)


def test_a_series_without_an_intercept_is_refused_with_the_remedy(tmp_path: Path) -> None:
    series(tmp_path, HU, RescaleIntercept=None, RescaleSlope=None)
    with pytest.raises(InputError, match="--rescale 1,-1024"):
        read_ct(tmp_path)
    np.testing.assert_array_equal(read_ct(tmp_path, rescale="1,-1024").volume.voxels, HU)


def test_a_header_that_rescales_hounsfield_units_again_can_be_ignored(tmp_path: Path) -> None:
    """Stored values are HU, the header still says intercept -1024: read as it says, air is at -2024."""
    path = nifti(tmp_path / "twice.nii", HU)
    data = bytearray(path.read_bytes())
    data[112:120] = np.array([1.0, -1024.0], "<f4").tobytes()  # scl_slope, scl_inter
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match=r"rescaled twice.*-2024.*--rescale none"):
        read_ct(path)
    np.testing.assert_array_equal(read_ct(path, rescale="none").volume.voxels, HU)


def test_a_collections_table_is_applied_only_where_the_values_need_it(tmp_path: Path) -> None:
    raw = read_ct(nifti(tmp_path / "v1.nii.gz", HU + 8192), table_rescale=(1.0, -8192.0))
    np.testing.assert_array_equal(raw.volume.voxels, HU)
    assert any("intercept -8192 of the collection's table" in remark for remark in raw.remarks)
    fixed = read_ct(nifti(tmp_path / "v2.nii.gz", HU), table_rescale=(1.0, -8192.0))
    np.testing.assert_array_equal(fixed.volume.voxels, HU)
    assert any("already" in remark for remark in fixed.remarks)


def test_the_largest_of_several_series_is_taken_or_the_one_named(tmp_path: Path) -> None:
    series(tmp_path, HU, uid="71")
    series(tmp_path, HU[:5], uid="72")
    series(tmp_path, HU[:3], uid="73", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    found = read_ct(tmp_path)
    assert found.volume.voxels.shape == HU.shape
    said = " ".join(found.remarks)
    assert "2 series" in said
    assert "of 5 left out" in said
    assert "3 localizers" in said
    assert read_ct(tmp_path, series="72", rescale="header").volume.voxels.shape[0] == 5
    with pytest.raises(InputError, match=r"--series 999 fits 0 series.*26 slices.*5 slices"):
        read_ct(tmp_path, series="999")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"ImagePositionPatient": lambda i: [0, 0, i * 12 + (24 if i > 9 else 0)]},
            "2 slice.*missing.*Copy the series",
        ),
        ({"ImagePositionPatient": lambda i: [0, 0, i // 2 * 12]}, "share a position.*separate them"),
        ({"PixelSpacing": lambda i: [9, 9 + i // 20]}, "differ in size or spacing"),
    ],
)
def test_broken_series_are_refused_by_name(tmp_path: Path, changes: dict, words: str) -> None:
    series(tmp_path / "scan-7", HU, **changes)
    with pytest.raises(HilumError, match=f"scan-7.*{words}"):
        read_ct(tmp_path / "scan-7")


def test_no_ct_one_slice_one_file_and_four_dimensions(tmp_path: Path) -> None:
    import nibabel

    with pytest.raises(InputError, match="there is no file or folder"):
        read_ct(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no CT slices"):
        read_ct(tmp_path / "empty")
    paths = series(tmp_path / "one", HU[:1])
    with pytest.raises(HilumError, match="at least 2 slices"):
        read_ct(tmp_path / "one")
    with pytest.raises(InputError, match="give the folder"):
        read_ct(paths[0])
    with pytest.raises(HilumError, match="single slice of 34 x 40"):
        read_ct(nifti(tmp_path / "flat.nii", HU[:1]))
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 4, 2), np.int16), np.eye(4)), tmp_path / "four.nii")
    with pytest.raises(DecodeError, match="three dimensions"):
        read_ct(tmp_path / "four.nii")


def test_a_constant_volume_is_refused_whatever_rescale_says(tmp_path: Path) -> None:
    path = nifti(tmp_path / "a.nii", np.full_like(HU, 5))
    for rescale in ("auto", "header", "1,-1000"):
        with pytest.raises(InputError, match="every voxel is"):
            read_ct(path, rescale=rescale)


def test_voxels_that_are_no_numbers_are_air_at_the_rim_and_refused_in_the_middle(tmp_path: Path) -> None:
    rim = HU.astype(np.float32)
    rim[:, 0, :] = np.nan
    found = read_ct(nifti(tmp_path / "rim.nii", rim))
    assert (found.volume.voxels[:, 0] == -1000).all()
    assert any("2.94% of the voxels are not numbers" in remark for remark in found.remarks)
    rim[13, 17, 20] = np.nan
    with pytest.raises(InputError, match="not numbers, some in the middle"):
        read_ct(nifti(tmp_path / "middle.nii", rim))


@pytest.mark.parametrize("kind", ["nifti", "dicom"])
def test_a_volume_over_the_memory_is_averaged_while_it_is_read(tmp_path: Path, kind: str) -> None:
    place = nifti(tmp_path / "a.nii.gz", HU) if kind == "nifti" else tmp_path / "slices"
    if kind == "dicom":
        series(place, HU)
    found = read_ct(place, memory_bytes=HU.size * 4 // 3)
    assert found.volume.voxels.size * 4 <= HU.size * 4 // 3
    assert any("were averaged" in remark for remark in found.remarks)
    assert abs(found.volume.voxels.mean() - HU.mean()) < 5
    with pytest.raises(TooLargeError, match=r"needs 138.1 KiB of memory.*allow more"):
        read_ct(place, memory_bytes=300)


def test_padding_below_air_is_air_for_the_rays(tmp_path: Path) -> None:
    from hilum.drr.project import project

    padded = np.array(HU)
    padded[:, :2] = -3024
    plain = np.array(HU)
    plain[:, :2] = -1000
    films = [
        project(read_ct(nifti(tmp_path / f"{n}.nii", hu)).volume, size=32).pixels
        for n, hu in enumerate((padded, plain))
    ]
    np.testing.assert_allclose(films[0], films[1], atol=1e-5)


def test_rescale_is_read_or_refused() -> None:
    assert parse_rescale("none") == ("given", (1.0, 0.0))
    assert parse_rescale("2,-5.5") == ("given", (2.0, -5.5))
    for wrong in ("", "1", "1,2,3", "a,b", "0,5", "nan,1"):
        with pytest.raises(InputError, match="--rescale"):
            parse_rescale(wrong)
