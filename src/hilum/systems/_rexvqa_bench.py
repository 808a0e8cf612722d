"""The items that every arm of ReXVQA's claim is judged on, how arms are asked them, and what each came to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hilum.core.image import Image, Window
from hilum.core.seed import generator
from hilum.learn.choice.train import ChoiceReader
from hilum.measure.calibration import wilson
from hilum.measure.choice.frame import OPTIONS
from hilum.measure.choice.items import TASKS, Design, Item, make_items
from hilum.measure.scored import Scored, averaged
from hilum.measure.tasks import rexvqa as asked_task
from hilum.systems._rexvqa_claims import ALL, ALLOWED, LEEWAY, WORDS, metric_of
from hilum.systems._rexvqa_teach import Scale, films_of, made_films

Rights = NDArray[np.bool_]
PER_ITEM = 2  # films drawn for each question that is judged


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
        self.studies = made_films(PER_ITEM * scale.items * len(TASKS), asked_task.SEED)
        self.items = make_items(self.studies, Design(per_task=scale.items), seed=asked_task.SEED)
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
