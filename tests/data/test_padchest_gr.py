"""PadChest-GR in its layout, made small: sentences, their boxes in pixels, two languages, the official split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hilum.core.errors import InputError, MissingError
from hilum.core.region import Box
from hilum.data.padchest_gr import padchest_gr
from tests.data.layouts import cut, layout, picture, table, written

STUDIES: list[dict[str, Any]] = [
    {
        "StudyID": "s1", "ImageID": "a.png", "PreviousStudyID": None,
        "findings": [
            {"sentence_en": "Left basal effusion, larger.", "sentence_es": "Derrame basal izquierdo, mayor.",
             "abnormal": True, "boxes": [[0.5, 0.5, 1.0, 1.0]], "extra_boxes": [[0.25, 0.5, 1.0, 1.0]],
             "labels": ["pleural effusion", "volume loss"], "locations": ["left", "basal"], "progression": "Worsening"},
            {"sentence_en": "Heart of normal size.", "sentence_es": "Corazón normal.", "abnormal": False},
        ],
    },
    {"StudyID": "s2", "ImageID": "b.png",
     "findings": [{"sentence_en": "Normal.", "sentence_es": "Normal.", "boxes": None}]},
]  # fmt: skip
MASTER = [
    ("s1", "a.png", "p1", "train", "PA"),
    ("s1", "a.png", "p1", "train", "PA"),
    ("s2", "b.png", "p2", "test", "AP"),
]
COLUMNS = ("StudyID", "ImageID", "PatientID", "split", "Projection")


@layout("padchest-gr")
def made(root: Path) -> Path:
    written(root / "grounded_reports_20240819.json", STUDIES)
    table(root / "master_table.csv", COLUMNS, MASTER)
    for name in ("a.png", "b.png"):
        picture(root / "Padchest_GR_files/PadChest_GR" / name, size=(8, 6))
    return root


def changed(root: Path, **finding: Any) -> Path:
    studies = json.loads(json.dumps(STUDIES))
    studies[0]["findings"][0].update(finding)
    written(root / "grounded_reports_20240819.json", studies)
    return root


def test_a_sentence_is_the_evidence_of_its_findings(tmp_path: Path) -> None:
    first, second = padchest_gr(made(tmp_path))
    assert [f.concept for f in first.findings] == ["pleural effusion", "volume loss"]
    effusion = first.findings[0]
    assert effusion.sites == ("left lower lung zone",)
    assert effusion.change == "worsened"
    assert first.report is not None
    assert effusion.evidence is not None
    assert first.report.findings[effusion.evidence.start : effusion.evidence.end] == "Left basal effusion, larger."
    assert [first.report.text(s) for s in first.report.sentences] == [
        "Left basal effusion, larger.",
        "Heart of normal size.",
    ]
    assert first.report.sentences[0].findings == tuple(f.id for f in first.findings)
    assert first.report.sentences[1].findings == ()
    assert not second.findings
    assert [s.films[0].view for s in (first, second)] == ["PA", "AP"]


def test_boxes_are_pixels_of_the_film(tmp_path: Path) -> None:
    effusion = next(iter(padchest_gr(made(tmp_path)))).findings[0]
    assert effusion.regions == (Box(4, 3, 8, 6, image="a.png"),)
    both = next(iter(padchest_gr(tmp_path, extra_boxes=True))).findings[0]
    assert both.regions == (Box(4, 3, 8, 6, image="a.png"), Box(2, 3, 8, 6, image="a.png"))


def test_without_its_film_a_sentence_has_no_box_and_the_film_is_missed(tmp_path: Path) -> None:
    (made(tmp_path) / "Padchest_GR_files/PadChest_GR/a.png").unlink()
    first, _ = padchest_gr(tmp_path)
    assert all(not f.regions for f in first.findings)
    with pytest.raises(MissingError, match=r"a\.png"):
        _ = first.films[0].pixels


def test_sentences_come_in_the_language_asked_for(tmp_path: Path) -> None:
    first, _ = padchest_gr(made(tmp_path), language="es")
    assert first.report is not None
    assert first.report.language == "es"
    assert first.report.findings == "Derrame basal izquierdo, mayor.\nCorazón normal."
    with pytest.raises(InputError, match="'en' and 'es'"):
        padchest_gr(tmp_path, language="zh")  # type: ignore[arg-type]


def test_the_split_is_the_official_one(tmp_path: Path) -> None:
    cohort = padchest_gr(made(tmp_path))
    assert [s.id for s in cohort.split("train")] == ["s1"]
    assert [s.id for s in cohort.split("test")] == ["s2"]
    with pytest.raises(InputError, match="does not name patient 'padchest-p9'"):
        cohort.split_of("padchest-p9")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"boxes": [[0.5, 0.5, 1.0]]}, r"box of a\.png is not"), ({"boxes": [[0.5, 0.5, 0.5, 1.0]]}, "box needs"),
        ({"boxes": [[10, 20, 300, 400]]}, "reaches past its film"),
        ({"sentence_en": None}, "needs 'sentence_en', a str"),
        ({"boxes": ["wide"]}, r"box of a\.png"),
    ],
)  # fmt: skip
def test_a_faulty_finding_is_named(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    made(tmp_path)
    with pytest.raises(InputError, match=words):
        list(padchest_gr(changed(tmp_path, **change)))


def test_missing_and_cut_parts_are_said(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"grounded_reports.*bimcv"):
        padchest_gr(tmp_path)
    made(tmp_path)
    cut(tmp_path / "grounded_reports_20240819.json")
    with pytest.raises(InputError, match="not whole JSON"):
        list(padchest_gr(tmp_path))
    made(tmp_path)
    table(tmp_path / "master_table.csv", COLUMNS, MASTER[2:])
    with pytest.raises(InputError, match="no study 's1'"):
        list(padchest_gr(tmp_path))
    table(tmp_path / "master_table.csv", COLUMNS, [(*MASTER[0][:3], "dev", "PA")])
    with pytest.raises(InputError, match="'dev'"):
        list(padchest_gr(tmp_path))
    (tmp_path / "master_table.csv").unlink()
    with pytest.raises(MissingError, match="master_table"):
        padchest_gr(tmp_path)
