"""Scores of generated reports, against reports written by hand whose score can be told by reading them."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.finding import Change, Finding, Measurement
from hilum.core.image import Image
from hilum.core.region import Box
from hilum.core.report import Report
from hilum.core.study import Study
from hilum.measure.claim import Claim, judge
from hilum.phantom.scenes import scenes
from hilum.systems._reader_said import said, true_facts
from hilum.systems._reader_scores import score

FILM = Image(np.zeros((80, 72), dtype=np.float32), view="PA", id="f")


def finding(concept: str, site: str = "", *, size: str = "", poor: bool = False, change: Change | None = None,
            gone: bool = False, box: Box | None = None, tip: float = 0.0) -> Finding:  # fmt: skip
    told = {"frontal": "poor" if poor else "plain"} | ({"severity": size} if size else {})
    height = (Measurement("tip above carina", tip, "mm"),) if tip else ()
    return Finding(concept, "absent" if gone else "present", sites=(site,) if site else (), attributes=told,
                   change=change, regions=(box,) if box else (), measurements=height)  # fmt: skip


EFFUSION = finding("pleural effusion", "right pleural space", size="mild", poor=True)
OPACITY = finding("consolidation", "left upper lung zone", size="moderate")
NO_HEART = finding("cardiomegaly", gone=True)


def study(*findings: Finding, name: str = "s", prior: bool = False, hint: str = "") -> Study:
    before = Study("p", patient=name, time=datetime(2020, 1, 1)) if prior else None
    return Study(name, patient=name, time=datetime(2021, 1, 1), images=(FILM,), findings=findings, prior=before,
                 report=Report(indication=hint))  # fmt: skip


def one(answer: str, *findings: Finding, prior: bool = False, hint: str = "") -> dict[str, float]:
    return {name: each.value for name, each in score([study(*findings, prior=prior, hint=hint)], [answer]).items()}


def test_a_report_that_says_it_all() -> None:
    got = one("Small right pleural effusion. Moderate consolidation in the left upper zone. The heart is not enlarged.",
              EFFUSION, OPACITY, NO_HEART)  # fmt: skip
    for name in (
        "fact-precision",
        "fact-recall",
        "fact-f1",
        "attribute-accuracy",
        "frontal-poor-recall",
        "other-recall",
    ):
        assert got[name] == 1.0
    for name in ("unparsed", "repeats", "false-comparison"):
        assert got[name] == 0.0
    assert got["words"] == 16


def test_the_wrong_side_is_a_miss_and_a_false_find() -> None:
    got = one("Small left pleural effusion. Moderate consolidation in the left upper zone.", EFFUSION, OPACITY)
    assert got["fact-precision"] == got["fact-recall"] == got["fact-f1"] == 0.5
    assert got["frontal-poor-recall"] == 0.0
    assert got["other-recall"] == 1.0


def test_attributes_are_asked_of_facts_that_were_found() -> None:
    got = one("Large right pleural effusion. Moderate consolidation in the left lower zone.", EFFUSION, OPACITY)
    assert got["fact-f1"] == 1.0
    assert got["size-accuracy"] == 0.5
    assert got["zone-accuracy"] == 0.0
    assert got["attribute-accuracy"] == pytest.approx(1 / 3)
    assert np.isnan(one("No pleural effusion.", EFFUSION)["attribute-accuracy"])


def test_a_tip_is_read_in_centimetres() -> None:
    tube = finding("endotracheal tube", tip=40.0)
    assert one("Endotracheal tube with its tip 4 cm above the carina.", tube)["tip-accuracy"] == 1.0
    assert one("Endotracheal tube with its tip 1 cm above the carina.", tube)["tip-accuracy"] == 0.0
    assert one("There is an endotracheal tube.", tube)["tip-accuracy"] == 0.0


def test_a_denied_fact_is_not_found() -> None:
    """Labels by substring would count it; this reader knows negation."""
    got = one("No right pleural effusion. No consolidation is seen.", EFFUSION)
    assert got["fact-recall"] == 0.0
    assert np.isnan(got["fact-precision"])


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        (
            "The small right pleural effusion has increased. The left pneumothorax has resolved. Heart size is normal.",
            3,
        ),
        (
            "The small right pleural effusion has decreased. The left pneumothorax has resolved. Heart size is normal.",
            2,
        ),
        ("Small right pleural effusion. No pneumothorax. Heart size is normal.", 1),
        ("The small right pleural effusion is larger. No pneumothorax. The mild cardiomegaly is new.", 1),
    ],
)
def test_change_is_asked_of_every_finding_of_a_study_with_a_prior(answer: str, right: int) -> None:
    findings = (
        replace(EFFUSION, change="worsened"),
        finding("pneumothorax", "left pleural space", gone=True, change="resolved"),
        NO_HEART,
    )  # fmt: skip
    assert one(answer, *findings, prior=True)["change-accuracy"] == pytest.approx(right / 3)
    assert np.isnan(one(answer, *findings)["change-accuracy"])


def test_change_accuracy_is_balanced_over_kinds_of_change() -> None:
    """Nine stable findings said to be stable and one new one said to be stable: one half, not nine tenths."""
    stable = [study(replace(EFFUSION, change="unchanged"), name=f"s{n}", prior=True) for n in range(9)]
    grown = study(replace(EFFUSION, change="new"), name="s9", prior=True)
    got = score([*stable, grown], ["The small right pleural effusion is unchanged."] * 10)
    assert got["change-accuracy"].value == pytest.approx(0.5)
    assert got["change-accuracy"].values.tolist() == [1.0] * 9 + [0.0]


def test_comparing_with_nothing_is_counted_only_without_a_prior() -> None:
    leaky = "The small right pleural effusion is unchanged."
    assert one(leaky, EFFUSION)["false-comparison"] == 1.0
    assert one("Small right pleural effusion since the prior film.", EFFUSION)["false-comparison"] == 1.0
    assert one("Small right pleural effusion.", EFFUSION)["false-comparison"] == 0.0
    assert np.isnan(one(leaky, EFFUSION, prior=True)["false-comparison"])


def test_what_cannot_be_read_is_counted() -> None:
    got = one("Small right pleural effusion. The the zone of of seen. Small right pleural effusion.", EFFUSION)
    assert got["unparsed"] == pytest.approx(1 / 3)
    assert got["repeats"] == pytest.approx(1 / 3)
    assert one("No acute disease.", NO_HEART)["unparsed"] == 0.0
    assert np.isnan(one("", EFFUSION)["unparsed"])
    assert one("", EFFUSION)["fact-recall"] == 0.0


def test_a_misleading_hint_that_comes_back_is_an_echo() -> None:
    heart = "Evaluate for cardiomegaly."
    assert one("Mild cardiomegaly.", NO_HEART, hint=heart)["indication-echo"] == 1.0
    assert one("The heart is not enlarged.", NO_HEART, hint=heart)["indication-echo"] == 0.0
    assert np.isnan(one("Mild cardiomegaly.", finding("cardiomegaly", size="mild"), hint=heart)["indication-echo"])
    assert np.isnan(one("Mild cardiomegaly.", NO_HEART)["indication-echo"])


def test_boxes_are_matched_one_to_one() -> None:
    """By hand: an overlap of one half and a box that is missed; a second box on the same truth is a false one."""
    true = (replace(EFFUSION, regions=(Box(0, 0, 10, 10, "f"), Box(0, 0, 5, 5, "lateral"))),
            replace(OPACITY, regions=(Box(40, 40, 50, 60, "f"),)))  # fmt: skip
    drawn = {"pleural effusion": [Box(0, 0, 10, 5, "f"), Box(0, 0, 10, 4, "f")]}
    got = score([study(*true)], ["."], boxes=[drawn])
    assert got["box-iou"].value == pytest.approx(0.5 / 2)
    assert got["box-f1"].value == pytest.approx(2 * 1 / (2 + 1 + 1))
    perfect = {"pleural effusion": [Box(0, 0, 10, 10, "f")], "consolidation": [Box(40, 40, 50, 60, "f")]}
    assert score([study(*true)], ["."], boxes=[perfect])["box-f1"].value == 1.0
    assert score([study(*true)], ["."], boxes=[{}])["box-iou"].value == 0.0
    assert score([study(NO_HEART)], ["."], boxes=[drawn])["box-f1"].value == 0.0


def test_the_scenes_own_reports_score_full_marks_and_leaky_ones_compare() -> None:
    studies = scenes(40, size=32, leaky=1.0)
    got = score(studies, [each.report.findings for each in studies if each.report])
    for name in ("fact-f1", "attribute-accuracy", "frontal-poor-recall", "change-accuracy"):
        assert got[name].value == 1.0, name
    assert got["unparsed"].value == 0.0
    assert got["indication-echo"].value == 0.0
    sick = [each for each in studies if not each.prior and any(f.state == "present" for f in each.findings)]
    alone = [each for each in studies if not each.prior]
    assert got["false-comparison"].value == pytest.approx(len(sick) / len(alone))


def test_reports_of_other_patients_score_low_and_the_loss_is_judged() -> None:
    studies = [each for each in scenes(60, size=32) if each.prior]
    own = [each.report.findings for each in studies if each.report]
    patients = [each.patient for each in studies]
    true, other = score(studies, own), score(studies, own[3:] + own[:3])
    assert other["fact-f1"].value < 0.5
    assert other["change-accuracy"].value < 0.6
    claim = Claim("own reports fit better", "own", "other", "fact-f1")
    assert judge(claim, {"own": [true["fact-f1"]] * 3, "other": [other["fact-f1"]]}, patients).outcome == "holds"


def test_both_sides_are_two_facts_and_counts_must_agree() -> None:
    assert set(said("Small bilateral pleural effusions.").facts) == {
        ("pleural effusion", "right"),
        ("pleural effusion", "left"),
    }
    assert true_facts(study(EFFUSION)) == {("pleural effusion", "right"): {"size": "mild"}}
    with pytest.raises(InputError, match="1 studies need as many answers, got 2"):
        score([study()], ["a", "b"])
