"""A blind reader: it learns to answer from the words of questions alone, and shows what they give away.

A conditional logit (McFadden 1974) over the options of a question: what an option says, at which place it stands, how
long it is beside the others, which other options it stands beside, and all of that together with the stem.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import RefusedError
from hilum.core.report import Question
from hilum.core.seed import generator
from hilum.measure.calibration import wilson
from hilum.measure.choice.cascade import bare
from hilum.measure.choice.items import CHANCE, Item
from hilum.measure.stats import Interval

WIDTH = 4_096
MARGIN = 0.05
"""How far above chance a blind reader may come before a set of items is refused."""
_WORD = re.compile(r"[a-z0-9.]+")


def _traits(text: str, options: Sequence[str]) -> list[list[str]]:
    """What is noticed of each option."""
    lengths = np.array([len(option) for option in options], dtype=np.float64)
    found = []
    for at, option in enumerate(options):
        words = _WORD.findall(option.lower())
        rank = int((lengths < lengths[at]).sum()) - int((lengths > lengths[at]).sum())
        longest = lengths[at] > np.delete(lengths, at).max(initial=0)
        own = [f"place {at}", f"rank {rank}", f"longest {longest}", f"is {option}", *(f"word {word}" for word in words)]
        own += [f"beside {option} / {other}" for other in options if other != option]
        found.append([*own, *(f"{text} | {trait}" for trait in own[: 4 + len(words)])])
    return found


def _column(trait: str) -> int:
    return int.from_bytes(blake2b(trait.encode(), digest_size=4).digest(), "big") % WIDTH


def _matrix(text: str, options: Sequence[str]) -> list[NDArray[np.intp]]:
    return [np.unique([_column(trait) for trait in traits]) for traits in _traits(text, options)]


@dataclass(frozen=True, eq=False)
class BlindReader:
    """What was learned from the words of questions: a weight for each trait, (WIDTH,)."""

    weights: NDArray[np.float64] = field(default_factory=lambda: np.zeros(WIDTH), repr=False)

    def scores(self, text: str, options: Sequence[str]) -> NDArray[np.float64]:
        """Return a score of each option; of equal ones none is preferred."""
        return np.array([float(self.weights[columns].sum()) for columns in _matrix(text, options)])

    def answer(self, question: Question) -> int:
        """Return the number of the choice that it gives, the first of equal ones."""
        return int(np.argmax(np.round(self.scores(question.text, [bare(each) for each in question.choices]), 9)))


def learn_blind(items: Sequence[Item], *, decay: float = 0.02, rounds: int = 60) -> BlindReader:
    """Fit the words of items to their answers.

    Args:
        items: with answers.
        decay: penalty on squared weights, for each item.
        rounds: most iterations of L-BFGS.
    """
    from scipy.optimize import minimize
    from scipy.sparse import csr_matrix

    if not items:
        return BlindReader()
    columns = [each for item in items for each in _matrix(item.stem, item.options)]
    starts = np.cumsum([0, *(len(each) for each in columns)])
    table = csr_matrix((np.ones(starts[-1]), np.concatenate(columns), starts), shape=(len(columns), WIDTH))
    owner = np.repeat(np.arange(len(items)), [len(item.options) for item in items])
    first = np.searchsorted(owner, np.arange(len(items)))
    right = first + np.array([item.answer for item in items])

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = table @ weights
        logits = logits - np.maximum.reduceat(logits, first)[owner]
        share = np.exp(logits)
        share /= np.add.reduceat(share, first)[owner]
        value = -float(np.log(share[right] + 1e-12).mean()) + decay * float(weights @ weights) / 2
        share[right] -= 1
        return value, table.T @ share / len(items) + decay * weights

    return BlindReader(minimize(loss, np.zeros(WIDTH), jac=True, method="L-BFGS-B", options={"maxiter": rounds}).x)


def blind_accuracy(reader: BlindReader, items: Sequence[Item]) -> NDArray[np.float64]:
    """Return for each item the chance (N,) that the reader is right: 1, 0, or a share where it cannot decide."""
    made = []
    for item in items:
        scores = np.round(reader.scores(item.stem, item.options), 9)
        best = scores == scores.max()
        made.append(float(best[item.answer]) / float(best.sum()))
    return np.array(made, dtype=np.float64)


@dataclass(frozen=True)
class Gate:
    """What a blind reader came to on a set of items: the worse of two ways to hold items out, and by how many."""

    accuracy: Interval
    held_out_by: str
    items: int

    @property
    def passed(self) -> bool:
        """Whether it stayed within `MARGIN` of chance."""
        return self.accuracy.value <= CHANCE + MARGIN


def gate(items: Sequence[Item], *, folds: int = 5, seed: int = 0) -> Gate:
    """Try a set of items with a blind reader that is learned on other items of the set.

    Items are held out by patient, and by quadruple: of four that share their words three must not teach the fourth.

    Args:
        items: of one set.
        folds: parts held out in turn.
        seed: of the parts.
    """
    found = []
    for way, keys in (("patient", [item.patient for item in items]), ("quadruple", [item.group for item in items])):
        accuracy = _held_out(items, keys, folds, seed)
        found.append(Gate(_share(accuracy), way, len(items)))
    return max(found, key=lambda each: each.accuracy.value)


def _held_out(items: Sequence[Item], keys: Sequence[Hashable], folds: int, seed: int) -> NDArray[np.float64]:
    names = list(dict.fromkeys(keys))
    part = dict(zip(names, generator(seed, "gate").permutation(len(names)) % folds, strict=True))
    fold = np.array([part[key] for key in keys])
    right = np.zeros(len(items))
    for number in range(folds):
        reader = learn_blind([item for item, at in zip(items, fold, strict=True) if at != number])
        held = np.flatnonzero(fold == number)
        right[held] = blind_accuracy(reader, [items[int(at)] for at in held])
    return right


def _share(right: NDArray[np.float64]) -> Interval:
    about = wilson(round(float(right.sum())), len(right))
    return Interval(float(right.mean()), about.low, about.high)


def gated(items: Sequence[Item], *, seed: int = 0) -> Sequence[Item]:
    """Return the items where a blind reader stays at chance.

    Raises:
        RefusedError: if it comes more than five points above chance: such a set measures guessing, not seeing.
    """
    told = gate(items, seed=seed)
    if not told.passed:
        raise RefusedError(
            f"a reader that sees no film answers {told.accuracy} of these {told.items} questions rightly, expected at "
            f"most {CHANCE + MARGIN:.2f} (chance {CHANCE:.2f}, items held out by {told.held_out_by}): ask in "
            "quadruples (balance), rotate the options, and let all of them say as much"
        )
    return items
