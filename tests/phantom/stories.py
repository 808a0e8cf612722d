"""Stand-ins for placed findings: what a plan would have come to by the formulas of `illness`, without voxels.

The words, questions and courses under test see measures, sites and labels only, so thousands of studies take seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache

import numpy as np

from hilum.core.finding import Finding
from hilum.core.report import Report
from hilum.core.seed import generator
from hilum.phantom.facts import facts
from hilum.phantom.illness import catalogue
from hilum.phantom.illness_heart import target_ratio
from hilum.phantom.illness_nodule import mass_mm, nodule_mm
from hilum.phantom.illness_pleura import effusion_ml, retraction_mm
from hilum.phantom.narrate import HONEST, Switches, narrate
from hilum.phantom.patient import Patient, Placed, Plan, Pose, Visit
from hilum.phantom.visits import draw_patient

SEED = 11
_TIPS = {
    "central venous catheter": ("superior vena cava", "cavoatrial junction", "right atrium"),
    "peripherally inserted central catheter": ("superior vena cava", "cavoatrial junction", "right atrium"),
    "enteric tube": ("stomach", "esophagus", "right main bronchus"),
}
_FIXED = {
    "cardiomegaly": ("cardiac silhouette",), "pacemaker": ("left chest wall",), "sternotomy": ("sternum",),
    "foreign body": ("chest",), "external foreign body": ("chest wall",), "emphysema": ("bilateral lungs",),
    "pulmonary edema": ("bilateral lungs",), "pulmonary fibrosis": ("bilateral lungs",),
}  # fmt: skip
_WITHIN = {"pleural effusion": "pleural space", "pneumothorax": "pleural space", "chest tube": "pleural space",
           "pleural thickening": "pleural space", "calcified pleural plaques": "pleural space",
           "rib fracture": "rib", "healed rib fracture": "rib"}  # fmt: skip
MORNING = datetime(2020, 5, 4, 8, 0)


def _amount(plan: Plan) -> float:
    """The measure of the concept as `illness` states it, or a share of severity where it has no formula."""
    made = {"pleural effusion": effusion_ml, "pneumothorax": retraction_mm, "cardiomegaly": target_ratio,
            "lung nodule": nodule_mm, "lung mass": mass_mm}.get(plan.concept)  # fmt: skip
    scale = {
        "consolidation": 700.0, "ground glass opacity": 700.0, "pulmonary edema": 300.0, "rib fracture": 5.0,
        "healed rib fracture": 5.0, "linear atelectasis": 150.0, "hiatal hernia": 150.0, "pneumoperitoneum": 20.0,
        "pleural thickening": 15.0, "apical pleural thickening": 15.0, "calcified pleural plaques": 15.0,
        "calcified granuloma": 15.0, "bullae": 80.0,
    }  # fmt: skip
    return float(made(plan.severity)) if made else scale.get(plan.concept, 0.8) * plan.severity


def _sites(plan: Plan, rng: np.random.Generator) -> tuple[str, ...]:
    if plan.concept in _FIXED:
        return _FIXED[plan.concept]
    if plan.concept in _TIPS:
        return (_TIPS[plan.concept][int(rng.integers(3))],)
    side = plan.side or ("right" if rng.random() < 0.5 else "left")
    sides = ("right", "left") if side == "both" else (side,)
    if plan.concept in _WITHIN:
        return tuple(f"{each} {_WITHIN[plan.concept]}" for each in sides)
    if plan.site in ("retrocardiac", "lingula"):
        return {"retrocardiac": ("retrocardiac region", "left lower lobe"),
                "lingula": ("lingula", "left upper lobe")}[plan.site]  # fmt: skip
    return tuple(f"{each} {plan.site or 'lower'} lobe" for each in sides)


def placed(plan: Plan, view: str = "PA", *, wobble: float = 0.0) -> Placed:
    """Return what a plan came to; `wobble` is the share by which breathing moved its measure."""
    entry, rng = catalogue()[plan.concept], generator(plan.seed, "stand-in", plan.concept)
    measures = {entry.measure: _amount(plan) * (1.0 + wobble)} if entry.measure else {}
    sites = _sites(plan, rng)
    if plan.concept == "endotracheal tube":
        above = float(rng.normal(50.0, 20.0))
        measures, sites = {"tip_above_carina_mm": above}, ("trachea",) if above >= 0 else ("right main bronchus",)
    word = "mild" if plan.severity < 1 / 3 else "moderate" if plan.severity < 2 / 3 else "severe"
    labelled = entry.labelled(measures, view) and plan.severity > 0
    return Placed(plan, None, measures=measures, labelled=labelled, sites=sites, attributes={"severity": word})


def visit(*plans: Plan, views: tuple[str, ...] = ("PA",), day: int = 0) -> Visit:
    """Return one visit with these plans."""
    return Visit(MORNING.replace(day=4 + day), plans, Pose(), views)  # type: ignore[arg-type]


def plan(concept: str, severity: float, side: str = "", **more: str) -> Plan:
    """Return a plan with a key that names its concept and side."""
    return Plan(f"{concept}-{side}", concept, severity, side, seed=7, **more)  # type: ignore[arg-type]


def of(*plans: Plan, before: tuple[Plan, ...] | None = None, views: tuple[str, ...] = ("PA",)) -> tuple[Finding, ...]:
    """Return the facts of one visit, with the visit before it where plans of one are given."""
    now = visit(*plans, views=views, day=1)
    earlier = None if before is None else [placed(each) for each in before]
    return facts(now, [placed(each) for each in plans], {}, before=earlier)


def by_id(findings: tuple[Finding, ...]) -> dict[str, Finding]:
    """Return findings by their ids."""
    return {finding.id: finding for finding in findings}


@dataclass(frozen=True)
class Told:
    """One drawn study: its patient and number, facts and report."""

    patient: Patient
    number: int
    findings: tuple[Finding, ...]
    report: Report
    placed: tuple[Placed, ...]

    @property
    def name(self) -> str:
        return f"{self.patient.id}-{self.number}"

    @property
    def prior(self) -> bool:
        return self.number > 0

    @property
    def visit(self) -> Visit:
        return self.patient.visits[self.number]


@cache
def drawn(count: int, *, seed: int = SEED, switches: Switches = HONEST, visible: float = 5.0) -> tuple[Told, ...]:
    """Return the studies of so many patients; kept, as many tests look at the same ones."""
    return tuple(_drawn(count, seed, switches, visible))


def _drawn(count: int, seed: int, switches: Switches, visible: float) -> Iterator[Told]:
    for number in range(count):
        patient = draw_patient(seed, f"p{number}")
        before: tuple[Placed, ...] | None = None
        for place, each in enumerate(patient.visits):
            rng = generator(seed, "wobble", patient.id, place)
            now = tuple(placed(one, each.views[0], wobble=float(rng.uniform(-0.03, 0.03))) for one in each.plans)
            earlier = patient.visits[place - 1] if place else None
            shown = {one.plan.key: visible for one in now}
            found = facts(each, now, shown, before=before, before_visit=earlier)
            name = f"{patient.id}-{place}"
            report = narrate(
                found, each, seed=seed, name=name, prior=before is not None,
                prior_time=earlier.time if earlier else None, switches=switches,
            )  # fmt: skip
            yield Told(patient, place, found, report, now)
            before = now
