"""Kendall's tau against SciPy, places, and recall of films and texts against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from hilum.core.errors import InputError
from hilum.measure.rank import kendall_tau, places, recalls


def test_tau_is_scipys_for_every_draw_with_and_without_ties() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 6, (40, 9)), rng.integers(0, 6, (40, 9))
    second[0], second[1] = first[0], -first[1]
    found = kendall_tau(first, second)
    wanted = [kendalltau(one, two).statistic for one, two in zip(first, second, strict=True)]
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    assert found[0] == pytest.approx(1.0)
    assert found[1] == pytest.approx(-1.0)


def test_tau_is_undefined_where_all_are_tied_and_refuses_other_things() -> None:
    assert np.isnan(kendall_tau([1, 1, 1], [1, 2, 3]))
    with pytest.raises(InputError, match="two scores of the same things"):
        kendall_tau([1, 2], [1, 2, 3])
    with pytest.raises(InputError, match="two or more"):
        kendall_tau([1], [1])


def test_places_begin_at_one_and_ties_keep_their_order() -> None:
    assert places([0.2, 0.9, 0.5, 0.9]).tolist() == [4, 1, 3, 2]


def test_recall_counts_both_ways() -> None:
    scores = np.array([[3.0, 2, 1], [3, 2, 1], [3, 2, 1]])
    found = recalls(scores, ["a", "b", "c"], first=(1, 2, 3))
    np.testing.assert_allclose(found[0], [1 / 3, 2 / 3, 1])  # every film names a, b, c
    np.testing.assert_allclose(found[1], [0, 0, 1])  # every text finds three films alike: the right one comes last
    np.testing.assert_allclose(recalls(np.eye(4), list("abcd"), first=(1,)), [[1], [1]])


def test_films_with_the_same_report_share_it() -> None:
    scores = np.array([[0.0, 0.0, 5.0], [9.0, 9.0, 0.0], [0.0, 0.0, 7.0]])
    found = recalls(scores, ["same", "same", "other"], first=(1,))
    np.testing.assert_allclose(found[0], [2 / 3])  # the first film prefers the other text
    np.testing.assert_allclose(found[1], [1.0])  # 'same' finds the second film, which is right too
    with pytest.raises(InputError, match=r"must be \(2, 2\)"):
        recalls(scores, ["a", "b"])
