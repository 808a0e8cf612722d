"""Mined labels sentence by sentence, the places reports are looked for, and precision worked by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.vocabulary import label_set
from hilum.systems._chestx_ray8_mine import ARMS, labels_of
from hilum.systems._chestx_ray8_mining import Mined, composed, found_reports, judge_mining
from hilum.systems.chestx_ray8 import mine
from hilum.text.parse import parse
from tests.systems.test_chestx_ray8 import collection

STATED = [
    ("Small left pleural effusion.", "Effusion"),
    ("Bilateral pleural effusions.", "Effusion"),
    ("The heart is enlarged.", "Cardiomegaly"),
    ("Moderate cardiomegaly.", "Cardiomegaly"),
    ("Right apical pneumothorax.", "Pneumothorax"),
    ("A 2 cm nodule in the left upper lobe.", "Nodule"),
    ("Large right hilar mass.", "Mass"),
    ("Bibasilar atelectasis.", "Atelectasis"),
    ("Left lower lobe pneumonia.", "Pneumonia"),
    ("Patchy infiltrate in the right middle lobe.", "Infiltration"),
]
DENIED = [
    ("No pleural effusion.", "Effusion"),
    ("There is no pneumothorax.", "Pneumothorax"),
    ("Without pneumonia.", "Pneumonia"),
    ("No evidence of infiltrate.", "Infiltration"),
    ("Negative for pneumothorax.", "Pneumothorax"),
    ("No suspicious nodule or mass.", "Nodule"),
    ("No suspicious nodule or mass.", "Mass"),
    ("Neither effusion nor pneumothorax.", "Effusion"),
    ("Neither effusion nor pneumothorax.", "Pneumothorax"),
]
HEDGED = [
    ("Possible pneumonia.", "Pneumonia"),
    ("Pneumonia cannot be excluded.", "Pneumonia"),
    ("Questionable left effusion.", "Effusion"),
    ("This may represent atelectasis.", "Atelectasis"),
    ("Suspected pneumothorax.", "Pneumothorax"),
]


@pytest.mark.parametrize(("text", "label"), STATED)
def test_what_is_stated_is_mined_under_every_assertion(text: str, label: str) -> None:
    for arm in ARMS:
        assert label in mine(text, assertion=arm)


@pytest.mark.parametrize(("text", "label"), DENIED)
def test_what_is_denied_is_mined_by_the_mention_arm_alone(text: str, label: str) -> None:
    assert label in mine(text, assertion="mention")
    assert label not in mine(text, assertion="clause")


@pytest.mark.parametrize(("text", "label"), HEDGED)
def test_what_is_uncertain_is_discarded_as_the_paper_does(text: str, label: str) -> None:
    assert label in mine(text, assertion="mention")
    assert label not in mine(text, assertion="clause")


def test_the_clause_arm_mines_no_more_than_the_mention_arm() -> None:
    for text, _ in (*STATED, *DENIED, *HEDGED):
        parsed = parse(text)
        assert labels_of(parsed, "clause", "nih-14") <= labels_of(parsed, "mention", "nih-14")


def test_a_folder_given_comes_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, other = tmp_path / "given", tmp_path / "other"
    for root, text in ((given, "Right effusion."), (other, "Mass.")):
        root.mkdir()
        collection(root, [(text, "effusion" if "effusion" in text else "mass")] * 3)
    monkeypatch.setenv("HILUM_DATA", str(other))
    assert set().union(*found_reports(given, "all", "chestx-ray8", 0).gold) == {"Effusion"}
    assert set().union(*found_reports(None, "all", "chestx-ray8", 0).gold) == {"Mass"}
    monkeypatch.setenv("HILUM_DATA", str(tmp_path / "nowhere"))
    monkeypatch.setenv("HILUM_PACK", str(given))
    assert set().union(*found_reports(None, "all", "chestx-ray8", 0).gold) == {"Effusion"}


def test_nothing_anywhere_means_composed_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HILUM_DATA", "HILUM_PACK"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match="dev, test or all"):
        found_reports(None, "some", "chestx-ray8", 0)


def test_composed_reports_depend_on_the_seed_and_hold_all_states() -> None:
    first, again, other = (composed(40, "chestx-ray8", seed) for seed in (0, 0, 1))
    assert first.gold == again.gold != other.gold
    assert [p.text for p in first.parsed] == [p.text for p in again.parsed]
    states = {fact.state for parsed in first.parsed for fact in parsed.facts}
    assert {"present", "absent"} <= states
    names = set(label_set("chestx-ray8").labels)
    assert set().union(*first.gold) <= names


def made(texts: list[str], gold: list[set[str]]) -> Mined:
    names = [str(number) for number in range(len(texts))]
    return Mined([parse(text) for text in texts], [frozenset(each) for each in gold], names, "made by hand")


def test_precision_is_worked_by_hand_and_every_arm_is_beside_it() -> None:
    texts = ["Right effusion. No mass.", "No effusion.", "Pneumothorax."] * 10
    gold: list[set[str]] = [{"Effusion"}, set(), {"Pneumothorax"}] * 10
    part, lines, scores = judge_mining(made(texts, gold), "chestx-ray8", 0)
    assert part.arms["mention"].value == pytest.approx(20 / 40)
    assert part.arms["clause"].value == 1
    assert part.gain.value == pytest.approx(0.5)
    assert part.outcome == "holds"
    assert lines[0] == "made by hand"
    assert set(scores) == {"arms", "gain"}


def test_where_nothing_is_denied_the_claim_fails_and_where_nothing_is_there_it_cannot_be_tested() -> None:
    part, *_ = judge_mining(made(["Effusion."] * 12, [{"Effusion"}] * 12), "chestx-ray8", 0)
    assert part.outcome == "fails"
    part, *_ = judge_mining(made(["No effusion."] * 12, [set() for _ in range(12)]), "chestx-ray8", 0)
    assert part.outcome == "cannot be tested here"
    assert "no report has a label" in part.reason


def test_a_wrong_label_costs_precision_in_every_arm() -> None:
    texts, gold = ["Effusion.", "Mass."] * 10, [{"Effusion"}, set()] * 10
    part, *_ = judge_mining(made(texts, [set(each) for each in gold]), "chestx-ray8", 0)
    assert [part.arms[arm].value for arm in ARMS] == pytest.approx([0.5] * 3)
    assert np.isfinite([part.gain.low, part.gain.high]).all()


MIXED = [
    ("Effusion without pneumothorax.", {"Effusion"}),
    ("No effusion, but there is atelectasis.", {"Atelectasis"}),
    ("Cardiomegaly. No pneumonia.", {"Cardiomegaly"}),
    ("Right pneumothorax. Left effusion.", {"Pneumothorax", "Effusion"}),
    ("Lungs are clear. Heart size is normal.", set()),
    ("Mass in the right lung; no nodule elsewhere.", {"Mass"}),
    ("Possible pneumonia with a left effusion.", {"Effusion"}),
]


@pytest.mark.parametrize(("text", "labels"), MIXED)
def test_of_several_findings_those_stated_are_mined(text: str, labels: set[str]) -> None:
    assert mine(text) == labels
