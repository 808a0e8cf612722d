"""ReXGroundingCT on a made CT of CT-RATE's layout: a mask lies where its body part does, whatever axis came first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError, TooLargeError
from hilum.core.image import Volume
from hilum.core.region import Mask
from hilum.data.rexgrounding_ct import CATEGORIES, channels, rexgrounding_ct
from tests.data.layouts import cut, layout, written
from tests.data.made_ct import chest, nifti, upright

nibabel = pytest.importorskip("nibabel", reason="nibabel (extra 'volume') is not installed")

HU, IDS = chest()
SCAN, OTHER = "train_1741_b_2.nii.gz", "valid_9_a_1.nii.gz"
SAID = {"1": "Large heart.", "0": "Left pneumothorax."}  # in a file, order is by number, not by place
LISTS: dict[str, list[dict[str, Any]]] = {
    "train": [{"name": SCAN, "findings": SAID, "categories": {"0": "2g", "1": "1f"}, "shape": [40, 34, 26]}],
    "val": [],
    "test": [{"name": OTHER, "findings": {"0": "Nodule in the right upper lobe."}}],
}


def masks(path: Path, *ids: int, layout_first: bool = True) -> Path:
    """Write channels (F, i, j, k) as the data set does, with the CT's own affine."""
    drawn = np.stack([(number == IDS).transpose(2, 1, 0) for number in ids]).astype(np.uint8)
    ras = np.diag([-1.0, -1, 1, 1]) @ upright()[:, [2, 1, 0, 3]]
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(drawn if layout_first else np.moveaxis(drawn, 0, -1), ras), path)
    return path


@layout("rexgrounding-ct")
def made(root: Path) -> Path:
    written(root / "dataset.json", LISTS)
    masks(root / "segmentations" / SCAN, 2, 3)  # the left lung, the heart
    nifti(root / "train_fixed/train_1741/train_1741_b" / SCAN, HU)
    return root


def test_each_sentence_has_the_mask_of_its_channel(tmp_path: Path) -> None:
    first, _ = rexgrounding_ct(made(tmp_path))
    pneumothorax, heart = first.findings
    (lung,), (shadow,) = pneumothorax.regions, heart.regions
    assert isinstance(lung, Mask)
    assert isinstance(shadow, Mask)
    assert (lung.pixels == (IDS == 2)).all()
    assert (shadow.pixels == (IDS == 3)).all()
    assert (lung.label, lung.image) == ("Left pneumothorax.", first.id)
    assert (pneumothorax.concept, heart.concept) == ("pneumothorax", "other lesion")


def test_masks_and_ct_share_a_grid(tmp_path: Path) -> None:
    first, _ = rexgrounding_ct(made(tmp_path))
    (volume,) = first.images
    assert isinstance(volume, Volume)
    assert not volume.loaded
    heart = first.findings[1].regions[0]
    assert isinstance(heart, Mask)
    assert volume.id == heart.image == first.id == "train_1741_b_2"
    assert volume.voxels.shape == heart.pixels.shape
    assert volume.voxels[heart.pixels].mean() == pytest.approx(50, abs=1)
    lung = first.findings[0].regions[0]
    assert isinstance(lung, Mask)
    places = np.argwhere(lung.pixels) @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    assert places[:, 0].mean() > 50  # LPS: the left lung is at positive x


def test_sentences_are_the_report_and_the_evidence(tmp_path: Path) -> None:
    first, second = rexgrounding_ct(made(tmp_path))
    assert first.report is not None
    assert first.report.findings == "Left pneumothorax.\nLarge heart."
    for finding in first.findings:
        assert finding.evidence is not None
        said = first.report.findings[finding.evidence.start : finding.evidence.end]
        assert said == SAID[finding.id]
    assert [s.findings for s in first.report.sentences] == [("0",), ("1",)]
    assert second.findings[0].regions == ()  # test masks are withheld
    assert second.images == ()


