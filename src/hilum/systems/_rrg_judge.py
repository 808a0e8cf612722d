"""The matrix of the review: every writer on the same studies under every metric, of words and of facts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from hilum.core.errors import InputError
from hilum.measure.claim import Claim, Judged, judge
from hilum.measure.metric import score_all
from hilum.measure.pairs import Pairs
from hilum.measure.rank import kendall_tau
from hilum.measure.scored import Scored
from hilum.systems import _rrg_writers as writers
from hilum.systems._reader_tasks import Bench, Say
from hilum.systems._rrg_claims import (
    ADDED,
    BESIDE,
    BLANK,
    CLAIMS,
    CODE,
    CONSTANT,
    FACTS,
    FOUND,
    MEMORY,
    NEAREST,
    PLAIN,
    RANDOM,
    READER,
    SIDES,
    SWAPPED,
    TRUTH,
    WORDS,
)
from hilum.systems._rrg_material import material, seen
from hilum.systems._rrg_picture import CAPTION, scatter

Trials = dict[str, dict[str, list[Scored]]]
WRITERS = (CONSTANT, RANDOM, NEAREST, CODE, PLAIN, MEMORY, ADDED, READER, TRUTH, SIDES)
RANKED = (CONSTANT, RANDOM, NEAREST, CODE, PLAIN, MEMORY, ADDED, READER)
"""Writers that are compared in rank: those that do not know the report."""


def judge_review(
    bench: Bench, *, seed: int, seeds: int, steps: int, reader_steps: int, say: Say = lambda line: None
) -> tuple[list[Judged], list[Judged], list[str], dict[str, bytes | str]]:
    """Let every writer write, and score all of them on the same rows.

    Returns:
        The judged claims, those beside them, lines for people, figures by caption.
    """
    held = material(bench)
    trials: Trials = {metric: defaultdict(list) for metric in (*WORDS, *FACTS)}
    shown: dict[str, str] = {}

    def keep(writer: str, texts: Sequence[str]) -> None:
        shown.setdefault(writer, texts[0])
        for metric, value in scored(held.texts["test"], texts, held.patients).items():
            trials[metric][writer].append(value)

    for name, texts in ((CONSTANT, writers.constant(held)), (NEAREST, writers.nearest(held)),
                        (CODE, writers.coded(held)), (SIDES, writers.sides_exchanged(held))):  # fmt: skip
        say(name)
        keep(name, texts)
    other, none = held.patches["test"].roll(1, 0), seen(bench, held.studies["test"], blank=True)
    for number in range(seed, seed + seeds):
        keep(RANDOM, writers.random(held, seed=number))
        keep(TRUTH, writers.true_facts(held, seed=number))
        for name, how in ((PLAIN, "none"), (ADDED, "added"), (MEMORY, "norm")):
            say(f"{name}, seed {number}")
            made = writers.decoder(held, how, seed=number, steps=steps)  # type: ignore[arg-type]
            keep(name, writers.decoded(made, held.patches["test"]))
            if name == MEMORY:
                keep(SWAPPED, writers.decoded(made, other))
                keep(BLANK, writers.decoded(made, none))
        say(f"{READER}, seed {number}")
        keep(READER, writers.reader(held, seed=number, steps=reader_steps))
    ruled = [[judge(claim, _named(claim, trials), held.patients, seed=seed) for claim in claims]
             for claims in (CLAIMS, BESIDE)]  # fmt: skip
    values = {metric: {name: mean(runs) for name, runs in arms.items()} for metric, arms in trials.items()}
    lines = [f"{len(held.studies['train'])} first studies to learn from, {len(held.studies['val'])} to stop by, "
             f"{len(held.studies['test'])} to judge on", *table(values), *agreement(values),
             f"a report: {held.texts['test'][0]}",
             *(f"    {name}: {text}" for name, text in shown.items())]  # fmt: skip
    return ruled[0], ruled[1], lines, {CAPTION: scatter(values, (*RANKED, TRUTH, SIDES))}


def scored(references: Sequence[str], texts: Sequence[str], patients: Sequence[str]) -> Mapping[str, Scored]:
    """Return every metric of the matrix over the same rows; an empty answer counts as one that says nothing."""
    pairs = Pairs(tuple(references), tuple(text or "." for text in texts), (), tuple(patients))
    found, failed = score_all((*WORDS, *FACTS), pairs)
    if failed:
        name, why = next(iter(failed.items()))
        raise InputError(f"the metric '{name}' could not be computed: {why}")
    return found


def mean(runs: Sequence[Scored]) -> float:
    """Return the mean of an arm's value over its seeds."""
    return float(np.mean([run.value for run in runs]))


def table(values: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return the matrix as lines: a writer each, a column for each metric."""
    names = (*WORDS, *FACTS)
    rows = [f"{'writer':42} " + " ".join(f"{name.split('/')[-1] if '/' in name else name:>10}" for name in names)]
    writers_here = dict.fromkeys(writer for arms in values.values() for writer in arms)
    return rows + [f"{writer:42} " + " ".join(f"{values[name][writer]:10.3f}" for name in names)
                   for writer in writers_here]  # fmt: skip


def agreement(values: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return how far each metric ranks the writers as the F1 of findings does, those that know the report left out."""
    fact = [values[FOUND][writer] for writer in RANKED]
    lines = []
    for metric in (*WORDS, *FACTS):
        if metric != FOUND:
            tau = float(kendall_tau([values[metric][writer] for writer in RANKED], fact))
            lines.append(f"rank of {len(RANKED)} writers by {metric} beside {FOUND}: Kendall's tau {tau:.2f}")
    return lines


def _named(claim: Claim, trials: Trials) -> dict[str, list[Scored]]:
    return {arm: trials[claim.metric][arm] for arm in dict.fromkeys((claim.arm, claim.better_than, *claim.controls))}
