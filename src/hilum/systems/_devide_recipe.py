"""Settings of a training of DeViDe, and the network that they describe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from hilum.core.errors import InputError
from hilum.learn.wording import Wording
from hilum.nets.facets import Asking
from hilum.nets.towers import SmallImage, SmallText
from hilum.systems._devide_loss import Weights
from hilum.systems._devide_net import Devide, How
from hilum.systems._devide_texts import Tokens
from hilum.systems._label_text import changed

PUBLISHED = {"image": "vit-base-imagenet21k", "text": "med-kebert", "size": 224, "width": 256, "layers": 4,
             "feedforward": 1024, "space": 256, "drop": 0.1, "among": 1}  # fmt: skip
"""ViT-B/16 and Med-KEBERT (weights by HILUM_WEIGHTS); the decoder is MedKLIP's, DeViDe's own is not published."""


@dataclass(frozen=True)
class Recipe:
    """Settings of a training.

    Args:
        preset: 'small', or 'published' for `PUBLISHED`, which other settings may change.
        image, text: towers: 'small', or names of `nets.encoders`.
        told, fusion, projection: see `How`.
        width, layers, feedforward, drop, among, space: of the decoder (heads of a quarter of 256 or less) and the
            shared space; `among` is 1 where queries attend to each other.
        bce, itc, tnc, alpha, films, temperature: of the loss, see `Weights`.
        size, patients: rows of a film; virtual patients where no data are given.
        steps, batch, rate, save_every: of the training; the image tower learns at a tenth of the rate if published.
        knowledge: another store to tell diseases by; '' is the package's own.
    """

    preset: str = "small"
    image: str = "small"
    text: str = "small"
    told: str = "both"
    fusion: str = "gate"
    projection: str = "many"
    width: int = 64
    layers: int = 1
    feedforward: int = 128
    drop: float = 0.0
    among: int = 0
    space: int = 64
    bce: float = 1.0
    itc: float = 1.0
    tnc: float = 1.0
    alpha: float = 1.0
    films: float = 1.0
    temperature: float = 0.07
    size: int = 112
    patients: int = 360
    steps: int = 600
    batch: int = 32
    rate: float = 2e-3
    save_every: int = 100
    knowledge: str = ""

    @property
    def weights(self) -> Weights:
        """Weights of the loss."""
        return Weights(self.bce, self.itc, self.tnc, self.alpha, self.films, self.temperature)


def settings_of(changes: Mapping[str, Any]) -> Recipe:
    """Return the settings of a preset with some changed.

    Raises:
        InputError: if one is not known, cannot be read or is out of range.
    """
    preset = changes.get("preset", "small")
    if preset not in ("small", "published"):
        raise InputError(f"preset is 'small' or 'published', got '{preset}'")
    recipe = changed(replace(Recipe(), **(PUBLISHED if preset == "published" else {})), changes)  # type: ignore[arg-type]
    if min(recipe.steps, recipe.batch, recipe.patients, recipe.save_every, recipe.layers) < 1 or recipe.size < 32:
        raise InputError("steps, batch, patients, save_every and layers are 1 or more, and size 32 or more")
    above = (recipe.width, recipe.feedforward, recipe.space, recipe.temperature, recipe.rate)
    if recipe.width % 4 or min(above) <= 0:
        raise InputError("width is a multiple of 4, and width, feedforward, space, temperature and rate are above 0")
    if not any((recipe.bce, recipe.itc, recipe.tnc, recipe.alpha)):
        raise InputError("every weight of the loss is 0: nothing would be learned")
    How(recipe.told, recipe.fusion, recipe.projection)
    return recipe


def towers(recipe: Recipe, words: Wording) -> tuple[nn.Module, nn.Module, Tokens, tuple[int, int]]:
    """Return the image tower, the text tower, what codes its texts, and the widths of both."""
    image: nn.Module = SmallImage(64)
    text: nn.Module = SmallText(len(words), 64, depth=0)
    tokens: Tokens = words
    widths = [64, 64]
    if recipe.image != "small":
        from hilum.nets.encoders import image_encoder

        seeing = image_encoder(recipe.image, size=recipe.size)
        image, widths[0] = seeing, seeing.width
    if recipe.text != "small":
        from hilum.nets.encoders import text_encoder

        reading, tokens = text_encoder(recipe.text)
        text, widths[1] = reading, reading.width
    return image, text, tokens, (widths[0], widths[1])


def network(recipe: Recipe, words: Wording) -> tuple[Devide, Tokens]:
    """Return the network, its towers as they come and all else random, and what codes its texts."""
    image, text, tokens, (seen, told) = towers(recipe, words)
    asking = Asking(image=seen, text=told, width=recipe.width, layers=recipe.layers, feedforward=recipe.feedforward,
                    drop=recipe.drop, among=bool(recipe.among))  # fmt: skip
    how = How(recipe.told, recipe.fusion, recipe.projection, recipe.space, asking)
    return Devide(image, text, how), tokens
