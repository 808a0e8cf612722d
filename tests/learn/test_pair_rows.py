"""How studies become rows: visits by date, the fingerprint, what is told, and what a film's failure leaves."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hilum.core.finding import Finding
from hilum.core.report import Report
from hilum.core.study import Study
from hilum.learn.pair_rows import Asked, visits
from tests.learn.test_pair_store import study

DAYS = st.one_of(st.none(), st.integers(0, 5))
BEGAN = datetime(2020, 1, 1)


def asked(**changes: object) -> Asked:
    made = {"size": 16, "names": ("pleural effusion",), "complete": False, "group": "g", "split": lambda each: "train",
            "told": lambda each: each, **changes}  # fmt: skip
    return Asked(**made)  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.sampled_from("abc"), DAYS), max_size=14))
def test_visits_are_ranks_of_dates_within_a_patient(told: list[tuple[str, int | None]]) -> None:
    patients = [patient for patient, _ in told]
    times = [None if day is None else BEGAN + timedelta(days=day) for _, day in told]
    numbers = visits(patients, times)
    for at, (patient, day) in enumerate(told):
        own = [other for name, other in told if name == patient]
        expected = 0 if None in own else sorted({each for each in own if each is not None}).index(day)  # type: ignore[arg-type]
        assert numbers[at] == expected


def mark(*studies: Study, **changes: object) -> str:
    return asked(**changes).survey(studies).mark


def test_the_fingerprint_is_of_everything_that_rows_rest_on() -> None:
    one, two = study(7), study(8)
    held = mark(one, two)
    assert mark(one, two) == held
    others = [
        mark(two, one), mark(one), mark(one, two, size=17), mark(one, two, names=("pneumothorax",)),
        mark(one, two, complete=True), mark(one, two, group="h"), mark(one, two, split=lambda each: "val"),
        mark(one, two, told=_more), mark(replace(one, time=None), two), mark(replace(one, patient="q"), two),
        mark(replace(one, report=Report(findings="Other.")), two), mark(replace(one, findings=()), two),
        mark(replace(one, findings=(*one.findings, Finding("lung nodule"))), two), mark(study(7, broken=14), two),
    ]  # fmt: skip
    assert len({held, *others}) == 1 + len(others)


def _more(each: Study) -> Study:
    return each.add(findings=[Finding("pleural effusion")])


def test_a_survey_counts_films_and_a_row_has_every_field() -> None:
    studies = [study(number) for number in range(7)]
    found = asked().survey(studies)
    assert found.films == sum(len(each.films) for each in studies)
    assert len(found.visits) == len(studies)
    (first, *_), lost = list(asked().rows(studies[0], lambda *why: None)), []
    assert first["films"].shape == (16, 16)
    assert first["bits"].shape == (1, 16, 2)
    assert {"view", "study", "patient", "group", "split", "report", "sentences", "target", "known"} <= set(first)
    broken = study(4, broken=8)
    assert not list(asked().rows(broken, lambda *why: lost.append(why)))
    assert lost[0][0] == broken.films[0].id


def test_what_is_told_is_in_the_labels_but_not_in_the_keys() -> None:
    (plain,), (told,) = (list(asked(told=way).rows(study(1), lambda *why: None)) for way in (lambda each: each, _more))
    assert (plain["target"][0], told["target"][0]) == (0.0, 1.0)
    assert np.array_equal(plain["films"], told["films"])
    assert plain["study"] == told["study"]
