"""A site's network fitted to films by the stages of a plan, and read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.learn.augment_mix import Mixed, cutmix, mixed_cross_entropy
from hilum.learn.fit import Fit, fit
from hilum.systems._bpd_augment import Vary, varied
from hilum.systems._bpd_plan import BATCH, Stage

Floats = NDArray[np.float64]
Batch = tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class How:
    """What a fit has beside its stages.

    Args:
        batch: films of a step.
        vary: how films are varied.
        device: where it runs.
    """

    batch: int = BATCH
    vary: Vary = field(default_factory=Vary)
    device: str = "cpu"


PLAIN = How()


def learn(
    net: nn.Module, films: NDArray[np.uint8], bpd: NDArray[np.bool_], stages: Sequence[Stage], *, seed: int,
    how: How = PLAIN, folder: Path | None = None, resume: bool = False,
) -> nn.Module:  # fmt: skip
    """Fit a network to films by the stages of a plan, in place; the weights of the last step stand.

    Rows are drawn by a sampler of inverse frequency, so that both labels come equally often.

    Args:
        net: (B, 1, S, S) to logits (B,).
        films: uint8 (F, S, S).
        bpd: bool (F,).
        stages: of `plan`.
        seed: of every draw.
        how: batch, variation, device.
        folder: of logs and states, one for each stage; None writes nothing.
        resume: go on from the states in the folder.

    Raises:
        InputError: if a label is missing among the films.
    """
    if bpd.all() or not bpd.any():
        raise InputError(f"{len(bpd)} films of one label only: it takes films of both")
    net.to(how.device)
    for number, stage in enumerate(stages):
        draw = _sampler(films, bpd, stage, seed=seed + 101 * number, how=how)
        steps = stage.epochs * _steps(len(films), how.batch)
        spec = Fit(steps=steps, schedule=stage.schedule, average=0.0, clip=float("inf"), bf16=False, save_every=200,
                   log_every=max(10, steps // 10))  # fmt: skip
        where = folder / f"{number}-{stage.name}" if folder else None
        fit(net, draw, _loss, spec, seed=seed + number, folder=where, resume=resume)
    return net.to("cpu").eval()


def _steps(films: int, batch: int) -> int:
    return max(1, -(-films // batch))


def _sampler(
    films: NDArray[np.uint8], bpd: NDArray[np.bool_], stage: Stage, *, seed: int, how: How
) -> Callable[[int], Batch]:
    chance = np.where(bpd, 0.5 / bpd.sum(), 0.5 / (~bpd).sum())
    target = torch.from_numpy(bpd.astype(np.float32))

    def batch(step: int) -> Batch:
        rng = generator(seed, "bpd", step)
        rows = rng.choice(len(films), how.batch, p=chance)
        mixed = cutmix(varied(as_film(films[rows]), rng, how.vary), rng, probability=stage.cutmix)
        return mixed.film, target[rows], mixed.other, torch.tensor(mixed.share)

    return batch


def _loss(net: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
    film, target, other, share = batch
    return mixed_cross_entropy(net(film), target, Mixed(film, other, float(share))), {}


def as_film(films: NDArray[np.uint8]) -> Tensor:
    """Return films uint8 (B, S, S) as float32 (B, 1, S, S) in [0, 1]."""
    return torch.from_numpy(films).float()[:, None] / 255.0


@torch.no_grad()
def read(net: nn.Module, films: NDArray[np.uint8], *, batch: int = 64) -> Floats:
    """Return the logit of each film: (F,)."""
    net.eval()
    device = next(net.parameters()).device
    parts = [net(as_film(films[at : at + batch]).to(device)).double().cpu().numpy()
             for at in range(0, len(films), batch)]  # fmt: skip
    return np.concatenate(parts) if parts else np.empty(0)
