"""Span-relation tagger: every short span of words gets a label or none, every pair of likely spans a relation or none.

Source: RadGraph's baseline (Jain et al. 2021), which is DyGIE++ (Wadden et al. 2019) without span propagation:
spans of at most 8 words as [h_start; h_end; width], two feed-forward scorers with the null class fixed at 0, and
relations among the ceil(n_words / 2) likeliest spans only. The word encoder is exchangeable.

Shapes: B sentences, T words (padded), S = 8 T spans, K = ceil(keep * T) kept spans, H features of a word, D of a span.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

WIDEST = 8
"""Words of the longest span."""
NEVER = -100.0
"""Score of a span or pair that does not exist, far below the null class, which has 0: exp(-100) is nothing."""


class SpanOutput(NamedTuple):
    """What the tagger says. The null class has the score 0 and is not stored.

    Args:
        entities: (B, S, labels); span `first * 8 + width - 1` of a sentence, NEVER where it runs past the end.
        kept: int64 (B, K), the spans among which relations were looked for, likeliest first; -1 where there is none.
        relations: (B, K, K, kinds), from row to column; NEVER where a span is missing and on the diagonal.
    """

    entities: Tensor
    kept: Tensor
    relations: Tensor


def _ends(words: Tensor) -> Tensor:
    """Return what stands at the last word of every span, 0 past the end: (B, T, X) -> (B, T, 8, X)."""
    batch, count, features = words.shape
    padded = torch.cat([words, words.new_zeros(batch, WIDEST - 1, features)], dim=1)
    return torch.stack([padded[:, width : width + count] for width in range(WIDEST)], dim=2)


def span_vectors(words: Tensor, widths: Tensor) -> Tensor:
    """Return [h_start; h_end; width] of every span.

    Args:
        words: (B, T, H).
        widths: (8, F) features of the widths 1 to 8; F may be 0.

    Returns:
        (B, 8 T, 2 H + F); for a span that runs past the last word, h_end is 0.
    """
    starts = words.unsqueeze(2).expand(-1, -1, WIDEST, -1)
    wide = widths.expand(words.shape[0], words.shape[1], -1, -1)
    return torch.cat([starts, _ends(words), wide], dim=3).flatten(1, 2)


def pair_vectors(spans: Tensor) -> Tensor:
    """Return [g_i; g_j; g_i * g_j] of every ordered pair: (B, K, D) -> (B, K, K, 3 D)."""
    count = spans.shape[1]
    one = spans.unsqueeze(2).expand(-1, -1, count, -1)
    two = spans.unsqueeze(1).expand(-1, count, -1, -1)
    return torch.cat([one, two, one * two], dim=3)


class _Scorer(nn.Module):
    """Two hidden layers with ReLU and dropout; `first` and `rest` can be used apart."""

    def __init__(self, features: int, hidden: int, outputs: int, drop: float) -> None:
        super().__init__()
        self.first = nn.Linear(features, hidden)
        self.rest = nn.Sequential(
            nn.ReLU(), nn.Dropout(drop), nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(drop),
            nn.Linear(hidden, outputs),
        )  # fmt: skip


class SpanScorer(_Scorer):
    """The scorer of span vectors; W [h_start; h_end; width] = W1 h_start + W2 h_end + W3 width, once per word."""

    def forward(self, words: Tensor, widths: Tensor) -> Tensor:
        """Map words (B, T, H) and widths (8, F) to the scores of all spans (B, 8 T, outputs)."""
        features = words.shape[2]
        start, end, wide = torch.split(self.first.weight, [features, features, widths.shape[1]], dim=1)
        starts = nn.functional.linear(words, start, self.first.bias).unsqueeze(2)
        ends = _ends(nn.functional.linear(words, end))
        scores: Tensor = self.rest((starts + ends + nn.functional.linear(widths, wide)).flatten(1, 2))
        return scores


class PairScorer(_Scorer):
    """The scorer of pair vectors; W [g_i; g_j; g_i * g_j] = W1 g_i + W2 g_j + W3 (g_i * g_j); no pair is stored."""

    def forward(self, spans: Tensor) -> Tensor:
        """Map spans (B, K, D) to the scores of ordered pairs (B, K, K, outputs)."""
        one, two, both = torch.split(self.first.weight, spans.shape[2], dim=1)
        source = nn.functional.linear(spans, one, self.first.bias).unsqueeze(2)
        target = nn.functional.linear(spans, two).unsqueeze(1)
        product = nn.functional.linear(spans.unsqueeze(2) * spans.unsqueeze(1), both)
        scores: Tensor = self.rest(source + target + product)
        return scores


class _TwoWay(nn.Module):
    """A bidirectional LSTM that ends where each sentence ends, without packing, so that it exports to ONNX."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.onward = nn.LSTM(inputs, hidden, batch_first=True)
        self.back = nn.LSTM(inputs, hidden, batch_first=True)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Map (B, T, inputs) to (B, T, 2 hidden); what stands past a sentence's length never reaches it."""
        steps = torch.arange(x.shape[1], device=x.device)
        mirror = (lengths.unsqueeze(1) - 1 - steps).clamp(min=0).unsqueeze(2)
        onward, _ = self.onward(x)
        back, _ = self.back(x.gather(1, mirror.expand(-1, -1, x.shape[2])))
        # Selecting every step changes nothing; it tells the exporter that the LSTM's length may vary.
        ahead = onward.index_select(1, steps)
        return torch.cat([ahead, back.gather(1, mirror.expand(-1, -1, back.shape[2]))], dim=2)


