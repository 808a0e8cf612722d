"""The rendering of DRR-RATE, as published, and the line integrals that its rivals start from.

Source: DRR-RATE (arXiv 2406.03688) and its repository: a Siddon-Jacobs projector with the source 1000 mm from the
isocentre, 512 x 512 pixels of 0.51 mm in the isocentre's plane, HU above -100 accumulated as HU + 100 and all below
ignored, the volume moved 300 mm along the beam away from the source, -90 degrees about the head axis for a lateral,
minimum to maximum of each picture as 8 bit, and a vertical flip that puts the head up (here rows run to the feet from
the start). That the move widens the field tells that the source stands in front of the patient. The projector divides
by the ray's length from source to pixel, as its interpolator does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.image import Image, Volume
from hilum.drr.field import Field
from hilum.drr.geometry import GAP_MM, Geometry, aim, box_corners
from hilum.drr.project import film_of
from hilum.drr.render import Model, line_integrals

THRESHOLD_HU = -100.0
SOURCE_ISOCENTRE_MM, PITCH_MM, PIXELS, SHIFT_MM = 1000.0, 0.51, 512, 300.0
VIEWS = ("frontal", "lateral")
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class DrrRateRendering:
    """The published rendering with its numbers; the defaults are DRR-RATE's.

    Args:
        threshold_hu: voxels at or below it count nothing, others by how far they lie above it.
        source_isocentre_mm: source to isocentre.
        shift_mm: how far the volume's middle lies behind the isocentre.
        pixels, pitch_mm: rows and columns, and their distance in the isocentre's plane.
        model: 'siddon' (constant voxels, as published) or 'trilinear'.
    """

    threshold_hu: float = THRESHOLD_HU
    source_isocentre_mm: float = SOURCE_ISOCENTRE_MM
    shift_mm: float = SHIFT_MM
    pixels: int = PIXELS
    pitch_mm: float = PITCH_MM
    model: Model = "siddon"

    def sized(self, pixels: int) -> DrrRateRendering:
        """Return the same field of view in other pixels."""
        return DrrRateRendering(
            self.threshold_hu, self.source_isocentre_mm, self.shift_mm, pixels, self.pitch_mm * self.pixels / pixels,
            self.model,
        )  # fmt: skip

    def geometry(self, grid: Volume | Field, *, view: str = "frontal", zoom: float = 1.0) -> Geometry:
        """Return the exposure of a volume; the detector is moved behind it along the same rays.

        Args:
            grid: the CT, or a field made of it.
            view: 'frontal' or 'lateral'.
            zoom: width of the field over the published one.

        Raises:
            InputError: for another view.
        """
        if view not in VIEWS:
            raise InputError(f"DRR-RATE has a frontal and a lateral view, not '{view}'")
        shape = grid.voxels.shape if isinstance(grid, Volume) else grid.shape
        corners = box_corners(grid.affine, shape)
        away = self.source_isocentre_mm + self.shift_mm
        reach = away + float(np.linalg.norm(corners.max(axis=0) - corners.min(axis=0))) / 2 + GAP_MM
        pitch = self.pitch_mm * zoom * reach / self.source_isocentre_mm
        return aim(
            grid.affine, shape, view="AP" if view == "frontal" else "RL", detector=(self.pixels, self.pixels),
            pitch_mm=(pitch, pitch), source_detector_mm=reach, source_isocentre_mm=away,
        )  # fmt: skip

    def integrals(self, volume: Volume, *, view: str = "frontal") -> Floats:
        """Return what the projector accumulates: the mean of max(HU - threshold, 0) along source to pixel, (H, W)."""
        geometry = self.geometry(volume, view=view)
        summed = line_integrals(thresholded(volume, self.threshold_hu), geometry, model=self.model)
        share = geometry.source_detector_mm / self.source_isocentre_mm  # published pixels lie nearer on the same rays
        return (summed / geometry.ray_mm() * share).astype(np.float32)

    def __call__(self, volume: Volume, *, view: str = "frontal") -> Image:
        """Return the picture of a CT in HU: 8-bit grey levels as float32 (H, W) in [0, 1], bone bright."""
        picture = eight_bit(self.integrals(volume, view=view)).astype(np.float32) / 255.0
        return film_of(picture, self.geometry(volume, view=view), name=volume.id)


def thresholded(volume: Volume, threshold_hu: float = THRESHOLD_HU) -> Field:
    """Return max(HU - threshold, 0) of a CT as a field."""
    return Field(np.maximum(volume.voxels - np.float32(threshold_hu), 0.0), volume.affine)


def eight_bit(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return values (H, W) from their minimum to their maximum as 0 to 255; a flat picture is black."""
    low, high = float(values.min()), float(values.max())
    scaled = (values - low) / (high - low) if high > low else np.zeros_like(values)
    return np.rint(scaled * 255.0).astype(np.uint8)
