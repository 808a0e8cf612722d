"""RadZero at the published sizes: encoders by name, and the authors' checkpoint through a table of names."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from hilum.core.errors import InputError, MissingError
from hilum.nets.encoders import image_encoder, text_encoder
from hilum.nets.similarity import Aligner
from hilum.systems._radzero_model import Model
from hilum.systems._radzero_names import authors_name

if TYPE_CHECKING:
    from hilum.systems._radzero_recipe import Recipe


SOURCE = "Deepnoid/RadZero (CC BY-NC 4.0: non-commercial)"


def published(recipe: Recipe, *, seed: int) -> tuple[Aligner, Any]:
    """Return the published network over the named encoders with their weights, and its tokenizer.

    Raises:
        MissingError: if weights or transformers are missing.
        InputError: if the encoders differ in width: nothing projects from one to the other.
    """
    image = image_encoder(recipe.image, weights=recipe.image_weights or None, size=recipe.px)
    text, words = text_encoder(recipe.text, weights=recipe.text_weights or None)
    return joined(image, text, heads=recipe.heads, layers=recipe.layers, how=recipe.how, seed=seed), words


def joined(image: Any, text: Any, *, heads: int, layers: int, how: str = "similarity", seed: int = 0) -> Aligner:
    """Return the network over two encoders of one width.

    Raises:
        InputError: if their widths differ, or heads do not divide them.
    """
    if image.width != text.width or image.width % heads:
        raise InputError(f"'{image.name}' gives {image.width} numbers a patch and '{text.name}' {text.width} a text: "
                         f"they must be as many, and a multiple of {heads} heads")  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Aligner(image, text, width=image.width, heads=heads, layers=layers, how=how).eval()  # type: ignore[arg-type]


def fill_from_authors(net: Aligner, tensors: Mapping[str, Tensor], *, where: str) -> None:
    """Put the authors' tensors into a network, in place; each of the network's must be there, in its shape.

    Raises:
        InputError: that names the first one that is missing or of another shape.
    """
    made = {}
    for name, own in net.state_dict().items():
        theirs = authors_name(name)
        if theirs not in tensors:
            raise InputError(f"{where} does not fit: '{theirs}' is missing, the network has {tuple(own.shape)}")
        value = tensors[theirs]
        if value.numel() != own.numel() or (name != "head.log_tau" and value.shape != own.shape):
            raise InputError(f"{where} does not fit: '{theirs}' is {tuple(value.shape)}, expected {tuple(own.shape)}")
        made[name] = value.reshape(own.shape).to(own.dtype)
    net.load_state_dict(made)


def authors(folder: str | Path | None = None, *, image: Mapping[str, Any] | None = None) -> Model:
    """Return the authors' model from a folder with config.json, model.safetensors and tokenizer.

    Args:
        folder: of the files; 'radzero' in the one that HILUM_WEIGHTS names by default.
        image: what differs from DINOv2-base where config.json does not say.

    Raises:
        MissingError: if a file or transformers is missing.
        InputError: if the tensors are not laid out so.
    """
    from hilum.nets.encoder_text import coder_from
    from hilum.nets.encoder_weights import tensors_of

    root = Path(folder) if folder else Path(os.environ.get("HILUM_WEIGHTS", "weights")) / "radzero"
    if not (root / "config.json").is_file():
        raise MissingError(
            f"no config.json in '{root}': get {SOURCE} yourself, accept its licence, and name its folder"
        )
    told = json.loads((root / "config.json").read_text(encoding="utf-8"))
    size = int(told.get("vision_config", {}).get("img_size") or 518)
    words = coder_from(root, name="all-mpnet-base-v2", longest=384, fixed=False)
    config = {
        name: value for name, value in {**told.get("vision_config", {}), **(image or {})}.items() if name in _VISION
    }
    encoder = image_encoder("dinov2", weights="random", size=size, config=config)
    said = {name: value for name, value in told.get("text_config", {}).items() if name in _TEXT}
    text, _ = text_encoder("mpnet", weights="random", config=said, vocabulary=("a",))
    layers = told.get("align_transformer_config", {})
    net = joined(encoder, text, heads=int(layers.get("num_attention_heads", 12)),
                 layers=int(layers.get("num_hidden_layers", 2)))  # fmt: skip
    fill_from_authors(net, tensors_of(root), where=str(root))
    scale = {"threshold": 0.0, "low": 0.0, "high": 1.0 / float(net.head.tau.detach())}
    card = {"system": "radzero", "name": SOURCE, "size": size, "views": ["PA", "AP"], "concepts": {}, "open": True,
            "calibration": {}, "map": scale}  # fmt: skip
    return Model(net.eval(), words, card)


_VISION = ("hidden_size", "num_hidden_layers", "num_attention_heads", "mlp_ratio", "patch_size", "image_size")
_TEXT = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size",
         "max_position_embeddings", "relative_attention_num_buckets")  # fmt: skip


def towers(shape: Mapping[str, Any], card: Mapping[str, Any]) -> tuple[Aligner, Any]:
    """Return the network that a card of the published preset describes, untrained, and its tokenizer.

    The frozen encoder and the tokenizer come from the same weights as in training.
    """
    settings = card["settings"]
    image = image_encoder(shape["image"], weights=settings["image_weights"] or None, size=int(card["size"]))
    text, words = text_encoder(shape["text"], weights=settings["text_weights"] or None)
    return joined(image, text, heads=int(shape["heads"]), layers=int(shape["layers"]), how=shape["how"]), words
