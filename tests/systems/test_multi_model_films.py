"""The image half of the multi-model report: slices, arms of equal size, scores of written reports, a small run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError
from hilum.systems import _multi_model_judge as judging
from hilum.systems._multi_model_nets import ONE, OURS, WHOLE, arms, slices, weights
from hilum.systems._multi_model_scores import code_of, exact_code, hallucinated, label_f1, read_bits
from hilum.systems.multi_model_report import MultiModelReport, reproduce
from hilum.text.codes import code_bank

BANK = code_bank("three")
EVERY = np.array([[n >> 2 & 1, n >> 1 & 1, n & 1] for n in range(8)], dtype=bool)


def test_the_slices_are_the_published_rows() -> None:
    assert slices(128) == ((0, 43), (43, 86), (86, 128))
    assert slices(128, overlap=8) == ((0, 51), (35, 94), (78, 128))
    for size in (30, 64, 100, 128):
        rows = [row for start, stop in slices(size) for row in range(start, stop)]
        assert rows == list(range(size))


def test_heart_sees_the_lower_two_effusion_the_lowest_consolidation_all() -> None:
    upper, middle, lower = slices(128)
    models = arms(128, 0)
    assert [spans for _, spans, _ in models[OURS]] == [(middle, lower), (lower,), (upper, middle, lower)]
    assert [columns for columns, _, _ in models[ONE]] == [(0, 1, 2)]
    assert all(spans == ((0, 128),) for _, spans, _ in models[WHOLE])


def test_the_arms_have_as_many_weights() -> None:
    pytest.importorskip("torch")
    from hilum.nets.weak import SliceNet

    counts = {}
    for arm, models in arms(128, 0).items():
        made = [
            SliceNet(spans, classes=len(columns), widths=[round(wide * each) for each in (16, 32, 64, 128)])
            for columns, spans, wide in models
        ]
        counts[arm] = weights(made)
    assert max(counts.values()) / min(counts.values()) < 1.01


def test_every_code_is_read_back_from_its_report_and_nothing_is_added() -> None:
    assert np.array_equal(read_bits(BANK, EVERY), EVERY)
    assert hallucinated(BANK, EVERY) == 0
    assert code_of(EVERY[5]) == "101"


def test_perfect_bits_reach_one_and_constant_text_has_no_label(draw: np.random.Generator) -> None:
    truth = EVERY[draw.integers(0, 8, 50)]
    assert label_f1(BANK, truth, truth).value == 1
    assert exact_code(truth, truth).value == 1
    nothing = np.zeros_like(truth)
    assert label_f1(BANK, nothing, truth).value == 0
    assert exact_code(nothing, truth).value == pytest.approx((~truth.any(axis=1)).mean())


def test_label_f1_is_two_tp_over_all(draw: np.random.Generator) -> None:
    truth, said = EVERY[draw.integers(0, 8, 60)], EVERY[draw.integers(0, 8, 60)]
    tp, wrong = (truth & said).sum(), (truth ^ said).sum()
    assert label_f1(BANK, said, truth).value == pytest.approx(2 * tp / (2 * tp + wrong))


def test_torch_that_is_missing_is_said_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "find_spec", lambda name: None)
    with pytest.raises(MissingError, match=r"hilum\[train\]"):
        reproduce()


def test_films_too_small_for_slices_are_refused() -> None:
    pytest.importorskip("torch")
    with pytest.raises(InputError, match="96 rows or more"):
        reproduce(size=48, films=9, tests=3, steps=1, seeds=1)


def test_choices_are_whole_numbers() -> None:
    with pytest.raises(InputError, match="films must be a whole number of 1 or more, got 'few'"):
        reproduce(films="few")


@pytest.mark.slow
def test_all_arms_and_controls_run_in_a_small_run() -> None:
    pytest.importorskip("torch")
    found = reproduce(size="96", films="45", tests="30", steps="2", seeds="3", overlap="2")
    assert found.outcome in ("holds", "fails")
    assert {claim.text for claim in MultiModelReport.claims} <= set(found.scores)
    judged = found.scores[MultiModelReport.claims[0].text]
    assert set(judged.arms) == {OURS, ONE, WHOLE, judging.PERFECT, judging.CONSTANT}
    assert judged.arms[judging.PERFECT].value == 1
    assert any("hallucinated" in line for line in found.lines)
    assert MultiModelReport.minutes < 10


@pytest.mark.parametrize("name", BANK.labels)
def test_one_bit_says_one_label(name: str) -> None:
    bits = np.array([[label == name for label in BANK.labels]])
    report = BANK.report(code_of(bits[0]))
    assert name in {label for sentence in report.sentences for label in sentence.findings} or name.lower() in (
        f"{report.findings} {report.impression}".lower()
    )
    assert read_bits(BANK, bits).tolist() == bits.tolist()


def test_films_without_torch_still_have_their_ceiling(pack: Path) -> None:
    assert "14 bits, perfect" in MultiModelReport.oracle(pack)


def test_the_claims_name_their_controls() -> None:
    for claim in MultiModelReport.claims:
        assert claim.better_than == judging.CONSTANT
        assert claim.controls == (judging.PERFECT,)
        assert claim.better == "higher"
