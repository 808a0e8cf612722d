"""A text rendering of a film's labels, which CXR-LLaVA's second stage aligns films with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from hilum.learn.pairs import Pairs

NOTHING = "No finding."
OPENINGS = ("There is", "Findings:", "The film shows", "Seen:")
DENIALS = ("No", "Without", "There is no")


def rendered(
    names: Sequence[str], target: NDArray[np.generic], known: NDArray[np.bool_], rng: np.random.Generator | None = None,
    *, denied: int = 2,
) -> str:  # fmt: skip
    """Return labels in words: what is there, then some of what is known not to be; the unknown is not mentioned.

    Args:
        names: K findings.
        target, known: (K,).
        rng: draws the order, the wording and what is denied; None takes the first of each.
        denied: absent findings named at most.
    """
    there = [name for name, value, sure in zip(names, target, known, strict=True) if sure and value > 0.5]
    absent = [name for name, value, sure in zip(names, target, known, strict=True) if sure and value <= 0.5]
    opening, denial = OPENINGS[0], DENIALS[0]
    if rng is not None:
        there, absent = ([each[at] for at in rng.permutation(len(each))] for each in (there, absent))
        opening, denial = str(rng.choice(OPENINGS)), str(rng.choice(DENIALS))
    said = [f"{opening} {', '.join(there)}." if there else NOTHING]
    if absent and denied > 0:
        said.append(f"{denial} {', '.join(absent[:denied])}.")
    return " ".join(said)


def renderings(pairs: Pairs) -> list[str]:
    """Return each film's labels in words, without denials, in one way: films with the same labels say the same."""
    return [rendered(pairs.names, target, known, denied=0)
            for target, known in zip(pairs.target, pairs.known, strict=True)]  # fmt: skip


def vocabulary_texts(names: Sequence[str]) -> list[str]:
    """Return texts with every word that a rendering may use."""
    return [*OPENINGS, *DENIALS, NOTHING, ", ".join(names), "."]
