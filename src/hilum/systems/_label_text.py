"""What DeViDe and CXR-LLaVA's encoder share: films of a data set by name, settings from the command line, the file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from torch import Tensor, nn

from hilum import RESEARCH_USE, __version__
from hilum.core.cohort import Cohort
from hilum.core.errors import InputError, MissingError
from hilum.core.registry import get
from hilum.io.save import save_bytes
from hilum.learn.pair_store import SMALL, place_for
from hilum.learn.pairs import Pairs, gather
from hilum.learn.virtual_pairs import virtual_pairs

WEIGHTS, CARD = "model.safetensors", "card.json"
VIRTUAL = "virtual"
Settings = TypeVar("Settings")


def films_of(data: str | Path | None, *, size: int, patients: int, seed: int) -> Pairs:
    """Return frontal films: of virtual patients, or of a registered data set as 'NAME:FOLDER'.

    Args:
        data: None or 'virtual', or e.g. 'mimic-cxr:/films'.
        size: rows of a film.
        patients: virtual ones.
        seed: of virtual patients.

    Raises:
        InputError: if the data set is named otherwise.
    """
    if data is None or str(data) in ("", VIRTUAL):
        pairs = virtual_pairs(patients, size=size, seed=seed)
    else:
        name, colon, folder = str(data).partition(":")
        if not colon:
            raise InputError(f"data must be '{VIRTUAL}' or NAME:FOLDER, such as mimic-cxr:/films, got '{data}'")
        cohort: Cohort = get("dataset", name)(folder)
        pairs = gather(cohort, size=size, group=name, split=lambda study: cohort.split_of(study.patient or study.id),
                       folder=place_for(name, folder), small=SMALL)  # fmt: skip
    frontal = pairs.take(pairs.frontal)
    if not (frontal.split == "train").any():
        raise InputError("there is no frontal film of the split 'train' to learn from")
    return frontal


def changed(recipe: Settings, changes: Mapping[str, Any]) -> Settings:
    """Return settings with some changed, read as the type that each has.

    Raises:
        InputError: for a name that is no setting, or a value that cannot be read.
    """
    known = [item.name for item in fields(recipe)]  # type: ignore[arg-type]
    for name, value in changes.items():
        if name not in known:
            raise InputError(f"unknown setting '{name}': choose from {', '.join(known)}")
        try:
            made = type(getattr(recipe, name))(value)
            if isinstance(made, float) and not np.isfinite(made):
                raise ValueError
            recipe = replace(recipe, **{name: made})  # type: ignore[type-var]
        except (TypeError, ValueError, OverflowError):
            raise InputError(f"{name} must be {type(getattr(recipe, name)).__name__}, got '{value}'") from None
    return recipe


def write(out: Path, net: nn.Module, card: Mapping[str, Any], pairs: Pairs) -> Path:
    """Write a network and its card, each whole or not at all; return the folder."""
    from safetensors.torch import save

    splits = {str(split): {"films": int((pairs.split == split).sum()),
                           "patients": len(np.unique(pairs.patient[pairs.split == split]))}
              for split in np.unique(pairs.split)}  # fmt: skip
    told = {"hilum": __version__, "caution": RESEARCH_USE, "films by split": splits, **card}
    out.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in net.state_dict().items()}
    save_bytes(save(tensors, metadata={"card": json.dumps(told)}), out / WEIGHTS)
    save_bytes((json.dumps(told, indent=1, ensure_ascii=False) + "\n").encode(), out / CARD)
    return out


def card_of(folder: Path, name: str) -> dict[str, Any]:
    """Return the card of a trained system.

    Raises:
        MissingError: if the folder holds none.
        InputError: if it is of another system, or no card.
    """
    if not (folder / WEIGHTS).is_file() or not (folder / CARD).is_file():
        raise MissingError(f"no {WEIGHTS} and {CARD} in '{folder}': train with 'hilum train {name} -o {folder}'")
    try:
        card: dict[str, Any] = json.loads((folder / CARD).read_text(encoding="utf-8"))
        held = card.get("name")
    except (ValueError, AttributeError):
        raise InputError(f"'{folder / CARD}' is no card of a system: train anew, or copy the folder again") from None
    if held != name:
        raise InputError(f"'{folder}' holds '{held}', not '{name}'")
    return card


def filled(net: nn.Module, folder: Path) -> nn.Module:
    """Return a network with the weights of a folder, in evaluation mode.

    Raises:
        InputError: if the file is damaged; naming the first tensor that does not fit.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        held: dict[str, Tensor] = load_file(folder / WEIGHTS)
    except SafetensorError as error:
        raise InputError(f"'{folder / WEIGHTS}' is damaged ({error}): train anew, or copy the folder again") from None
    own = net.state_dict()
    for name in (*own, *held):
        there = [tuple(state[name].shape) if name in state else "missing" for state in (held, own)]
        if there[0] != there[1]:
            raise InputError(f"'{folder / WEIGHTS}' does not fit: '{name}' is {there[0]}, expected {there[1]}")
    net.load_state_dict(held)
    return net.eval()
