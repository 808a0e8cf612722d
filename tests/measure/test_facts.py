"""What a report states: joined, free of order, with normal statements and likeness of concepts."""

from __future__ import annotations

import pytest

from hilum.measure.facts import Stated, above, likeness, stated, stated_in
from hilum.measure.normal_statements import NORMAL, NORMAL_BONES, UNCHANGED, film_statements
from hilum.text.parse import parse
from tests.measure.reports import PARAPHRASE, REPORT, pairs


def said(text: str) -> tuple[Stated, ...]:
    return stated_in(parse(text))


def bare(text: str) -> list[Stated]:
    return [item._replace(spans=()) for item in said(text)]


def test_a_finding_carries_all_that_is_said_of_it() -> None:
    (item,) = said("New moderate left pleural effusion.")
    assert (item.concept, item.state, item.sides, item.grade, item.change) == (
        "pleural effusion", "present", frozenset({"left"}), 2.0, "new",
    )  # fmt: skip
    text = "New moderate left pleural effusion."
    assert [text[a:b] for a, b in item.spans] == ["New", "moderate", "left", "pleural effusion"]


@pytest.mark.parametrize(
    ("text", "grade"),
    [
        ("Small effusion.", 1.0), ("Mild edema.", 1.0), ("Mild to moderate edema.", 1.5), ("Large effusion.", 3.0),
        ("Severe edema.", 3.0), ("Moderate edema.", 2.0), ("Edema.", None),
    ],
)  # fmt: skip
def test_severity_and_extent_are_one_scale(text: str, grade: float | None) -> None:
    assert said(text)[0].grade == grade


def test_size_is_the_largest_in_millimetres() -> None:
    assert said("1.2 cm nodule in the right upper lobe.")[0].size_mm == pytest.approx(12.0)
    assert said("8 mm nodule.")[0].size_mm == pytest.approx(8.0)


def test_both_sides_in_one_sentence_or_two() -> None:
    assert bare("Small left pleural effusion. Small right pleural effusion.") == bare(
        "Small bilateral pleural effusions."
    )


def test_two_sides_of_different_size_stay_two_findings() -> None:
    assert len(said("Small left pleural effusion. Large right pleural effusion.")) == 2


def test_what_is_repeated_is_one_finding_with_all_its_words() -> None:
    text = "Small left pleural effusion. Impression: New pleural effusion."
    (item,) = said(text)
    assert (item.sides, item.grade, item.change) == (frozenset({"left"}), 1.0, "new")
    assert len(item.spans) == 5


def test_contradiction_inside_one_report_is_kept() -> None:
    assert {item.state for item in said("No pleural effusion. Small pleural effusion.")} == {"absent", "present"}


def test_a_device_named_again_by_its_kind_is_one_device() -> None:
    assert [item.concept for item in said("Right IJ catheter with tip in the SVC.")] == ["central venous catheter"]


def test_order_of_sentences_does_not_matter() -> None:
    sentences = REPORT.split(". ")
    turned = ". ".join(reversed([sentence.rstrip(".") for sentence in sentences])) + "."
    assert bare(REPORT) == bare(turned)


def test_paraphrase_states_the_same() -> None:
    assert bare(REPORT) == bare(PARAPHRASE)


def test_midline_findings_have_no_side_and_retrocardiac_is_left() -> None:
    assert said("Mild cardiomegaly on the left.")[0].sides == frozenset()
    assert said("Retrocardiac opacity.")[0].sides == frozenset({"left"})
    assert said("Retrocardiac opacity.")[0].regions == frozenset({"lower"})


def test_a_denial_keeps_neither_size_nor_change() -> None:
    (item,) = said("No large pleural effusion on both sides.")
    assert (item.state, item.grade, item.sides) == ("absent", None, frozenset())
    (gone,) = said("The pleural effusion has resolved.")
    assert (gone.state, gone.change) == ("absent", "resolved")


def test_history_and_explained_shadows_are_left_out() -> None:
    assert said("History of pneumonia.") == ()
    concepts = {item.concept for item in said("Nodular opacity, likely represents a nipple shadow.")}
    assert "lung opacity" not in concepts
    assert "lung nodule" not in concepts


@pytest.mark.parametrize(
    "text",
    [
        "No acute findings.", "No acute cardiopulmonary process.", "No evidence of acute disease.",
        "There is no acute cardiopulmonary abnormality.", "Normal chest.", "Unremarkable chest x-ray.",
        "The chest is normal.", "No active disease.", "Without acute abnormality.", "1. Normal.",
        "Negative for acute cardiopulmonary disease.",
    ],
)  # fmt: skip
def test_normal_statements(text: str) -> None:
    assert [concept for concept, _, _ in film_statements(text)] == [NORMAL]


@pytest.mark.parametrize(
    "text",
    [
        "No pleural effusion.", "No airspace disease.", "Abnormal chest.", "No evidence of metastatic disease.",
        "Heart size is normal.", "No radiographic findings to suggest pneumonia.", "Acute findings.",
        "The lungs are clear.", "The chest is not normal.",
    ],
)  # fmt: skip
def test_no_normal_statement(text: str) -> None:
    assert film_statements(text) == ()


def test_bones_and_changelessness_are_statements_of_their_own() -> None:
    assert [c for c, _, _ in film_statements("No acute bony abnormality.")] == [NORMAL_BONES]
    assert [c for c, _, _ in film_statements("No significant interval change.")] == [UNCHANGED]
    for text in ("Stable chest.", "Stable appearance of the chest.", "Unchanged.", "No change in the chest."):
        assert [item.concept for item in said(text)] == [UNCHANGED]
    for text in ("The mediastinal contours are unchanged.", "No interval change in the opacity.", "Unstable."):
        assert UNCHANGED not in [item.concept for item in said(text)]
    assert [item.concept for item in said("Stable cardiomegaly.")] == ["cardiomegaly"]


def test_likeness_is_symmetric_and_graded() -> None:
    assert likeness("atelectasis", "atelectasis") == 1.0
    for one, other, expected in (
        ("consolidation", "infiltration", 0.75), ("atelectasis", "lung opacity", 0.5), ("lung mass", "pneumonia", 0.0),
        ("pleural effusion", "pneumothorax", 0.0), (NORMAL, "pneumonia", 0.0), ("lung mass", "consolidation", 0.0),
    ):  # fmt: skip
        assert likeness(one, other) == likeness(other, one) == expected


def test_everything_is_below_an_acute_abnormality() -> None:
    assert NORMAL in above("pneumonia")
    assert NORMAL in above("pneumothorax")
    assert NORMAL_BONES in above("rib fracture")
    assert NORMAL_BONES not in above("pneumonia")
    assert above(NORMAL) == frozenset()


def test_a_set_is_read_once() -> None:
    both = pairs((REPORT, PARAPHRASE), (REPORT, REPORT))
    assert stated(both) is stated(both)
    assert stated(both)[0][0] is stated(both)[0][1]
