"""Preference fine-tuning judged: every arm learns from one policy's samples and writes about the same patients."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from hilum.learn.objectives.prefer import length_pull
from hilum.learn.prefer import Pairs, best_of, pairs_of, relabelled
from hilum.learn.reader.policy import Policy
from hilum.learn.reader.trained import Trained
from hilum.measure.claim import Judged, judge
from hilum.measure.rewards import J1, J2, reward, words
from hilum.measure.scored import Scored
from hilum.systems._preference_arms import LOSSES, arms_of
from hilum.systems._preference_claims import BEST, METRICS, SFT, WORDS, beside_losses, claims_of
from hilum.systems._preference_picture import CAPTION, SAID, picture, said
from hilum.systems._preference_policy import asking, bench, policy
from hilum.systems._preference_recipe import Recipe
from hilum.systems._preference_scores import Asked, scores
from hilum.systems._reader_lab import Lab
from hilum.systems._stage1 import named

Trials = dict[str, dict[str, list[Scored]]]
Found = tuple[list[Judged], list[Judged], list[str], dict[str, bytes | str]]
Say = Callable[[str], None]


def judge_preference(recipe: Recipe, *, seed: int, seeds: int, say: Say) -> Found:
    """Run every arm over seeds.

    Returns:
        The judged claims, those beside them, lines for people, figures by caption.
    """
    held = bench(recipe, seed=seed, say=say)
    asked = Asked.of(held)
    trials: Trials = {metric: defaultdict(list) for metric in METRICS}
    told: list[str] = []
    texts: dict[str, list[str]] = {}
    for number in range(seed, seed + seeds):
        for arm, (found, wrote) in run(held, asked, recipe, seed=number, say=say, told=told).items():
            texts.setdefault(arm, wrote)
            for metric, value in found.items():
                trials[metric][arm].append(value)
    main, beside = claims_of(recipe.count)
    claims = (*main, *beside, *beside_losses(recipe.others))
    ruled = [judge(claim, named(claim, trials[claim.metric]), asked.patients, seed=seed) for claim in claims]
    references = [sample.target for sample in asked.findings]
    length = float(np.mean([words(text) for text in references]))
    lines = [
        f"{len(asked.findings)} reports of {len(set(asked.patients))} held-out patients, {length:.1f} words each; "
        f"greedy decoding; {recipe.count} samples at temperature 1 for each of up to {recipe.questions} questions",
        *told, *gate(recipe), *table(trials),
    ]  # fmt: skip
    most = int(np.argmax([words(text) for text in references]))
    figures: dict[str, bytes | str] = {
        CAPTION: picture(means(trials, WORDS), means(trials, J1), length),
        SAID: said(references[most], {arm: wrote[most] for arm, wrote in texts.items()}),
    }
    return ruled[: len(main)], ruled[len(main) :], lines, figures


def run(
    held: Lab, asked: Asked, recipe: Recipe, *, seed: int, say: Say, told: list[str]
) -> dict[str, tuple[dict[str, Scored], list[str]]]:
    """Train one policy and every arm from it; return arm -> its scores and reports, and add to what is told."""
    say(f"the policy, seed {seed}")
    start = policy(held, recipe, seed=seed)
    asking_now = asking(start, held, recipe)
    say(f"{recipe.count} answers to each of {len(asking_now.samples)} questions, seed {seed}")
    candidates = asking_now.sampled(recipe.count, seed=seed)
    found = {SFT: scores(start, start, asked, recipe, seed=seed)}
    say(shown(SFT, found[SFT][0], seed))
    by_judge: dict[str, Pairs] = {}
    for arm in arms_of(recipe.others, full=bool(recipe.full), judge=recipe.judge):
        if arm.judge not in by_judge:
            by_judge[arm.judge] = made = pairs_of(asking_now.judged(reward(arm.judge), candidates), candidates)
            told.append(f"seed {seed}: {len(made)} pairs by {arm.judge}, {made.ties} ties; the chosen answer has "
                        f"{longer(made):+.1f} words on average")  # fmt: skip
        pairs = by_judge[arm.judge]
        tuned = asking_now.tuned(
            relabelled(pairs, seed=seed) if arm.random else pairs, arm.preference, recipe.spec, batch=recipe.batch,
            seed=seed,
        )  # fmt: skip
        found[arm.name] = scores(tuned, start, asked, recipe, seed=seed)
        say(shown(arm.name, found[arm.name][0], seed))
    name = BEST.format(count=recipe.count)
    found[name] = scores(_best(asking_now, candidates, recipe, seed=seed), start, asked, recipe, seed=seed)
    say(shown(name, found[name][0], seed))
    return found


def shown(arm: str, found: Mapping[str, Scored], seed: int) -> str:
    """Return an arm's first scores as one line, for whoever waits for the rest."""
    return f"{arm}, seed {seed}: " + ", ".join(f"{name} {found[name].value:.3f}" for name in (J1, J2, WORDS))


def _best(one: Policy, candidates: Sequence[Sequence[str]], recipe: Recipe, *, seed: int) -> Trained:
    best = best_of(one.judged(reward(J1), candidates), candidates)
    return one.rewritten(best, recipe.spec, batch=recipe.batch, seed=seed)


def longer(pairs: Pairs) -> float:
    """Return how many words more a chosen answer has than its rejected one, on average: what length is worth."""
    return float(np.mean([words(p.chosen) - words(p.rejected) for p in pairs.pairs])) if len(pairs) else float("nan")


def gate(recipe: Recipe) -> list[str]:
    """Return, for each loss, which way two equally good answers move when both label orders are learned from."""
    pulls = {loss: length_pull(LOSSES[loss]) for loss in dict.fromkeys(("DPO", *recipe.others))}
    told = [f"{loss} {'to the shorter' if pull > 1e-9 else 'nowhere' if pull > -1e-9 else 'to the longer'}"
            for loss, pull in pulls.items()]  # fmt: skip
    return [f"gate, the same two answers of 10 and 30 words labelled both ways round: {'; '.join(told)}"]


def means(trials: Trials, metric: str) -> Mapping[str, float]:
    """Return arm -> its value, averaged over seeds."""
    return {arm: float(np.mean([run.value for run in runs])) for arm, runs in trials[metric].items()}


def table(trials: Trials) -> list[str]:
    """Return every arm's value of every metric, averaged over seeds, as lines."""
    values = {metric: means(trials, metric) for metric in METRICS}
    head = "  ".join(f"{metric[:18]:>18}" for metric in METRICS)
    rows = ["  ".join(f"{values[metric][arm]:18.3f}" for metric in METRICS) for arm in values[J1]]
    return [f"{'arm':34}{head}", *(f"{arm:34}{row}" for arm, row in zip(values[J1], rows, strict=True))]
