"""Whether a structure can be seen on a film: contrast against the anatomy around it, and what lies over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.drr.field import Field, Structures
from hilum.drr.labels import Shadow

LUNG_PATH_MM, SMOOTH_MM = 60.0, 10.0


@dataclass(frozen=True)
class Visibility:
    """How a structure stands out.

    Args:
        contrast: mean change of the line integral over its shadow, in the film's unit; weighted by path length if
            that is given. Negative for what is less dense than what it replaces.
        noise: standard deviation of the anatomy around it, in the same unit.
        area_px: pixels of the shadow.
    """

    contrast: float
    noise: float
    area_px: int

    @property
    def contrast_to_noise(self) -> float:
        """Contrast over noise; 1 is about as strong as the anatomy itself."""
        return self.contrast / self.noise


def anatomical_noise(
    film: NDArray[np.float32], region: NDArray[np.bool_], pitch_mm: tuple[float, float], *, smooth_mm: float = SMOOTH_MM
) -> float:
    """Return the standard deviation, within a region, of a film (H, W) minus its Gaussian.

    Args:
        film: line integrals without the structure.
        region: where to measure, e.g. lung path over 60 mm.
        pitch_mm: (between rows, between columns).
        smooth_mm: sigma of the Gaussian; coarser anatomy does not count as noise.

    Raises:
        InputError: if the region has fewer than 16 pixels.
    """
    from scipy import ndimage

    if region.sum() < 16:
        raise InputError(f"noise takes a region of 16 pixels or more, got {int(region.sum())}")
    smooth = ndimage.gaussian_filter(film.astype(np.float64), [smooth_mm / step for step in pitch_mm])
    return float((film - smooth)[region].std())


def visibility(
    change: NDArray[np.float32],
    film: NDArray[np.float32],
    pitch_mm: tuple[float, float],
    *,
    lung_mm: NDArray[np.float32] | None = None,
    path_mm: NDArray[np.float32] | None = None,
    around_mm: float | None = None,
    smooth_mm: float = SMOOTH_MM,
) -> Visibility:
    """Measure the contrast-to-noise ratio of what changes a film.

    Args:
        change: (H, W) line integral with the structure minus without; 0 outside its shadow.
        film: (H, W) line integral without it.
        pitch_mm: (between rows, between columns).
        lung_mm: (H, W) path length through both lungs; noise is then measured where it exceeds 60 mm.
        path_mm: (H, W) path length through the structure; the contrast is then its weighted mean, so that a thin
            rim does not dilute the middle.
        around_mm: measure noise only this far around the shadow; None takes the whole region.
        smooth_mm: sigma of the Gaussian that is taken off before the noise is measured.

    Raises:
        InputError: if nothing changes, or the region for the noise is too small.
    """
    from scipy import ndimage

    shadow = change != 0 if path_mm is None else path_mm > 0
    if not shadow.any():
        raise InputError("the structure casts no shadow on this film, so its visibility cannot be measured")
    weight = np.ones_like(change) if path_mm is None else path_mm
    region = np.ones(film.shape, np.bool_) if lung_mm is None else lung_mm > LUNG_PATH_MM
    if around_mm is not None:
        region &= ndimage.distance_transform_edt(~shadow, sampling=pitch_mm) <= around_mm
    contrast = float((change[shadow] * weight[shadow]).sum(dtype=np.float64) / weight[shadow].sum(dtype=np.float64))
    return Visibility(contrast, anatomical_noise(film, region, pitch_mm, smooth_mm=smooth_mm), int(shadow.sum()))


@dataclass(frozen=True)
class Occlusion:
    """What share of a structure's shadow lies behind or before denser structures.

    Args:
        share: of its path length, [0, 1], under any of them.
        by: the share under each, largest first; they may overlap.
    """

    share: float
    by: Mapping[str, float]


def occlusion(
    name: str, shadows: Mapping[str, Shadow], density: Mapping[str, float], *, denser_by: float = 0.0
) -> Occlusion:
    """Measure how much of a structure is overlain by denser ones; a film does not tell what lies in front.

    Args:
        name: of the structure.
        shadows: it and the others.
        density: mean attenuation or HU of each, from `mean_values`; those without are left out.
        denser_by: how much denser a structure must be to count.

    Raises:
        InputError: if the structure or its density is missing, or it casts no shadow.
    """
    if name not in shadows or name not in density:
        raise InputError(f"occlusion takes a shadow and a density of '{name}'")
    own = shadows[name].path_lengths() * shadows[name].mask().pixels
    total = float(own.sum(dtype=np.float64))
    if total <= 0:
        raise InputError(f"'{name}' casts no shadow on this film")
    covered, by = np.zeros(own.shape, np.bool_), {}
    for other, shadow in shadows.items():
        if other != name and density.get(other, -np.inf) > density[name] + denser_by:
            over = shadow.mask().pixels
            by[other] = float(own[over].sum(dtype=np.float64)) / total
            covered |= over
    order = sorted((item for item in by.items() if item[1] > 0), key=lambda item: (-item[1], item[0]))
    return Occlusion(float(own[covered].sum(dtype=np.float64)) / total, dict(order))


def mean_values(structures: Structures, field: Field) -> dict[str, float]:
    """Return the mean of a field inside each structure that is present, by name, in the field's unit."""
    if field.shape != structures.ids.shape:
        raise InputError(f"the field has {field.shape} voxels, the structures {structures.ids.shape}: use one grid")
    size = int(structures.ids.max()) + 1
    count, total = np.zeros(size), np.zeros(size)
    for ids, values in zip(structures.ids, field.values, strict=True):
        count += np.bincount(ids.ravel(), minlength=size)
        total += np.bincount(ids.ravel(), weights=values.ravel(), minlength=size)
    return {
        structures.names.get(number, str(number)): float(total[number] / count[number] * field.scale)
        for number in np.flatnonzero(count).tolist() if number
    }  # fmt: skip
