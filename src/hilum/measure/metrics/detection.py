"""Places of findings against true regions: COCO's average precision and FROC; a mean over concepts.

Concepts without a true region in the set are not scored. Where a reference is uncertain of a finding, or calls it
present but does not say where, that finding of that study takes no part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.region import Box, Mask, Points
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.measure.boxes import evaluated
from hilum.measure.froc import RATES, Curve, Image, Point, events
from hilum.measure.metrics.findings import auroc
from hilum.measure.pairs import Pairs
from hilum.measure.scored import Better, Floats, Resample, Scored, ratio, signature

StudyPairs = Pairs[Study]
RECALLS = np.linspace(0, 1, 101)
_UNIT = (0.0, 1.0)
_NO_ANSWER = "there is no answer"
_NO_REGION = "the reference has no region"


@dataclass(frozen=True)
class Film:
    """One concept on one image: number of its study, true regions, detected boxes with scores, and points claimed.

    `points` are the centres of the boxes and whatever points the answer gives by themselves.
    """

    study: int
    regions: tuple[Box | Mask, ...]
    found: tuple[Box, ...]
    points: tuple[Point, ...]

    @property
    def truths(self) -> tuple[Box, ...]:
        """The true regions that are boxes."""
        return tuple(region for region in self.regions if isinstance(region, Box))


def films(pairs: StudyPairs, *, masks: bool = False) -> dict[str, tuple[Film, ...]]:
    """Return concept -> its places image by image, images without any too; made once for all metrics.

    Args:
        pairs: references with true regions, answers with boxes or points.
        masks: whether true masks count beside true boxes, and claimed points beside the centres of claimed boxes.

    Raises:
        InputError: if a claim has no score and its finding no probability.
    """
    return pairs.once(("films", masks), lambda p: _films(p, (Box, Mask) if masks else (Box,)))


Kinds = tuple[type[Box] | type[Mask], ...]


def _films(pairs: StudyPairs, kinds: Kinds) -> dict[str, tuple[Film, ...]]:
    concepts = sorted({f.concept for s in pairs.references for f in s.findings if _regions(f, kinds)})
    return {concept: tuple(_of(concept, pairs, kinds)) for concept in concepts}


def _regions(finding: Finding, kinds: Kinds) -> tuple[Any, ...]:
    return tuple(r for r in finding.regions if isinstance(r, kinds)) if finding.state == "present" else ()


def _of(concept: str, pairs: StudyPairs, kinds: Kinds) -> list[Film]:
    made = []
    for number, (reference, answer) in enumerate(zip(pairs.references, pairs.answers, strict=True)):
        stated = [f for f in reference.findings if f.concept == concept and f.state != "absent"]
        true = [region for finding in stated for region in _regions(finding, kinds)]
        if answer is None or (stated and not true):
            continue
        claims = [f for f in answer.findings if f.concept == concept and f.state == "present"]
        found = [_scored_box(box, f) for f in claims for box in _regions(f, (Box,))]
        points = [(box.image, Point(*box.center, box.score or 0.0)) for box in found]
        if Mask in kinds:
            bare = [(r, f) for f in claims for r in f.regions if isinstance(r, Points)]
            points += [(region.image, point) for region, f in bare for point in _points(region, f)]
        ids = [image.id for image in reference.films] + [r.image for r in (*true, *found)] + [i for i, _ in points]
        named = [image for image in dict.fromkeys(ids) if image]
        home = named[0] if len(named) == 1 else ""  # what names no image lies on a study's only one
        for image in dict.fromkeys(image or home for image in ids) or [home]:
            here = tuple(point for on, point in points if (on or home) == image)
            made.append(Film(number, _on(image, true, home), _on(image, found, home), here))
    return made


def _points(claim: Points, finding: Finding) -> tuple[Point, ...]:
    """Points of one claim, all as sure as its finding; an outline (closed) claims no place."""
    if claim.closed:
        return ()
    if finding.probability is None:
        raise InputError(f"points of '{finding.concept}' rank by its probability, and it has none: give one")
    return tuple(Point(float(x), float(y), finding.probability) for x, y in claim.xy)


def _on(image: str, regions: Sequence[Any], home: str) -> tuple[Any, ...]:
    return tuple(region for region in regions if (region.image or home) == image)


def _scored_box(box: Box, finding: Finding) -> Box:
    score = box.score if box.score is not None else finding.probability
    if score is None or np.isnan(score):
        raise InputError(f"a box of '{finding.concept}' has no score and its finding no probability: give one of them")
    return Box(*box.corners, image=box.image, score=float(score))


def macro(
    name: str, pairs: StudyPairs, curves: Sequence[tuple[NDArray[np.intp], Resample]], values: Floats, *,
    better: Better = "higher", **parts: object,
) -> Scored:  # fmt: skip
    """Score by the mean over concepts.

    Args:
        name, pairs, values, better, parts: as for `Scored` and its signature.
        curves: of each concept: study of each of its images, and from weights of images to values.
    """

    def at(weights: Floats) -> Floats:
        rows = np.array([curve(weights[:, owner]) for owner, curve in curves]).reshape(len(curves), len(weights))
        there = np.isfinite(rows)
        return ratio(np.where(there, rows, 0.0).sum(axis=0), there.sum(axis=0).astype(float))

    unscored = {
        int(n): _NO_ANSWER if pairs.answers[n] is None else _NO_REGION for n in np.flatnonzero(np.isnan(values))
    }
    said = signature(name, 1, average="macro", concepts="of-references", **parts)
    return Scored(name, values, at, said, better, unscored)


def owners(images: Sequence[Film]) -> NDArray[np.intp]:
    """Return the number of the study that each image is of, (I,)."""
    return np.array([film.study for film in images], dtype=np.intp)


@register.metric("froc", better="higher", takes="study", over="set", range=_UNIT, version=1)
def froc(pairs: StudyPairs) -> Scored:
    """Mean sensitivity at 1/8 to 8 false positives per image; a point, or a box's centre, in a region finds it."""
    curves: list[tuple[NDArray[np.intp], Resample]] = []
    over, under = np.zeros(len(pairs)), np.zeros(len(pairs))
    for images in films(pairs, masks=True).values():
        owner = owners(images)
        found, curve = _curve(images)
        np.add.at(over, owner, found)
        np.add.at(under, owner, curve.total)
        curves.append((owner, curve.at))
    rates = "/".join(f"{rate:g}" for rate in RATES)
    return macro("froc", pairs, curves, ratio(over, under), rule="point-or-centre-in-region", rates=rates)


