"""Where a tip lies: read from the facts, told in a sentence, read back from it, and called wrong where it is."""

from __future__ import annotations

import pytest

from hilum.core.finding import Finding, Measurement
from hilum.core.vocabulary import concept
from hilum.phantom.narrate import given_back, narrate, read_back, told
from hilum.phantom.tips import Tip, is_misplaced, read_tips, story_table, tip_of

from .stories import drawn, visit


def tube(above_mm: float, change: str | None = None) -> Finding:
    site = "trachea" if above_mm >= 0 else "right main bronchus"
    return Finding("endotracheal tube", sites=(site,), change=change, id="t",  # type: ignore[arg-type]
                   measurements=(Measurement("tip above carina", above_mm, "mm"),))  # fmt: skip


def line(site: str, name: str = "central venous catheter") -> Finding:
    return Finding(name, sites=(site,), id="l")


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        (tube(41.6), Tip(42)),
        (tube(0.2), Tip(0)),
        (tube(-12.0), Tip(site="right main bronchus")),
        (line("right atrium"), Tip(site="right atrium")),
        (line("stomach", "enteric tube"), Tip(site="stomach")),
        (Finding("pacemaker", sites=("left chest wall",)), None),
        (Finding("endotracheal tube", "absent", sites=("trachea",)), None),
        (Finding("endotracheal tube"), None),
    ],
)
def test_a_tip_is_read_from_the_facts(finding: Finding, expected: Tip | None) -> None:
    assert tip_of(finding) == expected


@pytest.mark.parametrize(
    ("finding", "wrong"),
    [
        (tube(45.0), False), (tube(20.0), False), (tube(12.0), True), (tube(71.0), True), (tube(-5.0), True),
        (line("superior vena cava"), False), (line("cavoatrial junction"), False), (line("right atrium"), True),
        (line("stomach", "enteric tube"), False), (line("esophagus", "enteric tube"), True),
        (Finding("pacemaker", sites=("left chest wall",)), False),
    ],
)  # fmt: skip
def test_a_tip_may_be_wrong(finding: Finding, wrong: bool) -> None:
    assert is_misplaced(finding) is wrong


@pytest.mark.parametrize("above_mm", [0.0, 7.0, 42.0, 55.0, 103.0, -14.0])
@pytest.mark.parametrize("change", [None, "new", "unchanged"])
def test_what_is_told_of_a_tip_is_read_back_in_every_wording(above_mm: float, change: str | None) -> None:
    finding, texts = tube(above_mm, change), set()
    for number in range(30):
        report = narrate([finding], visit(), seed=3, name=f"t{number}", prior=change is not None)
        assert read_tips(report) == {"endotracheal tube": tip_of(finding)}
        assert read_back(report, prior=change is not None) == (
            given_back(told([finding]), prior=change is not None), 0
        )  # fmt: skip
        texts.add(report.findings)
    assert len(texts) >= 4


def test_every_drawn_tip_is_read_back() -> None:
    checked = 0
    for each in drawn(300):
        tips = {finding.concept: tip for finding in each.findings if (tip := tip_of(finding)) is not None}
        assert read_tips(each.report) == tips
        checked += len(tips)
    assert checked > 60


@pytest.mark.parametrize("name", ["central venous catheter", "peripherally inserted central catheter", "enteric tube"])
def test_every_place_of_a_tip_is_read_back(name: str) -> None:
    for site in story_table()["tip places"][name]:
        assert concept(site).name == site
        for number in range(12):
            report = narrate([line(site, name)], visit(), seed=3, name=f"t{number}")
            assert read_tips(report) == {name: Tip(site=site)}


def test_a_wrong_tip_is_in_the_impression_and_a_right_one_is_not() -> None:
    heart = Finding("cardiomegaly", id="h")
    wrong = narrate([tube(-10.0), heart], visit(), seed=1)
    assert "right main bronchus" in wrong.impression
    right = narrate([tube(45.0), heart], visit(), seed=1)
    assert "carina" in right.findings
    assert "carina" not in right.impression


def test_tips_of_another_text_are_read() -> None:
    report = narrate([], visit(), seed=1)
    assert read_tips(report) == {}


def test_a_tip_is_told_before_what_is_not_there() -> None:
    none = [Finding(name, "absent", id=name) for name in ("pneumothorax", "consolidation")]
    report = narrate([tube(45.0), Finding("cardiomegaly", id="h"), *none], visit(), seed=1)
    order = [each.findings for each in report.sentences if each.section == "findings"]
    assert order == [("h",), ("t",), ("consolidation", "pneumothorax")]
