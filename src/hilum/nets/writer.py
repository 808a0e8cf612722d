"""A small decoder that writes a text from what an encoder saw, word after word.

The plain part of R2Gen (Chen et al., EMNLP 2020): a transformer decoder over patches, without its relational memory.
Of V word numbers the last three are spare: a hidden word, the beginning (V - 2) and the end (V - 1) of a text.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hilum.core.errors import InputError


class Writer(nn.Module):
    """Causal self-attention, cross-attention over patches and a linear layer on the words.

    Args:
        vocabulary: V.
        width: D of the patches and of the decoder.
        depth: layers.
        heads: of each.
        longest: most words of a text.
        drop: dropout.
    """

    def __init__(
        self, vocabulary: int, width: int, *, depth: int = 1, heads: int = 4, longest: int = 96, drop: float = 0.0
    ) -> None:
        """Build; weights are random."""
        super().__init__()
        if vocabulary < 5:
            raise InputError(f"a vocabulary holds padding, an unknown word and three spare ones, got {vocabulary}")
        self.embed = nn.Embedding(vocabulary, width, padding_idx=0)
        self.order = nn.Parameter(0.02 * torch.randn(longest + 1, width))
        self.layers = nn.ModuleList(
            nn.TransformerDecoderLayer(width, heads, 2 * width, drop, batch_first=True, norm_first=True)
            for _ in range(depth)
        )
        self.norm, self.predict = nn.LayerNorm(width), nn.Linear(width, vocabulary)
        self.vocabulary, self.longest = vocabulary, longest

    @property
    def begin(self) -> int:
        """The number that begins a text."""
        return self.vocabulary - 2

    @property
    def end(self) -> int:
        """The number that ends one."""
        return self.vocabulary - 1

    def forward(self, patches: Tensor, ids: Tensor) -> Tensor:
        """Return logits (B, L, V) of the word after each of ids (B, L), from patches (B, P, D).

        Raises:
            InputError: if the text is longer than `longest`, its beginning counted in.
        """
        if ids.shape[1] > len(self.order):
            raise InputError(f"a text of {ids.shape[1]} words is longer than the writer's {self.longest}")
        x = self.embed(ids) + self.order[: ids.shape[1]]
        later = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool, device=ids.device).triu(1)
        for layer in self.layers:
            x = layer(x, patches, tgt_mask=later)
        logits: Tensor = self.predict(self.norm(x))
        return logits

    def taught(self, patches: Tensor, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits, the words asked for and which of them count, of texts (B, L) that are known.

        The text is cut to `longest`; its end is asked for after its last word: all (B, L + 1).
        """
        ids, mask = ids[:, : self.longest], mask[:, : self.longest]
        begin = torch.full((len(ids), 1), self.begin, dtype=ids.dtype, device=ids.device)
        target = torch.cat([ids, torch.zeros_like(begin)], dim=1)
        target[torch.arange(len(ids)), mask.sum(1)] = self.end
        asked = torch.cat([torch.ones_like(begin, dtype=torch.bool), mask], dim=1)
        return self(patches, torch.cat([begin, ids], dim=1)), target, asked

    @torch.no_grad()
    def write(self, patches: Tensor, *, longest: int | None = None, beams: int = 1) -> list[list[int]]:
        """Return the words of a text for each film (B, P, D): the likeliest by beam search, greedy with one beam.

        Beams are compared by the mean log-probability of their words, the end counted in.

        Raises:
            InputError: if there is no beam, or the text may be longer than the writer can tell.
        """
        most = self.longest if longest is None else longest
        if beams < 1 or not 1 <= most <= self.longest:
            raise InputError(f"it takes a beam and 1 to {self.longest} words, got {beams} and {most}")
        self.eval()
        if beams == 1:
            return self._greedy(patches, most)
        return [self._one(film[None], most, beams) for film in patches]

    def _greedy(self, patches: Tensor, most: int) -> list[list[int]]:
        ids = torch.full((len(patches), 1), self.begin, dtype=torch.int64, device=patches.device)
        for _ in range(most):
            chances = self(patches, ids)[:, -1]
            chances[:, self._never] = -torch.inf
            ids = torch.cat([ids, chances.argmax(1, keepdim=True)], dim=1)
            if bool((ids == self.end).any(1).all()):
                break
        return [row[: row.index(self.end)] if self.end in row else row for row in ids[:, 1:].tolist()]

    @property
    def _never(self) -> list[int]:
        """What no text holds: padding, a hidden word, the beginning."""
        return [0, self.vocabulary - 3, self.begin]

    def _one(self, patches: Tensor, most: int, beams: int) -> list[int]:
        held: list[tuple[list[int], float]] = [([], 0.0)]
        done: list[tuple[list[int], float]] = []
        for _ in range(most):
            ids = torch.tensor([[self.begin, *words] for words, _ in held])
            chances = self(patches.expand(len(held), -1, -1), ids)[:, -1].log_softmax(-1)
            chances[:, self._never] = -torch.inf
            grown = []
            for (words, score), row in zip(held, chances, strict=True):
                for value, number in zip(*(each.tolist() for each in row.topk(min(beams, len(row)))), strict=True):
                    grown.append(([*words, int(number)], score + value))
            grown.sort(key=lambda each: -each[1])
            done += [(words[:-1], score / len(words)) for words, score in grown[:beams] if words[-1] == self.end]
            held = [each for each in grown[:beams] if each[0][-1] != self.end]
            if not held:
                break
        done += [(words, score / len(words)) for words, score in held if not done]
        return max(done, key=lambda each: each[1])[0]


def joined(words: Sequence[str]) -> str:
    """Return words and marks as a text: no space before a mark, a capital after a full stop."""
    text, fresh = "", True
    for word in words:
        if word in ".,;:?":
            text += word
        else:
            text += (" " if text else "") + (word[:1].upper() + word[1:] if fresh else word)
        fresh = word in ".?" if word in ".,;:?" else False
    return text
