"""Label F1: the arithmetic against scikit-learn on random labels, readings of uncertainty, and undefined labels."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.core.vocabulary import label_set
from hilum.measure.metric import metric, metrics
from hilum.measure.metrics import label_f1
from hilum.measure.metrics.label_f1 import FIVE, label_counts, label_table
from hilum.measure.pairs import ReportPairs
from hilum.measure.scored import Scored
from tests.measure.reports import pairs

NAMES = label_set("chexpert-14").labels
KINDS = ("micro-14", "macro-14", "micro-5", "macro-5", "example")
_STATES = {1: "present", 2: "absent", 3: "uncertain"}


def made(reference: np.ndarray, answer: np.ndarray) -> ReportPairs:
    """Pairs whose labels are given, instead of being read from a text."""
    both = ReportPairs(("x",) * len(reference), ("x",) * len(answer))
    tables = [
        tuple({NAMES[n]: _STATES[code] for n, code in enumerate(row) if code} for row in table.tolist())
        for table in (reference, answer)
    ]
    both.once(("labels", "chexpert-14"), lambda _: (tables[0], tables[1]))
    return both


def drawn(draw: np.random.Generator, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    chances = [0.6, 0.2, 0.1, 0.1]
    tables = [draw.choice(4, size=(count, 14), p=chances).astype(np.int8) for _ in range(2)]
    tables[0][:, 3] = tables[1][:, 3] = 0  # a label that nobody has
    tables[0][:4] = tables[1][:4] = 0  # pairs without any label
    return tables[0], tables[1]


def run(kind: str, both: ReportPairs, **options: str) -> Scored:
    return metric(f"label-f1/hilum/{kind}")(both, **options)


@pytest.mark.parametrize("uncertain", ["present", "absent"])
@pytest.mark.parametrize("zero", [False, True])
def test_equal_to_scikit_learn(draw: np.random.Generator, uncertain: str, zero: bool) -> None:
    scores = pytest.importorskip("sklearn.metrics")
    reference, answer = drawn(draw)
    both = made(reference, answer)
    truth, said = ((t == 1) | ((t == 3) & (uncertain == "present")) for t in (reference, answer))
    five = [NAMES.index(name) for name in FIVE]
    option = {"uncertain": uncertain, "undefined": "zero" if zero else "left-out"}
    for kind, columns in (("14", list(range(14))), ("5", five)):
        t, s = truth[:, columns], said[:, columns]
        kept = np.arange(len(columns)) if zero else np.flatnonzero(t.any(axis=0) | s.any(axis=0))
        micro = scores.f1_score(t, s, average="micro")
        macro = scores.f1_score(t[:, kept], s[:, kept], average="macro", zero_division=0)
        assert run(f"micro-{kind}", both, uncertain=uncertain).value == pytest.approx(micro, abs=1e-12)
        assert run(f"macro-{kind}", both, **option).value == pytest.approx(macro, abs=1e-12)
    rows = np.ones(len(truth), bool) if zero else truth.any(axis=1) | said.any(axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        example = scores.f1_score(truth[rows], said[rows], average="samples", zero_division=0)
    assert run("example", both, **option).value == pytest.approx(example, abs=1e-12)


def test_table_equals_scikit_learn(draw: np.random.Generator) -> None:
    scores = pytest.importorskip("sklearn.metrics")
    reference, answer = drawn(draw)
    truth, said = ((t == 1) | (t == 3) for t in (reference, answer))
    expected = scores.precision_recall_fscore_support(truth, said, average=None, zero_division=np.nan)
    rows = label_table(made(reference, answer))
    assert [row.label for row in rows] == list(NAMES)
    np.testing.assert_allclose([row.precision for row in rows], expected[0])
    np.testing.assert_allclose([row.recall for row in rows], expected[1])
    np.testing.assert_allclose([row.f1 for row in rows], expected[2])
    assert np.isnan(rows[3].f1)
    assert rows[3].tp == rows[3].fp == rows[3].fn == 0


def test_excluded_cells_count_for_nothing(draw: np.random.Generator) -> None:
    reference, answer = drawn(draw)
    blank = (reference == 3) | (answer == 3)
    first, second = np.where(blank, 0, reference).astype(np.int8), np.where(blank, 0, answer).astype(np.int8)
    excluded = label_counts(reference, answer, "exclude")
    np.testing.assert_array_equal(excluded, label_counts(first, second, "absent"))
    assert run("micro-14", made(reference, answer), uncertain="exclude").value == pytest.approx(
        run("micro-14", made(first, second)).value
    )


def test_identity_is_one_but_not_in_the_fields_convention() -> None:
    both = made(*[np.array([[1] * 12 + [0, 0], [1] * 6 + [0] * 8], dtype=np.int8)] * 2)
    for kind in KINDS:
        assert run(kind, both).value == 1.0
    assert run("macro-14", both, undefined="zero").value == pytest.approx(12 / 14)  # .857
    left, zero = run("macro-14", both), run("macro-14", both, undefined="zero")
    assert "undefined:left-out" in left.signature
    assert "undefined:zero" in zero.signature
    assert left.remarks[0] == "2 of 14 labels have nothing on either side and were left out of the mean"
    assert zero.remarks[0] == "2 of 14 labels have nothing on either side and were counted as 0"


def test_resampling_is_the_same_as_scoring_the_resample(draw: np.random.Generator) -> None:
    reference, answer = drawn(draw, 20)
    picks = draw.integers(0, 20, size=(5, 20))
    weights = np.stack([np.bincount(row, minlength=20) for row in picks]).astype(float)
    for kind in KINDS:
        expected = [run(kind, made(reference[row], answer[row])).value for row in picks]
        np.testing.assert_allclose(run(kind, made(reference, answer)).at(weights), expected)


@pytest.mark.parametrize(
    ("uncertain", "expected"), [("present", 1.0), ("absent", 0.0), ("exclude", float("nan"))]
)  # fmt: skip
def test_readings_of_a_possible_finding_in_text(uncertain: str, expected: float) -> None:
    both = pairs(("Possible pneumothorax.", "Pneumothorax."))
    scored = run("micro-14", both, uncertain=uncertain)
    np.testing.assert_equal(scored.value, expected)
    assert f"uncertain:{uncertain}" in scored.signature
    assert "set:chexpert-14" in scored.signature
    assert scored.notes[0] == {"Pneumothorax": ["uncertain", "present"]}


def test_undefined_is_nan_with_a_reason_and_no_answer_takes_no_part() -> None:
    both = pairs(("Scoliosis.", "Kyphosis."), ("Pneumothorax.", "Pneumothorax."), ("Pneumothorax.", None))
    scored = run("micro-5", both)
    assert np.isnan(scored.values).all()
    assert np.isnan(scored.value)
    assert set(scored.unscored) == {0, 1, 2}
    assert scored.unscored[2] == "there is no answer"
    assert run("micro-14", both).value == 1.0


def test_wrong_choices_are_refused() -> None:
    both = pairs(("Pneumothorax.", "Pneumothorax."))
    with pytest.raises(InputError, match="uncertain must be one of"):
        run("micro-14", both, uncertain="maybe")
    for kind in ("macro-5", "example"):
        with pytest.raises(InputError, match="undefined must be one of"):
            run(kind, both, undefined="one")


def test_named_as_ours() -> None:
    names = {each.name: each for each in metrics("report") if each.name.startswith("label-f1")}
    assert set(names) == {f"label-f1/hilum/{kind}" for kind in KINDS}
    assert all("our own labeler" in each.summary for each in names.values())
    assert all("chexbert" not in run(kind, pairs(("Nodule.", "Nodule."))).signature.lower() for kind in KINDS)
    assert set(FIVE) <= set(NAMES)
    assert label_f1.FIVE[0] == "Cardiomegaly"


def test_a_score_says_how_many_texts_were_not_understood() -> None:
    said = "count as No Finding though nothing in them was understood"
    normal = ("Heart size is normal.", "No acute findings.", "The lungs are clear.")
    found = run("micro-14", ReportPairs(normal, ("asdf qwer", "No acute findings.", "Small left pleural effusion.")))
    assert found.values[0] == 1.0, "CheXpert's convention, which the page tells"
    assert found.remarks == (f"0 references and 1 answers {said}",)
    assert run("micro-14", ReportPairs(normal, normal)).remarks == ()
    assert run("micro-14", ReportPairs(normal, ("", None, "The lungs are clear."))).remarks == ()
    macro = run("macro-14", ReportPairs(("asdf", *normal[1:]), normal)).remarks
    assert macro[-1] == f"1 references and 0 answers {said}"
    assert len(macro) == 2
