"""Scores of the answered studies stand for all: same value, same replicates, reasons for the rest."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum import Finding, MadeBy, Report, Study, register
from hilum.core.errors import InputError
from hilum.measure.boards import Board, score, spread, too_few
from hilum.measure.log import plain
from hilum.measure.pairs import Pairs
from hilum.measure.scored import Scored, averaged
from hilum.measure.stats import patient_weights

MASS = MadeBy("made")


def study(number: int, *concepts: str, report: str = "", patient: str = "") -> Study:
    found = [Finding(name, made_by=MASS) for name in concepts]
    return Study(f"s{number}", patient, report=Report(findings=report) if report else None, findings=found)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=1, max_size=12), st.integers(0, 5))
def test_what_is_left_out_has_no_weight(values: list[float | None], seed: int) -> None:
    chosen = [n for n, value in enumerate(values) if value is not None]
    if not chosen:
        return
    few = averaged("m", [v for v in values if v is not None], "m")
    without = {n: "no answer" for n, value in enumerate(values) if value is None}
    whole = spread(few, chosen, len(values), without)
    assert whole.value == pytest.approx(few.value)
    assert whole.unscored == without
    weights = patient_weights([str(n) for n in range(len(values))], replicates=20, seed=seed)
    np.testing.assert_array_equal(whole.at(weights), few.at(weights[:, chosen]))
    there = [v for v in values if v is not None]
    np.testing.assert_array_equal(whole.values[chosen], there)


def test_reasons_and_notes_move_with_their_items() -> None:
    few = averaged("m", [1.0, float("nan")], "m", unscored={1: "odd"}, notes=["a", "b"])
    whole = spread(few, [2, 4], 6, {0: "x", 1: "x", 3: "x", 5: "x"})
    assert whole.unscored == {0: "x", 1: "x", 3: "x", 4: "odd", 5: "x"}
    assert list(whole.unscored) == sorted(whole.unscored)
    assert list(whole.notes) == [None, None, "a", None, "b", None]


def test_the_record_is_by_the_ids_of_the_studies() -> None:
    references = [study(0, "mass"), study(1, "mass"), study(2)]
    board = score(("concept-recall",), references, [references[0], None, references[2]], ["", "it broke", ""])
    record = board.record()
    line = record["metrics"]["concept-recall"]
    assert record["ids"] == ("s0", "s1", "s2")
    assert line["unscored"] == {"s1": "no answer: it broke", "s2": "undefined: nothing is there to find"}
    assert (line["value"], line["n"], record["answered"], record["studies"]) == (1.0, 1, 2, 3)
    assert line["signature"].startswith("concept-recall|")
    assert (line["better"], line["version"]) == ("higher", 1)


def test_a_board_is_read_back_as_it_was_written() -> None:
    references = [study(n, *(["mass"] if n % 2 else [])) for n in range(8)]
    answers = [None, *(study(n, *(["mass"] if n % 3 else [])) for n in range(1, 8))]
    board = score(("concept-recall", "length-ratio"), references, answers, ["it broke", *[""] * 7])
    text = json.dumps(plain(board.record()))
    again = Board.read(json.loads(text))
    assert json.dumps(plain(again.record())) == text
    assert again.lines["concept-recall"].interval == board.lines["concept-recall"].interval
    with pytest.raises(InputError, match="cannot be resampled"):
        _ = again.scored["concept-recall"].value
    with pytest.raises(InputError, match=r"scores\.json is not of a run"):
        Board.read({"ids": [], "metrics": {"concept-recall": {"value": "much"}}})


def test_a_study_without_a_patient_is_its_own_and_patients_are_drawn_whole() -> None:
    references = [study(n, *(["mass"] if n < 4 else [])) for n in range(8)]
    answers = [study(n, "mass") for n in range(8)]
    alone = score(("concept-precision",), references, answers, [""] * 8)
    assert alone.patients == tuple(f"s{n}" for n in range(8))
    of = ["one"] * 4 + ["two"] * 2 + ["three"] * 2
    pooled = [Study(s.id, of[n], findings=s.findings) for n, s in enumerate(references)]
    together = score(("concept-precision",), pooled, answers, [""] * 8)
    widths = [b.lines["concept-precision"].interval for b in (alone, together)]
    assert widths[0].value == widths[1].value == 0.5
    # Patients of one kind each: a replicate may be all of one, so that the interval is as wide as it can be.
    assert (widths[1].low, widths[1].high) == (0.0, 1.0)
    assert widths[0].high - widths[0].low < 1.0


@pytest.mark.parametrize(("patients", "there"), [(1, False), (2, False), (3, True)])
def test_one_or_two_patients_have_a_value_and_no_interval(patients: int, there: bool) -> None:
    references = [study(n, "mass", patient=f"p{n % patients}") for n in range(12)]
    answers = [study(n, *(["mass"] if n % 2 else [])) for n in range(12)]
    interval = score(("concept-recall",), references, answers, [""] * 12).lines["concept-recall"].interval
    assert interval.value == 0.5
    assert bool(np.isfinite([interval.low, interval.high]).all()) is there


def test_only_patients_with_a_value_count_for_an_interval() -> None:
    references = [study(n, *(["mass"] if n < 2 else [])) for n in range(12)]
    interval = score(("concept-recall",), references, references, [""] * 12).lines["concept-recall"].interval
    assert interval.value == 1.0
    assert np.isnan([interval.low, interval.high]).all()
    # A metric of whole sets alone gives no study a value: all that it was given count.
    whole = Scored("m", np.full(4, np.nan), lambda weights: weights.sum(axis=1), "m")
    assert not too_few(whole, ["a", "b", "c", "c"])
    assert too_few(whole, ["a", "b", "b", "b"])


def test_reports_are_scored_where_both_have_one() -> None:
    references = [study(0, report="a b"), study(1), study(2, report="a b")]
    answers = [study(0, report="a b"), study(1, report="a"), study(2)]
    board = score(("length-ratio",), references, answers, [""] * 3)
    line = board.lines["length-ratio"]
    assert (line.interval.value, line.count) == (1.0, 1)
    assert line.scored.unscored == {1: "the study has no report", 2: "the answer has no report"}


def test_study_and_report_metrics_stand_side_by_side() -> None:
    references = [study(0, "mass", report="a b c d")]
    answers = [study(0, "mass", report="a b")]
    board = score(("concept-f1", "length-ratio"), references, answers, [""])
    assert {name: line.interval.value for name, line in board.lines.items()} == {"concept-f1": 1.0, "length-ratio": 0.5}
    assert set(board.scored) == {"concept-f1", "length-ratio"}


@pytest.mark.parametrize("fault", ["short", "raises", "no interval"])
def test_a_metric_that_does_not_keep_to_its_contract_costs_its_own_score(fault: str) -> None:
    name = f"made-{fault.replace(' ', '-')}"

    def faulty(pairs: Pairs[Any]) -> Scored:
        """Made."""
        if fault == "raises":
            raise ZeroDivisionError("made")
        if fault == "short":
            return averaged(name, [1.0], name)
        return Scored(name, np.ones(len(pairs)), lambda weights: weights[:, 99], name)

    register.metric(name, better="higher", over="set")(faulty)
    references = [study(0, "mass"), study(1, "mass")]
    board = score((name, "concept-f1"), references, references, ["", ""])
    assert list(board.lines) == ["concept-f1"]
    said = {"short": "gave 1 values for 2 studies", "raises": "ZeroDivisionError", "no interval": "IndexError"}
    assert said[fault] in board.missing[name]


def test_without_any_answer_nothing_is_scored_and_nothing_is_zero() -> None:
    board = score(("concept-f1", "length-ratio"), [study(0, "mass", report="a")], [None], ["lost"])
    assert board.lines == {}
    assert set(board.missing.values()) == {"no study has an answer that it could score"}
    assert board.record()["answered"] == 0
