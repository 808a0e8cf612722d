"""What lies under the diaphragm: liver, spleen, kidneys, stomach with its bubble, colon with gas and stool. In mm.

The stomach's gas, if there is any, ends in a level that follows gravity; how much, where and how wide is drawn. The
colon's bends lie under the domes as far as they were drawn to reach, and never above them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hilum.core.seed import generator
from hilum.phantom.thorax_shape import PLEURA_MM, Shape
from hilum.phantom.thorax_solids import Matter, Solids, curve

Floats = NDArray[np.float64]
_GAS, _WALL_HU, _WALL_MM, _UNDER_MM = -950.0, 30.0, 2.0, 7.0
_GRID_MM, _AIRY = 5.0, 0.6


def organs(made: Shape, ids: Mapping[str, int], *, supine: bool) -> tuple[Floats, Floats]:
    """Return what `thorax_kernels.fill` takes: (11,) numbers of soft tissue, and (N, 8) ellipsoids.

    The bubble fills the top of the stomach as far as the drawn volume of gas goes; lying, its front.
    """
    numbers, domes = made.numbers, made.domes
    sx, sy, _ = made.cage.scale
    rng = _draws(made, "stomach")
    back = float(made.cage.spine.front(11.0)[1])
    half = np.array([rng.uniform(30, 44), rng.uniform(32, 44), rng.uniform(34, 52)])
    top = domes.left - rng.uniform(3.0, 12.0)
    fundus = np.array([rng.uniform(46, 68) * sx, rng.uniform(-30, -8) * sy, top - half[2]])
    body = fundus + np.array([-rng.uniform(4, 24), -12.0, -rng.uniform(30, 55)])
    share = float(np.clip(numbers.stomach_gas_ml / (4.19e-3 * half.prod()), 0.0, 0.85))
    axis, sign = (1, -1.0) if supine else (2, 1.0)
    level = fundus[axis] + sign * (1.0 - _cap(share)) * half[axis]
    rows = [
        [*body, rng.uniform(25, 35), rng.uniform(25, 34), rng.uniform(42, 62), 20.0, ids["stomach"]],
        [*fundus, *half, 20.0, ids["stomach"]],
        [82.0 * sx, back + 8.0, domes.left - 52.0, 32.0, 40.0, 50.0, 48.0, ids["spleen"]],
        [-52.0, back + 12.0, domes.right - 122.0, 26.0, 26.0, 52.0, 32.0, ids["kidney_right"]],
        [54.0, back + 12.0, domes.left - 98.0, 26.0, 26.0, 52.0, 32.0, ids["kidney_left"]],
    ]
    slope = rng.uniform(0.5, 0.75)
    plane = domes.right - rng.uniform(135.0, 165.0) + slope * 105.0 * sx
    soft = np.array([
        PLEURA_MM, 2.0, 2.0 + 0.35 * numbers.fat_mm, plane, slope, float(axis), level, sign, -100.0, back + 30.0,
        numbers.intercostal_hu,
    ])  # fmt: skip
    return soft, np.array(rows)


def _draws(made: Shape, name: str) -> np.random.Generator:
    """Draws of one person's belly, the same at every breath."""
    return generator(round(made.numbers.bowel * 1e9), name)


def _cap(share: float) -> float:
    """Height over radius of a ball's cap that holds a share of it."""
    height = np.linspace(0.0, 2.0, 401)
    return float(np.interp(share, height**2 * (3 - height) / 4, height))


def bowel_gas(made: Shape, ids: Mapping[str, int]) -> Solids:
    """Return the colon's two bends and what runs between them: pouches of gas, or stool with bubbles in it."""
    rng, gas = _draws(made, "colon"), made.numbers.colon_gas
    sx, sy, _ = made.cage.scale
    left, right = made.domes.left - rng.uniform(14.0, 95.0), made.domes.right - rng.uniform(100.0, 175.0)
    across = min(left, right) - rng.uniform(15.0, 60.0)
    far = rng.uniform(78.0, 96.0)
    courses = (
        curve([[far * sx, -8 * sy, left - 90], [(far + 3) * sx, -4 * sy, left], [(far - 28) * sx, -36 * sy, left - 26],
               [24 * sx, -62 * sy, across]], 22),
        curve([[24 * sx, -62 * sy, across], [-30 * sx, -66 * sy, across - 10], [-70 * sx, -42 * sy, right],
               [-86 * sx, -16 * sy, right - 50]], 22),
    )  # fmt: skip
    found = Solids()
    for course in courses:
        _colon(found, made, course, ids["colon"], gas, rng)
    return found


def _colon(found: Solids, made: Shape, course: Floats, number: int, gas: float, rng: np.random.Generator) -> None:
    """Add one stretch of colon: pouches along its course, each with gas or stool as its neighbours mostly have."""
    wide = rng.uniform(11.0, 17.0) * (1.0 + 0.25 * rng.standard_normal(len(course))).clip(0.6, 1.4)
    course = course.copy()
    course[:, 2] = np.minimum(course[:, 2], _ceiling(made, course) - wide - _UNDER_MM)
    share = np.clip(gas + 0.35 * np.repeat(rng.standard_normal(len(course) // 2), 2), 0.0, 1.0)
    empty = Matter(_WALL_HU)
    for n in range(len(course) - 1):
        matter = Matter(_GAS, _WALL_MM, _WALL_HU) if share[n] > _AIRY else empty
        at, first, second = course[n], float(wide[n]), float(wide[n]) * rng.uniform(0.8, 1.1)
        found.add(at, at, [1.0, 0.0, 0.0], (first, first), (second, second), id=number, cap_mm=first, matter=matter)
    for n in np.flatnonzero(share[:-1] <= _AIRY).tolist():
        for _ in range(int(rng.integers(0, 1 + round(5 * share[n])))):
            size = rng.uniform(2.5, 5.5)
            at = course[n] + rng.uniform(-0.5, 0.5, 3) * wide[n]
            found.add(at, at, [1.0, 0.0, 0.0], (size, size), (size, size), id=number, cap_mm=size,
                      matter=Matter(rng.uniform(-900.0, -400.0)))  # fmt: skip


def _ceiling(made: Shape, places: Floats) -> Floats:
    """Return z of the diaphragm over places (N, 3)."""
    x, y = (np.arange(low, high, _GRID_MM) for low, high in ((-160.0, 161.0), (-130.0, 131.0)))
    over = made.floor(x, y)
    i, j = (np.clip(np.rint((places[:, n] - axis[0]) / _GRID_MM).astype(int), 0, len(axis) - 1)
            for n, axis in enumerate((x, y)))  # fmt: skip
    return np.asarray(over[i, j])
