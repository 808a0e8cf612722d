"""What the nine methods of BenchX share: a batch of films and texts, a network with a loss, and what is published.

A method is an image encoder, mostly a text encoder, and a loss over both. Everything else - what is fine-tuned, frozen
or read out - is the same for all of them (`hilum.learn.transfer`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from hilum.nets.towers import Told
from hilum.systems._benchx_published import Published

Parts = dict[str, float]
SPARE = 3
"""Numbers after the words: a masked word, the beginning and the end of a text."""


@dataclass(frozen=True)
class Batch:
    """B films with what is said of them.

    Args:
        film: (B, 1, S, S) in [0, 1].
        again: the same of another film of the study, or of the same film where there is no other.
        report, report_mask: its words, (B, L).
        phrase, phrase_mask: one sentence of it, drawn at random.
        other, other_mask: reports of other studies, for methods that need no pairs.
        target, known, sides: (B, K) of the findings; `other_target` of the other reports.
        names: K findings.
        ids: of the studies, by which a batch that breaks a fit is known.
    """

    film: Tensor
    again: Tensor
    report: Tensor
    report_mask: Tensor
    phrase: Tensor
    phrase_mask: Tensor
    other: Tensor
    other_mask: Tensor
    target: Tensor
    known: Tensor
    sides: Tensor
    other_target: Tensor
    names: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()


class Method(nn.Module):
    """A method at any scale: give it encoders, and it has a loss.

    Args:
        image: films to `Seen`.
        text: words to `Told`.
        width: D of both.
        vocabulary: numbers of words, with the three spare ones at its end.
    """

    published: ClassVar[Published]
    views: ClassVar[bool] = False
    """Whether it looks at a second film of the study."""

    def __init__(self, image: nn.Module, text: nn.Module, *, width: int, vocabulary: int) -> None:
        """Keep both encoders."""
        super().__init__()
        self.image, self.text, self.width, self.vocabulary = image, text, width, vocabulary

    def forward(self, batch: Batch) -> tuple[Tensor, Parts]:
        """Return the loss, and its parts as numbers."""
        raise NotImplementedError

    def scores(self, film: Tensor, ids: Tensor, mask: Tensor) -> Tensor | None:
        """Return how well films (B, 1, S, S) and texts (M, L) go together: (B, M); None where nothing compares them."""
        return None


def mlp(width: int, out: int) -> nn.Sequential:
    """Return a projection with one hidden layer of the same width (ConVIRT, SimCLR)."""
    return nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, out))


def cosines(one: Tensor, other: Tensor) -> Tensor:
    """Return cosines of rows with rows: (N, D) and (M, D) to (N, M)."""
    return functional.normalize(one, dim=-1) @ functional.normalize(other, dim=-1).T


def hidden_words(ids: Tensor, mask: Tensor, *, share: float, hide_with: int) -> tuple[Tensor, Tensor]:
    """Hide a share of the words, at least one of each text that has any, by torch's own draws.

    Returns:
        The ids with `hide_with` where a word was hidden, and bool (B, L) of which were.
    """
    draw = torch.rand(ids.shape, device=ids.device).masked_fill(~mask, 2.0)
    count = (mask.sum(1, keepdim=True) * share).round().clamp(min=1)
    hidden = (draw.argsort(1).argsort(1) < count) & mask
    return ids.masked_fill(hidden, hide_with), hidden


def word_loss(logits: Tensor, ids: Tensor, asked: Tensor) -> Tensor:
    """Return the mean cross-entropy of the words asked for: logits (B, L, V), ids and bool (B, L)."""
    each = functional.cross_entropy(logits.flatten(0, 1), ids.flatten(), reduction="none").view(ids.shape)
    return (each * asked).sum() / asked.sum().clamp(min=1)


def name_texts(text: nn.Module, codes: tuple[Tensor, Tensor]) -> Tensor:
    """Return the pooled embeddings of short texts such as findings' names: (K, D)."""
    told: Told = text(*codes)
    return told.pooled
