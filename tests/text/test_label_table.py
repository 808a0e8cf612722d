"""Invented sentences with the state a radiologist would give, and properties that hold for any of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.text.labels import label

PRESENT, ABSENT, UNCERTAIN = "present", "absent", "uncertain"
SAID = [
    ("There is a small left pleural effusion.", "Pleural Effusion", PRESENT),
    ("No pleural effusion is seen.", "Pleural Effusion", ABSENT),
    ("There is no evidence of pneumothorax.", "Pneumothorax", ABSENT),
    ("A large right pneumothorax is present.", "Pneumothorax", PRESENT),
    ("Possible small right pleural effusion.", "Pleural Effusion", UNCERTAIN),
    ("A small pneumothorax cannot be excluded.", "Pneumothorax", UNCERTAIN),
    ("Lungs are free of focal consolidation.", "Consolidation", ABSENT),
    ("Dense consolidation in the left lower lobe.", "Consolidation", PRESENT),
    ("Findings may represent pneumonia.", "Pneumonia", UNCERTAIN),
    ("No pneumonia.", "Pneumonia", ABSENT),
    ("Right lower lobe pneumonia.", "Pneumonia", PRESENT),
    ("Moderate cardiomegaly.", "Cardiomegaly", PRESENT),
    ("The heart is enlarged.", "Cardiomegaly", PRESENT),
    ("The heart size is normal.", "Cardiomegaly", ABSENT),
    ("Bibasilar atelectasis.", "Atelectasis", PRESENT),
    ("No atelectasis.", "Atelectasis", ABSENT),
    ("Mild pulmonary edema.", "Edema", PRESENT),
    ("No pulmonary edema.", "Edema", ABSENT),
    ("Acute fracture of the left sixth rib.", "Fracture", PRESENT),
    ("No acute rib fracture.", "Fracture", ABSENT),
    ("Endotracheal tube in place.", "Support Devices", PRESENT),
    ("Patchy opacity in the right upper lobe.", "Lung Opacity", PRESENT),
    ("A 9 mm nodule in the right upper lobe.", "Lung Lesion", PRESENT),
    ("No pulmonary nodule or mass.", "Lung Lesion", ABSENT),
]


@pytest.mark.parametrize("sentence, name, state", SAID)
def test_a_sentence_gives_the_state_a_radiologist_would(sentence: str, name: str, state: str) -> None:
    assert label(sentence, "chexpert-14").states.get(name) == state


@pytest.mark.parametrize("sentence, name, state", SAID)
def test_capitals_change_nothing(sentence: str, name: str, state: str) -> None:
    assert label(sentence.upper(), "chexpert-14").states.get(name) == state


@pytest.mark.parametrize("sentence, name, state", SAID)
def test_a_mention_points_to_its_own_characters(sentence: str, name: str, state: str) -> None:
    made = label(sentence, "chexpert-14")
    for fact in made.findings:
        assert 0 <= fact.start < fact.end <= len(made.parsed.text)
        assert made.parsed.text[fact.start : fact.end].strip() == made.parsed.text[fact.start : fact.end]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(SAID), min_size=1, max_size=6))
def test_sentences_do_not_disturb_each_other(chosen: list[tuple[str, str, str]]) -> None:
    """In a report of several sentences each label is the strongest that any of its sentences gives."""
    strength = {ABSENT: 0, UNCERTAIN: 1, PRESENT: 2}
    expected: dict[str, str] = {}
    for sentence, _, _ in chosen:
        for name, state in label(sentence, "chexpert-14").states.items():
            if strength[state] >= strength.get(expected.get(name, ABSENT), 0):
                expected[name] = state
    together = label(" ".join(sentence for sentence, _, _ in chosen), "chexpert-14").states
    assert {name: state for name, state in together.items() if name != "No Finding"} == {
        name: state for name, state in expected.items() if name != "No Finding"
    }


@given(st.sampled_from(SAID))
def test_the_same_text_gives_the_same_labels(said: tuple[str, str, str]) -> None:
    assert label(said[0], "chexpert-14").states == label(said[0], "chexpert-14").states


@pytest.mark.parametrize(
    "reading, state",
    [("keep", UNCERTAIN), ("absent", ABSENT), ("present", PRESENT), ("exclude", None)],
)
def test_the_user_chooses_how_possible_is_read(reading: str, state: str | None) -> None:
    made = label("Possible pneumonia.", "chexpert-14", uncertain=reading)  # type: ignore[arg-type]
    assert made.states.get("Pneumonia") == state
