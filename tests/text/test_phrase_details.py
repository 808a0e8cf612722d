"""Number, look, size, negatives and lists: what compose tells of a finding besides its state and place."""

from __future__ import annotations

import re

import pytest

from hilum.core.errors import InputError
from hilum.core.finding import Finding, Measurement
from hilum.core.report import Report
from hilum.text.bank import bank, measured
from hilum.text.findings import to_findings
from hilum.text.parse import parse
from hilum.text.phrase import compose


def wordings(finding: Finding, *, prior_read: bool = False) -> set[str]:
    return {compose([finding], seed=seed, prior_read=prior_read).findings for seed in range(80)}


def diameters(*values: float, unit: str = "mm") -> tuple[Measurement, ...]:
    return tuple(Measurement("diameter", value, unit) for value in values)


NODULE = Finding("lung nodule", sites=("right upper lobe",))


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        (Finding("lung nodule", measurements=diameters(8)), "There is a lung nodule measuring 8 mm."),
        (
            Finding("lung mass", sites=("left lower lobe",), measurements=diameters(3.5, 2, unit="cm")),
            "Lung mass in the left lower lobe measuring 3.5 x 2 cm.",
        ),
        (Finding("lung nodule", attributes={"count": "two"}), "Two lung nodules are seen."),
        (Finding("lung nodule", attributes={"count": "one"}), "There is a single lung nodule."),
        (Finding("lung mass", attributes={"count": "multiple"}), "There are multiple lung masses."),
        (Finding("atelectasis", attributes={"count": "multiple"}), "Multiple areas of atelectasis are present."),
        (Finding("consolidation", attributes={"count": "one"}), "There is a single area of consolidation."),
        (
            Finding("lung opacity", attributes={"morphology": "hazy", "severity": "mild"}),
            "A mild hazy lung opacity is seen.",
        ),
        (
            Finding("lung opacity", attributes={"distribution": "diffuse", "morphology": "patchy"}),
            "There is a diffuse patchy lung opacity.",
        ),
        (Finding("linear atelectasis", attributes={"morphology": "linear"}), "There is linear atelectasis."),
        (
            Finding("pneumothorax", sites=("left pleural space", "right apical zone")),
            "Pneumothorax in the left pleural space and at the right lung apex.",
        ),
        (Finding("pleural effusion", attributes={"extent": "small"}), "Small pleural effusion."),
        (
            Finding("cardiomegaly", attributes={"severity": "mild"}, measurements=diameters(17, unit="cm")),
            "There is mild cardiomegaly measuring 17 cm.",
        ),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else value.concept,
)
def test_wordings_of_numbers_looks_and_sizes(finding: Finding, expected: str) -> None:
    assert expected in wordings(finding)


def test_every_wording_tells_the_size_and_the_number() -> None:
    finding = Finding("lung nodule", attributes={"count": "three"}, measurements=diameters(12, 8))
    assert len(wordings(finding)) >= 4
    for text in wordings(finding):
        assert "12 x 8 mm" in text
        assert text.lower().count("three") == 1


def test_the_impression_tells_them_too() -> None:
    finding = Finding("lung nodule", attributes={"count": "two"}, measurements=diameters(8))
    assert compose([finding]).impression == "Two lung nodules measuring 8 mm."


