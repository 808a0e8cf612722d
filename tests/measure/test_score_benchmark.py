"""The benchmark of scoring: its pairs are whole, its peers may be absent, its verdicts are honest."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def score() -> ModuleType:
    spec = importlib.util.spec_from_file_location("score_benchmark", ROOT / "benchmarks" / "score.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["score_benchmark"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made(score: ModuleType) -> tuple[list[str], list[str], str]:
    return score.pairs_of(Path("/nowhere"), 40)  # type: ignore[no-any-return]


def test_pairs_without_data_are_composed(made: tuple[list[str], list[str], str]) -> None:
    references, answers, source = made
    assert len(references) == len(answers) == 40
    assert "hilum.text.phrase" in source
    assert all(references)
    assert all(answers)
    assert 0 < sum(r == a for r, a in zip(references, answers, strict=True)) + 1 < 40


def test_pairs_are_the_same_each_time(score: ModuleType, made: tuple[list[str], list[str], str]) -> None:
    assert score.pairs_of(Path("/nowhere"), 40) == made


def test_reports_are_taken_where_they_are(score: ModuleType, pack: Path) -> None:
    if not (pack / "openi" / "gold_findings.csv").is_file():
        pytest.skip("the Open-i reports are not on this machine")
    references, _, source = score.pairs_of(pack, 30)
    assert "Open-i" in source
    assert len(set(references)) == 30


def test_our_rounds_start_with_an_empty_memory(score: ModuleType, made: tuple[list[str], list[str], str]) -> None:
    from hilum.measure import porter, ptb

    score.ours("bleu-4", "meteor/nltk")(made[0], made[1])
    assert len(ptb._words()) > 0
    assert porter.stem.cache_info().currsize > 0
    score.forget()
    assert len(ptb._words()) == 0
    assert porter.stem.cache_info().currsize == 0


@pytest.mark.parametrize(
    ("wall", "cpu", "peak", "expected"),
    [(5, 5, 0.5, "holds"), (13, 6, 0.5, "FAILS in wall"), (13, 14, 0.5, "FAILS"), (5, 5, 1.5, "FAILS")],
)
def test_verdicts(score: ModuleType, wall: float, cpu: float, peak: float, expected: str) -> None:
    said = score.verdict(wall, cpu, peak, 12, 1)
    assert said.startswith(expected)
    assert (said == expected) or expected == "FAILS in wall"


def test_memory_and_time_are_measured(score: ModuleType) -> None:
    before = score.processor()
    sum(range(10**6))
    assert score.processor() >= before
    assert 0.01 < score.peak_gb() < 64


def test_an_absent_peer_is_skipped_with_a_line(
    score: ModuleType, made: tuple[list[str], list[str], str], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], tmp_path: Path,
) -> None:  # fmt: skip
    def absent(name: str) -> ModuleType:
        raise ImportError(f"No module named '{name}'")

    monkeypatch.setattr(score.importlib, "import_module", absent)
    found = score.runners(made[0], made[1], tmp_path)
    assert all(name.startswith("hilum") for name in found)
    said = capsys.readouterr().out
    for package in ("pycocoevalcap", "nltk", "sacrebleu", "rouge_score"):
        assert f"skipped: {package}" in said


def test_the_peers_are_printed_with_their_ratios(
    score: ModuleType, made: tuple[list[str], list[str], str], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    mine = score.ours("rouge-l")
    names = ("hilum BLEU, ROUGE-L, CIDEr", "pycocoevalcap BLEU, ROUGE-L, CIDEr")
    monkeypatch.setattr(score, "runners", lambda references, answers, folder: dict.fromkeys(names, mine))
    score.peers(made[0], made[1], 2)
    said = capsys.readouterr().out
    assert "median of 2 rounds" in said
    assert "goal <= 0.5" in said
