"""Where and how much: invented sentences in the many orders that reports use, each with a reader's answer."""

from __future__ import annotations

import pytest

from hilum.text.parse import parse


@pytest.mark.parametrize(
    ("text", "concept", "expected"),
    [
        ("Opacity projecting over the right base.", "lung opacity", ["right:base"]),
        ("Atelectasis, right base.", "atelectasis", ["right:base"]),
        ("Right base: atelectasis.", "atelectasis", ["right:base"]),
        ("There is, in the left lower lobe, an area of consolidation.", "consolidation", ["left:lower lobe"]),
        ("Left lower lobe and lingular consolidation.", "consolidation", ["left:lower lobe,lingula"]),
        ("Right upper lobe, right middle lobe and left lower lobe nodules.", "lung nodule",
         ["right:upper lobe", "right:middle lobe", "left:lower lobe"]),
        ("Nodule within the superior segment of the right lower lobe.", "lung nodule", ["right:lower lobe"]),
        ("Streaky opacities in both bases.", "lung opacity", ["right,left:base"]),
        ("Opacity in the mid to lower left lung.", "lung opacity", ["left:mid zone,lower zone"]),
        ("Opacity in the lower left lung.", "lung opacity", ["left:lower zone"]),
        ("Left mid and lower lung opacities.", "lung opacity", ["left:mid zone,lower zone"]),
        ("Opacities in lower lungs.", "lung opacity", ["right,left:lower zone"]),
        ("Opacity behind the heart.", "lung opacity", [":retrocardiac"]),
        ("Opacity overlying the left heart border.", "lung opacity", [":"]),
        ("Right infrahilar opacity.", "lung opacity", ["right:hilum"]),
        ("Fracture of the left 7th rib.", "rib fracture", ["left:rib"]),
        ("Right basilar atelectasis, left basilar opacity.", "atelectasis", ["right:base"]),
        ("Right basilar atelectasis, left basilar opacity.", "lung opacity", ["left:base"]),
        ("Bibasilar, left greater than right, atelectasis.", "atelectasis", ["right,left:base"]),
        ("There is right apical and left basilar scarring.", "pulmonary scar", ["right:apex", "left:base"]),
        ("Opacity in the left lung, likely in the lower lobe.", "lung opacity", ["left:lower lobe"]),
        ("On the lateral view there is an opacity.", "lung opacity", [":"]),
        ("LLL pneumonia.", "pneumonia", ["left:lower lobe"]),
        ("RUL nodule.", "lung nodule", ["right:upper lobe"]),
        ("RML atelectasis.", "atelectasis", ["right:middle lobe"]),
        ("Right apicolateral pneumothorax.", "pneumothorax", ["right:apex"]),
        ("Right base opacity consistent with effusion and atelectasis.", "pleural effusion", ["right:base"]),
        ("Right base opacity consistent with effusion and atelectasis.", "atelectasis", ["right:base"]),
        ("Right lower lobe consolidation, effusion and atelectasis.", "pleural effusion", ["right:"]),
        ("Right lower lobe consolidation, effusion and atelectasis.", "atelectasis", ["right:lower lobe"]),
    ],
)  # fmt: skip
def test_where(text: str, concept: str, expected: list[str]) -> None:
    facts = [fact for fact in parse(text).facts if fact.concept == concept]
    order = ("right", "left")
    told = [f"{','.join(sorted(fact.sides, key=order.index))}:{','.join(fact.zones)}" for fact in facts]
    assert told == expected


@pytest.mark.parametrize(
    ("text", "concept", "expected"),
    [
        ("Cardiomegaly, mild.", "cardiomegaly", "mild"),
        ("Cardiomegaly (mild).", "cardiomegaly", "mild"),
        ("Cardiomegaly which is mild.", "cardiomegaly", "mild"),
        ("There is cardiomegaly of mild degree.", "cardiomegaly", "mild"),
        ("Cardiomegaly is present, mild in degree.", "cardiomegaly", "mild"),
        ("Mild/moderate cardiomegaly.", "cardiomegaly", "moderate"),
        ("The heart is mild to moderately enlarged.", "cardiomegaly", "moderate"),
        ("Heart size is mildly increased.", "cardiomegaly", "mild"),
        ("Heart is significantly enlarged.", "cardiomegaly", "severe"),
        ("Modest cardiomegaly.", "cardiomegaly", "mild"),
        ("Mild, stable cardiomegaly.", "cardiomegaly", "mild"),
        ("Cardiomegaly and small effusions.", "cardiomegaly", ""),
        ("Small effusions and mild cardiomegaly.", "cardiomegaly", "mild"),
        ("Small effusions and mild cardiomegaly.", "pleural effusion", "small"),
        ("Effusion, small in size.", "pleural effusion", "small"),
        ("Effusion on the left is small.", "pleural effusion", "small"),
        ("Small, if any, effusion.", "pleural effusion", "small"),
        ("A small volume effusion.", "pleural effusion", "small"),
        ("Mildly displaced rib fracture.", "rib fracture", ""),
        ("Mild bronchovascular crowding and basilar atelectasis.", "atelectasis", ""),
    ],
)
def test_how_much(text: str, concept: str, expected: str) -> None:
    (fact,) = [fact for fact in parse(text).facts if fact.concept == concept]
    assert " ".join(fact.severity + fact.attributes.get("extent", ())) == expected
