"""AUROC, average precision and calibration of findings, against scikit-learn and counting by hand."""

from __future__ import annotations

import numpy as np
import pytest

from hilum import Finding, Study
from hilum.measure.binary import calibration_error
from hilum.measure.metric import metric
from hilum.measure.pairs import Pairs
from hilum.measure.stats import patient_weights

NAMES = ("auroc", "average-precision", "ece")


def study(number: int, states: dict[str, bool], chances: dict[str, float]) -> tuple[Study, Study]:
    right = [Finding(c, "present" if there else "absent") for c, there in states.items()]
    said = [Finding(c, "present" if p > 0.5 else "absent", p) for c, p in chances.items()]
    return Study(f"s{number}", findings=right), Study(f"s{number}", findings=said)


def drawn(draw: np.random.Generator, count: int, names: tuple[str, ...] = ("mass",)) -> tuple[dict, dict, Pairs[Study]]:  # type: ignore[type-arg]
    truth = {name: draw.random(count) < 0.4 for name in names}
    chance = {name: np.round(np.clip(0.3 * truth[name] + draw.random(count) * 0.7, 0, 1), 1) for name in names}
    made = [
        study(n, {c: bool(truth[c][n]) for c in names}, {c: float(chance[c][n]) for c in names}) for n in range(count)
    ]
    return truth, chance, Pairs(tuple(r for r, _ in made), tuple(a for _, a in made))


@pytest.mark.parametrize("count", [25, 40, 300])
def test_values_are_scikit_learns_with_many_ties(draw: np.random.Generator, count: int) -> None:
    reference = pytest.importorskip("sklearn.metrics")
    truth, chance, pairs = drawn(draw, count, ("mass", "nodule", "edema"))
    for ours, theirs in (("auroc", "roc_auc_score"), ("average-precision", "average_precision_score")):
        expected = np.mean([getattr(reference, theirs)(truth[c], chance[c]) for c in truth])
        assert metric(ours)(pairs).value == pytest.approx(expected, abs=1e-12)
    by_hand = np.mean([calibration_error(truth[c], chance[c]) for c in truth])
    assert metric("ece")(pairs).value == pytest.approx(by_hand, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_a_resampled_set_is_scored_as_that_set(draw: np.random.Generator, name: str) -> None:
    _, _, pairs = drawn(draw, 40, ("mass", "nodule"))
    weights = patient_weights([f"p{n // 2}" for n in range(40)], replicates=8, seed=2)
    together = metric(name)(pairs).at(weights)
    for row, value in zip(weights.astype(int), together, strict=True):
        rows = np.repeat(np.arange(40), row)
        again = Pairs(tuple(pairs.references[r] for r in rows), tuple(pairs.answers[r] for r in rows))
        assert metric(name)(again).value == pytest.approx(value, abs=1e-12)


def test_the_values_of_studies_average_to_the_score(draw: np.random.Generator) -> None:
    truth, _, pairs = drawn(draw, 60)
    for name in ("auroc", "average-precision"):
        scored = metric(name)(pairs)
        assert scored.values[truth["mass"]].mean() == pytest.approx(scored.value)
    assert metric("auroc")(pairs).values[~truth["mass"]].mean() == pytest.approx(metric("auroc")(pairs).value)


def test_only_stated_truths_and_given_probabilities_count() -> None:
    made = [
        study(0, {"mass": True}, {"mass": 0.9}),
        study(1, {"mass": False}, {"mass": 0.2}),
        study(2, {}, {"mass": 0.99}),
        study(3, {"mass": True}, {"nodule": 0.4}),
    ]
    uncertain = Study("s4", findings=[Finding("mass", "uncertain")])
    pairs = Pairs(
        (*(r for r, _ in made), uncertain, made[0][0]), (*(a for _, a in made), made[0][1], None), tuple("abcdef")
    )
    scored = metric("auroc")(pairs)
    assert scored.value == 1.0
    assert scored.values[:2].tolist() == [1.0, 1.0]
    assert scored.unscored[2] == scored.unscored[4] == "the reference calls nothing present or absent"
    assert scored.unscored[3] == scored.unscored[5] == "the answer gives no probability of 'mass'"


def test_one_class_only_is_undefined_and_never_zero_or_one() -> None:
    made = [study(n, {"mass": False}, {"mass": 0.1 * n}) for n in range(5)]
    pairs = Pairs(tuple(r for r, _ in made), tuple(a for _, a in made))
    for name in ("auroc", "average-precision"):
        scored = metric(name)(pairs)
        assert np.isnan(scored.value)
        assert len(scored.unscored) == 5
        assert np.isnan(scored.interval(pairs.patients).low)
    assert metric("ece")(pairs).value == pytest.approx(0.2)
    nothing = Pairs((Study("a"),), (Study("a"),))
    assert all(np.isnan(metric(name)(nothing).value) for name in NAMES)


def test_a_concept_of_one_class_takes_no_part_in_the_mean() -> None:
    made = [study(n, {"mass": n < 2, "edema": True}, {"mass": 0.9 - 0.1 * n, "edema": 0.5}) for n in range(4)]
    pairs = Pairs(tuple(r for r, _ in made), tuple(a for _, a in made))
    assert metric("auroc")(pairs).value == 1.0


def test_the_same_probability_for_all_is_chance() -> None:
    made = [study(n, {"mass": n < 3}, {"mass": 0.5}) for n in range(10)]
    pairs = Pairs(tuple(r for r, _ in made), tuple(a for _, a in made))
    assert metric("auroc")(pairs).value == 0.5
    assert metric("average-precision")(pairs).value == pytest.approx(0.3)
    assert metric("ece")(pairs).value == pytest.approx(0.2)
