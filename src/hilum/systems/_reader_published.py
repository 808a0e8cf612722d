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
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from hilum.core.errors import InputError
from hilum.measure.adapters.weights import Source, Weights, load
from hilum.nets.readers_published import published as config_of

Tensors = dict[str, Tensor]
_ATTENTION = ((r"\.attention\.q_proj\.", ".attention.attention.query."),
              (r"\.attention\.k_proj\.", ".attention.attention.key."),
              (r"\.attention\.v_proj\.", ".attention.attention.value."),
              (r"\.attention\.o_proj\.", ".attention.output.dense."))  # fmt: skip
"""What transformers 5 calls parts of DINOv2 -> what it was called when the checkpoints were written."""
_LIBRA_TOWER = "model.vision_tower.vision_tower."
NAMES: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType({
    "maira-2": (
        (r"^model\.vision_tower\.", "vision_tower."), *_ATTENTION,
        (r"^model\.multi_modal_projector\.net\.", "multi_modal_projector.layers."),
        (r"^model\.language_model\.", "language_model.model."), (r"^lm_head\.", "language_model.lm_head."),
    ),
    "libra": (
        (r"^model\.vision_tower\.", _LIBRA_TOWER), *_ATTENTION,
        (r"^model\.multi_modal_projector\.project\.", "model.mm_projector.mlp_final."),
        (r"^model\.multi_modal_projector\.fusion\.feed\.", "model.mm_projector.mlp_attn."),
        (r"^model\.multi_modal_projector\.fusion\.look_norms\.0\.", "model.mm_projector.norm1."),
        (r"^model\.multi_modal_projector\.fusion\.look_norms\.1\.", "model.mm_projector.norm2."),
        (r"^model\.multi_modal_projector\.fusion\.cross_norm\.", "model.mm_projector.norm3."),
        (r"^model\.multi_modal_projector\.fusion\.norm\.", "model.mm_projector.norm4."),
        (r"^model\.multi_modal_projector\.fusion\.shift$", "model.mm_projector.LFE_prior_bias"),
        (r"^model\.language_model\.", "model."),
    ),
})  # fmt: skip
"""Preset -> patterns of our names and what the authors' are, tried in order; the rest is taken apart in `_made`."""
_LOOKS = MappingProxyType(
    {"looks.0": "cur_self_attention", "looks.1": "prior_self_attention", "cross": "cros_attention"}
)
OWN = re.compile(r"multi_modal_projector\.gone$")
"""Tensors of ours that no checkpoint has: the vector in the prior's slot, which is never looked at by a fused film."""
SOURCES: Mapping[str, Source] = MappingProxyType({
    "maira-2": Source("maira-2", "MAIRA-2", "microsoft/maira-2 on the Hugging Face hub (gated)",
                      "Microsoft Research licence: research only", "some 28 GB", "model-*.safetensors and config.json",
                      (), "docs/maira-2.md"),
    "libra": Source("libra", "Libra-v1.0-7b", "X-iZhang/libra-v1.0-7b on the Hugging Face hub",
                    "Apache-2.0, and that of Meditron", "some 14 GB", "model-*.safetensors, RAD-DINO's among them", (),
                    "docs/libra.md"),
})  # fmt: skip


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


def authors_name(name: str, ours: str) -> str:
    """Return what one of our tensors is called in the authors' files; `_made` knows the rest of Libra's."""
    for pattern, theirs in NAMES[name]:
        ours = re.sub(pattern, theirs, ours)
    return ours


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
    theirs = _of_squeeze(ours) if squeezed else authors_name(name, ours)
    return tensors.get(theirs), [theirs]


def _of_squeeze(ours: str) -> str:
    """Libra's layerwise extractor: squeeze-and-excite and convolution take turns in one sequence."""
    found = re.search(r"extract\.steps\.(\d+)\.(weigh\.0|weigh\.2|mix)\.(weight|bias)$", ours)
    if found is None:
        return ours
    number, part, kind = int(found[1]), found[2], found[3]
    inner = {"weigh.0": f"{2 * number}.fc1", "weigh.2": f"{2 * number}.fc2", "mix": f"{2 * number + 1}"}[part]
    return f"model.mm_projector.LFE.{inner}.{kind}"


def _of_attention(ours: str, tensors: Mapping[str, Tensor]) -> tuple[Tensor | None, list[str]] | None:
    """Torch's attention keeps query, key and value in one tensor, and the learned key and value in two."""
    found = re.search(r"fusion\.(looks\.\d|cross)\.(.+)$", ours)
    if found is None:
        return None
    stem, part = f"model.mm_projector.{_LOOKS[found[1]]}.", found[2]
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
