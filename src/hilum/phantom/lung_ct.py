"""A made CT of one lung: a closed form outline, an airway tree with walls, a vessel tree, noise and blur.

Lengths are near an adult's right lung (about 2 litres). The two trees are grown apart: real arteries run beside
airways. Coordinates are mm along the array's axes (head, back, side), 0 at voxel (0, 0, 0).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from hilum.core.image import MadeBy, Volume
from hilum.core.seed import generator
from hilum.phantom.trees import Tree, grow, paint

Spacing = tuple[float, float, float]
AIR_HU, PARENCHYMA_HU, WALL_HU, BLOOD_HU, TISSUE_HU = -1000.0, -870.0, -50.0, 40.0, 40.0
_MEDIAL_MM, _PAD_MM = 30.0, 6.0
_NOISE_HU, _BLUR_VOXELS = 22.0, 0.5


@dataclass(frozen=True, eq=False)
class LungCT:
    """One lung with the truth beside it.

    Args:
        volume: in HU.
        lung: bool, all within the pleura, airways and vessels included.
        airways, vessels: the trees; airway radii are those of the lumen.
        airway_mm, vessel_mm: distance of each voxel to the lumen's and the vessels' surface, below 0 inside, float32,
            capped at 3 mm.
        trachea: voxel within the trunk of the airways, where region growing may begin.
    """

    volume: Volume
    lung: NDArray[np.bool_]
    airways: Tree
    vessels: Tree
    airway_mm: NDArray[np.float32]
    vessel_mm: NDArray[np.float32]
    trachea: tuple[int, int, int]


def outline(
    shape: tuple[int, int, int], spacing_mm: Spacing, *, half_mm: NDArray[np.float64], centre_mm: NDArray[np.float64]
) -> NDArray[np.bool_]:  # fmt: skip
    """Return a lung's mask: a squarish ellipsoid without a dome of the diaphragm below and a heart beside it."""
    z, y, x = (
        (np.arange(n) * s - c)[(...,) + (None,) * (2 - axis)] / h
        for axis, (n, s, c, h) in enumerate(zip(shape, spacing_mm, centre_mm, half_mm, strict=True))
    )
    body = np.abs(x) ** 2.4 + np.abs(y) ** 2.4 + np.abs(z) ** 2.4 <= 1.0
    dome = x**2 / 1.2 + y**2 / 1.2 + ((z + 1.25) / 0.65) ** 2 <= 1.0
    heart = ((x + 1.25) / 0.6) ** 2 + ((y + 0.35) / 0.55) ** 2 + ((z + 0.4) / 0.5) ** 2 <= 1.0
    return np.asarray(body & ~dome & ~heart)


def draw_lung(
    seed: int, name: str, *, spacing_mm: Spacing = (1.25, 1.0, 1.0), airways: int = 24, vessels: int = 3000,
    scale: float = 1.0,
) -> LungCT:  # fmt: skip
    """Draw one lung and its CT.

    Args:
        seed, name: of every draw.
        spacing_mm: of a voxel along (head, back, side).
        airways, vessels: terminals of the two trees.
        scale: of the whole lung; below 1 for quick looks.
    """
    rng = generator(seed, "lung ct", name)
    half = scale * np.array([112.0, 82.0, 56.0]) * rng.normal(1.0, 0.04, 3)
    centre = half + _PAD_MM + np.array([0.0, 0.0, scale * _MEDIAL_MM])
    size = centre + half + _PAD_MM
    deep, high, wide = (int(np.ceil(mm / step)) + 1 for mm, step in zip(size, spacing_mm, strict=True))
    shape = (deep, high, wide)
    lung = outline(shape, spacing_mm, half_mm=half, centre_mm=centre)
    voxels = np.argwhere(lung)
    points = (voxels[rng.choice(len(voxels), 6 * vessels)] + rng.uniform(-0.5, 0.5, (6 * vessels, 3))) * spacing_mm
    hilum = centre - np.array([0.0, 0.0, half[2] + 0.4 * scale * _MEDIAL_MM])
    trunk = hilum + scale * np.array([18.0, 4.0, -6.0])
    bronchi = grow(points, tuple(trunk), terminals=airways, terminal_radius_mm=1.6, seed=seed, name=f"{name} airways")
    blood = grow(
        points, tuple(hilum - scale * np.array([8.0, 6.0, 0.0])), terminals=vessels, terminal_radius_mm=0.55,
        seed=seed, name=f"{name} vessels",
    )  # fmt: skip
    lumen, vessel = (paint(tree, shape, spacing_mm) for tree in (bronchi, blood))
    seeds = (bronchi.start[0] + 0.3 * (bronchi.end[0] - bronchi.start[0])) / spacing_mm
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = *spacing_mm, 1.0
    hu = _hounsfield(lung, lumen, vessel, float(np.mean(spacing_mm)))
    noise = gaussian_filter(rng.normal(0.0, 1.0, shape).astype(np.float32), 0.6)
    hu = gaussian_filter(hu, _BLUR_VOXELS) + noise * np.float32(_NOISE_HU / noise.std())
    volume = Volume(hu, affine, id=f"made-lung-{seed}-{name}", made_by=MadeBy("hilum phantom lung"))
    z, y, x = (int(v) for v in np.rint(seeds))
    return LungCT(volume, lung, bronchi, blood, lumen, vessel, (z, y, x))


def _hounsfield(
    lung: NDArray[np.bool_], lumen: NDArray[np.float32], vessel: NDArray[np.float32], step_mm: float
) -> NDArray[np.float32]:
    """Mix tissues by the share of a voxel that each covers; the lumen wins over vessels."""
    wall_mm = 0.9
    inside, outer, blood = (
        np.clip(0.5 - mm / step_mm, 0.0, 1.0) for mm in (lumen, lumen - wall_mm, vessel)
    )  # fmt: skip
    base = np.where(lung, PARENCHYMA_HU, TISSUE_HU).astype(np.float32)
    base += (BLOOD_HU - base) * blood
    base += (WALL_HU - base) * outer
    return np.asarray(base + (AIR_HU - base) * inside, dtype=np.float32)
