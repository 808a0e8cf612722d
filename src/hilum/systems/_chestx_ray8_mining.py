"""The text half of ChestX-ray8 judged: precision of mined labels on coded reports, or on composed ones."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError, MissingError
from hilum.core.finding import Finding, State
from hilum.core.seed import generator
from hilum.core.vocabulary import label_set, to_concept
from hilum.data.openi import reports
from hilum.measure.claim import Claim, Judged, judge
from hilum.measure.scored import Scored, ratio, signature, summed
from hilum.measure.stats import Interval, bounds, patient_weights
from hilum.systems._chestx_ray8_mine import ARMS, Assertion, labels_of
from hilum.text.parse import Parsed, parse
from hilum.text.phrase import compose

CLAIM = Claim("assertion-aware mining lifts label precision", "clause", "mention", "precision", ("sentence",))
PLACES = ("HILUM_DATA", "HILUM_PACK")
"""Environment variables that name a folder to look for Open-i in, where none is given."""
_STATES: Mapping[State, float] = {"present": 0.12, "uncertain": 0.06, "absent": 0.5}
_Counts = NDArray[np.float64]
_Scores = Mapping[str, Interval]


@dataclass(frozen=True)
class Mined:
    """Reports to judge on: their parse, the labels that are right, who belongs together, and where they are from."""

    parsed: Sequence[Parsed]
    gold: Sequence[frozenset[str]]
    groups: Sequence[str]
    source: str


def found_reports(data: Path | None, half: str, labels: str, seed: int) -> Mined:
    """Return coded Open-i reports of the folder given or of the environment, else composed reports.

    Raises:
        InputError: if a choice is unknown, or the collection has no report left to score.
    """
    if half not in ("dev", "test", "all"):
        raise InputError(f"half must be dev, test or all, got '{half}'")
    if labels not in ("chestx-ray8", "nih-14"):
        raise InputError(f"the codes are read as NIH labels: labels must be chestx-ray8 or nih-14, got '{labels}'")
    for root in [data] if data is not None else [Path(os.environ[name]) for name in PLACES if os.environ.get(name)]:
        try:
            chosen = [each for each in reports(root) if each.scorable and half in ("all", each.half)]
        except MissingError:
            continue
        if not chosen:
            raise InputError(f"no coded report in the {half} half of {root}: expected an Open-i collection")
        source = f"{labels}, {len(chosen)} coded Open-i reports ({half}); 95 % intervals over texts"
        parsed = [parse(c.text) for c in chosen]
        return Mined(parsed, [c.labels for c in chosen], [c.group for c in chosen], f"{source}; uncertain as absent")
    return composed(600, labels, seed)


def composed(count: int, labels: str, seed: int) -> Mined:
    """Return reports that our own bank of sentences says, with present, absent and uncertain findings, and their truth.

    They are easy: bank and labeler are of one house. They show what the assertion does, not how well reports are read.
    """
    names = [name for name in label_set(labels).labels if name != "No Finding"]
    parsed, gold = [], []
    for number in range(count):
        rng = generator(seed, "composed", number)
        drawn = {name: rng.choice([*_STATES, ""], p=[*_STATES.values(), 1 - sum(_STATES.values())]) for name in names}
        said = [Finding(to_concept(labels, name).name, state) for name, state in drawn.items() if state]
        report = compose(said, seed=int(rng.integers(1 << 31)))
        parsed.append(parse({"findings": report.findings, "impression": report.impression}))
        gold.append(frozenset(name for name, state in drawn.items() if state == "present"))
    source = f"{labels}, {count} reports composed by hilum.text.phrase, truth exact (no Open-i given: --data FOLDER)"
    return Mined(parsed, gold, [str(number) for number in range(count)], source)


def judge_mining(mined: Mined, labels: str, seed: int) -> tuple[Judged, list[str], dict[str, object]]:
    """Judge 'assertion-aware mining lifts label precision' beside its two control arms.

    Returns:
        The judged claim, lines for people, and all scores of every arm.
    """
    names = [name for name in label_set(labels).labels if name != "No Finding"]
    gold = np.array([[name in each for name in names] for each in mined.gold])
    weights = patient_weights(mined.groups, seed=seed)
    weights = np.concatenate([np.ones((1, len(gold))), weights])
    trials: dict[str, list[Scored]] = {}
    drawn: dict[Assertion, Mapping[str, _Counts]] = {}
    for arm in ARMS:
        mined_labels = [labels_of(parsed, arm, labels) for parsed in mined.parsed]
        said = np.array([[name in found for name in names] for found in mined_labels])
        counts = np.stack([gold & said, ~gold & said, gold & ~said], axis=-1).astype(float)
        drawn[arm] = _scores(np.einsum("dg,glc->dlc", weights, counts))
        sums = counts.sum(axis=1)
        each = ratio(sums[:, 0], sums[:, 0] + sums[:, 1])
        trials[arm] = [summed("precision", each, sums, lambda s: ratio(s[:, 0], s[:, 0] + s[:, 1]),
                              signature("precision", 1, labels=labels))]  # fmt: skip
    part = judge(CLAIM, trials, mined.groups, seed=seed, deterministic=True)
    if not gold.any():
        part = Judged(CLAIM, "cannot be tested here", part.gain, part.arms, 1, "no report has a label")
    scores = {arm: {name: bounds(float(v[0]), v[1:]) for name, v in found.items()} for arm, found in drawn.items()}
    gaps = {arm: drawn[arm]["precision"] - drawn["mention"]["precision"] for arm in ARMS[1:]}
    gain = {arm: bounds(float(gap[0]), gap[1:]) for arm, gap in gaps.items()}
    return part, _lines(mined.source, scores), {"arms": scores, "gain": gain}


def _scores(counts: _Counts) -> dict[str, _Counts]:
    """Precision, recall and F1 over all labels, and the mean F1 of the labels, of (draws, labels, tp fp fn)."""
    tp, fp, fn = np.moveaxis(counts.sum(axis=1), -1, 0)
    each = 2 * counts[..., 0] / np.maximum(2 * counts[..., 0] + counts[..., 1] + counts[..., 2], 1)
    parts = {"precision": tp / np.maximum(tp + fp, 1), "recall": tp / np.maximum(tp + fn, 1)}
    return {**parts, "micro F1": 2 * tp / np.maximum(2 * tp + fp + fn, 1), "macro F1": each.mean(axis=1)}


def _lines(source: str, scores: Mapping[Assertion, _Scores]) -> list[str]:
    heads = list(scores["clause"])
    lines = [source, f"{'assertion':10}" + "".join(f"{head:>22}" for head in heads)]
    return lines + [f"{arm:10}" + "".join(f"{found[h]!s:>22}" for h in heads) for arm, found in scores.items()]
