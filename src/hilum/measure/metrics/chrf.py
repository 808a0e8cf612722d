"""chrF: runs of characters shared with the reference, as sacreBLEU counts them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hilum.core.registry import register
from hilum.measure.lexical import answered
from hilum.measure.pairs import ReportPairs
from hilum.measure.scored import Floats, Scored, signature, summed

_ORDERS, _BETA, _BITS, _BLOCK = 6, 2.0, 62, 16
Codes = NDArray[np.int64]


def _codes(texts: Sequence[str]) -> tuple[Codes, Codes]:
    """Code points of all texts in one row, and which text each stands in."""
    stream = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.int64)
    return stream, np.repeat(np.arange(len(texts)), [len(text) for text in texts])


def _matches(references: Sequence[str], answers: Sequence[str]) -> Floats:
    """(N, 6) clipped matches of runs of one to six characters; by blocks, which fit the processor's memory."""
    starts = range(0, len(references), _BLOCK)
    blocks = [_block(references[at : at + _BLOCK], answers[at : at + _BLOCK]) for at in starts]
    return np.concatenate(blocks) if blocks else np.zeros((0, _ORDERS))


def _block(references: Sequence[str], answers: Sequence[str]) -> Floats:
    sides = [_codes(references), _codes(answers)]
    alphabet = np.unique(np.concatenate([sides[0][0], sides[1][0]]))
    bits = max(int(len(alphabet) - 1).bit_length(), 1)
    if bits * _ORDERS + len(references).bit_length() > _BITS:
        return np.array([_by_hand(r, a) for r, a in zip(references, answers, strict=True)], dtype=np.float64)
    packed = [(np.searchsorted(alphabet, stream), where) for stream, where in sides]
    runs = [codes for codes, _ in packed]
    found = np.zeros((len(references), _ORDERS))
    for order in range(_ORDERS):
        keys = []
        for side, (codes, where) in enumerate(packed):
            if order:
                runs[side] = (runs[side][:-1] << bits) | codes[order:]
            inside = where[: len(runs[side])] == where[order:]
            pair = where[: len(runs[side])][inside]
            keys.append(np.unique((pair << (bits * _ORDERS)) | runs[side][inside], return_counts=True))
        both, left, right = np.intersect1d(keys[0][0], keys[1][0], assume_unique=True, return_indices=True)
        least = np.minimum(keys[0][1][left], keys[1][1][right])
        found[:, order] = np.bincount(both >> (bits * _ORDERS), weights=least, minlength=len(references))
    return found


def _by_hand(reference: str, answer: str) -> list[int]:
    """Clipped matches of one pair, for sets whose alphabet is too large to pack six characters in one number."""

    def runs(text: str, order: int) -> Counter[str]:
        return Counter(text[start : start + order] for start in range(len(text) - order + 1))

    return [(runs(reference, order) & runs(answer, order)).total() for order in range(1, _ORDERS + 1)]


def _f(sums: Floats) -> Floats:
    """ChrF of rows (1, 6 x answer runs, 6 x reference runs, 6 x matches)."""
    there, answer, reference, matched = sums[:, 0], sums[:, 1:7], sums[:, 7:13], sums[:, 13:19]
    both = (answer > 0) & (reference > 0)
    orders = np.maximum(both.sum(axis=1), 1)
    precision = np.where(both, matched / np.where(answer > 0, answer, 1.0), 0.0).sum(axis=1) / orders
    recall = np.where(both, matched / np.where(reference > 0, reference, 1.0), 0.0).sum(axis=1) / orders
    under = _BETA**2 * precision + recall
    value = 100 * (1 + _BETA**2) * precision * recall / np.where(under > 0, under, 1.0)
    return np.where(there > 0, value, np.nan)


@register.metric("chrf/sacrebleu", better="higher", takes="report", over="set", range=(0, 100), version=1)
def chrf_sacrebleu(pairs: ReportPairs) -> Scored:
    """F2 of runs of one to six characters, blanks left out, 0 to 100, as sacreBLEU's defaults give it (chrF2)."""
    found = answered(pairs)
    references, answers = (["".join(text.split()) for text in side] for side in (found.references, found.answers))
    lengths = np.array([[len(r), len(a)] for r, a in zip(references, answers, strict=True)], dtype=float).reshape(-1, 2)
    runs = np.maximum(lengths[:, :, None] - np.arange(_ORDERS), 0.0)
    counted = np.where(runs[:, 0] > 0, runs[:, 1], 0.0)  # an answer's runs count only where the reference has some
    rows = np.column_stack([np.ones(len(lengths)), counted, runs[:, 0], _matches(references, answers)])
    table = found.spread(rows, 0.0)
    said = signature(
        "chrf/sacrebleu", 1, nrefs=1, case="mixed", eff="yes", nc=6, nw=0, space="no", like="sacrebleu-2.6"
    )
    return summed("chrf/sacrebleu", _f(table), table, _f, said, unscored=found.unscored)
