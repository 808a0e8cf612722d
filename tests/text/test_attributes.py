"""Attributes: which finding a side, zone, severity, size or change belongs to."""

from __future__ import annotations

import pytest

from hilum.text.parse import Fact, parse, to_findings


def about(text: str, concept: str, language: str = "en") -> Fact:
    return next(fact for fact in parse(text, language=language).facts if fact.concept == concept)


@pytest.mark.parametrize(
    ("text", "concept", "sides", "zones"),
    [
        ("Right effusion and basilar atelectasis.", "pleural effusion", ("right",), ()),
        ("Right effusion and basilar atelectasis.", "atelectasis", ("right",), ("base",)),
        ("Right effusion and atelectasis.", "atelectasis", ("right",), ()),
        ("Left effusion and right basilar atelectasis.", "atelectasis", ("right",), ("base",)),
        ("Left effusion and right basilar atelectasis.", "pleural effusion", ("left",), ()),
        ("Bibasilar atelectasis.", "atelectasis", ("right", "left"), ("base",)),
        ("Opacity in the left lower lobe.", "lung opacity", ("left",), ("lower lobe",)),
        ("In the left lower lobe there is an opacity.", "lung opacity", ("left",), ("lower lobe",)),
        ("Opacities in the right middle and lower lobes.", "lung opacity", ("right",), ("middle lobe", "lower lobe")),
        ("Scarring or atelectasis in the left base.", "pulmonary scar", ("left",), ("base",)),
        ("Scarring in the lung apices.", "pulmonary scar", ("right", "left"), ("apex",)),
        ("Left basilar opacity may represent pneumonia.", "pneumonia", ("left",), ("base",)),
        ("Opacity in the left lung. This may represent pneumonia.", "pneumonia", ("left",), ()),
        ("Effusions, right greater than left.", "pleural effusion", ("right", "left"), ()),
        ("Cardiomegaly with elevated right hemidiaphragm.", "cardiomegaly", (), ()),
        ("Effusion seen on left lateral decubitus view.", "pleural effusion", (), ()),
        ("Calcified right hilar granuloma.", "calcified granuloma", ("right",), ("hilum",)),
    ],
)
def test_places(text: str, concept: str, sides: tuple[str, ...], zones: tuple[str, ...]) -> None:
    fact = about(text, concept)
    assert set(fact.sides) == set(sides)
    assert fact.zones == zones


@pytest.mark.parametrize(
    ("text", "concept", "slot", "expected"),
    [
        ("Mild cardiomegaly and edema.", "cardiomegaly", "severity", ("mild",)),
        ("Mild cardiomegaly and edema.", "pulmonary edema", "severity", ()),
        ("Minimal scarring or atelectasis.", "atelectasis", "severity", ("mild",)),
        ("The heart is mildly enlarged.", "cardiomegaly", "severity", ("mild",)),
        ("The heart is slightly large.", "cardiomegaly", "extent", ()),
        ("The effusion is small.", "pleural effusion", "extent", ("small",)),
        ("Mildly increased right opacity.", "lung opacity", "severity", ()),
        ("Moderate to large effusion.", "pleural effusion", "extent", ("large",)),
        ("Moderate to large effusion.", "pleural effusion", "low", ("moderate",)),
        ("Marked cardiomegaly.", "cardiomegaly", "severity", ("severe",)),
        ("Multiple calcified granulomas.", "calcified granuloma", "count", ("multiple",)),
        ("Patchy opacity.", "lung opacity", "morphology", ("patchy",)),
        ("Small right effusion, unchanged.", "pleural effusion", "change", ("unchanged",)),
        ("New effusion.", "pleural effusion", "change", ("new",)),
        ("Effusion has increased.", "pleural effusion", "change", ("worsened",)),
        ("No change in effusion.", "pleural effusion", "change", ("unchanged",)),
        ("Old healed rib fractures.", "rib fracture", "onset", ("chronic", "healed")),
        ("The effusion has resolved.", "pleural effusion", "change", ("resolved",)),
        ("Increased moderate left effusion.", "pleural effusion", "severity", ("moderate",)),
        ("Increased moderate left effusion.", "pleural effusion", "change", ("worsened",)),
        ("Interval mild increase in effusion.", "pleural effusion", "severity", ()),
        ("Left effusion, which has increased.", "pleural effusion", "change", ("worsened",)),
        ("Effusion unchanged, right opacity worse.", "pleural effusion", "change", ("unchanged",)),
        ("Effusion unchanged, right opacity worse.", "lung opacity", "change", ("worsened",)),
        ("The chest tube was removed.", "chest tube", "change", ("resolved",)),
    ],
)
def test_grades_and_changes(text: str, concept: str, slot: str, expected: tuple[str, ...]) -> None:
    assert about(text, concept).attributes.get(slot, ()) == expected


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("A 2.2 x 1.6 cm nodule.", ((2.2, "cm"), (1.6, "cm"))),
        ("Nodule measuring 8mm.", ((8.0, "mm"),)),
        ("A nodule of 3 millimeters.", ((3.0, "mm"),)),
        ("Nodule in 2019.", ()),
    ],
)
def test_sizes(text: str, sizes: tuple[tuple[float, str], ...]) -> None:
    assert about(text, "lung nodule").sizes == sizes


def test_causes_are_linked_in_and_across_sentences() -> None:
    parsed = parse("Left basilar opacity. This may represent pneumonia. Opacity due to atelectasis.")
    assert [(fact.concept, fact.because_of) for fact in parsed.facts] == [
        ("lung opacity", -1), ("pneumonia", 0), ("lung opacity", -1), ("atelectasis", 2),
    ]  # fmt: skip


def test_spanish_adjectives_follow_their_noun() -> None:
    fact = about("Derrame pleural derecho pequeño, sin cambios.", "pleural effusion", "es")
    assert fact.sides == ("right",)
    assert fact.attributes["extent"] == ("small",)
    assert fact.attributes["change"] == ("unchanged",)


def test_findings_carry_sites_of_the_vocabulary_and_spans_of_their_section() -> None:
    text = "FINDINGS: Clear. IMPRESSION: Stable 8 mm nodule in the right upper lobe."
    finding = next(f for f in to_findings(parse(text)) if f.concept == "lung nodule")
    assert finding.sites == ("right upper lobe",)
    assert finding.change == "unchanged"
    assert finding.measurements[0].value == 8.0
    assert finding.evidence is not None
    section = text.partition("IMPRESSION:")[2]
    assert section[finding.evidence.start : finding.evidence.end] == "nodule"


def test_base_becomes_the_lower_zone() -> None:
    (finding,) = to_findings(parse("Bibasilar atelectasis."))
    assert finding.sites == ("bilateral lower lung zones",)
