"""Finding F1: the divergence gallery, what it must and must not react to, its parts and their sums."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hilum.measure.metric import metric, metrics
from hilum.measure.metrics.finding_f1 import errors_of
from hilum.measure.pairs import ReportPairs
from hilum.measure.scored import Scored
from tests.measure.reports import EDITS, GALLERY, PARAPHRASE, REPORT, pairs, score

ALL = ("finding-f1", "finding-f1/strict", "finding-f1/presence")


def gallery(name: str) -> Scored:
    return metric(name)(pairs(*GALLERY))


def test_divergence_gallery() -> None:
    paraphrase, flip, omitted, made_up, same, apart, severity, opposite = gallery("finding-f1").values
    assert paraphrase == same == 1.0
    assert flip == apart == opposite == 0.0
    assert omitted == pytest.approx(2 / 3)  # one of two findings: 2 * 1 / (2 + 1)
    assert made_up == pytest.approx(0.5 / 1.5)  # a quarter weight on both sides, and one false finding
    assert severity == pytest.approx(0.7)
    assert apart < made_up < omitted < severity < same


def test_gallery_names_what_is_wrong() -> None:
    kinds = [[error["kind"] for error in note["errors"]] for note in gallery("finding-f1").notes]
    assert kinds == [
        [], ["wrong state"], ["omission"], ["false finding"], [], ["omission", "omission", "false finding"],
        ["wrong severity"], ["omission", "wrong state"],
    ]  # fmt: skip


@pytest.mark.parametrize("name", ALL)
def test_paraphrase_and_order_do_not_matter(name: str) -> None:
    turned = " ".join(reversed([f"{sentence.rstrip('.')}." for sentence in REPORT.split(". ")]))
    assert score(name, REPORT, REPORT) == score(name, REPORT, PARAPHRASE) == score(name, REPORT, turned) == 1.0


@pytest.mark.parametrize("edit", EDITS)
def test_every_clinical_edit_costs(edit: str) -> None:
    assert score("finding-f1", REPORT, EDITS[edit]) < 0.97
    assert score("finding-f1/strict", REPORT, EDITS[edit]) < 0.91
    assert score("finding-f1", EDITS[edit], REPORT) == pytest.approx(score("finding-f1", REPORT, EDITS[edit]))


def test_more_edits_cost_more() -> None:
    answer, last = REPORT, 1.0
    for old, new in (("Moderate left", "Moderate right"), ("mildly", "severely"), ("Stable", "New")):
        answer = answer.replace(old, new)
        assert score("finding-f1", REPORT, answer) < last
        last = score("finding-f1", REPORT, answer)


def test_dropping_all_disease_costs_more_than_any_attribute() -> None:
    values = {edit: score("finding-f1", REPORT, text) for edit, text in EDITS.items()}
    assert min(values, key=values.__getitem__) == "dropped positives"


def test_normal_against_normal_is_one_in_any_words() -> None:
    normal = ("No acute findings.", "Normal chest.", "No acute cardiopulmonary abnormality.",
              "Heart size is normal. Lungs are clear. No pleural effusion or pneumothorax.")  # fmt: skip
    for one in normal:
        for other in normal:
            assert score("finding-f1", one, other) == 1.0


def test_nothing_stated_is_undefined_and_said_so() -> None:
    scored = metric("finding-f1")(pairs(("", ""), ("Portable film.", "Frontal view."), ("Nodule.", "")))
    assert np.isnan(scored.values[:2]).all()
    assert scored.values[2] == 0.0
    assert set(scored.unscored) == {0, 1}
    assert "states a finding" in scored.unscored[0]
    assert scored.value == 0.0


def test_no_answer_is_unscored_not_wrong() -> None:
    scored = metric("finding-f1")(pairs(("Nodule.", None), ("Nodule.", "Nodule.")))
    assert scored.unscored == {0: "there is no answer"}
    assert scored.value == 1.0


def test_parts_given_the_finding_matched() -> None:
    both = pairs(
        ("Small left pleural effusion.", "Large left pleural effusion."),
        ("New right pneumothorax.", "Stable left pneumothorax."), ("Moderate edema.", "Nodule."),
    )  # fmt: skip
    side, severity, change = (metric(f"finding-f1/{part}")(both) for part in ("side", "severity", "change"))
    np.testing.assert_equal(side.values, [1.0, 0.0, np.nan])
    np.testing.assert_equal(severity.values, [0.0, np.nan, np.nan])
    np.testing.assert_equal(change.values, [np.nan, 0.0, np.nan])
    assert (side.value, severity.value, change.value) == (0.5, 0.0, 0.0)
    assert side.unscored == {2: "no matched finding has a side"}


def test_side_said_once_costs_recall_only() -> None:
    assert score("finding-f1/side", "Bilateral pleural effusions.", "Left pleural effusion.") == pytest.approx(2 / 3)
    assert score("finding-f1/severity", "Mild edema.", "Edema.") == 0.0
    assert score("finding-f1/severity", "Mild edema.", "Moderate edema.") == 0.5
    assert score("finding-f1/change", "New nodule.", "Worsened nodule.") == 0.5


def test_strict_counts_only_what_agrees_in_everything() -> None:
    reference = "Small left pleural effusion. Cardiomegaly."
    assert score("finding-f1/strict", reference, "Left pleural effusion. Cardiomegaly.") == 0.5
    assert score("finding-f1/presence", reference, "Left pleural effusion. Cardiomegaly.") == 1.0


def test_set_value_is_over_findings_and_follows_the_weights() -> None:
    scored = gallery("finding-f1")
    weights = np.eye(len(GALLERY))
    np.testing.assert_allclose(scored.at(weights), scored.values)
    twice = np.array([[1.0, 0, 1, 0, 0, 0, 0, 0], [2.0, 0, 2, 0, 0, 0, 0, 0]])
    np.testing.assert_allclose(scored.at(twice), (2 + 2) / (2 + 3))
    interval = scored.interval([str(n) for n in range(len(GALLERY))])
    assert interval.low < scored.value < interval.high


def test_notes_are_json_and_errors_can_be_listed() -> None:
    scored = gallery("finding-f1")
    json.dumps(list(scored.notes))
    assert [number for number, _ in errors_of(scored, ["omission"])] == [2, 5, 5, 7]
    assert len(errors_of(scored)) == sum(len(note["errors"]) for note in scored.notes)


def test_sections_are_read_as_one_report() -> None:
    sections = ReportPairs(
        ({"findings": "Left effusion.", "impression": "Small effusion."},), ("Small left effusion.",)
    )
    assert metric("finding-f1")(sections).value == 1.0


def test_all_are_registered_with_range_and_summary() -> None:
    names = {each.name: each for each in metrics("report")}
    for part in ("", "/strict", "/presence", "/side", "/severity", "/change"):
        found = names[f"finding-f1{part}"]
        assert found.range == (0, 1)
        assert found.better == "higher"
        assert found.summary.startswith("F1 over")
    assert gallery("finding-f1").signature.startswith("finding-f1|facts:hilum|over:findings")
