"""Scores resample as they should, pairs refuse what cannot be scored, and a strange metric is one function."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.core.errors import InputError, MissingError
from hilum.core.registry import register
from hilum.core.report import Report
from hilum.measure.metric import UnscoredError, metric, metrics, score_all
from hilum.measure.pairs import Pairs, parsed, plain, texts
from hilum.measure.scored import averaged, f1, signature, summed

values = st.lists(st.floats(-10, 10), min_size=1, max_size=30)


@given(values, st.integers(0, 5))
def test_a_mean_under_weights_is_the_mean_of_the_rows_drawn(each: list[float], seed: int) -> None:
    drawn = np.random.default_rng(seed).integers(0, len(each), len(each))
    weights = np.bincount(drawn, minlength=len(each)).astype(float)
    scored = averaged("m", each, "m")
    assert scored.at(weights[None, :])[0] == pytest.approx(np.mean(np.array(each)[drawn]))


def test_an_item_without_a_value_takes_no_part_in_the_mean() -> None:
    assert averaged("m", [1.0, float("nan"), 3.0], "m").value == 2.0
    assert np.isnan(averaged("m", [float("nan")], "m").value)


def test_micro_f1_resamples_counts_and_not_values() -> None:
    counts = np.array([[5.0, 1, 0], [1, 0, 3]])
    scored = summed("m", [0.9, 0.4], counts, lambda s: f1(s[:, 0], s[:, 1], s[:, 2]), "m")
    assert scored.value == pytest.approx(12 / 16)
    assert scored.at(np.array([[2.0, 0.0]]))[0] == pytest.approx(20 / 22)
    assert np.isnan(scored.interval(["a", "b"], replicates=200).low), "nothing can be drawn from two patients"
    more = np.concatenate([counts, counts])
    four = summed("m", [0.9, 0.4] * 2, more, lambda s: f1(s[:, 0], s[:, 1], s[:, 2]), "m")
    interval = four.interval(list("abcd"), replicates=200)
    assert interval.low <= four.value <= interval.high


def test_f1_of_nothing_is_undefined_and_not_zero() -> None:
    assert np.isnan(f1(*np.zeros((3, 1)))[0])


def test_a_score_wants_one_patient_for_each_item() -> None:
    with pytest.raises(InputError, match="2 items, but 1 patients"):
        averaged("m", [1.0, 2.0], "m").interval(["a"])


@pytest.mark.parametrize(
    ("references", "answers", "ids", "said"),
    [
        ((), (), (), "nothing to score"),
        (("a",), (), (), "1 references but 0 answers"),
        (("a", "b"), ("a", "b"), ("x", "x"), "'x'"),
        (("a", "b"), ("a", "b"), ("x",), "1 ids"),
    ],
)
def test_pairs_refuse_what_cannot_be_scored(references, answers, ids, said) -> None:
    with pytest.raises(InputError, match=said):
        Pairs(references, answers, ids)


def test_what_is_made_of_pairs_is_made_once() -> None:
    pairs: Pairs[str] = Pairs(("No effusion.", "No effusion."), ("Effusion.", None))
    assert parsed(pairs) is parsed(pairs)
    assert texts(pairs) == (("No effusion.", "No effusion."), ("Effusion.", ""))
    assert [fact.state for fact in parsed(pairs)[0][1].facts] == ["absent"]


def test_a_report_is_scored_by_its_findings_and_impression() -> None:
    report = Report(indication="Cough", findings="Clear. ", impression="Normal.")
    assert plain(report) == "Clear. Normal."
    assert plain({"indication": "Cough", "findings": ""}) == "Cough"


def test_a_signature_says_every_choice() -> None:
    assert signature("bleu-4", 1, tok="ptb", case="lower").startswith("bleu-4|tok:ptb|case:lower|version:1|hilum:")


def test_a_strangers_metric_is_one_function_with_reasons_for_what_it_cannot_score() -> None:
    @register.metric("test/exact", better="higher", takes="report", range=(0, 1))
    def exact(reference: str, answer: str) -> float:
        """One where the texts are equal."""
        if not reference:
            raise UnscoredError("the reference is empty")
        return float(reference == answer)

    scored = metric("test/exact")(Pairs(("a", "b", "", "c"), ("a", "x", "y", None)))
    assert scored.value == 0.5
    assert dict(scored.unscored) == {2: "the reference is empty", 3: "there is no answer"}
    assert "test/exact" in {each.name for each in metrics("report")}


def test_a_metric_that_cannot_run_is_left_out_with_its_reason() -> None:
    @register.metric("test/weights", better="higher", takes="report", over="set")
    def weights(pairs: Pairs[str]) -> None:
        """Never runs."""
        raise MissingError("get the weights")

    done, failed = score_all(["length-ratio", "test/weights"], Pairs(("a b",), ("a",)))
    assert done["length-ratio"].value == 0.5
    assert failed == {"test/weights": "get the weights"}
    with pytest.raises(InputError, match="length-ratio"):
        score_all(["length-ration"], Pairs(("a",), ("a",)))
