"""BPD's published schedules as data: a linear probe, progressive thawing, full fine-tuning, and where CutMix is on.

Source: the public training script of arXiv 2507.12269, read for its numbers. The cycle runs from step 0 of its stage:
layer3 thaws at the peak of the rate, layer2 well into its fall; stem and layer1 never thaw. All arms come to 30 epochs.
What a frozen block's batch norms do is stated: 'kept' as they came (ours), or 'moving' with each batch, as in code that
only takes gradients away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hilum.core.errors import InputError
from hilum.learn.schedule import Curve, Group, Optimizer, Schedule, linear_probe

EPOCHS, PROBE, BATCH = 30, 10, 8
THAWS = {"layer4": 0.10, "layer3": 0.30, "layer2": 0.60}
"""Share of the stage's epochs after which a block thaws, in whole epochs."""
RATES = {"layer4": 5e-4, "layer3": 2.5e-4, "layer2": 1e-4}
HEAD_RATE, BODY_RATE = 1e-3, 2.5e-4
HEAD_DECAY, DECAY = 1e-5, 1e-4
HEAD = "head.*"
FULL, PROGRESSIVE, PROBED, MIXED = "full", "progressive", "probe + progressive", "probe + progressive + CutMix"
PLANS = (FULL, PROGRESSIVE, PROBED, MIXED)
NORMS = ("kept", "moving")
_CYCLE = Curve("one-cycle", warmup=0.3, floor=0.04e-4, momentum=(0.95, 0.85))
"""`OneCycleLR` with its defaults, the momentum against the rate among them."""


@dataclass(frozen=True)
class Stage:
    """A part of a training.

    Args:
        name: 'probe', 'progressive' or 'full'.
        epochs: passes.
        schedule: who learns, when and how fast.
        cutmix: probability that a batch is mixed.
    """

    name: str
    epochs: int
    schedule: Schedule
    cutmix: float = 0.0


def plan(
    name: str, *, epochs: int = EPOCHS, probe: int = PROBE, norms: str = "kept", rate: float = 1.0
) -> tuple[Stage, ...]:
    """Return the stages of a schedule.

    Args:
        name: of `PLANS`.
        epochs: of the whole arm, the probe among them.
        probe: of the linear probe, in arms that have one.
        norms: of frozen blocks: 'kept' or 'moving'.
        rate: factor on every rate; 1 is published. Small networks from small experiments take more.

    Raises:
        InputError: if there is no such plan, or no epoch is left after the probe.
    """
    if name not in PLANS:
        raise InputError(f"no plan '{name}': choose from {', '.join(PLANS)}")
    with_probe = name in (PROBED, MIXED)
    left = epochs - probe if with_probe else epochs
    if left < 1 or (with_probe and probe < 1):
        raise InputError(f"{epochs} epochs with a probe of {probe} leave {left} to thaw in: it takes one of each")
    if name == FULL:
        return (Stage("full", left, full(norms=norms, rate=rate)),)
    thawing = Stage("progressive", left, progressive(left, norms=norms, rate=rate), 0.5 if name == MIXED else 0.0)
    if not with_probe:
        return (thawing,)
    return (Stage("probe", probe, probing(norms=norms, rate=rate)), thawing)


def _optimizer() -> Optimizer:
    return Optimizer("adamw", vectors=True)  # torch's own, which decays every parameter


def probing(*, norms: str = "kept", rate: float = 1.0) -> Schedule:
    """Return stage 0: the head alone, at a constant rate, without CutMix."""
    made = linear_probe(HEAD, rate=HEAD_RATE * rate, decay=DECAY)
    return Schedule(made.groups, made.curve, _optimizer(), norms)


def progressive(epochs: int, *, norms: str = "kept", rate: float = 1.0) -> Schedule:
    """Return stage 1 over a number of epochs: the head at once, layer4, layer3 and layer2 later, all else never."""
    groups = [Group(HEAD, HEAD_RATE * rate, HEAD_DECAY)]
    for block, share in THAWS.items():
        thaw = math.floor(share * epochs + 1e-9) / epochs
        groups.append(Group(f"*{block}.*", RATES[block] * rate, DECAY, thaw=thaw))
    return Schedule((*groups, Group("*", thaw=None)), _CYCLE, _optimizer(), norms)


def full(*, norms: str = "kept", rate: float = 1.0) -> Schedule:
    """Return full fine-tuning: the head at 1e-3, the whole backbone at 2.5e-4, all at once."""
    groups = (Group(HEAD, HEAD_RATE * rate, HEAD_DECAY), Group("*", BODY_RATE * rate, DECAY))
    return Schedule(groups, _CYCLE, _optimizer(), norms)
