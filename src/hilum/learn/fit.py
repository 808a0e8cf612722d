"""One training loop: AdamW, warm-up and cosine, averaged weights, resume, a CSV log."""

from __future__ import annotations

import csv
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hilum.learn.checkpoint import load_state, save_state

log = logging.getLogger(__name__)

Loss = Callable[[nn.Module, Any], tuple[Tensor, Mapping[str, float]]]
"""(net, batch) -> (scalar to minimise, parts to log)."""


@dataclass(frozen=True)
class Fit:
    """How long and how fast to train.

    Args:
        steps: optimiser steps.
        rate: peak learning rate.
        slow: factor on the rate of parameters whose name starts with `slow_prefix` (a pretrained encoder).
        warmup: share of the steps spent rising to the peak.
        decay: AdamW weight decay, on matrices and kernels only.
        average: decay of the averaged weights; it rises from 0 so that early steps are forgotten.
        clip: gradient norm limit.
        bf16: run the forward pass in bfloat16.
        save_every, log_every: steps.
    """

    steps: int
    rate: float = 1e-3
    slow: float = 1.0
    slow_prefix: str = "encoder."
    warmup: float = 0.05
    decay: float = 0.02
    average: float = 0.995
    clip: float = 2.0
    bf16: bool = True
    save_every: int = 100
    log_every: int = 10


def rate_at(step: int, spec: Fit) -> float:
    """Return the share of the peak learning rate at a step: linear rise, then cosine to 0."""
    rise = max(1, round(spec.warmup * spec.steps))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1.0 + math.cos(math.pi * (step - rise) / max(1, spec.steps - rise)))


def _optimizer(net: nn.Module, spec: Fit) -> torch.optim.AdamW:
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in net.named_parameters():
        groups.setdefault((name.startswith(spec.slow_prefix), parameter.ndim > 1), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": found, "rate": spec.rate * (spec.slow if slow else 1.0), "weight_decay": spec.decay * decayed}
            for (slow, decayed), found in groups.items()
        ],
        lr=spec.rate,
    )


@torch.no_grad()
def _blend(average: dict[str, Tensor], net: nn.Module, share: float) -> None:
    for name, value in net.state_dict().items():
        if value.dtype.is_floating_point:
            average[name].lerp_(value, 1.0 - share)
        else:
            average[name].copy_(value)


class _Log:
    """A CSV file whose header is fixed by the first row."""

    def __init__(self, path: Path | None, *, fresh: bool) -> None:
        self.path = path
        if path is not None and fresh:
            path.unlink(missing_ok=True)

    def write(self, row: Mapping[str, float]) -> None:
        log.info("%s", "  ".join(f"{name} {value:.4g}" for name, value in row.items()))
        if self.path is None:
            return
        new = not self.path.exists()
        with self.path.open("a", newline="") as stream:
            writer = csv.DictWriter(stream, list(row), extrasaction="ignore")
            if new:
                writer.writeheader()
            writer.writerow({name: f"{value:.6g}" for name, value in row.items()})


def _descend(net: nn.Module, loss: Tensor, optimizer: torch.optim.Optimizer, spec: Fit, step: int) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(net.parameters(), spec.clip)
    for group in optimizer.param_groups:
        group["lr"] = group["rate"] * rate_at(step, spec)
    optimizer.step()


def fit(
    net: nn.Module,
    batches: Callable[[int], Any],
    loss: Loss,
    spec: Fit,
    *,
    seed: int,
    folder: Path | None = None,
    resume: bool = False,
    progress: Callable[[int, Mapping[str, float]], None] | None = None,
) -> nn.Module:
    """Train `net` in place and leave the averaged weights in it.

    Args:
        net: any module.
        batches: batch of a step; must depend on the step alone, so that resuming repeats nothing.
        loss: what to minimise.
        spec: how.
        seed: of dropout and every other draw inside the network, together with the step.
        folder: where `log.csv` and `state.safetensors` go; None writes nothing.
        resume: continue from the folder's state if there is one.
        progress: called with the step and what was logged.

    Returns:
        `net`, in evaluation mode.
    """
    optimizer = _optimizer(net, spec)
    average = {name: value.detach().clone() for name, value in net.state_dict().items()}
    state, first = (folder / "state.safetensors" if folder else None), 0
    if resume and state is not None and state.exists():
        first = load_state(state, net=net, average=average, optimizer=optimizer)
    record = _Log(folder / "log.csv" if folder else None, fresh=first == 0)
    began = time.monotonic()
    net.train()
    for step in range(first, spec.steps):
        torch.manual_seed(seed * 1_000_003 + step)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=spec.bf16):
            value, parts = loss(net, batches(step))
        _descend(net, value, optimizer, spec, step)
        _blend(average, net, min(spec.average, (1.0 + step) / (10.0 + step)))
        if (step + 1) % spec.log_every == 0 or step + 1 == spec.steps:
            row = {"step": step + 1, "seconds": time.monotonic() - began, "loss": float(value.detach()), **parts}
            record.write(row)
            if progress is not None:
                progress(step + 1, row)
        if state is not None and ((step + 1) % spec.save_every == 0 or step + 1 == spec.steps):
            save_state(state, step=step + 1, net=net, average=average, optimizer=optimizer)
    net.load_state_dict(average)
    return net.eval()
