"""Preference fine-tuning: the names of its arms and scores, and its claims."""

from __future__ import annotations

from hilum.measure.claim import Claim
from hilum.measure.rewards import J1, J2, J3

SFT, RANDOM, BEST = "policy (SFT)", f"DPO, {J1}, random labels", f"SFT on the best of {{count}}, {J1}"
WORDS, REPEATS, UNPARSED, DIVERGENCE = "words", "repeated sentences", "unparsed-sentences", "KL from the policy"
PRESENCE, GROUNDING, GREEN = "presence QA", "phrase IoU", "green/hilum"
METRICS = (J1, J2, J3, GREEN, WORDS, REPEATS, UNPARSED, DIVERGENCE, PRESENCE, GROUNDING)


FIRST, OTHERS = "DPO", "R-DPO,IPO,KTO,length-normalised,DPO+SFT"
"""The loss of the claims, and those beside it."""


def named(loss: str, judge: str) -> str:
    """Return the name of the arm of a loss and a judge."""
    return f"{loss}, {judge}"


BY_FACTS, BY_REPEATS, BY_LENGTH = (named(FIRST, judge) for judge in (J1, J2, J3))


def claims_of(count: int = 4) -> tuple[tuple[Claim, ...], tuple[Claim, ...]]:
    """Return the published claims, and what is judged beside them, for `count` answers to a question."""
    best = BEST.format(count=count)
    main = (
        Claim("judge-made pairs raise factuality without labels", BY_FACTS, SFT, J1, (RANDOM, best)),
        Claim("plain DPO earns a judge that length can earn by length", BY_REPEATS, SFT, WORDS, (RANDOM, best)),
        Claim("a judge that takes back what length earned keeps reports shorter", BY_LENGTH, BY_REPEATS, WORDS,
              (SFT,), "lower"),
    )  # fmt: skip
    beside = (
        Claim("the judge's labels matter: over random ones", BY_FACTS, RANDOM, J1),
        Claim("pairs beat writing the best of the samples", BY_FACTS, best, J1),
        Claim("random labels gain as well (a control: it should fail)", RANDOM, SFT, J1),
        Claim("what length earned is repetition", BY_REPEATS, SFT, REPEATS),
        Claim("the judge's own score rises where length can earn it", BY_REPEATS, SFT, J2),
    )
    return main, beside


def beside_losses(losses: tuple[str, ...]) -> tuple[Claim, ...]:
    """Return what is judged of each other loss: whether it keeps reports shorter than DPO by the same judge."""
    return tuple(
        Claim(f"{loss} keeps reports shorter than DPO by the same judge", named(loss, J2), BY_REPEATS, WORDS, (),
              "lower") for loss in losses if loss != FIRST
    )  # fmt: skip
