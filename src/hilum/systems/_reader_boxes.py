"""Scores of boxes on the scenes' frontal films, and the pooled scores that they share with those of text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from hilum.core.finding import Finding
from hilum.core.region import Box
from hilum.core.study import Study
from hilum.measure.binary import box_overlaps
from hilum.measure.boxes import corners
from hilum.measure.scored import Better, Floats, Scored, f1, ratio, signature, summed

Boxes = Mapping[str, Sequence[Box]]
"""Boxes on the frontal film by concept, in its own pixels."""
_WAYS: Mapping[str, Callable[[Floats], Floats]] = {
    "ratio": lambda sums: ratio(sums[:, 0], sums[:, 1]), "f1": lambda sums: f1(sums[:, 0], sums[:, 1], sums[:, 2]),
}  # fmt: skip


def pooled(name: str, table: Sequence[Sequence[float]], combine: str, better: Better = "higher") -> Scored:
    """Score a set by the 'ratio' or 'f1' of what its items' rows sum to."""
    way = _WAYS[combine]
    rows = np.asarray(table, dtype=float).reshape(len(table), -1)
    return summed(
        name, way(rows) if len(rows) else rows[:, 0], rows, way, signature(name, 1, reader="hilum"), better=better
    )


def share(name: str, table: Sequence[tuple[float, float]], better: Better = "higher") -> Scored:
    """Score a set by a share: (over, under) of each item, one with nothing under takes no part."""
    return pooled(name, [(over if under else 0.0, under) for over, under in table], "ratio", better)


def _frontal(finding: Finding, study: Study) -> list[Box]:
    front = {image.id for image in study.films if image.view in ("PA", "AP")}
    return [each for each in finding.regions if isinstance(each, Box) and each.image in front]


def box_scores(studies: Sequence[Study], drawn: Sequence[Boxes]) -> dict[str, Scored]:
    """Mean overlap of true boxes with the box that is matched to each (0 without one), and F1 at an overlap of .5."""
    overlap, counts = [], []
    for study, boxes in zip(studies, drawn, strict=True):
        truths = {f.concept: held for f in study.findings if (held := _frontal(f, study))}
        matched: list[float] = []
        for concept, held in truths.items():
            matched += _matched(corners(list(boxes.get(concept, ()))), corners(held))
        there, made = sum(map(len, truths.values())), sum(map(len, boxes.values()))
        hit = sum(each >= 0.5 for each in matched)
        overlap.append((sum(matched), float(there)))
        counts.append((hit, made - hit, there - hit))
    return {"box-iou": share("box-iou", overlap), "box-f1": pooled("box-f1", counts, "f1")}


def _matched(boxes: NDArray[np.float64], truths: NDArray[np.float64]) -> list[float]:
    if not len(boxes):
        return []
    overlaps = box_overlaps(boxes, truths)[0]
    return [float(overlaps[row, column]) for row, column in zip(*linear_sum_assignment(-overlaps), strict=True)]
