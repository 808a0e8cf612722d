"""What reaches the detector and what it makes of it: scatter, blur, quanta, electronic noise."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.drr.beam import CESIUM_IODIDE, SPECTRA, Response, Spectrum
from hilum.drr.coefficients import mass_attenuation, matter
from hilum.drr.fourier import filtered

Pixels = NDArray[np.float32]

SCATTER_WIDTHS_MM, SCATTER_SHARES = (30.0, 90.0), (0.4, 0.6)
"""Full widths at half maximum of the two Gaussians that scatter spreads by, and their shares."""
SCATTER_STRENGTH, GRID_SELECTIVITY = 0.6, 2.4
"""Scatter over primary for one unit of -ln(primary), and what a 12:1 grid divides it by; see `scatter`."""
MTF_HALF_PER_MM, MTF_POWER = 1.25, 1.81
"""1 / (1 + (f / 1.25)^1.81): 0.6 at 1 and 0.3 at 2 line pairs per mm, as needles of cesium iodide have."""
NATIVE_MM = 0.15
"""Pitch of the pixels whose electronics make noise."""
_TYPICAL_G_CM2 = 14.0
_FWHM = 2.0 * np.sqrt(2.0 * np.log(2.0))


@dataclass(frozen=True)
class Exposure:
    """How a film is exposed; every block can be turned off by a 0 or False.

    Args:
        spectrum: of the tube.
        response: of the detector's layer.
        detector_ugy: air kerma at the detector in the middle of the body, as automatic exposure control keeps it.
        focal_mm: width of the focal spot.
        scatter: factor on the scatter measured in chests; 0 for none.
        grid: an anti-scatter grid of ratio 12:1.
        quanta: draw photons; False exposes without noise.
        mtf: blur by the detector.
        electronic_quanta: standard deviation of electronic noise, in quanta per pixel of 0.15 mm.

    Raises:
        InputError: if a number is negative or not finite.
    """

    spectrum: Spectrum = field(default=SPECTRA["chest PA"])
    response: Response = CESIUM_IODIDE
    detector_ugy: float = 3.0
    focal_mm: float = 1.0
    scatter: float = 1.0
    grid: bool = True
    quanta: bool = True
    mtf: bool = True
    electronic_quanta: float = 3.0

    def __post_init__(self) -> None:
        for name in ("detector_ugy", "focal_mm", "scatter", "electronic_quanta"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0) or (name == "detector_ugy" and value == 0):
                raise InputError(f"an exposure needs {name} of 0 or more (the air kerma above 0), got {value}")

    def as_dict(self) -> dict[str, Any]:
        """Return every setting, for JSON."""
        return {
            **self.spectrum.as_dict(), "absorber": self.response.absorber,
            "absorber_g_cm2": self.response.areal_g_cm2, "detector_ugy": self.detector_ugy,
            "focal_mm": self.focal_mm, "scatter": self.scatter, "grid": self.grid, "quanta": self.quanta,
            "mtf": self.mtf, "electronic_quanta": self.electronic_quanta,
        }  # fmt: skip


def scatter(primary: Pixels, pitch_mm: float, *, strength: float = 1.0, grid: bool = True) -> Pixels:
    """Return scatter (rows, columns) in the unit of the primary: a wide blur of what the body scatters forward.

    Each ray gives off primary x -ln(primary) x 0.6, nothing where it meets nothing, which two Gaussians of 30 and
    90 mm full width spread. The constants give scatter fractions near 0.5 in lung and 0.9 behind the mediastinum
    without a grid (Niklason et al., Radiology 1981;141:171). The body is taken to go on beyond the film as at its edge.

    Args:
        primary: share of the open beam in (0, 1].
        pitch_mm: of the pixels at the detector.
        strength: factor on the amount.
        grid: divide it by the selectivity of a 12:1 grid.
    """
    from scipy.ndimage import gaussian_filter

    if strength <= 0:
        return np.zeros_like(primary)
    source = primary * np.maximum(-np.log(np.maximum(primary, np.float32(1e-9))), 0.0)
    step = max(1, int(SCATTER_WIDTHS_MM[0] / _FWHM / pitch_mm / 4))  # four samples to the narrower sigma
    small = shrunken(source.astype(np.float32), step)
    spread = np.zeros_like(small)
    for width, share in zip(SCATTER_WIDTHS_MM, SCATTER_SHARES, strict=True):
        spread += share * gaussian_filter(small, width / _FWHM / (pitch_mm * step), mode="nearest", truncate=3.0)
    amount = SCATTER_STRENGTH * strength / (GRID_SELECTIVITY if grid else 1.0)
    return np.asarray(grown(spread, step, primary.shape) * np.float32(amount), np.float32)


def scatter_fraction(primary: Pixels, scattered: Pixels) -> Pixels:
    """Return scatter over scatter and primary, [0, 1)."""
    share: Pixels = scattered / (scattered + primary)
    return share


def shrunken(image: Pixels, step: int) -> Pixels:
    """Return means of blocks of `step` x `step` pixels; the last row and column stand for what is missing of theirs."""
    rows, columns = (-(-n // step) for n in image.shape)
    over = (rows * step - image.shape[0], columns * step - image.shape[1])
    padded = np.pad(image, ((0, over[0]), (0, over[1])), mode="edge") if any(over) else image
    down = _summed(padded.reshape(rows, step, columns * step).astype(np.float32, copy=False), 1)
    return _summed(down.reshape(rows, columns, step), 2) * np.float32(1.0 / step**2)


def _summed(parts: Pixels, axis: int) -> Pixels:
    """Sum over a short axis of three, layer by layer: many times as fast as `sum`."""
    total: Pixels = np.take(parts, 0, axis)
    for index in range(1, parts.shape[axis]):
        total += parts[:, index] if axis == 1 else parts[:, :, index]
    return total


def grown(image: Pixels, step: int, shape: tuple[int, int]) -> Pixels:
    """Return an image of blocks at the size it was shrunken from, bilinear between the blocks' middles."""
    for axis, size in enumerate(shape):
        place = np.clip((np.arange(size, dtype=np.float32) + 0.5) / step - 0.5, 0, image.shape[axis] - 1)
        low = np.minimum(place.astype(np.intp), max(image.shape[axis] - 2, 0))
        share = (place - low).astype(np.float32)
        share = share[:, None] if axis == 0 else share[None, :]
        high = np.minimum(low + 1, image.shape[axis] - 1)
        image = np.take(image, low, axis) * (1 - share) + np.take(image, high, axis) * share
    return image


