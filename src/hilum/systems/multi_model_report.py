"""A report from several binary classifiers: one model and one bit for each label, one sentence for each bit.

Source: "Automated report generator with several binary classifiers" (arXiv 2310.05969). This module is its text half:
probabilities -> bits -> result code -> sentences. The image half, a small network on slices of the film for each label,
is not here: give the probabilities of any models. The paper's weights and sentences are not published.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import HilumError, InputError
from hilum.core.registry import register
from hilum.measure.binary import youden_threshold
from hilum.systems._multi_model_oracle import oracle
from hilum.text.codes import CodeBank
from hilum.text.labels import label

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Coded:
    """What the system writes down: the code and all that led to it.

    Args:
        code: one 0 or 1 for each label, in the order of the bank.
        probabilities, thresholds: (K,) in [0, 1]; a bit is 1 where its probability reaches its threshold.
        sentences: as told, findings first.
        bank_version: of the sentence bank.
    """

    code: str
    probabilities: tuple[float, ...]
    thresholds: tuple[float, ...]
    sentences: tuple[str, ...]
    bank_version: str

    def record(self) -> dict[str, object]:
        """Return it as JSON holds it."""
        return asdict(self)


def thresholds(bank: CodeBank, target: NDArray[np.generic], probability: Floats) -> tuple[float, ...]:
    """Return Youden's threshold of each label, chosen on validation films.

    Args:
        bank: for the names and order of its labels.
        target: 0 or 1, (N, K).
        probability: in [0, 1], (N, K).

    Raises:
        InputError: if the columns are not the labels, or a label has films of one class only.
    """
    count = len(bank.labels)
    if target.shape != probability.shape or target.ndim != 2 or target.shape[1] != count:
        raise InputError(f"expected (N, {count}) targets and probabilities, got {target.shape} and {probability.shape}")
    found = tuple(youden_threshold(target[:, k], probability[:, k]) for k in range(count))
    for name, value in zip(bank.labels, found, strict=True):
        if isnan(value):
            raise InputError(f"no threshold for '{name}': its validation films are all of one class")
    return found


def write(bank: CodeBank, probabilities: Sequence[float], limits: Sequence[float]) -> Coded:
    """Return the code of one film and the sentences it stands for.

    Raises:
        InputError: if there is not one probability in [0, 1] and one threshold for each label.
    """
    if not len(probabilities) == len(limits) == len(bank.labels):
        raise InputError(f"expected {len(bank.labels)} probabilities and thresholds: {', '.join(bank.labels)}")
    for name, value in zip(bank.labels, probabilities, strict=True):
        if not 0.0 <= value <= 1.0:
            raise InputError(f"the probability of '{name}' must lie in [0, 1], got {value}")
    code = "".join("1" if p >= limit else "0" for p, limit in zip(probabilities, limits, strict=True))
    told = tuple(item.text for item in bank.chosen(code))
    return Coded(code, tuple(probabilities), tuple(limits), told, bank.version)


def read_code(bank: CodeBank, text: str | Mapping[str, str]) -> str:
    """Return the code that the labeler reads in a report; a label that is not mentioned is 0."""
    states = label(text, bank.label_set).states
    return "".join("1" if states.get(name) == "present" else "0" for name in bank.labels)


@register.system("multi-model-report", summary="Result code of binary models to a report", source="arXiv 2310.05969")
class MultiModelReport:
    """The text half of the recipe: thresholds, code, sentences and the ceiling that perfect bits reach."""

    thresholds = staticmethod(thresholds)
    write = staticmethod(write)
    oracle = staticmethod(oracle)


def main(arguments: list[str] | None = None) -> str:
    """Return the oracle table of `python -m hilum.systems.multi_model_report --data ROOT`."""
    parser = argparse.ArgumentParser(prog="python -m hilum.systems.multi_model_report", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds openi/gold_findings.csv")
    return oracle(parser.parse_args(arguments).data)


if __name__ == "__main__":
    import sys

    try:
        sys.stdout.write(main() + "\n")
    except HilumError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
