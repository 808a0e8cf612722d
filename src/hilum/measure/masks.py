"""Two masks of one region: overlap, surface distance, and the share of surface that agrees within a tolerance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt

from hilum.core.errors import InputError
from hilum.core.region import Mask

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Region = Mask | NDArray[np.generic]
NAN = float("nan")


class Overlap(NamedTuple):
    """Pixels or voxels in both masks, in the reference, and in the answer."""

    both: int
    reference: int
    answer: int


class Surfaces(NamedTuple):
    """Distance of each surface pixel to the other mask's surface, (R,) of the reference and (A,) of the answer."""

    reference: Floats
    answer: Floats


def inside(region: Region) -> Bools:
    """Return a mask as bool (H, W) or (D, H, W).

    Raises:
        InputError: if it has another number of axes, no pixel, or values other than 0 and 1.
    """
    pixels = region.pixels if isinstance(region, Mask) else np.asarray(region)
    if pixels.ndim not in (2, 3) or pixels.size == 0:
        raise InputError(f"a mask must be (H, W) or (D, H, W) with at least one pixel, got shape {pixels.shape}")
    if pixels.dtype != np.bool_:
        strange = ~((pixels == 0) | (pixels == 1))
        if strange.any():
            raise InputError(
                f"a mask holds only 0 and 1, got {pixels[strange][0]}: threshold probabilities or choose one label"
            )
    return pixels.astype(np.bool_)


def both(reference: Region, answer: Region) -> tuple[Bools, Bools]:
    """Return two masks as bool arrays of one shape.

    Raises:
        InputError: if one is malformed (see `inside`), or their shapes differ.
    """
    true, said = inside(reference), inside(answer)
    if true.shape != said.shape:
        raise InputError(f"masks must have one shape, got {true.shape} and {said.shape}: resample one to the other")
    return true, said


def overlap(reference: Region, answer: Region) -> Overlap:
    """Count what two masks share.

    Raises:
        InputError: see `both`.
    """
    true, said = both(reference, answer)
    return Overlap(int((true & said).sum()), int(true.sum()), int(said.sum()))


def dice(reference: Region, answer: Region) -> float:
    """Return 2 |A and B| / (|A| + |B|), [0, 1]; NaN where both are empty: there was nothing to find or to say.

    `hilum.measure.binary.dice` calls that case 1.

    Raises:
        InputError: see `both`.
    """
    shared, true, said = overlap(reference, answer)
    return 2 * shared / (true + said) if true + said else NAN


def iou(reference: Region, answer: Region) -> float:
    """Return |A and B| / |A or B|, [0, 1]; NaN where both are empty.

    Raises:
        InputError: see `both`.
    """
    shared, true, said = overlap(reference, answer)
    return shared / (true + said - shared) if true + said else NAN


def spacing_of(spacing_mm: Sequence[float] | None, axes: int) -> tuple[float, ...]:
    """Return the size of a pixel along each axis; 1 where none is given, so that distances are in pixels.

    Raises:
        InputError: if it does not fit the mask, or a size is not above 0.
    """
    sizes = (1.0,) * axes if spacing_mm is None else tuple(float(size) for size in spacing_mm)
    if len(sizes) != axes or not all(np.isfinite(size) and size > 0 for size in sizes):
        raise InputError(f"spacing must be {axes} sizes above 0, one for each axis of the mask in order, got {sizes}")
    return sizes


def surface(mask: Bools) -> Bools:
    """Return the pixels of a mask that touch its outside through a side; outside the array is outside."""
    inner: Bools = binary_erosion(mask)
    return mask & ~inner


def surfaces(reference: Region, answer: Region, *, spacing_mm: Sequence[float] | None = None) -> Surfaces | None:
    """Return distances between the surfaces of two masks in mm (pixels without spacing), or None where one is empty.

    Args:
        reference, answer: masks of one shape.
        spacing_mm: size of a pixel along each axis, in the order of the axes: (y, x) or (z, y, x).

    Raises:
        InputError: see `both` and `spacing_of`.
    """
    true, said = both(reference, answer)
    sizes = spacing_of(spacing_mm, true.ndim)
    if not true.any() or not said.any():
        return None
    held = np.nonzero(true | said)
    cut = tuple(slice(int(axis.min()), int(axis.max()) + 1) for axis in held)
    one, two = surface(true[cut]), surface(said[cut])
    return Surfaces(
        distance_transform_edt(~two, sampling=sizes)[one], distance_transform_edt(~one, sampling=sizes)[two]
    )


def hausdorff(
    reference: Region, answer: Region, *, percentile: float = 95.0, spacing_mm: Sequence[float] | None = None,
    pooled: bool = False,
) -> float:  # fmt: skip
    """Return the percentile of surface distances; NaN where both masks are empty, infinite where one is.

    Args:
        reference, answer: masks of one shape.
        percentile: 95 for HD95, 100 for the Hausdorff distance.
        spacing_mm: size of a pixel along each axis; the result is in mm, else in pixels.
        pooled: percentile over both directions thrown together (as MedPy), else the greater of the two directed
            percentiles (as MONAI and DeepMind).

    Raises:
        InputError: see `surfaces`; if the percentile is not in (0, 100].
    """
    if not 0 < percentile <= 100:
        raise InputError(f"percentile must lie in (0, 100], got {percentile}")
    found = surfaces(reference, answer, spacing_mm=spacing_mm)
    if found is None:
        return float("inf") if inside(reference).any() or inside(answer).any() else NAN
    return far(found, percentile=percentile, pooled=pooled)


def far(found: Surfaces, *, percentile: float = 95.0, pooled: bool = False) -> float:
    """Return the percentile of distances between surfaces; see `hausdorff`."""
    if pooled:
        return float(np.percentile(np.concatenate(found), percentile))
    return max(float(np.percentile(found.reference, percentile)), float(np.percentile(found.answer, percentile)))


def surface_dice(
    reference: Region, answer: Region, *, tolerance: float, spacing_mm: Sequence[float] | None = None
) -> float:
    """Return the share of both surfaces within a tolerance of the other (NSD, Nikolov et al. 2018), [0, 1].

    Surface pixels are counted, not weighted by the area of surface in them. NaN where both masks are empty, 0 where one
    is.

    Args:
        reference, answer: masks of one shape.
        tolerance: in mm, or pixels without spacing; 0 or more.
        spacing_mm: size of a pixel along each axis.

    Raises:
        InputError: see `surfaces`; if the tolerance is negative or not finite.
    """
    if not (np.isfinite(tolerance) and tolerance >= 0):
        raise InputError(f"tolerance must be 0 or more, got {tolerance}")
    found = surfaces(reference, answer, spacing_mm=spacing_mm)
    if found is None:
        return 0.0 if inside(reference).any() or inside(answer).any() else NAN
    return near(found, tolerance)


def near(found: Surfaces, tolerance: float) -> float:
    """Return the share of all distances between surfaces that are within a tolerance."""
    return float((np.concatenate(found) <= tolerance).mean())