def test_of_an_absent_finding_no_size_number_or_look_is_told() -> None:
    told = {"severity": "mild", "count": "two", "morphology": "irregular"}
    finding = Finding("lung nodule", "absent", attributes=told, measurements=diameters(8))
    assert wordings(finding) == wordings(Finding("lung nodule", "absent"))


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        (diameters(8), "8 mm"),
        (diameters(0.8, unit="cm"), "0.8 cm"),
        ((*diameters(1.2, unit="cm"), *diameters(8)), "12 x 8 mm"),
        (diameters(1, 2, 3, 4), "1 x 2 x 3 mm and 4 mm"),
        (diameters(12.3456), "12.346 mm"),
        (diameters(1200), "1200 mm"),
        ((Measurement("cardiothoracic ratio", 0.55, "1"),), ""),
        ((), ""),
    ],
)
def test_diameters_are_told_in_the_unit_given(sizes: tuple[Measurement, ...], expected: str) -> None:
    assert measured(sizes) == expected


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [(8, "px", "give it in mm or cm"), (8, "", "give it in mm or cm"), (0, "mm", "no length"), (-3, "mm", "no length"),
     (float("nan"), "mm", "no length"), (float("inf"), "cm", "no length"), (10_000, "mm", "no length")],
)  # fmt: skip
def test_a_diameter_that_is_no_length_is_refused(value: float, unit: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        compose([Finding("lung nodule", measurements=diameters(value, unit=unit))])


# ---- variety


KINDS = {
    "present": (Finding("consolidation"), False),
    "uncertain": (Finding("consolidation", "uncertain"), False),
    "absent": (Finding("consolidation", "absent"), False),
    "sited": (Finding("consolidation", sites=("right lower lobe",)), False),
    "sided": (Finding("pleural effusion", sites=("right pleural space",)), False),
    "graded": (Finding("pleural effusion", attributes={"severity": "mild"}), False),
    "measured": (Finding("lung nodule", measurements=diameters(8)), False),
    "counted": (Finding("lung nodule", attributes={"count": "two"}), False),
    "device": (Finding("pacemaker"), False),
    "device absent": (Finding("pacemaker", "absent"), False),
    "new": (Finding("consolidation", change="new"), True),
    "improved": (Finding("consolidation", change="improved"), True),
    "worsened": (Finding("consolidation", change="worsened"), True),
    "unchanged": (Finding("consolidation", change="unchanged"), True),
    "resolved": (Finding("consolidation", "absent", change="resolved"), True),
    "removed": (Finding("pacemaker", "absent", change="resolved"), True),
    "outside the vocabulary": (Finding("odd shadow"), False),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_fact_has_four_wordings_or_more(kind: str) -> None:
    finding, prior = KINDS[kind]
    assert len(wordings(finding, prior_read=prior)) >= 4


def test_lists_have_four_wordings_or_more() -> None:
    for state, names in (("absent", ("pneumothorax", "consolidation")), ("present", ("pacemaker", "chest tube"))):
        findings = [Finding(name, state, id=name) for name in names]  # type: ignore[arg-type]
        texts = {compose(findings, seed=seed).findings for seed in range(60)}
        assert len(texts) >= 4, texts
        assert all(text.count(".") == 1 for text in texts)


# ---- negatives and lists


def about(report: Report, name: str) -> list[str]:
    return [report.text(item) for item in report.sentences if name in item.findings and item.section == "findings"]


def absent(*names: str, **more: tuple[str, ...]) -> list[Finding]:
    return [Finding(name, "absent", id=name, **more) for name in names]  # type: ignore[arg-type]


def test_absent_findings_of_one_place_share_a_sentence_and_are_read_back_there() -> None:
    findings = absent("lung nodule", "consolidation", "lung mass", sites=("right upper lobe",))
    for seed in range(12):
        report = compose(findings, seed=seed)
        assert len({*about(report, "lung nodule"), *about(report, "lung mass")}) == 1
        read = to_findings(parse(report.findings))
        assert {(f.concept, f.state, f.sites) for f in read} == {
            (f.concept, "absent", ("right upper lobe",)) for f in findings
        }


def test_no_effusion_or_pneumothorax() -> None:
    findings = absent("pleural effusion", "pneumothorax")
    texts = {compose(findings, seed=seed).findings for seed in range(40)}
    assert "No pleural effusion or pneumothorax." in texts
    for text in texts:
        assert {(f.concept, f.state) for f in to_findings(parse(text))} == {
            ("pleural effusion", "absent"), ("pneumothorax", "absent"),
        }  # fmt: skip


def test_a_noun_with_a_place_of_its_own_does_not_lend_it_to_others() -> None:
    report = compose(absent("rib fracture", "pneumothorax", "consolidation"))
    assert about(report, "rib fracture") != about(report, "pneumothorax")
    sites = {f.concept: f.sites for f in to_findings(parse(report))}
    assert sites["pneumothorax"] == sites["consolidation"] == ()


def test_the_caller_chooses_the_negatives() -> None:
    findings = [Finding("lung mass", id="m"), *absent("Effusion", "goiter", "pneumothorax")]
    told = compose(findings, negatives=("pleural effusion",)).findings
    assert "pleural effusion" in told
    assert "goiter" not in told
    assert "pneumothorax" not in told
    everything = compose(findings).findings
    assert "goiter" in everything


def test_the_panel_is_what_a_reader_looks_for() -> None:
    findings = [
        Finding("lung mass", id="m"),
        *absent("goiter", "pneumothorax"),
        Finding("fracture", "uncertain", id="u"),
    ]
    text = compose(findings, negatives="panel").findings
    assert "pneumothorax" in text
    assert "fracture" in text
    assert "goiter" not in text
    assert {"pneumothorax", "pleural effusion"} <= {*bank()["panel"]}


def test_what_has_resolved_and_the_last_negatives_are_told_whatever_was_chosen() -> None:
    gone = Finding("goiter", "absent", change="resolved", id="g")
    assert "goiter" in compose([gone, Finding("lung mass", id="m")], negatives=(), prior_read=True).findings
    assert re.search("goiter", compose(absent("goiter"), negatives="panel").findings)


def test_a_text_that_is_no_panel_is_refused() -> None:
    with pytest.raises(InputError, match="'panel' or None"):
        compose([NODULE], negatives="pneumothorax")
