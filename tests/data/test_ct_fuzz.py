"""Damaged CTs and masks: whatever the bytes, a CT or a sentence; never another exception, never a hang."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import HilumError
from hilum.data.ct_folders import folder_cases
from hilum.data.ct_read import read_ct
from hilum.data.ct_structures import check_masks, read_structures
from tests.data.made_ct import chest, nifti, series, upright

pytest.importorskip("nibabel", reason="nibabel (extra 'volume') is not installed")

HU, IDS = chest()
SMALL = 64 * 2**20


def outcome(path: Path) -> str:
    try:
        found = read_ct(path, memory_bytes=SMALL)
    except HilumError as error:
        sentence = str(error)
        assert 20 < len(sentence) < 600
        assert "\n" not in sentence
        return sentence
    assert np.isfinite(found.volume.voxels).all()
    return "read"


@pytest.mark.parametrize("seed", range(4))
def test_changed_bytes_of_a_nifti_header(tmp_path: Path, seed: int) -> None:
    whole = nifti(tmp_path / "a.nii", HU).read_bytes()
    draw = np.random.default_rng(seed)
    said = set()
    for _ in range(40):
        data = bytearray(whole)
        for place in draw.integers(0, 352, draw.integers(1, 5)):
            data[place] = int(draw.integers(0, 256))
        (tmp_path / "b.nii").write_bytes(bytes(data))
        said.add(outcome(tmp_path / "b.nii"))
    assert "read" in said  # most header bytes are words nobody needs
    assert len(said) > 2


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9])
@pytest.mark.parametrize("packed", [True, False])
def test_cut_files(tmp_path: Path, share: float, packed: bool) -> None:
    name = "a.nii.gz" if packed else "a.nii"
    whole = nifti(tmp_path / name, HU).read_bytes()
    cut = tmp_path / f"cut-{name}"
    cut.write_bytes(whole[: int(len(whole) * share)])
    assert outcome(cut) != "read"


def test_a_bomb_that_claims_more_than_there_is(tmp_path: Path) -> None:
    data = bytearray(nifti(tmp_path / "a.nii", HU[:2]).read_bytes())
    data[40:56] = np.array([3, 32000, 32000, 32000, 1, 1, 1, 1], "<i2").tobytes()
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(bytes(data)))
    assert "needs" in outcome(tmp_path / "b.nii.gz")


@pytest.mark.parametrize("seed", range(3))
def test_changed_bytes_of_a_dicom_series(tmp_path: Path, seed: int) -> None:
    paths = series(tmp_path, HU[:6])
    draw = np.random.default_rng(seed)
    for _ in range(12):
        path = paths[int(draw.integers(len(paths)))]
        whole = path.read_bytes()
        data = bytearray(whole)
        for place in draw.integers(132, 900, 4):
            data[place] = int(draw.integers(0, 256))
        path.write_bytes(bytes(data))
        outcome(tmp_path)
        list(folder_cases(tmp_path))
        path.write_bytes(whole)


@pytest.mark.parametrize("seed", range(3))
def test_changed_bytes_of_masks(tmp_path: Path, seed: int) -> None:
    whole = nifti(tmp_path / "a.nii", IDS).read_bytes()
    draw = np.random.default_rng(seed)
    for _ in range(30):
        data = bytearray(whole)
        for place in draw.integers(0, 352, 3):
            data[place] = int(draw.integers(0, 256))
        path = tmp_path / "b.nii"
        path.write_bytes(bytes(data))
        said = ""
        try:
            layers = read_structures([path])
            check_masks(layers, upright(), HU.shape)
        except HilumError as error:
            said = str(error)
        assert said == "" or len(said) > 20


def test_a_nifti_that_does_not_know_left_from_right_is_refused(tmp_path: Path) -> None:
    import nibabel

    path = nifti(tmp_path / "a.nii", HU)
    picture = nibabel.load(path)
    picture.set_sform(None, 0)
    picture.set_qform(None, 0)
    nibabel.save(picture, tmp_path / "b.nii")
    assert "left and right are unknown" in outcome(tmp_path / "b.nii")


def test_names_that_are_not_usual_are_kept_apart(tmp_path: Path) -> None:
    for name in ("ärzte ct.nii.gz", "a b/ct.nii.gz", "a-b.nii.gz", ".hidden.nii.gz", "x_label.nii.gz"):
        nifti(tmp_path / name, HU)
    found = sorted(case.id for case in folder_cases(tmp_path))
    assert found == ["a b", "a-b", "ärzte ct"]
