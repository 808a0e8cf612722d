"""ReXVQA's claim judged: words alone, words and film, words and a wrong film; and what careless items give away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from hilum.learn.choice.train import teach, wrong_films
from hilum.measure.choice.blind import MARGIN, blind_accuracy, gate, learn_blind
from hilum.measure.choice.items import CHANCE, TASKS, Design, make_items
from hilum.measure.claim import Judged, judge
from hilum.measure.scored import Scored, averaged
from hilum.measure.tasks.rexvqa import SEED
from hilum.systems._rexvqa_bench import PER_ITEM, Bench, grey, others, rights
from hilum.systems._rexvqa_claims import (
    BLANK,
    BLIND_ARM,
    CARELESS,
    CHANCE_ARM,
    FILM,
    GAP,
    GUESSING,
    NOTHING_ELSE,
    SEEING,
    SWAPPED,
    WORDS,
    WRONG,
)
from hilum.systems._rexvqa_teach import Scale, eyes, films_of, made_films, to_learn

Say = Callable[[str], None]


def judge_seeing(scale: Scale, *, seed: int, say: Say) -> tuple[list[Judged], list[str], Bench]:
    """Teach the three arms on every seed, show them their films and others, and judge what films are worth."""
    studies, bench = made_films(scale.films), Bench(scale)
    films = films_of(studies)
    for number in range(seed, seed + scale.seeds):
        say(f"seed {number}: an encoder, then three readers")
        features, items = eyes(studies, scale, seed=number, say=say), to_learn(studies, scale, seed=number)
        shown = {WORDS: None, FILM: films, WRONG: wrong_films(items, films, seed=number)}
        for arm, seen in shown.items():
            reader = teach(items, seen, features if seen else None, steps=scale.steps, seed=number)
            asked = bench.films if arm != WRONG else wrong_films(bench.items, bench.films, seed=number)
            bench.take(arm, *rights(reader, bench.items, asked))
            if arm == FILM:
                bench.take(SWAPPED, *rights(reader, bench.items, others(bench.items, bench.films, seed=number)))
                bench.take(
                    BLANK, *rights(reader, bench.items, {name: grey(film) for name, film in bench.films.items()})
                )
    parts = [judge(claim, _of(bench, claim.metric), bench.patients, seed=seed)
             for claim in (*SEEING, NOTHING_ELSE, GAP)]  # fmt: skip
    learned = (
        f"{len(items)} questions of {len(studies)} films to learn from, {len(bench.items)} of other patients to judge"
    )
    return parts, [learned, *bench.lines()], bench


def _of(bench: Bench, metric: str) -> dict[str, list[Scored]]:
    return dict(bench.trials[metric])


def judge_guessing(scale: Scale, *, seed: int, say: Say) -> tuple[list[Judged], list[str]]:
    """Make items carelessly in three ways and see how far a blind reader comes; nothing is drawn but the items."""
    studies, asked = made_films(scale.films), made_films(PER_ITEM * scale.items * len(TASKS), SEED)
    parts, lines = [], []
    for name, design in {"as balanced": Design(), **CARELESS}.items():
        say(f"a blind reader, {name}")
        reader = learn_blind(to_learn(studies, scale, design, seed=seed))
        items = make_items(asked, replace(design, per_task=scale.items), seed=SEED)
        right = blind_accuracy(reader, items)
        told = gate(items, seed=seed)
        lines.append(f"blind, {name}: {right.mean():.3f} of {len(items)}; the gate, taught on the set's own items: "
                     f"{told.accuracy}, {'passed' if told.passed else 'refused'}")  # fmt: skip
        if name in GUESSING:
            claim = GUESSING[name]
            allowed = np.full(len(items), CHANCE + MARGIN)
            trials = {arm: [averaged(claim.metric, values, claim.metric)]
                      for arm, values in ((BLIND_ARM, right), (CHANCE_ARM, allowed))}  # fmt: skip
            parts.append(judge(claim, trials, [item.patient for item in items], seed=seed, deterministic=True))
    return parts, lines
