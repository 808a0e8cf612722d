"""The image half of the multi-model report judged on made films: slices, result codes, written reports, controls."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec

import numpy as np

from hilum.core.errors import need
from hilum.measure.binary import youden_threshold
from hilum.measure.claim import Claim, Judged, judge
from hilum.systems._chestx_ray8_films import made_films
from hilum.systems._multi_model_nets import ONE, OURS, WHOLE, arms, fitted, read, weights
from hilum.systems._multi_model_scores import Bits, Trials, exact_code, hallucinated, label_f1, new_trials
from hilum.text.codes import code_bank

PREVALENCE: Mapping[str, float] = {
    "cardiomegaly": 0.3, "pleural effusion": 0.3, "consolidation": 0.3, "lung nodule": 0.05, "pneumothorax": 0.05
}  # fmt: skip
"""The bank's three findings, as often with as without each other, and two that no model looks for."""
PERFECT, CONSTANT = "perfect bits", "constant normal"
_F1, _EXACT = "label F1", "exact code"
CLAIMS = (
    Claim("binary models, code and bank write better reports than a constant one", OURS, CONSTANT, _F1, (PERFECT,)),
    Claim("their codes are exactly right more often than the constant one", OURS, CONSTANT, _EXACT, (PERFECT,)),
)
BESIDE = (
    Claim("(beside) binary slice models against one model of as many weights", OURS, ONE, _F1, (PERFECT,)),
    Claim("(beside) slices against whole films", OURS, WHOLE, _F1, (PERFECT,)),
)


def judge_reports(
    *, seed: int, seeds: int, size: int, films: int, tests: int, steps: int, overlap: int, say: Callable[[str], None]
) -> tuple[list[Judged], list[Judged], list[str]]:
    """Train every arm from several seeds and judge its reports on the same made test patients.

    Args:
        seed: of the films, and the first of training.
        seeds: trainings of each arm.
        size: rows and columns of a film.
        films, tests: how many to train on and to judge on; a third as many as `films` choose the thresholds.
        steps: optimiser steps of each model.
        overlap: rows that a slice reaches into its neighbours.
        say: told what is being done.

    Returns:
        The judged claims, comparisons beside them, and lines for people.

    Raises:
        MissingError: if torch is not installed.
    """
    if find_spec("torch") is None:
        raise need("torch", "train", "training the slice networks of multi-model-report")
    bank = code_bank("three")
    say(f"drawing {films + films // 3 + 3 * tests} made films of {size} px")
    known, chosen, judged, up, down = (
        made_films(count, size=size, seed=seed + apart, prevalence=PREVALENCE, shift=shift)
        for count, apart, shift in ((films, 0, 0.0), (films // 3, 100_000, 0.0), (tests, 500_000, 0.0),
                                    (tests, 500_000, -0.1), (tests, 500_000, 0.1))
    )  # fmt: skip
    truth = judged.target[:, :3]
    trials = new_trials()
    rows: dict[str, list[list[float]]] = defaultdict(list)

    def score(arm: str, bits: Bits) -> None:
        trials[_F1][arm].append(label_f1(bank, bits, truth))
        trials[_EXACT][arm].append(exact_code(bits, truth))

    for number in range(seeds):
        for arm, models in arms(size, overlap).items():
            say(f"seed {number + 1} of {seeds}: {arm}")
            nets = [fitted(known, columns, spans, wide, steps, seed + number) for columns, spans, wide in models]
            found = read(nets, chosen.pixels)
            limits = [youden_threshold(chosen.target[:, k], found[:, k]) for k in range(3)]
            began = time.monotonic()
            bits = read(nets, judged.pixels) >= limits
            spent = (time.monotonic() - began) / tests * 1000
            score(arm, bits)
            moved = [exact_code(read(nets, other.pixels) >= limits, truth).value for other in (up, down)]
            rows[arm].append([weights(nets), spent, hallucinated(bank, bits), *moved])
    score(PERFECT, truth)
    score(CONSTANT, np.zeros_like(truth))
    every = [judge(c, trials[c.metric], judged.patients, seed=seed) for c in (*CLAIMS, *BESIDE)]
    head = f"{films} made films of {size} px to train on, {films // 3} for thresholds, {tests} of other patients to"
    head += f" judge on (made, no patients), {int(truth.any(axis=1).sum())} of them with a finding; {steps} steps"
    return every[: len(CLAIMS)], every[len(CLAIMS) :], [head, *_lines(trials, rows)]


def _lines(trials: Trials, rows: Mapping[str, Sequence[Sequence[float]]]) -> list[str]:
    heads = ("label F1", "exact code", "weights", "ms / film", "hallucinated", "exact, up 10 %", "exact, down 10 %")
    lines = [f"{'arm':18}" + "".join(f"{head:>17}" for head in heads)]
    for arm, scores in trials[_F1].items():
        found = [float(np.mean([score.value for score in each])) for each in (scores, trials[_EXACT][arm])]
        more = np.mean(rows[arm], axis=0).tolist() if arm in rows else []
        shown = [f"{value:.3f}" for value in found] + [f"{v:.0f}" if v > 1000 else f"{v:.3f}" for v in more]
        lines.append(f"{arm:18}" + "".join(f"{value:>17}" for value in shown))
    return lines
