"""What RadVLM is judged by: arms, scores, claims."""

from __future__ import annotations

from collections.abc import Sequence

from hilum.measure.claim import Claim

COUNTS = (50, 200, 1_000)
"""Phrases with boxes that an arm learns from."""
FIRST, IOU = "box F1@.5", "box IoU"
NARROW = "box IoU gained by the other tasks"
AGREE, CONTRADICT, HIT = "turn 2 agrees with the truth", "turn 2 contradicts turn 1", "turn 3 box hit at IoU .5"
WITH, WITHOUT = "with conversations", "without conversations"
BLANK, SWAPPED = "blank film", "another patient's film"


def joint(count: int) -> str:
    """Return the name of the arm that learns all tasks."""
    return f"all tasks, {count} phrases"


def alone(count: int) -> str:
    """Return the name of the arm that learns boxes alone."""
    return f"boxes alone, {count} phrases"


def gained(count: int) -> str:
    """Return the name of what other tasks add at a number of phrases."""
    return f"gain at {count} phrases"


def under(arm: str, guard: str) -> str:
    """Return the name of an arm whose test films were changed."""
    return f"{arm}, {guard}"


def claims_for(counts: Sequence[int]) -> tuple[tuple[Claim, ...], tuple[Claim, ...]]:
    """Return the claims for three rising numbers of phrases, and those judged beside them."""
    least, _, most = counts
    boxes = (under(joint(least), BLANK), under(joint(least), SWAPPED), joint(most), alone(most))
    talk = (under(WITH, BLANK), under(WITH, SWAPPED))
    helps = {count: f"with {count} phrases, learning other tasks helps to find boxes" for count in counts}
    truer, place = "conversations make the second answer truer", "conversations make the third answer find the place"
    claims = (
        Claim(helps[least], joint(least), alone(least), FIRST, boxes),
        Claim("the fewer the phrases, the more the other tasks help", gained(least), gained(most), NARROW),
        Claim(truer, WITH, WITHOUT, AGREE, talk),
        Claim("conversations make the second answer contradict the report less", WITH, WITHOUT, CONTRADICT,
              better="lower"),
        Claim(place, WITH, WITHOUT, HIT, talk),
    )  # fmt: skip
    beside = (
        *(Claim(helps[count], joint(count), alone(count), FIRST) for count in counts[1:]),
        Claim("boxes are read from the film: its own over another patient's", joint(most), under(joint(most), SWAPPED),
              FIRST, (under(joint(most), BLANK),)),
        Claim("the second answer is read from the film: its own over another patient's", WITH, under(WITH, SWAPPED),
              AGREE),
    )  # fmt: skip
    return claims, beside


CLAIMS, BESIDE = claims_for(COUNTS)
