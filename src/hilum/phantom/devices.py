"""Tubes, lines, pacemakers, wires, electrodes and forgotten objects in a body, their tips where the plan has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hilum.drr.lines import course, lay
from hilum.drr.objects import Thing, line, make
from hilum.drr.placing import BODY_HU, SKIN
from hilum.drr.placing import place as put
from hilum.phantom.illness_chest import Chest, draws
from hilum.phantom.illness_registry import Pathology, register
from hilum.phantom.patient import Placed, Plan

Points = NDArray[np.float64]
TUBE_TIPS = {"": (30.0, 70.0), "low": (2.0, 15.0), "right main bronchus": (-20.0, -6.0), "high": (75.0, 90.0)}
"""How far an endotracheal tube's tip lies above the carina in mm, by kind; '' is drawn as 50 +- 20."""
LINE_TIPS = {"": (-20.0, 10.0), "high": (-55.0, -35.0), "right atrium": (25.0, 45.0)}
"""How far a central line's tip lies below the end of the upper cava in mm, by kind."""
CRITICAL = ("needle", "sponge", "lap pad", "clamp", "scissors tip", "retractor")
WORN = ("ecg dots", "buttons", "necklace", "zipper")
_WORN_SHARES = (0.72, 0.12, 0.12, 0.04)  # patients are asked to undress


def _run(chest: Chest, plan: Plan, kind: str, tip_mm: float | None) -> Points:
    side = plan.side if plan.side in ("right", "left") else ""
    return course(kind, chest.structures, draws(plan), tip_mm=tip_mm, side=side, fork_mm=chest.carina_mm)


def _tube(chest: Chest, plan: Plan) -> Placed:
    rng, (low, high) = draws(plan, "tip"), TUBE_TIPS[plan.kind]
    above = float(np.clip(rng.normal(50.0, 20.0), low, high)) if not plan.kind else float(rng.uniform(low, high))
    points = _run(chest, plan, "endotracheal tube", above)
    site = ("trachea",) if above >= 0 else ("right main bronchus",)
    measures = {"tip_above_carina_mm": above}
    return Placed(plan, None, (line("endotracheal tube", points),), measures, sites=site, points_mm=points)


def _catheter(kind: str) -> Callable[[Chest, Plan], Placed]:
    def fill(chest: Chest, plan: Plan) -> Placed:
        below = float(draws(plan, "tip").uniform(*LINE_TIPS[plan.kind]))
        points = _run(chest, plan, kind, below)
        site = "right atrium" if below > 15.0 else "cavoatrial junction" if below > -20.0 else "superior vena cava"
        measures = {"tip_below_cava_mm": below, "tip_above_carina_mm": float(points[-1, 2] - chest.carina_mm[2])}
        return Placed(plan, None, (line(kind, points),), measures, sites=(site,), points_mm=points)

    return fill


def _feeding(chest: Chest, plan: Plan) -> Placed:
    kind, rng = "nasogastric tube", draws(plan, "tip")
    if plan.kind == "bronchus":  # through the windpipe instead of the gullet
        points = _run(chest, plan, "endotracheal tube", -float(rng.uniform(30.0, 60.0)))
        site = "right main bronchus"
    else:
        short = float(rng.uniform(20.0, 60.0)) if plan.kind == "esophagus" else 0.0
        points = _run(chest, plan, kind, short)
        site = "esophagus" if short else "stomach"
    measures = {"tip_below_carina_mm": float(chest.carina_mm[2] - points[-1, 2])}
    return Placed(plan, None, (line(kind, points),), measures, sites=(site,), points_mm=points)


def _drain(chest: Chest, plan: Plan) -> Placed:
    points = _run(chest, plan, "chest tube", None)
    side = "right" if points[-1, 0] < chest.carina_mm[0] else "left"
    return Placed(plan, None, (line("chest tube", points),), sites=(f"{side} pleural space",), points_mm=points)


