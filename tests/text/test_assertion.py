"""What is said of a finding: invented sentences, each with the answer a reader would give."""

from __future__ import annotations

import pytest

from hilum.text.parse import parse


def said(text: str, concept: str, language: str = "en") -> str:
    """'present definite', 'absent definite', 'uncertain possible' ... of the last fact about the concept."""
    facts = [fact for fact in parse(text, language=language).facts if fact.concept == concept]
    return f"{facts[-1].state} {facts[-1].certainty}" if facts else "not said"


PRESENT, ABSENT = "present definite", "absent definite"
LIKELY, POSSIBLE = "present likely", "uncertain possible"


@pytest.mark.parametrize(
    ("text", "concept", "expected"),
    [
        ("No pneumothorax.", "pneumothorax", ABSENT),
        ("No effusion or pneumothorax.", "pneumothorax", ABSENT),
        ("No focal consolidation, large effusion, or pneumothorax is seen.", "pneumothorax", ABSENT),
        ("No pneumothorax, small right effusion.", "pleural effusion", PRESENT),
        ("No pneumothorax; small right effusion.", "pleural effusion", PRESENT),
        ("No pneumothorax and the heart is enlarged.", "cardiomegaly", PRESENT),
        ("No effusion, heart is enlarged.", "cardiomegaly", PRESENT),
        ("No acute, displaced rib fractures are demonstrated.", "rib fracture", ABSENT),
        ("Lungs are clear without effusion but with cardiomegaly.", "cardiomegaly", PRESENT),
        ("No acute findings other than cardiomegaly.", "cardiomegaly", PRESENT),
        ("No abnormality except for a right pleural effusion.", "pleural effusion", PRESENT),
        ("Pneumothorax and effusion are not seen.", "pneumothorax", ABSENT),
        ("Pneumothorax and effusion are not seen.", "pleural effusion", ABSENT),
        ("The previous effusion has resolved.", "pleural effusion", ABSENT),
        ("Pneumothorax: none.", "pneumothorax", ABSENT),
        ("Negative for pneumothorax, effusion.", "pleural effusion", ABSENT),
        ("The lungs are free of infiltrates.", "infiltration", ABSENT),
        ("Neither effusion nor pneumothorax.", "pneumothorax", ABSENT),
        ("There does not appear to be an effusion.", "pleural effusion", ABSENT),
        ("No findings to suggest pneumonia.", "pneumonia", ABSENT),
        ("Interval removal of the chest tube.", "chest tube", ABSENT),
        ("No change in the right effusion.", "pleural effusion", PRESENT),
        ("Effusion without significant interval change.", "pleural effusion", PRESENT),
        ("No pneumothorax with a small effusion.", "pleural effusion", PRESENT),
    ],
)  # fmt: skip
def test_negation_ends_where_its_clause_ends(text: str, concept: str, expected: str) -> None:
    assert said(text, concept) == expected


@pytest.mark.parametrize(
    ("text", "concept", "expected"),
    [
        ("Opacity may represent infiltrate.", "lung opacity", PRESENT),
        ("Opacity may represent infiltrate.", "infiltration", POSSIBLE),
        ("Cannot exclude a small effusion.", "pleural effusion", POSSIBLE),
        ("A small effusion cannot be excluded.", "pleural effusion", POSSIBLE),
        ("Effusion is not excluded.", "pleural effusion", POSSIBLE),
        ("There is a possible nodule.", "lung nodule", POSSIBLE),
        ("There is possible pneumonia.", "pneumonia", POSSIBLE),
        ("Findings concerning for pneumonia.", "pneumonia", POSSIBLE),
        ("Findings suggestive of emphysema.", "emphysema", POSSIBLE),
        ("Probable small effusion.", "pleural effusion", LIKELY),
        ("Opacity, likely atelectasis.", "atelectasis", LIKELY),
        ("Findings consistent with edema.", "pulmonary edema", LIKELY),
        ("Scarring versus atelectasis.", "pulmonary scar", LIKELY),
        ("Scarring versus atelectasis.", "atelectasis", LIKELY),
        ("This may be compatible with atelectasis.", "atelectasis", POSSIBLE),
        ("Possible atelectasis, cardiomegaly.", "cardiomegaly", PRESENT),
        ("Possible atelectasis, infiltrate, or edema.", "infiltration", POSSIBLE),
        ("Considering technical factors, stable cardiomegaly.", "cardiomegaly", PRESENT),
        ("Heart size is borderline.", "cardiomegaly", POSSIBLE),
    ],
)  # fmt: skip
def test_likely_and_possible_are_kept_apart(text: str, concept: str, expected: str) -> None:
    assert said(text, concept) == expected


