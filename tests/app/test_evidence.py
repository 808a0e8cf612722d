"""Wherever a finding's figure is shown, its weakest control stands beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hilum.app.page_findings import skills
from hilum.systems._embedded_card import _control
from hilum.systems._embedded_scores import CONTROLS
from hilum.systems.embedded import Embedded
from tests.app.conftest import Ran

ROW = {"n": 61, "positives": 19, "interval": [0.35, 0.71]}


def test_the_weakest_control_with_enough_positives_is_taken() -> None:
    rows = [
        {**ROW, "source": CONTROLS[0], "auroc": 0.53},
        {**ROW, "source": CONTROLS[1], "auroc": 0.61},
        {**ROW, "source": "another", "auroc": 0.1},
    ]
    taken = _control(rows)
    assert taken is not None
    assert (taken["source"], taken["auroc"]) == (CONTROLS[0], 0.53)
    assert _control([{**rows[0], "positives": 3}]) is None
    assert _control([]) is None


def test_the_page_tells_both_figures() -> None:
    facts = {
        "auroc": 0.88,
        "interval": [0.8, 0.94],
        "control": {"auroc": 0.53, "interval": [0.35, 0.71], "source": "RSNA"},
    }
    said = skills({"findings": {"lung opacity": facts}})["lung opacity"].sentence
    assert said.index("0.88") < said.index("control: AUROC 0.53") < said.index("RSNA")
    alone = skills({"findings": {"lung opacity": {"auroc": 0.88, "control": None}}})["lung opacity"].sentence
    assert "control" not in alone


def test_the_shipped_model_has_a_control_for_what_it_reports() -> None:
    for concept, facts in Embedded().card["findings"].items():
        assert facts["control"], concept


@pytest.mark.parametrize("name", ["page.html", "study.json"])
def test_a_read_study_carries_the_control(hilum: Callable[..., Ran], tmp_path: Path, name: str) -> None:
    hilum("read", "--example", "-o", tmp_path)
    (path,) = tmp_path.glob(f"*/{name}")
    control = Embedded().card["findings"]["lung opacity"]["control"]
    if name == "study.json":
        assert json.loads(path.read_text())["evidence"]["lung opacity"]["control"] == control
    else:
        assert f"control: AUROC {control['auroc']:.2f}" in path.read_text()
