"""Where a finding is said to be: hit rates and false positives of ChestX-ray8, and the pointing game.

Only images that hold the concept count; the score is a mean over concepts. See `hilum.measure.metrics.detection.films`
for what takes part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal, get_args

import numpy as np

from hilum.core.errors import InputError
from hilum.core.registry import register
from hilum.measure.boxes import hits
from hilum.measure.froc import inside
from hilum.measure.metrics.detection import Film, StudyPairs, films, macro, owners
from hilum.measure.scored import Floats, Scored, ratio

Overlap = Literal["IoBB", "IoU"]
NAMED: tuple[tuple[Overlap, float], ...] = (
    ("IoBB", 0.1), ("IoBB", 0.25), ("IoBB", 0.5), ("IoBB", 0.75), ("IoBB", 0.9), ("IoU", 0.1), ("IoU", 0.5),
)  # fmt: skip
"""Overlap and level of the registered hit rates."""
_UNIT = (0.0, 1.0)


def _summed(
    name: str, pairs: StudyPairs, told: dict[str, tuple[Film, ...]], table: Callable[[Film], Sequence[float]],
    **parts: object,
) -> Scored:  # fmt: skip
    """Score each concept by the ratio of two sums over its images; `table` gives (above, below) of one image."""
    curves, sums = [], np.zeros((len(pairs), 2))
    for images in told.values():
        rows = np.array([table(film) for film in images], dtype=np.float64).reshape(-1, 2)
        np.add.at(sums, owners(images), rows)
        curves.append((owners(images), partial(_ratio, rows)))
    return macro(name, pairs, curves, ratio(sums[:, 0], sums[:, 1]), images="of-concept", **parts)  # type: ignore[arg-type]


def _ratio(rows: Floats, weights: Floats) -> Floats:
    return ratio(weights @ rows[:, 0], weights @ rows[:, 1])


def _check(level: float, overlap: str) -> None:
    if not 0 <= level < 1 or overlap not in get_args(Overlap):
        raise InputError(f"level must lie in [0, 1) and overlap be 'IoBB' or 'IoU', got {level} and '{overlap}'")


def hit_rate(pairs: StudyPairs, *, level: float = 0.1, overlap: Overlap = "IoBB") -> Scored:
    """Score by the share of true boxes that a detected box hits at any level (ChestX-ray8's accuracy).

    Args:
        pairs: references and answers with boxes.
        level: overlap above which a box hits, [0, 1).
        overlap: 'IoBB', the shared area over the detected box's own, or 'IoU'.

    Raises:
        InputError: if the level or the overlap is out of its range, or a box has no score.
    """
    _check(level, overlap)

    def table(film: Film) -> tuple[float, float]:
        found = hits(film.found, film.truths, level=level, overlap=overlap)
        return found.hit, found.truths

    name = f"{overlap.lower()}-hit@{level:g}"
    return _summed(name, pairs, films(pairs), table, overlap=f"{overlap}>{level:g}")


@register.metric("afp", better="lower", takes="study", over="set", range=(0.0, float("inf")), version=1)
def afp(pairs: StudyPairs, *, level: float = 0.1, overlap: Overlap = "IoBB") -> Scored:
    """Detected boxes that hit no true box (IoBB above .1), per image that has one (ChestX-ray8's AFP).

    Args:
        pairs, level, overlap: see `hit_rate`.

    Raises:
        InputError: see `hit_rate`.
    """
    _check(level, overlap)

    def table(film: Film) -> tuple[float, float]:
        found = hits(film.found, film.truths, level=level, overlap=overlap)
        return (found.false, 1) if found.truths else (0, 0)

    return _summed("afp", pairs, films(pairs), table, better="lower", overlap=f"{overlap}>{level:g}")


@register.metric("pointing-game", better="higher", takes="study", over="set", range=_UNIT, version=1)
def pointing_game(pairs: StudyPairs) -> Scored:
    """Share of images with the finding whose surest point, or box's centre, lies in a true region (Zhang et al. 2016).

    An image without a point misses; of points that are equally sure the first counts.
    """

    def table(film: Film) -> tuple[float, float]:
        if not film.regions:
            return 0, 0
        best = max(film.points, key=lambda point: point.score, default=None)
        return float(best is not None and any(inside(best, region) for region in film.regions)), 1

    told = films(pairs, masks=True)
    return _summed("pointing-game", pairs, told, table, rule="surest-point-in-region", unpointed="miss")


def _register(overlap: Overlap, level: float) -> None:
    def named(pairs: StudyPairs) -> Scored:
        return hit_rate(pairs, level=level, overlap=overlap)

    named.__doc__ = (
        f"Share of true boxes that a box hits by {overlap} above {level:g} (ChestX-ray8), mean over findings."
    )
    register.metric(
        f"{overlap.lower()}-hit@{level:g}", better="higher", takes="study", over="set", range=_UNIT, version=1
    )(named)


for _overlap, _at in NAMED:
    _register(_overlap, _at)