def _pacemaker(chest: Chest, plan: Plan) -> Placed:
    things = lay("pacemaker", chest.structures, draws(plan))
    if plan.kind == "single-chamber":
        things = things[:2]
    tips = np.array([thing.solids[0].vertices[-1] for thing in things[1:]])
    return Placed(plan, None, things, sites=("left chest wall",), points_mm=tips)


def _object(chest: Chest, plan: Plan, name: str, site: str) -> Placed:
    rng = draws(plan)
    thing: Thing = put(make(name, rng), site, chest.anatomy.body.volume, chest.structures, rng)
    middle = thing.vertices.mean(axis=0)[None]
    size = float(np.ptp(thing.vertices, axis=0).max())
    return Placed(
        plan, None, (thing,), {"critical": float(thing.critical), "extent_mm": size}, sites=("chest",),
        attributes={"object": name}, points_mm=middle,
    )  # fmt: skip


def _wires(chest: Chest, plan: Plan) -> Placed:
    return replace(_object(chest, plan, "sternal wires", "sternum"), sites=("sternum",))


def _retained(chest: Chest, plan: Plan) -> Placed:
    rng = draws(plan, "which")
    name = plan.kind or CRITICAL[int(rng.integers(len(CRITICAL)))]
    site = plan.site or RETAINED_SITES[int(rng.integers(3))]
    return _object(chest, plan, name, site)


def _worn(chest: Chest, plan: Plan) -> Placed:
    name = plan.kind or WORN[int(draws(plan, "which").choice(len(WORN), p=_WORN_SHARES))]
    made = _object(chest, plan, name, plan.site or SKIN[0])
    if name != "buttons":  # these hang or stick about the midline, at the height of the carina
        made = _centred(chest, made, behind=plan.site == SKIN[1])
    return replace(made, sites=("chest wall",))


def _centred(chest: Chest, made: Placed, *, behind: bool) -> Placed:
    """The same object on the skin over the carina."""
    x, _, z = chest.index(chest.carina_mm).round().astype(int)
    column = np.flatnonzero(chest.anatomy.body.volume.voxels[x, :, z] > BODY_HU)
    if not column.size:
        return made
    skin = chest.mm(np.array([x, column[-1] if behind else column[0], z]))
    (thing,), (at,) = made.things, made.points_mm
    vertices = thing.vertices
    edge = vertices[:, 1].min() if behind else vertices[:, 1].max()
    shift = np.array([skin[0] - at[0], skin[1] + (2.0 if behind else -2.0) - edge, skin[2] - at[2]])
    return replace(made, things=(thing.moved(shift_mm=tuple(shift)),), points_mm=made.points_mm + shift)


RETAINED_SITES = ("pleura", "mediastinum", "below the diaphragm", *SKIN)
_SIDES = ("right", "left")

register(Pathology("endotracheal tube", 200, "there or not", _tube, sides=(), kinds=tuple(TUBE_TIPS)[1:]))
register(Pathology(
    "central venous catheter", 201, "there or not", _catheter("central venous catheter"), sides=_SIDES,
    kinds=tuple(LINE_TIPS)[1:],
))  # fmt: skip
register(Pathology(
    "peripherally inserted central catheter", 202, "there or not", _catheter("picc"), sides=_SIDES,
    kinds=tuple(LINE_TIPS)[1:],
))  # fmt: skip
register(Pathology("enteric tube", 203, "there or not", _feeding, sides=(), kinds=("esophagus", "bronchus")))
register(Pathology("chest tube", 204, "there or not", _drain, sides=_SIDES))
register(Pathology("pacemaker", 205, "there or not", _pacemaker, sides=(), kinds=("single-chamber",)))
register(Pathology("sternotomy", 206, "there or not: wires close the sternum", _wires, sides=()))
register(Pathology(
    "foreign body", 207, "there or not", _retained, sides=(), sites=RETAINED_SITES, kinds=CRITICAL,
))  # fmt: skip
register(Pathology("external foreign body", 208, "there or not", _worn, sides=(), sites=SKIN, kinds=WORN))
