"""BenchX's tasks: what is hidden, what is asked, what a perfect and an ignorant model score."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError, MissingError
from hilum.core.finding import Finding
from hilum.core.geometry import FRONTAL
from hilum.core.image import Image, MadeBy
from hilum.core.region import Mask
from hilum.core.registry import register
from hilum.core.report import Question, Report
from hilum.core.study import Study
from hilum.measure.asking import Model, check_fits, load_model
from hilum.measure.metric import UnscoredError, metric
from hilum.measure.metrics.finding_masks import finding_dice
from hilum.measure.metrics.retrieval import place_of
from hilum.measure.run import read_studies, run
from hilum.measure.task import Task, find_task
from hilum.measure.tasks._benchx_films import Films
from hilum.measure.tasks.benchx_retrieval import Queries, _queries

NAMES = ("classification", "segmentation", "report", "retrieval")
SMALL = {"data": "benchx-made"}
BY = MadeBy("oracle")
TEXTS = ("A right effusion is seen.", "The heart is large.", "A left effusion is seen.", "The heart is large.")


@register.dataset("benchx-made", licence="CC0")
def made(root: str | Path) -> Iterator[Study]:
    """Four studies, two of which say the same; one has a lateral film too."""
    for number, text in enumerate(TEXTS):
        pixels = np.random.default_rng(number).random((40, 32)).astype(np.float32)
        film = Image(pixels, view="PA", id=f"film-{number}")
        side = Image(pixels, view="LL", id=f"side-{number}")
        mask = np.zeros((40, 32), bool)
        mask[: 4 + number] = True
        there = "pleural effusion" if "effusion" in text else "cardiomegaly"
        other = {"pleural effusion": "cardiomegaly", "cardiomegaly": "pleural effusion"}[there]
        told = Question("is there an effusion?", ("yes", "no"), "yes" if "effusion" in text else "no")
        findings = (Finding(there, regions=(Mask(mask, film.id),), id="a"), Finding(other, "absent", id="b"))
        images = (film, side) if number == 0 else (film,)
        yield Study(
            f"s{number}",
            f"p{number}",
            images=images,
            report=Report(findings=text),
            findings=findings,
            questions=(told,),
        )


def studies(name: str) -> tuple[Study, ...]:
    return read_studies(find_task(f"benchx/{name}", SMALL), ".")


def oracle(task: Task) -> Model:
    """A model that knows the answers and signs them as its own."""
    known = {study.id: study for study in read_studies(task, ".")}

    def call(study: Study) -> Study:
        truth = known[study.id]
        if study.questions:
            told = [Question(q.text, (), q.answer, q.family, q.id) for q in truth.questions]
            return study.add(questions=told, made_by=BY)
        told_findings = [
            replace(f, id=f"my-{f.id}", made_by=None, state="absent" if f.state == "uncertain" else f.state,
                    probability=float(f.state == "present"), calibration="uncalibrated")
            for f in truth.findings
        ]  # fmt: skip
        report = None if truth.report is None else replace(truth.report, made_by=BY)
        return study.add(findings=told_findings, report=report, made_by=BY)

    return Model("oracle", call, ("images",), ("findings", "report", "questions"))


@pytest.mark.parametrize("name", NAMES)
def test_the_oracle_is_perfect_and_the_floor_is_not(name: str, tmp_path: Path) -> None:
    task = find_task(f"benchx/{name}", SMALL)
    best = run(task, oracle(task), tmp_path / "oracle", root=".", settings=SMALL)
    floor = run(task, task.controls[0], tmp_path / "floor", root=".", settings=SMALL)
    assert best.board.answered == len(best.rows)
    assert not best.board.missing
    for metric_name, line in best.board.lines.items():
        ideal = 0.0 if line.metric.better == "lower" else 1.0
        assert line.interval.value == pytest.approx(ideal, abs=1e-9), metric_name
        worst = floor.board.lines[metric_name].interval.value
        if metric_name.endswith(("@5", "@10", "ece")):  # few choices; and even chances of even findings are calibrated
            continue
        assert not np.isfinite(worst) or worst != pytest.approx(ideal, abs=0.05)


def test_films_are_frontal_and_no_question_tells_the_answer() -> None:
    assert not any(study.questions for name in NAMES[:3] for study in studies(name))
    assert [[film.view for film in study.films] for study in studies("classification")] == [["PA"]] * 4


@pytest.mark.slow
def test_drawn_films_are_frontal_and_what_is_not_mentioned_is_absent() -> None:
    pytest.importorskip("numba")
    found = read_studies(find_task("benchx/classification", {"patients": "2", "family": "parametric"}))
    assert all(film.view in FRONTAL for study in found for film in study.films)
    names = {f.concept for study in found for f in study.findings if f.state == "present"}
    for study in found:
        assert names <= {f.concept for f in study.findings}
    assert any(f.state == "absent" for study in found for f in study.findings)


def test_a_question_holds_its_answer_and_no_equal_text_twice() -> None:
    found = studies("retrieval")
    reports = {study.id: study.report for study in studies("report")}
    assert {study.id.rsplit("/", 1)[1] for study in found} == {"film", "text"}
    for study in found:
        (question,) = study.questions
        own = study.id.rsplit("/", 1)[0]
        assert question.answer in question.choices
        assert len(set(question.choices)) == len(question.choices) >= 2
        if question.family == "film-to-text":
            assert len(study.images) == 1
            assert study.report is None
            assert reports[own] is not None
        else:
            assert question.answer == own
            assert [film.id for film in study.films] == list(question.choices)
            same = [each for each in question.choices if reports[each] == reports[own]]
            assert same == [own]


def test_a_gallery_is_as_large_as_asked_and_the_same_again() -> None:
    two = read_studies(find_task("benchx/retrieval", {**SMALL, "gallery": "2"}), ".")
    assert {len(study.questions[0].choices) for study in two} == {2}
    again = read_studies(find_task("benchx/retrieval", {**SMALL, "gallery": "2"}), ".")
    assert [study.questions for study in two] == [study.questions for study in again]
    with pytest.raises(InputError, match="two or more"):
        Queries(Films(), 1)
    alone = Cohort("one", studies("report")[:1])
    with pytest.raises(InputError, match="two are needed"):
        list(_queries(alone, 5))


def test_what_cannot_be_had_is_said() -> None:
    for settings, said in (({"patients": "0"}, "1 or more"), ({"family": "alien"}, "a family is one of")):
        with pytest.raises(InputError, match=said):
            find_task("benchx/report", settings)
    with pytest.raises(InputError, match="no dataset is called 'nihh'"):
        find_task("benchx/report", {"data": "nihh"})
    with pytest.raises(MissingError, match="give it with --data"):
        find_task("benchx/report", {"data": "nih"}).open()


def test_a_registered_set_that_is_not_in_its_folder_is_missed(tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        list(find_task("benchx/classification", {"data": "nih"}).open(tmp_path))


def asked(right: str, *said: str) -> tuple[Study, Study]:
    question = Question("which?", ("a", "b", "c"), right, "film-to-text", "q")
    hidden = replace(question, answer=None)
    answers = [Question("which?", (), each, "film-to-text", "q") for each in said]
    return Study("s", questions=(question,)), Study("s", questions=(hidden, *answers))


def test_the_place_of_an_answer_is_its_place_among_those_named() -> None:
    assert place_of(*asked("b", "c", "b"), "film-to-text") == 2
    assert place_of(*asked("b", "c"), "film-to-text") == 0
    assert place_of(*asked("b"), "film-to-text") == 0
    with pytest.raises(UnscoredError, match="no 'text-to-film' question"):
        place_of(*asked("b", "b"), "text-to-film")
    one = metric("film-to-text/recall@1")
    assert one.better == "higher"


def with_mask(concept: str, mask: np.ndarray, image: str = "i") -> Study:
    return Study("s", findings=(Finding(concept, regions=(Mask(mask, image),)),))


def test_dice_is_of_the_same_finding_on_the_same_film() -> None:
    left, half = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    left[:, :2], half[:2, :2] = True, True
    truth = with_mask("mass", left)
    assert finding_dice(truth, truth) == 1.0
    assert finding_dice(truth, with_mask("mass", half)) == pytest.approx(2 * 4 / 12)
    assert finding_dice(truth, with_mask("nodule", left)) == 0.0
    assert finding_dice(truth, with_mask("mass", left, "other")) == 0.0
    assert finding_dice(truth, with_mask("mass", np.ones((2, 2), bool))) == 0.0
    assert finding_dice(truth, Study("s")) == 0.0
    with pytest.raises(UnscoredError, match="no mask"):
        finding_dice(Study("s"), truth)


@pytest.mark.parametrize(("name", "model"), [("report", "constant-report"), ("classification", "even-chance"),
                                             ("retrieval", "any-order"), ("segmentation", "silent")])  # fmt: skip
def test_floors_fit_their_tasks(name: str, model: str) -> None:
    task = find_task(f"benchx/{name}", SMALL)
    assert model in task.controls
    check_fits(task, load_model(model))