def test_masks_can_be_left_unread_and_cts_lie_elsewhere(tmp_path: Path) -> None:
    made(tmp_path / "a")
    (tmp_path / "a/train_fixed").rename(tmp_path / "ct")
    first, _ = rexgrounding_ct(tmp_path / "a", ct_rate=tmp_path / "ct", masks=False)
    assert all(not f.regions for f in first.findings)
    assert len(first.images) == 1
    first, _ = rexgrounding_ct(tmp_path / "a")
    assert first.images == ()


def test_patients_of_several_splits_are_held_out(tmp_path: Path) -> None:
    cohort = rexgrounding_ct(made(tmp_path))
    assert [s.id for s in cohort.split("train")] == ["train_1741_b_2"]
    assert [s.id for s in cohort.split("test")] == ["valid_9_a_1"]
    lists = {**LISTS, "val": [{"name": "train_1741_c_1.nii.gz", "findings": {"0": "Emphysema."}}]}
    written(tmp_path / "dataset.json", lists)
    cohort = rexgrounding_ct(tmp_path)
    assert {s.id for s in cohort.split("val")} == {"train_1741_b_2", "train_1741_c_1"}
    assert not list(cohort.split("train"))


def test_the_challenges_list_comes_before_the_papers(tmp_path: Path) -> None:
    written(made(tmp_path) / "MICCAI_challenge_dataset.json", {"train": [], "val": LISTS["train"], "test": []})
    (study,) = rexgrounding_ct(tmp_path).split("val")
    assert study.id == "train_1741_b_2"


def test_categories_are_concepts_of_the_vocabulary() -> None:
    from hilum.core.vocabulary import concept

    assert len(CATEGORIES) == 14
    assert all(concept(name).name == name for name, _ in CATEGORIES.values())


def test_masks_of_another_layout_are_refused(tmp_path: Path) -> None:
    path = masks(tmp_path / SCAN, 2, 3, layout_first=False)
    with pytest.raises(InputError, match=r"expected \(2, i, j, k\), one channel for each finding"):
        channels(path, 2)
    assert channels(masks(tmp_path / SCAN, 2), 1).shape == (1, *IDS.shape)
    assert (channels(nifti(tmp_path / "one.nii.gz", (IDS == 3).astype(np.uint8)), 1)[0] == (IDS == 3)).all()
    with pytest.raises(InputError, match="copy it anew"):
        channels(cut(path, 0.2), 2)


def test_masks_that_need_more_memory_than_a_ct_may_take_are_refused(tmp_path: Path) -> None:
    """A small packed file may declare any size: it is looked at before it is unpacked."""
    path = masks(tmp_path / "a.nii", 2)
    head = bytearray(path.read_bytes())
    head[40:50] = np.array([4, 1, 30_000, 30_000, 30_000], "<i2").tobytes()  # dim of the NIfTI header
    path.write_bytes(head)
    with pytest.raises(TooLargeError, match=r"a\.nii"):
        channels(path, 1)


@pytest.mark.parametrize(
    ("lists", "words"),
    [
        ({"train": [{"name": "scan7.nii.gz", "findings": {}}]}, "no file name of CT-RATE"),
        ({"train": [{"name": SCAN, "findings": ["a"]}]}, "needs 'findings', a dict"),
        ({"train": [{"name": SCAN, "findings": {"first": "a"}}]}, "findings are numbered"),
        ({"train": ["x"]}, "needs 'name'"),
    ],
)  # fmt: skip
def test_a_faulty_list_is_said(tmp_path: Path, lists: dict[str, Any], words: str) -> None:
    written(tmp_path / "dataset.json", lists)
    with pytest.raises(InputError, match=words):
        list(rexgrounding_ct(tmp_path))


def test_missing_and_cut_parts_are_said(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="huggingface"):
        rexgrounding_ct(tmp_path)
    made(tmp_path)
    cut(tmp_path / "segmentations" / SCAN, 0.2)
    with pytest.raises(InputError, match="train_1741_b_2"):
        list(rexgrounding_ct(tmp_path))
    cut(tmp_path / "dataset.json")
    with pytest.raises(InputError, match="not whole JSON"):
        list(rexgrounding_ct(tmp_path))
