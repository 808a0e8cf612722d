"""The films that recipes of alignment learn from and are judged on: virtual patients, and real ones where given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import MissingError
from hilum.data import pack
from hilum.learn.frame import frame
from hilum.learn.pairs import Pairs, gather
from hilum.learn.virtual_pairs import virtual_pairs
from hilum.measure.binary import weighted_auroc
from hilum.measure.scored import Scored
from hilum.phantom.patient import Family

Floats = NDArray[np.float64]
SEEN: tuple[Family, ...] = ("parametric", "hybrid")
UNSEEN: Family = "warped"
"""The family of anatomy that no arm learns from: bodies warped from a real CT."""
PATIENTS, SIZE, LEAST = 360, 112, 10
"""Virtual patients, rows of a film, and films with a finding (and without) from which its AUROC counts."""
OPACITY = "lung opacity"
READ = {"Pneumonia": OPACITY, "Lung Opacity": OPACITY}
MINED = {"Cardiomegaly": "cardiomegaly", "Effusion": "pleural effusion", "Consolidation": "consolidation",
         "Edema": "pulmonary edema", "Pneumothorax": "pneumothorax", "Atelectasis": "atelectasis",
         "Mass": "lung mass", "Nodule": "lung nodule"}  # fmt: skip
"""NIH's text-mined labels by the vocabulary's names; noisy, and what is not listed counts as absent."""


@dataclass(frozen=True, eq=False)
class Aligned:
    """Virtual films, no patient in two of them.

    Args:
        train, val, test: of families that are learned from.
        unseen: all films of the family that is not.
    """

    train: Pairs
    val: Pairs
    test: Pairs
    unseen: Pairs


def aligned(
    patients: int = PATIENTS, *, size: int = SIZE, seed: int = 0, views: Sequence[str] = ("PA", "AP"),
    folder: Path | None = None, say: Callable[[str], None] = lambda line: None,
) -> Aligned:  # fmt: skip
    """Return virtual films by what they are for; drawn once on this machine, then read back.

    Args:
        patients, size, seed, folder, say: of `learn.virtual_pairs`.
        views: kept; frontal ones by default.

    Raises:
        MissingError: if numba or the CT that two families are made from is missing.
    """
    pairs = virtual_pairs(patients, size=size, seed=seed, folder=folder, say=say)
    pairs = pairs.take(np.isin(pairs.view, list(views)))
    seen = np.isin(pairs.group, SEEN)
    train, val, test = (pairs.take(seen & (pairs.split == name)) for name in ("train", "val", "test"))
    return Aligned(train, val, test, pairs.take(pairs.group == UNSEEN))


def real_films(root: Path, *, size: int = SIZE) -> Pairs:
    """Return the pack's frontal NIH films: opacity as RSNA's radiologists read it, with boxes, and text-mined labels.

    Opacity is known only where it was read; the split says 'read' there, else 'mined'.

    Raises:
        MissingError: if the pack or its films are missing.
    """
    rows = [row for row in pack.rows(root, ("nih512",)) if row.view.startswith(("PA", "AP"))]
    if not rows:
        raise MissingError(f"the pack {root} holds no frontal NIH film: copy it anew, or leave --data out")
    names = (OPACITY, *MINED.values())
    blank = gather((pack.study(root, row) for row in rows), size=size, names=names, group="nih512",
                   split=lambda study: "mined")  # fmt: skip
    there = set(blank.study.tolist())
    rows = [row for row in rows if row.file in there]  # a film that cannot be read is left out, not the others moved
    target, known = np.zeros_like(blank.target), np.zeros_like(blank.known)
    marked, bits = np.zeros_like(blank.marked), np.zeros_like(blank.bits)
    known[:, 1:] = True
    split = np.array(blank.split)
    for at, row in enumerate(rows):
        for label, name in MINED.items():
            target[at, names.index(name)] = label in row.labels
        if row.read_opacity is None:
            continue
        split[at], target[at, 0], known[at, 0] = "read", row.read_opacity, True
        shown = _boxes(root, row, size)
        marked[at, 0], bits[at, 0] = shown.any(), np.packbits(shown, axis=-1)
    return replace(blank, split=split, target=target, known=known, marked=marked, bits=bits)


def _boxes(root: Path, row: pack.PackRow, size: int) -> NDArray[np.bool_]:
    _, box = frame(pack.pixels(root, row), size)
    out = np.zeros((size, size), np.bool_)
    for each in row.boxes:
        if each.label in READ:
            x0, y0, x1, y1 = (round(value) for value in box.to_frame(each.corners))
            out[max(0, y0) : max(y0 + 1, y1), max(0, x0) : max(x0 + 1, x1)] = True
    return out


def judged_names(pairs: Pairs, *, least: int = LEAST) -> tuple[str, ...]:
    """Return the findings that enough films are known to have, and not to have."""
    with_it = ((pairs.target > 0) & pairs.known).sum(0)
    without = ((pairs.target == 0) & pairs.known).sum(0)
    return tuple(name for at, name in enumerate(pairs.names) if min(with_it[at], without[at]) >= least)


def auroc_of(pairs: Pairs, names: Sequence[str], chances: NDArray[np.generic]) -> Scored:
    """Score films by the mean of the findings' AUROC, ready for a paired bootstrap over patients.

    Args:
        pairs: N films.
        names: findings; films on which one is not known take no part in it.
        chances: (N, len(names)), any rising score.
    """
    columns = []
    for place, name in enumerate(names):
        at = pairs.column(name)
        rows = np.flatnonzero(pairs.known[:, at])
        columns.append((rows, pairs.target[rows, at] > 0, np.asarray(chances[rows, place], np.float64)))
    return Scored("auroc", np.full(len(pairs), np.nan), partial(_mean_auroc, columns),
                  f"mean AUROC of {', '.join(names)}")  # fmt: skip


def _mean_auroc(columns: list[tuple[NDArray[np.intp], NDArray[np.bool_], Floats]], weights: Floats) -> Floats:
    each = [weighted_auroc(truth, score, weights[:, rows]) for rows, truth, score in columns]
    with np.errstate(all="ignore"):
        return np.asarray(np.nanmean(np.stack(each), axis=0), np.float64)
