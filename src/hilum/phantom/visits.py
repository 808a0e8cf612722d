"""A patient drawn before any voxel is made: who it is, and dated visits with findings that come, go and stay.

What changes is drawn apart from how the film is taken: rotation, tilt, inspiration, exposure, view and worn objects
move at every visit, findings by `courses` alone, so that two films never differ only where a finding changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np

from hilum.core.errors import InputError
from hilum.core.geometry import View
from hilum.core.seed import generator
from hilum.phantom.courses import LEAST, NUISANCE_SHARE, STABLE, first_severity, next_severity
from hilum.phantom.illness import catalogue
from hilum.phantom.illness_registry import Pathology
from hilum.phantom.illness_together import draw_together
from hilum.phantom.patient import FAMILIES, Family, Patient, Plan, Pose, Side, Visit
from hilum.phantom.person import draw_person
from hilum.phantom.wishes import plans_from_text

__all__ = ["HIDDEN_EFFUSION", "VISITS", "draw_patient", "is_nuisance_pair", "plans_from_text"]
VISITS = (0.15, 0.4, 0.3, 0.1, 0.05)
"""Chances of one to five visits."""
HIDDEN_EFFUSION = (0.02, 0.07)
"""Severities of an effusion that a frontal film does not show and a lateral does: 89 to 187 ml."""
_TABLE = Path(__file__).parent / "tables" / "courses.json"
_HIDDEN_SHARE, _BEHIND_HEART_SHARE, _TOGGLE, _EARLY = 0.15, 0.2, 0.25, 0.7
_LASTING = 0.02
_ONE_SIDED = {"right": ("lingula", "retrocardiac"), "left": ("middle",)}
_FIRST_DAY = datetime(2010, 1, 1)


@cache
def course_table() -> Mapping[str, Any]:
    """Return which finding goes which way, as data."""
    import json

    loaded: dict[str, Any] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return loaded


@dataclass(frozen=True)
class _Thread:
    """One finding of a patient: its plan without severity, and the severity at each visit."""

    plan: Plan
    severities: tuple[float, ...]


def draw_patient(
    seed: int, id: str, *, families: Sequence[Family] = FAMILIES, nuisance_share: float = NUISANCE_SHARE,
    visits: Sequence[float] = VISITS,
) -> Patient:  # fmt: skip
    """Draw one patient with his visits; the same seed and id give the same patient.

    Args:
        seed: of the run, 0 or greater.
        id: of the patient.
        families: of anatomy, one of which is drawn.
        nuisance_share: of the visits after the first at which no finding changes.
        visits: chances of one, two, three ... visits; they add to 1.

    Raises:
        InputError: if a family is unknown, none is given, or the chances of visits do not add to 1.
    """
    unknown = [family for family in families if family not in get_args(Family)]
    if unknown or not families:
        raise InputError(f"families must be some of {', '.join(FAMILIES)}, got {', '.join(unknown) or 'none'}")
    if len(visits) == 0 or min(visits) < 0 or abs(sum(visits) - 1.0) > 1e-6:
        raise InputError(f"the chances of one, two ... visits must add to 1, got {tuple(visits)}")
    rng = generator(seed, "visits", id)
    count = 1 + int(rng.choice(len(visits), p=visits))
    together = [(name, side) for name, side in draw_together(rng) if name in catalogue()]
    hidden = bool(rng.random() < _HIDDEN_SHARE) and any(name == "pleural effusion" for name, _ in together)
    ill = any(name in course_table()["intensive"] for name, _ in together)
    erect = hidden or any(name in course_table()["upright"] for name, _ in together)
    poses = [_pose(rng, ill=ill, upright=erect) for _ in range(count)]
    calm = [number > 0 and bool(rng.random() < nuisance_share) for number in range(count)]
    threads: list[_Thread] = []
    for name, side in _parted(together, rng, hidden):
        threads.append(_thread(name, side, rng, calm, hidden, nuisance_share, len(threads)))
    made = []
    for number, (time, (pose, views)) in enumerate(zip(_times(rng, count), poses, strict=True)):
        plans = [replace(each.plan, severity=each.severities[number]) for each in threads if each.severities[number]]
        made.append(Visit(time, tuple(plans), pose, views))
    family: Family = families[int(rng.integers(len(families)))]
    return Patient(id, seed, draw_person(seed, id), family, tuple(made))


def is_nuisance_pair(before: Visit, now: Visit) -> bool:
    """Return whether nothing but nuisance changed: the same findings and devices, none by more than 0.05.

    Objects on the skin do not count; at least one finding must be there, as two empty films show no pair.
    """
    first, second = (
        {p.key: p.severity for p in visit.plans if p.concept not in course_table()["worn"]} for visit in (before, now)
    )
    same = bool(first) and first.keys() == second.keys()
    return same and all(abs(second[key] - value) <= STABLE + 1e-9 for key, value in first.items())


def _parted(together: Sequence[tuple[str, str]], rng: np.random.Generator, hidden: bool) -> list[tuple[str, str]]:
    """Concepts and sides; fluid on both sides is two findings half of the time, so that each has a course."""
    parted: list[tuple[str, str]] = []
    for name, side in together:
        apart = name == "pleural effusion" and side == "both" and not hidden and rng.random() < 0.5
        parted += [(name, each) for each in (("right", "left") if apart else (side,))]
    return parted


def _thread(
    name: str, side: str, rng: np.random.Generator, calm: Sequence[bool], hidden: bool,
    nuisance_share: float, number: int,
) -> _Thread:  # fmt: skip
    entry, table = catalogue()[name], course_table()
    hidden = hidden and name == "pleural effusion"
    side = side if side in entry.sides else str(rng.choice(["right", "left"])) if "right" in entry.sides else ""
    site, side = _site(entry, side, rng)
    kind = ""
    if entry.kinds and rng.random() < table["kinds"].get(name, 0.0):
        kind = str(rng.choice(entry.kinds))
    key = f"{name.replace(' ', '-')}-{number + 1}"
    plan = Plan(key, name, 0.0, side, site, kind, int(rng.integers(2**31)))
    if hidden:
        return _Thread(plan, _steady(rng, calm, *HIDDEN_EFFUSION, wobble=0.005))
    if name in table["changing"]:
        least = table["least"].get(name, LEAST)
        told = [first_severity(rng, nuisance_share=nuisance_share, least=least)]
        for quiet in calm[1:]:
            told.append(next_severity(told[-1], rng, nuisance=quiet, nuisance_share=nuisance_share, least=least))
        return _Thread(plan, tuple(told))
    if name in table["device"] or name in table["event"]:
        much = float(rng.uniform(LEAST, 1.0)) if entry.measure else 1.0
        return _Thread(plan, tuple(much * here for here in _there(rng, calm, leaves=name in table["device"])))
    if name in table["worn"]:
        return _Thread(plan, tuple(1.0 if rng.random() < 0.5 else 0.0 for _ in calm))
    return _Thread(plan, _steady(rng, calm, LEAST, 1.0, wobble=_LASTING))


def _site(entry: Pathology, side: str, rng: np.random.Generator) -> tuple[str, Side]:
    """A lobe that the side has; a dense shadow behind the heart, which a frontal film hardly shows, at its share."""
    told: Side = side  # type: ignore[assignment]
    behind = "retrocardiac" in entry.sites and rng.random() < _BEHIND_HEART_SHARE
    if behind and side in ("right", "left"):
        return "retrocardiac", "left"
    lobes = [
        s for s in entry.sites if s in ("upper", "middle", "lower", "lingula") and s not in _ONE_SIDED.get(side, ())
    ]
    return (str(rng.choice(lobes)) if lobes and side in ("right", "left") else ""), told


def _steady(
    rng: np.random.Generator, calm: Sequence[bool], low: float, high: float, *, wobble: float
) -> tuple[float, ...]:
    middle = float(rng.uniform(low + wobble, high - wobble))
    return tuple(middle + float(rng.uniform(-wobble, wobble)) for _ in calm)


def _there(rng: np.random.Generator, calm: Sequence[bool], *, leaves: bool) -> tuple[float, ...]:
    """1 where a device or an event is there: it comes, and a device goes, only where something may change."""
    here = [float(rng.random() < _EARLY)]
    for quiet in calm[1:]:
        turns = not quiet and bool(rng.random() < (_TOGGLE if here[-1] else 2 * _TOGGLE))
        here.append(1.0 - here[-1] if turns and (leaves or not here[-1]) else here[-1])
    return tuple(here)


def _pose(rng: np.random.Generator, *, ill: bool, upright: bool) -> tuple[Pose, tuple[View, ...]]:
    """How one film is taken, and which films; nothing here knows a finding's severity."""
    portable = bool(rng.random() < (0.75 if ill else 0.15)) and not upright
    lateral = upright or bool(rng.random() < 0.75)
    supine = portable and bool(rng.random() < 0.6)
    turn, tilt, depth = rng.uniform(-6.0, 6.0), rng.uniform(-8.0, 8.0), 0.9 + rng.uniform(-0.1, 0.1)
    seeds = rng.integers(2**31, size=2)
    frontal: View = "AP" if portable else "PA"
    pose = Pose(frontal, supine, round(float(turn), 2), round(float(tilt), 2), round(float(depth), 3), int(seeds[0]),
                int(seeds[1]))  # fmt: skip
    return pose, ("AP",) if portable else ("PA", "LL") if lateral else ("PA",)


def _times(rng: np.random.Generator, count: int) -> list[datetime]:
    """Dates in strict order, hours to months apart."""
    at = _FIRST_DAY + timedelta(minutes=int(rng.integers(10 * 365 * 24 * 60)))
    made = [at]
    for _ in range(count - 1):
        days = float(np.clip(np.exp(rng.normal(np.log(6.0), 1.6)), 0.2, 400.0))
        made.append(made[-1] + timedelta(minutes=int(days * 24 * 60)))
    return made
