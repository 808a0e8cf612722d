"""CRIMSON's answers read, whole and broken, by hand-computed scores and an arithmetic written another way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.measure.adapters.crimson_answer import ATTRIBUTES, PROMPT, SEVERITY, SIGNIFICANCE, SOURCE, read_crimson
from hilum.measure.adapters.judge import Judge, load_judge
from hilum.measure.metric import UnscoredError, metric
from hilum.measure.metrics.green import crimson
from hilum.measure.pairs import ReportPairs
from tests.measure import tiny_models

TEMPLATE = (
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}</{{ m['role'] }}>{% endfor %}"
    "{% if add_generation_prompt %}<model>{% endif %}"
)
LEVELS = (*SIGNIFICANCE, "something else")
WEIGHT = {**SIGNIFICANCE, "something else": 0.25}


def told(
    references: list[str], predicted: list[str], matches: list[tuple[str, str]],
    attributes: Sequence[tuple[str, str, str]] = (),
) -> dict[str, Any]:  # fmt: skip
    """What a judge says, complete, from levels of findings, matches, and (reference, severity, kind) of errors."""
    names = {"R": references, "P": predicted}
    listed = {
        letter: [
            {"id": f"{letter}{n + 1}", "finding": "f", "clinical_significance": level} for n, level in enumerate(each)
        ]
        for letter, each in names.items()
    }
    there = {name for pair in matches for name in pair}
    free = {letter: [f["id"] for f in each if f["id"] not in there] for letter, each in listed.items()}
    return {
        "reference_findings": listed["R"], "predicted_findings": listed["P"],
        "matched_findings": [{"ref_id": a, "pred_id": b} for a, b in matches],
        "errors": {
            "false_findings": free["P"], "missing_findings": free["R"],
            "attribute_errors": [{"ref_id": a, "severity": s, "error_types": [k]} for a, s, k in attributes],
        },
    }  # fmt: skip


def value(said: dict[str, Any]) -> float:
    found = read_crimson(json.dumps(said))
    return crimson(found.matches, found.false, found.missing)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (told(["urgent"], ["urgent"], [("R1", "P1")]), 1.0),
        (told([], [], []), 1.0),
        (told(["benign_expected"], [], []), 1.0),
        (told(["urgent", "actionable_not_urgent"], ["urgent"], [("R1", "P1")]), 1 / 1.5),
        (told(["urgent"], [], []), 0.0),
        (told([], ["urgent"], []), -0.5),
        (told(["actionable_not_urgent"], ["urgent", "urgent"], []), -2 / 3),
        # a match with two significant errors: 1 * 1 / (1 + 0.5 + 0.5) of 1
        (told(["urgent"], ["urgent"], [("R1", "P1")], [("R1", "significant", "location")] * 2), 0.5),
        (told(["urgent"], ["urgent"], [("R1", "P1")], [("R1", "negligible", "certainty")]), 1.0),
        (told(["urgent"], ["urgent"], [("R1", "P1")], [("R1", "odd", "certainty")]), 1 / 1.25),
        (told(["something else"], ["something else"], [("R1", "P1")]), 1.0),
        # one reference finding, matched twice, is earned once; a false finding of 0.25 is taken off
        (told(["urgent"], ["urgent", "urgent", "not_actionable_not_urgent"], [("R1", "P1"), ("R1", "P2")]), 0.75),
    ],
)  # fmt: skip
def test_scores_by_hand(said: dict[str, Any], expected: float) -> None:
    assert value(said) == pytest.approx(expected)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_the_arithmetic_as_one_would_write_it_from_the_paper(data: st.DataObject) -> None:
    references = data.draw(st.lists(st.sampled_from(LEVELS), max_size=4))
    predicted = data.draw(st.lists(st.sampled_from(LEVELS), max_size=4))
    options = [f"R{n + 1}" for n in range(len(references))]
    matches = [
        (name, f"P{n + 1}") for n in range(len(predicted))
        if options and (name := data.draw(st.sampled_from(["", *options])))
    ]  # fmt: skip
    severities = ("significant", "negligible", "odd")
    errors = [
        (name, severity, "location") for name, _ in matches
        for severity in data.draw(st.lists(st.sampled_from(severities), max_size=2))
    ]  # fmt: skip
    weight = {f"R{n + 1}": WEIGHT[level] for n, level in enumerate(references)}
    earned = 0.0
    for name in {name for name, _ in matches}:
        loss = sum({"significant": 0.5, "negligible": 0.0, "odd": 0.25}[s] for n, s, _ in errors if n == name)
        earned += weight[name] ** 2 / (weight[name] + loss) if weight[name] else 0.0
    false = sum(WEIGHT[level] for n, level in enumerate(predicted) if f"P{n + 1}" not in {p for _, p in matches})
    whole, excess = sum(weight.values()), max(0.0, false - earned)
    if whole == 0:
        expected = 1.0 if false == 0 else -excess / (1 + excess)
    else:
        expected = (earned - false) / whole if earned >= false else -excess / (1 + excess)
    assert value(told(references, predicted, matches, errors)) == pytest.approx(expected)


def test_what_is_around_the_object_and_small_slips_are_forgiven() -> None:
    said = told(["urgent", "urgent"], ["urgent"], [("R1", "P1")])
    text = json.dumps(said)
    for answer in (f"```json\n{text}\n```", f"Here it is: {text} Done.", text.replace('"f"', r'"a\_b"')):
        found = read_crimson(answer)
        assert crimson(found.matches, found.false, found.missing) == pytest.approx(0.5)
    twice = text.replace('"reference_findings"', '"matched_findings": [], "reference_findings"', 1)
    assert read_crimson(twice).matches == ()


def test_ids_that_are_not_listed_weigh_nothing_and_are_told() -> None:
    said = told(["urgent"], ["urgent"], [("R1", "P1"), ("R7", "P1")], [("R8", "significant", "temporal")])
    said["errors"]["false_findings"].append("P9")
    found = read_crimson(json.dumps(said))
    assert found.stray == ("P9", "R7", "R8")
    assert found.kinds == {"temporal": 1}
    assert crimson(found.matches, found.false, found.missing) == 1.0


def test_a_reference_finding_nobody_mentions_again_is_missing() -> None:
    said = told(["urgent", "urgent"], ["urgent"], [("R1", "P1")])
    said["errors"]["missing_findings"] = []
    assert read_crimson(json.dumps(said)).missing == (1.0,)


def without(name: str) -> str:
    said = told(["urgent"], [], [])
    (said if name in said else said["errors"]).pop(name)
    return json.dumps(said)


@pytest.mark.parametrize(
    ("answer", "match"),
    [
        ("", "holds no JSON object"),
        ("The report is fine.", "holds no JSON object: 'The report"),
        ('{"reference_findings": [', "holds no JSON object"),
        ('{"reference_findings": [}', "is not JSON"),
        ("[1] {}", "the fault is KeyError"),
        (without("matched_findings"), "KeyError.*matched_findings"),
        (without("attribute_errors"), "KeyError.*attribute_errors"),
        (without("errors"), "KeyError.*errors"),
        (json.dumps(told(["urgent"], [], []) | {"matched_findings": ["R1"]}), "TypeError"),
        (json.dumps(told(["urgent"], [], []) | {"reference_findings": [{"finding": "x"}]}), "KeyError"),
        (json.dumps(told(["urgent"], [], []) | {"errors": None}), "TypeError"),
    ],
)
def test_a_broken_answer_is_no_score(answer: str, match: str) -> None:
    with pytest.raises(UnscoredError, match=match):
        read_crimson(answer)


def test_our_prompt_asks_for_what_is_read() -> None:
    asked = PROMPT.about("REF", "ANS")
    assert asked.index("REF") < asked.index("ANS")
    for part in (*ATTRIBUTES, *SIGNIFICANCE, *SEVERITY, "matched_findings", "attribute_errors", "JSON"):
        assert part in asked
    example = json.loads(asked[asked.index("{") :])
    assert read_crimson(json.dumps(example)).stray == ("P2", "R2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.causal(tmp_path_factory.mktemp("weights") / "crimson", template=TEMPLATE)


def test_the_prompt_goes_into_the_models_own_template(folder: Path) -> None:
    judge = load_judge("crimson", SOURCE, PROMPT, "chat", 8, whole=False, weights=folder)
    text = judge.language.tokenizer.decode(judge._ids("Q"))
    assert text == f"<system>{PROMPT.system}</system><user>Q</user><model>"
    assert len(judge.say("a", "b")) <= 8


def test_a_tokenizer_without_a_template_is_told(tmp_path: Path) -> None:
    root = tiny_models.causal(tmp_path / "crimson")
    judge = load_judge("crimson", SOURCE, PROMPT, "chat", 8, whole=False, weights=root)
    with pytest.raises(InputError, match="no chat template"):
        judge.say("a", "b")


def test_values_evidence_and_reasons(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        "one": json.dumps(told(["urgent"], ["urgent"], [("R1", "P1")], [("R1", "significant", "severity")])),
        "two": "no idea",
        "three": json.dumps(told([], ["urgent"], [])),
    }
    monkeypatch.setattr(Judge, "say", lambda judge, reference, answer: answers[reference])
    pairs = ReportPairs(("one", "two", "three", "four"), ("a", "b", "c", None))
    scored = metric("crimson")(pairs, weights=folder)
    np.testing.assert_allclose(scored.values, [1 / 1.5, np.nan, -0.5, np.nan])
    assert scored.value == pytest.approx((1 / 1.5 - 0.5) / 2)
    assert "holds no JSON object" in scored.unscored[1]
    assert scored.unscored[3] == "there is no answer"
    assert scored.notes[0]["attribute errors"] == {"severity": 1}
    assert scored.notes[2]["false"] == [1.0]
    for part in ("backend:official-weights", "model:medgemma-4b-it-crimson", "prompt:hilum", "decoding:greedy"):
        assert part in scored.signature
