"""ROUGE in two conventions: the COCO caption tools' ROUGE-L and Google's rouge-score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hilum.core.registry import register
from hilum.measure.lexical import Coco, answered, coco_case, grams, token_lists
from hilum.measure.pairs import ReportPairs
from hilum.measure.scored import Floats, Scored, averaged, signature

_BETA = 1.2


def common(reference: Sequence[str], answer: Sequence[str]) -> int:
    """Return the length of the longest common subsequence, counted in the bits of one integer (Hyyro 2004)."""
    places: dict[str, int] = {}
    for bit, token in enumerate(reference):
        places[token] = places.get(token, 0) | 1 << bit
    state = full = (1 << len(reference)) - 1
    for token in answer:
        here = places.get(token)
        if here:
            found = state & here
            state = (state + found) | (state - found)
    return (~state & full).bit_count()


def _common(pairs: ReportPairs, tokens: str) -> Floats:
    """(N, 3) common subsequence and lengths of reference and answer."""

    def make(given: ReportPairs) -> Floats:
        rows = [(common(r, a), len(r), len(a)) for r, a in zip(*token_lists(given, tokens), strict=True)]
        return np.array(rows, dtype=np.float64).reshape(-1, 3)

    return pairs.once(("common", tokens), make)


@register.metric("rouge-l", better="higher", takes="report", over="set", range=(0, 1), version=1)
def rouge_l(pairs: ReportPairs, tokens: Coco = "ptb") -> Scored:
    """Longest common subsequence of words, F with beta 1.2, mean over reports (ROUGE-L, COCO convention)."""
    case, found = coco_case(tokens), answered(pairs)
    shared, reference, answer = _common(pairs, tokens).T
    nothing = (reference == 0) & (answer == 0)  # pycocoevalcap: an empty text is one empty token
    shared = np.where(nothing, 1.0, shared)
    precision, recall = shared / np.maximum(answer, 1), shared / np.maximum(reference, 1)
    under = recall + _BETA**2 * precision
    values = np.where(shared > 0, (1 + _BETA**2) * precision * recall / np.where(under > 0, under, 1.0), 0.0)
    said = signature("rouge-l", 1, tok=tokens, case=case, beta=_BETA, like="pycocoevalcap-1.2")
    return averaged("rouge-l", found.spread(values), said, unscored=found.unscored)


def _f(shared: Floats, reference: Floats, answer: Floats) -> Floats:
    """Harmonic mean of precision and recall in rouge-score's order of steps; 0 where nothing is shared."""
    precision, recall = shared / np.maximum(answer, 1), shared / np.maximum(reference, 1)
    total = precision + recall
    return np.where(total > 0, 2 * precision * recall / np.where(total > 0, total, 1.0), 0.0)


def _google(pairs: ReportPairs, name: str, values: Floats, stemmer: bool) -> Scored:
    found = answered(pairs)
    said = signature(name, 1, tok="words", case="lower", stemmer="on" if stemmer else "off", like="rouge-score-0.1.2")
    return averaged(name, found.spread(values), said, unscored=found.unscored)


def _google_n(pairs: ReportPairs, order: int, stemmer: bool) -> Scored:
    counted = grams(pairs, "stems" if stemmer else "words", 2)
    size = counted.lengths.shape[1]
    lengths = np.maximum(counted.lengths - (order - 1), 0).astype(np.float64)
    shared = counted.orders[order - 1].clipped(size)
    return _google(pairs, f"rouge-{order}/rouge-score", _f(shared, lengths[0], lengths[1]), stemmer)


@register.metric("rouge-1/rouge-score", better="higher", takes="report", over="set", range=(0, 1), version=1)
def rouge_1_google(pairs: ReportPairs, stemmer: bool = False) -> Scored:
    """F1 of single words as the rouge-score package counts them; `stemmer` compares Porter stems."""
    return _google_n(pairs, 1, stemmer)


@register.metric("rouge-2/rouge-score", better="higher", takes="report", over="set", range=(0, 1), version=1)
def rouge_2_google(pairs: ReportPairs, stemmer: bool = False) -> Scored:
    """F1 of pairs of words as the rouge-score package counts them; `stemmer` compares Porter stems."""
    return _google_n(pairs, 2, stemmer)


@register.metric("rouge-l/rouge-score", better="higher", takes="report", over="set", range=(0, 1), version=1)
def rouge_l_google(pairs: ReportPairs, stemmer: bool = False) -> Scored:
    """F1 of the longest common subsequence as the rouge-score package counts it; `stemmer` compares Porter stems."""
    shared, reference, answer = _common(pairs, "stems" if stemmer else "words").T
    return _google(pairs, "rouge-l/rouge-score", _f(shared, reference, answer), stemmer)
