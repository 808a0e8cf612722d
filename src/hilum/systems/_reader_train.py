"""How a preset's reader is trained on a user's data or on scenes: small over the bench's encoder, or at full size.

At full size the encoder and the language model come from folders on this machine, in transformers' form; the layout,
the connector and the loss are those of the small reader.
"""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from hilum.core.errors import InputError, MissingError, RefusedError, need
from hilum.core.registry import get
from hilum.core.seed import generator
from hilum.core.study import Study
from hilum.learn.fit import Fit
from hilum.learn.reader.encoder import label_encoder
from hilum.learn.reader.features import Features
from hilum.learn.reader.layout import control_tokens
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.presets import preset_of
from hilum.learn.reader.sample import Sample
from hilum.learn.reader.tasks import build
from hilum.learn.reader.train import Size, train_reader
from hilum.learn.reader.trained import Made, Trained
from hilum.nets.small_vision import VisionSize
from hilum.systems._reader_lab import SMALL, lab, scaled, small_preset

log = logging.getLogger(__name__)
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
        made = _staged(made, recipe)
    reader = train_reader(samples, preset, features=features, fit_spec=spec, seed=seed, made=made, batch=recipe.batch,
                          size=Size(recipe.width, recipe.depth), folder=out, resume=resume, say=log.info)  # fmt: skip
    reader = _merged(reader)
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


def joined(preset: Preset, encoder: Path, lm: Path, *, mean: float = MEAN, deviation: float = DEVIATION) -> Made:
    """Return a reader of a pretrained encoder and language model with a random connector between them.

    Args:
        preset: connector and control tokens.
        encoder, lm: folders in transformers' form; safetensors, nothing is fetched and no code of theirs runs.
        mean, deviation: of films in [0, 1].

    Raises:
        MissingError: if a folder holds no such model.
    """
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoTokenizer

    from hilum.nets.reader import Reader
    from hilum.nets.readers import READER_TOKENS, processor_for, reader_config

    held: list[Any] = []
    for folder, kind in ((encoder, AutoModel), (lm, AutoModelForCausalLM)):
        try:
            AutoConfig.from_pretrained(folder, local_files_only=True)
            held.append(kind.from_pretrained(folder, local_files_only=True, use_safetensors=True))
        except (OSError, ValueError) as error:
            told = str(error).splitlines()[0]
            raise MissingError(f"'{folder}' holds no model of transformers with safetensors: {told}") from None
    vision, text = held
    tokenizer = AutoTokenizer.from_pretrained(lm, local_files_only=True)
    tokenizer.add_tokens([*READER_TOKENS, *control_tokens(preset)], special_tokens=True)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "left"
    text.resize_token_embeddings(len(tokenizer))
    config = reader_config(vision.config, text.config, tokenizer, connector=preset.connector, options=preset.options,
                           layers=preset.layers)  # fmt: skip
    reader = Reader(config)
    reader.model.vision_tower.load_state_dict(vision.state_dict())
    reader.model.language_model.load_state_dict(text.base_model.state_dict())
    reader.lm_head.load_state_dict(text.get_output_embeddings().state_dict())
    reader.model.vision_tower.requires_grad_(False)
    return Made(reader, processor_for(reader, tokenizer, fit="crop", mean=mean, deviation=deviation))


def _staged(made: Made, recipe: Recipe) -> Made:
    """The reader with what its stage does not train frozen, or with adapters.

    Raises:
        MissingError: if adapters are asked for and peft is not installed.
    """
    reader = made.reader
    reader.model.vision_tower.requires_grad_(False)
    if recipe.stage == "connector":
        reader.model.language_model.requires_grad_(False)
        reader.lm_head.requires_grad_(False)
    if recipe.stage == "lora":
        try:
            peft = importlib.import_module("peft")
        except ImportError:
            raise need("peft", "preference", "training by low-rank adapters") from None
        reader.requires_grad_(False)
        how = peft.LoraConfig(r=recipe.rank, lora_alpha=2 * recipe.rank, target_modules="all-linear", lora_dropout=0.05)
        peft.inject_adapter_in_model(how, reader.model.language_model)
    return made


def _merged(reader: Trained) -> Trained:
    """The reader with its adapters folded into the weights they stand beside, so that it is read back without them."""
    _unwrapped(reader.reader.model.language_model)
    return reader


def _unwrapped(part: torch.nn.Module) -> None:
    for name, child in part.named_children():
        adapter: Any = child
        if hasattr(adapter, "get_base_layer"):
            adapter.merge()
            setattr(part, name, adapter.get_base_layer())
        else:
            _unwrapped(child)
