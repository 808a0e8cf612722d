"""Real films that DRR-trained networks are judged on: NIH films with text-mined labels, and what confounds them.

Films of several sources and of both frontal views are pooled, but a pair of films counts only within one source and
view: how a film was taken tells how ill its patient was, and that is nothing a network should be paid for here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import MissingError
from hilum.core.seed import generator
from hilum.core.study import Study
from hilum.core.vocabulary import label_set, to_concept
from hilum.data.nih import nih
from hilum.data.pack import pack
from hilum.learn.frame import frame
from hilum.measure.binary import weighted_auroc
from hilum.measure.scored import Scored, signature
from hilum.systems._drr_rate_bodies import NAMES

Floats = NDArray[np.float64]
REAL = NAMES[:5]
"""Findings that NIH labels name; ground glass is not one of them. Mass counts as nodule."""
PACK_SOURCES = ("nih512", "nih64")


@dataclass(frozen=True, eq=False)
class RealFilms:
    """Real films in memory.

    Args:
        pixels: uint8 (N, S, S).
        target: bool (N, 5), columns as `REAL`; what is not listed counts as absent.
        patients: of each film.
        strata: source and view of each film.
    """

    pixels: NDArray[np.uint8]
    target: NDArray[np.bool_]
    patients: tuple[str, ...]
    strata: tuple[str, ...]

    def folds(self, count: int, *, seed: int) -> NDArray[np.intp]:
        """Return the fold (N,) of each film; a patient is in one fold only."""
        known, which = np.unique(np.array(self.patients), return_inverse=True)
        order = generator(seed, "folds").permutation(len(known))
        return np.asarray(order[which] % count, np.intp)


def real_films(root: Path | None, *, size: int) -> RealFilms | None:
    """Return the NIH films of a folder, a pack's or as the NIH publishes them; None where it holds neither."""
    if root is None:
        return None
    if sorted(root.glob("Data_Entry_2017*.csv")):
        studies = list(nih(root))
    elif (root / "manifest.csv").is_file():
        studies = list(pack(root, sources=PACK_SOURCES))
    else:
        return None
    found = [study for study in studies if study.films]
    if not found:
        raise MissingError(f"{root} lists no NIH film: give the folder of NIH films, or leave --data out")
    pixels = np.stack([np.rint(frame(each.films[0].display(), size)[0] * 255).astype(np.uint8) for each in found])
    return RealFilms(pixels, np.array([_target(each) for each in found]), tuple(each.patient for each in found),
                     tuple(f"{Path(each.id).parent.name} {each.films[0].view}" for each in found))  # fmt: skip


def _target(study: Study) -> list[bool]:
    names = {label: to_concept("nih-14", label).name for label in label_set("nih-14").labels}
    found = {names.get(each.concept, each.concept) for each in study.findings}
    found |= {"lung nodule"} if "lung mass" in found else set()
    return [name in found for name in REAL]


def within(strata: Sequence[str], target: NDArray[np.bool_], score: Floats, weights: Floats) -> Floats:
    """Return the AUROC (R,) over pairs of films of one stratum, under each row of sample weights (R, N).

    With one stratum it is the AUROC. NaN where no stratum has films with and without.
    """
    wins, pairs = np.zeros(len(weights)), np.zeros(len(weights))
    names = np.asarray(strata)
    for name in np.unique(names):
        inside = names == name
        drawn = weights[:, inside]
        count = (drawn * target[inside]).sum(axis=1) * (drawn * ~target[inside]).sum(axis=1)
        each = weighted_auroc(target[inside], score[inside], drawn) if count.any() else np.zeros(len(weights))
        wins, pairs = wins + np.where(count > 0, each * count, 0.0), pairs + count
    return np.where(pairs > 0, wins / np.where(pairs > 0, pairs, 1.0), np.nan)


def mean_within(
    strata: Sequence[str], target: NDArray[np.bool_], score: Floats, columns: Sequence[int], *, metric: str
) -> Scored:
    """Score a set by the mean over columns of the AUROC within strata: target, score (N, K)."""

    def at(weights: Floats) -> Floats:
        each = [within(strata, target[:, k], score[:, k], weights) for k in columns]
        return np.asarray(np.mean(each, axis=0))

    return Scored(metric, np.full(len(target), np.nan), at, signature("AUROC-within-strata", 1, classes=len(columns)))
