"""Sentences with labelled spans and relations between them: what a span tagger learns, and how it is read; no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.seed import generator

WIDEST = 8
"""Words of the longest span; as in `hilum.nets.spans`."""


@dataclass(frozen=True)
class Schema:
    """Which labels and relations there are.

    Args:
        labels: entity labels.
        kinds: relation kinds.
        allowed: kind -> pairs (from, to) of label prefixes it may join, e.g. {'located_at': (('OBS', 'ANAT'),)}.
    """

    labels: tuple[str, ...]
    kinds: tuple[str, ...]
    allowed: Mapping[str, tuple[tuple[str, str], ...]]

    def permits(self, kind: str, source: str, target: str) -> bool:
        """Whether a relation of this kind may run from one label to another."""
        return any(source.startswith(a) and target.startswith(b) for a, b in self.allowed[kind])


class Entity(NamedTuple):
    """Words [first, last], both included, and the label."""

    first: int
    last: int
    label: str


class Tagged(NamedTuple):
    """A sentence with its entities and relations (number of the entity, number of the target, kind)."""

    words: tuple[str, ...]
    entities: tuple[Entity, ...] = ()
    relations: tuple[tuple[int, int, str], ...] = ()


def span_number(first: int, last: int) -> int:
    """Return the place of a span in the tagger's output.

    Raises:
        InputError: if the span is longer than 8 words or empty.
    """
    if not 0 <= last - first < WIDEST:
        raise InputError(f"a span of {last - first + 1} words (from word {first}): 1 to {WIDEST} are expected")
    return first * WIDEST + last - first


def decode(
    words: Sequence[str],
    entities: NDArray[np.float32],
    kept: NDArray[np.int64],
    relations: NDArray[np.float32],
    schema: Schema,
) -> Tagged:
    """Read a tagger's scores of one sentence: the surest spans that do not overlap, then permitted relations.

    A span or a pair is told only where a label beats the null class, whose score is 0. A pair has at most one kind,
    the best of those that its labels permit.

    Args:
        words: of the sentence.
        entities: (S, labels).
        kept: (K,) spans, -1 for none.
        relations: (K, K, kinds).
        schema: names of labels and kinds, and what they permit.
    """
    taken = np.zeros(len(words), bool)
    found: dict[int, Entity] = {}
    best = entities.max(axis=1)
    for span in sorted(np.flatnonzero(best > 0).tolist(), key=lambda number: -best[number]):
        first, last = span // WIDEST, span // WIDEST + span % WIDEST
        if last < len(words) and not taken[first : last + 1].any():
            taken[first : last + 1] = True
            found[span] = Entity(first, last, schema.labels[int(entities[span].argmax())])
    order = sorted(found)
    places = {span: number for number, span in enumerate(order)}
    rows = [(row, places[span]) for row, span in enumerate(kept.tolist()) if span in places]
    named = tuple(found[span] for span in order)
    linked = [
        (one, two, kind)
        for row, one in rows
        for column, two in rows
        if row != column and (kind := _kind(relations[row, column], named[one], named[two], schema))
    ]
    return Tagged(tuple(words), named, tuple(sorted(linked)))


def _kind(scores: NDArray[np.float32], source: Entity, target: Entity, schema: Schema) -> str:
    """The best permitted kind that beats the null class, or ''."""
    ranked = [
        (float(score), kind)
        for kind, score in zip(schema.kinds, scores, strict=True)
        if score > 0 and schema.permits(kind, source.label, target.label)
    ]
    return max(ranked)[1] if ranked else ""


def attach(sentence: Tagged, *, nearest: bool) -> Tagged:
    """Return the sentence with relations by co-occurrence alone: the ablation of a relation head.

    Every observation is located at every anatomy of the sentence, and every entity modifies each later one of its type;
    with `nearest`, an observation is located at the nearest anatomy only, and an entity modifies the word after it.
    """
    linked = []
    for one, source in enumerate(sentence.entities):
        for two, target in enumerate(sentence.entities):
            same = source.label[:3] == target.label[:3]
            located = source.label.startswith("OBS") and not same
            if nearest and same and target.first != source.last + 1:
                continue
            if (same and one < two) or (located and (not nearest or two == _nearest(sentence, one))):
                linked.append((one, two, "modify" if same else "located_at"))
    return sentence._replace(relations=tuple(linked))


def _nearest(sentence: Tagged, number: int) -> int:
    """The anatomy with the fewest words between, the later of two; -1 without one."""
    here = sentence.entities[number]
    places = [(abs(e.first - here.first), -n, n) for n, e in enumerate(sentence.entities) if e.label.startswith("ANAT")]
    return min(places)[2] if places else -1


def shuffled(sentence: Tagged, *, seed: int) -> Tagged:
    """Return the sentence with its labels dealt anew among its spans: the negative control.

    Spans stay where they are; entity labels are permuted, and every relation's ends are drawn anew among the entities.
    """
    if len(sentence.entities) < 2:
        return sentence
    draw = generator(seed, "shuffle", *sentence.words)
    dealt = draw.permutation(len(sentence.entities)).tolist()
    labels = [sentence.entities[number].label for number in dealt]
    entities = tuple(e._replace(label=label) for e, label in zip(sentence.entities, labels, strict=True))
    ends = (draw.choice(len(entities), 2, replace=False).tolist() for _ in sentence.relations)
    drawn = {(one, two): kind for (one, two), (_, _, kind) in zip(ends, sentence.relations, strict=True)}
    return Tagged(sentence.words, entities, tuple(sorted((*pair, kind) for pair, kind in drawn.items())))
