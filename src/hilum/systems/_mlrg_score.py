"""What MLRG's first stage is judged by: findings read by a linear probe, films of a study found among others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hilum.core.geometry import FRONTAL
from hilum.learn.pairs import Pairs
from hilum.learn.probe import probe
from hilum.learn.retrieve import hit_at, index_of
from hilum.measure.scored import Scored, averaged
from hilum.systems._aligned import auroc_of

Floats = NDArray[np.float64]
PENALTY = 0.01
"""Of the probe's squared weights, for each film."""


@dataclass(frozen=True, eq=False)
class Probed:
    """Scores of one arm: AUROC of findings, R@1 of films to their study, of anchors to their report; and what is found.

    Args:
        auroc, study, report: the scores.
        nearest: of `nearest_other_view`.
    """

    auroc: Scored
    study: Scored
    report: Scored
    nearest: NDArray[np.intp]


def probed(
    names: Sequence[str], known: Pairs, features: Floats, asked: Pairs, shown: Floats, *, penalty: float = PENALTY
) -> Scored:
    """Fit a probe for each finding on features of `known` films and score it on others; what is not known is left out.

    Args:
        names: findings.
        known, features: films to learn from, (N, F).
        asked, shown: films to be judged on, (M, F).
        penalty: of the weights.
    """
    chances = np.zeros((len(asked), len(names)))
    for place, name in enumerate(names):
        at = known.column(name)
        rows = known.known[:, at]
        if len(np.unique(known.target[rows, at])) == 2:
            chances[:, place] = probe(features[rows], known.target[rows, at], weight=penalty)(shown)
    return auroc_of(asked, names, chances)


def nearest_other_view(pairs: Pairs, alone: Floats) -> NDArray[np.intp]:
    """Return for each film the row of the nearest film of the other kind (frontal or lateral); -1 for none.

    Args:
        pairs: N films. Those whose own study has no film of the other kind are not asked.
        alone: (N, W), each film by itself.
    """
    frontal = np.isin(pairs.view, list(FRONTAL))
    found = np.full(len(pairs), -1, np.intp)
    for kind in (True, False):
        held, asked = np.flatnonzero(frontal == kind), np.flatnonzero(frontal != kind)
        asked = asked[np.isin(pairs.study[asked], pairs.study[held])]
        if len(asked):
            found[asked] = held[_nearest(alone[held], alone[asked], 1)[:, 0]]
    return found


def view_to_study(pairs: Pairs, alone: Floats) -> Scored:
    """Score films by whether the nearest film of the other kind is of their own study: R@1.

    Other visits of the patient are among the rivals.

    Args:
        pairs, alone: as of `nearest_other_view`.
    """
    found = nearest_other_view(pairs, alone)
    values = np.where(found < 0, np.nan, (pairs.study[found] == pairs.study).astype(np.float64))
    return averaged("R@1", values, "view to study|films of the other kind")


def view_to_report(
    pairs: Pairs, rows: NDArray[np.intp], fused: Floats, told: Floats, texts: Sequence[str], k: int = 1
) -> Scored:
    """Score anchors by whether one of their first k reports is their study's, or says the same word for word: R@k.

    Args:
        pairs, rows: films, and which of them are anchors.
        fused: (n, W) of the anchors.
        told: (N, W) of all films' reports; each study counts once.
        texts: of all films.
        k: reports looked at.
    """
    _, first = np.unique(pairs.study, return_index=True)
    mine = [texts[row] for row in rows]
    right = partial(_same, np.array(mine, dtype=object), np.array([texts[row] for row in first], dtype=object))
    return averaged(f"R@{k}", hit_at(_nearest(told[first], fused, k), right, k), f"anchor to report|first {k}")


def _same(asked: NDArray[np.generic], held: NDArray[np.generic], query: int, row: int) -> bool:
    return bool(asked[query] == held[row])


def _nearest(held: Floats, asked: Floats, k: int) -> NDArray[np.intp]:
    nobody = [""] * len(held)
    index = index_of(held, nobody, nobody, ["train"] * len(held), encoder="")
    return index.find(asked, ["-"] * len(asked), encoder="", keep=k)[0]
