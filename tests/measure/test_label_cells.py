"""Label cells: what takes part, which columns count, and the choices that are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.measure import label_cells
from hilum.measure.label_cells import Cells

CELLS = Cells(
    ("A", "B", "C"),
    np.array([[1, 0, 0], [3, 1, 0], [1, 2, 0]], dtype=np.int8),
    np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0]], dtype=np.int8),
    {2: "there is no answer"},
    {"labels": "made"},
    7,
)


def test_a_pair_that_takes_no_part_counts_for_nothing() -> None:
    counts = CELLS.counts("present")
    assert counts.shape == (3, 3, 3)
    assert counts[2].sum() == 0
    assert counts[0].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert CELLS.counts("present", ("B",)).tolist() == [[[0, 1, 0]], [[0, 0, 1]], [[0, 0, 0]]]


def test_micro_macro_and_example_by_hand() -> None:
    micro = label_cells.micro("m", CELLS, "present")
    assert micro.value == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    assert micro.signature.startswith("m|labels:made|uncertain:present|version:7|")
    assert dict(micro.unscored) == {2: "there is no answer"}
    assert label_cells.macro("m", CELLS, "present", "left-out").value == pytest.approx((1 + 0) / 2)
    assert label_cells.macro("m", CELLS, "present", "zero").value == pytest.approx((1 + 0 + 0) / 3)
    assert label_cells.macro("m", CELLS, "present", "zero", ("A",)).value == 1.0
    assert label_cells.example("m", CELLS, "present", "zero").value == pytest.approx(2 / 3)
    assert label_cells.micro("m", CELLS, "absent").value == pytest.approx(2 / (2 + 2 + 1))


def test_rows_are_the_counts() -> None:
    a, b, c = label_cells.rows(CELLS)
    assert (a.label, a.tp, a.fp, a.fn, a.f1) == ("A", 2, 0, 0, 1.0)
    assert (b.tp, b.fp, b.fn, b.f1) == (0, 1, 1, 0.0)
    assert np.isnan(c.f1)


@pytest.mark.parametrize(
    "choice", [{"uncertain": "maybe", "undefined": "zero"}, {"uncertain": "present", "undefined": "one"}]
)
def test_unknown_choices_are_refused(choice: dict[str, Any]) -> None:
    for score in (label_cells.macro, label_cells.example):
        with pytest.raises(InputError, match="must be one of"):
            score("m", CELLS, **choice)
