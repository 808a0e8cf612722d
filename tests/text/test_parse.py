"""Facts: stable under case, layout and caching; made into findings and reports; other people's examples."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.core.report import Report
from hilum.text.language import language_of
from hilum.text.parse import LONGEST_REPORT, parse, sentence_facts, to_findings, to_report

PIECES = [
    "No pneumothorax.", "Small right effusion.", "Opacity may represent pneumonia.", "The heart is normal in size.",
    "Bibasilar atelectasis, unchanged.", "This may represent edema.", "Stable 8 mm nodule in the right upper lobe.",
    "No effusion, mild cardiomegaly.", "There is no evidence of pneumonia or effusion.",
]  # fmt: skip


def gist(text: str) -> list[tuple[str, str, str, tuple[str, ...]]]:
    return [(f.concept, f.state, f.certainty, f.sides) for f in parse(text).facts]


@pytest.mark.parametrize("text", PIECES)
def test_capitals_change_nothing(text: str) -> None:
    assert gist(text.upper()) == gist(text)


@given(st.lists(st.sampled_from(PIECES), max_size=8))
def test_sentences_are_read_one_by_one(pieces: list[str]) -> None:
    """Except for 'this', a report says what its sentences say."""
    alone = [fact for piece in pieces for fact in gist(piece)]
    together = gist(" ".join(pieces))
    assert [fact[:3] for fact in together] == [fact[:3] for fact in alone]


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=5), st.sampled_from(["\n", "\n\n", "  ", " \r\n"]))
def test_layout_changes_nothing(pieces: list[str], gap: str) -> None:
    assert gist(gap.join(pieces)) == gist(" ".join(pieces))


def test_remembered_sentences_keep_their_own_offsets() -> None:
    text = "No effusion. Clear. No effusion."
    sentence_facts.cache_clear()
    spans = [(fact.start, fact.end) for fact in parse(text).facts if fact.concept == "pleural effusion"]
    assert [text[start:end] for start, end in spans] == ["effusion", "effusion"]
    assert spans[0] != spans[1]
    assert sentence_facts.cache_info().hits == 1


def test_sections_come_as_text_mapping_or_report() -> None:
    whole = gist("FINDINGS: Small effusion. IMPRESSION: No pneumothorax.")
    parts = {"findings": "Small effusion.", "impression": "No pneumothorax."}
    assert gist(parts) == gist(Report(**parts)) == whole  # type: ignore[arg-type]


def test_too_long_is_refused_in_words() -> None:
    with pytest.raises(InputError, match="one report per row"):
        parse("x" * (LONGEST_REPORT + 1))


def test_findings_follow_the_facts() -> None:
    parsed = parse("FINDINGS: Left basilar opacity may represent pneumonia. IMPRESSION: No effusion.")
    findings = to_findings(parsed)
    assert [f.concept for f in findings] == [f.concept for f in parsed.facts]
    assert findings[1].because_of == ("f0",)
    assert findings[1].state == "uncertain"
    assert findings[1].attributes["certainty"] == "possible"
    report = to_report(parsed)
    for finding in findings:
        span = finding.evidence
        assert span is not None
        assert getattr(report, span.section)[span.start : span.end].lower() in ("opacity", "pneumonia", "effusion")


def test_effusions_without_a_side_are_both_unless_the_report_tells() -> None:
    (both,) = parse("Small pleural effusions.").facts
    assert both.sides == ("right", "left")
    told = parse("Small effusions. Larger right effusion.").facts
    assert told[0].sides == ()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("No se observan derrame pleural ni neumotórax.", "es"),
        ("The lungs are clear.", "en"),
        ("", "en"),
        ("Der Patient hat keine Lungenentzündung und das Herz ist nicht vergrößert, keine Ergüsse heute.", ""),
    ],
)
def test_language(text: str, language: str) -> None:
    assert language_of(text) == language


# Sentences of the published divergence cases, retold: a changed side, grade or negation must change the facts.
@pytest.mark.parametrize(
    ("reference", "other"),
    [
        ("Small right pleural effusion.", "Small left pleural effusion."),
        ("Mild cardiomegaly.", "Severe cardiomegaly."),
        ("No pneumothorax.", "Pneumothorax."),
        ("Opacity in the right upper lobe.", "Opacity in the right lower lobe."),
        ("Unchanged effusion.", "Increased effusion."),
        ("Possible pneumonia.", "Pneumonia."),
        ("8 mm nodule.", "18 mm nodule."),
    ],
)
def test_a_clinical_difference_is_a_difference(reference: str, other: str) -> None:
    first, second = parse(reference).facts[0], parse(other).facts[0]
    assert (first.state, first.attributes, first.sizes) != (second.state, second.attributes, second.sizes)
