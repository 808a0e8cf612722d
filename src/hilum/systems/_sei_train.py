"""How SEI's first stage is trained on a user's data, with the index of its training cases, and read back."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hilum.core.errors import InputError, MissingError
from hilum.learn.retrieve import Index, index_of
from hilum.learn.wording import Wording
from hilum.nets.towers import SmallImage, SmallText
from hilum.systems._sei_fit import features_of, fit_stage, hash_of
from hilum.systems._sei_net import PUBLISHED, Sei, SeiSize
from hilum.systems._sei_style import entities
from hilum.systems._stage1 import WIDTH, Stage1, film_tokens, pairs_of, resolve, trunk_of
from hilum.systems._stage1_card import card_of, fill, read_stage, write_stage

log = logging.getLogger(__name__)
INDEX = "cases.safetensors"
TEXTS = ("entities", "plain", "prose")


@dataclass(frozen=True)
class Recipe(Stage1):
    """Settings of SEI's first stage.

    Args:
        grid, trunk_steps: as of `Stage1`; SEI has 7 x 7 patches.
        preset: 'small', or 'published': the released settings; the encoders are named by themselves.
        told: 'entities', 'plain' (without negation prefix) or 'prose'.
        token: 1 or 0: the token term.
        unit: 1 or 0: unit vectors before attention, as released; attention is then flat.
        width: of what films and texts become.
    """

    grid: int = 7
    trunk_steps: int = 300
    preset: str = "small"
    told: str = "entities"
    token: int = 1
    unit: int = 0
    width: int = WIDTH


@dataclass(frozen=True, eq=False)
class Stage:
    """A trained first stage: frozen image encoder, network, words, index of training cases, card."""

    encoder: nn.Module
    net: Sei
    words: Wording
    index: Index
    card: Mapping[str, Any]

    @property
    def mark(self) -> str:
        """The hash that the index knows its encoder by."""
        return hash_of(self.encoder, self.net)


def settings_of(changes: Mapping[str, Any]) -> Recipe:
    """Return the settings of a preset with some changed.

    Raises:
        InputError: if one is not known or out of range.
    """
    recipe, preset = Recipe(), changes.get("preset", "small")
    if preset not in ("small", "published"):
        raise InputError(f"preset is 'small' or 'published', got '{preset}'")
    if preset == "published":
        recipe = replace(recipe, **{name: value for name, value in PUBLISHED.items() if name in asdict(recipe)})
    if (made := resolve(recipe, changes)).told not in TEXTS:
        raise InputError(f"told is one of {', '.join(TEXTS)}, got '{made.told}'")
    return made


def net_of(recipe: Recipe, words: Wording | None, inputs: int) -> tuple[Sei, Any]:
    """Return the network, untrained, and what codes its texts."""
    if recipe.text == "small":
        if words is None:
            raise InputError("a small text encoder needs the words of the training reports")
        return Sei(SeiSize(inputs, WIDTH, recipe.width), SmallText(len(words), WIDTH)), words
    from hilum.nets.encoders import text_encoder

    encoder, coder = text_encoder(recipe.text)
    return Sei(SeiSize(inputs, encoder.width, recipe.width), encoder), coder


def train(data: str | Path | None, out: Path, *, seed: int, resume: bool, settings: Mapping[str, Any]) -> Path:
    """Train and write encoder.safetensors, cases.safetensors, card.json and log.csv; return the folder.

    Args:
        data: 'NAME:FOLDER' of a registered data set, 'virtual', or None for virtual patients. Their reports are taken
            as they are.
        out: folder.
        seed: of every draw.
        resume: go on from the last state in `out`.
        settings: of `Recipe`, by name.

    Raises:
        InputError: if there is nothing to train on.
    """
    recipe, began = settings_of(settings), time.time()
    pairs = pairs_of(data, recipe, seed=seed, say=log.info)
    pairs = pairs.take(pairs.frontal)
    learned = pairs.take(pairs.split == "train")
    if not len(learned) or not any(learned.report):
        raise InputError("no frontal film of the split 'train' has a report: SEI learns from films and their reports")
    out.mkdir(parents=True, exist_ok=True)
    trunk = trunk_of(learned, recipe, say=log.info)
    tokens = film_tokens(trunk, learned.films, grid=recipe.grid)
    texts = learned.report if recipe.told == "prose" else entities(learned.report, prefix=recipe.told == "entities")
    words = Wording.of(texts, least=2)
    torch.manual_seed(seed)
    net, coder = net_of(recipe, words, tokens.shape[-1])
    fit_stage(net, tokens, coder.code(texts, longest=recipe.longest), recipe, seed=seed, words=bool(recipe.token),
              unit=bool(recipe.unit), folder=out, resume=resume)  # fmt: skip
    index_of(features_of(net, tokens), learned.study.tolist(), learned.patient.tolist(), learned.split.tolist(),
             encoder=hash_of(trunk, net)).save(out / INDEX)  # fmt: skip
    told = {"source": "SEI (Liu et al., MICCAI 2024), first stage", "seed": seed, "data set": str(data or "virtual"),
            "seconds": round(time.time() - began, 1), "words": words.to_json(), "inputs": int(tokens.shape[-1]),
            "cases": len(learned)}  # fmt: skip
    return write_stage(out, {"image": trunk, "net": net}, card_of("sei", recipe, pairs, told))


def trained(folder: Path) -> Stage:
    """Return what `train` wrote, in evaluation mode.

    Raises:
        MissingError, InputError: if the folder holds none, or tensors, card and index do not belong together.
    """
    parts, card = read_stage(folder, "sei")
    recipe, words = resolve(Recipe(), card["settings"]), Wording.from_json(card["words"])
    if recipe.encoder != "small":
        raise MissingError(f"'{folder}' is over '{recipe.encoder}': take that one by nets.encoders, and the rest here")
    encoder: nn.Module = SmallImage(WIDTH)
    net, _ = net_of(recipe, words, int(card["inputs"]))
    fill(encoder, parts["image"], where=f"image.* of {folder}")
    fill(net, parts["net"], where=f"net.* of {folder}")
    stage = Stage(encoder.eval(), net.eval(), words, Index.load(folder / INDEX), card)
    if stage.index.encoder != stage.mark:
        raise InputError(f"{folder / INDEX} is of another encoder than the one beside it: train again")
    return stage
