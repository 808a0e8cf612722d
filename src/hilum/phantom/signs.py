"""Findings as solids in a made chest: drawn with a side and a severity, placed and masked by their geometry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.phantom.anatomy import SIDES, Chest
from hilum.phantom.chords import Depths, Floats, Grid, Solid, below, covered, shared

CONCEPTS = (
    "cardiomegaly", "pleural effusion", "consolidation", "infiltration", "lung nodule", "lung mass", "pneumothorax",
    "atelectasis",
)  # fmt: skip
"""What can be drawn, names of the vocabulary."""
Side = Literal[-1, 1]
_SOFT = 1.0
_PARTIAL: Mapping[str, float] = {"consolidation": 0.8, "infiltration": 0.45, "lung nodule": 0.95, "lung mass": 0.95,
                                 "atelectasis": 0.95, "pleural effusion": 0.98}  # fmt: skip


@dataclass(frozen=True)
class Sign:
    """One finding drawn into one film.

    Args:
        concept: one of `CONCEPTS`.
        side: -1 patient's right, 1 left; 0 for the heart.
        severity: in (0, 1].
        solids: what fills with tissue, for findings made of solids.
        lift: of the dome on that side in mm.
        level: z of a fluid's surface in mm at the lung's middle.
        collapse: share of its width that a lung has lost to a pneumothorax.
    """

    concept: str
    side: int
    severity: float
    solids: tuple[Solid, ...] = ()
    lift: float = 0.0
    level: float = 1e9
    collapse: float = 0.0

    @property
    def grade(self) -> str:
        """'mild', 'moderate' or 'severe', thirds of the severity."""
        return ("mild", "moderate", "severe")[min(int(self.severity * 3), 2)]


def enlarged(chest: Chest, severity: float) -> Chest:
    """Return the chest with a cardiothoracic ratio above one half: 0.53 to 0.68."""
    return replace(chest, ctr=0.53 + 0.15 * severity)


def draw_sign(concept: str, chest: Chest, seed: int, *names: str) -> Sign:
    """Draw one finding.

    Raises:
        InputError: if the concept cannot be drawn.
    """
    if concept not in CONCEPTS:
        raise InputError(f"'{concept}' cannot be drawn: choose from {', '.join(CONCEPTS)}")
    rng = generator(seed, "sign", concept, *names)
    side, severity = int(rng.choice(SIDES)), float(rng.uniform(0.05, 1.0))
    if concept == "cardiomegaly":
        return Sign(concept, 0, severity)
    top = chest.dome_right if side < 0 else chest.dome_left
    if concept == "pleural effusion":
        return Sign(concept, side, severity, level=top + 22.0 - 95.0 * severity)
    if concept == "pneumothorax":
        return Sign(concept, side, severity, collapse=0.12 + 0.33 * severity)
    solids = _solids(concept, chest, side, severity, rng)
    return Sign(concept, side, severity, solids, lift=28.0 * severity if concept == "atelectasis" else 0.0)


def _spot(chest: Chest, side: int, rng: np.random.Generator, low: float, high: float) -> tuple[float, float, float]:
    """A point well inside a lung between two heights, shares of the way from apex to dome."""
    top = chest.dome_right if side < 0 else chest.dome_left
    return (
        side * float(rng.uniform(0.42, 0.8)) * chest.width, float(rng.uniform(-35, 30)),
        chest.apex + float(rng.uniform(low, high)) * (top - chest.apex),
    )  # fmt: skip


def _normal(rng: np.random.Generator) -> float:
    return float(rng.standard_normal())


def _solids(concept: str, chest: Chest, side: int, severity: float, rng: np.random.Generator) -> tuple[Solid, ...]:
    if concept in ("lung nodule", "lung mass"):
        radius = 6.0 + 8.5 * severity if concept == "lung nodule" else 17.0 + 18.0 * severity
        return (Solid(_spot(chest, side, rng, 0.2, 0.9), (radius,) * 3),)
    if concept == "atelectasis":
        x, y, z = _spot(chest, side, rng, 0.72, 0.88)
        long, thick = 24.0 + 24.0 * severity, 4.0 + 7.0 * severity
        return (Solid((side * 0.52 * chest.width, y, z), (long, 38.0, thick), side * float(rng.uniform(-25, 12))),)
    x, y, z = _spot(chest, side, rng, 0.3, 0.88)
    faint = concept == "infiltration"
    count, spread, size = (14, 30.0, 11.0) if faint else (6, 17.0, 20.0)
    spread, size = spread * (0.75 + 0.5 * severity), size * (0.7 + 0.6 * severity)
    return tuple(
        Solid(
            (x + 0.7 * spread * _normal(rng), y + spread * _normal(rng), z + spread * _normal(rng)),
            (size * float(rng.uniform(0.6, 1.2)), size * 1.6, size * float(rng.uniform(0.6, 1.1))),
            float(rng.uniform(-40, 40)),
        )
        for _ in range(count)
    )  # fmt: skip


def filled(sign: Sign, grid: Grid, lung: Depths, cut: list[Depths], outline: Solid) -> Floats:
    """Return the path in mm that a finding takes from the air of its lung, tissue weighted by how full it is."""
    weight = np.float32(_PARTIAL.get(sign.concept, _SOFT))
    if sign.concept == "pleural effusion":
        aside = (grid.x - outline.center[0]) * sign.side / outline.axes[0]
        level = sign.level - 30.0 * np.clip(aside, -0.5, 1.2) ** 2 * np.sign(aside)
        parts = [below(grid, lung, level.astype(np.float32))]
    else:
        parts = [solid.depths(grid) for solid in sign.solids]
    return weight * (covered(lung, [*cut, *parts]) - covered(lung, cut))


def retracted(sign: Sign, grid: Grid, lung: Depths, outline: Solid) -> Depths:
    """Return the lung that a pneumothorax leaves: drawn back towards its hilum from apex and side wall."""
    keep = 1.0 - sign.collapse
    x, y, z = outline.center
    a, b, c = outline.axes
    root = x - sign.side * a
    small = Solid((root + (x - root) * keep, y, z + (1 - keep) * 0.55 * c), (a * keep, b, c * (0.45 + 0.55 * keep)),
                  outline.turn_deg, outline.power)  # fmt: skip
    return shared(lung, small.depths(grid))


def outline_mask(path: Floats, least_mm: float) -> NDArray[np.bool_]:
    """Return where a path is at least so long: a projection, never a grey value."""
    return np.asarray(path >= least_mm, dtype=np.bool_)
