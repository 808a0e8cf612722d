"""Comparisons without a prior, and hints of the indication that come back as findings."""

from __future__ import annotations

import math

import pytest

from hilum.core.report import Report
from hilum.measure.metric import metric
from hilum.measure.metrics.comparison import has_prior, refers_to_prior
from hilum.measure.pairs import ReportPairs
from hilum.text.parse import parse


@pytest.mark.parametrize(
    ("comparison", "had"),
    [
        ("None.", False), ("none available", False), ("No prior films.", False), ("There are no prior studies.", False),
        ("N/A", False), ("Not available.", False), ("No earlier film was read by this model.", False),
        ("No priors available.", False), ("No comparisons.", False), ("None recent. CT of 2012.", None),
        ("No prior chest film; CT 1/2/2011", None), ("", None), ("-", None), ("  . ", None),
        ("XXXX", True), ("Chest radiograph of yesterday", True), ("Nonenhanced CT", True),
    ],
)  # fmt: skip
def test_the_comparison_section_tells_of_a_prior(comparison: str, had: bool | None) -> None:
    assert has_prior({"findings": "Clear.", "comparison": comparison}) is had
    assert has_prior(Report(findings="Clear.", comparison=comparison)) is had


@pytest.mark.parametrize("reference", ["The lungs are clear.", None, {"findings": "Clear."}])
def test_what_has_no_comparison_section_does_not_tell(reference: str | None) -> None:
    assert has_prior(reference) is None


@pytest.mark.parametrize(
    "text",
    [
        "Compared to the prior study, the lungs are clear.", "The effusion has increased.", "Stable chest.",
        "The heart size is unchanged.", "Interval removal of the tube.", "No change since the previous examination.",
        "The last chest x-ray showed clear lungs.", "New right effusion.", "The effusion has resolved.",
    ],
)  # fmt: skip
def test_references_to_an_earlier_film_are_found(text: str) -> None:
    assert refers_to_prior(parse(text))


@pytest.mark.parametrize(
    "text",
    ["No pneumothorax.", "Prior surgical clips.", "Large right effusion.", "", "Old rib fractures.",
     "The heart is enlarged. The lungs are clear."],
)  # fmt: skip
def test_plain_statements_refer_to_no_earlier_film(text: str) -> None:
    assert refers_to_prior(parse(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "No prior studies are available for comparison.", "There is no prior radiograph for comparison.", "No priors.",
        "Comparison is not possible as there are no previous studies.", "Prior radiographs are not available.",
        "Without comparison films, acuity is uncertain.", "Recommend comparison to prior films if available.",
        "Comparison with a previous CT is recommended.",
    ],
)  # fmt: skip
def test_that_there_is_no_earlier_film_and_advice_are_no_comparison(text: str) -> None:
    assert refers_to_prior(parse(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "No change from prior exam.", "No new opacity compared to prior study.",
        "No pneumothorax, as on the previous radiograph.", "Without effusion since the prior study.",
        "No prior CT; compared with the previous radiograph the lungs are clear.",
        "Findings suggest edema, compared with the previous film.",
    ],
)  # fmt: skip
def test_a_denial_of_something_else_still_compares(text: str) -> None:
    assert refers_to_prior(parse(text))


def test_a_technique_or_comparison_section_is_no_statement_of_the_answer() -> None:
    said = parse({"comparison": "Compared to the prior study.", "findings": "The lungs are clear."})
    assert refers_to_prior(said) == []


def test_false_comparisons_are_counted_where_there_is_no_prior() -> None:
    first = {"findings": "Small right effusion.", "comparison": "None."}
    pairs = ReportPairs(
        (first, first, first, {**first, "comparison": "Film of May 2"}, "Small right effusion."),
        ("Small right effusion.", "Increased right effusion.", None, "Increased right effusion.", "Stable effusion."),
    )
    scored = metric("false-comparison-rate")(pairs)
    assert scored.value == 0.5
    assert scored.values[:2].tolist() == [0.0, 1.0]
    assert all(map(math.isnan, scored.values[2:]))
    assert scored.unscored[2] == "there is no answer"
    assert scored.unscored[3] == "there is a prior"
    assert "comparison section" in scored.unscored[4]
    assert scored.better == "lower"
    assert scored.notes[1]["words"] == ["pleural effusion: worsened"]


def test_plain_texts_leave_the_rate_undefined_with_reasons() -> None:
    scored = metric("false-comparison-rate")(ReportPairs(("Clear.", "Clear."), ("Clear.", "Stable.")))
    assert math.isnan(scored.value)
    assert len(scored.unscored) == 2


def test_a_hallucinated_prior_is_one_the_reference_lacks() -> None:
    pairs = ReportPairs(
        ("Right effusion.", "Right effusion.", "Increased right effusion."),
        ("Right effusion, increased.", "Right effusion.", "Increased right effusion."),
    )
    scored = metric("hallucinated-prior-rate")(pairs)
    assert scored.value == 0.5
    assert list(scored.unscored) == [2]


def test_an_echo_repeats_a_hint_that_the_reference_does_not_hold() -> None:
    asked = {"indication": "Fever, rule out pneumonia.", "findings": "The lungs are clear."}
    held = {"indication": "Fever, rule out pneumonia.", "findings": "Right lower lobe pneumonia."}
    pairs = ReportPairs(
        (asked, asked, held, {"indication": "Chest pain.", "findings": "Clear lungs."}, "Clear lungs."),
        ("Left lower lobe pneumonia.", "No pneumonia.", "Right pneumonia.", "Pneumonia.", "Pneumonia."),
    )
    scored = metric("echo-rate")(pairs)
    assert scored.values[:2].tolist() == [1.0, 0.0]
    assert scored.value == 0.5
    assert scored.notes[0] == {"misleading": ["pneumonia"], "echoed": ["pneumonia"]}
    assert scored.unscored[2] == "no misleading hint"
    assert scored.unscored[3] == scored.unscored[4] == "the indication names no finding"


def test_a_denial_in_the_indication_is_no_hint() -> None:
    reference = {"indication": "Cough without effusion.", "findings": "Clear."}
    assert list(metric("echo-rate")(ReportPairs((reference,), ("Effusion.",))).unscored) == [0]


@pytest.mark.parametrize("name", ["false-comparison-rate", "hallucinated-prior-rate", "echo-rate"])
def test_odd_texts_break_nothing(name: str) -> None:
    reference = {"indication": "Rule out edema.", "comparison": "None", "findings": "Clear."}
    odd = ("", None, " \n", "?" * 5_000, "Stable effusion. " * 2_000, "\x00é漢字")
    scored = metric(name)(ReportPairs((reference,) * len(odd), odd))
    assert len(scored.values) == len(odd)
    assert set(scored.values[[n for n in range(len(odd)) if n not in scored.unscored]]) <= {0.0, 1.0}
    assert scored.interval(tuple(map(str, range(len(odd)))), replicates=20).low >= 0
