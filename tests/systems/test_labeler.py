"""The report labeler as a model, and the controls: what each sees, adds and signs."""

from __future__ import annotations

import numpy as np
import pytest

from hilum import Image, Report, Study, check, get
from hilum.core.registry import register

NAMES = ("labeler", "labeler-mentions", "silent", "constant", "view-only")
SAID = Report(
    indication="Pneumothorax?", findings="No pleural effusion. Possible right lower lobe pneumonia.",
    impression="Cardiomegaly.",
)  # fmt: skip


def states(name: str, study: Study) -> dict[str, str]:
    return {finding.concept: finding.state for finding in get("model", name)(study).findings}


def film(view: str) -> Study:
    return Study("s", images=(Image(np.zeros((8, 8), np.float32), view=view, id="f"),))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
def test_each_passes_the_checks_of_a_model(name: str) -> None:
    assert [verdict for verdict in check(register.find("model", name)) if not verdict.passed] == []


@pytest.mark.parametrize("name", NAMES)
def test_each_signs_with_its_own_name(name: str) -> None:
    answer = get("model", name)(Study("s", report=SAID))
    assert answer.provenance[-1].made_by.name == name
    assert {finding.made_by.name for finding in answer.findings if finding.made_by} <= {name}


def test_the_labeler_keeps_denials_and_doubt_and_reads_no_question() -> None:
    found = states("labeler", Study("s", report=SAID))
    assert found == {"pleural effusion": "absent", "pneumonia": "uncertain", "cardiomegaly": "present"}


def test_the_labeler_points_to_its_words() -> None:
    (effusion, *_) = get("model", "labeler")(Study("s", report=SAID)).findings
    assert effusion.evidence is not None
    section = getattr(SAID, effusion.evidence.section)
    assert "pleural effusion" in section[effusion.evidence.start : effusion.evidence.end]


def test_mentions_are_all_present() -> None:
    found = states("labeler-mentions", Study("s", report=SAID))
    assert set(found.values()) == {"present"}
    assert "pleural effusion" in found


def test_silence_is_an_answer_and_a_missing_report_is_none() -> None:
    study = Study("s")
    silent = get("model", "silent")(study)
    assert silent.findings == ()
    assert len(silent.provenance) == 1
    assert get("model", "labeler")(study) == study
    assert get("model", "labeler-mentions")(study) == study


def test_constant_sees_nothing_and_view_only_sees_the_header() -> None:
    chances = {
        name: [get("model", name)(film(view)).findings[0].probability for view in ("PA", "AP", "LL", "unknown")]
        for name in ("constant", "view-only")
    }
    assert chances["constant"] == [0.5] * 4
    low, high, lateral, _ = chances["view-only"]
    assert low < lateral < high


def test_view_only_does_not_depend_on_pixels() -> None:
    bright = Study("s", images=(Image(np.ones((8, 8), np.float32), view="AP", id="f"),))
    assert get("model", "view-only")(bright).findings == get("model", "view-only")(film("AP")).findings
