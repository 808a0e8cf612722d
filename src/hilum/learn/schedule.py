"""Schedules as data: how fast each part of a network learns, when it begins and stops, and with what optimiser.

Nothing here imports torch: a schedule can be written to a run's record, read back and compared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from hilum.core.errors import InputError

SHAPES = ("cosine", "one-cycle", "polynomial", "constant")
OPTIMIZERS = ("adamw", "adam", "amsgrad", "radam", "sgd")
NORMS = ("kept", "moving")


def _among(value: str, names: Sequence[str], what: str) -> None:
    if value not in names:
        raise InputError(f"no {what} '{value}': choose from {', '.join(names)}")


def _share(value: float | None, what: str) -> None:
    if value is not None and not 0.0 <= value <= 1.0:
        raise InputError(f"{what} is a share of the steps, from 0 to 1; got {value}")


@dataclass(frozen=True)
class Curve:
    """The share of the peak learning rate over the steps of a fit.

    Args:
        shape: 'cosine', 'one-cycle' (a cosine up, then a cosine down), 'polynomial' or 'constant'.
        warmup: share of the steps spent rising: by a line, or by a cosine in a one-cycle.
        floor: share of the peak that the last step comes near.
        power: of a polynomial; 1 is a line.
        start: share of the peak that a one-cycle starts from.
        momentum: of a one-cycle, where the rate is lowest and highest; it moves against the rate. None keeps it.

    Raises:
        InputError: if there is no such shape, or a share lies outside 0 to 1.

    Source: SGDR (Loshchilov and Hutter 2017) without restarts; super-convergence (Smith and Topin 2018), as
    `torch.optim.lr_scheduler.OneCycleLR` draws it with its cosine strategy.
    """

    shape: str = "cosine"
    warmup: float = 0.05
    floor: float = 0.0
    power: float = 1.0
    start: float = 0.04
    momentum: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        _among(self.shape, SHAPES, "curve")
        for name in ("warmup", "floor", "start"):
            _share(getattr(self, name), f"'{name}' of a curve")

    def at(self, step: int, steps: int) -> float:
        """Return the share of the peak rate at a step, counted from 0, of `steps`."""
        if self.shape == "one-cycle":
            return self._cycle(step, steps, self.start, 1.0, self.floor)
        rise = max(1, round(self.warmup * steps)) if self.warmup else 0
        if step < rise:
            return (step + 1) / rise
        if self.shape == "constant":
            return 1.0
        done = (step - rise) / max(1, steps - rise)
        if self.shape == "cosine":
            return self.floor + (1.0 - self.floor) * (0.5 * (1.0 + math.cos(math.pi * done)))
        return float(self.floor + (1.0 - self.floor) * (1.0 - done) ** self.power)

    def momentum_at(self, step: int, steps: int) -> float | None:
        """Return the momentum at a step, or None where the curve leaves it alone."""
        if self.momentum is None or self.shape != "one-cycle":
            return None
        at_rest, at_peak = self.momentum
        return self._cycle(step, steps, at_rest, at_peak, at_rest)

    def _cycle(self, step: int, steps: int, start: float, peak: float, end: float) -> float:
        top = self.warmup * steps - 1
        if step <= top:
            return _bend(start, peak, step / top if top > 0 else 1.0)
        return _bend(peak, end, (step - top) / max(1e-9, steps - 1 - top))


def _bend(first: float, last: float, done: float) -> float:
    """Half a cosine from one value to another."""
    return last + (first - last) / 2.0 * (1.0 + math.cos(math.pi * done))


ONE_CYCLE = Curve("one-cycle", warmup=0.3, floor=0.04e-4)
"""`OneCycleLR` with its defaults, but for the momentum, which stays."""


@dataclass(frozen=True)
class Group:
    """Parameters that learn alike.

    Args:
        pattern: of parameter names, e.g. 'encoder.layer4.*'; several are parted by '|'.
        rate: peak learning rate; None takes the fit's.
        decay: weight decay; None takes the fit's.
        thaw: share of the steps after which it begins to learn; None never.
        freeze: share of the steps after which it stops; None never.

    Raises:
        InputError: if a share lies outside 0 to 1.
    """

    pattern: str
    rate: float | None = None
    decay: float | None = None
    thaw: float | None = 0.0
    freeze: float | None = None

    def __post_init__(self) -> None:
        """Refuse shares that are none."""
        _share(self.thaw, f"'thaw' of '{self.pattern}'")
        _share(self.freeze, f"'freeze' of '{self.pattern}'")

    def holds(self, name: str) -> bool:
        """Tell whether a parameter belongs here by its name."""
        return any(fnmatchcase(name, part.strip()) for part in self.pattern.split("|"))

    def learns(self, step: int, steps: int) -> bool:
        """Tell whether it learns at a step, counted from 0, of `steps`."""
        if self.thaw is None or step < _whole(self.thaw * steps):
            return False
        return self.freeze is None or step < _whole(self.freeze * steps)


def _whole(value: float) -> int:
    """The whole number below, where 28.999999999999996 is meant to be 29."""
    return math.floor(value + 1e-9)


@dataclass(frozen=True)
class Optimizer:
    """What makes a step of a gradient.

    Args:
        name: 'adamw' (decay apart from the gradient), 'adam' and 'amsgrad' (decay in the gradient), 'radam' (apart),
            'sgd' (in the gradient).
        betas: of the Adams.
        epsilon: of the Adams.
        momentum, nesterov: of SGD.
        vectors: decay biases and the scales of norms too; else matrices and kernels only.

    Raises:
        InputError: if there is no such optimiser.
    """

    name: str = "adamw"
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    momentum: float = 0.9
    nesterov: bool = False
    vectors: bool = False

    def __post_init__(self) -> None:
        """Refuse a name that is none."""
        _among(self.name, OPTIMIZERS, "optimiser")


@dataclass(frozen=True)
class Schedule:
    """How a fit goes about its steps; `Fit.schedule` takes one.

    Args:
        groups: the first that holds a parameter has it; what none holds learns all the time at the fit's rate.
        curve: of the rate of every group.
        optimizer: for all of them.
        norms: what batch norms of a frozen block do: 'kept' normalises by their running statistics and leaves these as
            they are, so that a frozen block is the same function throughout; 'moving' normalises by the batch and lets
            the statistics follow, which changes what the frozen block gives.

    Raises:
        InputError: if there is no such policy.
    """

    groups: tuple[Group, ...] = ()
    curve: Curve = field(default_factory=Curve)
    optimizer: Optimizer = field(default_factory=Optimizer)
    norms: str = "kept"

    def __post_init__(self) -> None:
        """Refuse a policy that is none."""
        _among(self.norms, NORMS, "policy for the norms of frozen blocks")

    def of(self, name: str) -> int:
        """Return the place of the group that has a parameter, -1 if none has."""
        return next((at for at, group in enumerate(self.groups) if group.holds(name)), -1)

    def assign(self, names: Sequence[str]) -> tuple[int, ...]:
        """Return `of` for every parameter of a network.

        Raises:
            InputError: if a group has no parameter, as when a pattern is misspelt or an earlier one takes all.
        """
        found = tuple(self.of(name) for name in names)
        for at, group in enumerate(self.groups):
            if at not in found:
                some = ", ".join(names[:: max(1, len(names) // 6)])
                raise InputError(f"the group '{group.pattern}' has no parameter: none is called so, or an earlier "
                                 f"group has them; the network has {some} ...")  # fmt: skip
        return found

    def learns(self, at: int, step: int, steps: int) -> bool:
        """Tell whether the group at a place (-1: what no group holds) learns at a step."""
        return at < 0 or self.groups[at].learns(step, steps)

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Schedule:
        """Return what `to_json` gave."""
        curve, optimizer = dict(told["curve"]), dict(told["optimizer"])
        curve["momentum"] = tuple(curve["momentum"]) if curve["momentum"] else None
        optimizer["betas"] = tuple(optimizer["betas"])
        groups = tuple(Group(**each) for each in told["groups"])
        return cls(groups, Curve(**curve), Optimizer(**optimizer), told["norms"])


def linear_probe(head: str, *, rate: float, decay: float = 0.0, curve: Curve | None = None) -> Schedule:
    """Return the schedule of a linear probe: the head learns, all else stays, norms too.

    Args:
        head: pattern of the head's parameters.
        rate: its peak learning rate.
        decay: its weight decay.
        curve: of the rate; constant if None.
    """
    groups = (Group(head, rate, decay), Group("*", thaw=None))
    return Schedule(groups, curve or Curve("constant", warmup=0.0))


def discriminative(
    blocks: Sequence[str], *, rate: float, factor: float = 2.6, thaw: Sequence[float | None] = ()
) -> tuple[Group, ...]:
    """Return groups whose rate falls from block to block.

    Args:
        blocks: patterns, from the head to the stem.
        rate: peak learning rate of the first.
        factor: by which each block's rate is lower than that of the one before.
        thaw: of each block, share of the steps after which it learns, None for never; all from the start if left out.

    Raises:
        InputError: if there are not as many thaws as blocks.

    Source: ULMFiT (Howard and Ruder 2018).
    """
    plan = tuple(thaw) or (0.0,) * len(blocks)
    if len(plan) != len(blocks):
        raise InputError(f"each block needs one thaw: there are {len(blocks)} blocks and {len(plan)} thaws")
    return tuple(Group(block, rate / factor**at, thaw=plan[at]) for at, block in enumerate(blocks))
