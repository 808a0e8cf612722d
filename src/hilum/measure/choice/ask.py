"""Questions put to their studies: rotated, with choices or without, as a cohort that a task can hide answers of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from hilum.core.errors import InputError
from hilum.core.study import Study
from hilum.measure.choice.answers import TURN
from hilum.measure.choice.frame import OPTIONS
from hilum.measure.choice.items import Item


def ask(
    studies: Iterable[Study], items: Sequence[Item], *, rotations: int = OPTIONS, free: bool = False
) -> tuple[Study, ...]:
    """Return the studies that items are of, with the items as their questions and no others.

    Args:
        studies: that the items were made from.
        items: of them.
        rotations: orders of the options that each item is asked in, the ids ending on '@0', '@1' ...
        free: without choices, once each, to be answered in words.

    Raises:
        InputError: if there are fewer than 1 or more than 4 rotations, or an item is of another study.
    """
    if not 1 <= rotations <= OPTIONS:
        raise InputError(f"an item of {OPTIONS} options is asked in 1 to {OPTIONS} rotations, got {rotations}")
    held: dict[str, list[Item]] = {}
    for item in items:
        held.setdefault(item.study, []).append(item)
    made = []
    for study in studies:
        asked = [
            item.turned(places).question(f"q{number}{TURN}{places}", free=free)
            for number, item in enumerate(held.pop(study.id, ()))
            for places in range(1 if free else rotations)
        ]
        if asked:
            made.append(replace(study, questions=tuple(asked)))
    if held:
        raise InputError(f"an item is of the study '{next(iter(held))}', which is not among those given")
    return tuple(made)
