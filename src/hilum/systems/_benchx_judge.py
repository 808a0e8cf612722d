"""Does one protocol change the ranking of methods? Kendall's tau over the recipes, beside what another seed does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from hilum.core.errors import InputError
from hilum.learn.pairs import Pairs
from hilum.measure.claim import SEEDS, Judged, judge
from hilum.measure.rank import kendall_tau
from hilum.measure.scored import Scored
from hilum.systems._benchx_claims import (
    CHANGES,
    EVERY,
    LEARNT,
    OVERTAKE,
    RANDOM,
    RECIPES,
    SEEDS_ARM,
    SUPERVISED,
    TAU,
    YEARS,
)
from hilum.systems._benchx_lines import Aurocs, ranking_lines
from hilum.systems._benchx_pretrain import METHODS
from hilum.systems._benchx_protocol import DEFAULT, SEARCHED, Cell, Cells, Floats


def tau_between_recipes(values: Aurocs, weights: Floats, arms: Sequence[str], ways: Sequence[Cell], seeds: int
                        ) -> Floats:  # fmt: skip
    """Return tau of the default recipe's ranking with the per-method one's, same seed: mean over seeds and ways."""
    pairs = [(way, Cell(way.mode, way.share, SEARCHED), seed) for way in ways for seed in range(seeds)]
    each = [kendall_tau(values.table(weights, one, arms, seed), values.table(weights, two, arms, seed))
            for one, two, seed in pairs]  # fmt: skip
    return np.asarray(np.mean(each, axis=0), np.float64)


def tau_between_seeds(values: Aurocs, weights: Floats, arms: Sequence[str], ways: Sequence[Cell], seeds: int
                      ) -> Floats:  # fmt: skip
    """Return tau of two seeds' rankings, same recipe: mean over pairs of seeds, recipes and ways; NaN for one seed."""
    each = [np.full(len(weights), np.nan)] if seeds < 2 else []
    for way in ways:
        for recipe in (DEFAULT, SEARCHED):
            cell = Cell(way.mode, way.share, recipe)
            for one, two in combinations(range(seeds), 2):
                each.append(kendall_tau(values.table(weights, cell, arms, one), values.table(weights, cell, arms, two)))
    return np.asarray(np.mean(each, axis=0), np.float64)


def _tau_scored(values: Aurocs, arms: Sequence[str], ways: Sequence[Cell], seeds: int, between: Callable[..., Floats]
                ) -> Scored:  # fmt: skip
    return Scored(
        TAU, np.full(len(values.test), np.nan), lambda weights: between(values, weights, arms, ways, seeds),
        "Kendall tau of single runs' rankings", better="lower",
    )  # fmt: skip


def judge_ranking(cells: Cells, test: Pairs, names: Sequence[str], methods: Sequence[str], *, seeds: int, seed: int
                  ) -> tuple[list[Judged], list[Judged], list[str]]:  # fmt: skip
    """Return the judged claims, the one beside them, and lines for people.

    Args:
        cells: what every arm said.
        test: the films.
        names: findings that count.
        methods: ranked.
        seeds: runs of each arm.
        seed: of the bootstrap.

    Raises:
        InputError: if fewer than two methods are ranked, or no method is early or late.
    """
    if len(methods) < 2:
        raise InputError(f"it takes two methods to rank, got {len(methods)}")
    values, patients = Aurocs(cells, test, names), [str(each) for each in test.patient]
    ways = [cell for cell in cells.logits if cell.recipe == DEFAULT]
    tuned = [cell for cell in cells.logits if cell.recipe == SEARCHED]
    trials = {RECIPES: [_tau_scored(values, methods, ways, seeds, tau_between_recipes)],
              SEEDS_ARM: [_tau_scored(values, methods, ways, seeds, tau_between_seeds)]}  # fmt: skip
    replicates = 400
    changes = judge(CHANGES, trials, patients, replicates=replicates, seed=seed, deterministic=seeds >= SEEDS)
    parts = [replace(changes, seeds=seeds)]
    groups = {name: [m for m in methods if METHODS[m].published.year in years] for name, years in YEARS.items()}
    if all(groups.values()):
        arms = {**groups, RANDOM: [RANDOM], SUPERVISED: [SUPERVISED]}
        runs = {arm: [values.scored(held, tuned, each) for each in range(seeds)] for arm, held in arms.items()}
        parts.append(judge(OVERTAKE, runs, patients, replicates=replicates, seed=seed))
    arms = {EVERY: list(methods), RANDOM: [RANDOM], SUPERVISED: [SUPERVISED]}
    runs = {arm: [values.scored(held, tuned, each) for each in range(seeds)] for arm, held in arms.items()}
    beside = [judge(LEARNT, runs, patients, replicates=replicates, seed=seed)]
    return parts, beside, ranking_lines(values, cells, methods, seeds)
