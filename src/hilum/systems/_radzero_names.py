"""Names of tensors in the authors' checkpoint, as data."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass

LAYER: Mapping[str, str] = MappingProxyType({
    "norm1": "norm1", "norm2": "norm2", "query": "attention.attention.query", "key": "attention.attention.key",
    "value": "attention.attention.value", "out": "attention.output.dense", "rise": "mlp.fc1", "fall": "mlp.fc2",
})  # fmt: skip
"""Our names in a layer over the image's tokens -> the authors' (DINOv2's of transformers)."""

PARTS: Mapping[str, str] = MappingProxyType({
    "image.trunk.body.": "vision_model.", "image.trunk.model.": "vision_model.", "text.model.": "text_model.",
    "head.norm.": "loss_fns.RadZeroLoss.layer_norm.",
})  # fmt: skip
"""Our prefixes -> the authors', as their code says (modeling.py, losses.py of deepnoid-ai/RadZero)."""

RENAMED: Mapping[str, str] = MappingProxyType({
    "attention.q_proj.": "attention.attention.query.", "attention.k_proj.": "attention.attention.key.",
    "attention.v_proj.": "attention.attention.value.", "attention.o_proj.": "attention.output.dense.",
})  # fmt: skip
"""What transformers 5 calls parts of DINOv2 -> what it was called when the checkpoint was written."""

TEMPERATURE = "loss_fns.RadZeroLoss.loss_temperature"

TABLE_LAYER = "align_transformer.transformer_layers.layer"


def as_written(name: str) -> str:
    """Return the name of a tensor of transformers as older versions wrote it."""
    for new, old in RENAMED.items():
        name = name.replace(new, old)
    return name


def authors_name(ours: str) -> str:
    """Return what a tensor of our network is called in the authors' checkpoint."""
    if ours == "head.log_tau":
        return TEMPERATURE
    for prefix, theirs in PARTS.items():
        if ours.startswith(prefix):
            return theirs + as_written(ours.removeprefix(prefix))
    _, number, part, *rest = ours.split(".")
    if part.startswith("scale"):
        return f"{TABLE_LAYER}.{number}.layer_{part}.lambda1"
    return ".".join((TABLE_LAYER, number, LAYER[part], *rest))
