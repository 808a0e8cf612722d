"""Official splits: patients whole, or counted to the part that is tested on."""

from __future__ import annotations

import pytest

from hilum.core.errors import InputError
from hilum.data.splits import official

PAIRS = [("a", "train"), ("a", "train"), ("b", "test"), ("c", "train"), ("c", "test"), ("c", "dev")]


def test_a_patient_in_several_splits_is_refused_or_tested_on() -> None:
    with pytest.raises(InputError, match=r"the table has patient 'c' in 'train' and 'test'"):
        official(lambda: PAIRS, what="the table")("a")
    split_of = official(lambda: PAIRS, what="the table", order=("train", "dev", "test"))
    assert [split_of(name) for name in "abc"] == ["train", "test", "test"]


def test_the_order_must_know_the_splits_it_chooses_between() -> None:
    with pytest.raises(InputError, match="no patient may be split"):
        official(lambda: PAIRS, what="the table", order=("train", "dev"))("c")


def test_the_table_is_read_once_and_on_use() -> None:
    reads = []

    def pairs() -> list[tuple[str, str]]:
        reads.append(1)
        return PAIRS[:3]

    split_of = official(pairs, what="the table")
    assert reads == []
    assert (split_of("a"), split_of("b"), len(reads)) == ("train", "test", 1)
    with pytest.raises(InputError, match="the table does not name patient 'z'"):
        split_of("z")
