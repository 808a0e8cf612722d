"""The arms of preference fine-tuning: which loss learns from which judge's pairs."""

from __future__ import annotations

from typing import NamedTuple

from hilum.learn.objectives.prefer import Preference
from hilum.measure.rewards import J1, J2, J3, reward
from hilum.systems._preference_claims import FIRST, RANDOM, named


class Arm(NamedTuple):
    """One way to learn from one judge's pairs."""

    name: str
    judge: str
    preference: Preference
    random: bool = False


LOSSES = {
    "DPO": Preference("dpo"), "R-DPO": Preference("r-dpo"), "IPO": Preference("ipo"),
    "KTO": Preference("kto"), "length-normalised": Preference("sigmoid_norm", beta=2.0),
    "DPO+SFT": Preference("dpo", mixed=0.2),
}  # fmt: skip
"""By their names here; a mean over some twenty words is small, so that its strength is some twenty times DPO's."""


def arms_of(losses: tuple[str, ...], *, full: bool, judge: str = J1) -> tuple[Arm, ...]:
    """Return the arms: DPO by each judge, each other loss by the judge that length can earn, and random labels.

    Args:
        losses: names of `LOSSES` besides DPO.
        full: every loss by every judge.
        judge: one more for DPO, e.g. a language model behind an address.
    """
    made = [Arm(named(FIRST, judge), judge, LOSSES[FIRST]) for judge in (J1, J2, J3)]
    made += [Arm(named(loss, judge), judge, LOSSES[loss]) for loss in losses if loss != FIRST
             for judge in ((J1, J2, J3) if full else (J2,))]  # fmt: skip
    if judge not in (J1, J2, J3):
        made.append(Arm(named(FIRST, reward(judge).name), judge, LOSSES[FIRST]))
    return (*made, Arm(RANDOM, J1, LOSSES[FIRST], random=True))
