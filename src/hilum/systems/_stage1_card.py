"""What a first stage writes, an encoder with its card, and how it is read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hilum import RESEARCH_USE, __version__
from hilum.core.errors import InputError, MissingError
from hilum.io.save import save_bytes
from hilum.learn.pairs import Pairs
from hilum.systems._stage1 import Stage1

WEIGHTS, CARD = "encoder.safetensors", "card.json"


def card_of(name: str, recipe: Stage1, pairs: Pairs, told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a training was: settings, data by split, and whatever else is told of it."""
    counts = {split: {"films": int((pairs.split == split).sum()),
                      "patients": len(set(pairs.patient[pairs.split == split].tolist()))}
              for split in sorted(set(pairs.split.tolist()))}  # fmt: skip
    return {"name": name, "stage": 1, "hilum": __version__, "caution": RESEARCH_USE, "torch": torch.__version__,
            "settings": asdict(recipe), "groups": sorted(set(pairs.group.tolist())), "data": counts,
            **told}  # fmt: skip


def write_stage(out: Path, parts: Mapping[str, nn.Module], card: Mapping[str, Any]) -> Path:
    """Write networks under their names with their card, each file whole or not at all; return the folder."""
    from safetensors.torch import save

    tensors = {f"{part}.{name}": value.detach().cpu().contiguous().clone()
               for part, net in parts.items() for name, value in net.state_dict().items()}  # fmt: skip
    save_bytes(save(tensors, metadata={"card": json.dumps(card)}), out / WEIGHTS)
    save_bytes((json.dumps(card, indent=1, ensure_ascii=False) + "\n").encode(), out / CARD)
    return out


def read_stage(folder: Path, name: str) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Return the tensors of each network that `write_stage` wrote, and the card.

    Raises:
        MissingError: if the folder holds none.
        InputError: if it is of another system.
    """
    from safetensors.torch import load_file

    if not (folder / WEIGHTS).is_file() or not (folder / CARD).is_file():
        raise MissingError(f"no {WEIGHTS} and {CARD} in '{folder}': train one with 'hilum train {name}'")
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    if card.get("name") != name:
        raise InputError(f"'{folder}' holds a stage of {card.get('name')}, not of {name}")
    found: dict[str, dict[str, Tensor]] = {}
    for key, value in load_file(folder / WEIGHTS).items():
        part, _, rest = key.partition(".")
        found.setdefault(part, {})[rest] = value
    return found, card


def fill(net: nn.Module, tensors: Mapping[str, Tensor], *, where: str) -> None:
    """Load tensors into a network, all of them.

    Raises:
        InputError: naming the first tensor that is missing, of another shape, or has no place.
    """
    own = net.state_dict()
    for name, value in own.items():
        found = tuple(tensors[name].shape) if name in tensors else "missing"
        if found != tuple(value.shape):
            raise InputError(f"{where} does not fit: '{name}' is {found}, the network has {tuple(value.shape)}")
    spare = sorted(tensors.keys() - own.keys())
    if spare:
        raise InputError(f"{where} does not fit: '{spare[0]}' has no place in the network")
    net.load_state_dict(dict(tensors))
