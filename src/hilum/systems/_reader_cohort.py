"""The patients of the bench of readers, and their reports told again in other words."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import pairwise

from hilum.core.study import Study
from hilum.learn.reader.sections import compares
from hilum.phantom.scenes import facts_of, scenes, split_of
from hilum.phantom.scenes_words import report
from hilum.systems._reader_scale import Scale

WORTH_A_PROCESS = 400
"""Patients below which a process takes longer to start than to draw them."""


def cohort(scale: Scale, *, seed: int, leaky: float) -> list[Study]:
    """Return the studies of all patients; those of test patients are drawn again without leaks.

    Args:
        scale: how many, and how large their films.
        seed: of every draw.
        leaky: share of reports without a prior that compare all the same.
    """
    parts = min(scale.workers, scale.patients // WORTH_A_PROCESS)
    if parts < 2:
        return _drawn(0, scale.patients, scale.columns, seed, leaky)
    ends = [scale.patients * part // parts for part in range(parts + 1)]
    with ProcessPoolExecutor(parts, multiprocessing.get_context("spawn")) as pool:
        jobs = [pool.submit(_drawn, first, last, scale.columns, seed, leaky) for first, last in pairwise(ends)]
        return [study for job in jobs for study in job.result()]


def _drawn(first: int, last: int, columns: int, seed: int, leaky: float) -> list[Study]:
    """The studies of some patients: each depends on the seed and its number alone."""
    drawn: list[Study] = []
    for number in range(first, last):
        made = scenes(1, seed=seed, size=columns, leaky=leaky, first=number)
        if leaky and split_of(made[0].patient) == "test":
            made = scenes(1, seed=seed, size=columns, first=number)
        drawn += made
    return drawn


def reworded(study: Study, *, seed: int) -> Study:
    """Return a scene whose report tells the same in other words; one that compares with nothing stays as it is.

    A few thousand films are soon known by heart, and their reports word by word with them: a reader that meets each in
    several wordings learns what is meant instead.
    """
    if study.report is None or (study.prior is None and compares(study.report.findings)):
        return study
    changes = [finding.change for finding in study.findings]
    told = report(facts_of(study), changes, prior=study.prior is not None, seed=seed, name=study.id,
                  hint=study.report.indication)  # fmt: skip
    return replace(study, report=told)
