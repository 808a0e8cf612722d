"""Label cells to findings and back; which label a finding counts for; what is normal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from hilum.core.errors import InputError
from hilum.core.finding import Finding, State
from hilum.core.image import MadeBy
from hilum.core.vocabulary import label_set
from hilum.data.cells import findings_of, normal, states_of

WHO = MadeBy("someone")
LABELS = label_set("chexpert-14").labels
CELLS = {"1.0": "present", "0.0": "absent", "-1.0": "uncertain"}


@given(some.dictionaries(some.sampled_from(LABELS), some.sampled_from(["", *CELLS])))
def test_a_row_comes_back_as_it_was(row: dict[str, str]) -> None:
    found = findings_of(row, "chexpert-14", WHO)
    assert states_of(found, "chexpert-14") == {label: CELLS[cell] for label, cell in row.items() if cell}


def test_findings_are_signed_and_named_by_their_label() -> None:
    (finding,) = findings_of({"Pleural Other": "1"}, "chexpert-14", WHO)
    assert finding.made_by == WHO
    assert finding.id == "Pleural Other"


def test_a_cell_outside_the_convention_is_refused() -> None:
    with pytest.raises(InputError, match="no cell value 'yes'"):
        findings_of({"Edema": "yes"}, "chexpert-14", WHO)


@pytest.mark.parametrize(
    ("concept", "state", "labels"),
    [
        ("rib fracture", "present", {"Fracture": "present"}),
        ("rib fracture", "uncertain", {"Fracture": "uncertain"}),
        ("rib fracture", "absent", {}),  # another bone may be broken
        ("fracture", "absent", {"Fracture": "absent"}),
        ("lung nodule", "present", {"Lung Lesion": "present"}),  # the nearest label, not Lung Opacity too
        ("consolidation", "present", {"Consolidation": "present"}),
        ("infiltration", "present", {"Lung Opacity": "present"}),
        ("pleural effusion", "present", {"Pleural Effusion": "present"}),  # not Pleural Other
        ("pleural thickening", "present", {"Pleural Other": "present"}),
        ("central venous catheter", "present", {"Support Devices": "present"}),
        ("scoliosis", "present", {}),
        ("a word of no vocabulary", "present", {}),
    ],
)
def test_a_finding_counts_for_the_nearest_label(concept: str, state: State, labels: dict[str, str]) -> None:
    assert states_of([Finding(concept, state)], "chexpert-14") == labels


def test_of_several_statements_the_most_positive_counts() -> None:
    said = [
        Finding("fracture", "absent"),
        Finding("rib fracture", "present"),
        Finding("clavicle fracture", "uncertain"),
    ]
    for order in (said, said[::-1]):
        assert states_of(order, "chexpert-14") == {"Fracture": "present"}
    assert states_of(said[::2], "chexpert-14") == {"Fracture": "uncertain"}


@pytest.mark.parametrize(
    ("findings", "held"),
    [
        ([], False),  # nothing is stated
        ([("pneumothorax", "absent")], True),
        ([("no finding", "present")], True),
        ([("endotracheal tube", "present"), ("edema", "absent")], True),
        ([("support device", "present")], True),
        ([("pneumothorax", "absent"), ("cardiomegaly", "uncertain")], False),
        ([("scoliosis", "present")], False),  # no label of CheXpert, yet not normal
        ([("a word of no vocabulary", "present")], False),
    ],
)
def test_what_is_normal(findings: list[tuple[str, State]], held: bool) -> None:
    assert normal([Finding(concept, state) for concept, state in findings]) is held
