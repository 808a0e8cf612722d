"""Which films belong together: an anchor, the other films of its study, and one film of the latest earlier study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilum.core.errors import InputError
from hilum.core.geometry import FRONTAL
from hilum.learn.pairs import Pairs
from hilum.nets.views import CURRENT, LATEST, padded


@dataclass(frozen=True, eq=False)
class Sets:
    """For each of N films the other films that speak for its study.

    Args:
        mates: rows of the other films of the study.
        prior: (N,) row of a film of the latest earlier study, a frontal one where there is one; -1 for none.
        study: int (N,) number of the study.
    """

    mates: tuple[tuple[int, ...], ...]
    prior: NDArray[np.int32]
    study: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Films:
    """The films of one batch, each once for each role, and who looks at whom.

    Args:
        rows, when: int64 (M,): row of a film, and its time (`nets.views.TIMES`).
        anchors: int64 (A,), places among them.
        others: int64 (A, V), places of the other films of each anchor, -1 for none.
    """

    rows: Tensor
    when: Tensor
    anchors: Tensor
    others: Tensor


def sets_of(pairs: Pairs) -> Sets:
    """Return the sets of films. A prior is of a strictly earlier visit of the same patient, whatever the identifiers.

    Raises:
        InputError: if one is not (a fault of the data's order).
    """
    prior = pairs.prior_of()
    frontal = np.isin(pairs.view, list(FRONTAL))
    chosen = prior.copy()
    mates = []
    for row, together in enumerate(pairs.mates()):
        others = [int(other) for other in together if other != row]
        mates.append(tuple(others))
        if not frontal[row]:  # a lateral anchor compares with the earlier frontal film too
            earlier = [int(prior[other]) for other in others if frontal[other] and prior[other] >= 0]
            chosen[row] = earlier[0] if earlier else prior[row]
    there = np.flatnonzero(chosen >= 0)
    late = pairs.visit[chosen[there]] >= pairs.visit[there]
    if (late | (pairs.patient[chosen[there]] != pairs.patient[there])).any():
        raise InputError("a prior film must be of an earlier visit of the same patient")
    return Sets(tuple(mates), chosen, np.unique(pairs.study, return_inverse=True)[1].astype(np.int64))


def films_of(
    sets: Sets, anchors: Sequence[int] | NDArray[np.intp], *, views: bool = True, priors: bool = True,
    swap: NDArray[np.intp] | None = None,
) -> Films:  # fmt: skip
    """Return the films of some anchors.

    Args:
        sets: of all films.
        anchors: rows.
        views, priors: whether other films of the study and the earlier one are looked at.
        swap: for each row the row whose other films are shown in place of its own (a control).
    """
    place: dict[tuple[int, int], int] = {}

    def at(row: int, when: int) -> int:
        return place.setdefault((row, when), len(place))

    starts = [at(int(row), CURRENT) for row in anchors]
    listed = []
    for row in (int(each) for each in anchors):
        source = row if swap is None else int(swap[row])
        found = [at(other, CURRENT) for other in sets.mates[source]] if views else []
        if priors and sets.prior[source] >= 0:
            found.append(at(int(sets.prior[source]), LATEST))
        listed.append(found)
    rows, when = (torch.tensor([each[part] for each in place], dtype=torch.int64) for part in (0, 1))
    return Films(rows, when, torch.tensor(starts, dtype=torch.int64), padded(listed))
