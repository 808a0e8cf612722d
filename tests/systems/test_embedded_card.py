"""The rules of the model card on rows made by hand, and the card as text."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError
from hilum.learn.calibrate import Platt
from hilum.systems import _embedded_card as rules
from hilum.systems import _embedded_scores as scores
from hilum.systems import _embedded_tables as tables
from hilum.systems._embedded_report import run, table
from hilum.systems.embedded import Embedded

FITTED = (Platt(1.5, -0.5, "made films", 40, 12), (0.2, 0.61234567))


def line(source: str = "nih512 random", **changes: Any) -> dict[str, Any]:
    held = {"source": source, "n": 90, "positives": 30, "auroc": 0.85, "interval": [0.78, 0.91],
            "average_precision": 0.6}  # fmt: skip
    return {**held, **changes}


def test_what_is_shown_to_work_is_reported_with_its_calibration() -> None:
    facts = rules._facts([line()], FITTED)
    assert facts is not None
    assert (facts["auroc"], facts["interval"], facts["n"], facts["positives"]) == (0.85, [0.78, 0.91], 90, 30)
    assert facts["threshold"] == [0.2, 0.612346]
    assert facts["calibration"] == {
        "id": FITTED[0].id, "slope": 1.5, "offset": -0.5, "fitted_on": "made films", "films": 40, "positives": 12,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "reported"),
    [
        ({"positives": 20}, True),
        ({"positives": 19}, False),
        ({"interval": [0.70, 0.9]}, True),
        ({"interval": [0.6999, 0.9]}, False),
        ({"interval": [None, None]}, False),
        ({"source": "kermany_full"}, False),
        ({"source": "nih512 random + boxed"}, False),
        ({"source": "kermany224"}, True),
    ],
)
def test_the_evidence_rule_at_its_borders(changes: dict[str, Any], reported: bool) -> None:
    assert (rules._facts([{**line(), **changes}], FITTED) is not None) == reported


def test_nothing_is_reported_without_a_calibration() -> None:
    assert rules._facts([line()], None) is None
    assert rules._why_not([line()], None) == (
        "too few validation films to calibrate; AUROC 0.85 [0.78, 0.91] in nih512 random"
    )


@pytest.mark.parametrize("control", scores.CONTROLS)
@pytest.mark.parametrize(
    ("positives", "high", "speaks"), [(15, 0.69, True), (14, 0.69, False), (15, 0.70, False), (15, None, False)]
)
def test_the_contradiction_rule_at_its_borders(control: str, positives: int, high: float | None, speaks: bool) -> None:
    row = line(control, positives=positives, auroc=0.55, interval=[0.4 if high else None, high])
    assert rules._contradiction([line(), row]) == (row if speaks else None)


def test_a_poor_source_that_is_no_control_contradicts_nothing() -> None:
    assert rules._contradiction([line("nih64 random", auroc=0.5, interval=[0.4, 0.6])]) is None


def test_reasons_are_told_in_full() -> None:
    against = line(scores.CONTROLS[0], auroc=0.551, interval=[0.44, 0.66])
    assert rules._why_not([], FITTED) == "no test film with this label"
    assert rules._why_not([line("kermany_full")], FITTED) == "no test film with this label"
    assert rules._why_not([line(positives=7), line("nih64 random", positives=11)], FITTED) == (
        "too few test films: 11 positives in nih64 random, 20 needed"
    )
    assert rules._why_not([line(), against], FITTED) == (
        "withdrawn: AUROC 0.85 [0.78, 0.91] in nih512 random, "
        "but AUROC 0.55 [0.44, 0.66] in nih512 random, read by RSNA"
    )
    assert rules._why_not([line(auroc=0.6, interval=[0.51, 0.7])], FITTED) == (
        "not shown to work: AUROC 0.60 [0.51, 0.70] in nih512 random; a lower end of 0.70 is needed"
    )


def test_numbers_that_do_not_exist_are_said_not_to() -> None:
    assert rules._shown(line(auroc=None, interval=[None, None])) == "not measurable"
    assert rules._shown(line(interval=[None, None])) == "AUROC 0.85 in nih512 random"
    assert scores.round_(float("nan")) is None
    assert scores.round_(float("inf")) is None
    assert scores.round_(0.123456) == 0.1235


def made_card() -> dict[str, Any]:
    full = line(at_present={"sensitivity": 0.5, "specificity": None}, calibration_error=0.0321)
    return {
        "name": "made", "version": "0", "bytes": 12_340_000, "sha256": "ab12",
        "evidence_rule": "one", "contradiction_rule": "two", "threshold_rule": "three",
        "findings": {"pneumonia": {}}, "not_assessed": {"hernia": "no test film with this label"},
        "finding_rows": {"pneumonia": [full], "hernia": [line(auroc=None, interval=[None, None])]},
        "view": {"sources": {"nih64": {"n": 3, "accuracy": 1.0, "interval": [None, None], "confusion": [[3, 0, 0]]}}},
        "lungs": {"covid_cc": {"n": 2, "dice": 0.91, "interval": [0.9, 0.92], "worst": None}},
        "gate": {"real_films": {"nih64": {"n": 3, "refused": 0, "reasons": {}}},
                 "others": {"leg": {"n": 2, "accepted": 1}}},
        "localisation": {"Mass": {"model": {"boxes": 4, "films": 3, "iobb_0.25": 0.5, "iou_0.1": None,
                                            "false_per_film": 1.333}}},
    }  # fmt: skip


def test_the_card_as_text_shows_missing_numbers_as_dashes() -> None:
    lines = table(made_card()).split("\n")
    assert lines[:4] == ["made 0, 12.3 MB, sha256 ab12", "Evidence: one.", "Contradiction: two.", "Thresholds: three."]
    (known,) = (text for text in lines if text.startswith("pneumonia"))
    shown = "pneumonia nih512 random 90 30 0.850 [0.780, 0.910] 0.600 0.032 0.500/ -"
    assert " ".join(known.split()) == shown
    (unknown,) = (text for text in lines if text.startswith("hernia"))
    assert "nan" not in unknown.lower()
    assert "None" not in "\n".join(lines)
    assert unknown.count(" - ") == 6
    assert "Reported: pneumonia" in lines
    assert "Not assessed: hernia: no test film with this label" in lines
    assert "Gate leg: 1 of 2 accepted" in lines
    assert (
        lines[-1] == "Boxes Mass by model: IoBB>=0.25 0.500, IoU>=0.1   -  , false per film 1.333, 4 boxes on 3 films"
    )


def test_a_card_that_reports_nothing_says_none_and_is_not_changed() -> None:
    card = {**made_card(), "findings": {}}
    before = copy.deepcopy(card)
    assert "Reported: none" in table(card).split("\n")
    assert card == before


def called(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hilum.systems.embedded", *arguments]
    quiet = {**os.environ, "PYTHONWARNINGS": "ignore"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=quiet)


def test_the_command_line_fails_with_a_sentence(tmp_path: Path) -> None:
    done = called("--report", "--folder", str(tmp_path))
    assert done.returncode == MissingError.exit_code
    assert "card.json is missing" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_question_that_asks_for_nothing_has_exit_code_one() -> None:
    done = called()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "nothing to do: give --report or --evaluate --data ROOT\n"


def test_evaluating_on_a_folder_without_films_fails_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no model")
    (tmp_path / "export.json").write_text('{"input_size": 64, "onnx_vs_torch": 0.0}')
    with pytest.raises(MissingError, match=r"no manifest\.csv in"):
        run(["--evaluate", "--folder", str(tmp_path), "--data", str(tmp_path / "nowhere")])
    done = called("--evaluate", "--folder", str(tmp_path), "--data", str(tmp_path / "nowhere"))
    assert done.returncode == MissingError.exit_code
    assert "no manifest.csv in" in done.stderr
    assert len(done.stderr.strip().split("\n")) == 1
    assert not (tmp_path / "card.json").exists()


def test_a_model_that_is_not_the_cards_is_never_reported(tmp_path: Path) -> None:
    import json

    (tmp_path / "model.onnx").write_bytes(b"other bytes")
    (tmp_path / "card.json").write_text(json.dumps(made_card()))
    with pytest.raises(InputError):
        run(["--report", "--folder", str(tmp_path)])
    assert Embedded(folder=tmp_path).made_by.sha256 == "ab12"


def test_found_boxes_are_tallied_by_hand() -> None:
    truths = np.array([[0.0, 0, 10, 10], [50, 50, 60, 60]])
    found = np.array([[0.0, 0, 10, 10], [80, 80, 90, 90], [0, 0, 40, 10]])
    # the third box shares a quarter of itself with the first truth: IoBB 0.25 counts, so only the second misses
    assert tables._tally(found, truths) == (2.0, 1.0, 1.0, 1.0, 1.0)
    assert tables._tally(np.zeros((0, 4)), truths) == (2.0, 0.0, 0.0, 1.0, 0.0)
