"""Boxes of findings against true boxes: COCO's average precision, FROC, hit rates of ChestX-ray8; a mean over concepts.

Concepts without a true box in the set are not scored. Where a reference calls a finding present but does not say where,
that finding of that study takes no part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.region import Box
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.measure.boxes import evaluated, hits
from hilum.measure.froc import RATES, Curve, Image, Point, events
from hilum.measure.metrics.findings import auroc
from hilum.measure.pairs import Pairs
from hilum.measure.scored import Better, Floats, Resample, Scored, ratio, signature

StudyPairs = Pairs[Study]
RECALLS = np.linspace(0, 1, 101)
_UNIT = (0.0, 1.0)
_NO_ANSWER = "there is no answer"
_NO_BOX = "the reference has no box"


@dataclass(frozen=True)
class Film:
    """Boxes of one concept on one image: number of its study, true boxes, detected ones with scores."""

    study: int
    truths: tuple[Box, ...]
    found: tuple[Box, ...]


def films(pairs: StudyPairs) -> dict[str, tuple[Film, ...]]:
    """Return concept -> its boxes image by image, images without any too; made once for all metrics.

    Raises:
        InputError: if a detected box has no score and its finding no probability.
    """
    return pairs.once("films", _films)


def _films(pairs: StudyPairs) -> dict[str, tuple[Film, ...]]:
    concepts = sorted({f.concept for s in pairs.references for f in s.findings if _boxes(f)})
    return {concept: tuple(_of(concept, pairs)) for concept in concepts}


def _boxes(finding: Finding) -> tuple[Box, ...]:
    return tuple(r for r in finding.regions if isinstance(r, Box)) if finding.state == "present" else ()


def _of(concept: str, pairs: StudyPairs) -> list[Film]:
    made = []
    for number, (reference, answer) in enumerate(zip(pairs.references, pairs.answers, strict=True)):
        true = [f for f in reference.findings if f.concept == concept and f.state == "present"]
        if answer is None or (true and not any(map(_boxes, true))):
            continue
        truths = [box for finding in true for box in _boxes(finding)]
        found = [_scored_box(box, f) for f in answer.findings if f.concept == concept for box in _boxes(f)]
        ids = [image.id for image in reference.films] + [box.image for box in (*truths, *found)]
        named = [image for image in dict.fromkeys(ids) if image]
        home = named[0] if len(named) == 1 else ""  # a box that names no image lies on a study's only one
        images = dict.fromkeys(image or home for image in ids) or [home]
        made += [Film(number, _on(image, truths, home), _on(image, found, home)) for image in images]
    return made


def _on(image: str, boxes: Sequence[Box], home: str) -> tuple[Box, ...]:
    return tuple(box for box in boxes if (box.image or home) == image)


def _scored_box(box: Box, finding: Finding) -> Box:
    score = box.score if box.score is not None else finding.probability
    if score is None or np.isnan(score):
        raise InputError(f"a box of '{finding.concept}' has no score and its finding no probability: give one of them")
    return Box(*box.corners, image=box.image, score=float(score))


def _macro(
    name: str, pairs: StudyPairs, curves: Sequence[tuple[NDArray[np.intp], Resample]], values: Floats, *,
    better: Better = "higher", **parts: object,
) -> Scored:  # fmt: skip
    """Score by the mean over concepts; each is (study of each of its images, from weights of images to values)."""

    def at(weights: Floats) -> Floats:
        rows = np.array([curve(weights[:, owner]) for owner, curve in curves]).reshape(len(curves), len(weights))
        there = np.isfinite(rows)
        return ratio(np.where(there, rows, 0.0).sum(axis=0), there.sum(axis=0).astype(float))

    unscored = {int(n): _NO_ANSWER if pairs.answers[n] is None else _NO_BOX for n in np.flatnonzero(np.isnan(values))}
    said = signature(name, 1, average="macro", concepts="of-references", **parts)
    return Scored(name, values, at, said, better, unscored)


def _owners(images: Sequence[Film]) -> NDArray[np.intp]:
    return np.array([film.study for film in images], dtype=np.intp)


@register.metric("froc", better="higher", takes="study", over="set", range=_UNIT, version=1)
def froc(pairs: StudyPairs) -> Scored:
    """Mean sensitivity at 1/8 to 8 false positives per image; a box's centre in a true box finds it (object-CXR)."""
    curves: list[tuple[NDArray[np.intp], Resample]] = []
    over, under = np.zeros(len(pairs)), np.zeros(len(pairs))
    for images in films(pairs).values():
        owner = _owners(images)
        found, curve = _curve(images)
        np.add.at(over, owner, found)
        np.add.at(under, owner, curve.total)
        curves.append((owner, curve.at))
    rates = "/".join(f"{rate:g}" for rate in RATES)
    return _macro("froc", pairs, curves, ratio(over, under), rule="centre-in-region", rates=rates)


