"""Which findings and devices come together: a small table that visits are drawn from.

Every probability is ours: orders of magnitude of a hospital's films, chosen so that each finding is common enough to
learn. They are no measured prevalences and none may be quoted as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from hilum.core.errors import InputError

_TABLE = Path(__file__).parent / "tables" / "together.csv"
_APART = (
    ("lung nodule", "lung mass"),
    ("emphysema", "pulmonary fibrosis"),
)


@dataclass(frozen=True)
class Companion:
    """One row of the table.

    Args:
        concept: of the vocabulary, drawn with `probability`.
        probability: [0, 1] that it joins; for a base row, that it is there for no other reason.
        side: 'same' as what it joins, 'either' (one, at random), 'both', or '' where it has no side.
        why: in words, for logs.
    """

    concept: str
    probability: float
    side: str
    why: str


@cache
def _rows() -> dict[str, tuple[Companion, ...]]:
    import csv

    found: dict[str, tuple[Companion, ...]] = {}
    with _TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            each = Companion(row["with"], float(row["probability"]), row["side"], row["why"])
            found[row["given"]] = (*found.get(row["given"], ()), each)
    return found


def base_rates() -> tuple[Companion, ...]:
    """Return how often each concept comes for no other reason, in the order of the table."""
    return _rows()[""]


def companions(concept: str) -> tuple[Companion, ...]:
    """Return what a concept brings with it; () where the table says nothing of it."""
    return _rows().get(concept, ()) if concept else ()


def may_join(concept: str, others: Sequence[str]) -> bool:
    """Return whether a concept can be in one chest with others; pairs that cannot are few."""
    return not any((concept, other) in _APART or (other, concept) in _APART for other in others)


def draw_together(rng: np.random.Generator, *, most: int = 6, first: str = "") -> tuple[tuple[str, str], ...]:
    """Draw concepts that come together, each with its side.

    Args:
        rng: of the draw.
        most: concepts at the most.
        first: a concept that is there in any case; '' draws from the base rates alone.

    Returns:
        (concept, side) with side 'right', 'left', 'both' or '', no concept twice, in the order drawn.

    Raises:
        InputError: if `most` is below 0, or the first concept is not in the table.
    """
    known = {each.concept: each for each in base_rates()}
    if most < 0 or (first and first not in known):
        raise InputError(f"cannot draw {most} findings with '{first}': known are {', '.join(known)}")
    drawn: dict[str, str] = {}
    waiting = [(known[first], "")] if first else []
    waiting += [(each, "") for each in base_rates() if rng.random() < each.probability]
    while waiting and len(drawn) < most:
        each, beside = waiting.pop(0)
        if each.concept in drawn or not may_join(each.concept, tuple(drawn)):
            continue
        side = _side(each.side, beside, rng)
        drawn[each.concept] = side
        joined = [row for row in companions(each.concept) if rng.random() < row.probability]
        waiting = [(row, side) for row in joined] + waiting
    return tuple(drawn.items())


def _side(rule: str, beside: str, rng: np.random.Generator) -> str:
    if rule == "same" and beside in ("right", "left"):
        return beside
    if rule in ("same", "either"):
        return "right" if rng.random() < 0.5 else "left"
    return rule
