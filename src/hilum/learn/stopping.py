"""Validation during a fit: the best weights are kept, and a fit that gets no better ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.learn.checkpoint import BEST, write_tensors
from hilum.learn.spread import from_first, whole, world

Validate = Callable[[nn.Module], float]
"""What a network is worth on films that it does not learn from."""


@dataclass(frozen=True)
class Stop:
    """When a fit ends before its last step.

    Args:
        every: steps between validations; the last step is validated too.
        patience: validations without a better one after which it ends; 0 never ends it.
        better: 'lower' or 'higher' values are.
        least: by how much a value must be better to count.

    Raises:
        InputError: if it is not known which values are better.
    """

    every: int = 100
    patience: int = 5
    better: str = "lower"
    least: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what says neither."""
        if self.better not in ("lower", "higher"):
            raise InputError(f"validation is better 'lower' or 'higher', not '{self.better}'")
        if self.every < 1:
            raise InputError(f"validation needs at least 1 step in between, got {self.every}")


class Best:
    """The best weights so far, on disk where there is a folder, else in memory.

    Args:
        stop: when to end.
        folder: where `best.safetensors` goes.
    """

    def __init__(self, stop: Stop, folder: Path | None) -> None:
        self.stop, self.path = stop, folder / BEST if folder else None
        self.value, self.step, self.waited = math.inf if stop.better == "lower" else -math.inf, 0, 0
        self.kept: dict[str, Tensor] = {}

    @property
    def over(self) -> bool:
        """Whether patience has ended."""
        return bool(self.stop.patience) and self.waited >= self.stop.patience

    def due(self, step: int, steps: int) -> bool:
        """Tell whether to validate after `step` steps of `steps`."""
        return step % self.stop.every == 0 or step == steps

    def value_of(self, net: nn.Module, validate: Validate) -> float:
        """Return what a network is worth; every process validates, and the first one's value counts."""
        net.eval()
        with torch.no_grad():
            return from_first(float(validate(net)))

    def take(self, net: nn.Module, value: float, step: int) -> None:
        """Keep the weights of a network if its value is the best."""
        gain = self.value - value if self.stop.better == "lower" else value - self.value
        if gain > self.stop.least:
            self.value, self.step, self.waited = value, step, 0
            self._keep(net)
        else:
            self.waited += 1  # so does a value that is no number

    def _keep(self, net: nn.Module) -> None:
        weights = {name: whole(value).cpu().clone() for name, value in net.state_dict().items()}
        if self.path is None:
            self.kept = weights
        elif world()[0] == 0:
            write_tensors(weights, self.path, step=self.step, facts={"step": str(self.step)})

    def weights(self, weights_now: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Return the best weights, or those given if no validation was a number.

        Raises:
            InputError: if the file is not the one this fit wrote.
        """
        if not self.step:
            return weights_now
        if self.path is None or world()[0]:
            return self.kept or weights_now
        from safetensors import safe_open

        with safe_open(self.path, "pt") as stored:
            if int((stored.metadata() or {}).get("step", -1)) != self.step:
                raise InputError(f"'{self.path}' is not of step {self.step}, the best one of this fit: another fit "
                                 "wrote into the folder; choose another")  # fmt: skip
            return {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118

    def numbers(self) -> dict[str, float]:
        """Return what a resumed fit needs to know."""
        return {"best_value": self.value, "best_step": self.step, "best_waited": self.waited}

    def go_on(self, numbers: Mapping[str, float]) -> None:
        """Take up `numbers`."""
        self.value = numbers.get("best_value", self.value)
        self.step, self.waited = int(numbers.get("best_step", 0)), int(numbers.get("best_waited", 0))
