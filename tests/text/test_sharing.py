"""What passes between findings and what does not: places across a denial, sizes, late changes, sides of devices."""

from __future__ import annotations

import pytest

from hilum.text.findings import to_findings
from hilum.text.parse import Fact, parse, to_report


def about(text: str, concept: str) -> Fact:
    (fact,) = [fact for fact in parse(text).facts if fact.concept == concept]
    return fact


@pytest.mark.parametrize(
    ("text", "concept", "sides"),
    [
        ("Small left pleural effusion, no pneumothorax.", "pneumothorax", ()),
        ("Right upper lobe opacity and no effusion.", "pleural effusion", ()),
        ("Left consolidation without effusion.", "pleural effusion", ()),
        ("Right pneumothorax, no effusion or consolidation.", "consolidation", ()),
        ("No right effusion or pneumothorax.", "pneumothorax", ("right",)),
        ("No effusion or pneumothorax on the left.", "pleural effusion", ("left",)),
        ("Left effusion and atelectasis.", "atelectasis", ("left",)),
        ("Right PICC and effusion.", "pleural effusion", ()),
        ("Right IJ catheter.", "central venous catheter", ("right",)),
        ("Infection cannot be excluded in the right clinical setting.", "pneumonia", ()),
        ("Infection is possible in the right context.", "pneumonia", ()),
    ],
)
def test_a_side_passes_only_between_findings_alike(text: str, concept: str, sides: tuple[str, ...]) -> None:
    assert about(text, concept).sides == sides


@pytest.mark.parametrize(
    ("text", "nodule", "mass"),
    [
        ("Nodules on the right measuring up to 8 mm and a 2.1 x 1.4 cm lobulated mass on the left.",
         ((8.0, "mm"),), ((2.1, "cm"), (1.4, "cm"))),
        ("A 5 mm calcified nodule and a mass which measures 3 cm.", ((5.0, "mm"),), ((3.0, "cm"),)),
        ("The nodule in the left apex measures 9 mm; mass on the right.", ((9.0, "mm"),), ()),
        ("Nodule, 7 mm, and mass.", ((7.0, "mm"),), ()),
    ],
)  # fmt: skip
def test_a_size_goes_by_its_grammar(text: str, nodule: tuple[object, ...], mass: tuple[object, ...]) -> None:
    assert about(text, "lung nodule").sizes == nodule
    assert about(text, "lung mass").sizes == mass


@pytest.mark.parametrize("ending", [", unchanged.", " or atelectasis, unchanged."])
def test_a_late_change_is_that_of_the_shadow(ending: str) -> None:
    text = "Opacity in the right base may represent pneumonia" + ending
    assert about(text, "lung opacity").attributes.get("change") == ("unchanged",)
    assert all("change" not in fact.attributes for fact in parse(text).facts if fact.concept != "lung opacity")


def test_a_change_beside_the_explanation_stays_with_it() -> None:
    fact = about("Opacity in the right base may represent new pneumonia.", "pneumonia")
    assert fact.attributes["change"] == ("new",)


def test_a_grade_after_now_is_that_of_the_finding_before() -> None:
    fact = about("Interval decrease in size of the left effusion, now small.", "pleural effusion")
    assert fact.attributes["extent"] == ("small",)
    assert fact.attributes["change"] == ("improved",)


@pytest.mark.parametrize(
    ("text", "sites"),
    [
        ("Edema in the upper lobe, at the right hilum and in the left lower lung zone.",
         {"upper lobe", "right hilum", "left lower lung zone"}),
        ("Scars in the left upper lobe, the right perihilar region and at both hila.",
         {"left upper lobe", "right perihilar region", "bilateral hila"}),
        ("Consolidation in the right base and left apex, improved.", {"right lower lung zone", "left apical zone"}),
    ],
)  # fmt: skip
def test_places_of_one_mention_are_one_finding(text: str, sites: set[str]) -> None:
    parsed = parse(text)
    assert len(parsed.facts) > 1
    (finding,) = to_findings(parsed)
    assert set(finding.sites) == sites
    assert finding.id == "f0"
    assert [sentence.findings for sentence in to_report(parsed).sentences] == [("f0",)]


def test_grades_of_one_mention_that_differ_are_two_findings() -> None:
    findings = to_findings(parse("Small left and moderate right effusions."))
    assert [finding.sites for finding in findings] == [("left pleural space",), ("right pleural space",)]
    assert [finding.id for finding in findings] == ["f0", "f1"]


def test_an_explanation_points_to_the_finding_that_holds_its_shadow() -> None:
    findings = to_findings(parse("Right upper lobe and left lower lobe opacities may represent pneumonia."))
    assert [finding.concept for finding in findings] == ["lung opacity", "pneumonia"]
    assert findings[1].because_of == (findings[0].id,)
    assert set(findings[1].sites) == set(findings[0].sites)
