"""Matching of findings: one to one, best in sum, with every disagreement and its characters."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.measure.disagreements import disagreements, grade_name
from hilum.measure.fact_match import Compared, compare, compared, unmatched, weight
from hilum.measure.facts import Stated, likeness, stated_in
from hilum.text.parse import parse
from tests.measure.reports import pairs

CONCEPTS = ("pleural effusion", "pneumothorax", "atelectasis", "lung opacity", "consolidation", "pulmonary edema")
_ITEM = st.builds(
    Stated, st.sampled_from(CONCEPTS), st.sampled_from(["present", "absent", "uncertain"]),
    st.frozensets(st.sampled_from(["left", "right"])), st.just(frozenset()), st.sampled_from([None, 1.0, 2.0, 3.0]),
    st.sampled_from(["", "new", "unchanged"]), st.sampled_from([None, 5.0, 8.0]), st.just(()), st.just("finding"),
)  # fmt: skip
_SIDE = st.lists(_ITEM, max_size=4).map(tuple)


def held(reference: str, answer: str) -> Compared:
    return compare(stated_in(parse(reference)), stated_in(parse(answer)))


def kinds(reference: str, answer: str) -> list[str]:
    return [error["kind"] for error in disagreements(pairs((reference, answer)))[0]["errors"]]


@given(_SIDE, _SIDE)
@settings(max_examples=150, deadline=None)
def test_no_other_matching_earns_more(references: tuple[Stated, ...], answers: tuple[Stated, ...]) -> None:
    found = compare(references, answers)
    assert len({m.reference for m in found.matches}) == len({m.answer for m in found.matches}) == len(found.matches)
    alone = {}
    for row, reference in enumerate(references):
        for column, answer in enumerate(answers):
            single = compare((reference,), (answer,)).matches
            alone[row, column] = single[0].credit if single else 0.0
    longer, shorter = (answers, references) if len(answers) > len(references) else (references, answers)
    best = max(
        sum(alone[(n, m) if shorter is references else (m, n)] for n, m in enumerate(order))
        for order in permutations(range(len(longer)), len(shorter))
    )
    assert sum(match.credit for match in found.matches) == pytest.approx(best, abs=5e-3)


@given(_SIDE, _SIDE)
@settings(max_examples=100, deadline=None)
def test_swapping_the_reports_swaps_the_outcome(references: tuple[Stated, ...], answers: tuple[Stated, ...]) -> None:
    one, other = compare(references, answers), compare(answers, references)
    assert sum(m.credit for m in one.matches) == pytest.approx(sum(m.credit for m in other.matches), abs=5e-3)
    assert [len(side) for side in unmatched(one)] == [len(side) for side in unmatched(other)[::-1]]


@given(_SIDE)
@settings(max_examples=50, deadline=None)
def test_a_report_matches_itself(items: tuple[Stated, ...]) -> None:
    assert all(match.credit == 1.0 for match in compare(items, items).matches)
    assert unmatched(compare(items, items)) == ([], [])


@pytest.mark.parametrize(
    ("reference", "answer", "expected"),
    [
        ("Pleural effusion.", "Pneumothorax.", ["omission", "false finding"]),
        ("No pleural effusion.", "Pleural effusion.", ["wrong state"]),
        ("Possible pneumonia.", "Pneumonia.", ["wrong state"]),
        ("Left pleural effusion.", "Right pleural effusion.", ["wrong side"]),
        ("Small pleural effusion.", "Large pleural effusion.", ["wrong severity"]),
        ("Small pleural effusion.", "Pleural effusion.", ["wrong severity"]),
        ("Stable cardiomegaly.", "New cardiomegaly.", ["wrong change"]),
        ("Opacity in the right upper lobe.", "Opacity in the right lower lobe.", ["wrong place"]),
        ("8 mm nodule.", "20 mm nodule.", ["wrong size"]),
        ("Consolidation.", "Lung opacity.", ["near finding"]),
        ("Consolidation.", "Lungs are clear.", ["wrong state"]),
        ("Lung opacity.", "Lung opacity. No consolidation.", ["false finding"]),
        ("No acute findings.", "Normal chest.", []),
    ],
)  # fmt: skip
def test_kinds_of_disagreement(reference: str, answer: str, expected: list[str]) -> None:
    assert kinds(reference, answer) == expected


def test_words_and_characters_of_both_texts() -> None:
    reference, answer = "Lungs are clear. Small left pleural effusion.", "Large right pleural effusion."
    errors = disagreements(pairs((reference, answer)))[0]["errors"]
    side = next(error for error in errors if error["kind"] == "wrong side")
    assert side["concept"] == "pleural effusion"
    assert (side["reference"]["said"], side["answer"]["said"]) == ("left", "right")
    assert [reference[a:b] for a, b in side["reference"]["spans"]] == ["Small", "left", "pleural effusion"]
    assert side["answer"]["words"] == "Large ... right ... pleural effusion"
    severity = next(error for error in errors if error["kind"] == "wrong severity")
    assert (severity["reference"]["said"], severity["answer"]["said"]) == ("mild", "severe")


def test_errors_stand_in_the_order_of_the_reference() -> None:
    both = pairs(("Pneumothorax. Left pleural effusion. Nodule.", "Right pleural effusion."))
    starts = [error["reference"]["spans"][0][0] for error in disagreements(both)[0]["errors"]]
    assert starts == sorted(starts)
    assert len(starts) == 3


def test_bilateral_against_one_side_earns_half_of_the_side() -> None:
    (match,) = held("Bilateral pleural effusions.", "Left pleural effusion.").matches
    assert match.parts == {"side": 0.5}
    assert match.credit == pytest.approx(0.75)


def test_wrong_attributes_multiply() -> None:
    (match,) = held("New small left pleural effusion.", "Stable large right pleural effusion.").matches
    assert match.credit == pytest.approx(0.5 * 0.7 * 0.7)
    assert match.presence == 1.0


def test_implied_denials_are_covered() -> None:
    found = held("Lungs are clear. No pneumothorax. No pleural effusion.", "No acute cardiopulmonary disease.")
    assert found.matches == ()
    assert sorted(found.covered) == [(False, 0, 1.0), (True, 0, 1.0), (True, 1, 1.0), (True, 2, 1.0)]
    assert unmatched(found) == ([], [])


def test_few_denials_are_not_yet_a_normal_film_and_a_finding_forbids_it() -> None:
    assert (False, 0, pytest.approx(1 / 3)) in held("No pneumothorax.", "No acute findings.").covered
    assert all(of_reference for of_reference, _, _ in held("Nodule. No effusion.", "No acute findings.").covered)


def test_denials_and_remarks_weigh_a_quarter() -> None:
    assert [weight(item) for item in stated_in(parse("Pneumonia."))] == [1.0]
    assert [weight(item) for item in stated_in(parse("No pneumonia."))] == [0.25]
    assert [weight(item) for item in stated_in(parse("Stable chest."))] == [0.25]


def test_grades_have_names() -> None:
    assert [grade_name(g) for g in (0.5, 1.5, 3.0, 1.25)] == ["borderline", "mild to moderate", "severe", "1.25"]


def test_everything_is_made_once() -> None:
    both = pairs(("Nodule.", "Mass."))
    assert compared(both) is compared(both)
    assert disagreements(both) is disagreements(both)
    assert likeness("lung nodule", "lung mass") == 0.0
