"""GREEN and CRIMSON: published arithmetic exact; our six counts on made pairs; what is significant."""

from __future__ import annotations

import json
import statistics

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.measure.fact_match import compare
from hilum.measure.facts import stated_in
from hilum.measure.metric import metric
from hilum.measure.metrics.green import ERRORS, crimson, error_counts, green
from hilum.measure.significant_findings import significant
from hilum.text.parse import parse
from tests.measure.reports import EDITS, GALLERY, PARAPHRASE, REPORT, pairs, score

PUBLISHED = (
    (0, [2, 3, 0, 1, 0, 0], 0.0),
    (1, [2, 1, 2, 0, 0, 0], 1 / 6),
    (2, [0, 2, 1, 1, 0, 0], 1 / 3),
    (1, [1, 0, 0, 0, 0, 0], 1 / 2),
    (1, [1, 0, 1, 1, 0, 0], 1 / 4),
)


def counts(reference: str, answer: str) -> tuple[int, dict[str, int], dict[str, int]]:
    """Matched, and the kinds of significant and of other errors that are there."""
    matched, serious, slight = error_counts(compare(stated_in(parse(reference)), stated_in(parse(answer))))
    told = [{name: n for name, n in zip(ERRORS, each, strict=True) if n} for each in (serious, slight)]
    return matched, told[0], told[1]


def test_published_cases_of_green() -> None:
    values = [green(matched, errors) for matched, errors, _ in PUBLISHED]
    assert values == [expected for *_, expected in PUBLISHED]
    assert statistics.mean(values) == pytest.approx(0.25)
    assert statistics.pstdev(values) == pytest.approx(0.16666666666666669)


def test_green_refuses_what_is_no_count() -> None:
    for matched, errors in ((1, [0] * 5), (-1, [0] * 6), (1, [0, 0, 0, 0, 0, -1])):
        with pytest.raises(InputError, match="6 counts"):
            green(matched, errors)


def test_published_cases_of_crimson() -> None:
    assert crimson([(0.5, ())]) == 1.0
    assert crimson([], false=[1.0], missing=[0.5]) == -0.5


def test_crimson_by_hand() -> None:
    assert crimson([(1.0, (0.5,)), (0.5, ())]) == pytest.approx((1 / 1.5 + 0.5) / 1.5)
    assert crimson([(1.0, ())], missing=[1.0]) == 0.5
    assert crimson([(1.0, ())], false=[0.5]) == 0.5
    assert crimson([], missing=[1.0]) == 0.0
    assert crimson([]) == crimson([(0.0, ())]) == 1.0  # benign findings only
    assert crimson([], false=[0.25]) == pytest.approx(-0.25 / 1.25)
    assert crimson([(0.0, (0.5,))], false=[1.0]) == -0.5


@pytest.mark.parametrize(
    ("reference", "answer", "kind"),
    [
        ("Nodule.", "Nodule. Pneumothorax.", "false finding"),
        ("Nodule. Pneumothorax.", "Nodule.", "omission"),
        ("No pneumothorax.", "Pneumothorax.", "false finding"),
        ("Pneumothorax.", "No pneumothorax.", "omission"),
        ("Left effusion.", "Right effusion.", "location"),
        ("Small effusion.", "Moderate effusion.", "severity"),
        ("Nodule.", "New nodule.", "spurious comparison"),
        ("Stable nodule.", "Worsened nodule.", "spurious comparison"),
        ("New nodule.", "Nodule.", "omitted comparison"),
    ],
)
def test_each_kind_of_significant_error(reference: str, answer: str, kind: str) -> None:
    assert counts(reference, answer)[1:] == ({kind: 1}, {})


@pytest.mark.parametrize(
    ("reference", "answer", "kind"),
    [
        ("Pacemaker. Nodule.", "Nodule.", "omission"),
        ("Nodule.", "Nodule. Degenerative changes of the spine.", "false finding"),
        ("Nodule.", "Nodule. Calcified granuloma.", "false finding"),
        ("Opacity in the right upper lobe.", "Opacity in the right lower lobe.", "location"),
        ("Stable nodule.", "Nodule.", "omitted comparison"),
        ("Mild to moderate edema.", "Moderate edema.", "severity"),
        ("Mild scoliosis.", "Severe scoliosis.", "severity"),
    ],
)
def test_errors_that_are_not_significant(reference: str, answer: str, kind: str) -> None:
    assert counts(reference, answer)[1:] == ({}, {kind: 1})


def test_new_for_worsened_and_an_unsaid_side_are_no_errors() -> None:
    assert counts("New nodule.", "Worsened nodule.") == (1, {}, {})
    assert counts("Left nodule.", "Nodule.") == (1, {}, {})
    assert counts("Possible pneumonia.", "Pneumonia.") == (1, {}, {})


def test_what_counts_as_significant() -> None:
    said = {item.concept: significant(item) for item in stated_in(parse(
        "Pneumothorax. Pacemaker. Scoliosis. Healed rib fracture. Rib fracture. Calcified granuloma. Lung nodule."
    ))}  # fmt: skip
    assert {name for name, matters in said.items() if matters} == {"pneumothorax", "rib fracture", "lung nodule"}
    assert not any(significant(item) for item in stated_in(parse("No acute findings. Stable chest.")))


def test_gallery() -> None:
    values = metric("green/hilum")(pairs(*GALLERY)).values
    np.testing.assert_allclose(values, [1, 0, 0.5, 0, 0, 0, 0.5, 0])


def test_the_rule_that_nothing_matched_is_nothing_earned_is_kept_and_told() -> None:
    scored = metric("green/hilum")(pairs(("No acute findings.", "No acute findings."), ("", ""), ("Nodule.", None)))
    assert scored.values[0] == 0.0
    assert "GREEN's rule" in scored.notes[0]["remark"]
    assert scored.unscored == {1: "neither report states anything", 2: "there is no answer"}


def test_denials_match_unless_they_are_ignored() -> None:
    both = pairs(("No pneumothorax. No effusion.", "No effusion. No pneumothorax."), ("Nodule.", "Nodule."))
    matched, ignored = (metric("green/hilum")(both, denials=way) for way in ("matched", "ignored"))
    assert list(matched.values) == [1.0, 1.0]
    assert list(ignored.values) == [0.0, 1.0]
    assert "denials:ignored" in ignored.signature
    with pytest.raises(InputError, match="denials must be"):
        metric("green/hilum")(both, denials="some")


def test_paraphrase_costs_nothing_and_every_clinical_edit_costs() -> None:
    assert score("green/hilum", REPORT, PARAPHRASE) == 1.0
    for edit, text in EDITS.items():
        assert score("green/hilum", REPORT, text) < 1.0, edit


def test_notes_are_json_with_counts_and_errors() -> None:
    note = metric("green/hilum")(pairs(("Left effusion. Pacemaker.", "Right effusion."))).notes[0]
    json.dumps(note)
    assert note["matched"] == 1
    assert note["significant"]["location"] == 1
    assert note["not significant"]["omission"] == 1
    assert {error["kind"] for error in note["errors"]} == {"wrong side", "omission"}
