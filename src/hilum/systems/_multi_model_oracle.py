"""What perfect bits reach: label F1 of reports that a sentence bank writes from the Open-i gold."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.vocabulary import label_set
from hilum.text.codes import CodeBank, code_bank
from hilum.text.labels import label

SECTIONS = ("findings", "impression")
_NO_FINDING = "No Finding"


def oracle(data: Path) -> str:
    """Return a table: label F1 of reports written from perfect bits, on the dev half of the Open-i gold.

    Bits are the coded labels, 'left out' (-1) counted as 0. Both texts, written and original, are labelled by our
    labeler, 'possible' as absent, so the coder's disagreement with it holds even perfect bits below 1.

    Raises:
        InputError: if the folder holds no openi/gold_findings.csv.
    """
    path = data / "openi" / "gold_findings.csv"
    if not path.is_file():
        raise InputError(f"{data} holds no openi/gold_findings.csv: give the folder of the data with --data")
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["gold_status"] == "ok" and not int(row["text_hash"], 16) % 2]

    three, all14 = code_bank("three"), code_bank("fourteen")
    ways = {
        "constant: nothing detected": (all14, False),
        "3 bits, perfect": (three, True),
        "14 bits, perfect": (all14, True),
    }
    lines = [f"{len(rows)} reports of the Open-i dev half; F1 micro / macro of written against original text"]
    for name in ("nih-14", "chexpert-14"):
        truth = np.array([_positive({key: row[key] for key in SECTIONS}, name) for row in rows])
        for what, (bank, read) in ways.items():
            codes = [_perfect(bank, row) if read else "0" * len(bank.labels) for row in rows]
            labelled = {code: _positive(_sections(bank, code), name) for code in set(codes)}
            micro, macro = _f1(truth, np.array([labelled[code] for code in codes]))
            lines.append(f"{name:12s} {what:27s} {micro:.3f} / {macro:.3f}")
    return "\n".join(lines)


def _perfect(bank: CodeBank, row: Mapping[str, str]) -> str:
    return "".join("1" if row["nih__" + name] == "1" else "0" for name in bank.labels)


def _sections(bank: CodeBank, code: str) -> dict[str, str]:
    report = bank.report(code)
    return {key: getattr(report, key) for key in SECTIONS}


def _positive(text: Mapping[str, str], name: str) -> list[bool]:
    states = label(text, name).states
    return [states.get(each) == "present" for each in label_set(name).labels if each != _NO_FINDING]


def _f1(truth: NDArray[np.bool_], said: NDArray[np.bool_]) -> tuple[float, float]:
    tp, wrong = (truth & said).sum(axis=0), (truth ^ said).sum(axis=0)
    each = 2 * tp / np.maximum(2 * tp + wrong, 1)
    return float(2 * tp.sum() / max(2 * tp.sum() + wrong.sum(), 1)), float(each.mean())
