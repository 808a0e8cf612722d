"""How MLRG's first stage is trained on a user's data, and read back by whatever goes on from its encoder."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from hilum.core.errors import InputError, MissingError
from hilum.learn.pairs import Pairs
from hilum.learn.wording import Wording
from hilum.nets.towers import SmallImage, SmallText
from hilum.nets.views import FusionSize, ViewFusion
from hilum.systems._mlrg_fit import Arm, embedded, fit_arm, serialised
from hilum.systems._mlrg_net import PUBLISHED, SMALL, Mlrg
from hilum.systems._mlrg_score import view_to_study
from hilum.systems._mlrg_sets import sets_of
from hilum.systems._stage1 import WIDTH, Stage1, film_tokens, pairs_of, resolve, trunk_of
from hilum.systems._stage1_card import card_of, fill, read_stage, write_stage

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe(Stage1):
    """Settings of MLRG's first stage.

    Args:
        preset: 'small', or 'published': the released settings, over RAD-DINO and CXR-BERT.
        views, priors, mpc: 1 or 0: other films of the study, the earlier film, L_MPC.
    """

    preset: str = "small"
    views: int = 1
    priors: int = 1
    mpc: int = 1


@dataclass(frozen=True, eq=False)
class Stage:
    """A trained first stage: the frozen image encoder, the network over its tokens, the words, and the card."""

    encoder: nn.Module
    net: Mlrg
    words: Wording | None
    card: Mapping[str, Any]


def settings_of(changes: Mapping[str, Any]) -> Recipe:
    """Return the settings of a preset with some changed.

    Raises:
        InputError: if one is not known or out of range.
    """
    recipe = Recipe()
    preset = changes.get("preset", recipe.preset)
    if preset not in ("small", "published"):
        raise InputError(f"preset is 'small' or 'published', got '{preset}'")
    if preset == "published":
        recipe = replace(recipe, **{name: value for name, value in PUBLISHED.items() if name in asdict(recipe)})
    return resolve(recipe, changes)


def net_of(recipe: Recipe, words: Wording | None, inputs: int) -> tuple[Mlrg, Any]:
    """Return the network, untrained, and what codes its texts."""
    if recipe.text == "small":
        if words is None:
            raise InputError("a small text encoder needs the words of the training reports")
        size = SMALL if inputs == WIDTH else replace(SMALL, inputs=inputs)
        return Mlrg(ViewFusion(size), SmallText(len(words), WIDTH), WIDTH), words
    from hilum.nets.encoders import text_encoder

    encoder, coder = text_encoder(recipe.text)
    return Mlrg(ViewFusion(FusionSize(inputs=inputs)), encoder, encoder.width), coder


def train(data: str | Path | None, out: Path, *, seed: int, resume: bool, settings: Mapping[str, Any]) -> Path:
    """Train and write encoder.safetensors, card.json and log.csv; return the folder.

    Args:
        data: 'NAME:FOLDER' of a registered data set, 'virtual', or None for virtual patients.
        out: folder.
        seed: of every draw.
        resume: go on from the last state in `out`.
        settings: of `Recipe`, by name.

    Raises:
        InputError: if there is nothing to train on.
    """
    recipe, began = settings_of(settings), time.time()
    pairs = pairs_of(data, recipe, seed=seed, say=log.info)
    learned = pairs.take(pairs.split == "train")
    if not len(learned) or not any(learned.report):
        raise InputError("no film of the split 'train' has a report: MLRG learns from films and their reports")
    out.mkdir(parents=True, exist_ok=True)
    trunk = trunk_of(learned, recipe, say=log.info)
    tokens, texts = film_tokens(trunk, learned.films, grid=recipe.grid), serialised(learned.report)
    words = Wording.of(texts, least=2) if recipe.text == "small" else None
    torch.manual_seed(seed)
    net, coder = net_of(recipe, words, tokens.shape[-1])
    arm = Arm(bool(recipe.views), bool(recipe.priors), bool(recipe.mpc))
    fit_arm(net, learned, sets_of(learned), tokens, coder.code(texts, longest=recipe.longest), arm, recipe, seed=seed,
            folder=out, resume=resume)  # fmt: skip
    told = {"source": "MLRG (Liu et al., CVPR 2025), first stage", "seed": seed, "data set": str(data or "virtual"),
            "seconds": round(time.time() - began, 1), "words": words.to_json() if words else None,
            "inputs": int(tokens.shape[-1]), "measured": _measured(net, trunk, pairs, recipe)}  # fmt: skip
    return write_stage(out, {"image": trunk, "net": net}, card_of("mlrg", recipe, pairs, told))


def _measured(net: Mlrg, trunk: nn.Module, pairs: Pairs, recipe: Recipe) -> dict[str, float | None]:
    """R@1 of a film to its study on each split that was not learned from."""
    found: dict[str, float | None] = {}
    for split in sorted(set(pairs.split.tolist()) - {"train"}):
        part = pairs.take(pairs.split == split)
        tokens = film_tokens(trunk, part.films, grid=recipe.grid)
        _, alone = embedded(net, part, sets_of(part), tokens, np.arange(len(part)), views=False, priors=False)
        value = view_to_study(part, alone).value
        found[f"R@1 view to study, {split}"] = round(value, 4) if np.isfinite(value) else None
    return found


def trained(folder: Path) -> Stage:
    """Return what `train` wrote, in evaluation mode.

    Raises:
        MissingError: if the folder holds none.
        InputError: if its tensors do not fit its card.
    """
    parts, card = read_stage(folder, "mlrg")
    recipe = resolve(Recipe(), card["settings"])
    words = Wording.from_json(card["words"]) if card["words"] else None
    encoder: nn.Module = SmallImage(WIDTH)
    if recipe.encoder != "small":
        raise MissingError(
            f"'{folder}' is over '{recipe.encoder}': load that by nets.encoders and its tensors from here"
        )
    net, _ = net_of(recipe, words, int(card["inputs"]))
    fill(encoder, cast(Mapping[str, Tensor], parts["image"]), where=f"image.* of {folder}")
    fill(net, parts["net"], where=f"net.* of {folder}")
    return Stage(encoder.eval(), net.eval(), words, card)
