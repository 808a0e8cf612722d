"""Ids of a run: told apart as a set would, in bounded memory, and skipped as often as they were written."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.app.label_ids import Ids, Met, Written, key_of, text_key

NAMES = st.lists(st.text(max_size=3) | st.integers(0, 40).map(str), max_size=300)


@given(NAMES, NAMES)
def test_ids_are_a_set(first: list[str], second: list[str]) -> None:
    ids, seen = Ids(), set[str]()
    for name in first:
        assert ids.add(key_of(name)) == (name not in seen)
        seen.add(name)
    other = Ids()
    for name in second:
        other.add(key_of(name))
    ids.take(other)
    assert len(ids) == len(seen | set(second))
    assert all(key_of(name) in ids for name in [*first, *second])


def test_ids_take_few_bytes() -> None:
    ids = Ids()
    for number in range(100_000):
        ids.add(key_of(f"a rather long report identifier {number}"))
    assert sum(each.itemsize * len(each) for each in (ids._table, ids._values)) <= 48 * 100_000


@given(NAMES, NAMES)
def test_written_rows_are_skipped_as_often_as_they_were_written(before: list[str], now: list[str]) -> None:
    written, left = Written(), Counter(before)
    for name in before:
        written.add(name)
    for name in now:
        assert written.take(name) == (left[name] > 0)
        left[name] -= 1


@pytest.mark.parametrize(
    ("rows", "fates"),
    [
        (["a", "a"], ["new", "again"]),
        (["a", "|", "a"], ["new", "elsewhere"]),
        (["!a", "|", "a"], ["new", "new"]),
        (["a", "|", "!a"], ["new", "elsewhere"]),
        (["!a", "|", "!a"], ["new", "elsewhere"]),
        (["!a", "!a"], ["new", "new"]),
        (["!a", "a", "a"], ["new", "new", "again"]),
        (["a", "|", "b", "|", "a", "b"], ["new", "new", "elsewhere", "elsewhere"]),
    ],
)
def test_the_first_that_can_be_read_wins(rows: list[str], fates: list[str]) -> None:
    met, told = Met(), []
    for row in rows:
        if row == "|":
            met.next_file()
        else:
            told.append(met.fate(row.lstrip("!"), failed=row.startswith("!")))
    assert told == fates


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 2**64 - 1), max_size=200), st.integers(0, 200))
def test_values_stay_with_their_ids(values: dict[str, int], cut: int) -> None:
    first, second = Ids(), Ids()
    for number, (name, value) in enumerate(values.items()):
        (first if number < cut else second).add(key_of(name), value)
    first.take(second)
    assert {name: first.value(key_of(name)) for name in values} == values


def test_reports_are_the_same_but_for_spacing_and_other_sections() -> None:
    met = Met()
    assert met.fate("a", failed=False, text={"findings": "No effusion.", "impression": "Normal."}) == "new"
    met.next_file()
    assert (
        met.fate("a", failed=False, text={"indication": "Pain", "findings": "No\n effusion.", "impression": "Normal. "})
        == "elsewhere"
    )
    assert met.fate("a", failed=False, text="No effusion. Normal.") == "elsewhere"
    assert met.fate("a", failed=False, text="No effusion.") == "other"
    assert met.fate("a", failed=True) == "elsewhere"
    assert text_key({"indication": "Pain"}) == text_key("Pain") != text_key("Pain.")
