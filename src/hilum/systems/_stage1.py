"""What the first stages of MLRG and SEI share: settings, films of a cohort, tokens of a frozen encoder.

Both papers train on tokens: MLRG's image encoder is frozen (RAD-DINO). Here a small encoder that labels taught is, so
tokens are made once and every arm starts from the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import inf
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.core.registry import get
from hilum.learn.label_trunk import film_batch, label_trunk
from hilum.learn.pair_store import SMALL, place_for
from hilum.learn.pairs import Pairs, gather
from hilum.learn.running import unbudgeted
from hilum.learn.virtual_pairs import virtual_pairs
from hilum.learn.weak import one_thread
from hilum.measure.claim import Claim
from hilum.measure.scored import Scored
from hilum.nets.towers import Seen
from hilum.systems._aligned import SEEN

WIDTH = 128
Say = Callable[[str], None]
Settings = TypeVar("Settings", bound="Stage1")


@dataclass(frozen=True)
class Stage1:
    """Settings of a first stage.

    Args:
        encoder, text: names of encoders: 'small' learns here (the image one from labels, then frozen), others are
            published ones by `nets.encoders`.
        size, grid: rows of a film; patches are averaged to that many tokens along each side, 0 leaves them all.
        trunk_steps: of the small image encoder's label training.
        patients: virtual ones, where no data are given.
        steps, batch, rate, clip, tau: optimiser steps, films of a step, peak rate, gradient norm limit, temperature.
        longest: words of a text.
        save_every: steps between states that `--resume` goes on from.
    """

    encoder: str = "small"
    text: str = "small"
    size: int = 112
    grid: int = 4
    trunk_steps: int = 200
    patients: int = 360
    steps: int = 240
    batch: int = 32
    rate: float = 1e-3
    clip: float = 0.1
    tau: float = 0.5
    longest: int = 100
    save_every: int = 100


def resolve(recipe: Settings, changes: Mapping[str, Any]) -> Settings:
    """Return settings with some changed.

    Raises:
        InputError: for a name that is no setting, a value that cannot be read, or one out of range.
    """
    for name, value in changes.items():
        if name not in asdict(recipe):
            raise InputError(f"unknown setting '{name}': choose from {', '.join(asdict(recipe))}")
        try:
            recipe = replace(recipe, **{name: type(getattr(recipe, name))(value)})
        except (TypeError, ValueError, OverflowError):
            raise InputError(f"{name} must be a number, got '{value}'") from None
    least = min(recipe.patients, recipe.steps, recipe.longest, recipe.save_every)
    usable = recipe.clip > 0 and all(0 < each < inf for each in (recipe.rate, recipe.tau))
    if least < 1 or recipe.size < 32 or recipe.batch < 2 or recipe.grid < 0 or not usable:
        raise InputError("size is 32 or more, batch 2 or more, grid 0 or more, and every other number above 0")
    return recipe


def pairs_of(data: str | Path | None, recipe: Stage1, *, seed: int, say: Say) -> Pairs:
    """Return the films that a stage learns from: virtual patients, or a data set named 'NAME:FOLDER'.

    Of virtual patients, the family kept for judging is left out.

    Raises:
        InputError: if the data set is not named so, or holds no film that can be read.
    """
    if data is None or str(data) in ("", "virtual"):
        drawn = virtual_pairs(recipe.patients, size=recipe.size, seed=seed, say=say)
        return drawn.take(np.isin(drawn.group, SEEN))
    name, colon, place = str(data).partition(":")
    if not colon:
        raise InputError(f"data are named NAME:FOLDER, such as mimic-cxr:/films, got '{data}'")
    cohort = get("dataset", name)(place)
    return gather(cohort, size=recipe.size, group=name, lost=lambda film, why: say(f"left out: {film} ({why})"),
                  split=lambda study: cohort.split_of(study.patient or study.id),
                  folder=place_for(name, place), small=SMALL)  # fmt: skip


def trunk_of(train: Pairs, recipe: Stage1, *, say: Say) -> nn.Module:
    """Return the image encoder, frozen: a small one taught by the labels of films, or a published one by its name."""
    if recipe.encoder == "small":
        with unbudgeted():
            return label_trunk(train, width=WIDTH, steps=recipe.trunk_steps, say=say).requires_grad_(False)
    from hilum.nets.encoders import image_encoder

    found: nn.Module = image_encoder(recipe.encoder).requires_grad_(False)
    return found


def tokens_of(seen: Seen, grid: int) -> Tensor:
    """Return the pooled token and then patches, averaged to `grid` x `grid` (0: all of them), as (B, 1 + P, D)."""
    maps = seen.patches.transpose(1, 2).reshape(len(seen.patches), -1, *seen.grid)
    small = nn.functional.adaptive_avg_pool2d(maps, grid) if grid else maps
    return torch.cat((seen.pooled[:, None], small.flatten(2).transpose(1, 2)), dim=1)


@torch.no_grad()
def film_tokens(encoder: nn.Module, films: NDArray[np.uint8], *, grid: int, batch: int = 64) -> Tensor:
    """Return the tokens of films (N, S, S) as a frozen encoder gives them, plain films: (N, 1 + P, D)."""
    if not len(films):
        raise InputError("no film to look at")
    encoder.eval()
    with one_thread():
        parts = [tokens_of(encoder(film_batch(films[at : at + batch], seed=0, step=0, vary=None)), grid)
                 for at in range(0, len(films), batch)]  # fmt: skip
    return torch.cat(parts)


def named(claim: Claim, trials: Mapping[str, Sequence[Scored]]) -> dict[str, Sequence[Scored]]:
    """Return the scores of the arms that a claim names, so that its evidence shows no others."""
    return {arm: trials[arm] for arm in dict.fromkeys((claim.arm, claim.better_than, *claim.controls))}
