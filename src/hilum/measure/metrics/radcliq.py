"""RadCliQ's published linear models as they are, and the same form over our own parts, which is not RadCliQ."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError, MissingError
from hilum.core.registry import register
from hilum.measure.metric import metric
from hilum.measure.pairs import ReportPairs, labels, unanswered
from hilum.measure.scored import Floats, Scored, averaged, ratio, signature

Version = Literal["v0", "v1"]
COLUMNS = ("radgraph", "bertscore", "chexbert", "bleu-2")
"""What a RadCliQ model takes, in order: mean of RadGraph's entity and relation F1; BERTScore (distilroberta-base,
rescaled, idf); cosine of CheXbert's embeddings; BLEU-2."""
_SET = "chexpert-14"
_VERSION = 1


class Model(NamedTuple):
    """A linear model over z-scores of `COLUMNS`; lower is better.

    Args:
        mean, scale: of each column over the fitted pairs.
        weights: of each z-score.
        intercept: added to the sum.
        fitted_on: number of pairs.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float
    fitted_on: int


V0 = Model(
    (0.539838, 0.631255, 0.771680, 0.460737), (0.301834, 0.224670, 0.247503, 0.303367),
    (-0.479625, -0.676217, -0.463666, 0.216586), 1.641667, 200,
)  # fmt: skip
"""RadCliQ-v0. Its weight of BLEU-2 is positive: more words in common make the score worse."""
V1 = Model(
    (0.53792312, 0.61757256, 0.76479421, 0.44738335), (0.30282584, 0.22430938, 0.25394391, 0.29892717),
    (-0.377083683, -0.3703001, -0.252616218, 4.31504841e-12), 2.46655256e-10, 160,
)  # fmt: skip
"""RadCliQ-v1. Its weight of BLEU-2 is nothing: four columns go in, three count."""


def model_of(version: Version) -> Model:
    """Return a published model; raises InputError if there is none of that version."""
    if version not in get_args(Version):
        raise InputError(f"RadCliQ's version must be one of {', '.join(get_args(Version))}, got '{version}'")
    return V0 if version == "v0" else V1


def radcliq(columns: NDArray[np.float64] | Sequence[Sequence[float]], version: Version = "v1") -> Floats:
    """Return RadCliQ of each row, raw: lower is better, and below 0 for good answers.

    A perfect row (all 1) comes to -0.242 in v0 and -1.441 in v1. Some leaderboards print 1 / mean, which turns the
    order round and breaks where the mean crosses 0; it is not offered here.

    Args:
        columns: (N, 4), as `COLUMNS`.
        version: of the model.

    Raises:
        InputError: if the columns are not four, or the version is unknown.

    Source: Yu et al. 2023, rajpurkarlab/CXR-Report-Metric.
    """
    model = model_of(version)
    table = np.asarray(columns, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] != len(COLUMNS):
        raise InputError(f"RadCliQ takes rows of {len(COLUMNS)} values ({', '.join(COLUMNS)}), got shape {table.shape}")
    z = (table - np.array(model.mean)) / np.array(model.scale)
    return np.asarray(z @ np.array(model.weights) + model.intercept)


def label_cosine(pairs: ReportPairs) -> Floats:
    """Return the cosine of each pair's label vectors: 14 labels, each present, absent or uncertain; NaN without any."""

    def made(given: ReportPairs) -> Floats:
        rows = [
            (len(one.items() & other.items()), len(one) * len(other), len(one) + len(other))
            for one, other in zip(*labels(given, _SET), strict=True)
        ]
        shared, product, total = np.array(rows, dtype=np.float64).T
        return np.where(total > 0, np.where(product > 0, shared / np.sqrt(np.maximum(product, 1.0)), 0.0), np.nan)

    return pairs.once(("label cosine", _SET), made)


def _columns(pairs: ReportPairs, encoder: str, baseline: float | None = None) -> Floats:
    """Our own parts in RadCliQ's order; zeros for BERTScore where there is no encoder."""
    graph = metric("graph-f1/entity-relation")(pairs).values
    bleu = metric("bleu-2")(pairs).values
    similarity = np.zeros(len(pairs))
    if encoder:
        similarity = metric("bertscore")(pairs, encoder=encoder, idf=True, baseline=baseline).values
    return np.stack([graph, similarity, label_cosine(pairs), bleu], axis=1)


def _scored(name: str, pairs: ReportPairs, values: Floats, said: str, notes: list[dict[str, float]]) -> Scored:
    unscored = unanswered(pairs)
    values[list(unscored)] = np.nan
    for number in np.flatnonzero(np.isnan(values)):
        unscored.setdefault(int(number), "one of its parts is undefined for this pair")
    return averaged(name, values, said, better="lower", unscored=unscored, notes=notes)


@register.metric(
    "radcliq/hilum",
    better="lower",
    takes="report",
    over="set",
    version=_VERSION,
    needs="an encoder (HILUM_ENCODER)",
)
def radcliq_hilum(
    pairs: ReportPairs, encoder: str = "", baseline: float | None = None, version: Version = "v1"
) -> Scored:  # fmt: skip
    """RadCliQ's linear form over our own graph F1, label cosine, BLEU-2 and BERTScore; not RadCliQ, lower is better.

    Args:
        pairs: reports.
        encoder: local folder of the encoder for BERTScore (idf, as RadCliQ has it); HILUM_ENCODER by default.
        baseline: BERTScore of unrelated texts by that encoder, moved to 0 as RadCliQ has it; not moved by default.
        version: of the published model whose coefficients and scaling are taken.

    Raises:
        MissingError: if no encoder is named.
    """
    encoder = encoder or os.environ.get("HILUM_ENCODER", "")
    if not encoder:
        raise MissingError(
            "'radcliq/hilum' needs a local text encoder for BERTScore: name its folder (encoder=... or HILUM_ENCODER), "
            "or take 'radcliq/hilum-without-bertscore'"
        )
    columns = _columns(pairs, encoder, baseline)
    said = signature(
        "radcliq/hilum", _VERSION, is_radcliq="no", form=version, graph="hilum", labels="hilum",
        bertscore=Path(encoder).name, baseline=baseline,
    )  # fmt: skip
    notes = [dict(zip(COLUMNS, map(float, row), strict=True)) for row in columns]
    return _scored("radcliq/hilum", pairs, radcliq(columns, version), said, notes)


@register.metric("radcliq/hilum-without-bertscore", better="lower", takes="report", over="set", version=_VERSION)
def without_bertscore(pairs: ReportPairs, version: Version = "v1") -> Scored:
    """RadCliQ's linear form over our own graph F1, label cosine and BLEU-2 only; not RadCliQ, lower is better.

    Args:
        pairs: reports.
        version: of the published model whose other coefficients and scaling are taken; BERTScore stands at its mean.
    """
    columns = _columns(pairs, "")
    columns[:, 1] = model_of(version).mean[1]
    said = signature(
        "radcliq/hilum-without-bertscore", _VERSION, is_radcliq="no", form=version, graph="hilum", labels="hilum",
        bertscore="none",
    )  # fmt: skip
    names = [name for name in COLUMNS if name != "bertscore"]
    notes = [dict(zip(names, map(float, row), strict=True)) for row in np.delete(columns, 1, axis=1)]
    return _scored("radcliq/hilum-without-bertscore", pairs, radcliq(columns, version), said, notes)


def bleu_weight(version: Version) -> float:
    """Return what one more point of BLEU-2 does to RadCliQ; above 0 makes it worse."""
    model = model_of(version)
    return float(ratio(np.array([model.weights[3]]), np.array([model.scale[3]]))[0])
