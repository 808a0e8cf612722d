"""Which parts make up each class of PAXRay, and how its shadow becomes a mask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hilum.drr.anatomy import RIBS, Anatomy
from hilum.drr.anatomy_grid import V1_HEART
from hilum.drr.anatomy_parts import SIDES, ZONES, lobes

GRAZING_MM = 2.5
"""A ray that runs less than this through a solid structure only grazes it."""

NOT_GIVEN = MappingProxyType({
    "lung_left_vessel": "it takes a mask of the lung vessels, which this task does not segment",
    "lung_right_vessel": "it takes a mask of the lung vessels, which this task does not segment",
    "cocygis": "the segmentation has no coccyx",
    "l6": "the segmentation counts five lumbar vertebrae",
    "t13": "the segmentation counts twelve thoracic vertebrae",
})  # fmt: skip
"""Classes of PAXRay that no structure of TotalSegmentator stands for."""


@dataclass(frozen=True)
class Rule:
    """How one class is made.

    Args:
        parts: names in `Anatomy.parts` whose path lengths are added; absent ones are left out.
        union_of: other classes whose masks are joined instead: pairs, and sets of structures that may overlap.
        least_mm: shortest path length that counts.
        thin: for ribs and the like: a tenth of the structure's own path length counts if that is less, so that
            it does not break where a ray crosses it the short way.
        pieces: how many connected pieces are kept, the largest first; 0 keeps all of a twentieth of the largest.
        fill: close holes that the shadow surrounds.
    """

    parts: tuple[str, ...] = ()
    union_of: tuple[str, ...] = ()
    least_mm: float = GRAZING_MM
    thin: bool = False
    pieces: int = 1
    fill: bool = True


def _thin(*parts: str) -> Rule:
    return Rule(parts, least_mm=1.0, thin=True, pieces=0, fill=False)


def _lung_rules() -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    short = {"upper": "lobeupper", "middle": "lobemiddle", "lower": "lobelower"}
    for side in SIDES:
        every: list[str] = []
        for lobe in lobes(side):
            pieces = (lobe, *(f"{lobe}/{zone}" for zone in ZONES))
            rules[f"lung_{side}_{short[lobe.split('_')[1]]}"] = Rule(pieces)
            every += pieces
        rules[f"lung_{side}"] = Rule(tuple(every))
        for zone in ZONES:
            rules[f"lung_{side}_{zone}"] = Rule(tuple(f"{lobe}/{zone}" for lobe in lobes(side)))
    rules["lung_overall"] = Rule(union_of=("lung_left", "lung_right"))
    return rules


def _rib_rules() -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    for count in RIBS:
        for side in SIDES:
            parts = [f"rib_{side}_{end}_{count}" for end in ("anterior", "posterior")]
            rules |= {part: _thin(part) for part in parts}
            rules[f"rib_{side}_{count}"] = _thin(*parts)
        for end in ("anterior", "posterior"):
            rules[f"rib_{end}_{count}"] = Rule(union_of=tuple(f"rib_{side}_{end}_{count}" for side in SIDES))
        rules[f"rib_{count}"] = Rule(union_of=tuple(f"rib_{side}_{count}" for side in SIDES))
    rules["ribs"] = Rule(union_of=tuple(f"rib_{count}" for count in RIBS))
    return rules


def _bone_rules() -> dict[str, Rule]:
    levels = [f"{part}{n}" for part, last in (("C", 7), ("T", 12), ("L", 5)) for n in range(1, last + 1)]
    rules = {level.lower(): Rule((f"vertebrae_{level}",)) for level in levels}
    rules["sacrum"] = Rule(("sacrum", "vertebrae_S1"))
    rules["spine"] = Rule(union_of=(*(level.lower() for level in levels), "sacrum"))
    for side in SIDES:
        rules |= {
            f"clavicle_{side}": _thin(f"clavicula_{side}"), f"scapula_{side}": _thin(f"scapula_{side}"),
            f"humerus_{side}": Rule((f"humerus_{side}",)),
        }  # fmt: skip
    for bone, plural in (("clavicle", "clavicles"), ("scapula", "scapulae"), ("humerus", "humeri")):
        rules[plural] = Rule(union_of=tuple(f"{bone}_{side}" for side in SIDES))
    rules["sternum"] = Rule(("sternum",), pieces=0)
    rules["bones"] = Rule(union_of=("ribs", "spine", "sternum", "clavicles", "scapulae", "humeri"))
    return rules


def _organ_rules() -> dict[str, Rule]:
    aorta = ("aorta", "aorta_ascending", "aorta_arch", "aorta_descending")
    parts = ("upper", "anterior", "middle", "posterior")
    rules = {
        "heart": Rule(("heart", *V1_HEART)), "airways": Rule(("trachea",)), "carina": _thin("carina"),
        "esophagus": Rule(("esophagus",), thin=True, pieces=0, fill=False), "aorta": Rule(aorta),
        "pulmonary_vein": Rule(("pulmonary_vein",), thin=True, pieces=0, fill=False),
        "superior_vena_cava": Rule(("superior_vena_cava",)), "inferior_vena_cava": Rule(("inferior_vena_cava",)),
        "liver": Rule(("liver",)), "stomach": Rule(("stomach",)), "spleen": Rule(("spleen",)),
        "mediastinum_lower": Rule(tuple(f"mediastinum_{part}" for part in parts[1:])),
        "mediastinum_overall": Rule(tuple(f"mediastinum_{part}" for part in parts)),
        "diaphragm": Rule(union_of=tuple(f"hemidiaphragm_{side}" for side in SIDES)),
    }  # fmt: skip
    rules |= {part: Rule((part,)) for part in aorta[1:]}
    rules |= {f"mediastinum_{part}": Rule((f"mediastinum_{part}",), pieces=0) for part in parts}
    rules |= {f"hemidiaphragm_{side}": Rule((f"hemidiaphragm_{side}",), least_mm=1.0) for side in SIDES}
    return rules


RULES: Mapping[str, Rule] = MappingProxyType(_lung_rules() | _rib_rules() | _bone_rules() | _organ_rules())
"""Every class by its PAXRay name, and a few more of the same kind (zones, sides of bones, veins, abdomen)."""


def available(anatomy: Anatomy) -> tuple[str, ...]:
    """Return the classes that at least one part of this CT can make, in the order of the table."""

    def can(name: str) -> bool:
        rule = RULES[name]
        return any(part in anatomy.parts for part in rule.parts) or any(map(can, rule.union_of))

    return tuple(name for name in RULES if can(name))


def missing(anatomy: Anatomy) -> dict[str, str]:
    """Return why a class cannot be made from this CT, for each that cannot; classes PAXRay has and no CT gives too."""
    there = set(available(anatomy))
    found = dict(NOT_GIVEN)
    for name, rule in RULES.items():
        if name not in there:
            reasons = [anatomy.missing[part] for part in (name, *rule.parts) if part in anatomy.missing]
            needed = ", ".join((*rule.parts, *rule.union_of))
            found[name] = reasons[0] if reasons else f"none of what it is made of is in this CT: {needed}"
    return found
