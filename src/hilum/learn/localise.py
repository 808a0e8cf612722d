"""Boxes from class maps by the ChestX-ray8 method (Wang et al. 2017); numpy, scipy on first use."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

Floats = NDArray[np.float32]
THRESHOLDS = (60, 180)
"""Grey levels of the paper, each applied to the map stretched to 0-255."""


class FrameBox(NamedTuple):
    """A box in frame pixels with the highest map value inside it (a logit)."""

    x0: float
    y0: float
    x1: float
    y1: float
    score: float


def enlarge(field: Floats, size: int) -> Floats:
    """Resize a class map (S, S) to (size, size), bilinear."""
    return np.asarray(
        Picture.fromarray(np.ascontiguousarray(field, np.float32)).resize((size, size), Picture.Resampling.BILINEAR)
    )


def boxes_of(
    field: Floats, *, size: int, within: NDArray[np.bool_] | None = None, keep: int = 3, smallest: float = 0.002
) -> list[FrameBox]:
    """Return tight boxes around the bright regions of a class map.

    The map is enlarged, stretched to 0-255 by its own minimum and maximum (inside `within`, where given),
    and cut at 60 and at 180 separately; each connected region of either cut gives a box.

    Args:
        field: class map (S, S), logits.
        size: side of the frame in pixels.
        within: bool (size, size) that regions may lie in, e.g. the lungs; an empty mask is ignored.
        keep: boxes to return: the regions of highest peak, then largest.
        smallest: share of the frame a region must cover.

    Returns:
        At most `keep` boxes, best first; none for a flat map.
    """
    from scipy.ndimage import find_objects, label

    large = enlarge(field, size)
    allowed = within if within is not None and within.any() else np.ones((size, size), np.bool_)
    low, high = float(large[allowed].min()), float(large[allowed].max())
    if high - low < 1e-6:
        return []
    grey = np.where(allowed, (large - low) / (high - low) * 255.0, 0.0)
    found: list[tuple[float, int, FrameBox]] = []
    for threshold in THRESHOLDS:
        regions, count = label(grey > threshold)
        areas = np.bincount(regions.ravel(), minlength=count + 1)
        for index, place in enumerate(find_objects(regions), start=1):
            if areas[index] < smallest * size * size:
                continue
            inside = regions[place] == index
            peak = float(large[place][inside].max())
            rows, columns = place
            box = FrameBox(float(columns.start), float(rows.start), float(columns.stop), float(rows.stop), peak)
            found.append((peak, int(areas[index]), box))
    ranked = sorted(found, key=lambda item: (-round(item[0], 4), item[1]))
    unique = list(dict.fromkeys(box for _, _, box in ranked))
    return unique[:keep]


def largest(mask: NDArray[np.bool_], *, count: int = 2, share: float = 0.1) -> NDArray[np.bool_]:
    """Keep the `count` largest connected parts of a mask that are at least `share` of the largest."""
    from scipy.ndimage import label

    parts, found = label(mask)
    if found == 0:
        return mask
    areas = np.bincount(parts.ravel())
    areas[0] = 0
    best = [int(i) for i in np.argsort(-areas)[:count] if areas[i] >= share * areas.max()]
    return np.isin(parts, best)
