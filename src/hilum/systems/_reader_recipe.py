"""Settings of a reader's training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from hilum.core.errors import InputError
from hilum.systems._reader_scale import SMALL

MEAN, DEVIATION = 0.5307, 0.2583
"""RAD-DINO's normalisation (preprocessor_config.json of microsoft/rad-dino)."""


@dataclass(frozen=True)
class Recipe:
    """Settings of a reader's training.

    Args:
        tasks: builders to mix, by name with commas; the preset's if '' (findings and grounded of a small one).
        patients, encoder_steps, side: scenes where no data are given; label training and size of a small encoder.
        width, depth: of a small language model.
        steps, batch, rate: optimiser steps, samples of a step, peak rate.
        encoder, lm: folders of a vision model and a causal language model of transformers; both or neither.
        stage: 'all' (connector and language model), 'connector' alone, or 'lora': low-rank adapters on the language
            model with the connector frozen.
        rank: of the adapters; their scale is twice that.
        start: folder of a reader that an earlier stage wrote; '' for none.
        mean, deviation: of films at full size.
        save_every: steps between states that `--resume` goes on from.
    """

    tasks: str = ""
    patients: int = SMALL.patients
    encoder_steps: int = SMALL.encoder_steps
    side: int = SMALL.side
    width: int = SMALL.width
    depth: int = SMALL.depth
    steps: int = 600
    batch: int = 32
    rate: float = SMALL.rate
    encoder: str = ""
    lm: str = ""
    stage: str = "all"
    rank: int = 128
    start: str = ""
    mean: float = MEAN
    deviation: float = DEVIATION
    save_every: int = 100


STAGES = ("all", "connector", "lora")


def settings_of(changes: Mapping[str, Any]) -> Recipe:
    """Return the settings with some changed.

    Raises:
        InputError: if one is not known or cannot be used.
    """
    recipe = Recipe()
    held = asdict(recipe)
    for name, value in changes.items():
        if name not in held:
            raise InputError(f"unknown setting '{name}': choose from {', '.join(held)}")
        try:
            recipe = replace(recipe, **{name: type(held[name])(value)})
        except (TypeError, ValueError, OverflowError):
            raise InputError(f"{name} must be a number, got '{value}'") from None
    if recipe.stage not in STAGES or bool(recipe.encoder) != bool(recipe.lm):
        raise InputError("stage is 'all', 'connector' or 'lora', and encoder and lm are folders, both or neither")
    if min(recipe.steps, recipe.batch, recipe.rank, recipe.save_every, recipe.depth) < 1 or recipe.rate <= 0:
        raise InputError("steps, batch, rank, depth, save_every and rate are above 0")
    return recipe
