"""How a virtual patient is put before the detector: distances, pose, and a crop that varies as real ones do.

The lungs' box takes a drawn share of the film, measured on 111 real frontal films with lung masks of the Hannover and
the COVID-19 collections (width 0.84, SD 0.08; its middle at 0.47 of the height, SD 0.05). Lengths in mm.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.geometry import View
from hilum.core.seed import generator
from hilum.drr.geometry import DrrView, Geometry, aim
from hilum.phantom.families_base import named
from hilum.phantom.patient import Anatomy, Pose
from hilum.phantom.warp import Body

DISTANCE_MM = {"PA": (1800.0, 1830.0), "AP": (1000.0, 1270.0), "LL": (1800.0, 1830.0), "RL": (1800.0, 1830.0)}
"""Source to detector, lowest and highest."""
GAP_MM = {"PA": (10.0, 40.0), "AP": (15.0, 60.0), "LL": (20.0, 50.0), "RL": (20.0, 50.0)}
"""Air, grid and cover between the patient and the detector."""
WIDTH_SHARE = {"PA": (0.83, 0.07), "AP": (0.86, 0.07)}
"""Width of the lungs' box over that of the film: mean and standard deviation."""
HEIGHT_SHARE = (0.76, 0.06)
"""Height of the lungs' box over that of a lateral film."""
MIDDLE = ((0.49, 0.04), (0.50, 0.02))
"""Where the box's middle lies, down and along: mean and standard deviation."""
ABDOMEN = ("liver", "stomach", "spleen", "colon", "small_bowel", "duodenum", "kidney", "pancreas")
"""Beginnings of the names of organs that lie under the diaphragm."""
Points = NDArray[np.float64]
_MOST, _LEAST = 0.93, 0.66
_TISSUE_HU = -300.0


def frame(
    anatomy: Anatomy, pose: Pose, view: View, *, size: tuple[int, int], seed: int
) -> tuple[Geometry, dict[str, Any]]:
    """Return the exposure of one view of a body, and every number drawn for it.

    Args:
        anatomy: with lobes under TotalSegmentator's names.
        pose: rotation and tilt are taken from it.
        view: 'PA', 'AP', 'LL' or 'RL'; an AP film is a portable one.
        size: rows and columns of the detector.
        seed: of distances and crop.

    Raises:
        InputError: for another view, or a body without lungs.
    """
    if view not in DISTANCE_MM:
        raise InputError(f"a virtual patient is exposed PA, AP, LL or RL, got view '{view}'")
    which: DrrView = view  # type: ignore[assignment]
    rng = generator(seed, "frame", view)
    source_mm, gap_mm = float(rng.uniform(*DISTANCE_MM[view])), float(rng.uniform(*GAP_MM[view]))
    volume = anatomy.body.volume
    beam = 1 if view in ("PA", "AP") else 0
    points = fields_mm(anatomy, axis=beam)
    middle, half_mm = _torso(anatomy, points, axis=beam)
    setting: dict[str, Any] = {
        "view": which, "angles_deg": (pose.tilt_deg, 0.0, pose.rotation_deg), "source_detector_mm": source_mm,
        "source_isocentre_mm": source_mm - half_mm - gap_mm, "isocentre_mm": middle,
    }  # fmt: skip
    trial = aim(volume.affine, volume.voxels.shape, detector=(3, 3), pitch_mm=(1.0, 1.0), **setting)
    shadow = trial.shadow(points) - 1.0  # mm from the central ray
    low, high = shadow.min(axis=0), shadow.max(axis=0)
    share = _shares(view, high - low, rng, size)
    pitch = float(((high - low) / share / size)[0])
    at = np.array([rng.normal(*MIDDLE[0]), rng.normal(*MIDDLE[1])])
    slack = np.maximum(1.0 - share, 0.0) / 2 + 0.02
    at = np.clip(at, 0.5 - slack, 0.5 + slack)
    offset = (low + high) / 2 + (0.5 - at) * pitch * np.array(size)
    geometry = aim(
        volume.affine, volume.voxels.shape, detector=size, pitch_mm=(pitch, pitch),
        offset_mm=(float(offset[0]), float(offset[1])), **setting,
    )  # fmt: skip
    log = {
        "source_detector_mm": round(source_mm, 1), "gap_mm": round(gap_mm, 1), "pitch_mm": round(pitch, 4),
        "isocentre_detector_mm": round(half_mm + gap_mm, 1), "magnification": round(geometry.magnification, 4),
        "lung_height_share": round(float(share[0]), 4), "lung_width_share": round(float(share[1]), 4),
        "rotation_deg": pose.rotation_deg, "tilt_deg": pose.tilt_deg, "seed": seed,
    }  # fmt: skip
    return geometry, log


def fields_mm(anatomy: Anatomy, *, axis: int) -> Points:
    """Return first and last place (N, 3) in mm of the lungs along an axis, where no abdominal organ lies along it.

    The lungs reach far down behind the domes of the diaphragm, where a film does not show them.

    Args:
        anatomy: with lobes under TotalSegmentator's names.
        axis: 1 for frontal films, 0 for lateral ones.

    Raises:
        InputError: if no lung is free.
    """
    found: Points = anatomy.body.structures.keep(("fields", axis), lambda: _fields_mm(anatomy.body, axis))
    return found


def _fields_mm(body: Body, axis: int) -> Points:
    lung = np.moveaxis(named(body, "lung_"), axis, 0)
    free = lung.any(axis=0) & ~np.moveaxis(named(body, *ABDOMEN), axis, 0).any(axis=0)
    lines = np.argwhere(free)
    if not len(lines):
        raise InputError("the body has no lung above the diaphragm: a film cannot be centred on it")
    first = lung.argmax(axis=0)[free]
    last = lung.shape[0] - 1 - lung[::-1].argmax(axis=0)[free]
    ends = np.concatenate([np.insert(lines, axis, end, axis=1) for end in (first, last)])
    return np.asarray(ends * body.spacing_mm + body.volume.affine[:3, 3])


def _shares(view: View, box_mm: Points, rng: np.random.Generator, size: tuple[int, int]) -> Points:
    """Height and width of the lungs' box over the film's, for square pixels."""
    drawn = float(np.clip(rng.normal(*(WIDTH_SHARE.get(view, HEIGHT_SHARE))), _LEAST, 0.98))
    lead = 1 if view in WIDTH_SHARE else 0
    pitch = box_mm[lead] / drawn / size[lead]
    share = box_mm / pitch / np.array(size)
    return np.asarray(share * min(1.0, _MOST / share[0], 0.98 / share[1]))


def _torso(anatomy: Anatomy, points: Points, *, axis: int) -> tuple[tuple[float, float, float], float]:
    """Middle of the torso as high as the lungs' middle, in mm, and half its extent along the beam."""
    volume = anatomy.body.volume
    height = float(points[:, 2].min() + points[:, 2].max()) / 2
    level = round((height - volume.affine[2, 3]) / anatomy.body.spacing_mm)
    tissue = np.asarray((volume.voxels[:, :, max(level - 2, 0) : level + 3] > _TISSUE_HU).any(axis=2), np.bool_)
    ends = []
    for across in (0, 1):
        used = np.flatnonzero(tissue.any(axis=1 - across))
        if not used.size:
            raise InputError("the body has no tissue as high as its lungs: check that it is in HU")
        ends.append(volume.affine[across, 3] + anatomy.body.spacing_mm * np.array([used[0] - 0.5, used[-1] + 0.5]))
    middle = (float(ends[0].mean()), float(ends[1].mean()), height)
    return middle, float(np.ptp(ends[axis])) / 2
