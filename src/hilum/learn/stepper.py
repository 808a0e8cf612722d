"""One step of training: forward, backward, clipping, optimiser, averaged weights; in pieces and in any precision."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.learn.optimise import Average, Plan
from hilum.learn.pieces import part_of, ranges, rows_of
from hilum.learn.running import Running
from hilum.learn.spread import Loss, device_of, own_rows, way_of, world

if TYPE_CHECKING:
    from hilum.learn.fit import Fit


class Stepper:
    """A network being trained; `weight` is that of this process's rows in the last step, 1 for an equal part.

    Args:
        net: to train; `trained` is it on its device, or its copy in parts.
        loss: to minimise.
        spec: how.
        seed: of every draw inside the network, together with the step.
        how: device and processes.

    Raises:
        InputError: if the spec asks for two precisions at once, or a schedule does not fit the network.
    """

    def __init__(self, net: nn.Module, loss: Loss, spec: Fit, *, seed: int, how: Running) -> None:
        if spec.fp16 and spec.bf16:
            raise InputError("a fit runs in bf16 or in fp16, not in both: set one of them to false")
        self.spec, self.seed, self.weight = spec, seed, 1.0
        self.device = device_of(net, how.device)
        self.trained, self.way = way_of(net, loss, how, self.device)
        self.plan = Plan(self.trained, spec, dropped=self.way.in_parts)
        self.average = Average(self.trained, spec.average)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=spec.fp16)
        self.plan.train()

    def precision(self) -> AbstractContextManager[Any]:
        """Return the context that forward passes, and draws of batches, run in."""
        kind = torch.float16 if self.spec.fp16 else torch.bfloat16
        return torch.autocast(self.device.type, dtype=kind, enabled=self.spec.fp16 or self.spec.bf16)

    def sow(self, step: int) -> None:
        """Seed torch's generators for a step, each process its own.

        Those in use only: `torch.manual_seed` also keeps a call, with its stack, for each kind of device not yet used.
        """
        seed = self.seed * 1_000_003 + step + world()[0] * 10_000_019_999
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.manual_seed(seed)
        elif self.device.type == "mps":
            torch.mps.manual_seed(seed)

    def step(self, step: int, batch: Any) -> tuple[Tensor, Mapping[str, float]]:
        """Make a step, counted from 0, and return loss and parts of this process's rows."""
        self.sow(step)
        optimizer = self.plan.optimizer
        if self.plan.move(step):
            self.plan.train()
            self.way.start()
        optimizer.zero_grad(set_to_none=True)
        value, parts = self._descend(batch, step)
        self.plan.drop()
        self.scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(self.trained.parameters(), self.spec.clip)
        self.scaler.step(optimizer)
        self.scaler.update()
        self.average.follow(step)
        return value, parts

    def _descend(self, batch: Any, step: int) -> tuple[Tensor, Mapping[str, float]]:
        """Sum the gradients of the pieces of a batch, each by its share of the rows."""
        mine, weight = own_rows(batch)
        self.weight = weight
        if self.spec.accumulate == 1:
            with self.precision():
                value, parts = self.way.forward(mine)
            self._backward(value if weight == 1.0 else value * weight, value, step)
            return value.detach(), parts
        count = rows_of(mine)
        total, mean = torch.zeros((), device=self.device), dict[str, float]()
        split = ranges(count, self.spec.accumulate)
        for rows in split:
            share = len(rows) / count
            with self.way.until_last(rows is split[-1]):
                with self.precision():
                    value, parts = self.way.forward(part_of(mine, rows))
                self._backward(value * (weight * share), value, step)
            total += value.detach() * share
            for name, number in parts.items():
                mean[name] = mean.get(name, 0.0) + float(number) * share
        return total, mean

    def _backward(self, weighted: Tensor, value: Tensor, step: int) -> None:
        if value.device.type == "cpu" and not bool(torch.isfinite(value.detach())):
            raise LossError(step, float(value.detach()))
        scaled: Any = self.scaler.scale(weighted)
        scaled.backward()

    def snapshot(self) -> dict[str, Tensor]:
        """Return a copy of the weights as this process holds them."""
        return {name: value.detach().clone() for name, value in self.trained.state_dict().items()}

    @torch.no_grad()
    def reset(self, weights: Mapping[str, Tensor]) -> None:
        """Go back to a snapshot with fresh moments, averages and scale."""
        for name, value in self.trained.state_dict().items():
            value.copy_(weights[name])
        self.renew(self.spec)

    def renew(self, spec: Fit) -> None:
        """Begin anew with a spec of another length."""
        self.spec = spec
        self.plan.release()
        self.plan = Plan(self.trained, spec, dropped=self.way.in_parts)
        self.average = Average(self.trained, spec.average)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=spec.fp16)
        self.plan.train()
        self.way.start()

    def numbers(self) -> dict[str, float]:
        """Return what else than tensors the next step depends on."""
        return {f"scale_{name}": float(value) for name, value in self.scaler.state_dict().items()}

    def take(self, numbers: Mapping[str, float]) -> None:
        """Go on from `numbers`."""
        told = {name[6:]: value for name, value in numbers.items() if name.startswith("scale_")}
        if told and self.scaler.is_enabled():
            whole = ("growth_interval", "_growth_tracker")
            self.scaler.load_state_dict({name: int(value) if name in whole else value for name, value in told.items()})


class LossError(Exception):
    """The loss of a step is no number."""

    def __init__(self, step: int, value: float) -> None:
        """Keep the step, counted from 0, and the loss."""
        super().__init__(f"the loss of step {step + 1} is {value}")
        self.step, self.value = step, value
