"""How SEI's first stage is fitted, and what its films are found by."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.core.seed import generator
from hilum.learn.fit import Fit, fit
from hilum.learn.retrieve import encoder_hash
from hilum.learn.weak import one_thread
from hilum.systems._sei_net import Batch, Sei, stage1_loss
from hilum.systems._stage1 import Stage1


def fit_stage(
    net: Sei, tokens: Tensor, texts: tuple[Tensor, Tensor], recipe: Stage1, *, seed: int, words: bool = True,
    unit: bool = False, **kept: Any,
) -> Sei:  # fmt: skip
    """Fit in place and return it, in evaluation mode.

    Args:
        net: untrained.
        tokens: (N, 1 + P, D) of films.
        texts: ids and mask (N, L); films without a text are not drawn.
        recipe: how.
        seed: of every draw.
        words, unit: of `stage1_loss`.
        kept: `folder`, `resume` and `progress` of `learn.fit`.
    """
    able = np.flatnonzero(texts[1].any(1).numpy())

    def draw(step: int) -> Batch:
        rows = generator(seed, "sei", step).choice(able, recipe.batch, replace=len(able) < recipe.batch)
        ids, mask = (part[rows] for part in texts)
        longest = int(mask.sum(1).max())
        return Batch(tokens[rows], ids[:, :longest], mask[:, :longest])

    def loss(model: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        return stage1_loss(model, batch, tau=recipe.tau, words=words, unit=unit)  # type: ignore[arg-type]

    spec = Fit(steps=recipe.steps, rate=recipe.rate, clip=recipe.clip, bf16=False, average=0.98, warmup=0.1,
               save_every=recipe.save_every)  # fmt: skip
    with one_thread():
        fit(net, draw, loss, spec, seed=seed, **kept)
    return net.eval()


@torch.no_grad()
def features_of(net: Sei, tokens: Tensor, *, batch: int = 256) -> NDArray[np.float32]:
    """Return what films are found by, float32 (N, (1 + P) W)."""
    net.eval()
    with one_thread():
        parts = [net.features(tokens[at : at + batch]) for at in range(0, len(tokens), batch)]
    return torch.cat(parts).float().numpy()


def hash_of(*nets: nn.Module) -> str:
    """Return the hash of networks that make features, so that an index is never asked by another encoder."""
    return encoder_hash({f"{at}.{name}": value.detach().cpu().numpy() for at, net in enumerate(nets)
                         for name, value in net.state_dict().items()})  # fmt: skip
