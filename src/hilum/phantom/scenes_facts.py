"""What is true of a scene at each visit, drawn so that change cannot be told from the current film alone.

A fact has a grade from 0 (not there). Given the current grade, every kind of change that could have led to it is as
likely as the others; where a fact is not there, it has gone since the prior film at a stated rate. Visits follow the
forward chain of that rule in its steady state, so that every visit of every patient has the same grades on average.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hilum.core.finding import Change

Floats = NDArray[np.float64]
MOST: Mapping[str, int] = {
    "cardiomegaly": 2, "pleural effusion": 3, "consolidation": 3, "pneumothorax": 2, "lung nodule": 1,
    "endotracheal tube": 1,
}  # fmt: skip
"""Concepts of a scene in the order of its report, each with its largest grade."""
CONCEPTS = tuple(MOST)
GONE: Mapping[str, float] = {
    "cardiomegaly": 0.15, "pleural effusion": 0.25, "consolidation": 0.25, "pneumothorax": 0.12, "lung nodule": 0.12,
    "endotracheal tube": 0.12,
}  # fmt: skip
"""How likely a fact that is not there was there on the prior film."""
ZONES = ("upper", "mid", "lower")
TIPS_CM: Mapping[str, int] = {"low": 1, "good": 4, "high": 8}
"""Levels of a tube's tip, cm above the carina."""
_RETROCARDIAC = 0.25


@dataclass(frozen=True)
class Fact:
    """One fact of a scene at one visit.

    Args:
        concept: one of `CONCEPTS`.
        grade: 0 where it is not there, at most `MOST`.
        side: -1 patient's right, 1 left, 0 for heart and tube.
        zone: 'upper', 'mid', 'lower' or 'retrocardiac' of a consolidation or nodule, else ''.
        depth: 'anterior' or 'posterior' of a consolidation or nodule, else ''.
        tip: 'low', 'good' or 'high' of a tube, else ''.
    """

    concept: str
    grade: int = 0
    side: int = 0
    zone: str = ""
    depth: str = ""
    tip: str = ""

    @property
    def frontal_poor(self) -> bool:
        """Whether the frontal film hardly shows it: a small effusion behind the dome, or what lies behind the heart."""
        small = self.concept == "pleural effusion" and self.grade == 1
        return bool(self.grade) and (small or self.zone == "retrocardiac")


Facts = tuple[Fact, ...]
"""One Fact for each of `CONCEPTS`, in that order."""


def change_of(before: int, now: int) -> Change | None:
    """Return the change from one grade to another; None where a fact is not there and was not."""
    if not before and not now:
        return None
    if not before or not now:
        return "new" if now else "resolved"
    return "unchanged" if before == now else "worsened" if now > before else "improved"


@cache
def backward(concept: str) -> Floats:
    """Return P(prior grade | current grade) as (current, prior): changes equally likely, grades within one too."""
    grades, gone = MOST[concept] + 1, GONE[concept]
    table = np.zeros((grades, grades))
    table[0] = [1.0 - gone] + [gone / (grades - 1)] * (grades - 1)
    for now in range(1, grades):
        ways = [[0], list(range(1, now)), [now], list(range(now + 1, grades))]
        possible = [way for way in ways if way]
        for way in possible:
            table[now, way] = 1.0 / len(possible) / len(way)
    return table


@cache
def steady(concept: str) -> Floats:
    """Return the share of visits with each grade."""
    chain = backward(concept)
    size = len(chain)
    equations = np.vstack([chain.T - np.eye(size), np.ones(size)])
    found: Floats = np.maximum(np.linalg.lstsq(equations, np.eye(size + 1)[-1], rcond=None)[0], 0.0)
    share: Floats = found / found.sum()
    return share


@cache
def forward(concept: str) -> Floats:
    """Return P(current grade | prior grade) as (prior, current), by Bayes' rule from `backward`."""
    share = steady(concept)
    joint = share[:, None] * backward(concept)
    moved: Floats = (joint / joint.sum(0)).T
    return moved


def changes_given(concept: str, grade: int) -> dict[Change | None, float]:
    """Return how likely each change is, given only the current grade: what a reader of one study can know."""
    found: dict[Change | None, float] = {}
    for before, chance in enumerate(backward(concept)[grade]):
        change = change_of(before, grade)
        found[change] = found.get(change, 0.0) + float(chance)
    return {change: chance for change, chance in found.items() if chance > 0}


def draw_course(rng: np.random.Generator, visits: int) -> tuple[Facts, ...]:
    """Draw the facts of a patient's visits, earliest first; sides and places stay, grades and tips move.

    Args:
        rng: of the patient.
        visits: how many, 1 or more.
    """
    columns = []
    for concept in CONCEPTS:
        fact = _placed(concept, rng)
        grades = [int(rng.choice(MOST[concept] + 1, p=steady(concept)))]
        while len(grades) < visits:
            grades.append(int(rng.choice(MOST[concept] + 1, p=forward(concept)[grades[-1]])))
        tips = [str(rng.choice(list(TIPS_CM))) if fact.tip else "" for _ in grades]
        columns.append([replace(fact, grade=grade, tip=tip) for grade, tip in zip(grades, tips, strict=True)])
    return tuple(zip(*columns, strict=True))


def _placed(concept: str, rng: np.random.Generator) -> Fact:
    side = int(rng.choice((-1, 1)))
    depth = str(rng.choice(("anterior", "posterior")))
    zone = str(rng.choice(ZONES))
    behind = rng.random() < _RETROCARDIAC
    if concept == "cardiomegaly":
        return Fact(concept)
    if concept == "endotracheal tube":
        return Fact(concept, tip="good")
    if concept in ("pleural effusion", "pneumothorax"):
        return Fact(concept, side=side)
    if concept == "consolidation" and behind:
        return Fact(concept, side=1, zone="retrocardiac", depth="posterior")
    return Fact(concept, side=side, zone=zone, depth=depth)
