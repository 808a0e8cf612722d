"""Mining labels from reports: the three ways to assert, and the claim on made reports and on the real ones."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.measure.verdict import Verdict
from hilum.systems import chestx_ray8
from hilum.systems._chestx_ray8_mining import _scores, composed, judge_mining
from hilum.systems.chestx_ray8 import mine


def reproduce(root: Path | None, half: str = "test", labels: str = "chestx-ray8") -> Verdict:
    return chestx_ray8.reproduce(root, half=half, labels=labels, parts="mining")


CODES = {"effusion": "Pleural Effusion/right", "mass": "Mass", "normal": "normal"}


@pytest.mark.parametrize(
    ("text", "mention", "sentence", "clause"),
    [
        ("Right pleural effusion.", {"Effusion"}, {"Effusion"}, {"Effusion"}),
        ("No pneumothorax.", {"Pneumothorax"}, set(), set()),
        ("No pneumothorax, but there is a large mass.", {"Pneumothorax", "Mass"}, set(), {"Mass"}),
        ("Possible pneumonia.", {"Pneumonia"}, {"Pneumonia"}, set()),  # the paper discards what is uncertain
        ("The heart is normal in size.", set(), set(), set()),  # a normal heart mentions no cardiomegaly
        ("Cardiomegaly without effusion.", {"Cardiomegaly", "Effusion"}, {"Cardiomegaly"}, {"Cardiomegaly"}),
        ("Effusion has resolved.", {"Effusion"}, {"Effusion"}, set()),  # the negator stands behind
        ("", set(), set(), set()),
    ],
)
def test_the_three_assertions(text: str, mention: set[str], sentence: set[str], clause: set[str]) -> None:
    assert mine(text, assertion="mention") == mention
    assert mine(text, assertion="sentence") == sentence
    assert mine(text) == clause


def test_an_unknown_assertion_is_refused() -> None:
    with pytest.raises(InputError, match="mention, sentence, clause"):
        mine("Clear.", assertion="guess")  # type: ignore[arg-type]


def collection(root: Path, rows: list[tuple[str, str]]) -> Path:
    names = ["report_id", "findings", "impression", "indication", "comparison", "mesh_major"]
    with (root / "gold_findings.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        for number, (text, kind) in enumerate(rows):
            writer.writerow(
                {"report_id": f"CXR{number}", "findings": f"{text} Film {number}.", "mesh_major": CODES[kind]}
            )
    return root


def test_the_claim_holds_where_negation_matters(tmp_path: Path) -> None:
    rows = [("Right effusion.", "effusion"), ("No effusion or mass.", "normal"), ("A mass; no effusion.", "mass")] * 12
    verdict = reproduce(collection(tmp_path, rows), half="all")
    assert verdict.outcome == "holds"
    assert verdict.scores["arms"]["clause"]["precision"].value == 1
    assert verdict.scores["arms"]["mention"]["precision"].value == pytest.approx(24 / 60)  # 24 coded of 60 mentions
    assert verdict.lines[0].startswith("chestx-ray8, 36 coded")


def test_the_claim_fails_where_nothing_is_negated(tmp_path: Path) -> None:
    verdict = reproduce(collection(tmp_path, [("Right effusion.", "effusion"), ("Mass.", "mass")] * 10), half="all")
    assert verdict.outcome == "fails"
    assert verdict.scores["gain"]["clause"].value == 0


def test_a_collection_without_reports_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no coded report"):
        reproduce(collection(tmp_path, []), half="all")


def test_scores_are_those_worked_by_hand() -> None:
    counts = np.array([[[3.0, 1, 0], [1, 0, 3]]])  # two labels: P .75 R 1, and P 1 R .25
    found = {name: float(value[0]) for name, value in _scores(counts).items()}
    assert found["precision"] == pytest.approx(4 / 5)
    assert found["recall"] == pytest.approx(4 / 7)
    assert found["micro F1"] == pytest.approx(8 / 12)
    assert found["macro F1"] == pytest.approx((6 / 7 + 2 / 5) / 2)


def test_on_real_reports_precision_is_at_least_the_papers(pack: Path) -> None:
    """The paper's labeler reached P 0.90 with Normal among the labels; mention = positive has 0.145 (spec, 0.4)."""
    verdict = reproduce(pack, half="dev", labels="nih-14")
    assert verdict.outcome == "holds"
    arms = verdict.scores["arms"]
    assert arms["mention"]["precision"].value < 0.2
    assert arms["clause"]["precision"].value > 0.9
    assert arms["clause"]["micro F1"].low > arms["sentence"]["micro F1"].value


def test_unknown_choices_are_refused_and_nothing_coded_cannot_be_judged(tmp_path: Path) -> None:
    root = collection(tmp_path, [("Clear.", "normal")] * 6)
    with pytest.raises(InputError, match="dev, test or all"):
        reproduce(root, half="bogus")
    with pytest.raises(InputError, match="chestx-ray8 or nih-14"):
        reproduce(root, half="all", labels="chexpert-14")
    assert reproduce(root, half="all").outcome == "cannot be tested here"


def test_without_data_the_claim_is_judged_on_composed_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HILUM_DATA", "HILUM_PACK"):
        monkeypatch.delenv(name, raising=False)
    mined = composed(80, "chestx-ray8", 0)
    assert any(mined.gold)
    part, lines, _ = judge_mining(mined, "chestx-ray8", 0)
    assert part.outcome == "holds"
    assert "composed" in lines[0]
    assert part.arms["mention"].value < part.arms["sentence"].value < part.arms["clause"].value
    assert composed(3, "nih-14", 1).gold == composed(3, "nih-14", 1).gold


def test_a_folder_without_reports_is_no_fault_and_choices_are_checked(tmp_path: Path) -> None:
    assert "composed" in reproduce(tmp_path).lines[0]
    with pytest.raises(InputError, match="mining, films or both"):
        chestx_ray8.reproduce(parts="all")
    with pytest.raises(InputError, match="steps must be a whole number"):
        chestx_ray8.reproduce(parts="films", steps="many")
