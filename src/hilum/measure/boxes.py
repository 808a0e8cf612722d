"""Boxes and points against true regions: hit rates of ChestX-ray8, the pointing game, matches and average precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError, need
from hilum.core.region import Box
from hilum.measure.binary import box_overlaps

Floats = NDArray[np.float64]
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Overlaps at which ChestX-ray8 counts a hit."""


class Hits(NamedTuple):
    """Boxes of one label on one image: true ones, those that some box hits, and boxes that hit none."""

    truths: int
    hit: int
    false: int


class Precision(NamedTuple):
    """COCO's box figures: mean average precision over IoU .5 to .95, at .5 and at .75, and recall with 100 boxes."""

    mean: float
    at_50: float
    at_75: float
    recall: float


def corners(boxes: Sequence[Box] | Floats) -> Floats:
    """Return boxes as (N, 4): x0, y0, x1, y1.

    Raises:
        InputError: if an array is not (N, 4), an edge is not finite, or a side is not positive.
    """
    made = (
        np.array([b.corners for b in boxes], dtype=float) if not isinstance(boxes, np.ndarray) else boxes.astype(float)
    )
    made = made.reshape(-1, 4) if made.size == 0 else made
    if made.ndim != 2 or made.shape[1] != 4:
        raise InputError(f"boxes must be (N, 4) as x0, y0, x1, y1, got shape {made.shape}")
    wrong = ~(np.isfinite(made).all(axis=1) & (made[:, 2:] > made[:, :2]).all(axis=1))
    if wrong.any():
        raise InputError(f"a box needs finite x0 < x1 and y0 < y1, got {made[wrong][0].tolist()}")
    return made


def hits(boxes: Sequence[Box] | Floats, truths: Sequence[Box] | Floats, *, level: float, overlap: str = "IoBB") -> Hits:
    """Count what the boxes of a label hit on one image (ChestX-ray8: Acc and AFP are made of these).

    Args:
        boxes, truths: on the same image.
        level: overlap above which a box hits.
        overlap: 'IoU', or 'IoBB', the shared area over the detected box's own.

    Raises:
        InputError: if the overlap is neither, or boxes are malformed.
    """
    if overlap not in ("IoU", "IoBB"):
        raise InputError(f"overlap must be 'IoU' or 'IoBB', got '{overlap}'")
    found, true = corners(boxes), corners(truths)
    meets = box_overlaps(found, true)[("IoU", "IoBB").index(overlap)] > level
    return Hits(len(true), int(meets.any(axis=0).sum()), int((~meets.any(axis=1)).sum()))


def points_at(field: Floats, truths: Sequence[Box] | Floats, *, tolerance: float = 0.0) -> bool:
    """Return whether the highest value of a map lies in a true box (pointing game, Zhang et al. 2016).

    Args:
        field: (H, W), on the pixels that the boxes are in.
        truths: boxes.
        tolerance: pixels by which it may miss; 15 in the paper.

    Raises:
        InputError: if the map is not two-dimensional or holds NaN.
    """
    if field.ndim != 2 or field.size == 0 or np.isnan(field).any():
        raise InputError(f"the map must be (H, W) without NaN, got shape {field.shape}")
    y, x = divmod(int(np.argmax(field)), field.shape[1])
    true = corners(truths)
    across = np.maximum(np.maximum(true[:, 0] - (x + 0.5), (x + 0.5) - true[:, 2]), 0.0)
    down = np.maximum(np.maximum(true[:, 1] - (y + 0.5), (y + 0.5) - true[:, 3]), 0.0)
    return bool((np.hypot(across, down) <= tolerance).any())


def centre_prior(shape: tuple[int, int], sizes: Sequence[tuple[float, float]]) -> Floats:
    """Return the box (1, 4) about the middle of an image that is as large as boxes of its label are on average.

    Raises:
        InputError: if no size is given.
    """
    if not sizes:
        raise InputError("a centre prior needs the (width, height) of at least one training box")
    wide, high = np.mean(np.asarray(sizes, dtype=float), axis=0) / 2
    middle_x, middle_y = shape[1] / 2, shape[0] / 2
    return np.array([[middle_x - wide, middle_y - high, middle_x + wide, middle_y + high]])


