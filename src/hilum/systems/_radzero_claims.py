"""RadZero's arms and claims as data; nothing heavy is imported here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from hilum.measure.claim import Claim


@dataclass(frozen=True)
class Arm:
    """One way of aligning.

    Args:
        how: a text reads a film, see `hilum.nets.similarity.Match`.
        whole: the report is one text.
        single: one sentence of a film a step (InfoNCE), instead of all.
        shuffled: each film is told another's sentences.
        dedupe: sentences that are true of a film are no rivals to it; published without.
    """

    how: Literal["similarity", "learned", "cls", "mean"] = "similarity"
    whole: bool = False
    single: bool = False
    shuffled: bool = False
    dedupe: bool = True


OURS, CLS, MEAN, KEYS = "VL-CABS", "CLS token alone (CLIP)", "mean of patches (CLIP)", "learned queries and keys"
WHOLE, SINGLE, SHUFFLED = "whole report as one text", "one sentence a film (InfoNCE)", "sentences of another film"
CENTRE, ATTENDED, KEYS_ATTENDED = "centre of the film", "VL-CABS, map of attention", "learned queries, map of attention"
_BASE = Arm()
ARMS: Mapping[str, Arm] = MappingProxyType({
    OURS: _BASE, CLS: replace(_BASE, how="cls"), MEAN: replace(_BASE, how="mean"), KEYS: replace(_BASE, how="learned"),
    WHOLE: replace(_BASE, whole=True), SINGLE: replace(_BASE, single=True), SHUFFLED: replace(_BASE, shuffled=True),
})  # fmt: skip
"""What is trained: the published way, its ablations, and the control whose sentences are moved between films."""

AUROC, POINT, DICE, SIDE = "mean AUROC", "pointing game", "Dice", "map on the side that the prompt names"
CLAIMS = (
    Claim("similarity classifies better than global alignment", OURS, CLS, AUROC, (SHUFFLED,)),
    Claim("similarity points better than global alignment", OURS, CLS, POINT, (SHUFFLED, CENTRE)),
    Claim("similarity outlines better than global alignment", OURS, CLS, DICE, (SHUFFLED, CENTRE)),
    Claim("the map points better than the centre of the film", OURS, CENTRE, POINT),
    Claim("swapping the side in the prompt moves the map", OURS, SHUFFLED, SIDE),
)
BESIDE = (
    Claim("(beside) the map outlines better than the centre of the film", OURS, CENTRE, DICE),
    *(Claim(f"(beside) against {arm}: {what}", OURS, arm, what)
      for arm in (MEAN, KEYS, WHOLE, SINGLE) for what in (AUROC, POINT, DICE, SIDE)),
    Claim("(beside) likeness outlines better than attention", OURS, ATTENDED, DICE),
    Claim("(beside) likeness points better than learned attention", OURS, KEYS_ATTENDED, POINT),
)  # fmt: skip
"""Ablations: judged and printed, but no part of the verdict."""

ON_READ = "AUROC of opacity as radiologists read it"
ON_BOXES, ON_LABELS = "pointing game in RSNA's boxes", "mean AUROC of text-mined labels"
REAL = (
    Claim("(beside) real films: opacity is told from none, against sentences of other films", OURS, SHUFFLED, ON_READ),
    Claim("(beside) real films: opacity is told from none, against global alignment", OURS, CLS, ON_READ),
    Claim("(beside) real films: the map points into radiologists' boxes, against global alignment", OURS, CLS, ON_BOXES,
          (CENTRE, SHUFFLED)),
    Claim("(beside) real films: the map points into radiologists' boxes, against the centre", OURS, CENTRE, ON_BOXES),
    Claim("(beside) real films: text-mined findings, against sentences of other films", OURS, SHUFFLED, ON_LABELS),
)  # fmt: skip
