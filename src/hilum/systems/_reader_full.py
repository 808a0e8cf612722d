"""A reader at full size: an encoder and a language model joined from folders, frozen by stage, adapters folded in."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import torch

from hilum.core.errors import MissingError, need
from hilum.learn.reader.layout import control_tokens
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.trained import Made, Trained
from hilum.systems._reader_recipe import DEVIATION, MEAN, Recipe


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


def staged(made: Made, recipe: Recipe) -> Made:
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


def merged(reader: Trained) -> Trained:
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
