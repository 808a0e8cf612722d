"""What one map and one score come to: AUROC, pointing game, Dice at a validation threshold, and following a side."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from hilum.learn.pairs import Pairs
from hilum.measure.scored import Scored
from hilum.systems._radzero_model import best_threshold
from hilum.systems._radzero_reading import Maps, Reading

Floats = NDArray[np.float64]
Columns = list[tuple[NDArray[np.intp], Floats]]


def macro(metric: str, films: int, columns: Columns, protocol: str) -> Scored:
    """Score films by the mean over findings of each one's mean, ready for a paired bootstrap over patients."""
    return Scored(metric, np.full(films, np.nan), partial(_macro, [each for each in columns if len(each[0])]), protocol)


def _macro(columns: Columns, weights: Floats) -> Floats:
    with np.errstate(all="ignore"):
        each = [(weights[:, rows] @ values) / weights[:, rows].sum(1) for rows, values in columns]
        return np.asarray(np.nanmean(np.stack(each), axis=0), np.float64)


def marked_rows(pairs: Pairs, name: str) -> NDArray[np.intp]:
    """Return the films on which a finding is there and has a region."""
    at = pairs.column(name)
    return np.flatnonzero(pairs.marked[:, at] & (pairs.target[:, at] > 0) & pairs.known[:, at])


def pointing(pairs: Pairs, names: Sequence[str], maps: Maps, *, column: str = "") -> Scored:
    """Score by whether the map's highest point lies in the finding's region, mean over findings (Zhang et al. 2016).

    Args:
        pairs: N films with regions.
        names: findings, in the order of the maps.
        maps: of them.
        column: finding whose regions are meant by every name, where the prompt and the label differ.
    """
    columns: Columns = []
    for place, name in enumerate(names):
        rows = marked_rows(pairs, column or name)
        highest = maps(rows, place).reshape(len(rows), -1).argmax(1) if len(rows) else rows
        truth = pairs.mask(rows, pairs.column(column or name)).reshape(len(rows), -1)
        columns.append((rows, truth[np.arange(len(rows)), highest].astype(np.float64)))
    return macro("pointing", len(pairs), columns, f"peak in the region, mean over {', '.join(names)}")


def threshold_of(pairs: Pairs, names: Sequence[str], maps: Maps) -> float:
    """Return the level of a map, one for all findings, at which Dice is best on these (validation) films."""
    values, truth = [], []
    for place, name in enumerate(names):
        rows = marked_rows(pairs, name)
        if len(rows):
            values.append(maps(rows, place).ravel())
            truth.append(pairs.mask(rows, pairs.column(name)).ravel())
    return best_threshold(np.concatenate(values), np.concatenate(truth)) if values else 0.0


def dice(pairs: Pairs, names: Sequence[str], maps: Maps, level: float, *, column: str = "") -> Scored:
    """Score films that have a finding by the Dice of its region and the map above a level chosen elsewhere."""
    columns: Columns = []
    for place, name in enumerate(names):
        rows = marked_rows(pairs, column or name)
        said = maps(rows, place) > level
        truth = pairs.mask(rows, pairs.column(column or name))
        both = (said & truth).sum((1, 2))
        columns.append((rows, 2.0 * both / np.maximum(said.sum((1, 2)) + truth.sum((1, 2)), 1)))
    return macro("Dice", len(pairs), columns, f"level from validation, mean over {', '.join(names)}")


def following(pairs: Pairs, names: Sequence[str], reading: Reading) -> Scored:
    """Score films with a one-sided finding by whether the map goes to the side that the prompt names; chance is .5.

    Both sides are asked for on each film: a map that stays where it is, wherever the finding lies, scores .5.
    """
    columns: Columns = []
    half = reading.grid[1] / 2
    for place, name in enumerate(names):
        rows = np.flatnonzero(np.isin(pairs.sides[:, pairs.column(name)], (1, 2)))
        peak = reading.sided[torch.from_numpy(rows), place].argmax(-1).numpy() % reading.grid[1] + reading.first
        # the patient's right is on the left of the film
        values = 0.25 * (1.0 - np.sign(peak[:, 0] - half)) + 0.25 * (1.0 + np.sign(peak[:, 1] - half))  # midline: half
        columns.append((rows, values.astype(np.float64)))
    return macro("follows the side", len(pairs), columns, f"mean over {', '.join(names)}")
