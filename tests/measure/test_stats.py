"""The patient bootstrap: it clusters, repeats and covers."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.measure.binary import auroc
from hilum.measure.stats import Interval, auroc_interval, interval, mean_interval, patient_weights


def test_films_of_one_patient_come_along_together() -> None:
    weights = patient_weights(["a", "b", "a", "c"], replicates=50, seed=1)
    assert np.array_equal(weights[:, 0], weights[:, 2])
    assert (weights[:, 0] + weights[:, 1] + weights[:, 3] == 3).all()


def test_same_seed_same_interval() -> None:
    rng = np.random.default_rng(0)
    target, score = rng.random(80) < 0.5, rng.normal(size=80)
    patients = [str(i // 2) for i in range(80)]
    first, second = (auroc_interval(target, score, patients, seed=4) for _ in range(2))
    assert first == second
    assert first.low < first.value < first.high


def test_fast_and_slow_way_agree() -> None:
    rng = np.random.default_rng(1)
    target = rng.random(60) < 0.4
    score, patients = rng.normal(size=60) + target, [str(i // 3) for i in range(60)]
    fast = auroc_interval(target, score, patients, replicates=200, seed=2)
    slow = interval(lambda rows: auroc(target[rows], score[rows]), patients, replicates=200, seed=2)
    assert (fast.value, fast.low, fast.high) == pytest.approx((slow.value, slow.low, slow.high))


def test_repeated_films_do_not_narrow_the_interval() -> None:
    rng = np.random.default_rng(2)
    values, patients = rng.normal(size=40), [str(i) for i in range(40)]
    once = mean_interval(values, patients, seed=3)
    tenfold = mean_interval(np.repeat(values, 10), np.repeat(patients, 10), seed=3)
    careless = mean_interval(np.repeat(values, 10), [str(i) for i in range(400)], seed=3)
    width = once.high - once.low
    assert tenfold.high - tenfold.low == pytest.approx(width, rel=0.15)
    assert careless.high - careless.low < 0.5 * width


@pytest.mark.slow
def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for seed in range(200):
        area = mean_interval(rng.normal(size=50), [str(i) for i in range(50)], replicates=300, seed=seed)
        covered += area.low <= 0.0 <= area.high
    assert covered / 200 == pytest.approx(0.95, abs=0.05)


def test_no_values_give_no_numbers() -> None:
    empty = mean_interval(np.array([]), [])
    assert np.isnan(empty.value)
    one_class = auroc_interval(np.ones(4), np.arange(4.0), list("abcd"))
    assert np.isnan(one_class.value)
    assert np.isnan(one_class.low)


def test_an_interval_reads_well() -> None:
    assert str(Interval(0.8123, 0.75, 0.9)) == "0.812 [0.750, 0.900]"
