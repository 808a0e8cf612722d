"""Laws of LunguageScore on drawn rows: range, symmetry, order, and what each further error costs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.measure.invented import invented_reports
from hilum.measure.lunguage_score import Counts, Parts, count
from hilum.measure.metric import metric
from hilum.measure.pairs import ReportPairs
from hilum.measure.perturb import edits_in_turn
from hilum.text.lunguage import Record
from hilum.text.structure import Row

NAMES = ("effusion", "opacity", "nodule", "edema", "heart size")
ROWS = st.builds(
    lambda ent, status, certainty, place, grade: Row(
        1, "find", "", ent, "PF", status, certainty, location=place, severity=grade
    ),
    st.sampled_from(NAMES), st.sampled_from(("positive", "negative")), st.sampled_from(("definitive", "tentative")),
    st.sampled_from(("", "loc: left", "loc: right", "loc: left lower lobe, det: posterior")),
    st.sampled_from(("", "mild", "severe")),
)  # fmt: skip
SIDES = st.lists(st.tuples(ROWS, st.integers(1, 3), st.integers(1, 2)), max_size=6)
Told = list[tuple[Row, int, int]]


def records(told: Told) -> list[Record]:
    return [Record("p", "s", row, sequence, f"{row.ent} group", episode) for row, sequence, episode in told]


def both(reference: Told, answer: Told, mode: str, parts: Parts) -> Counts:
    return count([(records(reference), records(answer))], mode, parts)[0]  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["single", "sequential"])
@pytest.mark.parametrize("parts", [Parts(), Parts(struct=False, temp=False), Parts(duplicates="counted")], ids=str)
@settings(max_examples=40, deadline=None)
@given(reference=SIDES, answer=SIDES)
def test_counts_are_in_range_and_turn_with_their_sides(mode: str, parts: Parts, reference: Told, answer: Told) -> None:
    found = both(reference, answer, mode, parts)
    assert 0 <= found.tp <= min(len(reference), len(answer)) + 1e-9
    assert -1e-9 <= found.fp <= len(answer) + 1e-9
    assert -1e-9 <= found.fn <= len(reference) + 1e-9
    assert len(found.matches) == min(len(reference), len(answer))
    turned = both(answer, reference, mode, parts)
    assert turned.tp == pytest.approx(found.tp)
    for value in (found.f1, found.precision, found.recall):
        assert np.isnan(value) or 0 <= value <= 1 + 1e-9
    if reference and answer and found.tp > 0:
        p, r = found.precision, found.recall
        assert found.f1 == pytest.approx(2 * p * r / (p + r))


@settings(max_examples=40, deadline=None)
@given(SIDES.filter(bool), st.randoms(use_true_random=False))
def test_rows_in_another_order_are_the_same_rows(told: Told, draw: object) -> None:
    turned = list(told)
    draw.shuffle(turned)  # type: ignore[attr-defined]
    for mode in ("single", "sequential"):
        assert both(told, turned, mode, Parts()).f1 == pytest.approx(1.0)


@settings(max_examples=40, deadline=None)
@given(SIDES.filter(bool), SIDES)
def test_each_part_can_only_take_away(reference: Told, answer: Told) -> None:
    sem = both(reference, answer, "sequential", Parts(struct=False, temp=False)).tp
    struct = both(reference, answer, "sequential", Parts(temp=False)).tp
    whole = both(reference, answer, "sequential", Parts()).tp
    assert whole <= struct + 1e-9 <= sem + 2e-9


def test_items_do_not_touch_each_other() -> None:
    draw = np.random.default_rng(3)
    rows = [Row(1, "find", "", name, "PF", "positive", "definitive") for name in NAMES]
    items = [
        tuple([Record("p", "s", rows[n]) for n in draw.integers(0, 5, draw.integers(0, 5))] for _ in "ab")
        for _ in range(20)
    ]
    together = count(items)  # type: ignore[arg-type]
    alone = [count([item])[0] for item in items]  # type: ignore[list-item]
    for one, other in zip(together, alone, strict=True):
        assert one[:3] == pytest.approx(other[:3])
        assert one.matches == other.matches


def test_every_further_error_costs_more_on_the_whole() -> None:
    reports = [text for text in invented_reports(60, seed=2) if len(edits_in_turn(text, 3)) == 3]
    steps = [[text, *[str(edit.text) for edit in edits_in_turn(text, 3)]] for text in reports]
    values = [metric("lunguage-score/hilum")(ReportPairs(tuple(reports), tuple(s[n] for s in steps))).value
              for n in range(4)]  # fmt: skip
    assert values[0] == pytest.approx(1.0)
    assert np.all(np.diff(values) < 0)
