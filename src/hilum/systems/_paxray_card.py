"""Settings of a training of PAXRay's segmenter, its measure on patients left out, its card and its weights."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from hilum import RESEARCH_USE, __version__
from hilum.core.errors import InputError, MissingError
from hilum.learn.segment import read_masks
from hilum.nets.resunet import RESNET50, SMALL, ResUNet
from hilum.systems._paxray_cohort import Gathered

WEIGHTS, CARD = "model.safetensors", "card.json"
NETS = {"published": RESNET50, "small": SMALL}


@dataclass(frozen=True)
class Recipe:
    """The settings of a training.

    Args:
        net: 'published' (U-Net over ResNet-50) or 'small' (about 130,000 weights, for two cores).
        size: side of a film, a multiple of 32.
        epochs: passes over the training films; of no effect where `steps` is given.
        steps: optimiser steps; 0 follows from `epochs`.
        batch, rate: films of a step, peak learning rate.
        views: which films, by view.
        save_every: steps between states that `--resume` goes on from.
        tones: 'random' draws grey levels, borders and markers for every film, 'plain' takes films as projected.
    """

    net: str = "published"
    size: int = 480
    epochs: int = 110
    steps: int = 0
    batch: int = 8
    rate: float = 1e-3
    views: str = "PA,AP,LL,RL"
    tones: str = "random"
    save_every: int = 100


def resolve(changes: Mapping[str, Any]) -> Recipe:
    """Return the recipe with settings changed.

    Raises:
        InputError: for a name that is no setting, or a value that cannot be read.
    """
    recipe = Recipe()
    for name, value in changes.items():
        if name not in Recipe.__dataclass_fields__:
            raise InputError(f"unknown setting '{name}': choose from {', '.join(Recipe.__dataclass_fields__)}")
        try:
            recipe = replace(recipe, **{name: type(getattr(recipe, name))(value)})
        except ValueError:
            raise InputError(f"{name} must be a number, got '{value}'") from None
    if recipe.net not in NETS or recipe.tones not in ("random", "plain"):
        raise InputError("net is 'published' or 'small', and tones is 'random' or 'plain'")
    if (
        recipe.size < 32
        or recipe.size % 32
        or min(recipe.batch, recipe.save_every) < 1
        or max(recipe.steps, recipe.epochs) < 1
    ):
        raise InputError("size is a multiple of 32, and batch, save_every and steps or epochs are 1 or more")
    return recipe


def measured(net: nn.Module, data: Gathered, split: str) -> dict[str, Any]:
    """Return IoU by class, pooled over the films of a split on which the class was drawn, and their mean."""
    both, either = np.zeros(len(data.classes)), np.zeros(len(data.classes))
    rows = data.rows(split)
    for start in range(0, len(rows), 8):
        part = rows[start : start + 8]
        answer, truth = read_masks(net, data.films[part], batch=8) > 0.5, data.masks[part]
        drawn = data.known[part][:, :, None, None]
        both += (answer & truth & drawn).sum(axis=(0, 2, 3))
        either += ((answer | truth) & drawn).sum(axis=(0, 2, 3))
    each = {name: round(float(b / e), 4) for name, b, e in zip(data.classes, both, either, strict=True) if e}
    mean = round(float(np.mean(list(each.values()))), 4) if each else None
    return {"films": len(rows), "mean IoU": mean, "IoU": each}


def card_of(data: Gathered, recipe: Recipe, shares: Mapping[str, Any], spent: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a training was: data and their licence, settings, time, and what it reaches on each split."""
    counts = {
        split: {"films": len(data.rows(split)), "patients": len({data.patients[row] for row in data.rows(split)})}
        for split in sorted(set(data.splits))
    }
    return {
        "name": "paxray", "hilum": __version__, "caution": RESEARCH_USE, "torch": torch.__version__,
        "source": "PAXRay (Seibold et al., BMVC 2022), trained on projected CTs of the user's own",
        "licence of the CTs": data.licence, "citation of the CTs": data.citation, "settings": asdict(recipe), **spent,
        "data": counts, "measured": dict(shares), "classes": list(data.classes),
        "films without a class": {
            name: int(missing) for name, missing in zip(data.classes, (~data.known).sum(axis=0), strict=True) if missing
        },
    }  # fmt: skip


def save(net: nn.Module, out: Path, card: Mapping[str, Any]) -> None:
    """Write the weights with their card, each file whole or not at all."""
    from safetensors.torch import save_file

    tensors = {name: value.detach().contiguous() for name, value in net.state_dict().items()}
    partial = out / f".{WEIGHTS}.partial"
    save_file(tensors, partial, metadata={"card": json.dumps(card)})
    os.replace(partial, out / WEIGHTS)
    (out / CARD).write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def trained(folder: Path) -> tuple[nn.Module, Mapping[str, Any]]:
    """Return the network that `hilum train paxray` wrote, in evaluation mode, and its card.

    Raises:
        MissingError: if the folder holds none.
    """
    from safetensors.torch import load_file

    if not (folder / WEIGHTS).is_file() or not (folder / CARD).is_file():
        raise MissingError(f"no {WEIGHTS} and {CARD} in '{folder}': train with 'hilum train paxray --data drr:FOLDER'")
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    net = ResUNet(classes=len(card["classes"]), shape=NETS[card["settings"]["net"]])
    net.load_state_dict(load_file(folder / WEIGHTS))
    return net.eval(), card
