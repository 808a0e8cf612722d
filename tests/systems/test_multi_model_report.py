"""The multi-model report: thresholds, the record of a code, and the ceiling on real reports."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.core.registry import register
from hilum.systems.multi_model_report import MultiModelReport, main, read_code, thresholds, write
from hilum.text.codes import code_bank

BANK = code_bank("three")
EVEN = (0.5, 0.5, 0.5)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_thresholds_are_the_best_of_all_by_brute_force(seed: int) -> None:
    draw = np.random.default_rng(seed)
    target = draw.integers(0, 2, (40, 3))
    target[:2] = [[0, 0, 0], [1, 1, 1]]
    probability = np.clip(0.3 * target + draw.random((40, 3)), 0, 1).round(2)

    def youden(k: int, limit: float) -> float:
        called = probability[:, k] >= limit
        return float(called[target[:, k] == 1].mean() - called[target[:, k] == 0].mean())

    for k, limit in enumerate(thresholds(BANK, target, probability)):
        assert youden(k, limit) == pytest.approx(max(youden(k, each) for each in probability[:, k]))


def test_thresholds_need_films_of_both_classes() -> None:
    target = np.array([[0, 1, 1], [1, 0, 1]])
    with pytest.raises(InputError, match="no threshold for 'Consolidation'"):
        thresholds(BANK, target, np.full((2, 3), 0.5))
    with pytest.raises(InputError, match=r"expected \(N, 3\)"):
        thresholds(BANK, target[:, :2], np.full((2, 2), 0.5))


def test_the_record_holds_the_code_and_all_that_led_to_it() -> None:
    made = write(BANK, (0.2, 0.9, 0.5), EVEN)
    assert made.code == "011"
    assert made.record() == {
        "code": "011",
        "probabilities": (0.2, 0.9, 0.5),
        "thresholds": EVEN,
        "sentences": (
            "Cardiomegaly was not detected.", "A pleural effusion is seen.", "Consolidation is seen.",
            "Pleural effusion.", "Consolidation.",
        ),
        "bank_version": "three-1",
    }  # fmt: skip
    assert json.loads(json.dumps(made.record()))["code"] == "011"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=3, max_size=3), st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_a_bit_is_one_where_its_probability_reaches_its_threshold(values: list[float], limits: list[float]) -> None:
    made = write(BANK, values, limits)
    assert [bit == "1" for bit in made.code] == [value >= limit for value, limit in zip(values, limits, strict=True)]
    assert read_code(BANK, " ".join(made.sentences)) == made.code


@pytest.mark.parametrize(
    ("values", "limits", "words"),
    [((0.1, 0.2), EVEN, "expected 3 probabilities"), ((0.1, 0.2, 1.2), EVEN, "'Consolidation' must lie in"),
     ((0.1, 0.2, float("nan")), EVEN, "must lie in"), ((0.1, 0.2, 0.3), (0.5,), "expected 3")],
)  # fmt: skip
def test_wrong_numbers_are_refused(values: tuple[float, ...], limits: tuple[float, ...], words: str) -> None:
    with pytest.raises(InputError, match=words):
        write(BANK, values, limits)


def test_a_report_by_a_person_has_a_code_too() -> None:
    assert read_code(BANK, "The heart is enlarged. No effusion. Possible consolidation.") == "100"


def test_it_is_registered_as_a_system() -> None:
    entry = register.find("system", "multi-model-report")
    assert entry.thing is MultiModelReport
    assert entry.facts["source"] == "arXiv 2310.05969"


def test_perfect_bits_reach_the_ceiling_and_constant_text_none(pack: Path) -> None:
    rows = re.findall(r"^(\S+) +(.+?) +(\d\.\d{3}) / (\d\.\d{3})$", main(["--data", str(pack)]), re.MULTILINE)
    scores = {(name, what): (float(micro), float(macro)) for name, what, micro, macro in rows}
    assert len(scores) == 6
    for name in ("nih-14", "chexpert-14"):
        assert scores[name, "constant: nothing detected"] == (0, 0)
        assert scores[name, "3 bits, perfect"][0] < scores[name, "14 bits, perfect"][0] < 1
    assert scores["nih-14", "14 bits, perfect"][0] > 0.9  # what the coder and the labeler agree on


def test_a_folder_without_the_gold_is_refused_without_a_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hilum.systems.multi_model_report", "--data", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "holds no openi/gold_findings.csv" in done.stderr
    assert "Traceback" not in done.stderr
