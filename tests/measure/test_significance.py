"""Comparisons are paired, corrected and refuse two protocols."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from hilum.core.errors import InputError
from hilum.measure.metric import metrics, score_all
from hilum.measure.pairs import Pairs
from hilum.measure.scored import averaged, f1, summed
from hilum.measure.significance import compare, holm, permutation


def arms(gain: float, count: int = 200) -> tuple:
    random = np.random.default_rng(1)
    base = random.random(count)
    return averaged("m", base + gain + random.normal(0, 0.05, count), "s"), averaged("m", base, "s")


def test_a_gain_is_found_and_named_by_direction() -> None:
    first, second = arms(0.05)
    (found,) = compare({"m": first}, {"m": second}, [str(n) for n in range(200)], permutations=2000)
    assert found.better == "first"
    assert found.p < 0.01
    assert found.difference.value == pytest.approx(first.value - second.value)
    lower = [averaged("m", each.values, "s", better="lower") for each in (first, second)]
    (turned,) = compare({"m": lower[0]}, {"m": lower[1]}, [str(n) for n in range(200)], permutations=2000)
    assert turned.better == "second"


def test_no_gain_is_neither() -> None:
    first, second = arms(0.0)
    (found,) = compare({"m": first}, {"m": second}, [str(n) for n in range(200)], permutations=2000)
    assert found.better == "neither"


def test_the_permutation_agrees_with_scipy() -> None:
    gaps = np.random.default_rng(3).normal(0.2, 1.0, 40)
    theirs = stats.permutation_test((gaps, np.zeros(40)), lambda a, b, axis=-1: np.mean(a - b, axis=axis),
                                    permutation_type="samples", n_resamples=9999, vectorized=True,
                                    rng=np.random.default_rng(0)).pvalue  # fmt: skip
    assert permutation(gaps, permutations=20_000) == pytest.approx(theirs, abs=0.02)


def test_all_items_of_a_patient_are_exchanged_together() -> None:
    """Forty items of two patients are two observations: no test can be sure of them."""
    first, second = averaged("m", np.ones(40), "s"), averaged("m", np.zeros(40), "s")
    (found,) = compare({"m": first}, {"m": second}, ["a"] * 20 + ["b"] * 20, permutations=2000)
    assert found.p > 0.4
    assert found.better == "neither"


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_monotone_never_smaller_and_bonferroni_for_the_least(values: list[float]) -> None:
    found = holm(values)
    assert all(q >= p or q == 1.0 for p, q in zip(values, found, strict=True))
    assert min(found) == pytest.approx(min(1.0, min(values) * len(values)))
    order = np.argsort(values, kind="stable")
    assert (np.diff(np.array(found)[order]) >= 0).all()


def test_holm_against_a_published_example_and_nan() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert np.isnan(holm([0.01, float("nan")])[1])
    assert holm([0.01, float("nan")])[0] == 0.01


def test_two_protocols_are_not_compared() -> None:
    with pytest.raises(InputError, match="two protocols"):
        compare({"m": averaged("m", [1.0], "a")}, {"m": averaged("m", [1.0], "b")}, ["p"])
    with pytest.raises(InputError, match="share no metric"):
        compare({"m": averaged("m", [1.0], "a")}, {"n": averaged("n", [1.0], "a")}, ["p"])


def test_a_metric_that_is_no_mean_gets_its_p_from_the_bootstrap() -> None:
    random = np.random.default_rng(0)

    def scored(right: float):
        hits = (random.random(300) < right).astype(float)
        counts = np.stack([hits, 1 - hits, 1 - hits], axis=1)
        return summed("f", hits, counts, lambda s: f1(s[:, 0], s[:, 1] * 2, s[:, 2]), "s")

    (found,) = compare({"f": scored(0.9)}, {"f": scored(0.6)}, [str(n) for n in range(300)], permutations=500)
    assert found.better == "first"
    assert found.p == pytest.approx(1 / 1000)


def ratios(lengths: np.ndarray, reference: float = 10.0):
    table = np.column_stack([lengths, np.full(len(lengths), reference)])
    scored = summed("length", lengths / reference, table, lambda s: s[:, 0] / s[:, 1], "s", better="lower")
    return replace(scored, ideal=1.0)


def test_a_metric_with_an_ideal_is_won_by_the_nearer_one() -> None:
    random = np.random.default_rng(0)
    patients = [str(n) for n in range(60)]
    right, blank, double = (ratios(mean + random.random(60)) for mean in (9.6, 0.0, 22.0))
    for first, second, winner in ((blank, right, "second"), (right, double, "first"), (double, blank, "second")):
        (found,) = compare({"m": first}, {"m": second}, patients, replicates=200)
        assert found.better == winner
        assert found.difference.value == pytest.approx(first.value - second.value)


def test_equally_far_on_both_sides_is_neither() -> None:
    random = np.random.default_rng(1)
    short, long = ratios(5 + random.normal(0, 1, 60)), ratios(15 + random.normal(0, 1, 60))
    (found,) = compare({"m": short}, {"m": long}, [str(n) for n in range(60)], replicates=200)
    assert found.better == "neither"
    assert found.difference.high < 0


def test_a_blank_candidate_beats_right_answers_under_no_metric() -> None:
    references = tuple(f"There is a {g} {s} pleural effusion. No pneumothorax. The heart is enlarged."
                       for s in ("right", "left") for g in ("small", "moderate", "large", "tiny"))  # fmt: skip
    names = [each.name for each in metrics("report") if not each.needs]
    for blank in ("", None):
        answers = {"blank": (blank,) * len(references), "right": references}
        made = {who: score_all(names, Pairs(references, said))[0] for who, said in answers.items()}
        shared = {name for name in names if len({each[name].signature for each in made.values()}) == 1}
        compared = compare({n: made["blank"][n] for n in shared}, {n: made["right"][n] for n in shared},
                           [str(n) for n in range(len(references))], replicates=100)  # fmt: skip
        assert [one.metric for one in compared if one.better == "first"] == []
        assert {one.metric: one.better for one in compared}["length-ratio"] == ("second" if blank == "" else "neither")


def test_few_replicates_can_still_pass_under_many_metrics() -> None:
    """With 100 replicates and 40 metrics, p was never below 1/100, and Holm made it .4."""
    random = np.random.default_rng(2)
    counts = random.integers(5, 10, (50, 1))
    good, bad = (np.hstack([counts * share, counts]) for share in (0.9, 0.5))
    of = [summed("m", t[:, 0] / t[:, 1], t, lambda s: s[:, 0] / s[:, 1], "s") for t in (good, bad)]
    uneven = [replace(each, values=each.values / 2) for each in of]  # the set is no mean of its items
    names = [f"m{n}" for n in range(40)]
    patients = [str(n) for n in range(50)]
    found = compare(dict.fromkeys(names, uneven[0]), dict.fromkeys(names, uneven[1]), patients, replicates=100)
    assert {one.better for one in found} == {"first"}
    assert found[0].p == pytest.approx(1 / 10_000, rel=1e-9)
