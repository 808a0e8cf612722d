"""What lies under the diaphragm: liver, spleen, stomach with its bubble, kidneys and gas in the colon. In mm."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hilum.phantom.thorax_shape import PLEURA_MM, Shape
from hilum.phantom.thorax_solids import Matter, Solids, curve

Floats = NDArray[np.float64]


def organs(made: Shape, ids: Mapping[str, int], *, supine: bool) -> tuple[Floats, Floats]:
    """Return what `thorax_kernels.fill` takes: (10,) numbers of soft tissue, and (N, 8) ellipsoids.

    The bubble fills the top of the stomach as far as the drawn volume of gas goes; lying, its front.
    """
    numbers, domes = made.numbers, made.domes
    sx, sy, _ = made.cage.scale
    back = float(made.cage.spine.front(11.0)[1])
    stomach = np.array([60.0 * sx, -24.0 * sy, domes.left - 57.0])
    half = np.array([40.0, 42.0, 50.0])
    share = float(np.clip(numbers.stomach_gas_ml / 335.0, 0.05, 0.8))
    cap = _cap(share)
    axis, sign = (1, -1.0) if supine else (2, 1.0)
    level = stomach[axis] + sign * (1.0 - cap) * half[axis]
    rows = [
        [*stomach, *half, 20.0, ids["stomach"]],
        [82.0 * sx, back + 8.0, domes.left - 52.0, 32.0, 40.0, 50.0, 48.0, ids["spleen"]],
        [-52.0, back + 12.0, domes.right - 122.0, 26.0, 26.0, 52.0, 32.0, ids["kidney_right"]],
        [54.0, back + 12.0, domes.left - 98.0, 26.0, 26.0, 52.0, 32.0, ids["kidney_left"]],
    ]
    slope = 0.62
    plane = domes.right - 150.0 + slope * 105.0 * sx
    soft = np.array([
        PLEURA_MM, 2.0, 2.0 + 0.35 * numbers.fat_mm, plane, slope, float(axis), level, sign, -100.0, back + 30.0
    ])  # fmt: skip
    return soft, np.array(rows)


def _cap(share: float) -> float:
    """Height over radius of a ball's cap that holds a share of it."""
    height = np.linspace(0.0, 2.0, 401)
    return float(np.interp(share, height**2 * (3 - height) / 4, height))


def bowel_gas(made: Shape, ids: Mapping[str, int]) -> Solids:
    """Return the colon's left and right bend, with gas inside as drawn."""
    made_solids = Solids()
    sx, sy, _ = made.cage.scale
    domes, gas = made.domes, made.numbers.colon_gas
    left = curve([[88 * sx, -20 * sy, domes.left - 150], [92 * sx, -6 * sy, domes.left - 92],
                  [70 * sx, -42 * sy, domes.left - 104], [20, -62 * sy, domes.left - 128]], 14)  # fmt: skip
    right = curve([[-84 * sx, -14 * sy, domes.right - 210], [-80 * sx, -30 * sy, domes.right - 172],
                   [-40 * sx, -58 * sy, domes.right - 176]], 8)  # fmt: skip
    for places, full in ((left, gas), (right, 0.6 * gas)):
        wide = 15.0 + 5.0 * np.sin(np.arange(len(places)) * 1.9)
        made_solids.tube(places, wide, id=ids["colon"], matter=Matter(-940.0 if full > 0.45 else -20.0, 2.5, 30.0))
    return made_solids
