"""Scores of arms: what holds for any numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")
pytest.importorskip("transformers")
from hilum.core.finding import Finding
from hilum.core.study import Study
from hilum.measure.scored import averaged
from hilum.phantom.scenes import scenes
from hilum.systems._reader_scores import score
from hilum.systems._reader_trials import FLIPPED, Trials, among, lowered, reversed_truth

VALUES = st.lists(st.floats(0, 1), min_size=2, max_size=20)
CHANGES = st.sampled_from(("new", "resolved", "improved", "worsened", "unchanged", None))


@settings(max_examples=60, deadline=None)
@given(VALUES, st.data())
def test_two_halves_make_the_whole(values, data):
    """The mean of a set is the mean of any two parts, weighed by their sizes."""
    chosen = data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    whole = averaged("m", values, "x")
    parts = [among(whole, chosen), among(whole, [not each for each in chosen])]
    counts = [sum(chosen), len(chosen) - sum(chosen)]
    total = sum(count * part.value for count, part in zip(counts, parts, strict=True) if count)
    assert total / len(values) == pytest.approx(whole.value, abs=1e-9)
    assert all(np.isnan(part.value) for count, part in zip(counts, parts, strict=True) if not count)


@settings(max_examples=60, deadline=None)
@given(VALUES, st.floats(0, 0.5))
def test_a_margin_is_taken_from_any_draw(values, margin):
    whole = averaged("m", values, "x")
    weights = np.random.default_rng(len(values)).integers(0, 3, (5, len(values))).astype(float)
    assert np.allclose(lowered(whole, margin).at(weights), whole.at(weights) - margin, equal_nan=True)


@settings(max_examples=60, deadline=None)
@given(st.lists(CHANGES, min_size=1, max_size=6))
def test_turning_round_twice_gives_the_change_back(changes):
    assert all(FLIPPED[FLIPPED[change]] == change for change in changes if change)
    prior = Study("a", "p", findings=tuple(Finding("x", id=str(at)) for at in range(len(changes))))
    later = Study("b", "p", prior=prior, findings=tuple(
        Finding("y", id=str(at), change=change) for at, change in enumerate(changes)))  # fmt: skip
    turned = reversed_truth(later)
    assert [finding.change for finding in turned.findings] == [FLIPPED[c] if c else None for c in changes]
    assert {finding.concept for finding in turned.findings} == {"x"}


@settings(max_examples=30, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=3), st.integers(0, 5))
def test_an_arms_value_is_the_mean_over_its_seeds(runs, seed):
    size = min(map(len, runs))
    trials = Trials([f"p{at}" for at in range(size)])
    for run in runs:
        trials.take("arm", {"m": averaged("m", run[:size], "x")})
    interval = trials.interval("m", "arm", seed=seed)
    assert interval.value == pytest.approx(np.mean([np.mean(run[:size]) for run in runs]))
    assert interval.low - 1e-9 <= interval.value <= interval.high + 1e-9


def test_reversed_truth_of_scenes_is_what_the_reversed_films_show():
    """A reader that tells the reversed change scores 1 by the reversed truth, and far less by the true one."""
    studies = [study for study in scenes(40, seed=5, size=64) if study.prior]
    words = {"new": "The {} is new.", "resolved": "The {} has resolved.", "improved": "The {} has improved.",
             "worsened": "The {} has worsened.", "unchanged": "The {} is unchanged."}  # fmt: skip
    turned = [reversed_truth(study) for study in studies]
    answers = [" ".join(words[finding.change].format(finding.concept) for finding in study.findings if finding.change)
               for study in turned]  # fmt: skip
    by_turned, by_true = score(turned, answers)["change-accuracy"], score(studies, answers)["change-accuracy"]
    assert by_turned.value > 0.95
    assert by_true.value < 0.5
