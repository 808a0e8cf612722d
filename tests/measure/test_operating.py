"""Findings at a threshold and their squared error against scikit-learn; what is not mentioned under both policies."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.study import Study
from hilum.measure.metric import metric
from hilum.measure.metrics.findings import by_concept
from hilum.measure.pairs import Pairs

NAMES = ("brier", "f1@threshold", "sensitivity", "specificity")


def studies(truth: np.ndarray, chance: np.ndarray, concept: str = "mass") -> Pairs:
    true = tuple(Study(str(n), findings=[Finding(concept, "present" if t else "absent")]) for n, t in enumerate(truth))
    said = tuple(Study(str(n), findings=[Finding(concept, probability=float(p))]) for n, p in enumerate(chance))
    return Pairs(true, said)


def drawn(seed: int = 0, count: int = 80) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    truth = draw.random(count) < 0.4
    return truth, np.clip(np.round(0.3 * truth + draw.random(count) * 0.7, 2), 0, 1)


@pytest.mark.parametrize("threshold", [0.5, 0.3])
def test_values_are_scikit_learns(threshold: float) -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    truth, chance = drawn()
    pairs, called = studies(truth, chance), chance >= threshold
    expected = {
        "f1@threshold": sklearn.f1_score(truth, called), "sensitivity": sklearn.recall_score(truth, called),
        "specificity": sklearn.recall_score(~truth, ~called),
    }  # fmt: skip
    for name, value in expected.items():
        scored = metric(name)(pairs, threshold=threshold)
        assert scored.value == pytest.approx(value)
        assert f"threshold:>={threshold:g}" in scored.signature
    assert metric("brier")(pairs).value == pytest.approx(sklearn.brier_score_loss(truth, chance))


@pytest.mark.parametrize("name", NAMES)
def test_a_resampled_set_is_scored_as_that_set(name: str) -> None:
    truth, chance = drawn(1)
    rows = np.random.default_rng(2).integers(0, 80, 80)
    weights = np.bincount(rows, minlength=80).astype(float)[None, :]
    again = metric(name)(studies(truth[rows], chance[rows])).value
    assert metric(name)(studies(truth, chance)).at(weights)[0] == pytest.approx(again)


def test_values_of_studies_average_to_sensitivity_and_specificity() -> None:
    pairs = studies(*drawn(3))
    for name in ("sensitivity", "specificity", "brier"):
        scored = metric(name)(pairs)
        assert np.nanmean(scored.values) == pytest.approx(scored.value)


def test_one_class_only_is_undefined_with_its_reason() -> None:
    pairs = studies(np.ones(3, bool), np.array([0.2, 0.6, 0.9]))
    scored = metric("specificity")(pairs)
    assert np.isnan(scored.value)
    assert set(scored.unscored.values()) == {"undefined: no finding is absent"}
    assert metric("sensitivity")(pairs).value == pytest.approx(2 / 3)


def test_what_is_not_mentioned_is_no_zero_unless_asked_for() -> None:
    said = Study("x", findings=[Finding("mass", probability=0.8)])
    silent, states, unsure = (
        Study("s"), Study("t", findings=[Finding("mass")]), Study("u", findings=[Finding("mass", "uncertain")])
    )  # fmt: skip
    pairs = Pairs((silent, states, unsure), (said, said, said))
    by_default, as_absent = metric("brier")(pairs), metric("brier")(pairs, unmentioned="absent")
    assert by_default.unscored.keys() == {0, 2}
    assert as_absent.unscored.keys() == {2}
    assert by_default.value == pytest.approx(0.04)
    assert as_absent.value == pytest.approx((0.04 + 0.64) / 2)
    assert "truth:stated|" in by_default.signature
    assert "truth:stated-else-absent|" in as_absent.signature
    assert metric("auroc")(pairs, unmentioned="absent").value == 0.5


def test_each_concept_by_itself_averages_to_the_macro_value() -> None:
    one, two = studies(*drawn(4)), studies(*drawn(5), concept="nodule")
    both = Pairs(
        tuple(a.add(findings=b.findings) for a, b in zip(one.references, two.references, strict=True)),
        tuple(a.add(findings=b.findings) for a, b in zip(one.answers, two.answers, strict=True)),
    )
    each = by_concept(metric("auroc"), both)
    assert list(each) == ["mass", "nodule"]
    assert each["mass"].value == pytest.approx(metric("auroc")(one).value)
    assert np.mean([s.value for s in each.values()]) == pytest.approx(metric("auroc")(both).value)


def test_malformed_options_are_refused() -> None:
    pairs = studies(*drawn())
    with pytest.raises(InputError, match="threshold"):
        metric("sensitivity")(pairs, threshold=50)
    with pytest.raises(InputError, match="'unscored' or 'absent'"):
        metric("brier")(pairs, unmentioned="zero")