@pytest.mark.parametrize(
    ("text", "concept"),
    [
        ("Please note that fractures may not be demonstrated.", "fracture"),
        ("CT is recommended to exclude a nodule.", "lung nodule"),
        ("Correlate clinically for pneumonia.", "pneumonia"),
        ("Left venous catheter fracture.", "fracture"),
        ("The screw is fractured.", "fracture"),
        ("There is subcutaneous emphysema.", "emphysema"),
        ("Pericardial effusion.", "pleural effusion"),
        ("No mass effect.", "lung mass"),
        ("HISTORY: pneumonia. FINDINGS: Clear lungs.", "pneumonia"),
    ],
)
def test_what_is_not_asserted_is_no_fact(text: str, concept: str) -> None:
    assert said(text, concept) == "not said"


@pytest.mark.parametrize(
    ("text", "concept", "expected"),
    [
        ("The heart is normal in size.", "cardiomegaly", ABSENT),
        ("The heart and mediastinum are within normal limits.", "enlarged cardiomediastinum", ABSENT),
        ("Heart size and mediastinal contours are within normal limits.", "mediastinal enlargement", ABSENT),
        ("Heart size and pulmonary vascular engorgement appear within limits of normal.",
         "pulmonary vascular congestion", ABSENT),
        ("Heart size is upper limits of normal.", "cardiomegaly", ABSENT),
        ("The heart is not enlarged.", "cardiomegaly", ABSENT),
        ("The heart is enlarged.", "cardiomegaly", PRESENT),
        ("Stable enlargement of the cardiac silhouette.", "cardiomegaly", PRESENT),
        ("Normal heart size and mediastinal contours.", "mediastinal enlargement", ABSENT),
        ("Lungs are clear. Widened mediastinum.", "mediastinal enlargement", PRESENT),
    ],
)  # fmt: skip
def test_parts_and_qualities_state_findings(text: str, concept: str, expected: str) -> None:
    assert said(text, concept) == expected


def test_past_is_marked_and_not_labelled() -> None:
    (fact,) = parse("History of pneumonia.").facts
    assert fact.history


@pytest.mark.parametrize(
    ("text", "concept", "expected"),
    [
        ("No se observan derrame pleural ni neumotórax.", "pneumothorax", ABSENT),
        ("Sin derrame, pero con cardiomegalia.", "cardiomegaly", PRESENT),
        ("No se puede descartar neumonía.", "pneumonia", POSSIBLE),
        ("Infiltrado compatible con neumonía.", "pneumonia", LIKELY),
        ("Infiltrado compatible con neumonía.", "infiltration", PRESENT),
        ("Silueta cardiaca de tamaño normal.", "cardiomegaly", ABSENT),
        ("Derrame pleural sin cambios significativos.", "pleural effusion", PRESENT),
        ("Enfisema subcutáneo.", "emphysema", "not said"),
    ],
)  # fmt: skip
def test_the_same_engine_reads_spanish(text: str, concept: str, expected: str) -> None:
    assert said(text, concept, "es") == expected


def test_every_cue_points_to_its_words() -> None:
    text = "No effusion. Opacity may represent pneumonia; pneumothorax is not seen."
    cues = [text[cue.start : cue.end] for fact in parse(text).facts for cue in fact.cues]
    assert cues == ["No", "may represent", "is not seen"]
