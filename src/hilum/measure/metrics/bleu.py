"""BLEU in two conventions: the COCO caption tools' (BLEU-1 to BLEU-4) and sacreBLEU's."""

from __future__ import annotations

import numpy as np

from hilum.core.registry import register
from hilum.measure.lexical import Coco, answered, coco_case, grams
from hilum.measure.pairs import ReportPairs
from hilum.measure.scored import Floats, Scored, signature, summed

_SMALL, _TINY = 1e-9, 1e-15  # pycocoevalcap's guards against 0 / 0; they are part of its values
_LOWEST = -9999999999.0  # sacreBLEU's logarithm of 0


def _table(pairs: ReportPairs, tokens: str) -> Floats:
    """Rows (1, reference tokens, answer tokens, matches of 1 to 4 words) of the answered pairs, zeros elsewhere."""

    def make(given: ReportPairs) -> Floats:
        counted = grams(given, tokens)
        lengths = counted.lengths.astype(np.float64)
        rows = np.column_stack([np.ones(lengths.shape[1]), lengths[0], lengths[1], counted.clipped()])
        return answered(given).spread(rows, 0.0)

    return pairs.once(("bleu", tokens), make)


def _guesses(rows: Floats, lengths: Floats) -> Floats:
    """(N, 4) n-grams of each answer."""
    return np.maximum(lengths[:, None] - np.arange(4), 0.0) * rows[:, :1]


def _coco(sums: Floats, order: int) -> Floats:
    there, reference, answer = sums[:, 0], sums[:, 1], sums[:, 2]
    matched, guessed = sums[:, 3:7], sums[:, 7:11]
    precisions = (matched[:, :order] + _TINY) / (guessed[:, :order] + _SMALL)
    value = np.prod(precisions, axis=1) ** (1.0 / order)
    ratio = (answer + _TINY) / (reference + _SMALL)
    brevity = np.where(ratio < 1, np.exp(1 - 1 / ratio), 1.0)
    return np.where(there > 0, value * brevity, np.nan)


def _bleu(pairs: ReportPairs, order: int, tokens: Coco) -> Scored:
    case, rows = coco_case(tokens), _table(pairs, tokens)
    statistics = np.column_stack([rows, _guesses(rows, rows[:, 2])])
    name = f"bleu-{order}"
    said = signature(name, 1, tok=tokens, case=case, eff="closest", smooth="none", like="pycocoevalcap-1.2")
    return summed(
        name, _coco(statistics, order), statistics, lambda sums: _coco(sums, order), said,
        unscored=answered(pairs).unscored,
    )  # fmt: skip


@register.metric("bleu-1", better="higher", takes="report", over="set", range=(0, 1), version=1)
def bleu_1(pairs: ReportPairs, tokens: Coco = "ptb") -> Scored:
    """Words of the answers that their references hold, with a penalty for short answers (BLEU-1, COCO convention)."""
    return _bleu(pairs, 1, tokens)


@register.metric("bleu-2", better="higher", takes="report", over="set", range=(0, 1), version=1)
def bleu_2(pairs: ReportPairs, tokens: Coco = "ptb") -> Scored:
    """BLEU over runs of one and two words in the convention of the COCO caption tools."""
    return _bleu(pairs, 2, tokens)


@register.metric("bleu-3", better="higher", takes="report", over="set", range=(0, 1), version=1)
def bleu_3(pairs: ReportPairs, tokens: Coco = "ptb") -> Scored:
    """BLEU over runs of up to three words in the convention of the COCO caption tools."""
    return _bleu(pairs, 3, tokens)


@register.metric("bleu-4", better="higher", takes="report", over="set", range=(0, 1), version=1)
def bleu_4(pairs: ReportPairs, tokens: Coco = "ptb") -> Scored:
    """BLEU over runs of up to four words in the convention of the COCO caption tools."""
    return _bleu(pairs, 4, tokens)


def _sacre(sums: Floats, effective: bool) -> Floats:
    """SacreBLEU of rows of sums; `effective` leaves out the lengths that an answer is too short for."""
    there, reference, answer, matched, guessed = sums[:, 0], sums[:, 1], sums[:, 2], sums[:, 3:7], sums[:, 7:11]
    long_enough = np.cumprod(guessed > 0, axis=1).astype(bool)
    missed = long_enough & (matched == 0)
    smooth = 2.0 ** np.cumsum(missed, axis=1)
    total = np.where(guessed > 0, guessed, 1.0)
    share = np.where(missed, 100.0 / (smooth * total), 100.0 * matched / total)
    logs = np.where(long_enough, np.log(np.where(share > 0, share, 1.0)), _LOWEST)
    if effective:
        orders = np.maximum(long_enough.sum(axis=1), 1)
        mean = np.where(long_enough, logs, 0.0).sum(axis=1) / orders
    else:
        mean = logs.sum(axis=1) / 4
    some = np.where(answer > 0, answer, 1.0)
    brevity = np.where(answer < reference, np.where(answer > 0, np.exp(1 - reference / some), 0.0), 1.0)
    value = np.where(matched.any(axis=1), brevity * np.exp(mean), 0.0)
    return np.where(there > 0, value, np.nan)


@register.metric("bleu/sacrebleu", better="higher", takes="report", over="set", range=(0, 100), version=1)
def bleu_sacrebleu(pairs: ReportPairs) -> Scored:
    """BLEU from 0 to 100 as sacreBLEU's defaults give it: case kept, mteval-v13a tokens, exponential smoothing."""
    rows = _table(pairs, "13a")
    statistics = np.column_stack([rows, _guesses(rows, rows[:, 2])])
    said = signature(
        "bleu/sacrebleu", 1, nrefs=1, case="mixed", eff="no", tok="13a", smooth="exp", each="eff:yes",
        like="sacrebleu-2.6",
    )  # fmt: skip
    return summed(
        "bleu/sacrebleu", _sacre(statistics, True), statistics, lambda sums: _sacre(sums, False), said,
        unscored=answered(pairs).unscored,
    )  # fmt: skip
