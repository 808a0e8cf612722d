"""RadFact's arithmetic by its published conventions, and its judge by hand and on its own worked examples."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.measure.entailment import Entailed, RuleJudge
from hilum.measure.invented import invented_reports
from hilum.measure.metric import metric
from hilum.measure.metrics.radfact import ground, judged, radfact_grounded
from hilum.measure.pairs import Pairs, ReportPairs
from hilum.measure.spatial import Grounded

PARTS = ("precision", "recall", "f1")
CATS = ("cat", "dog", "bird", "rabbit"), ("cat", "dog", "bird", "shark")


class WordJudge:
    """Entailed is what stands in the other report, word for word."""

    name = "words"

    def __call__(self, phrases: Sequence[str], others: Sequence[str]) -> tuple[Entailed, ...]:
        found = [tuple(n for n, other in enumerate(others) if other == phrase) for phrase in phrases]
        return tuple(Entailed(p, "entailed" if f else "not entailed", f) for p, f in zip(phrases, found, strict=True))


def status(phrase: str, *others: str) -> str:
    return RuleJudge()([phrase], others)[0].status


@pytest.mark.parametrize(
    ("phrase", "others"),
    [
        ("Left pleural effusion.", ["Small left pleural effusion."]),  # the other says more
        ("Left pleural effusion.", ["Bilateral pleural effusions."]),
        ("Pleural effusion.", ["Left pleural effusion."]),
        ("No pneumothorax.", ["There is no pneumothorax or effusion."]),
        ("No left pneumothorax.", ["No pneumothorax."]),
        ("The effusion is new.", ["The effusion has increased."]),
        ("Right basilar consolidation.", ["Patchy right basilar infiltrate."]),  # words for one thing
        ("No pneumothorax.", ["No acute cardiopulmonary abnormality."]),
        ("No acute findings.", ["No effusion.", "No pneumothorax.", "No consolidation.", "Normal heart size."]),
        ("The quick brown fox.", ["the quick  brown fox"]),  # as it stands, understood or not
    ],
)  # fmt: skip
def test_entailed_by_hand(phrase: str, others: list[str]) -> None:
    assert status(phrase, *others) == "entailed"


@pytest.mark.parametrize(
    ("phrase", "others"),
    [
        ("Small left pleural effusion.", ["Left pleural effusion."]),  # the phrase says more
        ("Bilateral pleural effusions.", ["Left pleural effusion."]),
        ("Left pleural effusion.", ["Right pleural effusion."]),
        ("Left pleural effusion.", ["No left pleural effusion."]),
        ("Left pleural effusion.", ["Possible left pleural effusion."]),
        ("Large left effusion.", ["Small left effusion."]),
        ("Increased effusion.", ["Decreased effusion."]),
        ("Increased effusion.", ["Effusion."]),
        ("No pneumothorax.", ["No left pneumothorax."]),
        ("Right lung is clear.", ["No acute abnormality.", "Bilateral pleural effusions."]),  # the rest is not normal
        ("Lungs are free of infiltrates.", ["Left lung is clear."]),
        ("Left upper lobe nodule.", ["Left lower lobe nodule."]),
        ("Left effusion.", []),
    ],
)
def test_not_entailed_by_hand(phrase: str, others: list[str]) -> None:
    assert status(phrase, *others) == "not entailed"


def test_a_phrase_that_is_not_understood_is_not_judged_and_counts_as_not_entailed() -> None:
    verdict = RuleJudge()(["Lorem ipsum dolor."], ["No effusion."])[0]
    assert verdict == Entailed("Lorem ipsum dolor.", "not judged", (), "no finding is understood in it")


def test_evidence_and_reasons_are_told() -> None:
    judge = RuleJudge()
    assert judge(["No effusion."], ["Normal heart.", "No effusion or edema.", "No effusions."])[0].evidence == (1, 2)
    reasons = [judge(["Left effusion."], [other])[0].reason for other in ("Edema.", "No effusion.", "Right effusion.")]
    assert reasons == [
        "pleural effusion, present: not mentioned", "pleural effusion, present: the other report has it absent",
        "pleural effusion, present: said otherwise (side, place, grade or change)",
    ]  # fmt: skip


def test_by_hand_over_two_reports() -> None:
    pairs = ReportPairs(
        ("Left effusion. No pneumothorax.", "Cardiomegaly. Edema. No effusion. No fracture. No nodule."),
        ("Left effusion.", "Cardiomegaly. Left lung mass."),
    )
    values = {part: metric(f"radfact/hilum/{part}")(pairs) for part in PARTS}
    assert values["precision"].values.tolist() == [1.0, 0.5]
    assert values["recall"].values.tolist() == [0.5, 0.2]
    assert values["precision"].value == 0.75
    assert values["recall"].value == 0.35
    assert values["f1"].value == pytest.approx(2 * 0.75 * 0.35 / 1.1)  # of the means, not the mean of F1s
    assert values["f1"].value != pytest.approx(np.mean(values["f1"].values))
    assert values["f1"].notes[0]["reference"][1]["status"] == "not entailed"


def test_a_side_without_a_phrase_is_left_out_of_that_mean_only() -> None:
    pairs = ReportPairs(("Left effusion.", "Left effusion."), ("Left effusion.", ""))
    assert metric("radfact/hilum/precision")(pairs).value == 1.0
    assert metric("radfact/hilum/recall")(pairs).value == 0.5
    assert metric("radfact/hilum/precision")(pairs).unscored == {1: "a side has no phrase to judge"}


def test_missing_answers_take_no_part() -> None:
    scored = metric("radfact/hilum/recall")(ReportPairs(("Left effusion.",) * 2, ("Left effusion.", None)))
    assert scored.value == 1.0
    assert scored.unscored == {1: "there is no answer"}


def test_nothing_right_is_0_where_radfact_divides_by_0() -> None:
    assert metric("radfact/hilum/f1")(ReportPairs(("Left effusion.",), ("Cardiomegaly.",))).value == 0.0
    assert math.isnan(metric("radfact/hilum/f1")(ReportPairs(("",), ("",))).value)


def test_invented_reports_bear_themselves_out_and_swap_sides_with_their_partner() -> None:
    reports = invented_reports(40, seed=2)
    pairs, turned = ReportPairs(reports, reports[::-1]), ReportPairs(reports[::-1], reports)
    assert metric("radfact/hilum/f1")(ReportPairs(reports, reports)).value == 1.0
    assert metric("radfact/hilum/precision")(pairs).value == metric("radfact/hilum/recall")(turned).value
    assert metric("radfact/hilum/f1")(pairs).value < 0.8


def test_odd_texts_break_nothing_and_the_interval_is_of_the_set() -> None:
    odd = ("", None, "Left effusion. " * 2_000, "?" * 9_000, "\x00é", {"findings": "Left effusion."})
    scored = metric("radfact/hilum/f1")(ReportPairs(("Left effusion. No edema.",) * len(odd), odd))  # type: ignore[arg-type]
    assert scored.values[5] == pytest.approx(2 / 3)
    weights = np.eye(len(odd))[[5, 2]]
    assert scored.at(weights)[0] == pytest.approx(2 / 3)


def test_another_judge_is_asked_and_named() -> None:
    pairs = ReportPairs(("Left effusion.",), ("Left effusion. Edema.",))
    scored = metric("radfact/hilum/precision")(pairs, judge=WordJudge())
    assert scored.value == 0.5
    assert "judge:words" in scored.signature
    assert "judge:hilum-rules" in metric("radfact/hilum/precision")(pairs).signature
    assert judged(pairs, WordJudge()) is judged(pairs, WordJudge())  # made once


def box(*corners: float) -> tuple[tuple[float, float, float, float], ...]:
    return ((corners[0], corners[1], corners[2], corners[3]),)


A, B = box(0.1, 0.1, 0.2, 0.2), box(0.3, 0.3, 0.4, 0.4)


def test_boxes_are_counted_as_in_radfacts_own_case() -> None:
    """Five phrases, three entailed, three boxed: 3/5 logical, 1/2 grounding, 1/3 spatial."""
    phrases = [Grounded("a"), Grounded("b", A), Grounded("c", B), Grounded("d"), Grounded("e", A)]
    found = ground(phrases, [Grounded("a"), Grounded("b", A), Grounded("c", A)], WordJudge())
    assert found[:5] == (5, 3, 3, 2, 1)
    assert found.overlap == pytest.approx(0.5)


def test_grounded_scores_by_hand() -> None:
    answer = [Grounded("cat", A), Grounded("dog", B + box(0.5, 0.5, 0.6, 0.6)), Grounded("bird"), Grounded("rabbit")]
    reference = [Grounded("cat", A), Grounded("dog", B), Grounded("bird", box(0.5, 0.5, 0.6, 0.6)), Grounded("shark")]
    scored = radfact_grounded(Pairs((reference,), (answer,)), WordJudge())
    value = {name: each.value for name, each in scored.items()}
    assert value["logical/precision"] == value["logical/recall"] == 0.75
    # the dog's second box is not in the evidence: half inside is not more than half
    assert (value["grounding/precision"], value["spatial/precision"]) == (0.5, 0.5)
    # the bird's evidence has no box at all
    assert (value["grounding/recall"], value["spatial/recall"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert value["overlap/precision"] == pytest.approx((1 + 0.5) / 2)
    assert value["spatial/f1"] == pytest.approx(2 * 0.5 * (2 / 3) / (0.5 + 2 / 3))


def test_grounded_scores_by_pixels_say_so_and_lose_what_is_thinner_than_one() -> None:
    thin = [Grounded("cat", box(0.5, 0.1, 0.501, 0.9)), Grounded("dog", box(0.1, 0.1, 0.5, 0.5))]
    exact = radfact_grounded(Pairs((thin,), (thin,)), WordJudge())["spatial/precision"]
    pixels = radfact_grounded(Pairs((thin,), (thin,)), WordJudge(), pixels=True)["spatial/precision"]
    assert (exact.value, pixels.value) == (1.0, 0.5)
    assert "area:exact" in exact.signature
    assert "area:224x224 pixels" in pixels.signature


def test_grounded_reports_without_boxes_or_answers() -> None:
    told = [Grounded("cat")]
    scored = radfact_grounded(Pairs((told, told), (told, None)), WordJudge())
    assert scored["logical/f1"].value == 1.0
    assert scored["logical/f1"].unscored == {1: "there is no answer"}
    assert math.isnan(scored["spatial/precision"].value)
    with pytest.raises(InputError, match="list of Grounded"):
        radfact_grounded(Pairs((["cat"],), (told,)))  # type: ignore[arg-type]


def few_shot() -> list[dict[str, dict[str, list[dict[str, str]]]]]:
    root = Path(os.environ.get("HILUM_PACK") or Path(__file__).resolve().parents[3] / "shared" / "data")
    path = root / "text" / "radfact_nli_fewshot.json"
    if not path.is_file():
        pytest.skip("RadFact's worked examples (HILUM_PACK/text) are not on this machine")
    loaded: list[dict[str, dict[str, list[dict[str, str]]]]] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def test_the_judge_agrees_with_radfacts_worked_examples() -> None:
    agree = []
    for example in few_shot():
        a, b = example["input"]["phrases_A"], example["input"]["phrases_B"]
        told = example["output"]["phrases_A_evidenced"] + example["output"]["phrases_B_evidenced"]
        verdicts = (*RuleJudge()(a, b), *RuleJudge()(b, a))  # type: ignore[arg-type]
        agree += [
            (gold["status"] == "entailment") == (verdict.status == "entailed")
            for gold, verdict in zip(told, verdicts, strict=True)
        ]
    assert len(agree) == 67
    assert sum(agree) / len(agree) >= 0.95
