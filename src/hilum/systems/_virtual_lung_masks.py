"""Lungs of films from a network's maps, and how near they come to the masks that readers drew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.measure.scored import Scored, averaged, signature
from hilum.systems._paxray_real import dice
from hilum.systems._virtual_claims import DICE, MAPS
from hilum.systems._virtual_films import MASKS, Bools, Floats

if TYPE_CHECKING:
    from torch import nn


def lungs_of(maps: Floats, choices: Sequence[tuple[str, float]]) -> Bools:
    """Return where maps (N, C, S, S), columns as `MASKS`, say lung by each choice: (K, N, S, S)."""
    means = {name: maps[:, [MASKS.index(each) for each in MAPS[name]]].mean(axis=1) for name, _ in choices}
    return np.stack([means[name] > level for name, level in choices])


def read(net: nn.Module, films: NDArray[np.generic], choices: Sequence[tuple[str, float]]) -> Bools:
    """Return where a network says lung by each choice: (K, N, S, S)."""
    from hilum.learn.segment import read_zoomed

    return lungs_of(read_zoomed(net, films), choices)


def scored(answer: Bools, truth: Bools) -> Scored:
    """Return the Dice of each film as a score."""
    return averaged(DICE, dice(answer, truth), signature(DICE, 1, films="each"))
