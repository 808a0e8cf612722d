"""Folders in COCO's layout: plain ones as anyone writes them, masks against pycocotools, and damage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError
from hilum.core.region import Box, Mask
from hilum.data.coco import box_of, coco, mask_of, read_annotations
from hilum.data.layout_coco import runs
from hilum.data.on_disk import on_disk
from tests.data.made_mimic import picture

PLAIN: dict[str, Any] = {
    "images": [{"id": 7, "file_name": "a.png", "height": 6, "width": 8},
               {"id": 8, "file_name": "b.png", "height": 6, "width": 8}],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 3, "bbox": [1, 2, 3, 2]},
        {"id": 2, "image_id": 7, "category_id": 4, "bbox": [0, 0, 4, 4], "segmentation": [[0, 0, 3, 0, 3, 3, 0, 3]]},
    ],
    "categories": [{"id": 3, "name": "pneumothorax"}, {"id": 4, "name": "lung nodule"}],
}  # fmt: skip


def layout(root: Path, content: dict[str, Any] = PLAIN, name: str = "instances_train") -> Path:
    (root / "annotations").mkdir(exist_ok=True, parents=True)
    (root / "annotations" / f"{name}.json").write_text(json.dumps(content))
    picture(root / "images" / "a.png", 102)
    return root


def test_a_plain_folder_is_a_cohort_of_one_film_studies(tmp_path: Path) -> None:
    first, second = coco(layout(tmp_path))
    assert [film.id for film in first.films] == ["a"]
    assert np.allclose(first.films[0].pixels, 0.4)
    with pytest.raises(MissingError, match=r"b\.png is not there"):
        _ = second.films[0].pixels
    assert [(f.concept, f.state) for f in first.findings] == [("pneumothorax", "present"), ("lung nodule", "present")]
    box, mask = (finding.regions[0] for finding in first.findings)
    assert isinstance(box, Box)
    assert box.corners == (1, 2, 4, 4)
    assert box.image == "a"
    assert isinstance(mask, Mask)
    assert mask.pixels[:4, :4].all()
    assert not mask.pixels[4:].any()


def test_pictures_may_lie_beside_the_annotations(tmp_path: Path) -> None:
    picture(tmp_path / "b.png")
    (tmp_path / "anything.json").write_text(json.dumps(PLAIN))
    assert [study.id for study in on_disk(coco(tmp_path))] == ["b"]


@pytest.mark.parametrize("name", ["../a.png", "/etc/a.png"])
def test_a_picture_outside_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    image = {**PLAIN["images"][0], "file_name": name}
    with pytest.raises(InputError, match="does not lie in the folder"):
        list(coco(layout(tmp_path, {**PLAIN, "images": [image], "annotations": []})))


def test_the_files_name_is_the_split(tmp_path: Path) -> None:
    root = layout(tmp_path)
    other = {**PLAIN, "images": [{"id": 1, "file_name": "c.png", "height": 6, "width": 8}], "annotations": []}
    layout(root, other, "instances_val")
    cohort = coco(root)
    assert (cohort.split_of("a"), cohort.split_of("c")) == ("train", "val")
    assert [study.id for study in cohort.split("val")] == ["c"]


def test_what_is_beside_the_format_is_read(tmp_path: Path) -> None:
    image = {**PLAIN["images"][0], "patient": "p1", "study": "s1", "view": "PA", "date_captured": "2020-01-02 03:04:05"}
    mark = {**PLAIN["annotations"][0], "state": "uncertain", "sites": ["left lung"], "change": "new",
            "attributes": {"severity": "mild"}}  # fmt: skip
    (study,) = coco(layout(tmp_path, {**PLAIN, "images": [image], "annotations": [mark]}))
    assert (study.id, study.patient, str(study.time), study.films[0].view) == ("s1", "p1", "2020-01-02 03:04:05", "PA")
    (finding,) = study.findings
    assert (finding.state, finding.sites, finding.change) == ("uncertain", ("left lung",), "new")
    assert finding.attributes == {"severity": "mild"}


@pytest.mark.parametrize("density", [0.0, 0.3, 1.0])
def test_run_lengths_are_those_of_pycocotools(draw: np.random.Generator, density: float) -> None:
    coder = pytest.importorskip("pycocotools.mask")
    pixels = draw.random((13, 9)) < density
    drawn = runs(Mask(pixels))
    assert np.array_equal(coder.decode(coder.frPyObjects(drawn, 13, 9)), pixels)
    again = mask_of({"segmentation": drawn}, 13, 9, "a", "file")
    assert again is not None
    assert np.array_equal(again.pixels, pixels)
    packed = coder.encode(np.asfortranarray(pixels.astype(np.uint8)))
    from_text = mask_of({"segmentation": {**packed, "counts": packed["counts"].decode()}}, 13, 9, "a", "file")
    assert from_text is not None
    assert np.array_equal(from_text.pixels, pixels)


def test_no_segmentation_is_no_mask() -> None:
    assert mask_of({}, 3, 3, "a", "file") is None
    assert mask_of({"segmentation": []}, 3, 3, "a", "file") is None


@pytest.mark.parametrize(
    "drawn",
    [{"size": [3, 3], "counts": [4, 4]}, {"size": [3, 3], "counts": [-1, 10]}, {"size": [3], "counts": [3]},
     {"counts": [9]}, [["a", 1, 2, 3]], {"size": [99_999, 99_999], "counts": [9_999_800_001]}],
)  # fmt: skip
def test_a_damaged_segmentation_is_refused(drawn: object) -> None:
    with pytest.raises(InputError, match="file: annotation 5 has a damaged segmentation"):
        mask_of({"id": 5, "segmentation": drawn}, 3, 3, "a", "file")


@pytest.mark.parametrize("box", [None, [1, 2, 3], [1, 2, 0, 4], ["a", 2, 3, 4], [1, 2, float("nan"), 4]])
def test_a_box_that_is_none_is_refused(box: object) -> None:
    with pytest.raises(InputError, match="file: annotation 5 has the box"):
        box_of({"id": 5, "bbox": box}, "a", "file")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "not in COCO's layout"),
        ("[]", "not in COCO's layout"),
        ('{"images": []}', "not in COCO's layout"),
        (json.dumps({**PLAIN, "categories": []}), "annotation 1 names no image or category of the file"),
        (json.dumps({**PLAIN, "images": PLAIN["images"][1:]}), "annotation 1 names no image or category of the file"),
    ],
)
def test_what_is_not_the_layout_is_refused(tmp_path: Path, content: str, why: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(InputError, match=why):
        list(coco(tmp_path))


def test_missing_files_are_said(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no annotations"):
        coco(tmp_path)
    with pytest.raises(MissingError, match="should be annotations"):
        read_annotations(tmp_path / "x.json")


def test_a_date_that_is_none_is_refused(tmp_path: Path) -> None:
    image = {**PLAIN["images"][0], "date_captured": "yesterday"}
    with pytest.raises(InputError, match="date_captured 'yesterday'"):
        list(coco(layout(tmp_path, {**PLAIN, "images": [image]})))
