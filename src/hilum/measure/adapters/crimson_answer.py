"""CRIMSON's question, and its answer read: findings with their weights, matches, false findings, attribute errors.

Source: the crimson-score package (MIT): names of the fields, levels and kinds; the words of the question are ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hilum.measure.adapters.judge import Prompt
from hilum.measure.adapters.weights import Source
from hilum.measure.metric import UnscoredError

SOURCE = Source(
    folder="crimson",
    model="medgemma-4b-it-crimson",
    repository="rajpurkarlab/medgemma-4b-it-crimson on Hugging Face",
    licence="Health AI Developer Foundations terms, as for MedGemma; see the model's page",
    size="about 8.6 GB",
    layout="config.json, the .safetensors, the tokenizer's files with its chat template, prompt.txt if you have it",
)
SIGNIFICANCE = {
    "urgent": 1.0, "actionable_not_urgent": 0.5, "not_actionable_not_urgent": 0.25, "benign_expected": 0.0,
}  # fmt: skip
"""Weight of a finding by its level; a level that is none of these weighs 0.25."""
SEVERITY = {"significant": 0.5, "negligible": 0.0}
"""Weight of an attribute error; a severity that is neither weighs 0.25."""
ATTRIBUTES = (
    "location", "severity", "descriptor", "measurement", "certainty", "unspecific", "overinterpretation", "temporal",
)  # fmt: skip
LONGEST = 8192
_UNKNOWN = 0.25
_STRAY = re.compile(r'\\(?!["\\/bfnrtu])')

PROMPT = Prompt(
    "Compare the findings of a predicted chest radiograph report with the reference's. Abnormal findings only.\n\n"
    "Reference:\n{reference}\n\nPredicted:\n{answer}\n\n"
    "First list every abnormal finding of each report in its own words, one entry for each, R1, R2 ... for the "
    f"reference and P1, P2 ... for the prediction, each with a level: {', '.join(SIGNIFICANCE)}. Then match findings "
    "that are the same at their core, wherever they are said to be; a reference finding may match several. What is "
    "left over is missing (reference) or false (predicted). For each difference between two matched findings add an "
    f"attribute error of the types {', '.join(ATTRIBUTES)}, its severity being one of {', '.join(SEVERITY)}.\n\n"
    "Answer with this JSON object and nothing else:\n"
    '{"reference_findings": [{"id": "R1", "finding": "...", "clinical_significance": "..."}], '
    '"predicted_findings": [{"id": "P1", "finding": "...", "clinical_significance": "..."}], '
    '"matched_findings": [{"ref_id": "R1", "pred_id": "P1"}], "errors": {"false_findings": ["P2"], '
    '"missing_findings": ["R2"], "attribute_errors": [{"ref_id": "R1", "pred_id": "P1", "severity": "...", '
    '"error_types": ["..."], "explanation": "..."}]}}\n',
    system="You judge how accurate radiology reports are.",
)
"""CRIMSON's task in our own words. Its model was trained on its authors' words; see docs/metrics-official.md."""


class CrimsonFindings(NamedTuple):
    """What CRIMSON's arithmetic takes.

    Args:
        matches: of each matched reference finding its weight and those of its attribute errors.
        false: weights of findings that only the prediction has.
        missing: weights of reference findings without a match.
        kinds: how many attribute errors there are of each kind.
        stray: ids that are named but not listed; they weigh nothing.
    """

    matches: tuple[tuple[float, tuple[float, ...]], ...]
    false: tuple[float, ...]
    missing: tuple[float, ...]
    kinds: dict[str, int]
    stray: tuple[str, ...]


def read_crimson(answer: str) -> CrimsonFindings:
    """Return what an answer of CRIMSON's judge states.

    A reference finding counts once however often it is matched; one that is not matched is missing, listed or not.

    Raises:
        UnscoredError: if the answer is no such JSON object; the sentence says what is wrong.
    """
    told = _object(answer)
    try:
        references, predicted = (_weights(told[f"{side}_findings"]) for side in ("reference", "predicted"))
        matched = list(dict.fromkeys(str(pair["ref_id"]) for pair in told["matched_findings"]))
        errors = told["errors"]
        false = list(dict.fromkeys(map(str, errors["false_findings"])))
        attributes: Sequence[Mapping[str, Any]] = errors["attribute_errors"]
        named = {str(each["ref_id"]) for each in attributes} | {*matched, *map(str, errors["missing_findings"])}
        by_finding = {name: tuple(_severity(e) for e in attributes if str(e["ref_id"]) == name) for name in matched}
        kinds = {kind: sum(kind in each.get("error_types", ()) for each in attributes) for kind in ATTRIBUTES}
    except (KeyError, TypeError, AttributeError) as error:
        raise UnscoredError(f"the judge's JSON is not CRIMSON's: the fault is {error!r}") from None
    return CrimsonFindings(
        tuple((references.get(name, 0.0), by_finding[name]) for name in matched),
        tuple(predicted[name] for name in false if name in predicted),
        tuple(weight for name, weight in references.items() if name not in matched),
        {kind: count for kind, count in kinds.items() if count},
        tuple(sorted((named - set(references)) | (set(false) - set(predicted)))),
    )


def _weights(findings: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {str(f["id"]): SIGNIFICANCE.get(f.get("clinical_significance", ""), _UNKNOWN) for f in findings}


def _severity(error: Mapping[str, Any]) -> float:
    return SEVERITY.get(error.get("severity", ""), _UNKNOWN)


def _first(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))  # of keys that stand twice the first is kept, as CRIMSON's reader does


def _object(answer: str) -> dict[str, Any]:
    begin, end = answer.find("{"), answer.rfind("}")
    if begin < 0 or end < begin:
        raise UnscoredError(f"the judge's answer holds no JSON object: {answer[:40]!r}")
    body = answer[begin : end + 1]
    try:
        try:
            return dict(json.loads(body, object_pairs_hook=_first))
        except ValueError:
            return dict(json.loads(_STRAY.sub(r"\\\\", body), object_pairs_hook=_first))
    except ValueError as error:
        raise UnscoredError(f"the judge's answer is not JSON: {error}") from None
