"""How encoders are scored: a film's own text among others, and linear probes on what an encoder pools."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import nn

from hilum.learn.label_trunk import seen
from hilum.learn.pairs import Pairs
from hilum.learn.probe import probe
from hilum.measure.scored import Scored, averaged, signature
from hilum.systems._cxr_llava_claims import TEXT

PENALTY = 0.01


def swapped(scores: NDArray[np.float64], test: Pairs) -> NDArray[np.float64]:
    """Return the scores of another patient's film in place of each film's own."""
    count, moved = len(test), np.arange(len(test))
    for at in range(count):
        moved[at] = next((at + k) % count for k in range(1, count + 1)
                         if test.patient[(at + k) % count] != test.patient[at] or k == count)  # fmt: skip
    return scores[moved]


def nearest(scores: NDArray[np.float64], own: NDArray[np.intp]) -> Scored:
    """Score each film by the share of other texts that are farther from it than its own: 1 is first, 0.5 chance.

    Args:
        scores: (N, T) of films with T different texts.
        own: int (N,), the text of each film.
    """
    rows = np.arange(len(scores))
    mine = scores[rows, own][:, None]
    below = (scores < mine).sum(axis=1) + 0.5 * ((scores == mine).sum(axis=1) - 1)
    return averaged(TEXT, below / max(scores.shape[1] - 1, 1), signature(TEXT, 1, texts=scores.shape[1]))


def probed(encoder: nn.Module, learned: Pairs, asked: Pairs, names: tuple[str, ...]) -> NDArray[np.float64]:
    """Return logits (N, K) of a linear probe for each finding, fitted to some films and asked of others."""
    known, shown = (seen(encoder, part.films).pooled.double().numpy() for part in (learned, asked))
    columns = []
    for name in names:
        at = learned.column(name)
        rows = np.flatnonzero(learned.known[:, at])
        truth = learned.target[rows, at] > 0
        if not 0 < truth.sum() < len(truth):
            columns.append(np.zeros(len(shown)))
            continue
        columns.append(probe(known[rows], truth, weight=PENALTY)(shown))
    return np.stack(columns, axis=1)
