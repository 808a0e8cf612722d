"""MIMIC-ABN's annotation files as they go round, made small."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hilum.core.errors import InputError, MissingError
from hilum.data.mimic_abn import mimic_abn
from hilum.data.on_disk import on_disk
from tests.data.made_mimic import LATER, OTHER, A, B, E, mimic

ROOT = f"files/p10/p10000032/s{LATER}"
PER_STUDY: dict[str, Any] = {
    "train": [{"id": f"10000032_{LATER}", "report": "left effusion . edema .",
               "image_path": [f"{ROOT}/{A}.dcm", f"{ROOT}/{B}.dcm"], "label": [1]}],
    "val": [],
    "test": [{"id": f"19999999_{OTHER}", "report": "nodule .", "image_path": [f"p19/p19999999/s{OTHER}/{E}.jpg"]}],
}  # fmt: skip
PER_FILM: dict[str, Any] = {
    "train": [{"id": name, "subject_id": 10000032, "study_id": int(LATER), "findings": "left effusion . edema .",
               "image_path": f"{ROOT[6:]}/{name}.jpg"} for name in (A, B)],
    "val": [],
    "test": [{"id": E, "findings": "nodule .", "image_path": [f"p19/p19999999/s{OTHER}/{E}.jpg"]}],
}  # fmt: skip


def layout(root: Path, content: object, name: str = "mimic_abn_annotation.json") -> Path:
    (root / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return root


@pytest.mark.parametrize("content", [PER_STUDY, PER_FILM], ids=["per study", "per film"])
@pytest.mark.parametrize(
    "name", ["mimic_abn_annotation.json", "mlrg_mimic_abn_annotation_v1.1.json", "annotation.json"]
)
def test_both_layouts_give_the_same_studies(tmp_path: Path, content: object, name: str) -> None:
    first, second = mimic_abn(layout(mimic(tmp_path), content, name))
    assert (first.id, first.patient, [film.id for film in first.films]) == (f"s{LATER}", "p10000032", [A, B])
    assert first.report is not None
    assert first.report.findings == "left effusion . edema ."
    assert first.findings == ()  # what the sentences leave out is not absent
    assert (second.id, [film.id for film in second.films]) == (f"s{OTHER}", [E])


def test_the_file_itself_or_its_folder_may_be_given_and_films_elsewhere(tmp_path: Path) -> None:
    path = layout(tmp_path, PER_STUDY) / "mimic_abn_annotation.json"
    assert [study.id for study in mimic_abn(path)] == [study.id for study in mimic_abn(tmp_path)]
    assert list(on_disk(mimic_abn(path))) == []
    assert next(iter(mimic_abn(path, films=mimic(tmp_path / "jpg")))).films[0].pixels.shape == (6, 8)


def test_the_split_is_the_files_and_a_tested_patient_is_not_trained_on(tmp_path: Path) -> None:
    cohort = mimic_abn(layout(tmp_path, PER_STUDY))
    assert (cohort.split_of("p10000032"), cohort.split_of("p19999999")) == ("train", "test")
    mixed = {**PER_STUDY, "val": [{**PER_STUDY["train"][0], "image_path": [f"p10/p10000032/s{OTHER}/{A}.jpg"]}]}
    assert mimic_abn(layout(tmp_path, mixed)).split_of("p10000032") == "val"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "no whole JSON file"),
        ([], "lists 'train', 'val' and 'test'"),
        ({"train": {}}, "lists 'train', 'val' and 'test'"),
        ({"train": ["x"]}, "'train' item 0: 'image_path' must name films"),
        ({"train": [{"report": "x"}]}, "'image_path' must name films"),
        ({"train": [{"image_path": ["a.jpg"], "report": "x"}]}, "'image_path' must name films"),
        ({"train": [{"image_path": [f"{ROOT}.txt"], "report": "x"}]}, "'image_path' must name films"),
        ({"train": [{"image_path": [f"{ROOT}/{A}.jpg", f"p19/p19999999/s{OTHER}/{E}.jpg"]}]}, "of several studies"),
        ({"train": [{"image_path": [f"{ROOT}/{A}.jpg"], "report": ["x"]}]}, "'report' must be text"),
    ],
)
def test_what_is_not_the_layout_is_refused(tmp_path: Path, content: object, why: str) -> None:
    with pytest.raises(InputError, match=why):
        list(mimic_abn(layout(tmp_path, content)))


def test_a_folder_without_it_says_where_it_comes_from(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="WCL, RECAP or MLRG"):
        mimic_abn(tmp_path)
