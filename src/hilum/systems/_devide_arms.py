"""What a disease is told by in each arm, and what is claimed of the arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hilum.core.seed import generator
from hilum.measure.claim import Claim, Judged, judge
from hilum.measure.scored import Scored
from hilum.systems._devide_knowledge import Entry, permuted
from hilum.systems._devide_scores import COSINE, CROWDED, UNSEEN

NAMES, DEFINITIONS, DESCRIPTIONS, BOTH = "names", "definitions", "descriptions", "definitions and descriptions"
MOVED, BOTH_MOVED = "descriptions of other diseases", "definitions and descriptions of others"
ONE = "descriptions, one vector for all"
ARMS: Mapping[str, tuple[str, str, bool]] = {
    NAMES: ("names", "many", False), DEFINITIONS: ("definitions", "many", False),
    DESCRIPTIONS: ("descriptions", "many", False), BOTH: ("both", "many", False), MOVED: ("descriptions", "many", True),
    BOTH_MOVED: ("both", "many", True), ONE: ("descriptions", "one", False),
}  # fmt: skip
"""Arm -> what is told, the projection, and whether descriptions are those of other diseases, when taught and asked."""
MADE_ARMS = (NAMES, DEFINITIONS, DESCRIPTIONS, BOTH, MOVED, ONE)
KIND_ARMS = (NAMES, DEFINITIONS, BOTH, BOTH_MOVED)
MADE = (
    Claim("descriptions tell invented diseases never taught better than names", DESCRIPTIONS, NAMES, UNSEEN,
          (DEFINITIONS, MOVED)),
    Claim("it is a disease's own description that does it", DESCRIPTIONS, MOVED, UNSEEN, (NAMES,)),
    Claim("descriptions beside definitions beat definitions alone", BOTH, DEFINITIONS, UNSEEN, (MOVED,)),
    Claim("one vector for each disease is nearer to its text than one for all", DESCRIPTIONS, ONE, COSINE),
    Claim("and the more diseases a film shows, the more so", DESCRIPTIONS, ONE, CROWDED),
)  # fmt: skip
MADE_BESIDE = (
    Claim("(beside) descriptions of other diseases beat names: a fail says that capacity is not the reason", MOVED,
          NAMES, UNSEEN),
    Claim("(beside) definitions add to descriptions", BOTH, DESCRIPTIONS, UNSEEN),
)  # fmt: skip
KINDS = (
    Claim("descriptions tell kinds of findings of virtual patients that were never taught better than definitions",
          BOTH, DEFINITIONS, UNSEEN, (NAMES, BOTH_MOVED)),
    Claim("and it is a kind's own description that does it", BOTH, BOTH_MOVED, UNSEEN, (NAMES,)),
)  # fmt: skip
SHARED = "shared words, nothing learned"
REPORTS = (
    Claim("descriptions find reports coded with a head that was never taught better than definitions", BOTH,
          DEFINITIONS, UNSEEN, (NAMES, BOTH_MOVED, SHARED)),
)  # fmt: skip


@dataclass
class Part:
    """What one experiment came to: judged claims, what stands beside them, lines for people and pictures."""

    judged: list[Judged] = field(default_factory=list)
    beside: list[Judged] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    figures: dict[str, bytes | str] = field(default_factory=dict)


def judged(claim: Claim, trials: Mapping[str, Sequence[Scored]], patients: Sequence[str], seed: int) -> Judged:
    """Judge a claim on the arms that it names, controls included."""
    arms = dict.fromkeys((claim.arm, claim.better_than, *claim.controls))
    return judge(claim, {name: trials[name] for name in arms}, patients, seed=seed)


def told_in(arm: str, told: Sequence[Entry], seed: int) -> list[Entry]:
    """Return the entries as an arm tells them; descriptions of others are exchanged by a draw of the seed."""
    return permuted(told, generator(seed, "moved")) if ARMS[arm][2] else list(told)
