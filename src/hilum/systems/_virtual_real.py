"""Real films that virtual patients are judged on: lungs with outlines, opacity that radiologists read, large hearts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from hilum.core.errors import MissingError
from hilum.core.geometry import Letterbox
from hilum.core.seed import generator
from hilum.data import pack
from hilum.learn.frame import frame

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
OPACITY_LABELS = frozenset({"Pneumonia", "Consolidation", "Infiltration", "Edema", "Effusion", "Atelectasis", "Mass"})
"""NIH labels that stand for an opacity; text-mined, so noisy."""


@dataclass(frozen=True, eq=False)
class Real:
    """Real films in memory.

    Args:
        films: float32 (N, S, S) in [0, 1].
        patients: of each film.
        truth: what is known of each: lung masks bool (N, S, S), or labels bool (N,).
        strata: source and view of each film.
        given: lung masks as the pack has them, bool (N, S, S), where `truth` has them put back on their films.
    """

    films: Floats
    patients: tuple[str, ...]
    truth: Bools
    strata: tuple[str, ...]
    given: Bools | None = None

    def __len__(self) -> int:
        """Return how many films."""
        return len(self.patients)

    def rows(self, chosen: NDArray[np.generic]) -> Real:
        """Return the films of some rows, by number or as a mask."""
        at = np.arange(len(self))[chosen]
        return Real(self.films[at], tuple(self.patients[i] for i in at), self.truth[at],
                    tuple(self.strata[i] for i in at), None if self.given is None else self.given[at])  # fmt: skip


def _frontal(row: pack.PackRow) -> bool:
    return row.view.startswith(("PA", "AP"))


def _real(root: Path, rows: list[pack.PackRow], truth: list[NDArray[np.bool_] | bool], size: int) -> Real:
    if not rows:
        raise MissingError(f"the pack {root} holds no film of this kind: copy it anew, or leave --data out")
    films = np.stack([frame(pack.pixels(root, row), size)[0] for row in rows])
    return Real(films, tuple(row.patient for row in rows), np.array(truth, np.bool_),
                tuple(f"{row.source} {row.view[:2]}" for row in rows))  # fmt: skip


def outlined(root: Path, size: int) -> Real:
    """Return the frontal films with lung masks (V7, over the Hannover and the COVID-19 collections) put on their films.

    Raises:
        MissingError: if there is none.
    """
    rows = [row for row in pack.rows(root, ("hannover", "covid_cc")) if row.mask and _frontal(row)]

    def masks(placed: bool) -> list[Bools]:
        found = [pack.mask(root, row, placed=placed) for row in rows]
        return [_framed(outline, size) for outline in found if outline is not None]

    return replace(_real(root, rows, list(masks(True)), size), given=np.array(masks(False), np.bool_))


def _framed(mask: Bools, size: int) -> Bools:
    box = Letterbox(mask.shape[0], mask.shape[1], size)
    (rows, columns), (top, left) = box.inner, box.pad
    out = np.zeros((size, size), bool)
    small = Picture.fromarray(mask.astype(np.uint8) * 255).resize((columns, rows), Picture.Resampling.BOX)
    out[top : top + rows, left : left + columns] = np.asarray(small) > 127
    return out


def halves(real: Real, *, seed: int) -> tuple[Real, Real]:
    """Return films to choose and to learn from, and films to judge on; no patient is in both."""
    known, which = np.unique(np.array(real.patients), return_inverse=True)
    dev = generator(seed, "halves").permutation(len(known)) % 2 == 0
    return real.rows(dev[which]), real.rows(~dev[which])


def opacities(root: Path, size: int) -> tuple[Real, Real]:
    """Return NIH films with text-mined labels to learn from, and those that RSNA's radiologists read to judge on.

    A patient with one film that was read gives none to learn from.

    Raises:
        MissingError: if there is none of either.
    """
    rows = [row for row in pack.rows(root, ("nih512",)) if _frontal(row)]
    read = [row for row in rows if row.read_opacity is not None]
    held = {row.patient for row in read}
    mined = [row for row in rows if row.patient not in held]
    return (
        _real(root, mined, [bool(OPACITY_LABELS & set(row.labels)) for row in mined], size),
        _real(root, read, [bool(row.read_opacity) for row in read], size),
    )


def hearts(root: Path, size: int) -> Real:
    """Return NIH films with whether their reports call the heart large (text-mined).

    Raises:
        MissingError: if there is none.
    """
    rows = [row for row in pack.rows(root, ("nih512", "nih64")) if _frontal(row)]
    return _real(root, rows, ["Cardiomegaly" in row.labels for row in rows], size)


def some(real: Real, count: int, *, seed: int) -> Real:
    """Return about as many films as asked for, patient by patient in a drawn order; all where there are fewer."""
    known, which = np.unique(np.array(real.patients), return_inverse=True)
    order = np.argsort(generator(seed, "some").permutation(len(known))[which], kind="stable")
    return real.rows(np.sort(order[:count]))
