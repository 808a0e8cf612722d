"""Regions of findings in whole studies: the Dice of each finding that is there and drawn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilum.core.finding import Finding
from hilum.core.region import Mask
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.measure.metric import UnscoredError


def _masks(findings: tuple[Finding, ...]) -> dict[tuple[str, str], NDArray[np.bool_]]:
    """(concept, image) -> all that is drawn of a finding that is there."""
    found: dict[tuple[str, str], NDArray[np.bool_]] = {}
    for finding in findings:
        for region in finding.regions if finding.state == "present" else ():
            if isinstance(region, Mask):
                key = (finding.concept, region.image)
                held = found.get(key)
                same = held is not None and held.shape == region.pixels.shape
                found[key] = held | region.pixels if held is not None and same else np.array(region.pixels)
    return found


@register.metric("finding-dice", better="higher", takes="study", range=(0.0, 1.0), version=1)
def finding_dice(reference: Study, answer: Study) -> float:
    """Mean Dice over the findings of a study that are drawn in the reference; one that is not drawn there counts not.

    A finding whose answer is missing, or drawn on another film or at another size, has a Dice of 0.

    Raises:
        UnscoredError: if the reference has no mask.
    """
    truths, said = _masks(reference.findings), _masks(answer.findings)
    values = []
    for key, truth in truths.items():
        drawn = said.get(key)
        if not truth.any():
            continue
        if drawn is None or drawn.shape != truth.shape:
            values.append(0.0)
            continue
        values.append(2 * float((truth & drawn).sum()) / float(truth.sum() + drawn.sum()))
    if not values:
        raise UnscoredError("the reference has no mask of a finding")
    return float(np.mean(values))
