"""GREEN's answers read, whole and broken, its prompt, and a tiny language model that really answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.measure.adapters.green_answer import KINDS, PROMPT, SOURCE, GreenCounts, read_green
from hilum.measure.adapters.judge import Judge, Prompt, load_judge
from hilum.measure.metric import UnscoredError, metric
from hilum.measure.metrics.green import green
from hilum.measure.pairs import ReportPairs
from tests.measure import tiny_models
from tests.measure.tiny_models import torch

ORACLE = [
    ((2, 3, 0, 1, 0, 0), 0, 0.0), ((2, 1, 2, 0, 0, 0), 1, 1 / 6), ((0, 2, 1, 1, 0, 0), 2, 1 / 3),
    ((1, 0, 0, 0, 0, 0), 1, 1 / 2), ((1, 0, 1, 1, 0, 0), 1, 1 / 4),
]  # fmt: skip
"""Counts and GREEN of the five pairs of its own reproduction test."""
REST = "[Clinically Insignificant Errors]:\nNo\n\n[Matched Findings]:\n0."
PAIRS = ReportPairs(("No effusion.", "Edema.", "Edema.", "Clear."), ("Effusion.", "Edema.", "Edema.", None))


def written(significant: tuple[int, ...], matched: int, insignificant: tuple[int, ...] = (0,) * 6) -> str:
    """An answer in the published layout."""

    def lines(counts: tuple[int, ...]) -> str:
        return "\n".join(
            f"({letter}) {kind}: {count}." + (" Effusion; edema: 3 cm." if count else "")
            for letter, kind, count in zip("abcdef", KINDS, counts, strict=True)
        )

    return (
        "[Explanation]:\nThe candidate differs.\n\n"
        f"[Clinically Significant Errors]:\n{lines(significant)}\n\n"
        f"[Clinically Insignificant Errors]:\n{lines(insignificant)}\n\n"
        f"[Matched Findings]:\n{matched}. Small effusion; clear lungs.</s>"
    )


@pytest.mark.parametrize(("significant", "matched", "value"), ORACLE)
def test_published_counts_give_the_published_value(significant: tuple[int, ...], matched: int, value: float) -> None:
    counts = read_green(written(significant, matched, (0, 0, 5, 0, 0, 1)))
    assert counts == GreenCounts(matched, significant, (0, 0, 5, 0, 0, 1))
    assert green(counts.matched, counts.significant) == pytest.approx(value)


def test_other_ways_of_saying_the_same() -> None:
    no_errors = "[Clinically Significant Errors]:\nNo errors.\n\n[Clinically Insignificant Errors]:\nNo such errors.\n"
    assert read_green(no_errors + "\n[Matched Findings]:\n3. A; B; C.") == GreenCounts(3, (0,) * 6, (0,) * 6)
    assert read_green(no_errors + "\n[Matched Findings]:\nNo matched findings.").matched == 0
    digits = written((1, 0, 2, 0, 0, 0), 1)
    for letter, digit in zip("abcdef", "123456", strict=True):
        digits = digits.replace(f"({letter}) ", f"({digit}) ")
    assert read_green(digits).significant == (1, 0, 2, 0, 0, 0)
    assert read_green("<|assistant|>\n" + written((0,) * 6, 2)).matched == 2
    some = "[Clinically Significant Errors]:\n(b) Missing a finding: 2. A; B."
    assert read_green(f"{some}\n\n{REST}").significant == (0, 2, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        ("", r"no section \[Clinically Significant Errors\]"),
        ("I think the report is good.", r"no section \[Clinically Significant Errors\].*I think"),
        (written((0,) * 6, 1).split("[Matched")[0], r"no section \[Matched Findings\]"),
        (written((0,) * 6, 1).replace("1. Small", "Small"), "does not begin with a count: 'Small"),
        (written((0,) * 6, 1).replace("location/position: 0.", "location/position: none."), r"no count for \(c\)"),
        (written((0,) * 6, 1).replace("[Clinically Insignificant Errors]:", "[Minor]:"), "Insignificant"),
        (f"[Clinically Significant Errors]:\n\n{REST}", "empty"),
        (f"[Clinically Significant Errors]:\nSeveral.\n\n{REST}", "lists no kind of error"),
    ],
)  # fmt: skip
def test_a_broken_answer_is_no_score(answer: str, match: str) -> None:
    with pytest.raises(UnscoredError, match=match):
        read_green(answer)


def test_our_prompt_asks_for_what_is_read() -> None:
    asked = PROMPT.about("{answer} is in the reference", "candidate {reference}")
    assert asked.index("{answer} is in the reference") < asked.index("candidate {reference}")
    for part in ("[Clinically Significant Errors]", "[Clinically Insignificant Errors]", "[Matched Findings]", *KINDS):
        assert part in asked


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.causal(tmp_path_factory.mktemp("weights") / "green")


def judge_of(folder: Path, longest: int = 2048) -> Judge:
    return load_judge(
        "green", SOURCE, Prompt("A {reference} B {answer} C"), "green", longest, whole=True, weights=folder
    )


def test_the_turns_are_those_of_greens_code(folder: Path) -> None:
    judge = judge_of(folder)
    ids = judge._ids(judge.prompt.about("x", "y"))
    tokenizer = judge.language.tokenizer
    assert tokenizer.decode(ids) == "<|user|>\nA x B y C</s>\n<|assistant|>\n</s>\n<|assistant|>\n</s>"
    assert ids.count(tokenizer.eos_token_id) == 3
    assert ids[-1] == tokenizer.eos_token_id


def test_the_answer_is_the_greedy_one_within_the_room(folder: Path) -> None:
    judge = judge_of(folder, longest=100)
    ids = judge._ids(judge.prompt.about("x", "y"))
    steps = list(ids)
    while len(steps) < 100:
        with torch.no_grad():
            logits = judge.language.model(input_ids=torch.tensor([steps])).logits[0, -1]
        steps.append(int(logits.argmax()))
        if steps[-1] == judge.language.tokenizer.eos_token_id:
            break
    expected = judge.language.tokenizer.decode(steps[len(ids) :], skip_special_tokens=True).strip()
    assert judge.say("x", "y") == expected
    assert judge.say("x", "y") == judge.say("x", "y")
    assert judge_of(folder, longest=20).say("x", "y") == ""


def test_a_model_that_talks_nonsense_scores_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HILUM_WEIGHTS", str(folder.parent))
    scored = metric("green")(PAIRS)
    assert np.isnan(scored.values).all()
    assert np.isnan(scored.value)
    assert "no section [Clinically Significant Errors]" in scored.unscored[0]
    assert scored.unscored[3] == "there is no answer"
    for part in ("backend:official-weights", "model:GREEN-RadLlama2-7b", "prompt:hilum", "decoding:greedy",
                 "dtype:float32", "device:cpu", "malformed:unscored", "torch:", "transformers:"):  # fmt: skip
        assert part in scored.signature


def test_counts_become_values_and_evidence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def say(judge: Judge, reference: str, answer: str) -> str:
        asked.append((reference, answer))
        return "broken" if reference == "No effusion." else written((1, 0, 0, 0, 0, 2), 3, (0, 1, 0, 0, 0, 0))

    monkeypatch.setattr(Judge, "say", say)
    scored = metric("green")(PAIRS, weights=folder)
    assert scored.values[1] == scored.values[2] == scored.value == pytest.approx(3 / 6)
    assert list(scored.unscored) == [3, 0]
    assert asked == [("No effusion.", "Effusion."), ("Edema.", "Edema.")]
    note = scored.notes[1]
    assert (note["matched"], note["significant"]["false finding"], note["significant"]["omitted comparison"]) == (
        3,
        1,
        2,
    )
    assert note["not significant"]["omission"] == 1
    assert scored.notes[0] == {"judge": "broken"}
    assert scored.notes[3] == {"judge": None}
    assert "model:GREEN-Phi2" in metric("green")(PAIRS, weights=folder, model="GREEN-Phi2").signature


def test_a_prompt_file_takes_the_place_of_ours(tmp_path: Path) -> None:
    root = tiny_models.causal(tmp_path / "green")
    (root / "prompt.txt").write_text("Published words. {reference} against {answer}", encoding="utf-8")
    judge = load_judge("green", SOURCE, PROMPT, "green", 2048, whole=True, weights=root)
    assert judge.prompt.about("a", "b") == "Published words. a against b"
    assert str(judge.said["prompt"]).startswith("file-")
    (root / "system.txt").write_text("You judge.", encoding="utf-8")
    other = load_judge("green", SOURCE, PROMPT, "green", 2048, whole=True, weights=root)
    assert other.prompt.system == "You judge."
    assert other.said["prompt"] != judge.said["prompt"]
    for wrong in ("no place", "{answer} {reference}", "{reference} {reference} {answer}"):
        (root / "prompt.txt").write_text(wrong, encoding="utf-8")
        with pytest.raises(InputError, match=r"must hold \{reference\} once"):
            load_judge("green", SOURCE, PROMPT, "green", 2048, whole=True, weights=root)
