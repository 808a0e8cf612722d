"""What a model is given, what is taken from its answer, and who may not be asked."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from hilum import Cohort, Finding, Image, MadeBy, Mask, Measurement, Question, Report, Study, Task, register
from hilum.core.errors import InputError
from hilum.measure.asking import added, answer_of, check_fits, digest, light, load_model, record_of
from tests.measure import benchmarks

ME = MadeBy("me", "1")


def full() -> Study:
    """A study with something in every field."""
    film = Image(np.full((4, 6), 0.5, np.float32), view="PA", id="film")
    prior = Study("before", "p", datetime(2019, 1, 1))
    return Study(
        "now", "p", datetime(2020, 1, 1), (film,), Report(findings="Clear."), (Finding("mass", made_by=MadeBy("r")),),
        (Question("Is it clear?", answer="yes"),), prior,
    )  # fmt: skip


def test_an_answer_of_every_kind_survives_the_log() -> None:
    reference = full()
    given = reference.hide("report", "findings", "questions", "prior")
    mask = Mask(np.eye(4, 6, dtype=bool), image="film", label="lungs")
    finding = Finding(
        "nodule", "uncertain", 0.25, sites=("right lung",), regions=(mask,),
        measurements=(Measurement("diameter", 4.5, "mm"),),
    )  # fmt: skip
    answer = given.add(
        findings=(finding,), report=Report(impression="A nodule."), made_by=ME,
        questions=(Question("Size?", answer="4 mm"),),
        not_assessed=(("mass", "too dark"),), notes=("seen",),
    )  # fmt: skip
    record = json.loads(json.dumps(record_of(added(given, answer, reference))))
    again = answer_of(given, record)
    assert again == answer
    assert record["images"] == []  # films that were there are not written down again


def test_a_report_that_was_there_stays_the_study_s() -> None:
    given = full().hide("findings")
    new = added(given, given.add(findings=(Finding("mass"),), made_by=ME), full())
    assert new.report is None
    record = record_of(new)
    assert record is not None
    assert answer_of(given, record).report == given.report


def test_an_answer_that_copies_the_words_is_an_answer() -> None:
    reference = replace(full(), report=Report(findings="Clear."))
    given = reference.hide("report")
    same_words = given.add(report=Report(findings="Clear."), made_by=ME)
    assert added(given, same_words, reference).report == reference.report
    with pytest.raises(InputError, match="handed back what was hidden"):
        added(given, given.add(report=reference.report, made_by=ME), reference)


def test_answers_to_questions_are_added_and_not_written_over() -> None:
    reference = full()
    given = reference.hide("questions")
    right = given.add(questions=(Question("Is it clear?", answer="yes"),), made_by=ME)
    assert added(given, right, reference).questions[0].answer == "yes"
    with pytest.raises(InputError, match="changed or removed questions"):
        added(given, replace(given, questions=(Question("Is it clear?", answer="yes"),)), reference)


def test_signatures_may_not_be_taken_back() -> None:
    given = full().add(made_by=MadeBy("first"))
    with pytest.raises(InputError, match="changed or removed provenance"):
        added(given, replace(given, provenance=()), given)


def test_films_are_given_undecoded_and_stay_so_in_the_cohort(tmp_path: Path) -> None:
    decoded: list[str] = []

    def load() -> np.ndarray:
        decoded.append("once")
        return np.zeros((4, 4), np.float32)

    film = Image(load, id="film")
    study = Study("a", images=(film,))
    assert light(study).images[0].pixels.shape == (4, 4)
    assert decoded == ["once"]
    assert not film.loaded
    digest(study, ("images", "findings"))
    assert decoded == ["once"]
    assert tmp_path.is_dir()


@pytest.mark.parametrize("field", ["images", "report", "findings", "questions", "prior", "time"])
def test_every_hidden_field_counts_in_the_hash_and_no_other(field: str) -> None:
    study = full()
    other = study.hide(field)
    assert digest(study, (field,)) != digest(other, (field,))
    rest = tuple({"images", "report", "findings", "prior", "time"} - {field})
    assert digest(study, rest) == digest(other, rest)


def test_a_model_class_is_made_once_and_a_seeded_function_gets_its_seed() -> None:
    made: list[int] = []

    @register.model("made-once", needs=(), adds=("findings",))
    class Once:
        """Made."""

        def __init__(self, seed: int = 0) -> None:
            made.append(seed)

        def __call__(self, study: Study) -> Study:
            """Made."""
            return study

    @register.model("made-seeded", needs=(), adds=("findings",))
    def seeded(study: Study, seed: int = 0) -> Study:
        """Made."""
        return study.add(notes=[f"seed {seed}"], made_by=ME)

    model = load_model("made-once", seed=7)
    assert model.call(model.call(Study("a"))) == Study("a")
    assert made == [7]
    assert load_model("made-seeded", seed=7).call(Study("a")).provenance[0].notes == ("seed 7",)


def test_the_file_of_a_model_is_known_by_its_hash(tmp_path: Path) -> None:
    text = (
        "from hilum import register\n\n\n"
        "@register.model('{0}', needs=(), adds=('findings',))\ndef model(study):\n    return study\n"
    )
    for name in ("made-a", "made-b"):
        (tmp_path / f"{name}.py").write_text(text.format(name))
    first, second = (load_model(f"{tmp_path / name}.py:{name}") for name in ("made-a", "made-b"))
    assert len(first.source) == 64
    assert first.source != second.source
    assert load_model("made-reader").source == load_model("made-optimist").source != first.source


def test_what_is_no_model_is_refused() -> None:
    register.model("made-number", needs=(), adds=())(3)
    with pytest.raises((InputError, TypeError)):
        load_model("made-number")


def test_a_model_of_nothing_hidden_does_not_fit() -> None:
    task = Task(Cohort("c", [full()]), ("time",), ("concept-f1",), name="t")
    check_fits(task, load_model("made-optimist"))  # what is hidden is nothing that a model adds
    with pytest.raises(InputError, match="adds findings, but the task 't' hides images, questions"):
        check_fits(replace(task, hide=("images", "questions")), load_model("made-optimist"))
    assert benchmarks.COUNT == 40
