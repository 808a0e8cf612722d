"""Claims about lungs of real films, and the names of the arms that they are about."""

from __future__ import annotations

from collections.abc import Sequence

from hilum.measure.claim import Claim
from hilum.systems._virtual_films import FIXED, FULL, NO_NOISE, NO_SCATTER, RAW
from hilum.systems._virtual_real import Real

VIRTUAL, MEAN, TARGET = "virtual patients alone", "mean mask of real films", 0.90
ONE_FAMILY = {"parametric": "parametric bodies alone", "warped": "warps of one CT alone", "hybrid": "hybrids alone"}
SHAPE = "mean mask of the bodies trained on"
SMALL = "virtual patients alone, small network"
DICE = "Dice of the lungs"
BOTH = "mean of both"
MAPS = {name: (name,) for name in ("lungs above the dome", "lung fields")} | {
    BOTH: ("lungs above the dome", "lung fields")
}
READS = tuple((name, level) for name in MAPS for level in (0.5, 0.6, 0.7))
"""Maps, and the probability from which a pixel is lung: films to choose by say which is compared with V7's masks."""
LUNGS = (Claim("lungs of real films are read by a segmenter that saw no real radiograph", VIRTUAL, MEAN, DICE),)
PRETRAINED = Claim(
    "(beside) a network that knows photographs beats a small one that knows nothing", VIRTUAL, SMALL, DICE
)
PHYSICAL = (
    *(Claim(f"(beside) full film physics beats films {name}", FULL, name, DICE) for name in (NO_SCATTER, NO_NOISE)),
    Claim("(beside) drawn processing beats one look-up table", FULL, FIXED, DICE),
    Claim("(beside) film physics beats raw line integrals", FULL, RAW, DICE),
    Claim("(beside) a tone drawn for every step helps film physics", SMALL, FULL, DICE),
)
FAMILIAL = tuple(Claim(f"(beside) all families beat {name}", SMALL, name, DICE) for name in ONE_FAMILY.values())
HELD_OUT = (
    Claim("lungs of anatomy families never seen are read from parametric bodies alone", ONE_FAMILY["parametric"],
          SHAPE, DICE),
)  # fmt: skip
FEW = (10, 1000)


def few_name(count: int, virtual: bool) -> str:
    """Return the name of an arm that learns from some real films."""
    return f"{count} real films{' + virtual' if virtual else ' alone'}"


def few_counts(dev: Real) -> list[int]:
    """Return how many real films to learn from: ten, and all that there are."""
    return sorted({min(count, len(dev)) for count in FEW})


def few_claims(counts: Sequence[int]) -> list[Claim]:
    """Return the claims that virtual patients add to some real films."""
    return [Claim(f"virtual patients add to {count} real films with lung masks", few_name(count, True),
                  few_name(count, False), DICE) for count in counts]  # fmt: skip
