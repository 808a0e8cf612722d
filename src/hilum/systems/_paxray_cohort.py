"""Films and masks of a projected cohort as arrays on disk, for training: what `hilum project --labels paxray` wrote."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.image import Image
from hilum.data.drr_cohort import drr, masks_of

if TYPE_CHECKING:
    from hilum.learn.segment import PackedMasks

Bools = NDArray[np.bool_]
FACTS = "films.json"


@dataclass(frozen=True, eq=False)
class Gathered:
    """A cohort ready to train on.

    Args:
        films: float16 (N, S, S) on disk.
        masks: bool (N, C, S, S) on disk.
        known: (N, C) which classes were drawn on a film, empty ones included.
        classes, ids, patients, splits: names of the columns; film, patient and split of the rows.
        licence, citation: of the CTs.
    """

    films: NDArray[np.float16]
    masks: PackedMasks
    known: Bools
    classes: tuple[str, ...]
    ids: tuple[str, ...]
    patients: tuple[str, ...]
    splits: tuple[str, ...]
    licence: str = ""
    citation: str = ""

    def rows(self, split: str) -> NDArray[np.int64]:
        """Return the rows of a split."""
        return np.flatnonzero(np.array(self.splits) == split)


def gather(root: Path, out: Path, *, size: int, views: Sequence[str], resume: bool) -> Gathered:
    """Read a cohort once, film by film, into files of a folder; with `resume` files made of the same films are kept.

    Args:
        root: the folder of `hilum project`.
        out: where the arrays go.
        size: side of a film; films are fitted into a square.
        views: which films, by view.
        resume: keep what an earlier run gathered.

    Raises:
        InputError: if the cohort holds no film of these views with masks.
    """
    cohort = drr(root)
    found: list[tuple[Image, str, str]] = []
    for study in cohort:
        patient = study.patient or study.id
        found += [(film, patient, cohort.split_of(patient)) for film in study.films if film.view in views]
    classes = _classes(found)
    if not classes:
        raise InputError(
            f"'{root}' holds no {' or '.join(views)} film with masks: project it with --labels paxray (or structures) "
            "and --formats masks among them"
        )
    facts = {"size": size, "ids": [film.id for film, _, _ in found], "classes": list(classes)}
    known = _known(out, facts) if resume else None
    if known is None:
        known = _write(out, found, classes, size, facts)
    from hilum.learn.segment import PackedMasks

    return Gathered(
        np.load(out / "films.npy", mmap_mode="r"), PackedMasks(out / "masks.npy", size), known, classes,
        tuple(film.id for film, _, _ in found), tuple(patient for _, patient, _ in found),
        tuple(split for _, _, split in found), cohort.licence, cohort.citation,
    )  # fmt: skip


def _classes(found: Sequence[tuple[Image, str, str]]) -> tuple[str, ...]:
    """Every label that some film carries, in the order of first appearance."""
    return tuple(dict.fromkeys(mask.label for film, _, _ in found for mask in masks_of(film)))


def _known(out: Path, facts: dict[str, object]) -> Bools | None:
    """Which classes each film carries, if all that an earlier run gathered is still the same; else None."""
    try:
        if json.loads((out / FACTS).read_text(encoding="utf-8")) == facts:
            return np.asarray(np.load(out / "known.npy"), np.bool_)
    except (OSError, ValueError):
        pass
    return None


def _write(
    out: Path, found: Sequence[tuple[Image, str, str]], classes: Sequence[str], size: int, facts: dict[str, object]
) -> Bools:
    from numpy.lib.format import open_memmap

    from hilum.learn.frame import frame
    from hilum.systems._paxray_real import framed

    out.mkdir(parents=True, exist_ok=True)
    (out / FACTS).unlink(missing_ok=True)
    count, column = len(found), {name: number for number, name in enumerate(classes)}
    films = open_memmap(out / "films.npy", "w+", np.float16, (count, size, size))
    bits = open_memmap(out / "masks.npy", "w+", np.uint8, (count, len(classes), size, -(-size // 8)))
    known = np.zeros((count, len(classes)), np.bool_)
    for row, (film, _, _) in enumerate(found):
        films[row] = frame(film.display(), size)[0]
        for mask in masks_of(film):
            known[row, column[mask.label]] = True
            bits[row, column[mask.label]] = np.packbits(framed(mask.pixels, size), axis=-1)
    films.flush()
    bits.flush()
    np.save(out / "known.npy", known)
    partial = out / f".{FACTS}.partial"
    partial.write_text(json.dumps(facts), encoding="utf-8")
    os.replace(partial, out / FACTS)
    return known
