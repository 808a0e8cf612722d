"""Dual-energy triples of a shot: the film with everything, the one without bone and the one without soft tissue.

Three kinds of truth, for three experiments: `exact` (soft tissue and bone each alone, no scatter, no noise), what
subtraction of two noisy exposures gives, and the same with the patient having moved between the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.image import Image, MadeBy, Window
from hilum.core.seed import generator
from hilum.drr.beam import log_attenuation
from hilum.drr.detector import Exposure, shrunken
from hilum.drr.dual_energy import HIGH, LOW, DualEnergy, dual_energy, without_bone
from hilum.drr.randomise import random_exposure
from hilum.phantom.patient import Pose, Shot

MOST_MOTION_MM = 10.0
_KERMA_SHARE = (0.5, 1.0)  # of the usual air kerma that each of the two exposures takes
_DARK, _WHITE = 0.5, 99.7
Pixels = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Triple:
    """Three films of one chest on one grid, each -ln of the share of the open beam (rows, columns).

    Args:
        mixed: the high exposure, with scatter and noise.
        soft: bone cancelled by subtraction; noisier, and with the edges that motion leaves.
        bone: soft tissue cancelled by subtraction.
        exact_mixed: the high exposure without scatter and noise.
        exact_soft: the same with bone replaced by as much volume of soft tissue.
        weights: of the low exposure in `soft` and in `bone`.
        log: settings, for JSON.
    """

    mixed: Image
    soft: Image
    bone: Image
    exact_mixed: Image
    exact_soft: Image
    weights: tuple[float, float]
    log: Mapping[str, Any] = field(default_factory=dict)

    @property
    def exact_bone(self) -> Pixels:
        """What bone adds to the exact film (rows, columns), 0 or more but for rounding."""
        return np.asarray(self.exact_mixed.pixels - self.exact_soft.pixels, np.float32)


def triple(shot: Shot, pose: Pose, *, seed: int | None = None, motion_mm: float = 0.0, name: str = "") -> Triple:
    """Expose a shot at two energies and subtract.

    Args:
        shot: from `shoot`, or loaded.
        pose: its exposure seed is used where none is given.
        seed: of dose, focal spot, scatter and noise.
        motion_mm: how far soft tissue moves towards the feet between the two exposures, 0 to 10; 1 to 4 is usual.
        name: id of the images; each adds what it is.

    Raises:
        InputError: if the motion is out of range.
    """
    if not 0.0 <= motion_mm <= MOST_MOTION_MM:
        raise InputError(f"a patient moves 0 to {MOST_MOTION_MM:g} mm between two exposures, got {motion_mm:g}")
    first = pose.exposure_seed if seed is None else seed
    low, high = (_exposure(each, first, which, shot) for each, which in ((LOW, "low"), (HIGH, "high")))
    made = dual_energy(shot.maps, shot.geometry, low=low, high=high, motion_mm=motion_mm, seed=first)
    exact = log_attenuation(shot.maps, high.spectrum, high.response)
    films = {
        "mixed": made.high, "soft": made.soft, "bone": made.bone, "exact mixed": exact,
        "exact soft": without_bone(shot.maps, high),
    }  # fmt: skip
    images = {key: _image(shot, shrunken(pixels, shot.fine), f"{name} {key}".strip()) for key, pixels in films.items()}
    log = {
        "seed": first, "motion_mm": motion_mm, "low": low.as_dict(), "high": high.as_dict(),
        "weights": [made.weight, made.soft_weight],
    }  # fmt: skip
    return Triple(
        images["mixed"], images["soft"], images["bone"], images["exact mixed"], images["exact soft"],
        _weights(made), log,
    )  # fmt: skip


def _weights(made: DualEnergy) -> tuple[float, float]:
    return (float(made.weight), float(made.soft_weight))


def _exposure(start: Exposure, seed: int, which: str, shot: Shot) -> Exposure:
    """A dual-energy exposure with dose, focal spot and scatter drawn; beam and grid stay."""
    drawn = random_exposure(seed, view=shot.view)
    share = float(generator(seed, "dual energy dose", which).uniform(*_KERMA_SHARE))
    return replace(
        start, detector_ugy=drawn.detector_ugy * share, focal_mm=drawn.focal_mm, scatter=drawn.scatter,
        electronic_quanta=drawn.electronic_quanta,
    )  # fmt: skip


def _image(shot: Shot, pixels: Pixels, name: str) -> Image:
    """Line integrals as an image, its window over the body: more matter is brighter."""
    body = pixels[pixels > np.percentile(pixels, 10)]
    low, high = (float(v) for v in np.percentile(body if body.size else pixels, [_DARK, _WHITE]))
    high = max(high, low + 1e-6)
    return Image(
        pixels, window=Window((low + high) / 2, high - low, "LINEAR_EXACT"), view=shot.view,
        spacing_mm=(shot.geometry.pitch_mm[0] * shot.fine, shot.geometry.pitch_mm[1] * shot.fine),
        spacing_plane=shot.geometry.spacing_plane, orientation=shot.geometry.orientation, id=name,
        made_by=MadeBy("hilum dual energy"), synthetic=True,
    )  # fmt: skip
