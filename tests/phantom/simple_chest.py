"""A whole chest of simple solids on a grid of 4 mm, with all that a family of warps needs of a CT."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from hilum.core.image import Volume
from hilum.drr.field import Structures
from hilum.phantom.patient import Anatomy, Person, Placed, Plan, Pose
from hilum.phantom.warp import Body

STEP = 4.0
NAMES = {
    5: "liver", 6: "stomach", 10: "lung_upper_lobe_left", 11: "lung_lower_lobe_left", 12: "lung_upper_lobe_right",
    13: "lung_middle_lobe_right", 14: "lung_lower_lobe_right", 16: "trachea", 39: "vertebrae_T5", 51: "heart",
    95: "rib_left_4", 107: "rib_right_4", 116: "sternum",
}  # fmt: skip
PERSON = Person("male", 50.0, 172.0, 25.0)
SHAPE = (88, 66, 84)
ORIGIN = -STEP * (np.array(SHAPE) - 1) / 2
TIME = datetime(2026, 1, 1)


def places() -> np.ndarray:
    """Middles of the voxels (X, Y, Z, 3) in mm: x left, y back, z head, 0 in the middle of the grid."""
    axes = [ORIGIN[axis] + STEP * np.arange(size) for axis, size in enumerate(SHAPE)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)


def ball(middle: tuple[float, float, float], half: tuple[float, float, float]) -> np.ndarray:
    """Return bool (X, Y, Z): an ellipsoid."""
    return (((places() - np.array(middle)) / np.array(half)) ** 2).sum(axis=-1) <= 1


def chest_body() -> Body:
    """Return it: lungs of half-lengths 52 x 78 x 105 mm 66 mm to either side, a heart of 56 x 36 x 46 mm, gas on the
    left under the dome, ribs as shells, a spine behind."""
    at = places()
    voxels, ids = np.full(SHAPE, -1000.0, np.float32), np.zeros(SHAPE, np.uint8)
    radius = np.hypot(at[..., 0] / 155, at[..., 1] / 115)
    voxels[radius <= 1] = 30.0
    shell = (np.abs(np.hypot(at[..., 0] / 128, at[..., 1] / 94) - 1) < 0.035) & (np.abs(at[..., 2] % 28 - 14) < 5)
    shell &= np.abs(at[..., 2]) < 100
    for number, side in ((95, 1), (107, -1)):
        voxels[shell & (side * at[..., 0] > 14)], ids[shell & (side * at[..., 0] > 14)] = 700.0, number
    front = shell & (np.abs(at[..., 0]) <= 14) & (at[..., 1] < 0)
    voxels[front], ids[front] = 500.0, 116
    for side, lower, upper in ((1, 11, 10), (-1, 14, 12)):
        lung = ball((side * 66.0, 0.0, 0.0), (52.0, 78.0, 105.0))
        voxels[lung] = -860.0
        ids[lung & (at[..., 2] >= 0)], ids[lung & (at[..., 2] < 0)] = upper, lower
    for number, middle, half, hu in (
        (5, (-66.0, 0.0, -105.0), (54.0, 70.0, 50.0), 60.0), (6, (66.0, -10.0, -112.0), (40.0, 50.0, 40.0), 20.0),
        (51, (14.0, -24.0, -36.0), (56.0, 36.0, 46.0), 45.0),
    ):  # fmt: skip
        solid = ball(middle, half)
        voxels[solid], ids[solid] = hu, number
    voxels[ball((66.0, -10.0, -100.0), (20.0, 20.0, 16.0))] = -1000.0
    spine = np.hypot(at[..., 0] / 18, (at[..., 1] - 82) / 18) <= 1
    voxels[spine], ids[spine] = 400.0, 39
    pipe = (np.hypot(at[..., 0] / 10, (at[..., 1] - 30) / 10) <= 1) & (at[..., 2] > 30)
    fork = (np.hypot((np.abs(at[..., 0]) - 22) / 8, (at[..., 1] - 30) / 8) <= 1) & (np.abs(at[..., 2] - 20) <= 10)
    voxels[pipe | fork], ids[pipe | fork] = -980.0, 16
    affine = np.diag([STEP, STEP, STEP, 1.0])
    affine[:3, 3] = ORIGIN
    return Body(Volume(voxels, affine, id="made chest"), Structures(ids, affine, NAMES))


def chest_anatomy() -> Anatomy:
    """Return the chest as a person's anatomy."""
    return Anatomy(chest_body(), PERSON, "parametric", np.array([0.0, 30.0, 30.0]))


def with_lesion(
    anatomy: Anatomy, mask: np.ndarray, hu: float, *, key: str = "nodule-1", concept: str = "nodule"
) -> tuple[Anatomy, Placed]:
    """Return the anatomy with a mask filled by another density, and the finding."""
    voxels = anatomy.body.volume.voxels.copy()
    voxels[mask] = hu
    ill = Anatomy(anatomy.body.with_hu(voxels), anatomy.person, anatomy.family, anatomy.carina_mm)
    return ill, Placed(Plan(key, concept, 0.5, "left"), mask)


def still(frontal: str = "PA") -> Pose:
    """Return a pose without rotation or tilt."""
    return Pose(frontal, exposure_seed=3, processing_seed=4)  # type: ignore[arg-type]
