"""ReXVQA's claim judged: words alone, words and film, words and a wrong film; and what careless items give away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hilum.core.image import Image, Window
from hilum.core.seed import generator
from hilum.learn.choice.train import ChoiceReader, teach, wrong_films
from hilum.measure.calibration import wilson
from hilum.measure.choice.blind import MARGIN, blind_accuracy, gate, learn_blind
from hilum.measure.choice.frame import OPTIONS
from hilum.measure.choice.items import CHANCE, TASKS, Design, Item, make_items
from hilum.measure.claim import Judged, judge
from hilum.measure.scored import Scored, averaged
from hilum.measure.tasks.rexvqa import SEED as ASKED_SEED
from hilum.systems._rexvqa_claims import (
    ALL,
    ALLOWED,
    BLANK,
    BLIND_ARM,
    CARELESS,
    CHANCE_ARM,
    FILM,
    GAP,
    GUESSING,
    LEEWAY,
    NOTHING_ELSE,
    SEEING,
    SWAPPED,
    WORDS,
    WRONG,
    metric_of,
)
from hilum.systems._rexvqa_teach import Scale, eyes, films_of, made_films, to_learn

Say = Callable[[str], None]
Rights = NDArray[np.bool_]
_PER_ITEM = 2  # films drawn for each question that is judged


def rights(reader: ChoiceReader, items: Sequence[Item], films: Mapping[str, Image]) -> tuple[Rights, Rights]:
    """Return for each item in each of its four orders whether it was answered rightly, and whether all named one.

    Returns:
        bool (N, 4), and bool (N,): the same option in every order.
    """
    told, named = [], []
    for places in range(OPTIONS):
        turned = [item.turned(places) for item in items]
        logits = reader.logits([each.stem for each in turned], [each.options for each in turned],
                               [films[each.study] for each in turned])  # fmt: skip
        chosen = logits.argmax(1).tolist()
        told.append([at == each.answer for at, each in zip(chosen, turned, strict=True)])
        named.append([each.options[at] for at, each in zip(chosen, turned, strict=True)])
    return np.array(told).T, np.array([len(set(each)) == 1 for each in zip(*named, strict=True)])


class Bench:
    """The items that all arms are judged on, and what every arm came to on each seed."""

    def __init__(self, scale: Scale) -> None:
        """Draw films and items to judge on: the patients of the task `rexvqa/phantom`."""
        self.studies = made_films(_PER_ITEM * scale.items * len(TASKS), ASKED_SEED)
        self.items = make_items(self.studies, Design(per_task=scale.items), seed=ASKED_SEED)
        self.films = films_of(self.studies)
        self.patients = [item.patient for item in self.items]
        self.trials: dict[str, dict[str, list[Scored]]] = defaultdict(lambda: defaultdict(list))
        self.share: dict[str, list[NDArray[np.float64]]] = defaultdict(list)
        self.same: dict[str, list[float]] = defaultdict(list)

    def take(self, arm: str, told: Rights, same: Rights) -> None:
        """Keep what an arm of one seed came to."""
        share = told.mean(axis=1)
        self.share[arm].append(share)
        self.same[arm].append(float(same.mean()))
        self.trials[ALL][arm].append(averaged(ALL, share, ALL))
        if arm == WORDS:
            self.trials[ALL][ALLOWED].append(averaged(ALL, share + LEEWAY, ALL))
        for task in TASKS:
            kept = np.array([item.task == task for item in self.items])
            name = metric_of(task)
            self.trials[name][arm].append(averaged(name, np.where(kept, share, np.nan), name))

    def lines(self) -> list[str]:
        """Return accuracy by kind and category with Wilson's interval over items, first seed, and consistency."""
        found = []
        for arm, shares in self.share.items():
            own = f"{arm}: the same option in all four orders {np.mean(self.same[arm]):.3f}"
            found.append(own)
            for task in TASKS:
                at = np.array([item.task == task for item in self.items])
                right = float(shares[0][at].mean())
                about = wilson(round(float(shares[0][at].sum())), int(at.sum()))
                found.append(f"    {task:14} {right:.3f}, Wilson [{about.low:.3f}, {about.high:.3f}], {at.sum()} items")
        return found


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


def others(items: Sequence[Item], films: Mapping[str, Image], *, seed: int) -> dict[str, Image]:
    """Return for every study the film of another patient."""
    names = list(dict.fromkeys(item.study for item in items))
    patient = {item.study: item.patient for item in items}
    rng, made = generator(seed, "others"), {}
    for name in names:
        rest = [other for other in names if patient[other] != patient[name]]
        made[name] = films[rest[int(rng.integers(len(rest)))]]
    return made


def grey(film: Image) -> Image:
    """Return a film of the same size with nothing on it."""
    even = np.full(film.pixels.shape, 0.5, np.float32)
    return Image(even, window=Window(0.5, 1.0, "LINEAR_EXACT"), view=film.view, id=film.id)


def judge_guessing(scale: Scale, *, seed: int, say: Say) -> tuple[list[Judged], list[str]]:
    """Make items carelessly in three ways and see how far a blind reader comes; nothing is drawn but the items."""
    studies, asked = made_films(scale.films), made_films(_PER_ITEM * scale.items * len(TASKS), ASKED_SEED)
    parts, lines = [], []
    for name, design in {"as balanced": Design(), **CARELESS}.items():
        say(f"a blind reader, {name}")
        reader = learn_blind(to_learn(studies, scale, design, seed=seed))
        items = make_items(asked, replace(design, per_task=scale.items), seed=ASKED_SEED)
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
