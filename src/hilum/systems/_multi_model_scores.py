"""What written reports are scored by: exact codes, labels read back from the text, sentences without a bit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hilum.measure.scored import Scored, averaged, f1, signature, summed
from hilum.text.codes import CodeBank
from hilum.text.labels import label

Bits = NDArray[np.bool_]
Trials = dict[str, dict[str, list[Scored]]]


def new_trials() -> Trials:
    """Return empty trials: metric -> arm -> scores."""
    return defaultdict(lambda: defaultdict(list))


def code_of(bits: Sequence[bool] | Bits) -> str:
    """Return bits as a result code."""
    return "".join("1" if bit else "0" for bit in bits)


def read_bits(bank: CodeBank, bits: Bits) -> Bits:
    """Write the report of every row of bits (N, K) and return what our labeler reads in it, (N, K)."""
    codes = [code_of(row) for row in bits]
    known = {code: _read(bank, code) for code in set(codes)}
    return np.array([known[code] for code in codes], dtype=np.bool_).reshape(bits.shape)


def _read(bank: CodeBank, code: str) -> list[bool]:
    report = bank.report(code)
    states = label({"findings": report.findings, "impression": report.impression}, bank.label_set).states
    return [states.get(name) == "present" for name in bank.labels]


def label_f1(bank: CodeBank, bits: Bits, truth: Bits) -> Scored:
    """Score written reports by micro F1 of the labels read in them against what is in the films."""
    read = read_bits(bank, bits)
    counts = np.stack([(read & truth).sum(1), (read & ~truth).sum(1), (~read & truth).sum(1)], axis=1).astype(float)
    each = f1(counts[:, 0], counts[:, 1], counts[:, 2])
    name = signature("label F1", 1, labels=",".join(bank.labels), bank=bank.version, average="micro")
    return summed("label F1", each, counts, lambda sums: f1(sums[:, 0], sums[:, 1], sums[:, 2]), name)


def exact_code(bits: Bits, truth: Bits) -> Scored:
    """Score codes by the share that is right in every bit."""
    return averaged("exact code", (bits == truth).all(axis=1).astype(float), signature("exact code", 1))


def hallucinated(bank: CodeBank, bits: Bits) -> float:
    """Return the share of written reports that state a label as present whose bit is 0."""
    return float((read_bits(bank, bits) & ~bits).any(axis=1).mean())
