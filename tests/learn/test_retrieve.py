"""The index of similar cases: exact, of training cases only, and never of the same patient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.learn.retrieve import Index, encoder_hash, fact_overlap, hit_at, index_of, normalised


def made(draw: np.random.Generator, count: int = 40, width: int = 6) -> Index:
    patient = [f"p{number // 2}" for number in range(count)]
    split = ["test" if number % 5 == 4 else "train" for number in range(count)]
    return index_of(draw.normal(size=(count, width)), [f"c{n}" for n in range(count)], patient, split, encoder="e")


def test_only_training_cases_are_kept(draw: np.random.Generator) -> None:
    index = made(draw)
    assert len(index) == 32
    assert not {f"c{n}" for n in range(4, 40, 5)} & set(index.case.tolist())


def test_no_case_of_the_patient_is_returned_even_if_it_is_the_film_itself(draw: np.random.Generator) -> None:
    index = made(draw)
    rows, cosine = index.find(index.features, index.patient, encoder="e", keep=5)
    assert not (index.patient[rows] == index.patient[:, None]).any()
    assert (cosine < 1 - 1e-6).all()
    own, best = index.find(index.features, ["nobody"] * len(index), encoder="e", keep=1)
    assert own[:, 0].tolist() == list(range(len(index)))  # without exclusion it would find itself
    assert best[:, 0] == pytest.approx(1.0, abs=1e-6)


@given(seed=st.integers(0, 2**31), chunk=st.integers(1, 50), keep=st.integers(1, 12))
def test_chunks_change_nothing_and_the_order_is_that_of_all_cosines(seed: int, chunk: int, keep: int) -> None:
    draw = np.random.default_rng(seed)
    index = made(draw)
    queries, who = draw.normal(size=(7, 6)), [f"p{n}" for n in range(7)]
    rows, cosine = index.find(queries, who, encoder="e", keep=keep, chunk=chunk)
    for at in range(7):
        all_of_them = {
            row: float(normalised(queries)[at] @ index.features[row])
            for row in range(len(index))
            if index.patient[row] != who[at]
        }
        best = sorted(all_of_them.values(), reverse=True)[:keep]
        assert cosine[at].tolist() == pytest.approx(best, abs=1e-5)
        assert [all_of_them[int(row)] for row in rows[at]] == pytest.approx(best, abs=1e-5)


def test_equal_cosines_go_by_row() -> None:
    index = index_of(np.ones((4, 2)), list("abcd"), list("wxyz"), ["train"] * 4, encoder="e")
    rows, _ = index.find(np.ones((1, 2)), ["x"], encoder="e", keep=3, chunk=2)
    assert rows.tolist() == [[0, 2, 3]]


def test_what_is_missing_is_minus_one() -> None:
    index = index_of(np.eye(2), ["a", "b"], ["p", "q"], ["train", "train"], encoder="e")
    rows, cosine = index.find(np.eye(2)[:1], ["p"], encoder="e", keep=4)
    assert rows.tolist() == [[1, -1, -1, -1]]
    assert np.isneginf(cosine[0, 1:]).all()


def test_it_comes_back_as_it_was_and_only_with_its_encoder(draw: np.random.Generator, tmp_path: Path) -> None:
    index = made(draw)
    index.save(tmp_path / "index.safetensors")
    again = Index.load(tmp_path / "index.safetensors")
    assert np.array_equal(again.features, index.features)
    assert (again.case.tolist(), again.patient.tolist()) == (index.case.tolist(), index.patient.tolist())
    with pytest.raises(InputError, match="index the cases anew"):
        again.find(index.features, index.patient, encoder="another")
    (tmp_path / "bad.safetensors").write_bytes(b"{}")
    with pytest.raises(InputError, match="make it anew"):
        Index.load(tmp_path / "bad.safetensors")


def test_the_hash_is_of_values_names_and_shapes_whatever_the_order(draw: np.random.Generator) -> None:
    a, b = draw.normal(size=(3, 2)), draw.normal(size=4)
    mark = encoder_hash({"a": a, "b": b})
    assert mark == encoder_hash({"b": b, "a": a})
    assert len({mark, encoder_hash({"a": a.T, "b": b}), encoder_hash({"a": a + 1e-9, "b": b}),
                encoder_hash({"c": a, "b": b})}) == 4  # fmt: skip


def test_facts_in_common() -> None:
    held = [frozenset({"effusion right", "edema"}), frozenset(), frozenset({"edema"})]
    asked = [frozenset({"edema"}), frozenset()]
    rows = np.array([[0, 2, 1], [1, 0, -1]])
    assert fact_overlap(rows, asked, held, 1).tolist() == pytest.approx([2 / 3, 1.0])
    assert fact_overlap(rows, asked, held, 3).tolist() == pytest.approx([(2 / 3 + 1 + 0) / 3, 0.5])
    assert np.isnan(fact_overlap(np.array([[-1]]), asked[:1], held, 1)).all()


def test_recall_asks_whether_one_of_the_first_is_right() -> None:
    rows = np.array([[3, 0], [1, 1], [-1, 2]])
    assert hit_at(rows, lambda at, row: row == at, 1).tolist() == [0, 1, 0]
    assert hit_at(rows, lambda at, row: row == at, 2).tolist() == [1, 1, 1]


def test_what_cannot_be_indexed_or_asked_is_refused(draw: np.random.Generator) -> None:
    with pytest.raises(InputError, match="training split"):
        index_of(np.eye(2), ["a", "b"], ["p", "q"], ["test", "val"], encoder="e")
    with pytest.raises(InputError, match="give one each"):
        index_of(np.eye(2), ["a"], ["p", "q"], ["train", "train"], encoder="e")
    with pytest.raises(InputError, match="queries must be"):
        made(draw).find(np.eye(3), ["p"] * 3, encoder="e")
    with pytest.raises(InputError, match="one row a case"):
        normalised(np.zeros(3))
