"""A dual-energy pair of one chest: what subtraction gives, and the exact image without bone that it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.drr.beam import SPECTRA, Response, Spectrum, log_attenuation, transmit
from hilum.drr.coefficients import density_g_cm3
from hilum.drr.detector import Exposure, detected
from hilum.drr.geometry import Geometry
from hilum.drr.materials import BONE, SOFT

Pixels = NDArray[np.float32]
LOW = Exposure(spectrum=SPECTRA["dual-energy low"])
HIGH = Exposure(spectrum=SPECTRA["dual-energy high"])


@dataclass(frozen=True, eq=False)
class DualEnergy:
    """Two exposures and three images without bone, all as -ln of the share of the open beam (rows, columns).

    Args:
        low, high: as exposed, with scatter and noise.
        soft: high less `weight` low, divided by 1 - weight: bone cancels, noise grows.
        bone: high less `soft_weight` low: soft tissue cancels; up to the sign, bone.
        exact: the high exposure without scatter and noise, bone replaced by as much volume of soft tissue.
        weight, soft_weight: as used.
    """

    low: Pixels
    high: Pixels
    soft: Pixels
    bone: Pixels
    exact: Pixels
    weight: float
    soft_weight: float


def cancelling_weight(
    material: str, low: Spectrum, high: Spectrum, response: Response, *, soft_g_cm2: float = 15.0
) -> float:
    """Return the weight at which a thin layer of a material behind soft tissue cancels in high - weight x low.

    About 0.5 to 0.6 for bone and 0.8 for soft tissue at 60 and 120 kV; it falls slowly with thinner bodies.

    Raises:
        InputError: if the two spectra see the material alike.
    """
    step = 0.05
    maps = {SOFT: np.full((1, 2), soft_g_cm2, np.float32)}
    layer = np.array([[0.0, step]], np.float32)
    maps[material] = maps.get(material, np.float32(0.0)) + layer
    slopes = [float(np.diff(log_attenuation(maps, beam, response, exact=True))[0, 0]) / step for beam in (low, high)]
    if not slopes[0] > slopes[1] > 0:
        raise InputError(f"{material} weighs {slopes[1]:.3g} and {slopes[0]:.3g} cm2/g: give a lower and a higher beam")
    return slopes[1] / slopes[0]


def dual_energy(
    maps: Mapping[str, Pixels],
    geometry: Geometry,
    *,
    low: Exposure = LOW,
    high: Exposure = HIGH,
    motion_mm: float = 0.0,
    seed: int = 0,
) -> DualEnergy:
    """Expose a chest at two energies and subtract.

    Args:
        maps: areal density in g/cm2 of soft tissue, cortical bone and whatever else.
        geometry: of the exposures.
        low, high: settings; scatter is left in both, as it is on real pairs that are not corrected.
        motion_mm: how far soft tissue moves towards the feet between the two shots; bones stay. 1 to 4 mm draws the
            edges along heart and diaphragm that real pairs show.
        seed: of the noise.

    Raises:
        InputError: if there is no map of soft tissue.
    """
    if SOFT not in maps:
        raise InputError(f"a dual-energy pair needs a map of soft tissue, got {', '.join(maps)}")
    pitch = float(np.mean(geometry.pitch_mm))
    moved = {**maps, SOFT: _shifted(maps[SOFT], motion_mm * geometry.magnification / pitch)}
    first, second = (
        _shot(seen, exposure, geometry, generator(seed, "dual energy", name))
        for name, exposure, seen in (("low", low, maps), ("high", high, moved))
    )
    body = maps[SOFT] > 3.0
    typical = float(np.median(maps[SOFT][body])) if body.any() else 15.0
    weights = [
        cancelling_weight(material, low.spectrum, high.spectrum, high.response, soft_g_cm2=typical)
        for material in (BONE, SOFT)
    ]
    soft = ((second - np.float32(weights[0]) * first) / np.float32(1.0 - weights[0])).astype(np.float32)
    return DualEnergy(
        low=first,
        high=second,
        soft=soft,
        bone=np.float32(weights[1]) * first - second,
        exact=without_bone(moved, high),
        weight=weights[0],
        soft_weight=weights[1],
    )


def _shot(maps: Mapping[str, Pixels], exposure: Exposure, geometry: Geometry, rng: np.random.Generator) -> Pixels:
    """-ln of a detector's signal behind maps of matter."""
    primary = transmit(maps, exposure.spectrum, exposure.response)
    pitch = float(np.mean(geometry.pitch_mm))
    signal, _ = detected(primary, exposure, rng, pitch_mm=pitch, magnification=geometry.magnification)
    taken: Pixels = -np.log(signal)
    return taken


def without_bone(maps: Mapping[str, Pixels], exposure: Exposure) -> Pixels:
    """Return -ln of what passes when bone is soft tissue of the same volume, without scatter and noise."""
    bone = maps.get(BONE)
    soft = {name: each for name, each in maps.items() if name != BONE}
    if bone is not None:
        soft[SOFT] = soft[SOFT] + bone * np.float32(density_g_cm3(SOFT) / density_g_cm3(BONE))
    return log_attenuation(soft, exposure.spectrum, exposure.response)


def _shifted(image: Pixels, rows: float) -> Pixels:
    """An image moved down by a fraction of rows, its edge repeated."""
    if rows == 0:
        return image
    place = np.clip(np.arange(image.shape[0]) - rows, 0, image.shape[0] - 1)
    low = np.minimum(place.astype(np.intp), image.shape[0] - 2)
    share = (place - low).astype(np.float32)[:, None]
    moved: Pixels = image[low] * (1 - share) + image[low + 1] * share
    return moved


def quiet(exposure: Exposure) -> Exposure:
    """Return an exposure without scatter, blur and noise."""
    return replace(exposure, scatter=0.0, quanta=False, mtf=False, focal_mm=0.0)
