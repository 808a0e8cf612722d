"""R2Gen's decoder: a relational memory that each word updates, and layer norms that the memory conditions.

Source: Chen et al., Generating Radiology Reports via Memory-driven Transformer (EMNLP 2020). The memory of S slots is
updated from the embedded word by attention over itself and the word, through a forget and an input gate; each layer
norm's gain and shift get what a small network makes of it: g + f(m), b + h(m). Written anew from the paper.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.nets.writer import Writer

How = Literal["none", "added", "norm"]
"""No memory; one that is added to what the last layer says; or one that conditions every layer norm, as published."""


class RelationalMemory(nn.Module):
    """Slots (B, S, D) that words update one after the other.

    Args:
        width: D of words and slots.
        slots: S.
        heads: of the attention.
    """

    def __init__(self, width: int, *, slots: int = 3, heads: int = 4) -> None:
        """Build; the first memory is the rows of a unit matrix, as released."""
        super().__init__()
        self.slots, self.width = slots, width
        self.attend = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.of_word, self.of_memory = nn.Linear(width, 2 * width), nn.Linear(width, 2 * width)

    def first(self, count: int) -> Tensor:
        """Return the memory before any word: (B, S, D)."""
        eye = torch.eye(self.slots, self.width, device=self.of_word.weight.device)
        return eye.expand(count, -1, -1)

    def step(self, memory: Tensor, word: Tensor) -> Tensor:
        """Return the memory (B, S, D) after a word (B, D)."""
        both = torch.cat((memory, word[:, None]), dim=1)
        fresh = memory + self.attend(memory, both, both, need_weights=False)[0]
        fresh = fresh + self.mlp(fresh)
        gates = self.of_word(word)[:, None] + self.of_memory(torch.tanh(memory))
        entered, kept = gates.sigmoid().chunk(2, dim=-1)
        updated: Tensor = entered * torch.tanh(fresh) + kept * memory
        return updated

    def forward(self, words: Tensor) -> Tensor:
        """Return the memory after each of the words (B, L, D): (B, L, S x D)."""
        memory, told = self.first(len(words)), []
        for at in range(words.shape[1]):
            memory = self.step(memory, words[:, at])
            told.append(memory.flatten(1))
        return torch.stack(told, dim=1)


class ConditionalNorm(nn.Module):
    """A layer norm over D whose gain and shift a memory (..., M) moves; it moves nothing to begin with."""

    def __init__(self, width: int, memory: int) -> None:
        """Build; the last layers start at zero."""
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.gain, self.shift = (
            nn.Sequential(nn.Linear(memory, width), nn.ReLU(), nn.Linear(width, width)) for _ in range(2)
        )
        for each in (*self.gain[-1].parameters(), *self.shift[-1].parameters()):
            nn.init.zeros_(each)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        """Return x (B, L, D) normalised under the memory (B, L, M)."""
        plain = nn.functional.layer_norm(x, self.norm.normalized_shape, eps=self.norm.eps)
        out: Tensor = plain * (self.norm.weight + self.gain(memory)) + self.norm.bias + self.shift(memory)
        return out


class _PlainNorm(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, memory: Tensor | None) -> Tensor:
        """Return x normalised; the memory is not looked at."""
        out: Tensor = self.norm(x)
        return out


class _Layer(nn.Module):
    def __init__(self, width: int, heads: int, inner: int, memory: int) -> None:
        super().__init__()
        self.itself = nn.MultiheadAttention(width, heads, batch_first=True)
        self.patches = nn.MultiheadAttention(width, heads, batch_first=True)
        self.inner = nn.Sequential(nn.Linear(width, inner), nn.ReLU(), nn.Linear(inner, width))
        self.norms = nn.ModuleList(ConditionalNorm(width, memory) if memory else _PlainNorm(width) for _ in range(3))

    def forward(self, x: Tensor, patches: Tensor, later: Tensor, memory: Tensor | None) -> Tensor:
        """Return (B, L, D)."""
        seen = self.norms[0](x, memory)
        x = x + self.itself(seen, seen, seen, attn_mask=later, need_weights=False)[0]
        x = x + self.patches(self.norms[1](x, memory), patches, patches, need_weights=False)[0]
        out: Tensor = x + self.inner(self.norms[2](x, memory))
        return out


class MemoryWriter(Writer):
    """A `Writer` with a memory.

    Args:
        vocabulary, width, depth, heads, longest: of `Writer`.
        how: what the memory does.
        slots: of the memory.
        inner: hidden width of a layer's last part; twice the width if None.

    Raises:
        InputError: if the width is not a multiple of the heads, or there is no slot.
    """

    def __init__(
        self, vocabulary: int, width: int, *, how: How = "norm", slots: int = 3, depth: int = 1, heads: int = 4,
        longest: int = 96, inner: int | None = None,
    ) -> None:  # fmt: skip
        """Build; weights are random."""
        if width % heads or slots < 1:
            raise InputError(f"the width is a multiple of the heads and a memory has a slot: {width}, {heads}, {slots}")
        super().__init__(vocabulary, width, depth=0, heads=heads, longest=longest)
        self.how, self.heads, told = how, heads, slots * width if how == "norm" else 0
        self.memory = RelationalMemory(width, slots=slots, heads=heads) if how != "none" else None
        self.added = nn.Linear(slots * width, width) if how == "added" else None
        self.layers = nn.ModuleList(_Layer(width, heads, inner or 2 * width, told) for _ in range(depth))

    def forward(self, patches: Tensor, ids: Tensor) -> Tensor:
        """Return logits (B, L, V) of the word after each of ids (B, L), from patches (B, P, D).

        Raises:
            InputError: if the text is longer than `longest`, its beginning counted in.
        """
        if ids.shape[1] > len(self.order):
            raise InputError(f"a text of {ids.shape[1]} words is longer than the writer's {self.longest}")
        words = self.embed(ids)
        memory = self.memory(words) if self.memory is not None else None
        x = words + self.order[: ids.shape[1]]
        later = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool, device=ids.device).triu(1)
        for layer in self.layers:
            x = layer(x, patches, later, memory if self.how == "norm" else None)
        x = self.norm(x)
        logits: Tensor = self.predict(x if self.added is None else x + self.added(memory))
        return logits


def plain_of_size(writer: MemoryWriter) -> MemoryWriter:
    """Return a writer without a memory with as many weights, its layers' inner width grown; within one unit of each."""
    width, depth = writer.embed.embedding_dim, len(writer.layers)

    def plain(inner: int) -> MemoryWriter:
        same = {"depth": depth, "heads": writer.heads, "longest": writer.longest}
        return MemoryWriter(writer.vocabulary, width, how="none", inner=inner, **same)

    wanted, least = (sum(each.numel() for each in net.parameters()) for net in (writer, plain(1)))
    return plain(1 + max(0, round((wanted - least) / (depth * (2 * width + 1)))))
