"""What is given to `hilum.score` is scored, unscored with its reason, or refused in a sentence; it never crashes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hilum
from hilum.core.errors import HilumError, InputError
from hilum.core.registry import Registry
from hilum.measure import metric as metric_module
from hilum.measure.metric import Metric, metric, metrics, score_all
from hilum.measure.pairs import Pairs, parsed, texts, unreadable
from hilum.measure.scored import averaged, summed
from hilum.text.parse import LONGEST_REPORT

GOOD = [f"There is a {grade} right pleural effusion." for grade in ("small", "moderate", "large", "tiny")]
LONG = "The heart is large. " * (LONGEST_REPORT // 20 + 1)
FREE = [each.name for each in metrics("report") if not each.needs]


@pytest.mark.parametrize("side", ["references", "answers"])
def test_one_text_too_long_costs_its_own_row_alone(side: str) -> None:
    given = {"references": [*GOOD], "answers": [*GOOD]}
    given[side][1] = LONG
    found = hilum.score(given["references"], given["answers"], replicates=20)
    without = hilum.score([GOOD[n] for n in (0, 2, 3)], [GOOD[n] for n in (0, 2, 3)], replicates=20)
    assert not found.failed
    for name in FREE:
        scored = found.scored[name]
        assert f"{len(LONG):,} characters" in scored.unscored[1], name
        assert np.isnan(scored.values[1]), name
        if not np.isnan(without.scored[name].value) and not name.startswith(("cider", "consistency")):
            assert scored.value == pytest.approx(without.scored[name].value), name


def test_sections_are_measured_as_they_are_parsed() -> None:
    room = LONGEST_REPORT - len("FINDINGS: ") - 2
    fits, over = {"findings": "a" * room}, {"findings": "a" * (room + 1)}
    assert unreadable(Pairs((fits, over), (fits, over))).keys() == {1}


@pytest.mark.parametrize("empty", [None, float("nan"), np.float64("nan")])
def test_no_reference_and_no_answer_are_unscored(empty: Any) -> None:
    found = hilum.score([GOOD[0], empty, GOOD[2], GOOD[3]], [empty, *GOOD[1:]], replicates=20)
    assert not found.failed
    for name, scored in found.scored.items():
        assert scored.unscored[0] == "there is no answer", name
        assert scored.unscored[1] == "there is no reference", name
        assert np.isnan(scored.values[:2]).all(), name


def test_an_empty_cell_of_a_table_is_no_text() -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": GOOD, "b": [GOOD[0], pandas.NA, *GOOD[2:]]})
    found = hilum.score(table["a"], table["b"], names="bleu-1", replicates=20)
    assert found.scored["bleu-1"].unscored == {1: "there is no answer"}


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (7, "int"),
        (["a"], "list"),
        (b"a", "bytes"),
        ({"findings": 3}, "'findings' must be text"),
        ({1: "a"}, "sections must be text, got int"),
    ],
)
def test_what_is_no_report_is_refused_with_its_row_and_type(report: Any, said: str) -> None:
    with pytest.raises(InputError, match=f"answer of pair 'x1'.*{said}"):
        hilum.score(GOOD[:2], [GOOD[0], report], ids=["x0", "x1"])
    for look in (parsed, texts, metric("bleu-1"), metric("finding-f1")):
        with pytest.raises(InputError, match="reference of pair '0'"):
            look(Pairs((report,), ("a",)))


@pytest.mark.parametrize("one", ["abc", {"findings": "abc"}, 3, None])
def test_one_report_alone_is_no_list(one: Any) -> None:
    with pytest.raises(InputError, match="references must be a list of reports"):
        hilum.score(one, one)


def test_names_may_be_one_name_and_must_score_reports() -> None:
    assert list(hilum.score(GOOD, GOOD, names="bleu-1", replicates=20).scored) == ["bleu-1"]
    with pytest.raises(InputError, match=r"'auroc' takes .* pairs, and these are reports"):
        hilum.score(GOOD, GOOD, names=["auroc"])
    with pytest.raises(InputError, match="bleu-1"):
        hilum.score(GOOD, GOOD, names=["bleu1"])


def test_an_option_that_is_not_there_is_refused_with_those_that_are() -> None:
    pairs = Pairs(tuple(GOOD), tuple(GOOD))
    with pytest.raises(InputError, match=r"'bleu-1' has no option 'nope'; it takes .*tokens"):
        metric("bleu-1")(pairs, nope=1)
    with pytest.raises(InputError, match="'ssim' has no option 'reference'; it takes data_range"):
        metric("ssim")(pairs, reference=1)
    assert metric("bleu-1")(pairs, tokens="blanks").value == pytest.approx(1.0)


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Registry:
    made = Registry()
    made._discovered = True
    monkeypatch.setattr(metric_module, "register", made)
    return made


def _add(own: Registry, name: str, function: Any, over: Any = "pair") -> Metric:
    own.metric(name, better="higher", takes="report", over=over)(function)
    return metric(name)


def test_a_broken_metric_is_unscored_and_the_others_are_not(own: Registry) -> None:
    _add(own, "breaks", lambda pairs: 1 / 0, "set")
    _add(own, "number", lambda pairs: 0.5, "set")
    _add(own, "works", lambda pairs: averaged("works", np.ones(len(pairs)), "works"), "set")
    pairs = Pairs(tuple(GOOD), tuple(GOOD))
    done, failed = score_all(["breaks", "number", "works"], pairs)
    assert done.keys() == {"works"}
    assert failed["breaks"] == "breaks: ZeroDivisionError: division by zero"
    assert "must return a Scored" in failed["number"]
    assert "not float" in failed["number"]
    with pytest.raises(HilumError) as caught:
        metric("breaks")(pairs)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_what_breaks_one_pair_costs_that_pair(own: Registry) -> None:
    each = _add(own, "pairwise", lambda reference, answer: 1 / (len(answer) - len(GOOD[0])))
    scored = each(Pairs(tuple(GOOD), tuple(GOOD)))
    assert scored.unscored == dict.fromkeys((0, 2), "ZeroDivisionError: division by zero")
    said = _add(own, "said", lambda reference, answer: "0.5")(Pairs(("a",), ("b",)))
    assert said.unscored == {0: "the metric returned str, and must return a number"}
    many = _add(own, "many", lambda reference, answer: [1, 2])(Pairs(("a",), ("b",)))
    assert "returned list" in many.unscored[0]


def test_a_score_that_cannot_be_drawn_is_unscored(own: Registry) -> None:
    _add(own, "short", lambda pairs: averaged("short", [1.0], "short"), "set")
    found = hilum.score(GOOD, GOOD, names=["short"])
    assert not found.scored
    assert "1 items, but 4 patients" in found.failed["short"]


def test_one_or_two_patients_have_no_interval() -> None:
    for patients, defined in ((list("aabb"), False), (list("aabc"), True)):
        interval = averaged("m", [0.1, 0.2, 0.3, 0.4], "m").interval(patients, replicates=50)
        assert np.isfinite(interval.low) == defined
        assert interval.value == pytest.approx(0.25)
    valued = averaged("m", [0.1, 0.2, np.nan, np.nan], "m").interval(list("abcd"), replicates=50)
    assert np.isnan([valued.low, valued.high]).all()
    sums = np.ones((4, 1))
    for patients, defined in ((list("aabb"), False), (list("aabc"), True)):
        whole = summed("m", [np.nan] * 4, sums, lambda s: s[:, 0] / s[:, 0], "m").interval(patients, replicates=50)
        assert np.isfinite(whole.low) == defined, "no item has a value of its own"
    assert "[nan, nan]" in str(hilum.score(GOOD[:2], GOOD[:2], names="bleu-1"))


def test_ids_patients_and_names_are_lists_of_words_or_numbers() -> None:
    found = hilum.score(GOOD, GOOD, names="bleu-1", ids=range(4), patients=np.array([1, 1, 2, 3]), replicates=20)
    assert found.pairs.patients == ("1", "1", "2", "3")
    for wrong, said in (
        ({"ids": "abcd"}, "ids must be a list, got str"),
        ({"names": 3}, "names must be a list, got int"),
        ({"patients": ["a", "b", None, "c"]}, r"patients: number 2 must be text, got NoneType"),
        ({"patients": [1.0, 2.0, float("nan"), 3.0]}, r"patients: number 0 must be text, got float"),
    ):
        with pytest.raises(InputError, match=said):
            hilum.score(GOOD, GOOD, **wrong)


def test_an_empty_section_of_a_table_is_no_text() -> None:
    row = {"findings": "The heart is enlarged.", "impression": float("nan")}
    found = hilum.score([row] * 3, ["The heart is enlarged."] * 3, names=["bleu-1", "finding-f1"], replicates=20)
    assert [scored.value for scored in found.scored.values()] == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize(
    "odd", ["", "   ", "\x00", "é\ud800", "\U0001f600" * 50, {}, {"findings": None}, {"odd": "text"}]
)
def test_odd_texts_cost_nobody_else_their_score(odd: Any) -> None:
    for references, answers in (([odd, *GOOD[1:]], GOOD), (GOOD, [odd, *GOOD[1:]])):
        assert not hilum.score(references, answers, replicates=20).failed
