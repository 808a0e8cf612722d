"""What a study of two views costs, stage by stage, in seconds of processor time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from hilum.core.geometry import View
from hilum.phantom.families import warp_anatomy
from hilum.phantom.imaging import expose, shoot
from hilum.phantom.patient import Anatomy, Person, Placed, Pose
from hilum.phantom.warp import Body

Made = TypeVar("Made")


def study_seconds(
    base: Body,
    *,
    size: int = 224,
    views: Sequence[View] = ("PA", "LL"),
    placed: Callable[[Anatomy], Sequence[Placed]] = lambda _: (),
    repeats: int = 3,
) -> dict[str, float]:
    """Return the least processor seconds over a few patients of each stage of a study, and of all, compiled code warm.

    Args:
        base: a real CT with structures.
        size: rows and columns of the films.
        views: of the study.
        placed: findings of an anatomy, e.g. an effusion and a line; none by default.
        repeats: patients, one more for compiling.
    """
    person = Person("male", 60.0, 175.0, 27.0)
    rows: list[dict[str, float]] = []
    for number in range(repeats + 1):
        pose = Pose(rotation_deg=2.0, tilt_deg=1.0, exposure_seed=number, processing_seed=number)
        row: dict[str, float] = {}
        anatomy = _timed(row, "body", partial(warp_anatomy, base, person, seed=0, patient=str(number)))
        findings = placed(anatomy)
        for view in views:
            shot = _timed(row, "shoot", partial(shoot, anatomy, findings, pose, view, size=size))
            _timed(row, "expose", partial(expose, shot, pose))
        rows.append(row)
    least = {stage: min(row[stage] for row in rows[1:]) for stage in rows[0]}
    return {**least, "views and masks": least["shoot"] + least["expose"], "study": sum(least.values())}


def _timed(row: dict[str, float], stage: str, make: Callable[[], Made]) -> Made:
    start = time.process_time()
    made = make()
    row[stage] = row.get(stage, 0.0) + time.process_time() - start
    return made
