"""ChestX-ray8: labels of eight findings mined from reports, with the assertion as the part that is judged.

Source: Wang et al., ChestX-ray8, CVPR 2017: findings and impression (the whole report where both are missing), disease
mentions, those negated or uncertain discarded, a label where a mention survives, Normal where none does. Ours differs
where it must: mentions come from the language pack (the paper: DNorm and MetaMap) and scopes from clauses (the paper:
a dependency parse). The image half (transition layer, LSE pooling, W-CEL) is not in this file.
Data: any reports; judged on the codes of Open-i. Research use only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.registry import register
from hilum.core.report import Report
from hilum.core.vocabulary import label_set
from hilum.data.openi import reports
from hilum.measure.stats import Interval, bounds, patient_weights
from hilum.measure.verdict import Outcome, Verdict
from hilum.text.labels import label_parsed
from hilum.text.parse import Fact, Parsed, parse

Assertion = Literal["mention", "sentence", "clause"]
ARMS: tuple[Assertion, ...] = get_args(Assertion)
_NEGATOR = re.compile(r"\b(?:no|not|nor|without|negative|free|clear|absence|resolved)\b", re.IGNORECASE)
_Counts = NDArray[np.float64]
_Scores = Mapping[Assertion, Mapping[str, Interval]]
CLAIM = "assertion-aware mining lifts label precision"


def mine(
    text: str | Report | Mapping[str, str], *, assertion: Assertion = "clause", labels: str = "chestx-ray8"
) -> frozenset[str]:
    """Return the labels that a report gives its film; none of them means Normal.

    Args:
        text: the report, whole or by section.
        assertion: 'clause' discards what is negated or uncertain in its own clause, 'sentence' what stands after any
            negator of its sentence, 'mention' nothing. The last two are the ablation.
        labels: the label set, 'chestx-ray8' or 'nih-14'.

    Raises:
        InputError: if the assertion is not one of the three.
    """
    return _labels(parse(text), assertion, labels)


def _labels(parsed: Parsed, assertion: Assertion, labels: str) -> frozenset[str]:
    if assertion not in ARMS:
        raise InputError(f"assertion must be one of {', '.join(ARMS)}, got '{assertion}'")
    states = label_parsed(restated(parsed, assertion), labels).states
    return frozenset(name for name, state in states.items() if state == "present" and name != "No Finding")


def restated(parsed: Parsed, assertion: Assertion) -> Parsed:
    """Return the same mentions under another way to assert them.

    A normal heart is no mention of cardiomegaly under any of them.
    """
    if assertion == "clause":
        return parsed
    facts = tuple(fact._replace(state=_state(parsed.text, fact, assertion), certainty="definite", history=False)
                  for fact in parsed.facts)  # fmt: skip
    return replace(parsed, facts=facts)


def _state(text: str, fact: Fact, assertion: Assertion) -> str:
    normal_part = fact.rule.startswith("pair") and fact.state == "absent"
    negated = assertion == "sentence" and _NEGATOR.search(text, fact.sentence[0], fact.start)
    return "absent" if normal_part or negated else "present"


def reproduce(root: str | Path, *, half: str = "test", labels: str = "chestx-ray8", seed: int = 0) -> Verdict:
    """Judge 'assertion-aware mining lifts label precision' on coded Open-i reports, beside its two control arms.

    Args:
        root: an Open-i collection (see `hilum.data.openi.reports`).
        half: 'dev', 'test' or 'all'; halves are made by a hash of the text.
        labels: label set to score.
        seed: of the bootstrap over texts.

    Raises:
        InputError: if a choice is unknown, or no report is left to score.
    """
    if half not in ("dev", "test", "all"):
        raise InputError(f"half must be dev, test or all, got '{half}'")
    if labels not in ("chestx-ray8", "nih-14"):
        raise InputError(f"the codes are read as NIH labels: labels must be chestx-ray8 or nih-14, got '{labels}'")
    names = [name for name in label_set(labels).labels if name != "No Finding"]
    chosen = [each for each in reports(root) if each.scorable and half in ("all", each.half)]
    if not chosen:
        raise InputError(f"no coded report in the {half} half of {root}: expected an Open-i collection")
    parsed = [parse(each.text) for each in chosen]
    gold = np.array([[name in each.labels for name in names] for each in chosen])
    weights = patient_weights([each.group for each in chosen], seed=seed)
    weights = np.concatenate([np.ones((1, len(chosen))), weights])
    drawn = {}
    for arm in ARMS:
        said = np.array([[name in found for name in names] for found in (_labels(p, arm, labels) for p in parsed)])
        counts = np.stack([gold & said, ~gold & said, gold & ~said], axis=-1).astype(float)
        drawn[arm] = _scores(np.einsum("dg,glc->dlc", weights, counts))
    scores = {arm: {name: bounds(float(v[0]), v[1:]) for name, v in found.items()} for arm, found in drawn.items()}
    gaps = {arm: drawn[arm]["precision"] - drawn["mention"]["precision"] for arm in ARMS[1:]}
    gain = {arm: bounds(float(gap[0]), gap[1:]) for arm, gap in gaps.items()}
    outcome: Outcome = "holds" if gain["clause"].low > 0 else "fails"
    if not gold.any():
        outcome = "cannot be tested here"
    return Verdict(CLAIM, outcome, _lines(len(chosen), half, labels, scores, gain), {"arms": scores, "gain": gain})


def _scores(counts: _Counts) -> dict[str, _Counts]:
    """Precision, recall and F1 over all labels, and the mean F1 of the labels, of (draws, labels, tp fp fn)."""
    tp, fp, fn = np.moveaxis(counts.sum(axis=1), -1, 0)
    each = 2 * counts[..., 0] / np.maximum(2 * counts[..., 0] + counts[..., 1] + counts[..., 2], 1)
    parts = {"precision": tp / np.maximum(tp + fp, 1), "recall": tp / np.maximum(tp + fn, 1)}
    return {**parts, "micro F1": 2 * tp / np.maximum(2 * tp + fp + fn, 1), "macro F1": each.mean(axis=1)}


def _lines(count: int, half: str, labels: str, scores: _Scores, gain: Mapping[Assertion, Interval]) -> tuple[str, ...]:
    heads = list(scores["clause"])
    lines = [f"{labels}, {count} coded Open-i reports ({half}); 95 % intervals over texts; uncertain counts as absent"]
    lines.append(f"{'assertion':10}" + "".join(f"{head:>22}" for head in heads))
    lines += [f"{arm:10}" + "".join(f"{found[head]!s:>22}" for head in heads) for arm, found in scores.items()]
    return (*lines, *(f"precision, {arm} minus mention: {gap}" for arm, gap in gain.items()))


@register.system("chestx-ray8", summary="Labels mined from reports", source="ChestX-ray8 (Wang et al., CVPR 2017)")
class ChestXray8:
    """The text half: `mine` labels a report, `reproduce` judges the claim with its ablation."""

    mine = staticmethod(mine)
    reproduce = staticmethod(reproduce)
