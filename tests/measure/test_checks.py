"""The common checks of metrics and tasks: what is built in passes, and each fault is found by its own check."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hilum import Cohort, Study, Task, register
from hilum.core.errors import InputError
from hilum.core.registry import listing
from hilum.measure.checks import check
from hilum.measure.pairs import Pairs
from hilum.measure.scored import Scored, averaged
from tests.measure import benchmarks

OURS = [entry for entry in listing("metric") if entry.module.startswith("hilum.")]


@pytest.mark.parametrize("entry", OURS, ids=lambda entry: entry.name)
def test_metrics_of_the_package_pass(entry: Any) -> None:
    assert [v for v in check(entry) if not v.passed] == []


def failed(thing: Any, **settings: Any) -> list[str]:
    return [verdict.name for verdict in check(thing, **settings) if not verdict.passed]


def of_pairs(name: str, value: Any, **facts: Any) -> Any:
    """Register a metric over a set with one value for all its pairs."""

    def scored(pairs: Pairs[Any]) -> Scored:
        """Say a number."""
        return averaged(name, [value(pairs)] * len(pairs), name)

    return register.metric(name, better="higher", takes="report", over="set", **facts)(scored)


def test_a_metric_of_sections_only_is_checked_on_sections() -> None:
    def told(pairs: Pairs[Any], wrong: float) -> Scored:
        plain = [isinstance(reference, str) for reference in pairs.references]
        why = {number: "no sections" for number, each in enumerate(plain) if each}
        return averaged("made", [float("nan") if each else wrong for each in plain], "made", unscored=why)

    for wrong, expected in ((1.0, False), (0.5, True)):
        made = register.metric(f"made-{wrong}", better="higher", takes="report", over="set", range=(0, 1))
        found = failed(made(lambda pairs, wrong=wrong: told(pairs, wrong)))
        assert ("answers that are their references score best" in found) is expected


def test_a_perfect_answer_must_score_best() -> None:
    half = of_pairs("made-half", lambda pairs: 0.5, range=(0.0, 1.0))
    assert failed(half) == ["answers that are their references score best"]
    assert failed(of_pairs("made-ideal", lambda pairs: 0.5, range=(0.0, 1.0), ideal=0.5)) == []


def test_a_value_out_of_range_or_that_changes_is_found() -> None:
    assert "keeps to its range" in failed(of_pairs("made-wide", lambda pairs: 7.0, range=(0.0, 1.0)))
    draws = np.random.default_rng(1)
    assert "gives the same values twice" in failed(of_pairs("made-drawn-value", lambda pairs: draws.random()))


def test_a_value_that_is_missing_needs_its_reason() -> None:
    bare = of_pairs("made-bare", lambda pairs: 1.0 if pairs.answers[-1] else float("nan"), range=(0.0, 1.0))
    assert failed(bare) == ["survives bad pairs, each without a value has a reason"]


def test_a_sum_that_forgets_the_weights_is_found() -> None:
    @register.metric("made-counting", better="higher", takes="report", over="set")
    def counting(pairs: Pairs[Any]) -> Scored:
        """Count."""
        values = np.ones(len(pairs))
        return Scored("made-counting", values, lambda weights: weights @ values, "made-counting")

    assert "is the same when every pair is drawn twice" in failed(counting)


def test_a_pair_metric_that_raises_is_a_failed_check() -> None:
    @register.metric("made-raising", better="higher", takes="study")
    def raising(reference: Study, answer: Study) -> float:
        raise ZeroDivisionError("no")

    verdicts = {v.name: v for v in check(raising)}
    assert "ZeroDivisionError" in verdicts["survives bad pairs, each without a value has a reason"].detail
    assert not verdicts["says what it measures"].passed


def test_what_has_no_examples_is_not_tried() -> None:
    @register.metric("made-features", better="lower", takes="features", over="set")
    def features(pairs: Pairs[Any]) -> Scored:
        """Say nothing."""
        return averaged("made-features", [0.0] * len(pairs), "made-features")

    assert failed(features) == []
    assert any("not tried" in verdict.detail for verdict in check(features))


def test_tasks_are_checked_for_their_data_controls_and_what_they_hide() -> None:
    assert failed(benchmarks.findings) == []
    assert failed(benchmarks.far) == []  # its data are not here: said, not failed

    @register.task("made/bare", version=1)
    def bare() -> Task:
        """Hide what is not there."""
        return Task(Cohort("made", [Study("a")]), ("findings",), ("concept-f1",), controls=("made-unknown",))

    assert failed(bare) == ["its controls are registered", "its studies hold what it hides"]


def test_models_and_unregistered_things_go_the_way_of_the_core() -> None:
    assert failed(benchmarks.reader) == []
    with pytest.raises(InputError, match="is not registered"):
        check(object())
