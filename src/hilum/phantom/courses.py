"""How severities go from visit to visit, made so that the present film alone cannot tell what changed.

A severity s is 0 (not there) or lies in [least, 1], cut into levels of 0.1. From one visit to the next it is unchanged
(|change| <= 0.05), improved or worsened by 0.2 to 0.6, new (from 0 to at most 0.6) or resolved (from at most 0.6 to
0); a change between 0.05 and 0.2 never happens. The steps are weighted so that, given the present level, the classes
are as close to equally likely as these bounds allow and the levels are drawn alike at every visit.
Source: the rules of synthesis.md 14.4 and readers.md 0.2 of the project's specification; the fit is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.finding import Change

Floats = NDArray[np.float64]
LEVEL = 0.1
STABLE = 0.05
"""Largest change of severity that counts as unchanged."""
CHANGED = (0.2, 0.6)
"""Least and largest change of severity that counts as improved or worsened."""
LEAST = 0.2
"""Severity from which a finding that changes is there at all; quantities are then well above their thresholds."""
NUISANCE_SHARE = 0.15
"""Share of visits at which nothing changed but pose, exposure and the look-up table."""
CLASSES: tuple[Change, ...] = ("unchanged", "improved", "worsened", "new", "resolved")
_ABSENT = 5
_NEAR, _FAR = 3, 5  # levels apart: any two severities in them differ by more than 0.2 and less than 0.6
_ROUNDS = 400


def change_of(before: float, now: float) -> Change | None:
    """Return the class of a step between two severities, 0 where the finding is not there; None inside the gap.

    Args:
        before, now: severities in [0, 1]; 0 to 0 is None too, as there is nothing to compare.
    """
    if not before or not now:
        return "new" if now else "resolved" if before else None
    step = now - before
    if abs(step) <= STABLE + 1e-9:
        return "unchanged"
    if abs(step) < CHANGED[0] - 1e-9:
        return None
    return "worsened" if step > 0 else "improved"


@lru_cache(maxsize=16)
def steps(nuisance_share: float = NUISANCE_SHARE, least: float = LEAST) -> tuple[Floats, Floats]:
    """Return how a severity goes on: (T, p), chances from level to level and of each level at any visit.

    Args:
        nuisance_share: of steps at which nothing may change, on top of what T says.
        least: severity of level 1; level 0 stands for 'not there'.

    Returns:
        T (L, L) with rows that add to 1, for a step that is not of the nuisance share; p (L,).

    Raises:
        InputError: if the share is not in [0, 0.25], or fewer than 4 levels are left above `least`.
    """
    levels = round((1.0 - least) / LEVEL)
    if not 0.0 <= nuisance_share <= 0.25 or levels < 4:
        raise InputError(
            f"a nuisance share of {nuisance_share:g} from severity {least:g} up leaves no balanced steps: "
            "take a share in [0, 0.25] and a least severity of at most 0.6"
        )
    kinds = _kinds(levels, least)
    joint = np.where(kinds >= 0, 1.0, 0.0)
    for _ in range(_ROUNDS):
        for j in range(levels + 1):
            joint[:, j] = _balanced(joint[:, j], kinds[:, j], nuisance_share)
        joint /= joint.sum()
        out, into = joint.sum(axis=1), joint.sum(axis=0)
        scale = np.sqrt(into / out)
        joint *= scale[:, None] / scale[None, :]
    whole = joint / joint.sum(axis=1, keepdims=True)
    free = whole - nuisance_share * np.eye(levels + 1)
    free = np.maximum(free, 0.0)
    free /= free.sum(axis=1, keepdims=True)
    whole = (1.0 - nuisance_share) * free + nuisance_share * np.eye(levels + 1)
    return free, _stationary(whole)


def _kinds(levels: int, least: float) -> NDArray[np.int64]:
    """(L, L) number of the class of each step, -1 where a step is not allowed."""
    kinds = np.full((levels + 1, levels + 1), -1)
    kinds[0, 0] = _ABSENT
    for i in range(1, levels + 1):
        kinds[i, i] = 0
        if least + i * LEVEL <= CHANGED[1] + 1e-9:
            kinds[0, i], kinds[i, 0] = 3, 4
        for j in range(1, levels + 1):
            if _NEAR <= abs(i - j) <= _FAR:
                kinds[i, j] = 2 if j > i else 1
    return kinds


def _balanced(column: Floats, kinds: NDArray[np.int64], nuisance_share: float) -> Floats:
    """One present level: classes made equally likely, 'unchanged' no less so than nuisance makes it."""
    told, total = np.unique(kinds[kinds >= 0]), column.sum()
    share = dict.fromkeys(told.tolist(), 1.0 / len(told))
    for kind in (0, _ABSENT):
        if kind in share and share[kind] < nuisance_share + 0.02:
            others = (1.0 - nuisance_share - 0.02) / (len(told) - 1)
            share = dict.fromkeys(told.tolist(), others) | {kind: nuisance_share + 0.02}
    made = column.copy()
    for kind, part in share.items():
        chosen = kinds == kind
        made[chosen] *= part * total / column[chosen].sum()
    return made


def _stationary(whole: Floats) -> Floats:
    size = len(whole)
    system = np.vstack([whole.T - np.eye(size), np.ones(size)])
    found: Floats = np.linalg.lstsq(system, np.append(np.zeros(size), 1.0), rcond=None)[0]
    kept: Floats = np.maximum(found, 0.0)
    return kept / float(kept.sum())


def change_shares(nuisance_share: float = NUISANCE_SHARE, least: float = LEAST) -> Mapping[Change, Floats]:
    """Return the joint chance of each class of change and each present level, given that the finding is there now.

    Args:
        nuisance_share, least: as for `steps`.

    Returns:
        (L - 1,) for each class; all of them together add to 1.
    """
    free, at = steps(nuisance_share, least)
    joint = at[:, None] * ((1.0 - nuisance_share) * free + nuisance_share * np.eye(len(at)))
    kinds = _kinds(len(at) - 1, least)
    shares = {name: np.where(kinds == n, joint, 0.0).sum(axis=0)[1:] for n, name in enumerate(CLASSES)}
    total = sum(float(each.sum()) for each in shares.values())
    return {name: each / total for name, each in shares.items() if name != "resolved"}


def single_film_accuracy(nuisance_share: float = NUISANCE_SHARE, least: float = LEAST) -> float:
    """Return the best accuracy of change that a reader of the present film alone can reach (Bayes), [0, 1].

    The reader knows the severity exactly and the generator; the floor that a reader with the prior must beat.
    Findings that are there at the present visit count; severities inside one level are drawn alike whatever the class.

    Args:
        nuisance_share, least: as for `steps`.
    """
    return float(np.max(list(change_shares(nuisance_share, least).values()), axis=0).sum())


def first_severity(rng: np.random.Generator, *, nuisance_share: float = NUISANCE_SHARE, least: float = LEAST) -> float:
    """Draw the severity of a finding at a first visit; 0 where it is not there yet."""
    _, at = steps(nuisance_share, least)
    return _within(int(rng.choice(len(at), p=at)), rng, least)


def next_severity(
    before: float, rng: np.random.Generator, *, nuisance: bool, nuisance_share: float = NUISANCE_SHARE,
    least: float = LEAST,
) -> float:  # fmt: skip
    """Draw the severity at the next visit.

    Args:
        before: 0, or in [least, 1].
        rng: of the draw.
        nuisance: whether nothing may change at this visit.
        nuisance_share: share of such visits, which the weights make up for.
        least: as for `steps`.
    """
    free, _ = steps(nuisance_share, least)
    level = min(int((before - least) / LEVEL + 1e-9) + 1, len(free) - 1) if before else 0
    after = level if nuisance else int(rng.choice(len(free), p=free[level]))
    if after != level or not before:
        return _within(after, rng, least)
    low, high = least + (level - 1) * LEVEL, least + level * LEVEL
    moved = before + float(rng.uniform(-STABLE, STABLE))
    inside = 2 * low - moved if moved < low else 2 * high - moved if moved > high else moved
    return float(np.clip(inside, low, high))


def _within(level: int, rng: np.random.Generator, least: float) -> float:
    return float(min(least + LEVEL * (level - 1 + rng.random()), 1.0)) if level else 0.0
