"""The patients of the bench of readers, and their reports told again in other words."""

from __future__ import annotations

from dataclasses import replace

from hilum.core.study import Study
from hilum.learn.reader.sections import compares
from hilum.phantom.scenes import facts_of, scenes, split_of
from hilum.phantom.scenes_words import report
from hilum.systems._reader_scale import Scale


def cohort(scale: Scale, *, seed: int, leaky: float) -> list[Study]:
    """Return the studies of all patients; those of test patients are drawn again without leaks.

    Args:
        scale: how many, and how large their films.
        seed: of every draw.
        leaky: share of reports without a prior that compare all the same.
    """
    drawn: list[Study] = []
    for number in range(scale.patients):
        made = scenes(1, seed=seed, size=scale.columns, leaky=leaky, first=number)
        if leaky and split_of(made[0].patient) == "test":
            made = scenes(1, seed=seed, size=scale.columns, first=number)
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
