"""Sections and sentences: exact offsets in every layout."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.text.lexicon import pack
from hilum.text.parse import parse, to_report
from hilum.text.sections import sections
from hilum.text.sentences import LONGEST, sentences

EN = pack("en")


def split(text: str) -> list[tuple[str, str]]:
    return [(part.name, text[part.start : part.end].strip()) for part in sections(text, EN)]


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


MIMIC = """                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)

 INDICATION:  ___ year old woman with cough  // ?pneumonia

 COMPARISON:  None.

 FINDINGS:

 The lungs are clear.  There is no effusion.

 IMPRESSION:

 No acute process.
"""


def test_mimic_layout() -> None:
    named = dict(split(MIMIC))
    assert named["findings"] == "The lungs are clear.  There is no effusion."
    assert named["impression"] == "No acute process."
    assert named["comparison"] == "None."
    assert "pneumonia" in named["indication"]
    assert {fact.concept for fact in parse(MIMIC).facts} == {"lung opacity", "pleural effusion"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Lungs are clear.", [("body", "Lungs are clear.")]),
        ("Findings: clear. Impression: normal.", [("findings", "clear."), ("impression", "normal.")]),
        ("FINDINGS: CLEAR LUNGS.\nIMPRESSION: NORMAL.", [("findings", "CLEAR LUNGS."), ("impression", "NORMAL.")]),
        ("FINDINGS\nclear\nIMPRESSION\nnormal\n", [("findings", "clear"), ("impression", "normal")]),
        ("**Findings:** clear", [("findings", "clear")]),
        ("FINDINGS AND IMPRESSION: clear", [("findings", "clear")]),
        ("Clear. ADDENDUM: small effusion.", [("body", "Clear."), ("addendum", "small effusion.")]),
        ("History: cough. Lungs: clear.", [("indication", "cough. Lungs: clear.")]),
        ("The ratio was 1:2 today.", [("body", "The ratio was 1:2 today.")]),
        ("", []),
    ],
)
def test_headings(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(name, body.strip("* ")) for name, body in split(text)] == expected


def test_spanish_headings() -> None:
    text = "MOTIVO: tos. HALLAZGOS: Pulmones limpios. CONCLUSIÓN: Normal."
    assert [part.name for part in sections(text, pack("es"))] == ["indication", "findings", "impression"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A nodule of 2.5 cm. Clear.", ["A nodule of 2.5 cm.", "Clear."]),
        ("1. No effusion. 2. Clear lungs.", ["No effusion.", "Clear lungs."]),
        ("Seen by Dr. Smith today. Clear.", ["Seen by Dr. Smith today.", "Clear."]),
        ("No effusion.Clear lungs.", ["No effusion.", "Clear lungs."]),
        ("a line that\nwraps here. End", ["a line that\nwraps here.", "End"]),
        ("first\n\nsecond", ["first", "second"]),
        ("intro\n- one\n- two", ["intro", "one", "two"]),
        ("Effusion? Yes!", ["Effusion?", "Yes!"]),
        ("... --- ...", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


def test_long_runs_are_cut_at_a_space() -> None:
    pieces = cut("effusion " * 1_000)
    assert max(map(len, pieces)) <= LONGEST
    assert sum(piece.count("effusion") for piece in pieces) == 1_000


@given(st.text(max_size=400))
def test_sections_and_sentences_never_overlap_or_leave_the_text(text: str) -> None:
    edge = 0
    for part in sections(text, EN):
        assert edge <= part.start < part.end <= len(text)
        edge = part.end
    edge = 0
    for start, end in sentences(text):
        assert edge <= start < end <= len(text)
        edge = end


def test_deidentified_words_are_words() -> None:
    facts = parse("___ year old. Stable XXXX effusion, ___ small.").facts
    assert [fact.concept for fact in facts] == ["pleural effusion"]


def test_report_holds_each_sentence_and_its_findings() -> None:
    parsed = parse(MIMIC)
    report = to_report(parsed)
    told = {report.text(sentence): sentence.findings for sentence in report.sentences if sentence.findings}
    assert told == {"The lungs are clear.": ("f0",), "There is no effusion.": ("f1",)}
    assert report.impression.strip() == "No acute process."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "INDICATION: Fever.\n\nSmall left effusion.\n\nIMPRESSION: Small effusion.",
            ["indication", "body", "impression"],
        ),
        ("COMPARISON:\n  None.\n \n The heart is enlarged.", ["comparison", "body"]),
        ("TECHNIQUE: Two views.\nFrontal and lateral.", ["technique"]),
        ("INDICATION: Fever.\n\nCough.\n\nFINDINGS: Clear.", ["indication", "findings"]),
        ("IMPRESSION: Clear.\n\nNo effusion.", ["impression"]),
    ],
)
def test_findings_without_a_heading_are_the_paragraphs_after_the_first(text: str, expected: list[str]) -> None:
    assert [part.name for part in sections(text, EN)] == expected


def test_what_stands_under_no_heading_is_read_and_the_history_is_not() -> None:
    parsed = parse("INDICATION: Pneumonia?\n\nThere is a small left effusion.\n\nIMPRESSION: Effusion.")
    assert [fact.concept for fact in parsed.facts] == ["pleural effusion", "pleural effusion"]
    assert parsed.facts[0].section == "body"
