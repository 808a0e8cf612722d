"""MS-CXR as CSV and as COCO JSON, made small: phrases, boxes, their films, the split of 1.1.0."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hilum.core.errors import InputError, MissingError
from hilum.core.region import Box
from hilum.data.ms_cxr import ms_cxr
from hilum.data.on_disk import on_disk
from tests.data.made_mimic import LATER, OTHER, A, B, E, mimic, table

HEAD = "dicom_id,category_name,label_text,path,x,y,w,h,image_width,image_height"
PLACE_A = f"files/p10/p10000032/s{LATER}/{A}.jpg"
PLACE_E = f"files/p19/p19999999/s{OTHER}/{E}.jpg"
ROWS = [
    (A, "Pneumonia", "left basilar opacity", PLACE_A, 1, 2, 3, 4, "train"),
    (A, "Pneumonia", "left basilar opacity", PLACE_A, 0, 0, 2, 2, "train"),
    (A, "Atelectasis", "left basilar opacity", PLACE_A, 1, 2, 3, 4, "train"),
    (B, "Pleural Effusion", "a small effusion, right", PLACE_A.replace(A, B), 4, 4, 1, 1, "train"),
    (E, "Lung Opacity", "opacity", PLACE_E, 5, 5, 2, 1, "test"),
]


def as_csv(root: Path, *, version: str = "v1.1.0") -> Path:
    old = version == "v1.0.0"
    lines = [HEAD if old else f"{HEAD},split"]
    for dicom, category, text, path, x, y, w, h, split in ROWS:
        cells = [dicom, category, f'"{text}"', path, x, y, w, h, 8, 6, *([] if old else [split])]
        lines.append(",".join(map(str, cells)))
    table(root / f"MS_CXR_Local_Alignment_{version}.csv", lines)
    return root


def as_json(root: Path) -> Path:
    images = {dicom: path for dicom, _, _, path, *_ in ROWS}
    numbers = {dicom: number for number, dicom in enumerate(images, start=1)}
    names = sorted({row[1] for row in ROWS})
    content = {
        "images": [{"id": numbers[dicom], "file_name": f"{dicom}.jpg", "path": path, "height": 6, "width": 8}
                   for dicom, path in images.items()],
        "categories": [{"id": number, "name": name} for number, name in enumerate(names)],
        "annotations": [
            {"id": at, "image_id": numbers[dicom], "category_id": names.index(category), "label_text": text,
             "bbox": [x, y, w, h], "split": split, "height": 6, "width": 8}
            for at, (dicom, category, text, _, x, y, w, h, split) in enumerate(ROWS)
        ],
    }  # fmt: skip
    (root / "MS_CXR_Local_Alignment_v1.1.0.json").write_text(json.dumps(content))
    return root


def test_phrases_have_their_boxes_and_point_into_the_report(tmp_path: Path) -> None:
    study = next(iter(ms_cxr(as_csv(mimic(tmp_path)))))
    assert (study.id, study.patient) == (f"s{LATER}", "p10000032")
    pneumonia, atelectasis, effusion = study.findings
    assert [box.corners for box in pneumonia.regions if isinstance(box, Box)] == [(1, 2, 4, 6), (0, 0, 2, 2)]
    assert [region.image for region in effusion.regions] == [B]
    assert [finding.concept for finding in study.findings] == ["pneumonia", "atelectasis", "pleural effusion"]
    assert study.report is not None
    assert study.report.findings == "left basilar opacity\na small effusion, right"
    for finding, phrase in ((pneumonia, "left basilar opacity"), (effusion, "a small effusion, right")):
        assert finding.evidence is not None
        assert study.report.findings[finding.evidence.start : finding.evidence.end] == phrase
    first, second = study.report.sentences
    assert study.report.text(first) == "left basilar opacity"
    assert first.findings == (pneumonia.id, atelectasis.id)
    assert second.findings == (effusion.id,)
    assert "radiologists" in str(pneumonia.made_by)


def test_the_json_says_what_the_csv_says(tmp_path: Path) -> None:
    one, two = as_csv(mimic(tmp_path / "csv")), as_json(mimic(tmp_path / "json"))
    assert list(on_disk(ms_cxr(one))) == list(on_disk(ms_cxr(two)))
    for first, second in zip(ms_cxr(one), ms_cxr(two), strict=True):
        assert (first.findings, first.report) == (second.findings, second.report)
    assert ms_cxr(two).split_of("p19999999") == "test"


def test_films_are_those_of_mimic_where_they_are(tmp_path: Path) -> None:
    first, other = ms_cxr(as_csv(tmp_path), films=mimic(tmp_path / "jpg"))
    assert [film.id for film in first.films] == [A, B]
    assert first.films[0].pixels.shape == (6, 8)
    assert [film.id for film in other.films] == [E]
    assert list(on_disk(ms_cxr(tmp_path))) == []


def test_splits_are_those_of_1_1_0_by_patient(tmp_path: Path) -> None:
    cohort = ms_cxr(as_csv(tmp_path))
    assert (cohort.split_of("p10000032"), cohort.split_of("p19999999")) == ("train", "test")
    (tmp_path / "old").mkdir()
    with pytest.raises(InputError, match="no splits"):
        ms_cxr(as_csv(tmp_path / "old", version="v1.0.0")).split_of("p10000032")


def test_the_newest_table_is_read_and_csv_before_json(tmp_path: Path) -> None:
    as_json(as_csv(as_csv(tmp_path), version="v1.0.0"))
    assert ms_cxr(tmp_path).split_of("p19999999") == "test"  # 1.0.0 has no split


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f"{A},Pneumonia,text,files/elsewhere.jpg,1,2,3,4,8,6,train", "no path of MIMIC-CXR"),
        (f"{A},Pneumonia,text,{PLACE_A},1,2,0,4,8,6,train", "has the box 1, 2, 0, 4"),
        (f"{A},Pneumonia,text,{PLACE_A},1,2,wide,4,8,6,train", "has the box 1, 2, wide, 4"),
        (f"{A},Pneumonia,text,{PLACE_A},1,2", "is cut before 'w'"),
        (f"{A},Hernia,text,{PLACE_A},1,2,3,4,8,6,train", "unknown label"),
    ],
)
def test_a_damaged_row_is_refused(tmp_path: Path, line: str, why: str) -> None:
    table(tmp_path / "MS_CXR_Local_Alignment_v1.1.0.csv", [f"{HEAD},split", line])
    with pytest.raises(InputError, match=why):
        list(ms_cxr(tmp_path))


def test_damaged_json_and_no_table_are_said(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="MS_CXR_Local_Alignment"):
        ms_cxr(tmp_path)
    path = tmp_path / "MS_CXR_Local_Alignment_v1.0.0.json"
    path.write_text("{")
    with pytest.raises(InputError, match="not in COCO's layout"):
        list(ms_cxr(tmp_path))
    content = json.loads((as_json(tmp_path) / "MS_CXR_Local_Alignment_v1.1.0.json").read_text())
    content["annotations"][0]["bbox"] = [1, 2]
    (tmp_path / "MS_CXR_Local_Alignment_v1.1.0.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"has the box \[1, 2\]"):
        list(ms_cxr(tmp_path))
