"""The settings of a training of RadZero, and what its presets say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, get_args

from hilum.core.errors import InputError
from hilum.nets.similarity import How
from hilum.systems._aligned import PATIENTS, SIZE
from hilum.systems._radzero_fit import Size


@dataclass(frozen=True)
class Recipe:
    """The settings of a training.

    Args:
        preset: 'small' (an encoder that labels teach, a word list, minutes) or 'published' (DINOv2-base at 518 px, all-
            mpnet-base-v2, 20 epochs; weights from HILUM_WEIGHTS or by `image_weights` and `text_weights`).
        patients: virtual ones, where no data is given.
        px: side of a film.
        steps, batch, rate: of AdamW; steps 0 follows from the preset.
        width, heads, layers: of the small network.
        how: a film is read: similarity, learned, cls or mean.
        whole, single: the report is one text; one sentence of a film a step.
        dedupe: sentences that are true of a film are no rivals to it; published without.
        image, text: names of published encoders.
        image_weights, text_weights: where theirs are; '' for HILUM_WEIGHTS.
        views: of the films, with commas.
    """

    preset: str = "small"
    patients: int = PATIENTS
    px: int = 0
    steps: int = 0
    batch: int = 0
    rate: float = 0.0
    width: int = 0
    heads: int = 0
    layers: int = 2
    how: str = "similarity"
    whole: bool = False
    single: bool = False
    dedupe: bool = True
    image: str = "dinov2-base"
    text: str = "all-mpnet-base-v2"
    image_weights: str = ""
    text_weights: str = ""
    views: str = "PA,AP"


SMALL = {"px": SIZE, "steps": 600, **{name: getattr(Size(), name) for name in ("batch", "rate", "width", "heads")}}

PUBLISHED = {"px": 518, "steps": 0, "batch": 64, "rate": 1e-4, "width": 768, "heads": 12}

EPOCHS, WARMUP_STEPS = 20, 50

_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def resolve(changes: Mapping[str, Any]) -> Recipe:
    """Return the recipe with settings changed, and what the preset says where they say nothing.

    Raises:
        InputError: for a name that is no setting, or a value that cannot be used.
    """
    recipe = Recipe()
    kinds = {item.name: type(getattr(recipe, item.name)) for item in fields(Recipe)}
    for name, value in changes.items():
        if name not in kinds:
            raise InputError(f"unknown setting '{name}': choose from {', '.join(kinds)}")
        try:
            made = _WORDS[str(value).lower()] if kinds[name] is bool else kinds[name](value)
        except (ValueError, KeyError):
            raise InputError(
                f"{name} must be a {'yes or no' if kinds[name] is bool else 'number'}, got '{value}'"
            ) from None
        recipe = replace(recipe, **{name: made})  # type: ignore[arg-type]
    if recipe.preset not in ("small", "published"):
        raise InputError(f"preset is 'small' or 'published', got '{recipe.preset}'")
    preset = SMALL if recipe.preset == "small" else {**PUBLISHED, "dedupe": recipe.dedupe and "dedupe" in changes}
    for name, value in preset.items():
        if not getattr(recipe, name) or name == "dedupe":
            recipe = replace(recipe, **{name: value})  # type: ignore[arg-type]
    if recipe.how not in get_args(How):
        raise InputError(f"how is one of {', '.join(get_args(How))}, got '{recipe.how}'")
    counts = (recipe.patients, recipe.px, recipe.batch, recipe.width, recipe.heads, recipe.layers)
    if min(counts) < 1 or recipe.steps < 0 or not 0 < recipe.rate < float("inf"):
        raise InputError("patients, px, batch, width, heads and layers are 1 or more, steps 0 or more, and rate is "
                         "above 0")  # fmt: skip
    if recipe.preset == "small" and (recipe.width % recipe.heads or recipe.px % 16):
        raise InputError(f"width {recipe.width} is a multiple of heads {recipe.heads}, and px {recipe.px} of 16")
    return recipe


def views_of(recipe: Recipe) -> tuple[str, ...]:
    """Return the views that a recipe learns from."""
    return tuple(view.strip().upper() for view in recipe.views.split(","))
