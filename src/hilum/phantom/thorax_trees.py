"""Airways, pulmonary arteries and veins of both lungs: grown once per person, moved with each breath. In mm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hilum.phantom.thorax_solids import COLUMNS
from hilum.phantom.trees import Tree, grow

Floats = NDArray[np.float64]
ARTERIES, VEINS, AIRWAYS = 1150, 850, 18
"""Terminals of each tree in one lung."""
AIRWAY_MM = 1.35
_VESSEL_HABIT = {"share": 0.33, "trunk_share": 0.08, "turn_deg": 65.0, "uneven": 0.22}
_HABIT: Mapping[str, Mapping[str, float]] = {
    "airways": {"share": 0.42, "turn_deg": 42.0}, "arteries": _VESSEL_HABIT, "veins": _VESSEL_HABIT,
}  # fmt: skip
"""How each kind branches: vessels fork at the hilum and run on far, so that they reach the outer third."""


@dataclass(frozen=True, eq=False)
class Trees:
    """Trees of both lungs by name, e.g. 'arteries right'."""

    parts: dict[str, Tree]

    def joined(self, word: str) -> Tree:
        """Return all trees whose name begins with a word as one; each keeps its own trunk."""
        chosen = [tree for name, tree in self.parts.items() if name.startswith(word)]
        offsets = np.cumsum([0, *(len(tree.parent) for tree in chosen[:-1])])
        parents = [np.where(t.parent < 0, -1, t.parent + o) for t, o in zip(chosen, offsets, strict=True)]
        return Tree(
            np.concatenate([t.start for t in chosen]), np.concatenate([t.end for t in chosen]),
            np.concatenate([t.radius_mm for t in chosen]), np.concatenate(parents).astype(np.intp),
        )  # fmt: skip

    def moved(self, move: Callable[[Floats], Floats]) -> Trees:
        """Return the trees with all places moved; radii and branching stay."""
        return Trees({
            name: Tree(move(t.start), move(t.end), t.radius_mm, t.parent) for name, t in self.parts.items()
        })  # fmt: skip


_KEPT: Callable[[tuple[object, ...]], dict[str, Trees]] = lru_cache(maxsize=32)(lambda key: {})


def grown(points: dict[str, Floats], roots: dict[str, Floats], *, vessel_mm: float, seed: int, patient: str) -> Trees:
    """Grow arteries, veins and airways into both lungs; the last few persons' trees are kept.

    Args:
        points: (N, 3) places within each lung by side.
        roots: (3,) by tree, e.g. 'arteries right'.
        vessel_mm: radius of the finest artery.
        seed, patient: of the draws.
    """
    kept = _KEPT((seed, patient, vessel_mm, *(float(root.sum()) for root in roots.values())))
    if "trees" not in kept:
        made = {}
        for name, root in roots.items():
            kind, side = name.split(" ")
            count = {"arteries": ARTERIES, "veins": VEINS, "airways": AIRWAYS}[kind]
            radius = {"arteries": vessel_mm, "veins": 1.05 * vessel_mm, "airways": AIRWAY_MM}[kind]
            made[name] = grow(
                points[side], (float(root[0]), float(root[1]), float(root[2])), terminals=count,
                terminal_radius_mm=radius, seed=seed, name=f"{patient} {name}", **_HABIT[kind],
            )  # fmt: skip
        kept["trees"] = Trees(made)
    return kept["trees"]


def as_rows(tree: Tree, step_mm: float, *, core_hu: float, grow_mm: float = 0.0, id: int = 0) -> Floats:
    """Return a tree's branches as rows of `thorax_solids`; what is thinner than a voxel keeps its mass.

    The share of a voxel is worked out from the distance to a surface, which is too much for thin tubes: below 0.58
    steps a smaller radius stands for the right area.
    """
    radius = tree.radius_mm + grow_mm
    wide = np.sqrt(np.maximum(radius**2 - step_mm**2 / 12.0, 0.0))
    thin = np.cbrt(3.0 * step_mm * radius**2) - step_mm / 2.0
    shown = np.where(radius > step_mm / np.sqrt(3.0), wide, thin)
    shown = np.maximum(shown, 0.02)
    rows = np.zeros((len(radius), COLUMNS))
    rows[:, 0:3], rows[:, 3:6] = tree.start, tree.end
    way = tree.end - tree.start
    way /= np.maximum(np.linalg.norm(way, axis=1), 1e-9)[:, None]
    normal = np.eye(3)[np.argmin(np.abs(way), axis=1)]
    normal = normal - (normal * way).sum(axis=1)[:, None] * way
    rows[:, 6:9] = normal / np.linalg.norm(normal, axis=1)[:, None]
    rows[:, 9:14] = shown[:, None]
    rows[:, 17], rows[:, 18] = core_hu, id
    return rows
