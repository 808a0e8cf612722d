"""What closing the loop taught the reader: sentences of reports, each worked by hand."""

from __future__ import annotations

import pytest

from hilum.text.labels import label
from hilum.text.parse import parse


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("Consolidation in the right lower lobe, unchanged.", ("unchanged",)),
        ("Opacity in the right upper lobe and the left lower lobe, improved since yesterday.", ("improved",)),
        ("The opacity in the right base has resolved.", ("resolved",)),
        ("The chest tube has been removed.", ("resolved",)),
        ("Consolidation in the right lower lobe.", ()),
        ("Consolidation in the right lower lobe unchanged heart.", ()),
    ],
)
def test_a_change_behind_a_place_belongs_to_its_finding(text: str, change: tuple[str, ...]) -> None:
    assert parse(text).facts[0].attributes.get("change", ()) == change


def test_a_change_behind_the_second_finding_is_not_the_firsts() -> None:
    first, second = parse("Consolidation in the right base and small left effusion, unchanged.").facts
    assert "change" not in first.attributes
    assert second.attributes["change"] == ("unchanged",)


@pytest.mark.parametrize(
    ("text", "concept", "state"),
    [
        ("No evidence of granulomatous disease.", "granulomatous disease", "absent"),
        ("Sequelae of granulomatous disease.", "granulomatous disease", "present"),
        ("Mass of the right breast.", "breast mass", "present"),
        ("No bone metastases.", "bone metastasis", "absent"),
        ("Sequelae of tuberculosis.", "tuberculosis sequelae", "present"),
        ("The patient is rotated.", "rotation", "present"),
        ("There is no rotation of the patient.", "rotation", "absent"),
        ("The patient may be rotated.", "rotation", "uncertain"),
        ("Calcified pleural plaques.", "calcified pleural plaques", "present"),
        ("The aorta is mildly elongated.", "aortic elongation", "present"),
        ("No metallic object.", "metallic object", "absent"),
    ],
)
def test_concepts_that_the_lexicon_now_knows(text: str, concept: str, state: str) -> None:
    assert [(fact.concept, fact.state) for fact in parse(text).facts] == [(concept, state)]


def test_a_breast_mass_is_no_mass_of_the_lung() -> None:
    assert label("Mass of the right breast.", "nih-14").states.get("Mass") is None
    assert label("Right lung mass.", "nih-14").states["Mass"] == "present"


@pytest.mark.parametrize(
    "text",
    ["Not assessed by this model: pneumothorax.", "Not assessed by this model: rib fracture (not trained), edema."],
)
def test_what_was_not_assessed_is_not_asserted(text: str) -> None:
    assert parse(text).facts == ()
    around = parse(f"No effusion. {text} Small nodule.").facts
    assert [fact.concept for fact in around] == ["pleural effusion", "lung nodule"]


@pytest.mark.parametrize(
    ("text", "zones"),
    [
        ("Opacity in the right upper and mid lung zones.", ("upper zone", "mid zone")),
        ("Opacity in the left mid and lower lung zones.", ("mid zone", "lower zone")),
        ("Opacity in the left upper, mid and lower lung zones.", ("upper zone", "mid zone", "lower zone")),
    ],
)
def test_zones_that_share_their_noun(text: str, zones: tuple[str, ...]) -> None:
    (fact,) = parse(text).facts
    assert fact.zones == zones
