"""Fit a small network to labelled films in memory, and read its logits and class maps back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.learn.fit import Fit, fit
from hilum.learn.objectives.classify import binary_cross_entropy, weighted_cross_entropy
from hilum.nets.weak import WeakNet

Floats = NDArray[np.float32]
LabelLoss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(logits, target, known), each (B, K), -> scalar."""


@dataclass(frozen=True)
class Labelled:
    """Films and what is said of them.

    Args:
        films: float32 or uint8 (N, H, W); uint8 stands for [0, 1].
        target: 0 or 1, (N, K).
        known: bool (N, K); what is not known takes no part in a loss.
    """

    films: NDArray[np.generic]
    target: NDArray[np.generic]
    known: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if len(self.films) != len(self.target) or self.target.shape != self.known.shape or self.films.ndim != 3:
            raise InputError(f"films {self.films.shape}, target {self.target.shape} and known {self.known.shape}: "
                             "expected (N, H, W), (N, K), (N, K)")  # fmt: skip


@contextmanager
def one_thread() -> Iterator[None]:
    """Work on one thread: nets this small gain nothing from two, and sums then come in one order on every machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def labelled(films: NDArray[np.generic], target: NDArray[np.generic]) -> Labelled:
    """Return films whose labels are all known."""
    return Labelled(films, target, np.ones(target.shape, dtype=np.bool_))


def cross_entropy(logits: Tensor, target: Tensor, known: Tensor) -> Tensor:
    """Return CEL of ChestX-ray8: every known label counts alike."""
    return binary_cross_entropy(logits, target, known)


def class_balanced(target: NDArray[np.generic]) -> LabelLoss:
    """Return cross-entropy with weight n / (2 n_c) for the two classes c of each label.

    Args:
        target: 0 or 1 (N, K), the training labels that the weights count; a class without films has no weight.
    """
    ones = np.asarray(target, dtype=np.float64).sum(axis=0)
    count = float(len(target))
    positive = torch.tensor(np.where(ones > 0, count / np.maximum(2 * ones, 1), 0), dtype=torch.float32)
    negative = torch.tensor(np.where(count > ones, count / np.maximum(2 * (count - ones), 1), 0), dtype=torch.float32)

    def loss(logits: Tensor, answer: Tensor, known: Tensor) -> Tensor:
        softplus = nn.functional.softplus
        each = positive * answer * softplus(-logits) + negative * (1 - answer) * softplus(logits)
        return (each * known).sum() / known.sum().clamp(min=1)

    return loss


LOSSES: dict[str, LabelLoss] = {"cel": cross_entropy, "w-cel": weighted_cross_entropy}
"""The two losses that ChestX-ray8 compares; W-CEL counts ones and zeros of the whole label matrix of a batch."""


def as_film(films: NDArray[np.generic]) -> Tensor:
    """Return films (N, H, W) as float32 (N, 1, H, W), centred: grey 0.5 is 0."""
    values = torch.from_numpy(np.ascontiguousarray(films))
    scaled = values.float() / 255.0 if values.dtype == torch.uint8 else values.float()
    return (scaled[:, None] - 0.5) * 2.0


def train(
    net: nn.Module, data: Labelled, loss: LabelLoss, *, steps: int, batch: int = 32, rate: float = 2e-3, seed: int = 0,
    move: int = 2, progress: Callable[[int], None] | None = None,
) -> nn.Module:  # fmt: skip
    """Train a network on films in memory and leave it in evaluation mode.

    Args:
        net: (B, 1, H, W) to logits (B, K).
        data: training films.
        loss: of a batch.
        steps: optimiser steps.
        batch: films of a step; drawn by seed and step alone, so that two arms of one seed see the same batches.
        rate: peak learning rate.
        seed: of the draws.
        move: largest random shift in pixels, the only augmentation.
        progress: called with each logged step.

    Raises:
        InputError: if there is no film.
    """
    if not len(data.films):
        raise InputError("there is no film to train on")
    films, target = as_film(data.films), torch.from_numpy(np.asarray(data.target, dtype=np.float32))
    known = torch.from_numpy(data.known)

    def draw(step: int) -> tuple[Tensor, Tensor, Tensor]:
        rng = generator(seed, "weak", step)
        rows = torch.from_numpy(rng.integers(0, len(films), batch))
        down, right = (int(v) for v in rng.integers(-move, move + 1, 2))
        return torch.roll(films[rows], (down, right), dims=(2, 3)), target[rows], known[rows]

    def minimise(model: nn.Module, given: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, dict[str, float]]:
        return loss(model(given[0]), given[1], given[2]), {}

    spec = Fit(steps=steps, rate=rate, bf16=False, average=0.97, warmup=0.1, log_every=50)
    with one_thread():
        return fit(net, draw, minimise, spec, seed=seed, progress=(lambda n, row: progress(n)) if progress else None)


@torch.no_grad()
def probabilities(net: nn.Module, films: NDArray[np.generic], *, batch: int = 128) -> NDArray[np.float64]:
    """Return the sigmoid of a network's logits for films (N, H, W): float64 (N, K)."""
    with one_thread():
        parts = [net(as_film(films[start : start + batch])).sigmoid() for start in range(0, len(films), batch)]
    return torch.cat(parts).double().numpy()


@torch.no_grad()
def class_maps(net: WeakNet, films: NDArray[np.generic], *, batch: int = 128) -> Floats:
    """Return the class maps of films (N, H, W): float32 (N, K, S, S)."""
    with one_thread():
        parts = [net.class_maps(as_film(films[start : start + batch])) for start in range(0, len(films), batch)]
    return torch.cat(parts).numpy()


def weights_count(net: nn.Module) -> int:
    """Return how many numbers a network learns."""
    return sum(parameter.numel() for parameter in net.parameters())
