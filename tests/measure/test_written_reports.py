"""Reports written from known findings: what the metrics give is what the findings say it must be."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.measure.fact_match import COSTS, UNSAID
from hilum.measure.facts import stated_in
from hilum.measure.metric import metric
from hilum.text.parse import parse
from tests.measure.reports import pairs

GRADE = {"mild": 1.0, "moderate": 2.0, "severe": 3.0, "": None}
CHANGE = {"new": "new", "stable": "unchanged", "": ""}
OTHER = {"left": "right", "right": "left", "mild": "severe", "severe": "mild", "new": "stable", "stable": "new"}
CONCEPTS = ("pneumothorax", "pleural effusion", "atelectasis", "consolidation")
DENIED = ("pulmonary edema", "rib fracture", "pneumomediastinum")
PARTS = {"side": "side", "severity": "grade", "change": "change"}


class Known(NamedTuple):
    """One finding and how it is told."""

    concept: str
    side: str
    grade: str
    change: str

    def write(self, style: int) -> str:
        """A sentence; styles differ in the order of words only."""
        first = f"{self.change} {self.grade}".strip()
        if style:
            return f"There is {first} {self.side} {self.concept}.".replace("  ", " ")
        return f"{first} {self.concept} on the {self.side}.".strip().capitalize()


KNOWN = st.builds(
    Known, st.sampled_from(CONCEPTS), st.sampled_from(["left", "right"]),
    st.sampled_from(["mild", "moderate", "severe"]), st.sampled_from(["new", "stable"]),
)  # fmt: skip
REPORTS = st.tuples(
    st.lists(KNOWN, min_size=1, max_size=4, unique_by=lambda each: each.concept),
    st.lists(st.sampled_from(DENIED), max_size=3, unique=True),
)


def written(findings: list[Known], denied: list[str], style: int = 0, turned: bool = False) -> str:
    sentences = [each.write(style) for each in findings]
    sentences += [f"No evidence of {name}." if style else f"No {name}." for name in denied]
    return " ".join(reversed(sentences) if turned else sentences)


def value(reference: str, answer: str, name: str = "finding-f1") -> float:
    return metric(name)(pairs((reference, answer))).value


@given(REPORTS)
@settings(max_examples=40, deadline=None)
def test_reading_gives_back_what_was_written(known: tuple[list[Known], list[str]]) -> None:
    for style in (0, 1):
        found = stated_in(parse(written(*known, style=style)))
        held = {(i.concept, *i.sides, i.grade, i.change) for i in found if i.state == "present"}
        assert held == {(k.concept, k.side, GRADE[k.grade], CHANGE[k.change]) for k in known[0]}
        assert {i.concept for i in found if i.state == "absent"} == set(known[1])


@given(REPORTS)
@settings(max_examples=40, deadline=None)
def test_style_and_order_do_not_matter(known: tuple[list[Known], list[str]]) -> None:
    reference, answer = written(*known), written(*known, style=1, turned=True)
    for name in ("finding-f1", "finding-f1/strict", "finding-f1/presence", "finding-f1/side"):
        assert value(reference, answer, name) == 1.0
    assert value(reference, answer, "green/hilum") == value(reference, answer, "label-f1/hilum/micro-14") == 1.0


@given(REPORTS, st.sampled_from(["side", "severity", "change"]))
@settings(max_examples=40, deadline=None)
def test_one_wrong_attribute_costs_its_share(known: tuple[list[Known], list[str]], part: str) -> None:
    findings, denied = known
    first = findings[0]._replace(grade="mild")
    findings = [first, *findings[1:]]
    field = PARTS[part]
    wrong = [first._replace(**{field: OTHER[getattr(first, field)]}), *findings[1:]]
    total = len(findings) + len(denied) / 4
    expected = (total - COSTS[part]) / total
    assert value(written(findings, denied), written(wrong, denied)) == pytest.approx(expected)
    assert value(written(findings, denied), written(wrong, denied), "finding-f1/presence") == 1.0
    assert value(written(findings, denied), written(wrong, denied), f"finding-f1/{part}") < 1.0


@given(REPORTS)
@settings(max_examples=40, deadline=None)
def test_what_is_left_unsaid_costs_half_the_share(known: tuple[list[Known], list[str]]) -> None:
    findings, denied = known
    silent = [findings[0]._replace(grade=""), *findings[1:]]
    total = len(findings) + len(denied) / 4
    expected = (total - COSTS["severity"] * (1 - UNSAID)) / total
    assert value(written(findings, denied), written(silent, denied)) == pytest.approx(expected)


@given(REPORTS)
@settings(max_examples=40, deadline=None)
def test_omission_and_hallucination_are_two_sides_of_one_thing(known: tuple[list[Known], list[str]]) -> None:
    findings, denied = known
    more, less = written(findings, denied), written(findings[1:], denied)
    total = len(findings) + len(denied) / 4
    expected = 2 * (total - 1) / (2 * total - 1)
    assert value(more, less) == pytest.approx(expected) == pytest.approx(value(less, more))
    kinds = [[e["kind"] for e in metric("finding-f1")(pairs(each)).notes[0]["errors"]]
             for each in ((more, less), (less, more))]  # fmt: skip
    assert kinds == [["omission"], ["false finding"]]


@given(REPORTS)
@settings(max_examples=40, deadline=None)
def test_a_denial_turned_into_a_finding_costs_both_weights(known: tuple[list[Known], list[str]]) -> None:
    findings, denied = known[0], [*known[1], "pneumoperitoneum"]
    answer = written(findings, denied[:-1]) + " There is pneumoperitoneum."
    shared = len(findings) + (len(denied) - 1) / 4
    expected = 2 * shared / (2 * shared + 0.25 + 1)
    assert value(written(findings, denied), answer) == pytest.approx(expected)


def test_more_wrong_sides_cost_more() -> None:
    findings = [Known(concept, "left", "mild", "new") for concept in CONCEPTS]
    values = []
    for count in range(len(findings) + 1):
        wrong = [each._replace(side="right") if n < count else each for n, each in enumerate(findings)]
        values.append([value(written(findings, []), written(wrong, []), name) for name in (
            "finding-f1", "finding-f1/strict", "green/hilum", "graph-f1/complete", "entity-similarity",
        )])  # fmt: skip
    table = np.array(values)
    assert (np.diff(table[:, :3], axis=0) < 0).all()
    assert (table[-1] < table[0]).all()
    np.testing.assert_allclose(table[:, 0], [1, 0.875, 0.75, 0.625, 0.5])
    np.testing.assert_allclose(table[:, 1], [1, 0.75, 0.5, 0.25, 0])
    np.testing.assert_allclose(table[:, 2], [4 / (4 + n) for n in range(5)])
