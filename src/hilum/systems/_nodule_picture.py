"""A picture of one made lung: its CT, and airways, vessels and nodules seen from the front."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from hilum.measure.surroundings import Lung
from hilum.phantom.lung_ct import LungCT
from hilum.systems._nodule_places import Floats

AIRWAY, VESSEL, BENIGN, MALIGNANT = (90, 190, 255), (170, 60, 60), (120, 230, 120), (255, 210, 60)
CAPTION = (
    "A made lung from the front. Left: a slice of its CT. Right: airways (blue) and vessels (red) as segmented, "
    "centres of benign (green) and malignant (yellow) nodules, the malignant drawn near the structures"
)


def picture(made: LungCT, lung: Lung, benign_mm: Floats, malignant_mm: Floats, *, zoom: int = 3) -> bytes:
    """Return a PNG of a made lung.

    Args:
        made: the lung and its CT.
        lung: with tubes as segmented.
        benign_mm, malignant_mm: (N, 3) centres of nodules.
        zoom: pixels for each voxel across.
    """
    from PIL import Image, ImageDraw

    down, _, across = lung.spacing_mm
    hu = made.volume.voxels[:, made.lung.shape[1] // 2]
    grey = np.clip((hu + 1050) / 1250, 0, 1) * 255
    left = np.repeat(grey[..., None], 3, axis=2)
    right = np.zeros_like(left) + 18.0 * np.asarray(made.lung.any(axis=1))[..., None]
    for mask, colour in ((lung.vessels.mask, VESSEL), (lung.airways.mask, AIRWAY)):
        depth = mask.sum(axis=1)[..., None]
        right = np.where(depth > 0, np.minimum(0.55 + 0.15 * depth, 1.0) * np.array(colour), right)
    both = np.concatenate([left, right], axis=1)[::-1].astype(np.uint8)  # head up
    height, width = both.shape[:2]
    shown = Image.fromarray(both).resize(
        (width * zoom, round(height * zoom * down / across)), Image.Resampling.BILINEAR
    )
    pen = ImageDraw.Draw(shown)
    for centres, colour in ((benign_mm, BENIGN), (malignant_mm, MALIGNANT)):
        for z, _, x in _voxels(centres, lung):
            at = (width / 2 + x) * zoom, (height - 1 - z) * zoom * down / across
            pen.ellipse((at[0] - 4, at[1] - 4, at[0] + 4, at[1] + 4), fill=colour, outline=(0, 0, 0))
    kept = BytesIO()
    shown.save(kept, "PNG", optimize=True)
    return kept.getvalue()


def _voxels(centres_mm: Floats, lung: Lung) -> NDArray[np.float64]:
    return np.asarray(centres_mm.reshape(-1, 3) / np.asarray(lung.spacing_mm))
