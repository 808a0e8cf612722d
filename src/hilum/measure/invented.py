"""Invented reports to audit metrics on where no data may be used: random findings in the sentences of our own bank."""

from __future__ import annotations

import numpy as np

from hilum.core.finding import Change, Finding, Measurement, State
from hilum.core.seed import generator
from hilum.text.phrase import compose

_SIDES = ("right", "left")
_ZONES = ("upper", "mid", "lower")
_GRADES = ("mild", "moderate", "severe")
_CHANGES: tuple[Change, ...] = ("new", "worsened", "improved", "unchanged")
# concept -> what of it is told: e(ffusion) side, z(one), g(rade), m(easured)
_POSITIVE = {
    "pleural effusion": "eg", "pneumothorax": "eg", "consolidation": "z", "atelectasis": "zg", "lung nodule": "zm",
    "lung mass": "zm", "lung opacity": "z", "pulmonary edema": "g", "cardiomegaly": "g", "emphysema": "g",
    "scoliosis": "g", "hiatal hernia": "", "calcified granuloma": "z", "pneumonia": "z",
    "pulmonary vascular congestion": "g", "hyperinflation": "g", "interstitial pattern": "",
}  # fmt: skip
_NEGATIVE = (
    "pleural effusion", "pneumothorax", "consolidation", "pulmonary edema", "lung nodule", "cardiomegaly",
    "fracture", "atelectasis",
)  # fmt: skip
_NORMAL = (
    ("cardiomegaly", "The heart is normal in size."), ("", "The mediastinal contours are within normal limits."),
    ("lung opacity", "The lungs are otherwise clear."), ("", "There is no acute bony abnormality."),
    ("", "The hilar contours are normal."), ("scoliosis", "The thoracic spine is unremarkable."),
    ("pleural effusion", "The costophrenic angles are sharp."),
)  # fmt: skip
_HOW_MANY = (0.2, 0.35, 0.25, 0.12, 0.08)  # none, one ... four findings


def invented_reports(count: int, *, seed: int = 0) -> tuple[str, ...]:
    """Return the findings sections of invented films: none to four findings each among the usual denials.

    Args:
        count: how many; no two alike.
        seed: 0 or greater; the same seed gives the same reports.
    """
    made: dict[str, None] = {}
    number = 0
    while len(made) < count:
        made[_invented(generator(seed, "invented", number), number)] = None
        number += 1
    return tuple(made)


def _invented(random: np.random.Generator, number: int) -> str:
    many = int(random.choice(5, p=_HOW_MANY))
    chosen = _some(list(_POSITIVE), many, random)
    compared = random.random() < 0.5
    found = [_finding(name, random, compared) for name in chosen]
    denied = [Finding(name, "absent") for name in _some([n for n in _NEGATIVE if n not in chosen], 3, random)]
    said = compose([*found, *denied], prior_read=compared, seed=number).findings
    cut = said.find(". ") + 2 if found and ". " in said else 0
    normal = " ".join(_some([each for name, each in _NORMAL if name not in chosen], 3, random))
    return f"{said[:cut]}{normal} {said[cut:]}" if random.random() < 0.5 else f"{normal} {said}"


def _some(items: list[str], count: int, random: np.random.Generator) -> list[str]:
    return [items[int(number)] for number in random.permutation(len(items))[:count]]


def _finding(name: str, random: np.random.Generator, compared: bool) -> Finding:
    told = _POSITIVE[name]
    side, zone, grade = (str(random.choice(options)) for options in (_SIDES, _ZONES, _GRADES))
    sites: tuple[str, ...] = (f"{side} pleural space",) if "e" in told else ()
    sites = (f"{side} {zone} lung zone",) if "z" in told else sites
    sizes = (Measurement("diameter", float(random.integers(4, 40)), "mm"),) if "m" in told else ()
    graded = "g" in told and random.random() < 0.7
    change = _CHANGES[int(random.integers(4))] if compared and random.random() < 0.6 else None
    state: State = "uncertain" if random.random() < 0.1 else "present"
    return Finding(
        name, state, sites=sites, attributes={"severity": grade} if graded else {}, change=change, measurements=sizes
    )
