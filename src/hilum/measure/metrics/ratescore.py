"""RaTEScore by its own models: entities, nearest by cosine, weighted by class, less where they contradict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from hilum.core.errors import InputError
from hilum.core.registry import register
from hilum.measure.adapters.rate import Affinity, Rate, Table, affinity, load_rate
from hilum.measure.entities import Found
from hilum.measure.metrics.entity_similarity import similarity
from hilum.measure.pairs import ReportPairs, texts, unanswered
from hilum.measure.scored import Scored, averaged, signature

Empty = Literal["published", "undefined"]


@register.metric(
    "ratescore", better="higher", takes="report", over="set", range=(-1, 1), version=1,
    needs="RaTEScore's weights (HILUM_WEIGHTS) and the extra 'language'",
)  # fmt: skip
def ratescore(
    pairs: ReportPairs, table: Table = "long", empty: Empty = "published", weights: str | Path | None = None,
    device: str = "cpu",
) -> Scored:  # fmt: skip
    """Similarity of both reports' medical entities by RaTEScore's own models and weights (RaTEScore).

    Args:
        pairs: reports.
        table: 'long', the published default, which leaves 0.8717 of a similarity where one entity is affirmed and the
            other denied, or 'short', which leaves 0.3612.
        empty: a pair where a side has no entity is 0.5 as 'published', or 'undefined'.
        weights: the folder that holds ner/ and encoder/; 'ratescore' in the folder that HILUM_WEIGHTS names by default.
        device: 'cpu', 'cuda' ...

    Raises:
        MissingError: if the weights or the extra 'language' are not there.
        InputError: if a choice is unknown, a folder is not such a model, or the device is not there.
    """
    if empty not in get_args(Empty):
        raise InputError(f"empty must be one of {', '.join(get_args(Empty))}, got '{empty}'")
    chosen = affinity(table)
    models = load_rate("ratescore", weights, device)
    distinct = sorted({text for side in texts(pairs) for text in side})
    known = dict(zip(distinct, models.entities(distinct), strict=True))
    unscored, values, notes = unanswered(pairs), np.full(len(pairs), np.nan), []
    for number, both in enumerate(zip(*texts(pairs), strict=True)):
        reference, answer = (known[text] for text in both)
        notes.append({"reference": [list(e) for e in reference], "answer": [list(e) for e in answer]})
        if empty == "undefined" and not (reference and answer):
            unscored.setdefault(number, "a side has no entity (RaTEScore says 0.5)")
        if number in unscored:
            continue
        values[number] = _value(models, reference, answer, chosen)
    said = signature("ratescore", 1, **models.said, table=table, polarity=f"{chosen.polarity:.4f}", empty=empty)
    return averaged("ratescore", values, said, unscored=unscored, notes=notes)


def _value(models: Rate, reference: Sequence[Found], answer: Sequence[Found], chosen: Affinity) -> float:
    cosines = models.cosines([entity.words for side in (reference, answer) for entity in side])

    def alike(one: str, other: str) -> float:
        return cosines[one, other]

    return similarity(reference, answer, chosen.polarity, alike, chosen.weights)