def focal_blur(primary: Pixels, pitch_mm: float, *, focal_mm: float, magnification: float) -> Pixels:
    """Blur by the shadow that a focal spot throws of a point at the isocentre: a width of focal_mm (M - 1)."""
    from scipy.ndimage import gaussian_filter

    sigma = focal_mm * (magnification - 1.0) / np.sqrt(12.0) / pitch_mm  # of an even width
    if sigma < 0.1:
        return primary
    blurred: Pixels = gaussian_filter(primary, sigma, mode="nearest", truncate=3.0)
    return blurred


def mtf(frequency_per_mm: NDArray[Any]) -> NDArray[Any]:
    """Return the modulation of a cesium iodide detector at spatial frequencies in 1/mm."""
    found: NDArray[Any] = 1.0 / (1.0 + (np.abs(frequency_per_mm) / MTF_HALF_PER_MM) ** MTF_POWER)
    return found


def detector_blur(image: Pixels, pitch_mm: float) -> Pixels:
    """Filter an image by `mtf`; edges are mirrored."""
    return filtered(image, (pitch_mm, pitch_mm), lambda down, across: mtf(np.hypot(down, across)), margin=16)


def quanta_per_ugy(spectrum: Spectrum, response: Response) -> float:
    """Return how many photons of one size would make the noise that 1 microgray behind a chest makes, per mm2.

    Photons that are not stopped do not count, and the spread of their energies takes its share (Swank noise of the
    layer itself is left out).
    """
    energies = spectrum.energies_kev
    behind = spectrum.fluence() * np.exp(-_TYPICAL_G_CM2 * mass_attenuation("soft tissue", energies))
    stopped = behind * response.stopped(energies)
    kerma = float(behind @ matter().air_kerma_ugy)
    return float((stopped @ energies) ** 2 / (stopped @ energies**2)) / kerma


def detected(
    primary: Pixels,
    exposure: Exposure,
    rng: np.random.Generator,
    *,
    pitch_mm: float,
    magnification: float = 1.1,
    cover: Pixels | None = None,
) -> tuple[Pixels, dict[str, float]]:
    """Return the detector's signal and what was measured on the way.

    Args:
        primary: share of the open beam (rows, columns), by `beam.transmit`.
        exposure: what to do.
        rng: of quanta and electronics.
        pitch_mm: of the pixels at the detector.
        magnification: at the isocentre.
        cover: share (rows, columns) that passes what lies on the detector, e.g. a lead letter; it stops scatter too.

    Returns:
        signal as share of the open beam, float32 (rows, columns), above 0; and the numbers: quanta per pixel and
        scatter fraction in the middle of the body, quanta per pixel in the open beam.
    """
    sharp = focal_blur(primary, pitch_mm, focal_mm=exposure.focal_mm, magnification=magnification)
    scattered = scatter(primary, pitch_mm, strength=exposure.scatter, grid=exposure.grid)
    signal = sharp + scattered
    body = primary < 0.6
    middle = float(np.median(signal[body])) if body.any() else float(signal.mean())
    per_pixel = quanta_per_ugy(exposure.spectrum, exposure.response) * exposure.detector_ugy * pitch_mm**2
    scale = per_pixel / max(middle, 1e-9)
    counts = signal * np.float32(scale)
    if cover is not None:
        counts *= cover
    if exposure.quanta:
        counts = rng.poisson(counts).astype(np.float32)
    if exposure.mtf:
        counts = detector_blur(counts, pitch_mm)
    if exposure.electronic_quanta > 0 and exposure.quanta:
        deviation = exposure.electronic_quanta * pitch_mm / NATIVE_MM
        counts += np.float32(deviation) * rng.standard_normal(counts.shape, np.float32)
    fraction = float(np.median(scatter_fraction(primary, scattered)[body])) if body.any() else 0.0
    facts = {"quanta_per_pixel": per_pixel, "scatter_fraction": fraction, "open_beam_quanta": scale}
    return np.maximum(counts, np.float32(0.5)) / np.float32(scale), facts
