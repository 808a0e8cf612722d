"""Published first stages, converted to safetensors by the user: names by a table, sizes by the tensors themselves.

Names and shapes were read from the authors' code; the checkpoints themselves were never opened by us.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from hilum.core.errors import InputError, need
from hilum.nets.towers import Told

Tensors = dict[str, Tensor]
Table = Sequence[tuple[str, str]]
PROJECTION: Table = ((r"head\.0\.", "first."), (r"head\.1\.", "norm."), (r"head\.3\.", "second."),
                     (r"head\.4\.", "whiten."))  # fmt: skip
"""Layers of the authors' projection heads by the names of `TokenProjection`."""
DINO: Table = (
    (r"attention\.attention\.query\.", "attention.q_proj."), (r"attention\.attention\.key\.", "attention.k_proj."),
    (r"attention\.attention\.value\.", "attention.v_proj."), (r"attention\.output\.dense\.", "attention.o_proj."),
)  # fmt: skip
"""DINOv2's names as transformers wrote them before version 5."""


def part(tensors: Mapping[str, Tensor], prefix: str, table: Table = ()) -> Tensors:
    """Return the tensors under a prefix, renamed by patterns in order; kernels of one pixel become matrices."""
    found: Tensors = {}
    for name, value in tensors.items():
        if not name.startswith(prefix) or name.endswith("position_ids"):
            continue
        new = name.removeprefix(prefix)
        for old, mine in table:
            new = re.sub(old, mine, new)
        found[new] = value.squeeze(-1) if value.ndim == 3 and value.shape[-1] == 1 and "head." in name else value
    return found


def layers_of(tensors: Mapping[str, Tensor], pattern: str) -> int:
    """Return how many layers there are, by the largest number in names of a pattern with one group."""
    numbers = [int(found.group(1)) for name in tensors if (found := re.match(pattern, name))]
    return max(numbers, default=-1) + 1


def shape(tensors: Mapping[str, Tensor], name: str, where: str) -> tuple[int, ...]:
    """Return the shape of a tensor; InputError if there is none of that name."""
    if name not in tensors:
        raise InputError(f"{where} is not laid out as the authors' code says: no '{name}'; its first names are "
                         f"{sorted(tensors)[:3]}")  # fmt: skip
    return tuple(tensors[name].shape)


class BertWords(nn.Module):
    """A BERT of transformers as `Told`, pooled by its first word.

    Args:
        tensors: by BERT's own names; the sizes are read from them.
        heads: of attention, which no tensor tells.
        where: they are from, for errors.
    """

    def __init__(self, tensors: Mapping[str, Tensor], *, heads: int, where: str) -> None:
        """Build at the sizes of the tensors; they are not loaded."""
        super().__init__()
        config, model = _of_transformers("BertConfig", "BertModel")
        words, width = shape(tensors, "embeddings.word_embeddings.weight", where)
        self.model = model(config(
            vocab_size=words, hidden_size=width, num_attention_heads=heads,
            num_hidden_layers=layers_of(tensors, r"encoder\.layer\.(\d+)\."),
            intermediate_size=shape(tensors, "encoder.layer.0.intermediate.dense.weight", where)[0],
            max_position_embeddings=shape(tensors, "embeddings.position_embeddings.weight", where)[0],
            type_vocab_size=shape(tensors, "embeddings.token_type_embeddings.weight", where)[0],
        ), add_pooling_layer="pooler.dense.weight" in tensors)  # fmt: skip
        self.width = width

    def forward(self, ids: Tensor, mask: Tensor) -> Told:
        """Return pooled, words and the mask: ids int64 (B, L), mask bool (B, L)."""
        words = self.model(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        return Told(words[:, 0], words, mask)


def dino_of(tensors: Mapping[str, Tensor], *, heads: int, where: str) -> nn.Module:
    """Return a DINOv2 of transformers at the sizes of the tensors, which are not loaded."""
    config, model = _of_transformers("Dinov2Config", "Dinov2Model")
    width, _, patch, _ = shape(tensors, "embeddings.patch_embeddings.projection.weight", where)
    places = shape(tensors, "embeddings.position_embeddings", where)[1] - 1
    made: nn.Module = model(config(
        hidden_size=width, num_attention_heads=heads, patch_size=patch, image_size=round(places**0.5) * patch,
        num_hidden_layers=layers_of(tensors, r"encoder\.layer\.(\d+)\."),
        mlp_ratio=shape(tensors, "encoder.layer.0.mlp.fc1.weight", where)[0] // width,
    ))  # fmt: skip
    return made


def _of_transformers(*names: str) -> tuple[Any, ...]:
    try:
        import transformers
    except ImportError:
        raise need("transformers", "language", "A published encoder") from None
    return tuple(getattr(transformers, name) for name in names)
