"""A report from several binary classifiers: one model and one bit for each label, one sentence for each bit.

Source: "Automated report generator with several binary classifiers" (arXiv 2310.05969). This module is its text half:
probabilities -> bits -> result code -> sentences; give it the probabilities of any models. The image half, a small
network on slices of the film for each label, is trained and judged by `reproduce` on made films. The paper's weights
and sentences are not published. Research use only.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import isnan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import HilumError, InputError
from hilum.core.registry import register
from hilum.measure.binary import youden_threshold
from hilum.measure.claim import verdict
from hilum.measure.verdict import Verdict
from hilum.systems._chestx_ray8_films import whole
from hilum.systems._multi_model_judge import CLAIMS, judge_reports
from hilum.systems._multi_model_oracle import oracle
from hilum.text.codes import CodeBank
from hilum.text.labels import label

Floats = NDArray[np.float64]
TEXT = "per-finding binary models, a result code and a sentence bank write correct reports"


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


def reproduce(
    data: str | Path | None = None, *, seed: int = 0, say: Callable[[str], None] = lambda line: None,
    size: int | str = 128, films: int | str = 720, tests: int | str = 360, steps: int | str = 120,
    seeds: int | str = 3, overlap: int | str = 0,
) -> Verdict:  # fmt: skip
    """Judge the reports of binary slice models on made films, beside the ceiling of perfect bits and constant text.

    Args:
        data: a folder; where it holds openi/gold_findings.csv, the ceiling of perfect bits on real reports is added.
        seed, say: of the bootstrap, the made films and the first training; told what is being done.
        size, films, tests, steps, seeds, overlap: rows of a film, films to train and to judge on, optimiser steps,
            trainings, rows that a slice reaches into its neighbours.

    Raises:
        InputError: if a choice is not a whole number.
        MissingError: if torch is not installed.
    """
    root = Path(data) if data and (Path(data) / "openi" / "gold_findings.csv").is_file() else None
    notes = oracle(root).splitlines() if root else []
    px, count, judge_on, updates, n = whole(size=size, films=films, tests=tests, steps=steps, seeds=seeds)
    rows = whole(overlap=overlap)[0] if str(overlap) != "0" else 0
    choices = {"seeds": n, "size": px, "films": count, "tests": judge_on, "steps": updates, "overlap": rows}
    parts, beside, lines = judge_reports(seed=seed, say=say, **choices)
    made, more = (verdict(TEXT, each, notes=said) for each, said in ((parts, [*notes, *lines]), (beside, ())))
    return replace(made, lines=made.lines + more.lines, scores={**made.scores, **more.scores})


@register.system("multi-model-report", summary="Result code of binary models to a report", source="arXiv 2310.05969")
class MultiModelReport:
    """Slices, one binary model each, thresholds, code, sentences, and the ceiling of perfect bits."""

    claims, minutes = CLAIMS, 5.0
    thresholds, write = staticmethod(thresholds), staticmethod(write)
    oracle, reproduce = staticmethod(oracle), staticmethod(reproduce)


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
