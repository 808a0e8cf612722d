"""A network that tells sets apart: sure where they differ, at a loss where they do not, honest about patients."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.learn.tell_apart import _folds, told_apart


def blobs(draw: np.random.Generator, count: int, *, ringed: bool = False) -> np.ndarray:
    """Noise with a soft disc, or with a soft ring in its place."""
    y, x = np.mgrid[-1:1:32j, -1:1:32j]
    radius = np.hypot(y, x)
    shape = np.exp(-((radius - (0.6 if ringed else 0.0)) ** 2) / 0.05)
    return (0.3 + 0.4 * shape + 0.1 * draw.normal(size=(count, 32, 32))).astype(np.float32)


def people(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def test_sets_that_differ_are_told_apart(draw: np.random.Generator) -> None:
    first, second = blobs(draw, 30), blobs(draw, 30, ringed=True)
    found = told_apart(first, second, people(30), people(30), steps=40)
    assert found.value > 0.95


def test_sets_that_do_not_differ_are_not(draw: np.random.Generator) -> None:
    values = [
        told_apart(blobs(draw, 60), blobs(draw, 60), people(60), people(60), steps=25, seed=seed) for seed in range(2)
    ]
    assert 0.3 < np.mean([each.value for each in values]) < 0.7
    assert any(each.low < 0.5 < each.high for each in values)


def test_a_network_never_judges_a_patient_it_was_shown(draw: np.random.Generator) -> None:
    # every patient has a mark of his own on both films; it says nothing of patients who were not seen
    marks = draw.uniform(0, 1, (40, 32, 32))
    films = np.repeat(marks, 2, axis=0).astype(np.float32)
    who = [str(number // 2) for number in range(40)]
    found = told_apart(films[:40], films[40:], who, who, steps=40)
    assert found.value < 0.75


def test_patients_are_whole_and_folds_even() -> None:
    patients = np.array([f"a {k // 3}" for k in range(30)] + [f"b {k // 2}" for k in range(24)])
    target = np.repeat([0, 1], [30, 24])
    fold = _folds(patients, target, 3, 0)
    for name in np.unique(patients):
        assert len(set(fold[patients == name])) == 1
    for side in (0, 1):
        counts = np.bincount(fold[target == side], minlength=3)
        assert counts.max() - counts.min() <= 3


def test_few_patients_and_odd_counts_are_refused(draw: np.random.Generator) -> None:
    films = blobs(draw, 4)
    with pytest.raises(InputError, match="3 folds take 3 patients"):
        told_apart(films, films, ["p"] * 4, people(4))
    with pytest.raises(InputError, match="one patient for each film"):
        told_apart(films, films, people(3), people(4))
