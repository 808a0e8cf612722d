"""Metrics of bone suppression over pairs of a `BoneTruth` and the film without bones."""

from __future__ import annotations

from typing import Any

from hilum.core.registry import register
from hilum.measure import bone, pictures
from hilum.measure.bone import BoneTruth
from hilum.measure.metric import UnscoredError, by_item

LOW = float("-inf")


def _checked(truth: Any) -> BoneTruth:
    if not isinstance(truth, BoneTruth):
        raise UnscoredError(f"bone suppression is judged by a BoneTruth(film, soft), not {type(truth).__name__}")
    return truth


@register.metric("bsr/published", better="higher", takes="bone", range=(LOW, 1.0))
@by_item
def bsr_published(reference: BoneTruth, answer: Any) -> float:
    """Bone suppression ratio as published: it rewards doing nothing (0.66 to 0.89); see bsr2."""
    return bone.bsr_published(_checked(reference), answer)


@register.metric("bsr2", better="higher", takes="bone", range=(LOW, 1.0))
@by_item
def bsr2(reference: BoneTruth, answer: Any) -> float:
    """Share of the bone's energy removed, errors of either sign counted: 0 is doing nothing, 1 is perfect."""
    return bone.bsr2(_checked(reference), answer)


@register.metric("psnr/float", better="higher", unit="dB", takes="bone", range=(0.0, float("inf")))
@by_item
def psnr_float(reference: BoneTruth, answer: Any) -> float:
    """PSNR of the bone-free film against its truth, in floating point; published codes wrapped 8-bit differences."""
    truth = _checked(reference)
    return pictures.psnr(truth.soft, answer, truth.data_range)


@register.metric("rib-contrast-residual", better="lower", takes="bone", range=(0.0, float("inf")))
@by_item
def rib_contrast_residual(reference: BoneTruth, answer: Any, ring_mm: float = bone.RING_MM) -> float:
    """Rib contrast left over rib contrast before: 0 is none left, 1 is doing nothing."""
    return bone.rib_contrast_residual(_checked(reference), answer, ring_mm=ring_mm)


@register.metric("vessel-preservation", better="higher", takes="bone", range=(-1.0, 1.0))
@by_item
def vessel_preservation(reference: BoneTruth, answer: Any, edge_px: float = bone.EDGE_PX) -> float:
    """Correlation of fine structure with the truth inside the lungs, away from rib edges."""
    return bone.vessel_preservation(_checked(reference), answer, edge_px=edge_px)
