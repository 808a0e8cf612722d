"""Entity similarity: entities by class, the spelling stand-in, polarity, and RaTEScore's formula by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.measure.entities import CLASSES, Found, entities, entities_of, spelled_alike
from hilum.measure.metric import metric, metrics
from hilum.measure.metrics.entity_similarity import POLARITY, similarity
from hilum.text.graph import graph
from hilum.text.parse import parse
from tests.measure.reports import EDITS, GALLERY, REPORT, pairs, score

_WORDS = st.text(alphabet="abcdeg -", min_size=1, max_size=12)


def found(text: str) -> set[tuple[str, str]]:
    report = parse(text)
    return set(entities_of(graph(report), report))


def equal(one: str, other: str) -> float:
    return float(one == other)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Severe pulmonary edema.", {("severe pulmonary edema", "abnormality"), ("pulmonary", "anatomy")}),
        ("No pneumothorax.", {("pneumothorax", "non-abnormality")}),
        ("Possible pneumonia.", {("pneumonia", "disease")}),
        ("No pneumonia.", {("pneumonia", "non-disease")}),
        ("Lungs are clear.", {("lungs", "anatomy"), ("clear", "non-abnormality")}),
        ("Small left pleural effusion.", {("small left pleural effusion", "abnormality"), ("left pleural", "anatomy")}),
        ("", set()),
    ],
)
def test_entities_by_class(text: str, expected: set[tuple[str, str]]) -> None:
    assert found(text) == expected
    assert {kind for _, kind in expected} <= set(CLASSES)


def test_an_entity_counts_once_in_a_report() -> None:
    assert found("No pneumothorax. There is no pneumothorax.") == {("pneumothorax", "non-abnormality")}


@given(_WORDS, _WORDS)
def test_spelling_is_symmetric_bounded_and_one_for_the_same(one: str, other: str) -> None:
    assert spelled_alike(one, one) == 1.0
    assert spelled_alike(one, other) == spelled_alike(other, one)
    assert 0.0 <= spelled_alike(one, other) <= 1.0 + 1e-12


def test_spelling_knows_inflections_but_no_synonyms() -> None:
    assert spelled_alike("pleural effusion", "pleural effusions") > 0.85
    assert spelled_alike("mild edema", "severe edema") > spelled_alike("mild edema", "rib fracture")
    assert spelled_alike("enlarged heart", "cardiomegaly") < 0.1


def test_formula_by_hand() -> None:
    reference = [Found("a", "disease"), Found("b", "abnormality")]
    answer = [Found("a", "non-disease"), Found("c", "anatomy"), Found("b", "abnormality")]
    for factor in POLARITY.values():
        forth, back = (factor + 1) / 2, (factor + 1) / 3
        assert similarity(reference, answer, factor, equal) == pytest.approx(2 * forth * back / (forth + back))
        assert similarity(answer, reference, factor, equal) == similarity(reference, answer, factor, equal)


def test_nearest_by_words_then_the_one_that_agrees() -> None:
    reference, answer = [Found("a", "disease")], [Found("a", "non-disease"), Found("a", "disease")]
    forth, back = 1.0, 0.5
    assert similarity(reference, answer, 0.0, equal) == pytest.approx(2 * forth * back / (forth + back))


def test_an_empty_side_is_half_by_publication() -> None:
    assert similarity([], [Found("a", "disease")], 0.0) == similarity([], [], 0.0) == 0.5
    both = pairs(("", "Nodule."), ("Nodule.", "Nodule."), ("Nodule.", None))
    ours, theirs = (metric("entity-similarity")(both, empty=way) for way in ("undefined", "published"))
    np.testing.assert_equal(ours.values, [np.nan, 1.0, np.nan])
    assert "0.5" in ours.unscored[0]
    assert ours.unscored[2] == "there is no answer"
    np.testing.assert_equal(theirs.values, [0.5, 1.0, np.nan])


def test_polarity_decides_what_a_negation_flip_costs() -> None:
    both = pairs(("No pneumothorax.", "Pneumothorax."))
    values = {name: metric("entity-similarity")(both, polarity=name).value for name in POLARITY}
    assert values == {"hilum": 0.0, "long": pytest.approx(0.8717), "short": pytest.approx(0.3612)}


@pytest.mark.parametrize("edit", EDITS)
def test_every_clinical_edit_costs(edit: str) -> None:
    assert score("entity-similarity", REPORT, REPORT) == 1.0
    assert score("entity-similarity", REPORT, EDITS[edit]) < 0.99


def test_order_of_sentences_does_not_matter() -> None:
    turned = " ".join(reversed([f"{sentence.rstrip('.')}." for sentence in REPORT.split(". ")]))
    assert score("entity-similarity", REPORT, turned) == 1.0


def test_gallery_orders_match_above_mismatch() -> None:
    values = metric("entity-similarity")(pairs(*GALLERY)).values
    assert values[4] == 1.0
    assert values[5] < 0.3
    assert values[7] < 0.1
    assert values[6] < 0.9


def test_does_not_depend_on_what_else_is_scored() -> None:
    alone = score("entity-similarity", *GALLERY[6])
    assert metric("entity-similarity")(pairs(*GALLERY)).values[6] == alone


def test_own_similarity_needs_a_name_and_choices_are_checked() -> None:
    both = pairs(("Nodule.", "Mass."))
    scored = metric("entity-similarity")(both, alike=equal, encoder="exact")
    assert scored.value == 0.0
    assert "alike:exact" in scored.signature
    for options, message in (
        ({"alike": equal}, "needs both"), ({"encoder": "x"}, "needs both"), ({"polarity": "mild"}, "polarity must be"),
        ({"empty": "one"}, "empty must be"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            metric("entity-similarity")(both, **options)


def test_notes_and_summary() -> None:
    both = pairs(("Left nodule.", "Left mass."))
    note = metric("entity-similarity")(both).notes[0]
    assert ["left nodule", "abnormality"] in note["reference only"]
    assert entities(both) is entities(both)
    found_metric = next(each for each in metrics("report") if each.name == "entity-similarity")
    assert "not RaTEScore's" in found_metric.summary
