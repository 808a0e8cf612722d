"""Losses and batches for spans with labels and relations between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from hilum.core.seed import generator
from hilum.learn.batch import draw
from hilum.learn.fit import Loss
from hilum.learn.spans import WIDEST, Schema, Tagged, span_number

Encode = Callable[[Sequence[Sequence[str]]], tuple[NDArray[np.int64], ...]]
"""Sentences of words -> lengths (B,) and whatever else the encoder reads, batch first."""
POOL = 8
"""Batches drawn at once and sorted by length, so that a batch holds sentences of like length."""


class TagBatch(NamedTuple):
    """B sentences and what is to be said of them.

    Args:
        inputs: lengths (B,) and the encoder's own inputs.
        labels: int64 (B, S), label of every span, 0 for none.
        relations: int64 (R, 4): sentence, span, target span, kind from 1.
    """

    inputs: tuple[Tensor, ...]
    labels: Tensor
    relations: Tensor


def batch_of(sentences: Sequence[Tagged], encode: Encode, schema: Schema) -> TagBatch:
    """Return sentences as tensors.

    Raises:
        InputError: if an entity is longer than 8 words.
    """
    inputs = tuple(torch.from_numpy(part) for part in encode([each.words for each in sentences]))
    longest = max(len(each.words) for each in sentences)
    labels = torch.zeros(len(sentences), longest * WIDEST, dtype=torch.int64)
    links = []
    for row, each in enumerate(sentences):
        spans = [span_number(entity.first, entity.last) for entity in each.entities]
        for span, entity in zip(spans, each.entities, strict=True):
            labels[row, span] = 1 + schema.labels.index(entity.label)
        links += [(row, spans[a], spans[b], 1 + schema.kinds.index(kind)) for a, b, kind in each.relations]
    return TagBatch(inputs, labels, torch.tensor(links, dtype=torch.int64).reshape(-1, 4))


def with_null(scores: Tensor) -> Tensor:
    """Return (..., classes) with the null class in front, fixed at 0: (..., 1 + classes)."""
    return torch.cat([torch.zeros_like(scores[..., :1]), scores], dim=-1)


def pair_targets(kept: Tensor, relations: Tensor, spans: int) -> Tensor:
    """Return the kind of every pair of kept spans, 0 for none; a relation with a pruned end is not asked for.

    Args:
        kept: int64 (B, K), -1 for none.
        relations: int64 (R, 4), see `TagBatch`.
        spans: S.

    Returns:
        int64 (B, K, K).
    """
    batch, count = kept.shape
    places = torch.full((batch, spans + 1), -1, dtype=torch.int64, device=kept.device)
    ranks = torch.arange(count, device=kept.device).expand(batch, -1)
    places.scatter_(1, torch.where(kept >= 0, kept, spans), ranks)
    target = torch.zeros(batch, count, count, dtype=torch.int64, device=kept.device)
    row, one, two, kind = relations.unbind(1)
    first, second = places[row, one], places[row, two]
    there = (first >= 0) & (second >= 0)
    target[row[there], first[there], second[there]] = kind[there]
    return target


def tag_loss(*, entity: float = 0.2, relation: float = 1.0) -> Loss:
    """Return the loss of RadGraph's baseline: summed cross-entropy of spans and of pairs, per sentence.

    Args:
        entity, relation: their weights; .2 and 1 are those of the DyGIE++ template for SciERC.

    Source: DyGIE++ (Wadden et al. 2019); RadGraph (Jain et al. 2021).
    """

    def loss(net: nn.Module, batch: TagBatch) -> tuple[Tensor, Mapping[str, float]]:
        out = net(*batch.inputs)
        count = len(batch.labels)
        spans = functional.cross_entropy(with_null(out.entities).flatten(0, 1), batch.labels.flatten(), reduction="sum")
        wanted = pair_targets(out.kept, batch.relations, batch.labels.shape[1])
        pairs = functional.cross_entropy(with_null(out.relations).flatten(0, 2), wanted.flatten(), reduction="sum")
        reached = float((wanted > 0).sum()) / max(1, len(batch.relations))
        parts = {"entity": float(spans.detach()) / count, "relation": float(pairs.detach()) / count, "kept": reached}
        return (entity * spans + relation * pairs) / count, parts

    return loss


def tag_batches(
    sentences: Sequence[Tagged],
    groups: Sequence[str],
    shares: Mapping[str, float],
    encode: Encode,
    schema: Schema,
    *,
    size: int,
    seed: int,
) -> Callable[[int], TagBatch]:
    """Return a function from step to batch: sentences drawn by group, each batch of like length.

    Args:
        sentences: to learn from.
        groups: group of each sentence, e.g. where it came from.
        shares: share of the sentences drawn per group.
        encode: words to the encoder's inputs.
        schema: labels and kinds.
        size: sentences per batch.
        seed: of the draw, which depends on it and the step alone.
    """
    names = np.array(groups, dtype=np.str_)
    lengths = np.array([len(each.words) for each in sentences])

    def make(step: int) -> TagBatch:
        pool, place = divmod(step, POOL)
        rows = draw(names, shares, size=size * POOL, seed=seed, step=pool)
        order = rows[np.argsort(lengths[rows], kind="stable")]
        part = generator(seed, "bucket", pool).permutation(POOL)[place]
        return batch_of([sentences[row] for row in order[part * size : (part + 1) * size]], encode, schema)

    return make
