"""From a sentence to a box: the anatomy it names, the finding inside that anatomy, and what does without either."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError, need
from hilum.text.parse import parse

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Box = tuple[float, float, float, float]
_ZONES = {
    ("right", "upper lobe"): "right upper lobe", ("right", "middle lobe"): "right middle lobe",
    ("right", "lower lobe"): "right lower lobe", ("left", "upper lobe"): "left upper lobe",
    ("left", "lower lobe"): "left lower lobe", ("right", "base"): "right lower lobe",
    ("left", "base"): "left lower lobe", ("right", "apex"): "right upper lobe", ("left", "apex"): "left upper lobe",
    ("right", "lower zone"): "right lower lobe", ("left", "lower zone"): "left lower lobe",
    ("right", "upper zone"): "right upper lobe", ("left", "upper zone"): "left upper lobe",
    ("left", "lingula"): "left upper lobe",
}  # fmt: skip
_LARGEST, _SMALLEST = 0.15, 0.002  # share of the film that a proposal may cover


def anatomy_of(sentence: str) -> str:
    """Return the class of `_paxray_films.CLASSES` that a sentence's first present finding lies in.

    A finding with a side and no known zone lies in that lung.

    Raises:
        InputError: if no finding with a side is reported.
    """
    for fact in parse({"findings": sentence}).facts:
        if fact.state == "absent" or not fact.sides:
            continue
        for zone in fact.zones:
            if (fact.sides[0], zone) in _ZONES:
                return _ZONES[fact.sides[0], zone]
        if fact.sides[0] in ("right", "left"):
            return f"{fact.sides[0]} lung"
    raise InputError(f"'{sentence}' reports no finding with a side: no anatomy can be named")


def mask_box(mask: Bools) -> Box | None:
    """Return the box of a mask's largest piece, x0, y0, x1, y1; None where it is empty."""
    from scipy import ndimage

    named, count = ndimage.label(mask)
    if not count:
        return None
    rows, columns = np.nonzero(named == int(np.bincount(named.ravel())[1:].argmax()) + 1)
    return (float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))


def proposals(film: Floats) -> list[tuple[float, Box]]:
    """Return region proposals of a film (H, W), best first: segments at several scales, ranked by local contrast.

    Segments are Felzenszwalb and Huttenlocher's (IJCV 2004), the first step of selective search. The score is how much
    brighter a segment's box is than the ring about it, in deviations of the ring: opacities are bright.

    Raises:
        MissingError: if scikit-image is not installed.
    """
    try:
        from skimage import segmentation
    except ImportError:
        raise need("skimage", "drr", "region proposals") from None
    found: dict[Box, float] = {}
    for scale in (10, 30, 90):
        named = segmentation.felzenszwalb(film, scale=scale, sigma=0.8, min_size=12)
        for number in range(int(named.max()) + 1):
            rows, columns = np.nonzero(named == number)
            box = (float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
            share = (box[2] - box[0]) * (box[3] - box[1]) / film.size
            if _SMALLEST <= share <= _LARGEST:
                found.setdefault(box, _contrast(film, box))
    return sorted(((score, box) for box, score in found.items()), reverse=True)


def _contrast(film: Floats, box: Box) -> float:
    x0, y0, x1, y1 = (int(v) for v in box)
    wide, high = max(2, (x1 - x0) // 2), max(2, (y1 - y0) // 2)
    top, left = max(0, y0 - high), max(0, x0 - wide)
    around = film[top : y1 + high, left : x1 + wide]
    ring = np.ones(around.shape, bool)
    ring[y0 - top : y1 - top, x0 - left : x1 - left] = False
    if not ring.any():
        return float("-inf")
    outside = around[ring]
    return float((film[y0:y1, x0:x1].mean() - outside.mean()) / max(float(outside.std()), 1e-3))


def best_inside(ranked: list[tuple[float, Box]], region: Bools | None) -> Box | None:
    """Return the best proposal whose centre lies in a region (H, W); any where it is None."""
    for _, box in ranked:
        row, column = int((box[1] + box[3]) / 2), int((box[0] + box[2]) / 2)
        if region is None or region[row, column]:
            return box
    return None


def hit(box: Box | None, truth: Box) -> float:
    """Return 1 where the centre of a box lies in the true box, else 0."""
    if box is None:
        return 0.0
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return float(truth[0] <= x < truth[2] and truth[1] <= y < truth[3])


def iou(box: Box | None, truth: Box) -> float:
    """Return intersection over union of two boxes; 0 where there is none."""
    if box is None:
        return 0.0
    across = min(box[2], truth[2]) - max(box[0], truth[0])
    down = min(box[3], truth[3]) - max(box[1], truth[1])
    shared = max(across, 0.0) * max(down, 0.0)
    both = (box[2] - box[0]) * (box[3] - box[1]) + (truth[2] - truth[0]) * (truth[3] - truth[1])
    return shared / (both - shared)
