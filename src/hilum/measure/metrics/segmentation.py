"""Masks against reference masks: overlap, surface distance, and instances found, invented and missed.

A pair with both masks empty has no value; a structure missed or invented whole counts as badly as it can.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from hilum.core.errors import InputError
from hilum.core.registry import register
from hilum.measure import masks
from hilum.measure.instances import CONNECTIVITY, LEVEL, How, Matched, match
from hilum.measure.masks import Overlap, Region, Surfaces
from hilum.measure.pairs import Pairs
from hilum.measure.scored import Floats, Resample, Scored, averaged, f1, ratio, signature, summed

MaskPairs = Pairs[Region]
Spacing = Sequence[float] | Sequence[Sequence[float]] | None
HIT = 0.1
"""Dice from which a finding counts as hit (ReXGroundingCT)."""
_UNIT = (0.0, 1.0)
_EMPTY = "undefined: both masks are empty"
_NONE = "there is no answer"


def _overlaps(pairs: MaskPairs) -> list[Overlap | None]:
    return pairs.once("overlaps", lambda p: [
        None if answer is None else masks.overlap(reference, answer)
        for reference, answer in zip(p.references, p.answers, strict=True)
    ])  # fmt: skip


def _reasons(pairs: MaskPairs, values: Floats, reason: str = _EMPTY) -> dict[int, str]:
    return {int(n): _NONE if pairs.answers[n] is None else reason for n in np.flatnonzero(np.isnan(values))}


def _from_overlap(name: str, pairs: MaskPairs, of: Callable[[Overlap], float], **parts: object) -> Scored:
    values = np.array([np.nan if o is None or not o.reference + o.answer else of(o) for o in _overlaps(pairs)])
    said = signature(name, 1, average="pairs", empty="undefined", **parts)
    return averaged(name, values, said, unscored=_reasons(pairs, values))


def _dice(o: Overlap) -> float:
    return 2 * o.both / (o.reference + o.answer)


@register.metric("dice", better="higher", takes="mask", over="set", range=_UNIT, version=1)
def dice(pairs: MaskPairs) -> Scored:
    """Twice the shared pixels over the pixels of both masks."""
    return _from_overlap("dice", pairs, _dice)


@register.metric("global-dice", better="higher", takes="mask", over="set", range=_UNIT, version=1)
def global_dice(pairs: MaskPairs) -> Scored:
    """Mean Dice over findings, where each pair is one finding of one case (ReXGroundingCT): `dice` under its name."""
    return _from_overlap("global-dice", pairs, _dice, pair="finding-of-case")


@register.metric("iou", better="higher", takes="mask", over="set", range=_UNIT, version=1)
def iou(pairs: MaskPairs) -> Scored:
    """Shared pixels over the pixels in either mask."""
    return _from_overlap("iou", pairs, lambda o: o.both / (o.reference + o.answer - o.both))


@register.metric("hit", better="higher", takes="mask", over="set", range=_UNIT, version=1)
def hit(pairs: MaskPairs) -> Scored:
    """Share of pairs whose Dice is at least .1: whether a finding was found at all (ReXGroundingCT)."""
    return _from_overlap("hit", pairs, lambda o: float(_dice(o) >= HIT), dice=HIT)


def _spacings(pairs: MaskPairs, spacing_mm: Spacing) -> list[tuple[float, ...] | None]:
    """Spacing of each pair, from one for all or one for each."""
    if spacing_mm is None or np.ndim(spacing_mm[0]) == 0:
        return [None if spacing_mm is None else tuple(float(s) for s in spacing_mm)] * len(pairs)  # type: ignore[arg-type]
    if len(spacing_mm) != len(pairs):
        raise InputError(f"{len(pairs)} pairs but {len(spacing_mm)} spacings: give one for all or one for each")
    return [tuple(float(s) for s in each) for each in spacing_mm]  # type: ignore[union-attr]


def _surfaces(pairs: MaskPairs, spacing_mm: Spacing) -> list[Surfaces | float | None]:
    """Of each pair: distances; the diagonal where only one mask is empty; None without answer or anything in both."""
    sizes = _spacings(pairs, spacing_mm)
    key: Hashable = ("surfaces", tuple(sizes))

    def one(reference: Region, answer: Region | None, size: tuple[float, ...] | None) -> Surfaces | float | None:
        if answer is None:
            return None
        found = masks.surfaces(reference, answer, spacing_mm=size)
        true, said = masks.both(reference, answer)
        if found is not None or not (true.any() or said.any()):
            return found
        return float(np.linalg.norm(np.multiply(true.shape, masks.spacing_of(size, true.ndim))))

    return pairs.once(key, lambda p: [one(*each) for each in zip(p.references, p.answers, sizes, strict=True)])


def _in_mm(spacing_mm: Spacing) -> str:
    return "pixels" if spacing_mm is None else "mm"


@register.metric("hd95", better="lower", takes="mask", over="set", range=(0.0, float("inf")), version=1)
def hd95(pairs: MaskPairs, *, spacing_mm: Spacing = None) -> Scored:
    """95th percentile of distances between surfaces, the greater direction, in mm with spacing, else in pixels.

    Where only one mask is empty the value is the diagonal of the field, the farthest that a pixel can be.
    """
    values = np.array([
        np.nan if each is None else each if isinstance(each, float) else masks.far(each)
        for each in _surfaces(pairs, spacing_mm)
    ])  # fmt: skip
    said = signature(
        "hd95", 1, average="pairs", empty="undefined", missed="diagonal", percentile="greater-direction",
        unit=_in_mm(spacing_mm),
    )  # fmt: skip
    return averaged("hd95", values, said, better="lower", unscored=_reasons(pairs, values))


@register.metric("nsd", better="higher", takes="mask", over="set", range=_UNIT, version=1)
def nsd(pairs: MaskPairs, *, tolerance: float = 2.0, spacing_mm: Spacing = None) -> Scored:
    """Share of both surfaces within a tolerance of the other, 2 unless another is given; mm with spacing, else pixels.

    Raises:
        InputError: if the tolerance is negative or not finite.
    """
    if not (np.isfinite(tolerance) and tolerance >= 0):
        raise InputError(f"tolerance must be 0 or more, got {tolerance}")
    values = np.array([
        np.nan if each is None else 0.0 if isinstance(each, float) else masks.near(each, tolerance)
        for each in _surfaces(pairs, spacing_mm)
    ])  # fmt: skip
    said = signature("nsd", 1, average="pairs", empty="undefined", tolerance=f"{tolerance:g}", unit=_in_mm(spacing_mm))
    return averaged("nsd", values, said, unscored=_reasons(pairs, values))


def _instances(pairs: MaskPairs, level: float, how: How) -> list[Matched | None]:
    return pairs.once(("instances", level, how), lambda p: [
        None if answer is None else match(reference, answer, level=level, how=how)
        for reference, answer in zip(p.references, p.answers, strict=True)
    ])  # fmt: skip


def _by_instance(name: str, pairs: MaskPairs, combine: Resample, reason: str, level: float, how: How) -> Scored:
    found = _instances(pairs, level, how)
    counts = np.array([(0, 0, 0) if each is None else each[:3] for each in found], dtype=np.float64)
    values = combine(counts)
    notes = [None if m is None else {"right": m.right, "invented": m.invented, "missed": m.missed} for m in found]
    axes = sorted({masks.inside(reference).ndim for reference in pairs.references})
    said = signature(
        name, 1, average="micro", connectivity="/".join(str(CONNECTIVITY[n]) for n in axes), dice=level, match=how
    )
    return summed(name, values, counts, combine, said, unscored=_reasons(pairs, values, reason), notes=notes)


@register.metric("instance-f1", better="higher", takes="mask", over="set", range=_UNIT, version=1)
def instance_f1(pairs: MaskPairs, *, level: float = LEVEL, how: How = "most") -> Scored:
    """F1 of connected components, matched one to one at a Dice of at least .2, over all pairs (ReXGroundingCT)."""
    return _by_instance("instance-f1", pairs, lambda s: f1(s[:, 0], s[:, 1], s[:, 2]), _EMPTY, level, how)


@register.metric("instance-precision", better="higher", takes="mask", over="set", range=_UNIT, version=1)
def instance_precision(pairs: MaskPairs, *, level: float = LEVEL, how: How = "most") -> Scored:
    """Share of the answer's connected components that match one of the reference; undefined where it has none."""
    return _by_instance(
        "instance-precision", pairs, lambda s: ratio(s[:, 0], s[:, 0] + s[:, 1]),
        "undefined: the answer is empty", level, how,
    )  # fmt: skip


@register.metric("instance-recall", better="higher", takes="mask", over="set", range=_UNIT, version=1)
def instance_recall(pairs: MaskPairs, *, level: float = LEVEL, how: How = "most") -> Scored:
    """Share of the reference's connected components that the answer matches; undefined where there is none."""
    return _by_instance(
        "instance-recall", pairs, lambda s: ratio(s[:, 0], s[:, 0] + s[:, 2]),
        "undefined: the reference is empty", level, how,
    )  # fmt: skip