def _curve(images: Sequence[Film]) -> tuple[Floats, Curve]:
    told = [Image([Point(*box.center, box.score or 0.0) for box in film.found], film.truths) for film in images]
    return events(told)


def _hit_table(images: Sequence[Film], level: float, overlap: str) -> Floats:
    """(I, 4) of each image: true boxes, those hit, boxes that hit none where there is one to hit, and 1 there."""
    rows = []
    for film in images:
        found = hits(film.found, film.truths, level=level, overlap=overlap)
        rows.append((found.truths, found.hit, found.false if found.truths else 0, float(found.truths > 0)))
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def _hits(name: str, pairs: StudyPairs, level: float, overlap: str, top: int, low: int, better: Better) -> Scored:
    if not 0 <= level < 1:
        raise InputError(f"level must lie in [0, 1), got {level}")
    curves: list[tuple[NDArray[np.intp], Resample]] = []
    sums = np.zeros((len(pairs), 4))
    for images in films(pairs).values():
        owner, table = _owners(images), _hit_table(images, level, overlap)
        np.add.at(sums, owner, table)
        curves.append((owner, lambda weights, t=table: ratio(weights @ t[:, top], weights @ t[:, low])))  # type: ignore[misc]
    values = ratio(sums[:, top], sums[:, low])
    return _macro(name, pairs, curves, values, better=better, overlap=f"{overlap}>{level:g}", images="of-concept")


@register.metric("box-accuracy", better="higher", takes="study", over="set", range=_UNIT, version=1)
def box_accuracy(pairs: StudyPairs, *, level: float = 0.25, overlap: str = "IoBB") -> Scored:
    """Share of true boxes that a detected box hits by IoBB or IoU above a level (ChestX-ray8's accuracy)."""
    return _hits("box-accuracy", pairs, level, overlap, 1, 0, "higher")


@register.metric("box-afp", better="lower", takes="study", over="set", range=(0.0, float("inf")), version=1)
def box_afp(pairs: StudyPairs, *, level: float = 0.25, overlap: str = "IoBB") -> Scored:
    """Detected boxes that hit no true box, per image that has one (ChestX-ray8's average false positives)."""
    return _hits("box-afp", pairs, level, overlap, 2, 3, "lower")


class _Precision:
    """COCO's average precision of one concept under weights of its images, from pycocotools' matches."""

    def __init__(self, images: Sequence[Film]) -> None:
        truths = {str(n): [(1, box) for box in film.truths] for n, film in enumerate(images)}
        found = {str(n): [(1, box) for box in film.found] for n, film in enumerate(images) if film.found}
        all_areas = evaluated(found, truths).evalImgs[: len(images)]
        kept = [(each["image_id"] - 1, each) for each in all_areas if each is not None]
        scores = np.concatenate([np.asarray(e["dtScores"], float) for _, e in kept]) if kept else np.zeros(0)
        order = np.argsort(-scores, kind="mergesort")
        owners = [np.full(len(e["dtScores"]), n, dtype=np.intp) for n, e in kept]
        self.owner = np.concatenate(owners)[order] if kept else np.zeros(0, np.intp)
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
    concepts = pairs.once("coco", lambda p: {c: (_owners(i), _Precision(i)) for c, i in films(p).items() if i})
    over, under = np.zeros(len(pairs)), np.zeros(len(pairs))
    curves: list[tuple[NDArray[np.intp], Resample]] = []
    for owner, precision in concepts.values():
        np.add.at(over, owner, precision.found())
        np.add.at(under, owner, precision.total)
        curves.append((owner, lambda weights, p=precision: p.at(weights, levels)))  # type: ignore[misc]
    return _macro(name, pairs, curves, ratio(over, under), iou=iou, recalls=101, boxes="<=100", by="pycocotools")


@register.metric(
    "map@.5", better="higher", takes="study", over="set", range=_UNIT, version=1, needs="hilum[boxes]"
)  # fmt: skip
def map_50(pairs: StudyPairs) -> Scored:
    """Average precision of boxes at IoU .5, mean over findings (COCO); a study's value is its share of boxes found."""
    return _average("map@.5", pairs, slice(0, 1), "0.5")


@register.metric(
    "map@.5:.95", better="higher", takes="study", over="set", range=_UNIT, version=1, needs="hilum[boxes]"
)  # fmt: skip
def map_50_95(pairs: StudyPairs) -> Scored:
    """Average precision of boxes over IoU .5 to .95, mean over findings (COCO); a study's value is as for map@.5."""
    return _average("map@.5:.95", pairs, slice(0, 10), "0.5:0.95")


def rfo(pairs: StudyPairs) -> dict[str, Scored]:
    """Return the two scores of the retained-object bench: AUROC of images and FROC of objects.

    Each study is one image, and its one concept (such as 'retained foreign object') is stated present or absent.
    """
    return {"auroc": auroc(pairs), "froc": froc(pairs)}
