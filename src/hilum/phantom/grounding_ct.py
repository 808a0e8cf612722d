"""Sentences of a report and the 3-D masks they mean, in the layout of ReXGroundingCT.

A row names a volume and its findings by number; the mask of that volume has one channel for each finding, in the
order of the numbers. Fields beside 'name' and 'findings' are ours where the published files may differ.
Source: arXiv 2507.22030 (fields, the 14 categories).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.report import Report
from hilum.phantom.patient import Placed

COLUMNS = ("name", "finding", "section", "start", "end", "text", "keys", "category", "volume_ml")
_TABLE = Path(__file__).parent / "tables" / "grounding_ct.json"


@dataclass(frozen=True)
class Grounded:
    """One sentence and what it means in the volume.

    Args:
        text: of the sentence.
        section, start, end: its characters in the report.
        keys: of the placed findings, whose masks joined are its channel.
        category: one of ReXGroundingCT's 14.
    """

    text: str
    section: str
    start: int
    end: int
    keys: tuple[str, ...]
    category: str


@cache
def category_table() -> Mapping[str, Any]:
    """Return the 14 categories and which concept belongs to which, as data."""
    loaded: dict[str, Any] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return loaded


def category_of(concept: str) -> str:
    """Return the category of a concept; 'other focal' for one that the table does not name."""
    return str(category_table()["concepts"].get(concept, "other focal"))


def grounded(report: Report, findings: Iterable[Finding], placed: Iterable[Placed]) -> tuple[Grounded, ...]:
    """Return the sentences of the findings section that state something present with a mask, in their order.

    Args:
        report: as `narrate` returns it.
        findings: as `facts` returns them.
        placed: what became of the visit's plans; devices have no mask and are left out.
    """
    masked = {each.plan.key for each in placed if each.mask is not None and each.mask.any()}
    present = {finding.id: finding for finding in findings if finding.state == "present"}
    made = []
    for sentence in report.sentences:
        keys = tuple(key for key in sentence.findings if key in masked and key in present)
        if keys and sentence.section == "findings":
            category = category_of(present[keys[0]].concept)
            made.append(Grounded(report.text(sentence), sentence.section, sentence.start, sentence.end, keys, category))
    return tuple(made)


def masks(sentences: Sequence[Grounded], placed: Iterable[Placed]) -> NDArray[np.uint8]:
    """Return the masks of the sentences, one channel each.

    Args:
        sentences: as `grounded` returns them.
        placed: on one grid.

    Returns:
        uint8 (F, X, Y, Z), 1 inside.

    Raises:
        InputError: if no sentence is given, or one names a finding that was not placed.
    """
    held = {each.plan.key: each.mask for each in placed if each.mask is not None}
    missing = [key for each in sentences for key in each.keys if key not in held]
    if missing or not sentences:
        raise InputError(
            f"no mask for {', '.join(missing)}: give every placed finding" if missing else "no sentence has a mask"
        )
    return np.stack([np.logical_or.reduce([held[key] for key in each.keys]).astype(np.uint8) for each in sentences])


def row(name: str, sentences: Sequence[Grounded], placed: Iterable[Placed]) -> dict[str, Any]:
    """Return the JSON row of one volume.

    Args:
        name: of the volume's file, e.g. 'virtual-000017_1.nii.gz'.
        sentences: as `grounded` returns them.
        placed: to count voxels and separate pieces (26-connected) from.
    """
    found = masks(sentences, placed) if sentences else np.zeros((0, 1, 1, 1), np.uint8)
    return {
        "name": name,
        "findings": {str(n): each.text for n, each in enumerate(sentences)},
        "categories": {str(n): each.category for n, each in enumerate(sentences)},
        "keys": {str(n): list(each.keys) for n, each in enumerate(sentences)},
        "entities": {str(n): _pieces(channel) for n, channel in enumerate(found)},
        "voxels": {str(n): int(channel.sum()) for n, channel in enumerate(found)},
    }


def _pieces(mask: NDArray[np.uint8]) -> int:
    from scipy.ndimage import label

    inside = np.argwhere(mask)
    if not len(inside):
        return 0
    box = tuple(slice(low, high + 1) for low, high in zip(inside.min(axis=0), inside.max(axis=0), strict=True))
    return int(label(mask[box], structure=np.ones((3, 3, 3)))[1])


def sentence_table(volumes: Iterable[tuple[str, Sequence[Grounded], Sequence[Placed]]], *, voxel_ml: float) -> str:
    """Return which sentence means which mask as CSV with a heading line (COLUMNS).

    Args:
        volumes: (name, sentences, placed) of each.
        voxel_ml: of one voxel.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for name, sentences, placed in volumes:
        found = masks(sentences, placed) if sentences else ()
        for number, (each, channel) in enumerate(zip(sentences, found, strict=True)):
            size = f"{float(channel.sum()) * voxel_ml:.1f}"
            place = (each.section, each.start, each.end, each.text, ";".join(each.keys), each.category, size)
            writer.writerow((name, number, *place))
    return out.getvalue()
