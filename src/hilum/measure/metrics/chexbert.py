"""F1 of the CheXpert labels that CheXbert reads from both reports, by its own weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hilum.core.registry import register
from hilum.measure import label_cells
from hilum.measure.adapters.chexbert import CONDITIONS, load_chexbert
from hilum.measure.label_cells import FIVE, Cells, Uncertain, Undefined
from hilum.measure.pairs import ReportPairs, texts, unanswered
from hilum.measure.scored import Floats, Scored, averaged, signature

_VERSION = 1
_STATES = ("", "present", "absent", "uncertain")
_NEEDS = "CheXbert's weights (HILUM_WEIGHTS) and the extra 'language'"
Folder = str | Path | None


def _cells(name: str, pairs: ReportPairs, weights: Folder) -> Cells:
    def read(given: ReportPairs) -> Cells:
        labeler = load_chexbert(name, weights)
        distinct = sorted({text for side in texts(given) for text in side})
        known = dict(zip(distinct, labeler.label(distinct), strict=True))
        references, answers = (np.stack([known[text] for text in side]) for side in texts(given))
        notes = tuple(
            {label: [_STATES[one[n]], _STATES[other[n]]] for n, label in enumerate(CONDITIONS) if one[n] != other[n]}
            for one, other in zip(references, answers, strict=True)
        )
        return Cells(CONDITIONS, references, answers, unanswered(given), labeler.said, _VERSION, notes)

    return pairs.once(("chexbert", str(weights)), read)


@register.metric(
    "f1-chexbert/micro-14", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION, needs=_NEEDS
)
def micro_14(pairs: ReportPairs, uncertain: Uncertain = "present", weights: Folder = None) -> Scored:
    """F1 over all cells of the 14 labels that CheXbert reads (F1-CheXbert).

    Args:
        pairs: reports.
        uncertain: see `label_cells.label_counts`; the field's reading is the default.
        weights: CheXbert's folder; 'chexbert' in the folder that HILUM_WEIGHTS names by default.

    Raises:
        MissingError: if the weights or the extra 'language' are not there.
        InputError: if the tensors are not CheXbert's.
    """
    return label_cells.micro("f1-chexbert/micro-14", _cells("f1-chexbert/micro-14", pairs, weights), uncertain)


@register.metric(
    "f1-chexbert/macro-14", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION, needs=_NEEDS
)
def macro_14(
    pairs: ReportPairs, uncertain: Uncertain = "present", undefined: Undefined = "zero", weights: Folder = None
) -> Scored:
    """Mean F1 of the 14 labels that CheXbert reads.

    Args:
        pairs, uncertain, weights: see 'micro-14'.
        undefined: a label that neither side holds counts 'zero', as published, or is 'left-out' of the mean.
    """
    name = "f1-chexbert/macro-14"
    return label_cells.macro(name, _cells(name, pairs, weights), uncertain, undefined)


@register.metric(
    "f1-chexbert/micro-5", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION, needs=_NEEDS
)
def micro_5(pairs: ReportPairs, uncertain: Uncertain = "present", weights: Folder = None) -> Scored:
    """F1 over all cells of five labels that CheXbert reads (`label_cells.FIVE`); options as for 'micro-14'."""
    return label_cells.micro("f1-chexbert/micro-5", _cells("f1-chexbert/micro-5", pairs, weights), uncertain, FIVE)


@register.metric(
    "f1-chexbert/macro-5", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION, needs=_NEEDS
)
def macro_5(
    pairs: ReportPairs, uncertain: Uncertain = "present", undefined: Undefined = "zero", weights: Folder = None
) -> Scored:
    """Mean F1 of five labels that CheXbert reads (`label_cells.FIVE`); options as for 'macro-14'."""
    name = "f1-chexbert/macro-5"
    return label_cells.macro(name, _cells(name, pairs, weights), uncertain, undefined, FIVE)


@register.metric(
    "f1-chexbert/example", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION, needs=_NEEDS
)
def example(
    pairs: ReportPairs, uncertain: Uncertain = "present", undefined: Undefined = "zero", weights: Folder = None
) -> Scored:
    """Mean over reports of the F1 of each one's 14 labels that CheXbert reads; options as for 'macro-14'."""
    name = "f1-chexbert/example"
    return label_cells.example(name, _cells(name, pairs, weights), uncertain, undefined)


@register.metric(
    "chexbert/cosine", better="higher", takes="report", over="set", range=(-1, 1), version=_VERSION, needs=_NEEDS
)
def cosine(pairs: ReportPairs, weights: Folder = None) -> Scored:
    """Cosine of both reports' CheXbert vectors (SembScore; one of RadCliQ's four parts).

    Args:
        pairs, weights: see 'micro-14'.
    """
    labeler = load_chexbert("chexbert/cosine", weights)
    one, other = (_unit(labeler.vectors(side)) for side in texts(pairs))
    values = np.sum(one * other, axis=1)
    unscored = unanswered(pairs)
    values[list(unscored)] = np.nan
    said = signature("chexbert/cosine", _VERSION, **labeler.said)
    return averaged("chexbert/cosine", values, said, unscored=unscored)


def _unit(vectors: Floats) -> Floats:
    norms: Floats = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / norms
