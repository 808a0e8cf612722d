"""Laws that a judge of entailment must keep, on facts composed of the vocabulary, whatever the words."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.measure.audit import audit
from hilum.measure.entailment import Entailed, RuleJudge
from hilum.measure.invented import invented_reports
from hilum.text.parse import parse
from hilum.text.statements import phrases

JUDGE = RuleJudge()
SIDES = ("", "left", "right", "bilateral")
GRADES = ("", "small", "moderate", "large")
CHANGES = ("", "unchanged", "increased", "decreased")


def phrase(side: str, grade: str, change: str) -> str:
    said = " ".join(filter(None, (grade, side, "pleural effusion")))
    return f"{said}, {change}." if change else f"{said}."


DETAILS = st.tuples(st.sampled_from(SIDES), st.sampled_from(GRADES), st.sampled_from(CHANGES))


def entailed(asked: str, *others: str) -> bool:
    return JUDGE([asked], others)[0].status == "entailed"


def includes(told: tuple[str, str, str], asked: tuple[str, str, str]) -> bool:
    """Whether each detail asked for is told: written down apart from the judge, as RadFact's prompt has it."""
    side = asked[0] in ("", told[0]) or told[0] == "bilateral"
    return side and all(want in ("", has) for want, has in zip(asked[1:], told[1:], strict=True))


@settings(max_examples=150, deadline=None)
@given(DETAILS, DETAILS)
def test_a_phrase_follows_from_another_that_tells_all_its_details(
    told: tuple[str, str, str], asked: tuple[str, str, str]
) -> None:
    assert entailed(phrase(*asked), phrase(*told)) == includes(told, asked)


@settings(max_examples=60, deadline=None)
@given(DETAILS, DETAILS, DETAILS)
def test_what_follows_from_what_follows_follows(
    first: tuple[str, str, str], second: tuple[str, str, str], third: tuple[str, str, str]
) -> None:
    a, b, c = (phrase(*each) for each in (first, second, third))
    if entailed(b, a) and entailed(c, b):
        assert entailed(c, a)


@settings(max_examples=60, deadline=None)
@given(DETAILS, DETAILS)
def test_a_denial_and_what_it_denies_never_follow_from_each_other(
    told: tuple[str, str, str], asked: tuple[str, str, str]
) -> None:
    denial = "No pleural effusion."
    assert not entailed(denial, phrase(*told))
    assert not entailed(phrase(*asked), denial)


@pytest.mark.parametrize("seed", range(3))
def test_more_phrases_never_take_a_finding_away_and_their_order_is_nothing(seed: int) -> None:
    one, other, third = (phrases(parse(text)) for text in invented_reports(3, seed=seed))
    before = JUDGE(one, other)
    after = JUDGE(one, (*other, *third))
    for few, more in zip(before, after, strict=True):
        if few.status == "entailed" and not few.phrase.lower().startswith(("no ", "there is no", "the ")):
            assert more.status == "entailed"
    for turned in list(permutations(other))[:6]:
        found = JUDGE(one, turned)
        assert [v.status for v in found] == [v.status for v in before]
        told = [{turned[n] for n in v.evidence} for v in found]
        assert told == [{other[n] for n in v.evidence} for v in before]


def test_every_phrase_gets_a_verdict_in_order_with_valid_evidence() -> None:
    for text, beside in zip(invented_reports(20, seed=7), invented_reports(20, seed=8), strict=True):
        asked, others = phrases(parse(text)), phrases(parse(beside))
        found = JUDGE(asked, others)
        assert [verdict.phrase for verdict in found] == list(asked)
        for verdict in found:
            assert isinstance(verdict, Entailed)
            assert bool(verdict.evidence) == (verdict.status == "entailed")
            assert bool(verdict.reason) == (verdict.status != "entailed")
            assert all(0 <= number < len(others) for number in verdict.evidence)


def test_no_phrases_no_verdicts() -> None:
    assert JUDGE([], ["Left effusion."]) == ()
    assert [v.status for v in JUDGE(["", " ", "Left effusion."], [])] == ["not judged", "not judged", "not entailed"]


AUDITED = ("radfact/hilum/f1", "lunguage-score/hilum", "temporal-f1/findings", "consistency/con/jaccard")


def test_the_audit_finds_that_these_metrics_see_errors_and_fall_with_more_of_them() -> None:
    made = audit(AUDITED, invented_reports(60, seed=1), replicates=50)
    rows = {row.metric: row for row in made.rows}
    assert all(not row.reason for row in rows.values())
    assert {"negate", "flip-side", "swap-severity", "flip-change"} <= set(
        rows["radfact/hilum/f1"].with_verdict("sees")
    )  # fmt: skip
    assert {"flip-change", "flip-side"} <= set(rows["temporal-f1/findings"].with_verdict("sees"))
    for name in AUDITED[:2]:
        steps = [each.value for each in rows[name].steps]
        assert np.all(np.diff(steps) > 0)
        assert "punishes" not in {effect.verdict for effect in rows[name].effects.values()}