class WordEncoder(nn.Module):
    """Letters and words to word vectors: a convolution over letters, a word embedding, a two-way LSTM.

    Args:
        words: size of the vocabulary; 0 is padding and 1 the unknown word.
        letters: size of the alphabet; 0 is padding.
        width: H, features of a word; even.
        embedding: features of a word before its context is known.
        layers: of the LSTM.
        drop: dropout on the inputs of every layer.
        forget: share of the words that training shows as unknown, so that letters are learnt from.
    """

    def __init__(
        self, words: int, letters: int, *, width: int = 128, embedding: int = 64, layers: int = 1, drop: float = 0.3,
        forget: float = 0.1,
    ) -> None:  # fmt: skip
        """Build with random weights."""
        super().__init__()
        self.width, self.forget, spelled = width, forget, 48
        self.words = nn.Embedding(words, embedding, padding_idx=0)
        self.letters = nn.Embedding(letters, 16, padding_idx=0)
        self.spelling = nn.Conv1d(16, spelled, 3, padding=1)
        sizes = [embedding + spelled] + [width] * (layers - 1)
        self.context = nn.ModuleList(_TwoWay(size, width // 2) for size in sizes)
        self.drop = nn.Dropout(drop)

    def forward(self, lengths: Tensor, words: Tensor, letters: Tensor) -> Tensor:
        """Map lengths (B,), words (B, T) and letters (B, T, L), all int64, to (B, T, H)."""
        if self.training and self.forget > 0:
            words = words.masked_fill((torch.rand(words.shape, device=words.device) < self.forget) & (words > 0), 1)
        batch, count, length = letters.shape
        spelled = self.spelling(self.letters(letters).reshape(batch * count, length, 16).transpose(1, 2)).amax(dim=2)
        x = torch.cat([self.words(words), spelled.reshape(batch, count, -1)], dim=2)
        for layer in self.context:
            x = layer(self.drop(x), lengths)
        return x


class SpanTagger(nn.Module):
    """Any word encoder with the two heads of RadGraph's baseline.

    Args:
        encoder: called as `encoder(lengths, *inputs)`, returns (B, T, encoder.width).
        labels: number of entity labels, null not counted.
        kinds: number of relation kinds, null not counted.
        hidden: units of the two hidden layers of each scorer.
        drop: their dropout.
        width_feature: features of the span's width; 0 leaves them out (an ablation).
        pairs: whether relations are scored; without, no relation is ever found (an ablation).
        keep: share of a sentence's words, in tenths, that are kept as spans, rounded up; .5 is the published
            share for whole reports, single sentences are denser in entities and need 1.
        own_mention: score mentions by a scorer of their own, which only the relation loss teaches, as published, and
            rank spans by it plus their best entity score; without, the best entity score is both.
    """

    def __init__(
        self, encoder: nn.Module, *, labels: int, kinds: int, hidden: int = 150, drop: float = 0.4,
        width_feature: int = 20, pairs: bool = True, keep: float = 0.5, own_mention: bool = True,
    ) -> None:  # fmt: skip
        """Build with random heads; the encoder keeps its weights."""
        super().__init__()
        self.encoder, self.kinds, self.pairs = encoder, kinds, pairs
        features = 2 * int(encoder.width) + width_feature  # type: ignore[arg-type]
        self.widths = nn.Parameter(torch.randn(WIDEST, width_feature) * 0.1)
        self.entity = SpanScorer(features, hidden, labels, drop)
        self.mention = SpanScorer(features, hidden, 1, drop) if own_mention else None
        self.tenths = round(10 * keep)
        self.relation = PairScorer(3 * features, hidden, kinds, drop)

    def forward(self, lengths: Tensor, *inputs: Tensor) -> SpanOutput:
        """Tag sentences of the given lengths (B,) int64, at least 1; `inputs` are the encoder's."""
        words = self.encoder(lengths, *inputs)
        spans = span_vectors(words, self.widths)
        count = words.shape[1]
        last = (torch.arange(count).unsqueeze(1) + torch.arange(WIDEST)).flatten().to(lengths.device)
        real = last < lengths.unsqueeze(1)
        entities = torch.where(real.unsqueeze(2), self.entity(words, self.widths), NEVER)
        best = entities.amax(dim=2)
        mention = best if self.mention is None else self.mention(words, self.widths).squeeze(2)
        # By mention score alone, as published, a span once pruned is never asked for again, so never learnt.
        rank = torch.where(real, best if self.mention is None else mention + best, -1e9)
        indices = rank.topk((count * self.tenths + 9) // 10, dim=1).indices
        room = (lengths.unsqueeze(1) * self.tenths + 9) // 10
        there = torch.arange(indices.shape[1], device=lengths.device) < room
        kept = torch.where(there, indices, -1)
        return SpanOutput(entities, kept, self._relations(spans, indices, mention.gather(1, indices), there))

    def _relations(self, spans: Tensor, indices: Tensor, mention: Tensor, there: Tensor) -> Tensor:
        """Score the pairs of the kept spans: feed-forward on the pair plus how likely each is a mention."""
        ranks = torch.arange(indices.shape[1], device=spans.device)
        other = ranks.unsqueeze(1) != ranks
        real = (there.unsqueeze(2) & there.unsqueeze(1) & other).unsqueeze(3)
        if not self.pairs:
            return torch.full((*real.shape[:3], self.kinds), NEVER, device=spans.device)
        chosen = spans.gather(1, indices.unsqueeze(2).expand(-1, -1, spans.shape[2]))
        likely = (mention.unsqueeze(2) + mention.unsqueeze(1)).unsqueeze(3)
        return torch.where(real, self.relation(chosen) + likely, NEVER)