def _curve(images: Sequence[Film]) -> tuple[Floats, Curve]:
    return events([Image(film.points, film.regions) for film in images])


class _Precision:
    """COCO's average precision of one concept under weights of its images, from pycocotools' matches."""

    def __init__(self, images: Sequence[Film]) -> None:
        truths = {str(n): [(1, box) for box in film.truths] for n, film in enumerate(images)}
        found = {str(n): [(1, box) for box in film.found] for n, film in enumerate(images) if film.found}
        all_areas = evaluated(found, truths).evalImgs[: len(images)]
        kept = [(each["image_id"] - 1, each) for each in all_areas if each is not None]
        scores = np.concatenate([np.asarray(e["dtScores"], float) for _, e in kept]) if kept else np.zeros(0)
        order = np.argsort(-scores, kind="mergesort")
        places = [np.full(len(e["dtScores"]), n, dtype=np.intp) for n, e in kept]
        self.owner = np.concatenate(places)[order] if kept else np.zeros(0, np.intp)
        right = np.concatenate([np.asarray(e["dtMatches"]) > 0 for _, e in kept], axis=1) if kept else np.zeros((10, 0))
        self.right = [np.flatnonzero(level) for level in right[:, order]]  # by IoU level: which detections match
        self.total = np.array([len(film.truths) for film in images], dtype=np.float64)

    def found(self) -> Floats:
        """True boxes of each image that are found at IoU .5."""
        return np.bincount(self.owner[self.right[0]], minlength=len(self.total)).astype(np.float64)

    def at(self, weights: Floats, levels: slice) -> Floats:
        """Average precision over some IoU levels, (R,)."""
        regions = weights @ self.total
        made = np.full(len(weights), np.nan)
        for row in np.flatnonzero(regions > 0):
            drawn = weights[row, self.owner]
            called = np.cumsum(drawn)
            areas = [self._area(np.cumsum(drawn[n]), called[n], regions[row]) for n in self.right[levels]]
            made[row] = np.mean(areas)
        return made

    @staticmethod
    def _area(true: Floats, called: Floats, regions: float) -> float:
        envelope = np.maximum.accumulate((true / np.where(called > 0, called, 1.0))[::-1])[::-1]
        place = np.searchsorted(true / regions, RECALLS, side="left")
        return float(np.append(envelope, 0.0)[place].mean())


def _average(name: str, pairs: StudyPairs, levels: slice, iou: str) -> Scored:
    concepts = pairs.once("coco", lambda p: {c: (owners(i), _Precision(i)) for c, i in films(p).items() if i})
    over, under = np.zeros(len(pairs)), np.zeros(len(pairs))
    curves: list[tuple[NDArray[np.intp], Resample]] = []
    for owner, precision in concepts.values():
        np.add.at(over, owner, precision.found())
        np.add.at(under, owner, precision.total)
        curves.append((owner, lambda weights, p=precision: p.at(weights, levels)))  # type: ignore[misc]
    return macro(name, pairs, curves, ratio(over, under), iou=iou, recalls=101, boxes="<=100", by="pycocotools")


@register.metric(
    "map@0.5", better="higher", takes="study", over="set", range=_UNIT, version=1, needs="hilum[boxes]"
)  # fmt: skip
def map_50(pairs: StudyPairs) -> Scored:
    """Average precision of boxes at IoU .5, mean over findings (COCO); a study's value is its share of boxes found."""
    return _average("map@0.5", pairs, slice(0, 1), "0.5")


@register.metric(
    "map@0.5:0.95", better="higher", takes="study", over="set", range=_UNIT, version=1, needs="hilum[boxes]"
)  # fmt: skip
def map_50_95(pairs: StudyPairs) -> Scored:
    """Average precision of boxes over IoU .5 to .95, mean over findings (COCO); a study's value is as for map@0.5."""
    return _average("map@0.5:0.95", pairs, slice(0, 10), "0.5:0.95")


def rfo(pairs: StudyPairs) -> dict[str, Scored]:
    """Return the two scores of the retained-object bench: AUROC of images and FROC of objects.

    Each study is one image, and its one concept (such as 'retained foreign object') is stated present or absent.
    """
    return {"auroc": auroc(pairs), "froc": froc(pairs)}
