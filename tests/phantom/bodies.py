"""A body of simple solids on a grid of 4 mm: torso, two lungs of one lobe each side, a heart, a spine."""

from __future__ import annotations

import numpy as np

from hilum.core.image import Volume
from hilum.drr.field import Structures
from hilum.phantom.warp import Body

NAMES = {10: "lung_upper_lobe_left", 12: "lung_upper_lobe_right", 51: "heart", 30: "vertebrae_T5"}
STEP = 4.0


def made_body() -> Body:
    """Return it: lungs of half-lengths 45 x 70 x 100 mm 55 mm to either side, a heart of 36 x 36 x 44 mm."""
    shape = (72, 60, 72)
    origin = -STEP * (np.array(shape) - 1) / 2
    x, y, z = (origin[axis] + STEP * np.arange(size) for axis, size in enumerate(shape))
    grid = np.stack(np.meshgrid(x, y, z, indexing="ij"), axis=-1)

    def ball(middle: tuple[float, float, float], half: tuple[float, float, float]) -> np.ndarray:
        return (((grid - np.array(middle)) / np.array(half)) ** 2).sum(axis=-1) <= 1

    voxels, ids = np.full(shape, -1000.0, np.float32), np.zeros(shape, np.uint8)
    voxels[((grid[..., 0] / 135) ** 2 + (grid[..., 1] / 105) ** 2) <= 1] = 30.0
    for number, side in ((10, 1), (12, -1)):
        lung = ball((side * 55.0, 0.0, 0.0), (45.0, 70.0, 100.0))
        voxels[lung], ids[lung] = -850.0, number
    heart = ball((8.0, -20.0, -40.0), (36.0, 36.0, 44.0))
    voxels[heart], ids[heart] = 40.0, 51
    spine = ball((0.0, 80.0, 0.0), (18.0, 18.0, 900.0))
    voxels[spine], ids[spine] = 500.0, 30
    affine = np.diag([STEP, STEP, STEP, 1.0])
    affine[:3, 3] = origin
    return Body(Volume(voxels, affine, id="made"), Structures(ids, affine, NAMES))
