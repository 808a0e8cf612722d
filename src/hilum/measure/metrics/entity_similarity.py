"""RaTEScore's formula on our own entities, with a spelling stand-in for its encoder of medical terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

import numpy as np

from hilum.core.errors import InputError
from hilum.core.registry import register
from hilum.measure.entities import NEGATIVE, POSITIVE, Found, entities, spelled_alike
from hilum.measure.pairs import ReportPairs, unanswered
from hilum.measure.scored import Scored, averaged, signature

POLARITY = {"hilum": 0.0, "long": 0.8717, "short": 0.3612}
"""What is left of a similarity where one entity is affirmed and the other denied. 'long' and 'short' are RaTEScore's
published tables: under 'long', its default, a negation flip costs 13 % only. Ours leaves nothing."""
_EMPTY_SIDE = 0.5
_VERSION = 1
Empty = Literal["undefined", "published"]
Alike = Callable[[str, str], float]


def similarity(
    reference: Sequence[Found], answer: Sequence[Found], factor: float, alike: Alike = spelled_alike,
    weights: Mapping[tuple[str, str], float] | None = None,
) -> float:  # fmt: skip
    """Return the harmonic mean of both directions; `_EMPTY_SIDE` of RaTEScore, 0.5, where a side has no entity.

    In each direction every entity is held against the nearest one of the other side, by words alone; where the two
    contradict each other `factor` of their similarity is left; the direction is the mean of that.

    Args:
        reference, answer: entities.
        factor: see `POLARITY`.
        alike: similarity [0, 1] of two phrases; cosines [-1, 1] where weights are given.
        weights: (class of an entity, class of its nearest) -> its weight in the mean; all count alike by default.
    """
    if not reference or not answer:
        return _EMPTY_SIDE
    one, other = _directions(reference, answer, factor, alike, weights)
    return 2 * one * other / (one + other) if one + other > 0 else 0.0


Nearest = tuple[float, float, str]
"""Similarity, what is left of it where the two contradict each other, and the class of the nearest entity."""


def _directions(
    references: Sequence[Found], answers: Sequence[Found], factor: float, alike: Alike,
    weights: Mapping[tuple[str, str], float] | None,
) -> tuple[float, float]:  # fmt: skip
    """Mean of what the nearest of the other side leaves, in both directions; of two as near, the one that agrees."""
    back: list[Nearest] = [(-2.0, 0.0, "")] * len(answers)
    there: list[Nearest] = []
    signs = [_sign(answer.kind) for answer in answers]
    for reference in references:
        sign, best = _sign(reference.kind), (-2.0, 0.0, "")
        for place, answer in enumerate(answers):
            near = alike(reference.words, answer.words)
            if near < best[0] and near < back[place][0]:
                continue
            left = factor if sign * signs[place] < 0 else 1.0
            best = max(best, (near, left, answer.kind))
            back[place] = max(back[place], (near, left, reference.kind))
        there.append(best)
    return _mean(references, there, weights), _mean(answers, back, weights)


def _mean(
    sources: Sequence[Found], nearest: Sequence[Nearest], weights: Mapping[tuple[str, str], float] | None
) -> float:
    if weights is None:
        return sum(max(near, 0.0) * left for near, left, _ in nearest) / len(sources)
    each = [weights[source.kind, kind] for source, (_, _, kind) in zip(sources, nearest, strict=True)]
    total = sum(each)
    return sum(w * near * left for w, (near, left, _) in zip(each, nearest, strict=True)) / total if total else 0.0


def _sign(kind: str) -> int:
    """1 for what is affirmed, -1 for what is denied or normal, 0 for anatomy."""
    return 1 if kind in POSITIVE else -1 if kind in NEGATIVE else 0


@register.metric("entity-similarity", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION)
def entity_similarity(
    pairs: ReportPairs, polarity: str = "hilum", empty: Empty = "undefined", alike: Alike | None = None,
    encoder: str = "",
) -> Scored:  # fmt: skip
    """Similarity of the entities of both reports, RaTEScore's form; entities and similarity are ours, not RaTEScore's.

    Args:
        pairs: reports.
        polarity: name of a factor in `POLARITY`.
        empty: a pair where a side has no entity is 'undefined', or 0.5 as 'published'.
        alike: similarity of two phrases, e.g. cosines of a local encoder; by default `entities.spelled_alike`.
        encoder: what the signature calls `alike`; must be given with it.

    Raises:
        InputError: if a choice is unknown, or an own similarity has no name.
    """
    if polarity not in POLARITY:
        raise InputError(f"polarity must be one of {', '.join(POLARITY)}, got '{polarity}'")
    if empty not in get_args(Empty):
        raise InputError(f"empty must be one of {', '.join(get_args(Empty))}, got '{empty}'")
    if (alike is None) != (not encoder):
        raise InputError("a similarity of your own needs both: 'alike' (the function) and 'encoder' (its name)")
    unscored = unanswered(pairs)
    values, notes = np.full(len(pairs), np.nan), []
    known: dict[tuple[int, int], float] = {}
    for number, (reference, answer) in enumerate(zip(*entities(pairs), strict=True)):
        notes.append(_note(reference, answer))
        if number in unscored:
            continue
        if empty == "undefined" and not (reference and answer):
            unscored[number] = "a side has no entity (RaTEScore would say 0.5)"
            continue
        key = id(reference), id(answer)
        if key not in known:
            known[key] = similarity(reference, answer, POLARITY[polarity], alike or spelled_alike)
        values[number] = known[key]
    said = signature(
        "entity-similarity", _VERSION, entities="hilum", alike=encoder or "char-3-4-tfidf",
        polarity=f"{polarity}-{POLARITY[polarity]:g}", empty=empty,
    )  # fmt: skip
    return averaged("entity-similarity", values, said, unscored=unscored, notes=notes)


def _note(reference: Sequence[Found], answer: Sequence[Found]) -> dict[str, Any]:
    """What only one side has, as [words, class]."""
    one, other = set(reference), set(answer)
    return {
        "reference only": [list(each) for each in reference if each not in other],
        "answer only": [list(each) for each in answer if each not in one],
    }
