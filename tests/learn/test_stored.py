"""Rows on disk behave as the arrays and tuples they stand for, however they are indexed and taken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.learn.stored import Lines, StoredArray, StoredBits, StoredTexts

ROWS, COLUMNS, SIDE = 9, 4, 6
WHOLE = np.arange(ROWS * SIDE * SIDE, dtype=np.uint8).reshape(ROWS, SIDE, SIDE)
MARKED = np.random.default_rng(0).random((ROWS, COLUMNS)) < 0.4
DENSE = np.where(MARKED[..., None, None], np.random.default_rng(1).integers(1, 255, (ROWS, COLUMNS, SIDE, 1)), 0)
DENSE = DENSE.astype(np.uint8)
TAKEN = st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=12).map(np.array)


def array(rows: np.ndarray) -> StoredArray:
    return StoredArray(WHOLE, rows)


def bits(rows: np.ndarray) -> StoredBits:
    return StoredBits(DENSE[MARKED], np.flatnonzero(MARKED.ravel()), COLUMNS, rows)


def picks(count: int) -> st.SearchStrategy[Any]:
    """Ways to ask for rows of so many."""
    number = st.integers(-count, count - 1)
    ends = st.one_of(st.none(), number)
    masks = st.lists(st.booleans(), min_size=count, max_size=count).map(np.array)
    steps = st.sampled_from((None, 1, 2, -1))
    return st.one_of(number, st.builds(slice, ends, ends, steps), st.lists(number, min_size=1, max_size=5), masks)


@given(st.data(), TAKEN)
def test_an_array_is_indexed_as_numpy_does(data: st.DataObject, rows: np.ndarray) -> None:
    asked = data.draw(picks(len(rows)))
    held, kept = WHOLE[rows], array(rows)
    assert kept.shape == held.shape
    assert kept.dtype == held.dtype
    assert kept.ndim == held.ndim
    assert np.array_equal(kept[asked], held[asked])
    assert np.array_equal(kept[asked, 2], held[asked, 2])
    assert np.array_equal(kept[asked, 1:3], held[asked, 1:3])
    assert np.array_equal(np.asarray(kept), held)


@given(st.data(), TAKEN)
def test_regions_are_indexed_as_a_dense_array_is(data: st.DataObject, rows: np.ndarray) -> None:
    asked, column = data.draw(picks(len(rows))), data.draw(st.integers(0, COLUMNS - 1))
    held, kept = DENSE[rows], bits(rows)
    assert kept.shape == held.shape
    assert np.array_equal(kept[asked], held[asked])
    assert np.array_equal(kept[asked, column], held[asked, column])
    assert np.array_equal(np.asarray(kept), held)
    at = np.arange(len(rows))
    assert np.array_equal(kept[at, at % COLUMNS], held[at, at % COLUMNS])


@settings(max_examples=40)
@given(st.data(), TAKEN)
def test_taking_twice_is_taking_of_what_was_taken(data: st.DataObject, rows: np.ndarray) -> None:
    again = np.array(data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=6)), np.int64)
    assert np.array_equal(np.asarray(array(rows).take(again)), WHOLE[rows][again])
    assert np.array_equal(np.asarray(bits(rows).take(again)), DENSE[rows][again])
    assert len(array(rows).take(again)) == len(bits(rows).take(again)) == len(again)


def test_a_set_without_any_region_has_zeros() -> None:
    none = StoredBits(np.zeros((0, SIDE, 1), np.uint8), np.zeros(0, np.int64), COLUMNS, np.arange(3))
    assert none.shape == (3, COLUMNS, SIDE, 1)
    assert not np.asarray(none).any()
    assert none[[0, 2], 1].shape == (2, SIDE, 1)


@pytest.mark.parametrize("asked", [None, Ellipsis, (None, 1)])
def test_an_axis_that_would_read_all_is_refused(asked: Any) -> None:
    with pytest.raises(InputError, match="first axis first"):
        array(np.arange(ROWS))[asked]


def written(place: Path, told: list[list[Any]]) -> Lines:
    path = place / "texts.jsonl"
    lines = [json.dumps(each, ensure_ascii=False).encode() + b"\n" for each in told]
    path.write_bytes(b"".join(lines))
    return Lines(path, np.cumsum([0, *map(len, lines)]))


TOLD = [["a", ["x", "y"]], ["", []], ['ü\n\t"', ["ß"]], ["a", ["x", "y"]]]


@given(st.data(), st.lists(st.integers(0, len(TOLD) - 1), min_size=1, max_size=6).map(np.array))
def test_texts_are_those_of_a_tuple(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, rows: np.ndarray
) -> None:
    lines = written(tmp_path_factory.mktemp("lines"), TOLD)
    for field in (0, 1):
        held = tuple(tuple(TOLD[row][1]) if field else TOLD[row][0] for row in rows)
        kept = StoredTexts(lines, field, rows)
        assert kept == held
        assert tuple(kept) == held
        at = data.draw(st.integers(-len(rows), len(rows) - 1))
        assert kept[at] == held[at]
        ends = data.draw(st.tuples(*[st.one_of(st.none(), st.integers(-7, 7))] * 2))
        assert kept[slice(*ends)] == held[slice(*ends)]
        assert (held[0] in kept) is True
        assert list(reversed(kept)) == list(reversed(held))
        assert kept.take(np.arange(len(rows))[::-1]) == held[::-1]


def test_texts_of_unlike_length_or_words_are_not_the_same(tmp_path: Path) -> None:
    kept = StoredTexts(written(tmp_path, TOLD), 0, np.arange(2))
    assert kept != ("a",)
    assert kept != ("a", "b")
    assert kept != 5
    with pytest.raises(TypeError):
        hash(kept)


@pytest.mark.parametrize("damage", ["cut", "gone", "mixed"])
def test_lines_that_cannot_be_read_name_their_file(tmp_path: Path, damage: str) -> None:
    lines = written(tmp_path, TOLD)
    if damage == "gone":
        lines.path.unlink()
    else:
        held = lines.path.read_bytes()
        lines.path.write_bytes(held[:-9] if damage == "cut" else held[::-1])
    with pytest.raises(InputError, match=r"texts\.jsonl.*delete its folder"):
        list(StoredTexts(lines, 0, np.arange(len(TOLD))))
