"""A trained RadZero as a folder: weights, card and words, written whole and read back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load, save

from hilum import RESEARCH_USE, __version__
from hilum.core.errors import InputError, MissingError
from hilum.io.save import save_bytes, save_text
from hilum.learn.wording import Wording
from hilum.nets.similarity import Aligner, How, Standardised
from hilum.nets.towers import SmallImage, SmallText
from hilum.systems._radzero_fit import without_class
from hilum.systems._radzero_model import Model

WEIGHTS, CARD = "model.safetensors", "card.json"


def write(model: Model, out: Path) -> Path:
    """Write weights and card, each whole or not at all; return the folder."""
    out.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in model.net.state_dict().items()}
    data = save(tensors)
    words = {"words": list(model.words.vocabulary.words)} if isinstance(model.words, Wording) else {}
    card = {"system": "radzero", "name": "radzero", "hilum": __version__, "caution": RESEARCH_USE, **model.card,
            **words, "sha256": hashlib.sha256(data).hexdigest()}  # fmt: skip
    save_bytes(data, out / WEIGHTS)
    save_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", out / CARD)
    model.card = card
    return out


def read(folder: Path) -> Model:
    """Return what `write` wrote.

    Raises:
        MissingError: if a file is missing.
        InputError: if the weights are not those that the card names, or of another network.
    """
    try:
        card: dict[str, Any] = dict(json.loads((folder / CARD).read_text(encoding="utf-8")))
        data = (folder / WEIGHTS).read_bytes()
    except OSError as error:
        raise MissingError(
            f"'{folder}' lacks a file of a trained radzero ({error.strerror}): {error.filename}"
        ) from None
    except (ValueError, TypeError):
        raise InputError(f"'{folder / CARD}' is no JSON of a card: train anew, or copy the folder again") from None
    if hashlib.sha256(data).hexdigest() != card.get("sha256"):
        raise InputError(f"'{folder / WEIGHTS}' is not the file that its card names: copy the folder again")
    tensors = load(data)
    net, words = untrained(card)
    own = net.state_dict()
    for name, value in own.items():
        if name not in tensors or tensors[name].shape != value.shape:
            came = tuple(tensors[name].shape) if name in tensors else "nothing"
            raise InputError(f"'{folder / WEIGHTS}' does not fit: '{name}' is {came}, expected {tuple(value.shape)}")
    net.load_state_dict({name: tensors[name] for name in own})
    return Model(net.eval(), words, card)


def untrained(card: Mapping[str, Any]) -> tuple[Aligner, Any]:
    """The network that a card describes, untrained, and its words."""
    shape = card["network"]
    how: How = shape.get("how", "similarity")
    sizes = {name: int(shape[name]) for name in ("width", "heads", "layers")}
    if shape["image"] == "small":
        wording = Wording(card["words"])
        small = SmallImage(sizes["width"], stride=int(shape["stride"]))
        image, text = Standardised(small, sizes["width"]), SmallText(len(wording), sizes["width"])
        return Aligner(image, text, how=how, learned_class=without_class(how), **sizes), wording
    from hilum.systems._radzero_published import towers

    return towers(shape, card)
