"""Batches of any make are counted, split and moved; what cannot be split is told by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.pieces import ids_of, moved, part_of, ranges, rows_of  # noqa: E402

FILMS = torch.arange(12.0).reshape(6, 2)
WORDS = ("a", "b", "c", "d", "e", "f")


class Named(NamedTuple):
    films: torch.Tensor
    ids: tuple[str, ...]


@dataclass
class Record:
    films: torch.Tensor
    age: np.ndarray
    tau: float = 0.07


class Taken:
    """A batch that knows how to split itself."""

    def __init__(self, rows: list[int]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, rows: np.ndarray) -> Taken:
        return Taken([self.rows[at] for at in rows])


BATCHES: list[Any] = [
    FILMS, FILMS.numpy(), (FILMS, FILMS[:, 0]), [FILMS], {"films": FILMS, "tau": torch.tensor(0.1)},
    Named(FILMS, WORDS), Record(FILMS, np.arange(6)), (FILMS, {"deep": (FILMS, WORDS)}, "a word", None),
    Taken([*range(6)]),
]  # fmt: skip


def flat(batch: Any) -> list[Any]:
    """Everything with rows, as plain lists."""
    if isinstance(batch, Taken):
        return [batch.rows]
    if isinstance(batch, (torch.Tensor, np.ndarray)):
        return [batch.tolist()] if batch.ndim else []
    if isinstance(batch, (Named, tuple, list)):
        if batch and all(isinstance(each, str) for each in batch):
            return [list(batch)]
        return [part for each in batch for part in flat(each)]
    if isinstance(batch, dict):
        return flat(list(batch.values()))
    return flat(list(vars(batch).values())) if isinstance(batch, Record) else []


@pytest.mark.parametrize("batch", BATCHES, ids=lambda batch: type(batch).__name__)
@pytest.mark.parametrize("parts", [1, 2, 4, 6])
def test_parts_in_order_are_the_whole(batch: Any, parts: int) -> None:
    assert rows_of(batch) == 6
    pieces = [part_of(batch, rows) for rows in ranges(6, parts)]
    assert all(type(piece) is type(batch) for piece in pieces)
    joined = [sum(column, []) for column in zip(*map(flat, pieces), strict=True)]  # noqa: RUF017
    assert joined == flat(batch)


def test_what_has_no_rows_is_in_every_part() -> None:
    piece = part_of({"films": FILMS, "tau": torch.tensor(0.1), "name": "train"}, range(2, 4))
    assert piece["films"].tolist() == FILMS[2:4].tolist()
    assert float(piece["tau"]) == pytest.approx(0.1)
    assert piece["name"] == "train"


@given(st.integers(1, 200), st.integers(1, 200))
def test_ranges_are_neighbours_of_nearly_equal_length(count: int, parts: int) -> None:
    if parts > count:
        with pytest.raises(InputError, match=f"{count} rows cannot be split into {parts} parts"):
            ranges(count, parts)
        return
    found = ranges(count, parts)
    assert [row for each in found for row in each] == list(range(count))
    assert {len(each) for each in found} <= {count // parts, count // parts + 1}


def test_parts_of_other_lengths_are_told_by_name() -> None:
    with pytest.raises(InputError, match=r"whose 'films' has 6 rows and 'relations' 4 cannot be split"):
        rows_of({"films": FILMS, "relations": torch.zeros(4, 3)})
    with pytest.raises(InputError, match=r"type 'object' cannot be split by rows: give it __len__ and"):
        rows_of(object())


def test_moving_keeps_what_a_batch_is() -> None:
    cpu = torch.device("cpu")
    for batch in BATCHES:
        assert flat(moved(batch, cpu)) == flat(batch)
    assert moved(FILMS, cpu) is FILMS
    ghost = moved(Named(FILMS, WORDS), torch.device("meta"))
    assert ghost.films.device.type == "meta"
    assert ghost.ids == WORDS


def test_ids_are_found_where_a_batch_has_them() -> None:
    assert ids_of(Named(FILMS, WORDS)) == list(WORDS)
    assert ids_of({"ids": [1, 2]}) == ["1", "2"]
    assert ids_of((FILMS,)) == []
