"""How CXR-LLaVA's encoder is trained on a user's films, and read back by whatever reads with it."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from hilum.core.errors import InputError
from hilum.learn.label_trunk import LabelNet
from hilum.learn.pairs import Pairs
from hilum.nets.towers import SmallImage
from hilum.nets.vit import VIT_L_16, PlainViT
from hilum.systems._aligned import auroc_of, judged_names
from hilum.systems._cxr_llava_fit import Stage, fit_stage_a, fit_stage_b, scored_texts
from hilum.systems._cxr_llava_labels import renderings
from hilum.systems._cxr_llava_scores import nearest
from hilum.systems._label_text import card_of, changed, filled, films_of, write

log = logging.getLogger(__name__)
PUBLISHED = {"encoder": "vit-l-16", "size": 512}
"""One grey channel, 512 px, 1,024 patches of width 1,024; its rates and steps are not published."""


@dataclass(frozen=True)
class Recipe:
    """Settings of a training.

    Args:
        preset: 'small', or 'published' for `PUBLISHED`.
        encoder: 'small', or 'vit-l-16'.
        size, patients: rows of a film; virtual patients where no data are given.
        steps, clip_steps: of the stages a and b; 0 leaves b out.
        batch, rate, clip_rate, save_every: films of a step, peak rates of the stages, steps between states.
        same: 1 where films with the same labels are no rivals of each other's texts; 0 as published.
    """

    preset: str = "small"
    encoder: str = "small"
    size: int = 112
    patients: int = 360
    steps: int = 600
    clip_steps: int = 300
    batch: int = 32
    rate: float = 2e-3
    clip_rate: float = 1e-3
    save_every: int = 100
    same: int = 0


def settings_of(changes: Mapping[str, Any]) -> Recipe:
    """Return the settings of a preset with some changed.

    Raises:
        InputError: if one is not known, cannot be read or is out of range.
    """
    preset = changes.get("preset", "small")
    if preset not in ("small", "published"):
        raise InputError(f"preset is 'small' or 'published', got '{preset}'")
    recipe = changed(replace(Recipe(), **(PUBLISHED if preset == "published" else {})), changes)  # type: ignore[arg-type]
    if recipe.encoder not in ("small", "vit-l-16"):
        raise InputError(f"encoder is 'small' or 'vit-l-16', got '{recipe.encoder}'")
    if min(recipe.steps, recipe.patients, recipe.save_every) < 1 or recipe.batch < 2 or recipe.clip_steps < 0:
        raise InputError("steps, patients and save_every are 1 or more, batch 2 or more, clip_steps 0 or more")
    if min(recipe.rate, recipe.clip_rate) <= 0:
        raise InputError(f"rate and clip_rate are above 0, got {recipe.rate} and {recipe.clip_rate}")
    if recipe.size < 32 or recipe.size % 16:
        raise InputError(f"size is a multiple of 16 from 32, got {recipe.size}")
    return recipe


def encoder_of(recipe: Recipe) -> tuple[nn.Module, int]:
    """Return the image tower, untrained, and its width."""
    if recipe.encoder == "small":
        return SmallImage(128), 128
    net = PlainViT(replace(VIT_L_16, size=recipe.size))
    return net, net.width


def train(data: str | Path | None, out: Path, *, seed: int, resume: bool, settings: Mapping[str, Any]) -> Path:
    """Train both stages and write the encoder as model.safetensors with card.json; return the folder.

    Args:
        data: 'NAME:FOLDER' of a registered data set, 'virtual', or None for virtual patients.
        out: folder; states of the stages lie in a/ and b/ below it.
        seed: of every draw.
        resume: go on from those states.
        settings: of `Recipe`, by name.
    """
    recipe, began = settings_of(settings), time.time()
    pairs = films_of(data, size=recipe.size, patients=recipe.patients, seed=seed)
    learned = pairs.take(pairs.split == "train")
    if not ((learned.target > 0) & learned.known).any():
        raise InputError("no film of the split 'train' has a finding: labels are what the first stage learns from")
    torch.manual_seed(seed)
    encoder, width = encoder_of(recipe)
    folders = [out / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    a = Stage(recipe.steps, recipe.batch, recipe.rate, folders[0], resume, recipe.save_every)
    b = Stage(recipe.clip_steps, recipe.batch, recipe.clip_rate, folders[1], resume, recipe.save_every)
    labelled = fit_stage_a(encoder, width, learned, a, seed=seed)
    measured = {f"AUROC of labels, {split}": _auroc(labelled, pairs.take(pairs.split == split))
                for split in sorted(set(pairs.split.tolist()) - {"train"})}  # fmt: skip
    if recipe.clip_steps:
        net, words = fit_stage_b(encoder, width, learned, b, seed=seed, same=bool(recipe.same))
        for split in sorted(set(pairs.split.tolist()) - {"train"}):
            part = pairs.take(pairs.split == split)
            texts = renderings(part)
            kinds = list(dict.fromkeys(texts))
            own = np.array([kinds.index(text) for text in texts])
            scored = nearest(scored_texts(net, words, part.films, kinds), own)
            measured[f"share of texts farther than a film's own, {split}"] = _kept(scored.value)
    card = {
        "name": "cxr-llava", "source": "CXR-LLaVA (Lee et al. 2024), stages a and b", "data": str(data or "virtual"),
        "seed": seed, "settings": asdict(recipe), "width": width, "findings": list(pairs.names), "measured": measured,
        "seconds": round(time.time() - began, 1),
    }  # fmt: skip
    return write(out, encoder.eval(), card, pairs)


def trained(folder: Path) -> tuple[nn.Module, Mapping[str, Any]]:
    """Return the encoder that `train` wrote, in evaluation mode, and its card; MissingError if there is none."""
    card = card_of(folder, "cxr-llava")
    return filled(encoder_of(settings_of(card["settings"]))[0], folder), card


@torch.no_grad()
def _auroc(net: LabelNet, part: Pairs) -> float | None:
    names = judged_names(part, least=3)
    if not names:
        return None
    logits = torch.cat([net.eval()(torch.from_numpy(part.films[at : at + 32])[:, None].float() / 255)
                        for at in range(0, len(part), 32)])  # fmt: skip
    return _kept(auroc_of(part, names, logits[:, [part.column(name) for name in names]].double().numpy()).value)


def _kept(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None
