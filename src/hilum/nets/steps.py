"""Word after word with a small language model: what was read is kept, and nothing else is done than the arithmetic.

transformers' `generate` spends most of a small network's time on bookkeeping. `Steps` reads the prompt through the
reader itself and goes on by hand: the prompt's keys and values are held once for all answers to it, those of the
answers in buffers of fixed size. It knows decoders built as Llama is (Llama, Mistral, Qwen2), and calls their linear
layers as modules, so that adapters in their place count.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

_BUILT_ALIKE = ("llama", "mistral", "qwen2")


def has_steps(reader: Any) -> bool:
    """Return whether `Steps` knows the reader's language model: built as Llama is, every layer seeing all words."""
    config = reader.config.text_config
    rope = (getattr(config, "rope_parameters", None) or {}).get("rope_type", "default")
    windowed = getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True)
    return config.model_type in _BUILT_ALIKE and rope in ("default", "linear", "llama3") and not windowed


class Steps:
    """Answers under way: `count` of each of B prompts.

    Args:
        reader: with a language model that `has_steps`; in evaluation mode.
        given: `input_ids` and `attention_mask` (B, L), padded on the left, and images.
        count: answers to each prompt.
        longest: most words of an answer.

    Attributes:
        first: logits (B, V) of the first word.
    """

    def __init__(self, reader: Any, given: Mapping[str, Tensor], *, count: int, longest: int) -> None:
        """Read the prompts."""
        mask = given["attention_mask"]
        places = (mask.cumsum(1) - 1).clamp(min=0)
        read = reader.model(**given, position_ids=places, use_cache=True)
        self.reader, self.decoder = reader, reader.model.language_model
        self.first: Tensor = reader.lm_head(read.last_hidden_state[:, -1])
        self.read = [(layer.keys, layer.values) for layer in read.past_key_values.layers]
        rows, heads, _, width = self.read[0][0].shape
        self.written = [
            tuple(each.new_empty(rows, count, heads, longest, width) for each in pair) for pair in self.read
        ]
        self.hidden = torch.zeros(mask.shape, dtype=self.first.dtype, device=mask.device)
        self.hidden.masked_fill_(mask == 0, -torch.inf)
        after = mask.sum(1, keepdim=True) + torch.arange(longest, device=mask.device)
        self.turn = self.decoder.rotary_emb(self.first, position_ids=after)
        self.done = 0

    def next(self, words: Tensor, parents: Tensor | None = None) -> Tensor:
        """Return logits (B, count, V) of the word after `words` int64 (B, count).

        Args:
            words: the last word of each answer.
            parents: int64 (B, count), which answer of the same prompt each goes on from; each its own if None.
        """
        if parents is not None and self.done:
            at = parents[:, :, None, None, None]
            for pair in self.written:
                for kept in pair:
                    past = kept[:, :, :, : self.done]
                    past.copy_(past.take_along_dim(at, dim=1))
        x = self.decoder.embed_tokens(words)
        cos, sin = (each[:, None, None, self.done] for each in self.turn)
        for layer, read, written in zip(self.decoder.layers, self.read, self.written, strict=True):
            x = x + self._attend(layer.self_attn, _normed(layer.input_layernorm, x), cos, sin, read, written)
            x = x + layer.mlp(_normed(layer.post_attention_layernorm, x))
        self.done += 1
        logits: Tensor = self.reader.lm_head(_normed(self.decoder.norm, x))
        return logits

    def _attend(self, attention: Any, x: Tensor, cos: Tensor, sin: Tensor, read: Any, written: Any) -> Tensor:
        """What each answer's last word finds in the prompt and in the answer: (B, count, W)."""
        q, k, v = (
            project(x).unflatten(-1, (-1, attention.head_dim))
            for project in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        q, k = _turned(q, cos, sin) * attention.scaling, _turned(k, cos, sin)
        written[0][:, :, :, self.done], written[1][:, :, :, self.done] = k, v
        rows, count, heads, width = q.shape
        kept = k.shape[2]
        grouped = q.reshape(rows, count, kept, heads // kept, width)
        asks = grouped.transpose(1, 2).flatten(2, 3)
        far = (asks @ read[0].mT + self.hidden[:, None, None]).unflatten(2, (count, -1)).transpose(1, 2)
        mine = [each[:, :, :, : self.done + 1] for each in written]
        near = grouped @ mine[0].mT
        weights = torch.cat([far, near], dim=-1).softmax(-1)
        far, near = weights[..., : far.shape[-1]], weights[..., far.shape[-1] :]
        told = (far.transpose(1, 2).flatten(2, 3) @ read[1]).unflatten(2, (count, -1)).transpose(1, 2)
        found: Tensor = attention.o_proj((told + near @ mine[1]).reshape(rows, count, heads * width))
        return found

    def keep(self, rows: Tensor) -> None:
        """Go on with some prompts only: int64 (K,)."""
        self.read = [(key[rows], value[rows]) for key, value in self.read]
        self.written = [tuple(each[rows] for each in pair) for pair in self.written]
        self.hidden = self.hidden[rows]
        self.turn = tuple(each[rows] for each in self.turn)


def _normed(norm: Any, x: Tensor) -> Tensor:
    """Root mean square normalisation, in one call."""
    return functional.rms_norm(x, x.shape[-1:], norm.weight, norm.variance_epsilon)


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position code (Su et al. 2021) of queries or keys (..., D), halves side by side as Llama has them."""
    one, two = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-two, one], dim=-1) * sin
