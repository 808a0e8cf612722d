"""What a study states: present, absent, not said; sides and places from sites or boxes; measures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hilum.core.finding import Finding, Measurement
from hilum.core.region import Mask
from hilum.core.study import Study
from hilum.measure.choice.facts import EXTENT, facts_of, kind_of, related
from tests.measure.choice.made import boxed, film, study


def test_what_is_not_mentioned_is_neither_present_nor_absent() -> None:
    facts = facts_of(study("a", ["pneumothorax"], ["consolidation"], ["lung nodule"]))
    assert facts.has("pneumothorax") is True
    assert facts.has("consolidation") is False
    assert facts.has("lung nodule") is None
    assert facts.has("pleural effusion") is None
    assert facts.unsure == {"lung nodule"}


def test_a_finding_makes_its_wider_concepts_present_and_never_absent() -> None:
    facts = facts_of(study("a", ["consolidation"], ["lung opacity"]))
    assert facts.has("lung opacity") is True
    assert facts.has("airspace opacity") is True
    assert "lung opacity" not in facts.absent


def test_what_is_present_and_denied_at_once_is_present() -> None:
    facts = facts_of(study("a", ["pneumothorax"], ["pneumothorax"]))
    assert facts.has("pneumothorax") is True
    assert not facts.absent


def test_an_uncertain_finding_is_not_absent_either() -> None:
    assert facts_of(study("a", [], ["pneumothorax"], ["pneumothorax"])).has("pneumothorax") is None


@pytest.mark.parametrize(
    ("states", "only"),
    [
        ("pa", "pneumothorax"),
        ("ap", "consolidation"),
        ("pp", None),
        ("aa", None),
        ("p?", None),
        ("?p", None),
        ("pn", None),
        ("nn", None),
    ],
)
def test_only_needs_every_other_concept_known_to_be_absent(states: str, only: str | None) -> None:
    names = ("pneumothorax", "consolidation")
    by = {mark: [n for n, state in zip(names, states, strict=True) if state == mark] for mark in "pa?"}
    assert facts_of(study("a", by["p"], by["a"], by["?"])).only(names) == only


@pytest.mark.parametrize(
    ("first", "second", "answer"),
    [
        ("consolidation", "lung opacity", True),
        ("lung opacity", "consolidation", True),
        ("consolidation", "consolidation", True),
        ("consolidation", "pneumothorax", False),
        ("a word of my own", "pneumothorax", False),
        ("a word of my own", "a word of my own", True),
    ],
)
def test_kinds_of_one_another_are_related(first: str, second: str, answer: bool) -> None:
    assert related(first, second) is answer


@pytest.mark.parametrize(
    ("name", "kind"),
    [("pneumothorax", "finding"), ("pneumonia", "diagnosis"), ("endotracheal tube", "device"), ("my own", "finding")],
)
def test_kinds_come_from_the_vocabulary(name: str, kind: str) -> None:
    assert kind_of(name) == kind


@pytest.mark.parametrize(
    ("sites", "sides", "places"),
    [
        (("right lung",), {"right"}, set()),
        (("left lower lung zone",), {"left"}, {"left lower lung zone"}),
        (("right upper lung zone", "left upper lung zone"), {"left", "right"}, set()),
        (("bilateral lungs",), {"left", "right"}, set()),
        (("right upper lung zone", "right mid lung zone"), {"right"}, set()),
        (("cardiac silhouette",), set(), set()),
        (("right my own place",), {"right"}, set()),
    ],
)
def test_sides_and_places_come_from_sites(sites: tuple[str, ...], sides: set[str], places: set[str]) -> None:
    facts = facts_of(study("a", ["consolidation"], sites={"consolidation": sites}))
    assert facts.sides["consolidation"] == sides
    assert facts.places["consolidation"] == places


@pytest.mark.parametrize(
    ("box", "side", "place"),
    [
        ((2, 2, 10, 8), "right", "right side, upper third of film"),
        ((30, 2, 38, 8), "left", "left side, upper third of film"),
        ((30, 16, 38, 24), "left", "left side, mid third of film"),
        ((2, 30, 10, 38), "right", "right side, lower third of film"),
        ((18, 30, 22, 38), "", ""),
    ],
)
def test_without_sites_a_box_tells_side_and_third(box: tuple[float, ...], side: str, place: str) -> None:
    facts = facts_of(boxed("a", "consolidation", box))  # type: ignore[arg-type]
    assert facts.sides["consolidation"] == ({side} if side else set())
    assert facts.places["consolidation"] == ({place} if place else set())


def test_a_mirrored_film_swaps_the_sides_of_its_boxes() -> None:
    made = boxed("a", "consolidation", (2, 2, 10, 8))
    turned = replace(made.films[0], orientation=("R", "F"))
    assert facts_of(replace(made, images=(turned,))).sides["consolidation"] == {"left"}


def test_a_lateral_box_has_no_side() -> None:
    made = boxed("a", "consolidation", (2, 2, 10, 8))
    assert not facts_of(replace(made, images=(replace(made.films[0], view="LL"),))).sides["consolidation"]


@pytest.mark.parametrize(("box", "extent"), [((0, 0, 5, 3), 50.0), ((0, 0, 3, 5), 50.0), ((1, 1, 2, 2), 10.0)])
def test_the_extent_is_the_longer_side_of_the_box_in_mm(box: tuple[float, ...], extent: float) -> None:
    held = facts_of(boxed("a", "consolidation", box)).measures["consolidation", EXTENT]  # type: ignore[arg-type]
    assert held == (extent, "mm", 10.0)


def test_no_spacing_no_extent() -> None:
    assert not facts_of(boxed("a", "consolidation", (0, 0, 5, 3), spacing=None)).measures


def test_the_heart_has_no_extent_and_neither_have_two_findings_of_one_concept() -> None:
    assert not facts_of(boxed("a", "cardiomegaly", (0, 0, 5, 3))).measures
    one = boxed("a", "lung nodule", (0, 0, 2, 2))
    assert not facts_of(replace(one, findings=one.findings * 2)).measures


def test_a_mask_serves_as_a_box() -> None:
    pixels = np.zeros((40, 40), np.bool_)
    pixels[4:8, 30:36] = True
    made = Study("a", images=(film("a"),), findings=(Finding("consolidation", regions=(Mask(pixels, "a"),)),))
    facts = facts_of(made)
    assert facts.measures["consolidation", EXTENT].value == 60.0
    assert facts.sides["consolidation"] == {"left"}


def test_measures_are_kept_with_their_units_even_of_what_is_absent() -> None:
    ratio = Measurement("cardiothoracic ratio", 0.47, "1")
    facts = facts_of(Study("a", findings=(Finding("cardiomegaly", "absent", measurements=(ratio,)),)))
    assert facts.measures["cardiomegaly", "cardiothoracic ratio"][:2] == (0.47, "1")


def test_a_study_without_a_patient_is_its_own() -> None:
    assert facts_of(Study("a")).patient == "a"
