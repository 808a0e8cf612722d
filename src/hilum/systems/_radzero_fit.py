"""How RadZero's network is fitted: what the frozen encoder sees is kept, the rest learns from it by MP-NCE."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.core.seed import generator
from hilum.learn.fit import Fit, fit
from hilum.learn.objectives.contrast import mp_nce
from hilum.learn.pairs import Pairs
from hilum.learn.stopping import Stop, Validate
from hilum.learn.weak import one_thread
from hilum.nets.similarity import Aligner, How, Match
from hilum.nets.towers import SmallText
from hilum.systems._radzero_claims import Arm
from hilum.systems._radzero_look import Look, device_of
from hilum.systems._radzero_texts import Told, drawn

EMBEDDED = 0.3
"""Deviation that words begin with: at 1, a step of 1e-3 hardly moves them apart."""
EVERY, PATIENCE = 100, 10
"""Steps between validations, and how many may pass without a better one: a budget may allow for far too many steps."""


@dataclass(frozen=True)
class Size:
    """Sizes of a network and its fitting; those of the small one that claims are judged with.

    Args:
        width, heads, layers: of the trained layers.
        steps, batch, rate: of AdamW.
        absences: absent findings told of each film a step.
        versions: of each film that the encoder sees, varied.
        warmup: share of the steps in which the rate rises.
        bf16: forward in bfloat16.
        scale: of the layers' ways round to begin with; the published ones begin at 1.
        stride: pixels of a patch.
    """

    width: int = 64
    heads: int = 4
    layers: int = 2
    steps: int = 200
    batch: int = 32
    rate: float = 3e-3
    absences: int = 3
    versions: int = 4
    warmup: float = 0.1
    bf16: bool = False
    scale: float = 0.1
    stride: int = 16


def without_class(how: How) -> bool:
    """Tell whether a small network puts a learned token first: where all tokens are weighed.

    The global arms keep the mean of the patches there, which is to their advantage.
    """
    return how in ("similarity", "learned")


def network(encoder: nn.Module, words: int, size: Size, how: How, *, seed: int) -> Aligner:
    """Return an untrained network over an encoder; arms of one seed start from the same weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        text = SmallText(words, size.width)
        text.embed.weight.data.mul_(EMBEDDED)
        net = Aligner(encoder, text, width=size.width, heads=size.heads, layers=size.layers,
                      scale=size.scale, learned_class=without_class(how))  # fmt: skip
        net.head = Match(size.width, how=how)
    return net


def align(
    net: Aligner, look: Look, texts: Told, arm: Arm, size: Size, *, seed: int, films: Pairs | None = None,
    folder: Path | None = None, resume: bool = False,
    progress: Callable[[int, Mapping[str, float]], None] | None = None, validate: Validate | None = None,
) -> Aligner:  # fmt: skip
    """Fit a network to films and their texts, in place; a step depends on its number alone.

    Args:
        net: to fit.
        look: at the films.
        texts: of them.
        arm: how.
        size: of the fitting.
        seed: of every draw.
        films: their findings; half of each batch is drawn evenly over them.
        folder, resume, progress: of `learn.fit`.
        validate: worth of the network, higher is better: the best is kept, and a fit that gets no better ends.
    """
    able, rare = np.flatnonzero(texts.true.any(axis=1)), _rare(films)
    true = torch.from_numpy(texts.true)

    def draw(step: int) -> tuple[Tensor, Tensor, Tensor, NDArray[np.intp]]:
        rng = generator(seed, "align", step)
        rows = rng.choice(able, min(size.batch, len(able)), replace=False)
        for place in range(0, len(rows), 2) if rare else ():
            rows[place] = rng.choice(rare[int(rng.integers(len(rare)))])
        rows = np.unique(rows)  # a film met twice would be its own rival
        said = drawn(texts, rows, rng, absences=size.absences, single=arm.single)
        return (*look(rows, rng), said, rows)

    def minimise(
        model: nn.Module, batch: tuple[Tensor, Tensor, Tensor, NDArray[np.intp]]
    ) -> tuple[Tensor, dict[str, float]]:
        pooled, patches, said, rows = batch
        device = device_of(net.layers)
        owner, text = said.T
        known, column = torch.unique(text, return_inverse=True)
        words = (texts.ids[known].to(device), texts.mask[known].to(device))
        logits = model(pooled.to(device), patches.to(device), *words).logits
        same = true[torch.from_numpy(rows)][owner][:, text].to(device) if arm.dedupe else None
        loss = mp_nce(logits[:, column.to(device)], owner.to(device), same=same)
        return loss, {"tau": float(net.head.tau.detach())}

    plan = Fit(steps=size.steps, rate=size.rate, decay=0.05, warmup=size.warmup, average=0.98, clip=1.0, bf16=size.bf16,
               log_every=50)  # fmt: skip
    with one_thread():
        fit(_Learning(net), draw, minimise, plan, seed=seed, folder=folder, resume=resume, progress=progress,
            validate=validate, stop=Stop(every=EVERY, patience=PATIENCE, better="higher"))  # fmt: skip
    return net.eval()


def _rare(films: Pairs | None) -> list[NDArray[np.intp]]:
    """Films with each finding that some have."""
    if films is None:
        return []
    found = [np.flatnonzero((films.target[:, at] > 0) & films.known[:, at]) for at in range(len(films.names))]
    return [rows for rows in found if len(rows)]


class _Learning(nn.Module):
    """The part of a network that learns, so that states and averages leave the frozen encoder out."""

    def __init__(self, net: Aligner) -> None:
        super().__init__()
        self.layers, self.text, self.head, self.first = net.layers, net.text, net.head, net.first
        self._net = [net]  # not a child: its encoder would become one

    def forward(self, *given: Any) -> Any:
        return self._net[0](*given)
