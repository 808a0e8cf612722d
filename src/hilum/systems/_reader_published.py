"""Published readers' weights in our reader: names of tensors as data, sizes from the files, every tensor accounted for.

Written from the authors' code and model cards; not run against the real weights, which are gated or large. In
transformers 5 the parts of a LLaVA network moved beneath `model`, so that the remote code of MAIRA-2 would no longer be
called: this port loads the same tensors into the same arithmetic instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hilum.core.errors import InputError
from hilum.measure.adapters.weights import Weights, load
from hilum.nets.readers_published import published as config_of
from hilum.systems._reader_names import LOOKS, OWN, SOURCES, authors_name, of_squeeze

Tensors = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Published:
    """A published reader in our network.

    Args:
        reader: in evaluation mode, no role tokens: the authors' prompts name roles in words.
        weights: where they came from.
        unused: names of tensors of the files that have no place in the reader.
    """

    reader: Any
    weights: Weights
    unused: tuple[str, ...] = ()


def empty(name: str) -> Any:
    """Return the reader at its published sizes on the 'meta' device: no memory, no weights, to count and to check."""
    from hilum.nets.reader import Reader

    with torch.device("meta"):
        return Reader(config_of(name))


def filled(name: str, reader: Any, tensors: Mapping[str, Tensor], *, where: str) -> tuple[str, ...]:
    """Put the authors' tensors into a reader, in place, and return the names that found no place.

    Args:
        name: of the preset.
        reader: of their sizes.
        tensors: by the authors' names.
        where: they come from, for errors.

    Raises:
        InputError: that names the first tensor that is missing or of another shape.
    """
    made, used = Tensors(), set[str]()
    for ours, own in reader.state_dict().items():
        if OWN.search(ours):
            made[ours] = own
            continue
        value, names = _made(name, ours, tensors)
        if value is None:
            raise InputError(f"{where} does not fit: '{names[0]}' is missing, the reader has {tuple(own.shape)}")
        if value.numel() != own.numel() or value.squeeze().shape != own.squeeze().shape:
            raise InputError(f"{where} does not fit: '{names[0]}' is {tuple(value.shape)}, expected {tuple(own.shape)}")
        made[ours] = value.reshape(own.shape).to(own.dtype)
        used |= set(names)
    reader.load_state_dict(made)
    return tuple(sorted(set(tensors) - used))


def _made(name: str, ours: str, tensors: Mapping[str, Tensor]) -> tuple[Tensor | None, list[str]]:
    """One of our tensors from the authors', and the names it was made of."""
    if name == "libra" and (found := _of_attention(ours, tensors)) is not None:
        return found
    squeezed = name == "libra" and ".extract.steps." in ours
    theirs = of_squeeze(ours) if squeezed else authors_name(name, ours)
    return tensors.get(theirs), [theirs]


def _of_attention(ours: str, tensors: Mapping[str, Tensor]) -> tuple[Tensor | None, list[str]] | None:
    """Torch's attention keeps query, key and value in one tensor, and the learned key and value in two."""
    found = re.search(r"fusion\.(looks\.\d|cross)\.(.+)$", ours)
    if found is None:
        return None
    stem, part = f"model.mm_projector.{LOOKS[found[1]]}.", found[2]
    if part == "still":
        names = [f"{stem}bias_k", f"{stem}bias_v"]
        held = [tensors[each] for each in names if each in tensors]
        return (torch.stack(held) if len(held) == 2 else None), names
    layer, kind = part.split(".")
    if layer == "out":
        theirs = f"{stem}out_proj.{kind}"
        return tensors.get(theirs), [theirs]
    theirs = f"{stem}in_proj_{kind}"
    whole = tensors.get(theirs)
    at = ("ask", "key", "value").index(layer)
    return (None if whole is None else whole.chunk(3)[at]), [theirs]


def load_published(name: str, folder: str | Path | None = None, *, config: Any = None) -> Published:
    """Load a published reader's weights, strictly.

    Args:
        name: of the preset.
        folder: of the files; the preset's in the folder that HILUM_WEIGHTS names by default.
        config: sizes, where they are not the published ones.

    Raises:
        MissingError: if there are none; the sentence says what to do.
        InputError: if a tensor is missing or of another shape; the first one is named.
    """
    from safetensors.torch import load_file

    from hilum.nets.reader import Reader

    weights = load(name, SOURCES[name], folder)
    tensors: Tensors = {}
    for file in weights.files:
        tensors |= load_file(file)
    made = config or config_of(name)
    if name == "maira-2":
        made.role_token_ids = None
    reader = Reader(made)
    unused = filled(name, reader, tensors, where=str(weights.files[0].parent))
    return Published(reader.eval(), weights, unused)
