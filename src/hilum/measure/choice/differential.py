"""The maker of differential diagnosis: what a shadow is, among look-alikes that share its facet."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from hilum.measure.choice.confusions import Facet, facets
from hilum.measure.choice.facts import SIDES, Facts, related
from hilum.measure.choice.frame import OPTIONS, Frame, Read, Reading, noun
from hilum.measure.choice.presence import contested, detail_of

_SETS = 12
_ONE = (
    "{Facet} on the {side} side: which of these is it?", "What explains the {facet} on the {side}?",
    "The {side} side shows one {facet}. Which diagnosis fits?",
)  # fmt: skip


def differential(cohort: Sequence[Facts], rng: np.random.Generator) -> list[Frame]:
    """Return frames that name a facet and a side and offer four look-alikes.

    Asked only where one of all the facet's findings is on that side, so that no second answer is right.

    Args:
        cohort: for the concepts that can be told apart in it.
        rng: of the sets of options.
    """
    known, frames = contested(cohort), list[Frame]()
    for facet in facets():
        held = [name for name in facet.concepts if name in known]
        sets = [
            each for each in combinations(held, OPTIONS) if not any(related(a, b) for a, b in combinations(each, 2))
        ]
        for number in rng.permutation(len(sets))[:_SETS]:
            for side in SIDES:
                stems = tuple(
                    stem.format(facet=facet.name, Facet=facet.name.capitalize(), side=side) for stem in _ONE
                )  # fmt: skip
                read = _explains(facet, side, sets[int(number)])
                frames.append(Frame("differential", facet.name, stems, sets[int(number)], read))
    return frames


def _explains(facet: Facet, side: str, names: tuple[str, ...]) -> Read:
    def read(facts: Facts) -> Reading | None:
        here = [name for name in facet.concepts if facts.has(name) and side in facts.sides.get(name, SIDES)]
        if len(here) != 1 or here[0] not in names or any(facts.has(name) is None for name in names):
            return None
        reasons = tuple(f"the {side} side shows {noun(name)}" if name == here[0] else
                        f"there is no {name} on the {side}" for name in names)  # fmt: skip
        return Reading(names.index(here[0]), reasons, detail_of(facts, here[0]))

    return read