def coco(
    detected: Mapping[str, Sequence[tuple[int, Box]]], truths: Mapping[str, Sequence[tuple[int, Box]]]
) -> Precision:
    """Return COCO's figures by pycocotools; NaN where there is no true box.

    Args:
        detected: image id -> (label number, box with its score).
        truths: image id -> (label number, box); every image is here, with an empty list where nothing is.

    Raises:
        MissingError: if pycocotools is not installed.
        InputError: if an image was detected on that is not among the truths, or a box has no score.
    """
    result = evaluated(detected, truths)
    figures = [float(value) if value >= 0 else float("nan") for value in result.stats]
    return Precision(figures[0], figures[1], figures[2], figures[8])


def evaluated(
    detected: Mapping[str, Sequence[tuple[int, Box]]], truths: Mapping[str, Sequence[tuple[int, Box]]]
) -> Any:
    """Return pycocotools' COCOeval after evaluation: its matches image by image, and its figures. See `coco`.

    Raises:
        MissingError, InputError: as `coco`.
    """
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ModuleNotFoundError:
        raise need("pycocotools", "boxes", "average precision of boxes") from None
    strange = set(detected) - set(truths)
    if strange:
        raise InputError(f"boxes on '{min(strange)}', which is not among the images with truth: add it, or [] for none")
    numbers = {name: number for number, name in enumerate(truths, 1)}
    labels = sorted({label for rows in (*truths.values(), *detected.values()) for label, _ in rows})
    true = _rows(truths, numbers)
    with redirect_stdout(StringIO()):
        base = COCO()
        base.dataset = {
            "images": [{"id": number} for number in numbers.values()], "annotations": true,
            "categories": [{"id": label, "name": str(label)} for label in labels], "info": {},
        }  # fmt: skip
        base.createIndex()
        said = _rows(detected, numbers, scored=True)
        found = base.loadRes(said) if said else COCO()
        if not said:
            found.dataset = {**base.dataset, "annotations": []}
            found.createIndex()
        result = COCOeval(base, found, "bbox")
        result.evaluate()
        result.accumulate()
        result.summarize()
    return result


def _rows(
    told: Mapping[str, Sequence[tuple[int, Box]]], numbers: Mapping[str, int], *, scored: bool = False
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for name, boxes in told.items():
        for label, box in boxes:
            if scored:
                _score(box)
            x0, y0, x1, y1 = box.corners
            row = {"id": len(rows) + 1, "image_id": numbers[name], "category_id": label, "iscrowd": 0,
                   "bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0)}  # fmt: skip
            rows.append(row | ({"score": float(box.score or 0.0)} if scored else {}))
    return rows


def voc(
    detected: Mapping[str, Sequence[Box]], truths: Mapping[str, Sequence[Box]], *, level: float = 0.5,
    points: int = 0,
) -> float:  # fmt: skip
    """Return PASCAL VOC's average precision of one label; NaN without a true box.

    Args:
        detected: image id -> boxes with scores.
        truths: image id -> true boxes.
        level: IoU from which a box can match; each true box once, the strongest claim first.
        points: 11 for the interpolation at 11 recalls (VOC 2007), 0 for the area under the envelope (VOC 2010).

    Raises:
        InputError: if `points` is neither, or a box has no score.
    """
    if points not in (0, 11):
        raise InputError(f"points must be 11 (VOC 2007) or 0 (VOC 2010), got {points}")
    total = sum(map(len, truths.values()))
    if not total:
        return float("nan")
    order = sorted(
        ((_score(box), name, box) for name, boxes in detected.items() for box in boxes), key=lambda item: -item[0]
    )
    taken: dict[str, set[int]] = {}
    right = np.zeros(len(order), dtype=bool)
    for number, (_, name, box) in enumerate(order):
        true = truths.get(name, ())
        overlap = box_overlaps(corners([box]), corners(true))[0][0] if true else np.zeros(0)
        best = int(np.argmax(overlap)) if overlap.size else -1
        if best >= 0 and overlap[best] >= level and best not in taken.setdefault(name, set()):
            taken[name].add(best)
            right[number] = True
    recall = np.cumsum(right) / total
    precision = np.cumsum(right) / np.arange(1, len(order) + 1)
    if points:
        return float(np.mean([precision[recall >= at].max(initial=0.0) for at in np.linspace(0, 1, points)]))
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(np.concatenate(([0.0], recall))) * envelope).sum())


def _score(box: Box) -> float:
    if box.score is None or np.isnan(box.score):
        raise InputError(f"the detected box {box.corners} has no score: average precision ranks boxes by score")
    return box.score
