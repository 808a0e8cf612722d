"""Files beside a network: missing and damaged ones are named; scores without order are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError
from hilum.learn.onnx import read_facts
from hilum.measure.binary import auroc
from hilum.systems._embedded_report import run


def test_facts_are_read_and_faults_named(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text('{"a": 1}')
    assert read_facts(tmp_path / "card.json") == {"a": 1}
    with pytest.raises(MissingError, match=r"export\.json is missing"):
        read_facts(tmp_path / "export.json")
    (tmp_path / "card.json").write_text('{"a": ')
    with pytest.raises(InputError, match="damaged"):
        read_facts(tmp_path / "card.json")


def test_the_command_names_a_missing_export_file_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"export\.json"):
        run(["--evaluate", "--data", str(tmp_path), "--folder", str(tmp_path)])
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_card_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text("not json")
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(InputError, match=r"card\.json is damaged"):
        run(["--report", "--folder", str(tmp_path)])


def test_scores_that_are_nan_have_no_order() -> None:
    with pytest.raises(InputError, match="1 of 3 scores are NaN"):
        auroc(np.array([0, 1, 1]), np.array([0.1, np.nan, 0.3]))
