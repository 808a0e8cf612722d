"""A draft against findings that are known: what contradicts them, and what they cannot vouch for."""

import json

import pytest

from hilum.core.finding import Finding
from hilum.core.image import MadeBy
from hilum.learn.reader.draft import CONTRADICTIONS, Draft, Sight, remarks_of


def found(concept: str, state: str, *sites: str) -> Finding:
    return Finding(concept, state, sites=sites, id=f"{concept} {state}")


def kinds(text: str, *findings: Finding, prior: bool = False) -> list[tuple[str, str]]:
    return [(each.kind, each.concept) for each in remarks_of(text, findings, prior=prior)]


def test_a_draft_that_says_what_was_found_is_remarked_by_nothing() -> None:
    held = (found("lung opacity", "present", "right lung"), found("pleural effusion", "absent"))
    assert kinds("There is consolidation in the right lower lung. No pleural effusion.", *held) == []


@pytest.mark.parametrize(
    ("text", "finding", "kind", "concept"),
    [
        ("No pleural effusion.", found("pleural effusion", "present"), "state", "pleural effusion"),
        ("There is a left pleural effusion.", found("pleural effusion", "absent"), "state", "pleural effusion"),
        ("Right consolidation.", found("lung opacity", "absent"), "state", "consolidation"),
        ("No opacity.", found("consolidation", "present"), "state", "lung opacity"),
        ("Left consolidation.", found("lung opacity", "present", "right lung"), "side", "consolidation"),
    ],
)
def test_what_contradicts_the_findings_is_told(text: str, finding: Finding, kind: str, concept: str) -> None:
    """A kind that is there contradicts the absence of what it is a kind of; the reverse does not hold."""
    assert (kind, concept) in kinds(text, finding)


def test_absence_of_one_kind_does_not_contradict_an_opacity() -> None:
    """'No consolidation' leaves room for another opacity: it is told as not assessed, not as a contradiction."""
    assert kinds("No consolidation.", found("lung opacity", "present")) == [
        ("not assessed", "consolidation"), ("omitted", "lung opacity"),
    ]  # fmt: skip


def test_a_finding_that_the_draft_is_silent_about_is_told() -> None:
    assert kinds("No pleural effusion.", found("pneumothorax", "present"), found("pleural effusion", "absent")) == [
        ("omitted", "pneumothorax")
    ]
    assert kinds("No pleural effusion.", found("pneumothorax", "absent"), found("pleural effusion", "absent")) == []


def test_what_was_not_looked_for_is_told_apart_from_contradictions() -> None:
    remarks = remarks_of("The heart is enlarged.", [found("lung opacity", "absent")], prior=False)
    assert [(each.kind, each.sentence) for each in remarks] == [("not assessed", "The heart is enlarged.")]
    assert Draft("x", MadeBy("a", "1"), remarks).contradictions == ()


@pytest.mark.parametrize(
    "text", ["The left pleural effusion is larger.", "Compared with the prior film, no pleural effusion."]
)
def test_a_comparison_needs_a_prior(text: str) -> None:
    held = found("pleural effusion", "present" if "larger" in text else "absent")
    assert [kind for kind, _ in kinds(text, held)] == ["comparison"]
    assert kinds(text, held, prior=True) == []


def test_uncertain_statements_and_findings_contradict_nothing() -> None:
    assert kinds("Possible left pleural effusion.", found("pleural effusion", "absent")) == []
    assert kinds("There is a left pleural effusion.", found("pleural effusion", "uncertain")) == []


def test_a_draft_is_written_to_json_as_a_draft() -> None:
    remarks = remarks_of("No pleural effusion. No pneumothorax.", [found("pleural effusion", "present")], prior=False)
    draft = Draft(
        "No pleural effusion. No pneumothorax.", MadeBy("small-reader", "1", "ab"), remarks, Sight(-0.5, -0.75)
    )
    told = json.loads(json.dumps(draft.to_json()))
    assert told["status"] == "draft"
    assert told["sight"]["gap"] == 0.25
    assert [each["kind"] for each in told["contradictions"]] == ["state"]
    assert [each["concept"] for each in told["not_assessed"]] == ["pneumothorax"]
    assert set(CONTRADICTIONS) & {each["kind"] for each in told["not_assessed"]} == set()
