"""Makers of location: where a finding is, and which finding is on a side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from hilum.measure.choice.confusions import confused
from hilum.measure.choice.facts import SIDES, Facts
from hilum.measure.choice.frame import OPTIONS, Frame, Read, Reading, noun, option_sets, told
from hilum.measure.choice.presence import SETS, contested, detail_of

_FEWEST = 3  # studies with a finding in a place, for the place to be offered
_WHERE = ("Where is the {name}?", "In which place does the {name} lie?", "Which place holds the {name}?")
_WHICH = (
    "Which of these findings is on the {side} side?", "Which one of these lies on the {side}?",
    "On the {side} side there is one of these. Which?",
)  # fmt: skip


def location(cohort: Sequence[Facts], rng: np.random.Generator) -> list[Frame]:
    """Return frames on the one place of a finding, and on the one finding of a side.

    Places are offered two on either side in two heights where the cohort has such, so that neither side nor height
    alone tells the answer. Where the other findings of a side are, the film does have at least one on the other side.

    Args:
        cohort: for the concepts and their places.
        rng: of the sets of options.
    """
    return [*_places(cohort, rng), *_sided(cohort, rng)]


def _places(cohort: Sequence[Facts], rng: np.random.Generator) -> list[Frame]:
    frames = []
    for name in sorted({each for facts in cohort for each in facts.places}):
        held = Counter(place for facts in cohort for place in _single(facts, name))
        known = sorted(place for place, count in held.items() if count >= _FEWEST)
        sets = [each for each in combinations(known, OPTIONS) if _crossed(each)] or list(combinations(known, OPTIONS))
        stems = tuple(stem.format(name=name) for stem in _WHERE)
        chosen = [sets[int(number)] for number in rng.permutation(len(sets))[:6]]
        frames += [Frame("location", name, stems, each, _at(name, each)) for each in chosen]
    return frames


def _single(facts: Facts, name: str) -> frozenset[str]:
    """The place of a finding that is in one place only, with every one of its findings placed."""
    places = facts.places.get(name, frozenset())
    return places if len(places) == 1 and len(facts.present.get(name, ())) == 1 else frozenset()


def _crossed(places: Sequence[str]) -> bool:
    """Whether places are two heights on either side."""
    sides = Counter(place.split(" ", 1)[0] for place in places)
    return sorted(sides.values()) == [2, 2] and len({place.split(" ", 1)[1] for place in places}) == 2


def _at(name: str, places: tuple[str, ...]) -> Read:
    def read(facts: Facts) -> Reading | None:
        place = next(iter(_single(facts, name)), "")
        if place not in places:
            return None
        reasons = tuple(f"the {name} lies in the {place}" + ("" if each == place else f", not in the {each}")
                        for each in places)  # fmt: skip
        return Reading(places.index(place), reasons, detail_of(facts, name))

    return read


def _sided(cohort: Sequence[Facts], rng: np.random.Generator) -> list[Frame]:
    lateral = sorted(
        name for name in contested(cohort) if all(any(side in f.sides.get(name, ()) for f in cohort) for side in SIDES)
    )
    frames = []
    for each in option_sets(lateral, rng, most=SETS, confused=confused):
        for side in SIDES:
            stems = tuple(stem.format(side=side) for stem in _WHICH)
            frames.append(Frame("location", f"{side} side", stems, each, _on(side, each)))
    return frames


def _on(side: str, names: tuple[str, ...]) -> Read:
    def read(facts: Facts) -> Reading | None:
        if any(facts.has(name) is None or (facts.has(name) and not facts.sides.get(name)) for name in names):
            return None
        here = [name for name in names if side in facts.sides.get(name, ())]
        if len(here) != 1 or not any(facts.has(name) for name in names if name not in here):
            return None
        reasons = tuple(told(facts, name) if name in here or not facts.has(name) else
                        f"there is {noun(name)}, on the other side" for name in names)  # fmt: skip
        return Reading(names.index(here[0]), reasons, detail_of(facts, here[0]))

    return read
