"""ReXVQA, SLAKE and VQA-RAD in their layouts, made small: which pictures are kept, answers, splits and their leaks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError, MissingError
from hilum.core.region import Box
from hilum.data.rexvqa import rexvqa
from hilum.data.slake import slake
from hilum.data.vqa_rad import is_other, vqa_rad
from tests.data.layouts import cut, layout, picture, written

# ---- ReXVQA

OPTIONS = ["A. Left lung", "B. Right lung", "C. Both lungs", "D. Neither"]
FILM = "../deid_png/GRDN1/studies/1/instances/a.png"


def rex(study: str, letter: str, *paths: str) -> dict[str, Any]:
    return {"question": " Where is the opacity? ", "options": OPTIONS, "correct_answer": letter, "study_id": study,
            "task_name": "location_analysis", "category": "Rib", "ImagePath": list(paths)}  # fmt: skip


@layout("rexvqa")
def made_rexvqa(root: Path) -> Path:
    rows = {"q1": rex("s1", "B", FILM), "q2": rex("s2", "A", FILM.replace("a.png", "b.png")),
            "q3": rex("s1", "D", FILM, FILM.replace("a.png", "c.png"))}  # fmt: skip
    written(root / "metadata/test_vqa_data.json", rows)
    written(root / "metadata/train_vqa_data.json", {"q9": rex("s9", "c", FILM.replace("a.png", "d.png"))})
    for name in "abcd":
        picture(root / f"deid_png/GRDN1/studies/1/instances/{name}.png")
    return root


def test_rexvqa_joins_the_questions_and_films_of_a_study(tmp_path: Path) -> None:
    train, first, second = rexvqa(made_rexvqa(tmp_path))
    assert [s.id for s in (train, first, second)] == ["s9", "s1", "s2"]
    assert [q.answer for q in first.questions] == ["B. Right lung", "D. Neither"]
    assert [f.id for f in first.films] == ["a", "c"]
    assert first.films[0].pixels.shape == (6, 8)
    assert first.questions[0].text == "Where is the opacity?"
    assert first.questions[0].family == "location_analysis"
    assert train.questions[0].answer == "C. Both lungs"


def test_rexvqas_files_are_its_splits(tmp_path: Path) -> None:
    cohort = rexvqa(made_rexvqa(tmp_path))
    assert [s.id for s in cohort.split("test")] == ["s1", "s2"]
    assert [s.id for s in rexvqa(tmp_path, splits=("train",))] == ["s9"]
    with pytest.raises(InputError, match="no split 'dev'"):
        rexvqa(tmp_path, splits=("dev",))
    with pytest.raises(MissingError, match="huggingface"):
        rexvqa(tmp_path, splits=("valid",))


def test_hidden_answers_stay_hidden(tmp_path: Path) -> None:
    _, first, _ = rexvqa(made_rexvqa(tmp_path))
    assert [q.answer for q in first.hide("questions").questions] == [None, None]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"correct_answer": "E"}, "none of its 4 options"), ({"correct_answer": ""}, "none of its 4 options"),
        ({"options": "A"}, "needs 'options', a list"), ({"question": None}, "needs 'question'"),
        ({"study_id": None}, "study_id"),
    ],
)  # fmt: skip
def test_a_faulty_rexvqa_question_is_named(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    written(tmp_path / "metadata/test_vqa_data.json", {"q1": {**rex("s1", "B", FILM), **change}})
    with pytest.raises(InputError, match=rf"q1.*{words}"):
        list(rexvqa(tmp_path))


# ---- SLAKE


def asked(picture: int, qid: int, **change: Any) -> dict[str, Any]:
    row = {"img_id": picture, "img_name": f"xmlab{picture}/source.jpg", "question": "Is the lung healthy?", "qid": qid,
           "answer": "No", "q_lang": "en", "location": "Lung", "modality": "X-Ray", "answer_type": "CLOSED",
           "content_type": "Abnormality"}  # fmt: skip
    return {**row, **change}


@layout("slake")
def made_slake(root: Path) -> Path:
    place = root / "Slake1.0"
    chinese = {"q_lang": "zh", "question": "肺是健康的吗?", "answer": "不是"}
    written(place / "train.json", [
        asked(1, 0), asked(1, 1, question="What is in the lung?", answer="Effusion", answer_type="OPEN"),
        asked(1, 2, **chinese), asked(2, 3, modality="CT"), asked(3, 4, modality="MRI", location="Brain_Tissue"),
    ])  # fmt: skip
    written(place / "validate.json", [asked(4, 5, **chinese)])
    written(place / "test.json", [asked(5, 6, location="Chest_lung", modality="X-ray", answer="Yes")])
    for number in (1, 2, 3, 4, 5):
        picture(place / f"imgs/xmlab{number}/source.jpg")
    boxes = [
        {"Left Lung": [1, 1, 3, 4]},
        {"Effusion": [2.0, 3.0, 2.0, 2.0]},
        {"Effusion": [5, 3, 2, 2]},
        {"Blob": [0, 0, 1, 1]},
    ]
    written(place / "imgs/xmlab1/detection.json", boxes)
    return root


def test_slake_keeps_chest_radiographs_only(tmp_path: Path) -> None:
    assert [s.id for s in slake(made_slake(tmp_path))] == ["xmlab1", "xmlab5"]
    assert [s.id for s in slake(tmp_path, modalities=("X-Ray", "CT"))] == ["xmlab1", "xmlab2", "xmlab5"]
    brains = slake(tmp_path, modalities=("MRI",), locations=("brain",))
    assert [s.id for s in brains] == ["xmlab3"]


def test_slakes_languages_are_chosen_and_told_by_the_id(tmp_path: Path) -> None:
    english = next(iter(slake(made_slake(tmp_path))))
    assert [(q.id, q.answer, q.choices) for q in english.questions] == [
        ("en-0", "no", ("yes", "no")), ("en-1", "Effusion", ())
    ]  # fmt: skip
    chinese = list(slake(tmp_path, languages=("zh",)))
    assert [q.answer for s in chinese for q in s.questions] == ["不是", "不是"]
    both = next(iter(slake(tmp_path, languages=("en", "zh"))))
    assert [q.id for q in both.questions] == ["en-0", "en-1", "zh-2"]
    with pytest.raises(InputError, match="'en' and 'zh', not 'de'"):
        slake(tmp_path, languages=("de",))  # type: ignore[arg-type]


def test_slakes_boxes_of_findings_are_findings_and_of_organs_are_not(tmp_path: Path) -> None:
    first, second = slake(made_slake(tmp_path))
    (effusion,) = first.findings
    assert effusion.concept == "pleural effusion"
    assert effusion.regions == (Box(2, 3, 4, 5, image="xmlab1"), Box(5, 3, 7, 5, image="xmlab1"))
    assert second.findings == ()


def test_slakes_split_is_by_picture(tmp_path: Path) -> None:
    cohort = slake(made_slake(tmp_path), languages=("en", "zh"))
    assert [[s.id for s in cohort.split(name)] for name in ("train", "validate", "test")] == [
        ["xmlab1"],
        ["xmlab4"],
        ["xmlab5"],
    ]
    written(tmp_path / "Slake1.0/test.json", [asked(1, 9)])
    with pytest.raises(InputError, match=r"xmlab1/source\.jpg is in 'train' too"):
        slake(tmp_path)


def test_faulty_slake_parts_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="med-vqa"):
        slake(tmp_path)
    place = made_slake(tmp_path) / "Slake1.0"
    written(place / "imgs/xmlab1/detection.json", [{"Effusion": [1, 2, 3]}])
    with pytest.raises(InputError, match="box of 'Effusion'"):
        list(slake(tmp_path))
    (place / "imgs/xmlab1/detection.json").unlink()
    (place / "imgs/xmlab1/source.jpg").unlink()
    with pytest.raises(MissingError, match="xmlab1"):
        _ = next(iter(slake(tmp_path))).films[0].pixels
    written(place / "train.json", [asked(1, 0, modality=None)])
    with pytest.raises(InputError, match="question 0 needs 'modality'"):
        slake(tmp_path)


# ---- VQA-RAD


def rad(picture: str, qid: int, question: str, answer: Any, **change: Any) -> dict[str, Any]:
    row = {"qid": qid, "image_name": picture, "image_organ": "CHEST", "question": question, "answer": answer,
           "phrase_type": "freeform", "question_type": "PRES", "answer_type": "CLOSED "}  # fmt: skip
    return {**row, **change}


@layout("vqa-rad")
def made_rad(root: Path) -> Path:
    written(root / "VQA_RAD Dataset Public.json", [
        rad("synpic1.jpg", 1, "Is there an effusion?", "Yes "), rad("synpic1.jpg", 2, "Is this a CT?", "no"),
        rad("synpic1.jpg", 3, "Is an effusion seen?", "yes", phrase_type="test_para"),
        rad("synpic2.jpg", 4, "What is this?", "Axial CT"), rad("synpic2.jpg", 5, "Is there a mass?", "Yes"),
        rad("synpic3.jpg", 6, "Is there a bleed?", "No", image_organ="HEAD"),
        rad("synpic4.jpg", 7, "How many ribs?", 12), rad("synpic5.jpg", 8, "Is this a CT image?", "Yes"),
    ])  # fmt: skip
    for number in range(1, 6):
        picture(root / f"VQA_RAD Image Folder/synpic{number}.jpg")
    return root


def test_vqa_rad_keeps_what_its_questions_do_not_take_for_another_modality(tmp_path: Path) -> None:
    cohort = vqa_rad(made_rad(tmp_path), split="picture")
    assert [s.id for s in cohort] == ["synpic1", "synpic4"]
    assert [q.answer for s in cohort for q in s.questions] == ["yes", "no", "yes", "12"]
    assert next(iter(cohort)).films[0].pixels.shape == (6, 8)


@pytest.mark.parametrize(
    ("question", "answer", "other"),
    [
        ("Is this an MRI?", "No", False), ("Is this an MRI?", "no ", False), ("Is this an MRI?", "Yes", True),
        ("Which modality?", "X-ray", False), ("Which modality?", "CT with contrast", True),
        ("Is the aorta directly anterior?", "yes", False), ("What would an ultrasound show?", "fluid", True),
        ("Is this a pectus deformity?", "yes", False),
    ],
)  # fmt: skip
def test_the_rule_for_other_modalities(question: str, answer: str, other: bool) -> None:
    assert is_other({"question": question, "answer": answer}) is other


def test_the_official_split_shares_pictures_and_the_other_does_not(tmp_path: Path) -> None:
    cohort = vqa_rad(made_rad(tmp_path))
    train, test = list(cohort.split("train")), list(cohort.split("test"))
    assert [(s.id, len(s.questions)) for s in train] == [("synpic1@train", 2), ("synpic4@train", 1)]
    assert [(s.id, len(s.questions)) for s in test] == [("synpic1@test", 1)]
    assert train[0].films[0].id == test[0].films[0].id  # the leak, kept for comparison with published figures
    held = vqa_rad(tmp_path, split="picture")
    assert [s.id for s in held.split("train")] == ["synpic4"]
    assert [(s.id, len(s.questions)) for s in held.split("test")] == [("synpic1", 3)]
    with pytest.raises(InputError, match="'official' or 'picture'"):
        vqa_rad(tmp_path, split="random")  # type: ignore[arg-type]


def test_faulty_vqa_rad_parts_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="osf"):
        vqa_rad(tmp_path)
    path = made_rad(tmp_path) / "VQA_RAD Dataset Public.json"
    (tmp_path / "VQA_RAD Image Folder/synpic1.jpg").unlink()
    with pytest.raises(MissingError, match="synpic1"):
        _ = next(iter(vqa_rad(tmp_path))).films[0].pixels
    rows = json.loads(path.read_text())
    written(path, [{**rows[0], "answer": None}])
    with pytest.raises(InputError, match="question 1 needs 'answer'"):
        vqa_rad(tmp_path)


@pytest.mark.parametrize(
    ("made", "opened", "file"),
    [
        (made_rexvqa, rexvqa, "metadata/test_vqa_data.json"), (made_slake, slake, "Slake1.0/train.json"),
        (made_rad, vqa_rad, "VQA_RAD Dataset Public.json"),
    ],
)  # fmt: skip
def test_cut_lists_are_said(
    tmp_path: Path, made: Callable[[Path], Path], opened: Callable[..., Cohort], file: str
) -> None:
    cut(made(tmp_path) / file)
    with pytest.raises(InputError, match="not whole JSON"):
        list(opened(tmp_path))
    written(tmp_path / file, 5)
    with pytest.raises(InputError, match="holds a int"):
        list(opened(tmp_path))
