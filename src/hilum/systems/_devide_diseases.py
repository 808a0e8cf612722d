"""Invented diseases whose shadows follow from their facets: a look, an invented name, a definition that tells nothing.

Density, margin, shape, zone and size together are a look. Diseases kept from training are new combinations of facets
that others have taught.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.systems._devide_knowledge import Entry

WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "density": {"faint": ("faint haze", "hardly whiter than lung"), "dense": ("dense white opacity", "very bright"),
                "lucent": ("black lucency", "darker than lung")},
    "margin": {"sharp": ("sharp edge", "well defined"), "fuzzy": ("fuzzy edge", "ill defined")},
    "shape": {"round": ("round", "circular focus"), "band": ("band", "long stripe")},
    "zone": {"upper": ("upper zone", "near the apex"), "middle": ("middle zone", "level of the root"),
             "lower": ("lower zone", "near the base")},
    "size": {"small": ("small", "tiny"), "large": ("large", "extensive")},
}  # fmt: skip
"""Facet -> value -> two ways to say it."""
_WHAT = ("inherited", "infectious", "inflammatory", "toxic", "vascular", "metabolic")
_WHOM = ("children", "miners", "sailors", "smokers", "farmers", "travellers")
_WHERE = ("airways", "vessels", "lymph", "framework", "lining", "nerves")
_SOUNDS = ("mor", "tel", "van", "sith", "kar", "lum", "ost", "pri", "dax", "wen", "gol", "fer")


class Look(NamedTuple):
    """How a disease looks, one value of each facet."""

    density: str
    margin: str
    shape: str
    zone: str
    size: str


LOOKS = tuple(Look(*values) for values in product(*(WORDS[facet] for facet in Look._fields)))


@dataclass(frozen=True)
class Diseases:
    """Invented diseases: those that are taught, then those that never are.

    Args:
        looks: of each.
        told: name, definition and facets in words.
        seen: how many are taught; the rest are new combinations.
    """

    looks: tuple[Look, ...]
    told: tuple[Entry, ...]
    seen: int


def invent(seen: int = 24, unseen: int = 3, *, seed: int) -> Diseases:
    """Draw diseases so that every facet of an untaught one is taught by another.

    Raises:
        InputError: if there are not as many looks, or too few to teach every facet.
    """
    if seen < 6 or unseen < 1 or seen + unseen > len(LOOKS):
        raise InputError(f"6 or more diseases to teach and 1 or more to keep, at most {len(LOOKS)} in all, "
                         f"got {seen} and {unseen}")  # fmt: skip
    rng = generator(seed, "diseases")
    for _ in range(1000):
        looks = tuple(LOOKS[at] for at in rng.permutation(len(LOOKS))[: seen + unseen])
        taught = [{look[at] for look in looks[:seen]} for at in range(len(Look._fields))]
        if all(look[at] in taught[at] for look in looks[seen:] for at in range(len(Look._fields))):
            break
    names = rng.permutation(list(product(_SOUNDS, _SOUNDS)))[: len(looks)]
    told = tuple(Entry("".join(name) + "ia", _definition(rng), said(look, rng))
                 for name, look in zip(names, looks, strict=True))  # fmt: skip
    return Diseases(looks, told, seen)


def _definition(rng: np.random.Generator) -> str:
    what, whom, where = (str(rng.choice(words)) for words in (_WHAT, _WHOM, _WHERE))
    return f"{what} disorder of the {where} in {whom}"


def said(look: Look, rng: np.random.Generator) -> tuple[str, ...]:
    """Return a look in words, each facet in one of its ways."""
    return tuple(str(rng.choice(WORDS[facet][value])) for facet, value in zip(Look._fields, look, strict=True))
