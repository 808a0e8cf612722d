"""The folder that ReXVQA's reader is kept in: weights of the reader and its encoder, and a card."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hilum import RESEARCH_USE, __version__
from hilum.core.errors import InputError, MissingError, need
from hilum.core.image import MadeBy
from hilum.io.save import save_bytes
from hilum.systems._rexvqa_answer import VERSION, Choosing

NAME, CARD, WEIGHTS = "rexvqa", "card.json", "model.safetensors"


def save(reader: Any, folder: Path, *, scale: Any, data: str, seed: int, seconds: float) -> Path:
    """Write a reader with its encoder and card; return the folder."""
    from safetensors.torch import save as packed

    net = {f"net.{name}": value for name, value in reader.net.state_dict().items()}
    eyes = {f"encoder.{name}": value for name, value in reader.features.encoder.state_dict().items()}
    config = reader.features.encoder.config
    card = {
        "name": NAME, "version": VERSION, "hilum": __version__, "caution": RESEARCH_USE, "data": data, "seed": seed,
        "settings": asdict(scale), "seconds": round(seconds, 1), "words": list(reader.words.known),
        "vision": {"width": config.hidden_size, "layers": config.num_hidden_layers, "size": config.image_size,
                   "heads": config.num_attention_heads, "patch": config.patch_size},
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.detach().contiguous().clone() for name, value in (net | eyes).items()}
    save_bytes(packed(tensors), folder / WEIGHTS)
    save_bytes((json.dumps(card, indent=1, ensure_ascii=False) + "\n").encode(), folder / CARD)
    return folder


def opened(folder: Path) -> Choosing:
    """Return the model that `save` wrote.

    Raises:
        MissingError: if there is none, or torch or transformers is not installed.
        InputError: if its files are damaged or do not fit each other.
    """
    if not (folder / CARD).is_file() or not (folder / WEIGHTS).is_file():
        raise MissingError(f"no reader of questions in '{folder}': train one with 'hilum train {NAME} -o {folder}'")
    needs_torch()
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from hilum.learn.choice.train import ChoiceReader, Words, grid_of
    from hilum.learn.reader.encoder import frozen
    from hilum.learn.reader.features import Features
    from hilum.nets.choice import ChoiceNet
    from hilum.nets.small_vision import VisionSize, small_vision

    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        held = load_file(folder / WEIGHTS)
        words, encoder = Words(tuple(card["words"])), small_vision(VisionSize(**card["vision"]))
        parts = {part: {name.removeprefix(part): value for name, value in held.items() if name.startswith(part)}
                 for part in ("net.", "encoder.")}  # fmt: skip
        encoder.load_state_dict(parts["encoder."])
        features = Features(frozen(encoder))
        net = ChoiceNet(len(words), features.shape[2], grid_of(features))
        net.load_state_dict(parts["net."])
    except (ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise InputError(f"the reader in '{folder}' is damaged ({str(error).splitlines()[0]}): train it anew") from None
    return Choosing(ChoiceReader(net.eval(), words, features), MadeBy(NAME, VERSION))


def needs_torch() -> None:
    """Say what is missing where torch or transformers is not installed."""
    from importlib.util import find_spec

    for package, extra in (("torch", "train"), ("transformers", "language")):
        if find_spec(package) is None:
            raise need(package, extra, NAME)
