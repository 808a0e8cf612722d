"""Precision, recall and F1 of present concepts, against scikit-learn's micro averages on drawn studies."""

from __future__ import annotations

import numpy as np
import pytest

from hilum import Finding, Study
from hilum.measure.metric import metric
from hilum.measure.pairs import Pairs
from hilum.measure.stats import patient_weights

CONCEPTS = [f"concept {number}" for number in range(6)]


def drawn(draw: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, Pairs[Study]]:
    truth, said = draw.random((count, 6)) < 0.4, draw.random((count, 6)) < 0.3

    def study(number: int, row: np.ndarray) -> Study:
        named = zip(CONCEPTS, row, strict=True)
        return Study(f"s{number}", findings=[Finding(c, "present" if there else "absent") for c, there in named])

    right = tuple(study(n, row) for n, row in enumerate(truth))
    return truth, said, Pairs(right, tuple(study(n, row) for n, row in enumerate(said)))


def test_values_are_scikit_learns(draw: np.random.Generator) -> None:
    reference = pytest.importorskip("sklearn.metrics")
    for count in (1, 7, 120):
        truth, said, pairs = drawn(draw, count)
        for name, score in (("f1", "f1_score"), ("precision", "precision_score"), ("recall", "recall_score")):
            ours = metric(f"concept-{name}")(pairs).value
            theirs = getattr(reference, score)(truth, said, average="micro", zero_division=np.nan)
            assert ours == pytest.approx(theirs, abs=1e-12, nan_ok=True)


def test_a_resampled_set_is_scored_as_that_set(draw: np.random.Generator) -> None:
    _, _, pairs = drawn(draw, 30)
    weights = patient_weights(pairs.patients, replicates=5, seed=1)
    for name in ("concept-f1", "concept-precision", "concept-recall"):
        together = metric(name)(pairs).at(weights)
        for row, value in zip(weights.astype(int), together, strict=True):
            rows = np.repeat(np.arange(30), row)
            again = Pairs(tuple(pairs.references[r] for r in rows), tuple(pairs.answers[r] for r in rows))
            assert metric(name)(again).value == pytest.approx(value, abs=1e-12)


def test_each_study_tells_what_was_invented_and_what_was_missed() -> None:
    right = (
        Study("a", findings=[Finding("mass"), Finding("nodule")]),
        Study("b", findings=[Finding("mass", "absent")]),
    )
    said = (Study("a", findings=[Finding("mass")]), Study("b", findings=[Finding("mass"), Finding("unheard of")]))
    scored = metric("concept-f1")(Pairs(right, said))
    assert scored.notes == [{"invented": [], "missed": ["nodule"]}, {"invented": ["mass"], "missed": []}]
    assert scored.values.tolist() == pytest.approx([2 / 3, 0.0])
    assert "concepts:of-references" in scored.signature


def test_nothing_there_and_nothing_said_is_undefined_with_a_reason() -> None:
    scored = metric("concept-f1")(Pairs((Study("a"), Study("b")), (Study("a"), None)))
    assert np.isnan(scored.value)
    assert set(scored.unscored) == {0, 1}
    assert scored.unscored[0].startswith("undefined")
