"""`hilum train benchx`: one method from its first weights to a folder that answers every task of benchx."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from hilum import RESEARCH_USE, __version__
from hilum.core.errors import InputError
from hilum.learn.label_trunk import seen
from hilum.learn.pairs import Pairs
from hilum.learn.running import unbudgeted
from hilum.learn.transfer import Labelled, Tuning, choose, kept_patients, tunings
from hilum.learn.transfer_masks import Marked, learn_to_draw
from hilum.learn.transfer_reports import learn_to_write
from hilum.learn.wording import Wording
from hilum.nets.towers import SmallImage
from hilum.systems._benchx_files import save
from hilum.systems._benchx_method import Method
from hilum.systems._benchx_pretrain import METHODS, pretrain
from hilum.systems._benchx_reader import Reader
from hilum.systems._benchx_reading import Scale
from hilum.systems._benchx_run import films

log = logging.getLogger(__name__)
FEWEST = 8
"""Training films with a region of a finding, from which it is drawn."""


@dataclass(frozen=True)
class Recipe:
    """The settings of a training.

    Args:
        method: one of the nine.
        size: rows of a film, a multiple of 16.
        patients: virtual ones, where no data are given.
        steps, batch, rate: of pre-training.
        width: of the encoders.
        share: of the training patients that the heads learn from.
        probe, draw, write: steps of the three heads; 0 leaves drawing or writing out.
    """

    method: str = "convirt"
    size: int = 112
    patients: int = 360
    steps: int = 300
    batch: int = 32
    rate: float = 1e-3
    width: int = 96
    share: float = 1.0
    probe: int = 200
    draw: int = 100
    write: int = 150


def resolve(changes: Mapping[str, Any]) -> Recipe:
    """Return the recipe with settings changed.

    Raises:
        InputError: for a name that is no setting, or a value that cannot be used.
    """
    recipe = Recipe()
    for name, value in changes.items():
        if name not in Recipe.__dataclass_fields__:
            raise InputError(f"unknown setting '{name}': choose from {', '.join(Recipe.__dataclass_fields__)}")
        try:
            recipe = replace(recipe, **{name: type(getattr(recipe, name))(value)})
        except ValueError:
            raise InputError(f"{name} must be a number, got '{value}'") from None
    if recipe.method not in METHODS:
        raise InputError(f"no method '{recipe.method}': choose from {', '.join(METHODS)}")
    if recipe.size % 16 or recipe.size < 64 or min(recipe.steps, recipe.batch, recipe.probe, recipe.patients) < 1:
        raise InputError("size is a multiple of 16 from 64, and steps, batch, probe and patients are 1 or more")
    return recipe


def train(data: str | Path | None, out: Path, *, seed: int, resume: bool, settings: Mapping[str, Any]) -> Path:
    """Pre-train a method, fit its heads on its frozen encoder, write the folder and return it.

    Args:
        data: of `films`; None for virtual patients.
        out: folder of the model.
        seed: of every draw.
        resume: go on with the pre-training that lies there.
        settings: of `Recipe`.

    Raises:
        InputError: if a setting cannot be used.
    """
    recipe = resolve(settings)
    out.mkdir(parents=True, exist_ok=True)
    split = films(data, size=recipe.size, patients=recipe.patients, seed=0, say=log.info)
    scale = Scale(width=recipe.width, steps=recipe.steps, batch=recipe.batch, rate=recipe.rate)
    wording = Wording.of(split.train.report)
    method = pretrain(recipe.method, split.train, wording, scale, seed=seed, folder=out, resume=resume)
    frontal = split.train.take(split.train.frontal)
    frontal = frontal.take(kept_patients(frontal.patient, recipe.share, seed=seed))
    with unbudgeted():
        heads, told = fitted(method, frontal, split.val, wording, recipe, seed=seed)
    card = {
        "name": "benchx", "method": recipe.method, "hilum": __version__, "caution": RESEARCH_USE, "seed": seed,
        "source": METHODS[recipe.method].published.title, "settings": asdict(recipe), "scale": asdict(scale),
        "size": recipe.size, "findings": list(frontal.names), "data": str(data or "virtual patients"),
        "patients": len(np.unique(frontal.patient)), **told,
    }  # fmt: skip
    save(Reader(method, heads, wording, card), out)
    log.info("validation: %s", json.dumps(told["validation"]))
    return out


def fitted(
    method: Method, train_films: Pairs, val: Pairs, wording: Wording, recipe: Recipe, *, seed: int
) -> tuple[dict[str, nn.Module], dict[str, Any]]:
    """Return the heads on a frozen encoder, and what the card says of them."""
    encoder = method.image.requires_grad_(True)
    assert isinstance(encoder, SmallImage)
    looks = [seen(encoder, part.films) for part in (train_films, val)]
    data = [Labelled(look.pooled.numpy(), part.target, part.known)
            for look, part in zip(looks, (train_films, val), strict=True)]  # fmt: skip
    base = Tuning(rate=1e-2, steps=recipe.probe, frozen=True)
    tried = tunings(base, norm=(False, True), rate=(1e-2, 5e-2))
    found = choose(None, data[0], data[1], tried, width=recipe.width, seed=seed)
    heads: dict[str, nn.Module] = {"classify": found.net}
    told: dict[str, Any] = {"drawn": [], "heads": {"classify": {"norm": found.how.norm}},
                            "validation": {"auroc": max(value for _, value in found.tried)}}  # fmt: skip
    names = tuple(name for at, name in enumerate(train_films.names)
                  if train_films.marked[:, at].sum() >= FEWEST and val.marked[:, at].any())  # fmt: skip
    if recipe.draw and names:
        how = Tuning(rate=5e-3, batch=16, steps=recipe.draw, check_every=25, frozen=True)
        parts = Marked.of(train_films, names), Marked.of(val, names)
        heads["draw"], dice = learn_to_draw(encoder, *parts, how, width=16, seed=seed)
        told["drawn"], told["heads"]["draw"] = list(names), {"width": 16}
        told["validation"]["dice"] = dice
    if recipe.write:
        how = Tuning(rate=2e-3, batch=32, steps=recipe.write, check_every=25, frozen=True)
        reports = train_films.report, val.report
        heads["write"], value = learn_to_write((looks[0].patches, looks[1].patches), reports, wording, how, seed=seed)
        told["heads"]["write"] = {"longest": 60}
        told["validation"]["words"] = value
    return heads, told
