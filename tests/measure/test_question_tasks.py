"""ReXVQA as published, VQA-RAD and SLAKE as tasks, on tiny sets of their layouts: closed by choice, open by words."""

from __future__ import annotations

from pathlib import Path

import pytest

from hilum.core.errors import InputError, MissingError
from hilum.core.report import Question
from hilum.core.study import Study
from hilum.data.rexvqa import rexvqa
from hilum.measure.boards import Board, score
from hilum.measure.task import Task, find_task
from tests.data.layouts import LAYOUTS
from tests.data.test_question_sets import rex, written


def made(name: str, root: Path) -> Path:
    return LAYOUTS[name](root)


def board_of(task: Task, studies: list[Study], answers: list[dict[str, str]]) -> Board:
    """Scores of answers by id, '*' standing for every other question."""
    told = []
    for study, said in zip(studies, answers, strict=True):
        own = [Question("", (), said.get(q.id, said.get("*", "")), id=q.id) for q in study.questions]
        told.append(study.hide(*task.hide).add(questions=own))
    return score(task.metrics, studies, told, [""] * len(studies))


def value(board: Board, name: str) -> float:
    return float(board.lines[name].interval.value)


# ---- ReXVQA


def test_published_questions_are_scored_by_letter(tmp_path: Path) -> None:
    task = find_task("rexvqa/published")
    studies = list(task.open(made("rexvqa", tmp_path)))
    assert [study.id for study in studies] == ["s1", "s2"]
    board = board_of(task, studies, [{"q1": "The answer is B.", "q3": "left lung"}, {"*": "A"}])
    assert value(board, "choice-accuracy") == pytest.approx(2 / 3)
    assert value(board, "choice-invalid") == 0.0


@pytest.mark.parametrize(("split", "ids"), [("train", ["s9"]), ("test", ["s1", "s2"])])
def test_a_split_is_a_file(tmp_path: Path, split: str, ids: list[str]) -> None:
    task = find_task("rexvqa/published", {"split": split})
    assert [study.id for study in task.open(made("rexvqa", tmp_path))] == ids


def test_category_and_explanation_are_read_and_hidden(tmp_path: Path) -> None:
    row = {**rex("s1", "B", "a.png"), "correct_answer_explanation": " The right lung is opaque. "}
    written(tmp_path / "metadata/test_vqa_data.json", {"q1": row})
    (study,) = rexvqa(tmp_path, splits=("test",))
    assert study.questions[0].category == "Rib"
    assert study.questions[0].explanation == "The right lung is opaque."
    assert study.hide("questions").questions[0].explanation == ""


def test_a_question_without_an_explanation_has_none(tmp_path: Path) -> None:
    written(tmp_path / "metadata/test_vqa_data.json", {"q1": rex("s1", "B", "a.png")})
    assert next(iter(rexvqa(tmp_path, splits=("test",)))).questions[0].explanation == ""


# ---- VQA-RAD and SLAKE


@pytest.mark.parametrize("name", ["vqa-rad", "slake"])
def test_right_answers_score_one_by_choice_and_by_words(tmp_path: Path, name: str) -> None:
    task = find_task(f"{name}/answers")
    studies = list(task.open(made(name, tmp_path)))
    assert studies
    board = board_of(task, studies, [{q.id: str(q.answer) for q in study.questions} for study in studies])
    found = [
        value(board, each) for each in ("choice-accuracy", "answer-exact", "answer-token-f1") if each in board.lines
    ]
    assert found
    assert all(each == 1.0 or each != each for each in found)


@pytest.mark.parametrize("name", ["vqa-rad", "slake"])
def test_nonsense_scores_nothing_and_is_counted_invalid(tmp_path: Path, name: str) -> None:
    task = find_task(f"{name}/answers")
    studies = list(task.open(made(name, tmp_path)))
    board = board_of(task, studies, [{"*": "who knows"}] * len(studies))
    assert value(board, "choice-accuracy") in (0.0,)
    assert value(board, "choice-invalid") == 1.0


def test_the_pictures_of_vqa_rads_test_are_held_out_whole_unless_asked_otherwise(tmp_path: Path) -> None:
    root = made("vqa-rad", tmp_path)
    held, official = (
        list(find_task("vqa-rad/answers", {"split": split}).open(root)) for split in ("picture", "official")
    )
    assert all("@" not in study.id for study in held)
    assert all(study.id.endswith("@test") for study in official)
    with pytest.raises(InputError, match="'official' or 'picture'"):
        list(find_task("vqa-rad/answers", {"split": "mine"}).open(root))


def test_slake_in_another_language(tmp_path: Path) -> None:
    root = made("slake", tmp_path)
    english = list(find_task("slake/answers").open(root))
    assert {question.id[:2] for study in english for question in study.questions} == {"en"}
    with pytest.raises(InputError, match="'en' and 'zh'"):
        list(find_task("slake/answers", {"language": "fr"}).open(root))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("vqa-rad/answers", "osf.io"),
        ("slake/answers", "med-vqa"),
        ("rexvqa/published", "gated"),
        ("rexvqa/openi", "NLMCXR"),
    ],
)
def test_without_its_data_a_task_says_what_to_get(name: str, words: str) -> None:
    with pytest.raises(MissingError, match=words):
        find_task(name).open(None)
