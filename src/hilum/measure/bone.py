"""Bone suppression: how much bone went, how much of the rest stayed; and why the published ratio cannot tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.measure.pictures import Floats, unit

RING_MM, EDGE_PX = 5.0, 3.0
BAND_PX = (2.0, 8.0)
"""SDs in pixels of the two Gaussians whose difference passes vessels."""
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class BoneTruth:
    """A film and what is known of it, to judge a film with the bones removed.

    Args:
        film: (H, W) with bones.
        soft: (H, W) truth without, of the same grey scale.
        ribs: (H, W) mask of the projected ribs, for the rib contrast.
        lungs: (H, W) mask of the lungs, for the vessels.
        spacing_mm: of (row, column), for the 5 mm ring around ribs.
        data_range: see `pictures.unit`.

    Raises:
        InputError: if sizes differ.
    """

    film: Any
    soft: Any
    ribs: Mask | None = None
    lungs: Mask | None = None
    spacing_mm: tuple[float, float] | None = None
    data_range: float | None = None

    def __post_init__(self) -> None:
        size = np.shape(self.film)
        for name in ("soft", "ribs", "lungs"):
            given = getattr(self, name)
            if given is not None and np.shape(given) != size:
                raise InputError(f"'{name}' is {np.shape(given)} and the film {size}: bring them to one size")

    def floats(self, answer: Any) -> tuple[Floats, Floats, Floats]:
        """Return film, truth and answer as float64 in parts of the data range.

        Raises:
            InputError: if the answer has another size, or one cannot be used.
        """
        film, soft, said = (unit(picture, self.data_range) for picture in (self.film, self.soft, answer))
        if said.shape != film.shape:
            raise InputError(f"the answer is {said.shape} and the film {film.shape}: bring them to one size")
        return film, soft, said


def _bone(film: Floats, soft: Floats) -> float:
    there = float(np.sum((film - soft) ** 2))
    if there == 0:
        raise InputError("the film and its bone-free truth are equal: there is no bone to suppress")
    return there


def bsr_published(truth: BoneTruth, answer: Any) -> float:
    """Return the bone suppression ratio as BS-Diff, BS-LDM and GL-LCM computed it; not to be relied on.

    It forgives any constant offset and counts only what is too dark, so that a film returned as it was scores 0.66
    to 0.89 on published pairs. Kept to compare with published numbers; `bsr2` is the honest ratio.

    Raises:
        InputError: if there is no bone, or a picture cannot be used.
    """
    film, soft, said = truth.floats(answer)
    shifted = said + np.mean(soft - said)
    return 1.0 - float(np.sum(np.maximum(soft - shifted, 0.0) ** 2)) / _bone(film, soft)


def bsr2(truth: BoneTruth, answer: Any) -> float:
    """Return 1 - sum (answer - truth)^2 / sum (film - truth)^2: 1 is perfect, 0 is doing nothing, below 0 is harm.

    Raises:
        InputError: if there is no bone, or a picture cannot be used.
    """
    film, soft, said = truth.floats(answer)
    return 1.0 - float(np.sum((said - soft) ** 2)) / _bone(film, soft)


def rib_contrast_residual(truth: BoneTruth, answer: Any, *, ring_mm: float = RING_MM) -> float:
    """Return the rib contrast left over that of the film: 0 is none left, 1 is all of it, above 1 is more.

    Contrast is the gap between mean grey levels over the ribs and over a ring of 5 mm around them.

    Raises:
        InputError: if ribs or spacing were not given, or the film shows no rib contrast to begin with.
    """
    from scipy.ndimage import distance_transform_edt

    film, _, said = truth.floats(answer)
    if truth.ribs is None or truth.spacing_mm is None:
        raise InputError("the rib contrast takes a mask of the ribs and spacing_mm in the truth")
    ribs = np.asarray(truth.ribs, bool)
    ring = ~ribs & (distance_transform_edt(~ribs, sampling=truth.spacing_mm) <= ring_mm) if ribs.any() else ribs
    if not ring.any():
        raise InputError("the rib mask is empty, or leaves no ring around it")
    before = abs(float(film[ribs].mean() - film[ring].mean()))
    if before < 1e-3:
        raise InputError(f"the film shows no rib contrast ({before:.2g} of the data range): the mask may be misplaced")
    return abs(float(said[ribs].mean() - said[ring].mean())) / before


def vessel_preservation(truth: BoneTruth, answer: Any, *, edge_px: float = EDGE_PX) -> float:
    """Return the correlation of fine structure with the truth inside the lungs, away from rib edges, in [-1, 1].

    Fine structure is what passes the difference of two Gaussians (SD 2 and 8 pixels). Pixels within 3 of a rib's
    edge take no part where a rib mask is given.

    Raises:
        InputError: if the lungs were not given, hardly anything of them is left, or there is no structure.
    """
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    _, soft, said = truth.floats(answer)
    if truth.lungs is None:
        raise InputError("vessels are looked at inside the lungs: give their mask in the truth")
    where = np.asarray(truth.lungs, bool)
    if truth.ribs is not None and np.any(truth.ribs):
        ribs = np.asarray(truth.ribs, bool)
        away = np.where(ribs, distance_transform_edt(ribs), distance_transform_edt(~ribs))
        where = where & (away > edge_px)
    if where.sum() < 64:
        raise InputError(f"only {int(where.sum())} lung pixels are left away from rib edges: 64 are needed")
    one, other = ((gaussian_filter(p, BAND_PX[0]) - gaussian_filter(p, BAND_PX[1]))[where] for p in (soft, said))
    if min(one.std(), other.std()) < 1e-9:
        raise InputError("there is no fine structure inside the lungs: a constant picture correlates with nothing")
    return float(np.corrcoef(one, other)[0, 1])
