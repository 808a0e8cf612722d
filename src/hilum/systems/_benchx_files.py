"""The folder of a trained model of benchx: weights, words and a card, each file whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from hilum.core.errors import InputError, MissingError
from hilum.io.save import save_bytes
from hilum.learn.transfer import Head
from hilum.learn.transfer_masks import Drawer
from hilum.learn.wording import Wording
from hilum.nets.towers import SmallImage
from hilum.nets.writer import Writer
from hilum.systems._benchx_method import SPARE, Method
from hilum.systems._benchx_pretrain import network
from hilum.systems._benchx_reader import Reader
from hilum.systems._benchx_reading import Scale

WEIGHTS, CARD, WORDS = "model.safetensors", "card.json", "words.json"


def save(reader: Reader, folder: Path) -> None:
    """Write weights, words and card into a folder that is there, each file whole or not at all."""
    from safetensors.torch import save as packed

    parts = {"method": reader.method, **reader.heads}
    tensors = {f"{part}.{name}": value.detach().clone().contiguous()
               for part, net in parts.items() for name, value in net.state_dict().items()}  # fmt: skip
    save_bytes(packed(tensors), folder / WEIGHTS)
    save_bytes(reader.wording.to_json().encode(), folder / WORDS)
    save_bytes((json.dumps(reader.card, indent=1, ensure_ascii=False) + "\n").encode(), folder / CARD)


def load(folder: Path) -> Reader:
    """Read what `save` wrote.

    Raises:
        MissingError: if a file is not there.
        InputError: if the files do not belong together.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    for name in (WEIGHTS, CARD, WORDS):
        if not (folder / name).is_file():
            raise MissingError(f"no {name} in '{folder}': train with 'hilum train benchx --set method=convirt'")
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        wording = Wording.from_json((folder / WORDS).read_text(encoding="utf-8"))
        scale = Scale(**{**card["scale"], "channels": tuple(card["scale"]["channels"])})
        method = network(card["method"], wording, tuple(card["findings"]), scale)
        heads = _heads(card, method, wording, scale)
        tensors = load_file(folder / WEIGHTS)
        for part, net in {"method": method, **heads}.items():
            net.load_state_dict({key.removeprefix(f"{part}."): value for key, value in tensors.items()
                                 if key.startswith(f"{part}.")})  # fmt: skip
    except (KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        raise InputError(f"'{folder}' holds no whole model of benchx ({error}): train it anew") from None
    return Reader(method, heads, wording, card)


def _heads(card: Mapping[str, Any], method: Method, wording: Wording, scale: Scale) -> dict[str, nn.Module]:
    how = card["heads"]
    heads: dict[str, nn.Module] = {}
    heads["classify"] = Head(scale.width, len(card["findings"]), norm=how["classify"]["norm"])
    if "draw" in how:
        assert isinstance(method.image, SmallImage)
        heads["draw"] = Drawer(method.image, len(card["drawn"]), width=how["draw"]["width"])
    if "write" in how:
        heads["write"] = Writer(len(wording) + SPARE, scale.width, longest=how["write"]["longest"])
    return heads
