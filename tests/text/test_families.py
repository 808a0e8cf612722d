"""What a row is about: families, sides and regions by hand, and how less exact keys are settled."""

from __future__ import annotations

import pytest

from hilum.core.vocabulary import concept
from hilum.text.families import Key, families, key, resolve
from hilum.text.parse import parse
from hilum.text.spots import read_table
from hilum.text.structure import Row, structure


def row(**cells: str) -> Row:
    return Row(1, cells.pop("section", "find"), "", cells.pop("ent", ""), cells.pop("cat", "PF"), "positive",
               "definitive", **cells)  # type: ignore[arg-type]  # fmt: skip


def of(sentence: str) -> Key:
    (one,) = structure(parse({"findings": sentence}))
    return key(one)


@pytest.mark.parametrize(
    "sentence, expected",
    [
        ("Infiltrate in the left base.", Key("lung opacity", "left", "lower")),
        ("Retrocardiac opacity.", Key("lung opacity", "left", "lower")),
        ("Lingular opacity.", Key("lung opacity", "left", "lingula")),
        ("Right middle lobe opacity.", Key("lung opacity", "right", "middle lobe")),
        ("Middle lobe opacity.", Key("lung opacity", "right", "middle lobe")),
        ("Left apical pneumothorax.", Key("pneumothorax", "left")),
        ("Right basilar effusion.", Key("pleural effusion", "right")),
        ("Loculated left effusion.", Key("pleural effusion", "left")),
        ("Moderate cardiomegaly.", Key("cardiomegaly")),
        ("Tortuous aorta.", Key("aortic elongation")),
        ("Right PICC terminates in the SVC.", Key("peripherally inserted central catheter", "right")),
        ("Left pigtail catheter.", Key("chest tube", "left")),
        ("Calcified granuloma in the right upper lobe.", Key("granuloma", "right", "upper")),
        ("Pneumonia in the left base.", Key("pneumonia", "left", "lower")),
        ("Perihilar opacities.", Key("lung opacity", "", "hilum")),
    ],
)
def test_a_row_is_about_a_family_at_a_place(sentence: str, expected: Key) -> None:
    assert of(sentence) == expected


def test_rows_of_a_file_without_our_columns_are_known_by_their_words() -> None:
    assert key(row(ent="effusion")) == Key("effusion")


@pytest.mark.parametrize("cat, past", [("PF", True), ("CF", True), ("OTH", True), ("NCD", False), ("COF", False)])
def test_findings_told_in_the_history_are_kept_apart(cat: str, past: bool) -> None:
    assert key(row(concept="pneumonia", section="hist", cat=cat)).past is past


def test_a_known_disease_of_the_findings_is_history_too() -> None:
    assert key(row(concept="lung cancer", past_hx="known")).past


def settled(*given: Key) -> dict[str, str]:
    """Place -> place it is settled as."""
    return {each.place: to.place for each, to in resolve(frozenset(given)).items()}


BARE, LEFT, RIGHT = Key("x"), Key("x", "left"), Key("x", "right")
LOWER, UPPER = Key("x", "left", "lower"), Key("x", "left", "upper")


@pytest.mark.parametrize(
    "given, expected",
    [
        ((BARE,), {"": ""}),
        ((BARE, LEFT), {"": "left", "left": "left"}),
        ((BARE, LEFT, RIGHT), {"": "", "left": "left", "right": "right"}),
        ((BARE, LEFT, LOWER), {"": "left lower", "left": "left lower", "left lower": "left lower"}),
        ((LEFT, LOWER, UPPER), {"left": "left", "left lower": "left lower", "left upper": "left upper"}),
        ((RIGHT, LOWER), {"right": "right", "left lower": "left lower"}),
        ((BARE, Key("y", "left")), {"": "", "left": "left"}),
        ((BARE, Key("x", "left", "", True)), {"": "", "left": "left"}),
        ((Key("x", "", "lower"), LOWER), {"lower": "left lower", "left lower": "left lower"}),
    ],
)
def test_less_exact_places_join_the_one_they_can_mean(given: tuple[Key, ...], expected: dict[str, str]) -> None:
    assert settled(*given) == expected


def test_families_are_closed_and_their_names_are_concepts() -> None:
    told = families()
    for name, family in told.items():
        assert concept(name).name == name
        assert told[family] == family


def test_a_concept_is_midline_or_sided_and_never_both() -> None:
    table = read_table("families.csv")
    groups = {kind: {each for row in table if row["kind"] == kind for each in row["patterns"].split(";")}
              for kind in ("midline", "sided")}  # fmt: skip
    assert not groups["midline"] & groups["sided"]
    for name in groups["midline"] | groups["sided"]:
        assert concept(name).kind in ("finding", "diagnosis", "device", "quality")
