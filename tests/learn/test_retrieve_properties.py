"""Retrieval whatever the numbers: patients never meet themselves, scale does not matter, recall only rises with k."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.learn.retrieve import Index, encoder_hash, fact_overlap, hit_at, index_of, normalised

SEEDS = st.integers(0, 2**31)
FACTS = st.frozensets(st.sampled_from(["effusion|1", "effusion|2", "edema|3", "pacemaker|0"]))


def drawn(seed: int, cases: int = 20, people: int = 5) -> tuple[Index, np.random.Generator]:
    draw = np.random.default_rng(seed)
    patient = [f"p{number}" for number in draw.integers(0, people, cases)]
    made = index_of(draw.normal(size=(cases, 4)), [f"c{n}" for n in range(cases)], patient, ["train"] * cases,
                    encoder="e")  # fmt: skip
    return made, draw


@given(seed=SEEDS, keep=st.integers(1, 25))
def test_no_patient_meets_itself_and_no_case_comes_twice(seed: int, keep: int) -> None:
    index, draw = drawn(seed)
    who = np.array([f"p{number}" for number in draw.integers(0, 6, 7)])
    rows, cosine = index.find(draw.normal(size=(7, 4)), who, encoder="e", keep=keep)
    for at in range(7):
        found = rows[at][rows[at] >= 0]
        assert len(found) == min(keep, int((index.patient != who[at]).sum()))
        assert len(set(found.tolist())) == len(found)
        assert (index.patient[found] != who[at]).all()
        held = cosine[at][rows[at] >= 0]
        assert (np.diff(held) <= 1e-6).all()
        assert (np.abs(held) <= 1 + 1e-5).all()


@given(seed=SEEDS, scale=st.floats(0.01, 100))
def test_the_length_of_features_does_not_matter(seed: int, scale: float) -> None:
    index, draw = drawn(seed)
    queries = draw.normal(size=(3, 4))
    one, _ = index.find(queries, ["x"] * 3, encoder="e", keep=4)
    two, _ = index.find(queries * scale, ["x"] * 3, encoder="e", keep=4)
    assert np.array_equal(one, two)


def test_zero_features_stay_zero_and_are_as_near_as_nothing() -> None:
    assert normalised(np.zeros((2, 3))).tolist() == [[0, 0, 0], [0, 0, 0]]
    index = index_of(np.eye(3), list("abc"), list("pqr"), ["train"] * 3, encoder="e")
    _, cosine = index.find(np.zeros((1, 3)), ["x"], encoder="e", keep=3)
    assert cosine.tolist() == [[0, 0, 0]]


@given(seed=SEEDS)
def test_recall_only_rises_with_k(seed: int) -> None:
    index, draw = drawn(seed)
    rows, _ = index.find(draw.normal(size=(6, 4)), ["x"] * 6, encoder="e", keep=8)
    right = {(at, int(draw.integers(20))) for at in range(6)}
    values = [hit_at(rows, lambda at, row: (at, row) in right, k) for k in (1, 2, 5, 8)]
    for before, after in pairwise(values):
        assert (after >= before).all()


@given(one=FACTS, other=FACTS)
def test_overlap_is_symmetric_between_nothing_and_one(one: frozenset[str], other: frozenset[str]) -> None:
    rows = np.zeros((1, 1), np.intp)
    forth, back = (float(fact_overlap(rows, [a], [b], 1)[0]) for a, b in ((one, other), (other, one)))
    assert forth == back
    assert 0 <= forth <= 1
    assert (forth == 1) == (one == other)
    assert (forth == 0) == (not one & other and bool(one | other))


@given(facts=st.lists(FACTS, min_size=3, max_size=6))
def test_overlap_over_k_is_the_mean_of_the_cases(facts: list[frozenset[str]]) -> None:
    rows = np.arange(len(facts))[None]
    each = [float(fact_overlap(np.array([[row]]), facts[:1], facts, 1)[0]) for row in range(len(facts))]
    for k in (1, 2, 3):
        assert float(fact_overlap(rows, facts[:1], facts, k)[0]) == pytest.approx(np.mean(each[:k]))


@given(seed=SEEDS)
def test_a_saved_index_finds_the_same(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    index, draw = drawn(seed)
    path = tmp_path_factory.mktemp("index") / "cases.safetensors"
    index.save(path)
    queries = draw.normal(size=(3, 4))
    one, two = (each.find(queries, ["p1"] * 3, encoder="e", keep=5) for each in (index, Index.load(path)))
    assert np.array_equal(one[0], two[0])
    assert np.array_equal(one[1], two[1])


def test_a_file_of_tensors_that_is_no_index_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    path = tmp_path / "other.safetensors"
    save_file({"features": np.eye(2, dtype=np.float32)}, path)
    with pytest.raises(InputError, match="no index of cases"):
        Index.load(path)
    with pytest.raises(InputError, match="no index of cases"):
        Index.load(tmp_path / "nothing.safetensors")


def test_nothing_half_written_is_left_behind(tmp_path: Path) -> None:
    index, _ = drawn(0)
    index.save(tmp_path / "cases.safetensors")
    index.save(tmp_path / "cases.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["cases.safetensors"]


def test_hashes_differ_by_type_too() -> None:
    values = np.arange(4)
    assert encoder_hash({"a": values.astype(np.float32)}) != encoder_hash({"a": values.astype(np.float64)})
    assert len(encoder_hash({})) == 24


def test_a_query_of_no_case_left_says_so() -> None:
    index = index_of(np.eye(2), ["a", "b"], ["p", "p"], ["train", "train"], encoder="e")
    rows, cosine = index.find(np.eye(2), ["p", "p"], encoder="e", keep=2)
    assert (rows == -1).all()
    assert np.isneginf(cosine).all()
    assert np.isnan(fact_overlap(rows, [frozenset()] * 2, [frozenset()] * 2, 2)).all()
    assert hit_at(rows, lambda at, row: True, 2).tolist() == [0, 0]


@given(seed=SEEDS, power=st.integers(-36, 36))
def test_rows_are_of_length_one_however_small_or_large_they_came(seed: int, power: int) -> None:
    """Squares of float32 vanish below 1e-23 and overflow above 1e19; features between hold either way."""
    rows = np.random.default_rng(seed).normal(size=(3, 5))
    made = normalised(rows * 10.0**power)
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(made, rows / np.linalg.norm(rows, axis=1, keepdims=True), rtol=1e-4, atol=1e-6)


def test_lengths_of_simple_rows_are_those_of_pythagoras() -> None:
    made = normalised(np.array([[3, 4], [0, -2], [0, 0]]))
    np.testing.assert_allclose(made, [[0.6, 0.8], [0.0, -1.0], [0.0, 0.0]], rtol=1e-6)
    assert made.dtype == np.float32
    assert normalised(np.empty((0, 4))).shape == (0, 4)
    with pytest.raises(InputError, match=r"one row a case, \(N, D\): got \(3,\)"):
        normalised(np.ones(3))
