"""Illnesses, devices and forgotten objects put into a body: plans in, an ill body and what became of each plan out.

Organs that give way move first, all at once; then gas and fluid, what fills the lung, what lies in it, bones, and
devices, in an order of the anatomy. So the same set of plans gives the same bytes in any order it is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.drr.attenuation import AIR_HU
from hilum.phantom import (
    devices,
    illness_abdomen,
    illness_airspace,
    illness_collapse,
    illness_diffuse,
    illness_heart,
    illness_nodule,
    illness_pleura,
    illness_wall,
)  # fmt: skip
from hilum.phantom.illness_chest import Chest
from hilum.phantom.illness_registry import Pathology, known
from hilum.phantom.patient import Anatomy, Placed, Plan

_FILES = (
    devices, illness_abdomen, illness_airspace, illness_collapse, illness_diffuse, illness_heart, illness_nodule,
    illness_pleura, illness_wall,
)  # fmt: skip
_ONCE = ("cardiomegaly", "hiatal hernia")
_MILD, _SEVERE = 1.0 / 3.0, 2.0 / 3.0


def catalogue() -> Mapping[str, Pathology]:
    """Return all that can be placed, by concept, in the order in which it is placed."""
    assert _FILES
    return dict(sorted(known().items(), key=lambda item: (item[1].order, item[0])))


def pathology(concept: str) -> Pathology:
    """Return one entry of the catalogue.

    Raises:
        InputError: if nothing of this name can be placed.
    """
    if concept not in known():
        raise InputError(f"no body can be given '{concept}'; known are: {', '.join(catalogue())}")
    return known()[concept]


def severity_word(severity: float) -> str:
    """Return 'mild', 'moderate' or 'severe' for the three thirds of (0, 1]."""
    return "mild" if severity < _MILD else "moderate" if severity < _SEVERE else "severe"


def place(anatomy: Anatomy, plans: Sequence[Plan], *, supine: bool = False) -> tuple[Anatomy, tuple[Placed, ...]]:
    """Put plans into a body.

    Args:
        anatomy: the body; left as it is.
        plans: any number, in any order, no key twice.
        supine: gravity points to the back; thresholds are those of a frontal film taken AP.

    Returns:
        the ill body, and one `Placed` for each plan in the order given. Masks of gas, fluid and solid lesions do
        not overlap.

    Raises:
        InputError: for an unknown concept, side, site or kind, a key that comes twice, or a structure the body lacks.
    """
    _check(plans)
    ordered = sorted(plans, key=lambda plan: (pathology(plan.concept).order, plan.concept, plan.key))
    chest = Chest(anatomy, ordered, supine=supine)
    chest.bend(bend for plan in ordered for bend in _bends(chest, plan))
    made = {plan.key: _finished(chest, plan) for plan in ordered}
    np.maximum(chest.hu, AIR_HU, out=chest.hu)  # shares of voxels round to a hair under air
    log = {**anatomy.log, "ctr": _ratio(chest)} if chest.bends and "ctr" in anatomy.log else dict(anatomy.log)
    ill = replace(
        anatomy, body=chest.body, carina_mm=chest.carina_mm, airways=chest.airways, vessels=chest.vessels, log=log
    )
    return ill, tuple(made[plan.key] for plan in plans)


def labelled_on(placed: Placed, view: str) -> bool:
    """Return whether what was placed is called by its name on one view: 75 ml of fluid show on a lateral only."""
    return pathology(placed.plan.concept).labelled(placed.measures, view)


def overlaps(placed: Iterable[Placed]) -> NDArray[np.intp]:
    """Return (N, N) how many voxels each two masks share; a device's row is 0."""
    masks = [each.mask for each in placed]
    found = np.zeros((len(masks), len(masks)), np.intp)
    for i, one in enumerate(masks):
        for j, other in enumerate(masks):
            if one is not None and other is not None:
                found[i, j] = int((one & other).sum())
    return found


def _check(plans: Sequence[Plan]) -> None:
    seen: set[str] = set()
    once = [plan.concept for plan in plans if plan.concept in _ONCE]
    for concept in once:
        if once.count(concept) > 1:
            raise InputError(f"{concept} is planned {once.count(concept)} times, and a body has it once: keep one plan")
    for plan in plans:
        pathology(plan.concept).check(plan)
        if plan.key in seen:
            raise InputError(f"two plans are called '{plan.key}': give each finding of a visit a key of its own")
        seen.add(plan.key)


def _bends(chest: Chest, plan: Plan) -> tuple:  # type: ignore[type-arg]
    shape = pathology(plan.concept).shape
    return () if shape is None else shape(chest, plan)


def _finished(chest: Chest, plan: Plan) -> Placed:
    entry = pathology(plan.concept)
    placed = entry.fill(chest, plan)
    labelled = entry.labelled(placed.measures, "AP" if chest.supine else "PA") and plan.severity > 0
    words = {"severity": severity_word(plan.severity)} if entry.measure else {}
    return replace(placed, labelled=labelled, attributes={**words, **placed.attributes})


def _ratio(chest: Chest) -> float:
    from hilum.phantom.warp import cardiothoracic_ratio

    return cardiothoracic_ratio(chest.body)
