"""How PAXRay's segmenter is trained on a user's own projected CTs, what is written, and how it is read back.

Source: Seibold et al., BMVC 2022: AdamW at 1e-3, 110 epochs, crops of 480 px, cross-entropy and Dice. The learning rate
falls by a cosine here, where the paper drops it at epochs 60, 90 and 100.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hilum.core.errors import InputError
from hilum.learn.segment import fit_masks
from hilum.nets.resunet import ResUNet
from hilum.systems._paxray_card import NETS, card_of, measured, resolve, save
from hilum.systems._paxray_cohort import gather
from hilum.systems._paxray_judge import tone

log = logging.getLogger(__name__)


def train(root: str | Path, out: Path, *, seed: int, resume: bool, settings: Mapping[str, Any]) -> Path:
    """Train, measure on patients left out, and write; return the folder with model.safetensors, card.json and log.csv.

    Args:
        root: a folder of `hilum project`, also as 'drr:/path'.
        out: folder for arrays, state and results.
        seed: of every draw.
        resume: go on from the last state in `out`.
        settings: of `Recipe`, by name.

    Raises:
        InputError: if there is nothing to train on.
    """
    recipe, place = resolve(settings), Path(str(root).removeprefix("drr:"))
    views = [view.strip().upper() for view in recipe.views.split(",")]
    data = gather(place, out / "arrays", size=recipe.size, views=views, resume=resume)
    rows = data.rows("train")
    if not len(rows):
        raise InputError(f"no film of '{place}' is in its split 'train'; splits: {sorted(set(data.splits))}")
    steps = recipe.steps or math.ceil(recipe.epochs * len(rows) / recipe.batch)
    log.info("%d films, %d classes, %d steps", len(rows), len(data.classes), steps)
    torch.manual_seed(seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    net: nn.Module = ResUNet(classes=len(data.classes), shape=NETS[recipe.net]).to(device)
    began, known = time.time(), data.known[rows]
    fit_masks(
        net, _Some(data.films, rows), _Some(data.masks, rows), steps=steps, batch=recipe.batch, rate=recipe.rate,
        seed=seed, tone=tone if recipe.tones == "random" else None, known=known, folder=out, resume=resume,
        save_every=recipe.save_every,
    )  # fmt: skip
    shares = {split: measured(net, data, split) for split in sorted(set(data.splits)) if split != "train"}
    spent = {"steps": steps, "seconds": round(time.time() - began, 1), "seed": seed, "device": device}
    card = card_of(data, recipe, shares, spent)
    save(net.cpu(), out, card)
    return out


class _Some:
    """Some rows of an array on disk, by a number of their own."""

    def __init__(self, source: Any, rows: NDArray[np.int64]) -> None:
        self.source, self.rows = source, rows
        self.shape: tuple[int, ...] = (len(rows), *source.shape[1:])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: NDArray[np.int64], /) -> NDArray[np.generic]:
        return np.asarray(self.source[self.rows[rows]])
