"""A schedule at work on a network: its optimiser, its rates at a step, what is frozen, and how its norms run."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from hilum.learn.schedule import Curve, Optimizer, Schedule
from hilum.learn.spread import local


class Rates(Protocol):
    """What is read of a fit; see `learn.fit.Fit`."""

    @property
    def steps(self) -> int:
        """Optimiser steps."""

    @property
    def rate(self) -> float:
        """Peak learning rate."""

    @property
    def slow(self) -> float:
        """Factor on it for what `slow_prefix` names."""

    @property
    def slow_prefix(self) -> str:
        """Start of the names of slow parameters."""

    @property
    def warmup(self) -> float:
        """Share of the steps spent rising."""

    @property
    def decay(self) -> float:
        """Weight decay."""

    @property
    def schedule(self) -> Schedule | None:
        """What says more than that."""


def plan_of(spec: Rates) -> Schedule:
    """Return the schedule of a fit: its own, or a warm-up and a cosine for all with AdamW."""
    return spec.schedule or Schedule(curve=Curve("cosine", spec.warmup))


class Plan:
    """The optimiser of a network under a schedule, moved from step to step.

    Args:
        net: whose parameters learn.
        spec: rates, decay and schedule.
        dropped: freeze by dropping gradients, as networks in parts need, rather than by not computing them.

    Raises:
        InputError: if a group of the schedule has no parameter.
    """

    def __init__(self, net: nn.Module, spec: Rates, *, dropped: bool = False) -> None:
        self.net, self.spec, self.schedule, self.dropped = net, spec, plan_of(spec), dropped
        self.names = [name for name, _ in net.named_parameters()]
        self.parameters = list(net.parameters())
        self.places = self.schedule.assign(self.names)
        self.wanted = [parameter.requires_grad for parameter in self.parameters]
        self.optimizer = _torch_optimizer(self._groups(), self.schedule.optimizer, spec.rate)
        self.norms = [(module, self.schedule.of(f"{name}.weight")) for name, module in net.named_modules()
                      if isinstance(module, _BatchNorm)]  # fmt: skip
        self._learning: tuple[bool, ...] | None = None
        self._frozen: list[nn.Parameter] = []

    def _groups(self) -> list[dict[str, Any]]:
        vectors = self.schedule.optimizer.vectors
        found: dict[tuple[int, bool, bool], list[nn.Parameter]] = {}
        for name, parameter, place in zip(self.names, self.parameters, self.places, strict=True):
            key = (place, name.startswith(self.spec.slow_prefix), vectors or parameter.ndim > 1)
            found.setdefault(key, []).append(parameter)
        made = []
        for (place, slow, decayed), parameters in found.items():
            group = self.schedule.groups[place] if place >= 0 else None
            rate = self.spec.rate * (self.spec.slow if slow else 1.0)
            if group is not None and group.rate is not None:
                rate = group.rate
            decay = self.spec.decay if group is None or group.decay is None else group.decay
            made.append({"params": parameters, "rate": rate, "weight_decay": decay * decayed, "place": place})
        return made

    def move(self, step: int) -> bool:
        """Set rates, momenta and what is frozen for a step; tell whether another set of parameters learns now."""
        steps, curve = self.spec.steps, self.schedule.curve
        share, momentum = curve.at(step, steps), curve.momentum_at(step, steps)
        for group in self.optimizer.param_groups:
            group["lr"] = group["rate"] * share
            if momentum is not None and "betas" in group:
                group["betas"] = (momentum, group["betas"][1])
            elif momentum is not None:
                group["momentum"] = momentum
        if not self.schedule.groups:
            return False
        learning = tuple(self.schedule.learns(at, step, steps) for at in range(len(self.schedule.groups)))
        changed, self._learning = learning != self._learning, learning
        if changed:
            self._freeze(learning)
        return changed

    def _freeze(self, learning: tuple[bool, ...]) -> None:
        self._frozen = []
        for parameter, place, wanted in zip(self.parameters, self.places, self.wanted, strict=True):
            learns = place < 0 or learning[place]
            if not self.dropped:
                parameter.requires_grad_(wanted and learns)
            if not learns:
                self._frozen.append(parameter)
        self.drop()

    def drop(self) -> None:
        """Forget the gradients of what is frozen."""
        for parameter in self._frozen:
            parameter.grad = None

    def train(self) -> None:
        """Set the network to training, the norms of frozen blocks as the schedule says."""
        self.net.train()
        if self._learning is not None and self.schedule.norms == "kept":
            for module, place in self.norms:
                if place >= 0 and not self._learning[place]:
                    module.eval()

    def release(self) -> None:
        """Let every parameter learn again that did before the fit."""
        for parameter, wanted in zip(self.parameters, self.wanted, strict=True):
            parameter.requires_grad_(wanted)


def _torch_optimizer(groups: list[dict[str, Any]], how: Optimizer, rate: float) -> torch.optim.Optimizer:
    if how.name == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=how.momentum, nesterov=how.nesterov)
    adams: dict[str, Any] = {"lr": rate, "betas": how.betas, "eps": how.epsilon}
    if how.name == "adamw":
        return torch.optim.AdamW(groups, **adams)
    if how.name == "radam":
        return torch.optim.RAdam(groups, decoupled_weight_decay=True, **adams)
    return torch.optim.Adam(groups, amsgrad=how.name == "amsgrad", **adams)


class Average:
    """Weights averaged over the steps; with a decay of 0 they are the network's own and cost nothing.

    Args:
        net: followed.
        decay: that the average comes to; it rises from 0, so that early steps are forgotten.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.live, self.decay = dict(net.state_dict()), decay
        self.kept = {name: value.detach().clone() for name, value in self.live.items()} if decay else self.live
        floating = [name for name, value in self.live.items() if value.dtype.is_floating_point]
        pairs = {name: (local(self.kept[name]), local(self.live[name])) for name in self.live}
        self._pairs = [pairs[name] for name in floating]
        self._counts = [pairs[name] for name in self.live if name not in floating]

    @torch.no_grad()
    def follow(self, step: int) -> None:
        """Take in the weights after a step, counted from 0."""
        if not self.decay:
            return
        share = min(self.decay, (1.0 + step) / (10.0 + step))
        torch._foreach_lerp_([kept for kept, _ in self._pairs], [live for _, live in self._pairs], 1.0 - share)
        for kept, live in self._counts:
            kept.copy_(live)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the averaged weights and the network's; a second call takes it back."""
        for kept, live in [*self._pairs, *self._counts] if self.decay else ():
            held: Tensor = live.clone()
            live.copy_(kept)
            kept.copy_(held)
