"""Galleries of any cohort, floors on any question, and what a model may and may not hand back."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.image import Image, MadeBy
from hilum.core.registry import register
from hilum.core.report import Question, Report
from hilum.core.study import Study
from hilum.learn.pairs import CONCEPTS
from hilum.measure.asking import CARD, Model, OverwroteError, added, check_fits, digest, load_model, record_of
from hilum.measure.metrics.retrieval import FILM_TO_TEXT, TEXT_TO_FILM
from hilum.measure.task import Task
from hilum.measure.tasks.benchx_findings import benchx_classification, benchx_report, benchx_segmentation
from hilum.measure.tasks.benchx_retrieval import _queries, benchx_retrieval
from hilum.systems.floors import NORMAL, any_order, constant_report, even_chance
from hilum.text.findings import to_findings
from hilum.text.parse import parse

PIXELS = np.full((4, 6), 0.5, np.float32)
WORDS = ("A mass.", "Clear.", "An effusion.", "")


def cohort(numbers: list[int]) -> Cohort:
    """Studies whose films all have one name, some without a report."""
    return Cohort("made", [
        Study(f"s{at:02}", f"p{at}", images=(Image(PIXELS, view="PA", id="film"), Image(PIXELS, view="LL", id="side")),
              report=Report(impression=WORDS[number])) for at, number in enumerate(numbers)
    ])  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=9), st.integers(2, 12))
def test_each_told_film_is_asked_both_ways_among_as_many_as_there_are(numbers: list[int], gallery: int) -> None:
    told = {f"s{at:02}": WORDS[number] for at, number in enumerate(numbers) if WORDS[number]}
    if len(told) < 2:
        with pytest.raises(InputError, match=f"'made' has {len(told)} studies with a film and a report: two are need"):
            list(_queries(cohort(numbers), gallery))
        return
    queries = list(_queries(cohort(numbers), gallery))
    assert [each.id for each in queries] == [f"{name}/{way}" for name in told for way in ("film", "text")]
    for study in queries:
        own, (question,) = study.id.split("/")[0], study.questions
        if question.family == FILM_TO_TEXT:
            assert (question.answer, study.report) == (told[own], None)
            assert len(question.choices) == min(gallery, len(set(told.values())))
            assert set(question.choices) <= set(told.values())
            assert [image.id for image in study.images] == ["film"]
        else:
            assert (question.answer, question.family) == (own, TEXT_TO_FILM)
            rivals = [name for name, text in told.items() if text != told[own]]
            assert len(question.choices) == min(gallery, 1 + len(rivals))
            assert set(question.choices) <= {own, *rivals}
            assert [image.id for image in study.images] == list(question.choices)
            assert study.report == Report(findings=told[own])
        assert list(question.choices) == sorted(set(question.choices))  # the order gives nothing away


def test_the_right_choice_stands_anywhere() -> None:
    places = Counter(study.questions[0].choices.index(study.questions[0].answer or "")
                     for study in _queries(cohort([at % 3 for at in range(24)]), 3))  # fmt: skip
    assert set(places) == {0, 1, 2}
    assert max(places.values()) < 0.7 * sum(places.values())


def test_tasks_hide_what_they_ask_for_and_name_a_floor() -> None:
    for made, hidden, floor in ((benchx_classification, "findings", "even-chance"),
                                (benchx_segmentation, "findings", "silent"),
                                (benchx_report, "report", "constant-report"),
                                (benchx_retrieval, "questions", "any-order")):  # fmt: skip
        task = made()
        assert hidden in task.hide
        assert task.controls == (floor,)
        assert task.needs_data == "a registered data set, named with --set data=NAME"
    assert benchx_retrieval().metrics == tuple(
        f"{way}/recall@{first}" for way in ("film-to-text", "text-to-film") for first in (1, 5, 10)
    )


def test_the_constant_report_says_that_nothing_is_there() -> None:
    found = to_findings(parse({"findings": NORMAL.findings, "impression": NORMAL.impression}))
    assert {"pleural effusion", "pneumothorax"} <= {each.concept for each in found}
    assert {each.state for each in found} == {"absent"}
    twice = constant_report(constant_report(Study("s")))
    assert twice.report == NORMAL
    assert [str(each.made_by) for each in twice.provenance] == ["constant-report"] * 2


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 25), st.integers(0, 1000))
def test_any_order_names_every_choice_once_up_to_ten_and_each_question_has_its_own(count: int, seed: int) -> None:
    choices = tuple(f"c{at}" for at in range(count))
    asked = tuple(Question("which?", choices, None, "f", f"q{at}") for at in range(2))
    answers = any_order(Study("s", questions=asked), seed=seed).questions[2:]
    for at in range(2):
        said = [each.answer for each in answers if each.id == f"q{at}"]
        assert len(said) == len(set(said)) == min(10, count)
        assert set(said) <= set(choices)
    assert all(each.choices == () and each.family == "f" for each in answers)


def test_even_chances_are_of_the_shared_findings_and_signed() -> None:
    found = even_chance(even_chance(Study("s")))
    assert Counter(each.concept for each in found.findings) == dict.fromkeys(CONCEPTS, 2)
    assert {each.state for each in found.findings} == {"uncertain"}


def full() -> Study:
    return Study(
        "now", "p", datetime(2020, 1, 1), (Image(PIXELS, view="unknown", id="film"),), Report(findings="Clear."),
        (Finding("mass", made_by=MadeBy("reader")),), (Question("clear?", answer="yes"),), Study("before"),
    )  # fmt: skip


@pytest.mark.parametrize(("name", "changes"), [
    ("id", {"id": "then"}), ("patient", {"patient": "q"}), ("time", {"time": datetime(2021, 1, 1)}),
    ("prior", {"prior": None}), ("findings", {"findings": ()}), ("questions", {"questions": ()}),
    ("images", {"images": ()}), ("report", {"report": None}), ("report", {"report": Report(findings="A mass.")}),
    ("findings", {"findings": (Finding("nodule"),)}), ("images", {"images": (Image(PIXELS, id="other"),)}),
])  # fmt: skip
def test_whatever_a_model_changes_is_named(name: str, changes: dict[str, object]) -> None:
    given_study = full()
    with pytest.raises(OverwroteError, match=rf"\b{name}\b.*a model only adds"):
        added(given_study, replace(given_study, **changes), full())  # type: ignore[arg-type]


def test_a_view_may_be_filled_in_but_not_changed() -> None:
    given_study = full()
    filled = replace(given_study, images=(Image(PIXELS, view="PA", id="film"),))
    assert added(given_study, filled, full()).images == ()
    with pytest.raises(OverwroteError, match="images"):
        added(filled, replace(filled, images=(Image(PIXELS, view="AP", id="film"),)), full())


def test_what_was_hidden_may_not_come_back_signed_and_what_is_no_study_is_named() -> None:
    reference = full()
    blind = reference.hide("findings", "questions")
    copy = Finding("mass", made_by=MadeBy("reader"))
    with pytest.raises(OverwroteError, match="a hidden finding, signed by its author"):
        added(blind, blind.add(findings=(copy,), made_by=MadeBy("me")), reference)
    with pytest.raises(OverwroteError, match="handed back what was hidden"):
        added(blind, blind.add(findings=reference.findings, made_by=MadeBy("me")), reference)
    own = blind.add(findings=(Finding("mass"),), made_by=MadeBy("me"))
    assert [each.concept for each in added(blind, own, reference).findings] == ["mass"]
    for answer, kind in ((None, "NoneType"), ("clear", "str"), ({}, "dict")):
        with pytest.raises(InputError, match=f"returned a {kind}, not a Study"):
            added(blind, answer, reference)


def test_nothing_added_leaves_no_record_but_a_signature_does() -> None:
    blind = full().hide("findings")
    assert record_of(added(blind, blind, full())) is None
    record = record_of(added(blind, blind.add(made_by=MadeBy("me", "2")), full()))
    assert record is not None
    assert "me" in json.dumps(record["provenance"])


def test_a_hash_hangs_on_what_is_hidden_and_on_nothing_else() -> None:
    study = full()
    assert digest(study, ("report",)) == digest(replace(study, findings=()), ("report",))
    assert digest(study, ("report",)) != digest(replace(study, report=Report(findings="Clear!")), ("report",))
    assert digest(study, ()) == digest(study.hide("report", "findings", "images"), ())
    assert digest(study, ()) != digest(replace(study, id="then"), ())
    assert digest(study, ("images",)) == digest(
        replace(study, images=(Image(0 * PIXELS, id="film"),)), ("images",)
    )  # by their names: pixels are not decoded for it


def test_a_model_that_needs_what_is_hidden_is_refused_before_the_first_study() -> None:
    task = Task(Cohort("c", [full()]), ("report", "findings"), ("concept-f1",), name="t")
    needy = Model("needy", lambda study: study, ("images", "report"), ("findings",))
    with pytest.raises(InputError, match="the model 'needy' needs report, which the task 't' hides"):
        check_fits(task, needy)
    idle = replace(needy, needs=(), adds=())
    with pytest.raises(InputError, match="adds nothing, but the task 't' hides report, findings: choose a model that"):
        check_fits(task, idle)
    check_fits(task, replace(needy, needs=("images",)))


def folder_model(folder: Path) -> object:
    """What a system opens: it signs with what lies in the folder."""
    name = (folder / "model.safetensors").read_bytes().decode()

    class Opened:
        needs, adds = ("images",), ("findings",)

        def __call__(self, study: Study) -> Study:
            return study.add(made_by=MadeBy(name))

    return Opened()


register.system("benchx-opens-folders", summary="made")(SimpleNamespace(reader=folder_model))
register.system("benchx-opens-none", summary="made")(SimpleNamespace())


def test_a_folder_is_a_model_known_by_what_it_learnt_and_not_by_its_logs(tmp_path: Path) -> None:
    place = tmp_path / "mine"
    place.mkdir()
    (place / CARD).write_text('{"name": "benchx-opens-folders"}')
    (place / "model.safetensors").write_bytes(b"one")
    first = load_model(str(place))
    assert (first.name, first.needs, first.adds) == ("mine", ("images",), ("findings",))
    assert first.call(Study("s")).provenance[0].made_by == MadeBy("one")
    for log in ("fit.json", "best.safetensors", "state.safetensors", "notes.txt"):
        (place / log).write_bytes(b"log")
    assert load_model(str(place)).source == first.source
    (place / "model.safetensors").write_bytes(b"two")
    assert load_model(str(place)).source != first.source


@pytest.mark.parametrize(("text", "said"), [
    ("", "is damaged, or no card"), ("[1]", "is damaged, or no card"), ('{"title": "x"}', "is damaged, or no card"),
    ("\udcff", "is damaged, or no card"), ('{"name": "benchx-opens-none"}', "trained by 'benchx-opens-none', which r"),
])  # fmt: skip
def test_a_card_that_opens_nothing_is_said(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / CARD).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=said):
        load_model(str(tmp_path))
