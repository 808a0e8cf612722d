"""Metamorphic properties: how what is said must change, or not, when a sentence is changed in a known way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.text.parse import Fact, parse

NOUNS = {
    "effusion": "pleural effusion",
    "pneumothorax": "pneumothorax",
    "consolidation": "consolidation",
    "atelectasis": "atelectasis",
    "pneumonia": "pneumonia",
    "edema": "pulmonary edema",
    "emphysema": "emphysema",
    "infiltrate": "infiltration",
}
lists = st.lists(st.sampled_from(sorted(NOUNS)), min_size=2, max_size=5, unique=True)
LATERAL = sorted(set(NOUNS) - {"emphysema"})  # the sides of a diffuse finding are not asked for
one = st.sampled_from(sorted(NOUNS))
side = st.sampled_from(["right", "left"])


def listed(words: list[str], last: str) -> str:
    """'a, b or c' as a radiologist lists findings."""
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def states(text: str) -> dict[str, tuple[str, str]]:
    return {fact.concept: (fact.state, fact.certainty) for fact in parse(text).facts}


def only(text: str) -> Fact:
    (fact,) = parse(text).facts
    return fact


@pytest.mark.slow
@given(lists, st.sampled_from(["No {}.", "There is no {}.", "No evidence of {}.", "Without {}.", "Negative for {}.",
                               "The lungs show no {}.", "There is no {} identified."]))  # fmt: skip
def test_a_negation_holds_for_a_whole_list(words: list[str], frame: str) -> None:
    said = states(frame.format(listed(words, "or")))
    assert {concept: said[concept][0] for concept in (NOUNS[word] for word in words)} == dict.fromkeys(
        (NOUNS[word] for word in words), "absent"
    )


@given(lists, st.sampled_from(["{} are not seen.", "{} have resolved.", "{} are no longer seen."]))
def test_a_negation_after_a_list_holds_for_its_last_two(words: list[str], frame: str) -> None:
    said = states(frame.format(listed(words[:2], "and")).capitalize())
    assert {state for state, _ in said.values()} == {"absent"}
    assert len(said) == 2


@given(lists, st.sampled_from(["Possible {}.", "May represent {}.", "Cannot exclude {}.", "Concerning for {}."]))
def test_a_hedge_holds_for_alternatives(words: list[str], frame: str) -> None:
    said = states(frame.format(listed(words, "or")))
    assert {said[NOUNS[word]] for word in words} == {("uncertain", "possible")}


@given(
    one, one, st.sampled_from([", but there is ", "; there is ", ", and there is ", "; ", ", except for ", ", but "])
)
def test_no_cue_crosses_into_the_next_clause(first: str, second: str, bridge: str) -> None:
    if first == second:
        return
    said = states(f"No {first}{bridge}{second}.")
    assert said[NOUNS[first]][0] == "absent"
    assert said[NOUNS[second]] == ("present", "definite")


@given(one, one)
def test_order_of_sentences_changes_no_state(first: str, second: str) -> None:
    if first != second:
        assert states(f"No {first}. Mild {second}.") == states(f"Mild {second}. No {first}.")


@given(st.sampled_from(LATERAL), side, st.sampled_from(["{side} {noun}.", "{noun} on the {side}.",
                                   "There is a {side} {noun}.", "In the {side} lung there is {noun}.",
                                   "{side}-sided {noun}."]))  # fmt: skip
def test_a_side_is_found_wherever_it_stands(noun: str, where: str, frame: str) -> None:
    facts = [f for f in parse(frame.format(side=where, noun=noun)).facts if f.concept == NOUNS[noun]]
    assert facts[0].sides == (where,)


@given(one)
def test_swapping_sides_swaps_the_facts(noun: str) -> None:
    assert only(f"Right {noun}.")._replace(attributes={}, start=0, end=0, sentence=(0, 0), modifiers=()) == only(
        f"Left {noun}."
    )._replace(attributes={}, start=0, end=0, sentence=(0, 0), modifiers=())
    assert (only(f"Right {noun}.").sides, only(f"Left {noun}.").sides) == (("right",), ("left",))


@given(one, one, side, side)
def test_each_finding_keeps_its_own_side(first: str, second: str, here: str, there: str) -> None:
    if first == second:
        return
    facts = {f.concept: f.sides for f in parse(f"{here} {first} and {there} {second}.").facts}
    assert facts == {NOUNS[first]: (here,), NOUNS[second]: (there,)}


@given(one, st.sampled_from(["mild", "moderate", "severe"]))
def test_a_grade_is_not_shared_across_and(noun: str, grade: str) -> None:
    facts = {f.concept: f.severity for f in parse(f"{grade} {noun} and cardiomegaly.").facts}
    assert facts[NOUNS[noun]] == (grade,)
    assert facts["cardiomegaly"] == ()


@given(one, st.integers(min_value=1, max_value=99), st.sampled_from(["mm", "cm"]))
def test_sizes_are_read_as_written(noun: str, value: int, unit: str) -> None:
    assert only(f"A {value} {unit} {noun}.").sizes == ((float(value), unit),)


@pytest.mark.parametrize("noun", sorted(NOUNS))
def test_the_four_readings_of_one_finding(noun: str) -> None:
    said = [states(text)[NOUNS[noun]] for text in (
        f"There is {noun}.", f"There is probable {noun}.", f"There is possible {noun}.", f"There is no {noun}.",
    )]  # fmt: skip
    assert said == [
        ("present", "definite"), ("present", "likely"), ("uncertain", "possible"), ("absent", "definite"),
    ]  # fmt: skip


@given(one, st.sampled_from(["to exclude {}", "to evaluate for {}", "Rule out {}", "Evaluate for {}"]))
def test_a_request_states_nothing(noun: str, frame: str) -> None:
    assert parse(f"Recommend CT {frame.format(noun)}." if frame[0] == "t" else f"{frame.format(noun)}.").facts == ()


@given(one, st.sampled_from(["XXXX", "___"]))
def test_redaction_hides_no_finding(noun: str, mark: str) -> None:
    assert states(f"{mark} {noun}, {mark}.")[NOUNS[noun]] == ("present", "definite")
    assert states(f"No {mark} {noun}.")[NOUNS[noun]][0] == "absent"
