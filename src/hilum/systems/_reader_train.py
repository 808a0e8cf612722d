"""How a preset's reader is trained on a user's data or on scenes: small over the bench's encoder, or at full size.

At full size the encoder and the language model come from folders on this machine, in transformers' form; the layout,
the connector and the loss are those of the small reader.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from hilum.core.errors import InputError, RefusedError
from hilum.core.registry import get
from hilum.core.seed import generator
from hilum.core.study import Study
from hilum.learn.fit import Fit
from hilum.learn.reader.encoder import label_encoder
from hilum.learn.reader.features import Features
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.presets import preset_of
from hilum.learn.reader.sample import Sample
from hilum.learn.reader.tasks import build
from hilum.learn.reader.train import Size, train_reader
from hilum.learn.reader.trained import Made, Trained
from hilum.nets.small_vision import VisionSize
from hilum.systems._reader_full import joined, merged, staged
from hilum.systems._reader_lab import SMALL, lab, scaled, small_preset
from hilum.systems._reader_recipe import Recipe, settings_of

log = logging.getLogger(__name__)


def train(
    name: str, data: str | Path | None, out: Path, *, seed: int, resume: bool, settings: Mapping[str, Any]
) -> Path:
    """Train a preset's reader and write it with its processor and card; return the folder.

    Args:
        name: of the preset.
        data: 'NAME:FOLDER' of a registered data set with reports, such as mimic-cxr:/films; None for scenes.
        out: folder.
        seed: of every draw.
        resume: go on from the last state in `out`.
        settings: of `Recipe`, by name.

    Raises:
        InputError: if there is nothing to train on, or a setting cannot be used.
        MissingError: if a folder holds no model.
    """
    recipe, began = settings_of(settings), time.time()
    full = bool(recipe.encoder) or bool(recipe.start)
    preset = preset_of(name).changed(crop="centre_square") if full else small_preset(name)
    studies, bench = _studies(data, recipe, seed=seed)
    tasks = recipe.tasks.split(",") if recipe.tasks else preset.tasks if full else ("findings",)
    samples = gathered(studies, preset, tasks, seed=seed)
    half = full and torch.cuda.is_available()
    spec = Fit(steps=recipe.steps, rate=recipe.rate, bf16=half, average=0.0 if full else 0.98, clip=1.0,
               warmup=0.03 if full else 0.1, save_every=recipe.save_every, log_every=20)  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    made, features = (_full(preset, recipe), None) if full else (None, bench or _small(studies, recipe, seed=seed))
    if made is not None:
        made = staged(made, recipe)
    reader = train_reader(samples, preset, features=features, fit_spec=spec, seed=seed, made=made, batch=recipe.batch,
                          size=Size(recipe.width, recipe.depth), folder=out, resume=resume, say=log.info)  # fmt: skip
    reader = merged(reader)
    return reader.save(out, system=name, seed=seed, data=str(data or "scenes"), settings=asdict(recipe),
                       samples=len(samples), seconds=round(time.time() - began, 1))  # fmt: skip


def _studies(data: str | Path | None, recipe: Recipe, *, seed: int) -> tuple[Sequence[Study], Features | None]:
    """The training studies, and features over the bench's encoder where they are scenes."""
    if data is None or str(data) in ("", "scenes"):
        if recipe.encoder or recipe.start:
            raise InputError("a reader at full size learns from films that you have: give --data NAME:FOLDER")
        scale = scaled(SMALL, {"patients": recipe.patients, "encoder_steps": recipe.encoder_steps, "side": recipe.side})
        bench = lab(scale, seed=seed, say=log.info)
        return bench.train, bench.features
    name, colon, place = str(data).partition(":")
    if not colon:
        raise InputError(f"data are named NAME:FOLDER, such as mimic-cxr:/films, got '{data}'")
    cohort = get("dataset", name)(place)
    return [study for study in cohort if cohort.split_of(study.patient or study.id) == "train"], None


def gathered(studies: Sequence[Study], preset: Preset, tasks: Sequence[str], *, seed: int) -> list[Sample]:
    """Return the samples of studies for tasks; studies that cannot be read are counted and told.

    Raises:
        InputError: if no study gives one.
    """
    made: list[Sample] = []
    left: dict[str, str] = {}
    for study in studies:
        for task in tasks:
            try:
                sample = build(task, study, preset, generator(seed, "wording", task, study.id))
            except RefusedError as error:
                left[study.id] = str(error)
                continue
            made += [sample] if sample is not None else []
    if left:
        why = next(iter(left.values()))
        log.info("%d of %d studies were left out, the first because %s", len(left), len(studies), why)
    if not made:
        raise InputError(
            f"none of {len(studies)} training studies gives a sample for {', '.join(tasks)}: a reader learns from "
            "studies with a frontal film and a report"
        )
    return made


def _small(studies: Sequence[Study], recipe: Recipe, *, seed: int) -> Features:
    """Features over an encoder that the findings of the user's own training studies taught."""
    size = VisionSize(size=recipe.side)
    return Features(label_encoder(studies, size=size, steps=recipe.encoder_steps, seed=seed, say=log.info))


def _full(preset: Preset, recipe: Recipe) -> Made:
    """The reader at full size: of an earlier stage, or of an encoder and a language model on this machine."""
    if recipe.start:
        begun = Trained.load(Path(recipe.start))
        return Made(begun.reader, begun.processor)
    return joined(preset, Path(recipe.encoder), Path(recipe.lm), mean=recipe.mean, deviation=recipe.deviation)
