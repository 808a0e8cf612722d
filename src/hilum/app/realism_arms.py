"""The same rays exposed with one block of physics taken out at a time, down to raw line integrals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hilum.drr.coefficients import mass_attenuation
from hilum.drr.detector import shrunken
from hilum.drr.detector_display import Processing
from hilum.drr.randomise import random_exposure
from hilum.phantom.imaging import drawn_processing, expose
from hilum.phantom.patient import Pose, Shot

RAW, RAW_KEV = "raw", 60.0
ARMS = ("full", "no scatter", "no noise", "no processing", RAW)
"""All physics; without scatter; without quanta and electronics; signal shown by its logarithm from minimum to maximum;
line integrals at 60 keV from minimum to maximum."""
PLAIN = Processing(detail_power=1.0, edge_gain=1.0, tone="linear", window_percent=(0.0, 100.0))


def arm(shot: Shot, pose: Pose, name: str) -> NDArray[np.float32]:
    """Return one exposure (rows, columns) in [0, 1] of a shot; the seeds are the pose's, so only the block differs.

    Args:
        shot: as stored.
        pose: of the patient.
        name: of `ARMS`.
    """
    if name == RAW:
        return raw(shot)
    usual = random_exposure(pose.exposure_seed, view=shot.view)
    processing = drawn_processing(pose.processing_seed, pose, shot.view)
    exposure = {
        "no scatter": replace(usual, scatter=0.0),
        "no noise": replace(usual, quanta=False, electronic_quanta=0.0),
    }.get(name, usual)
    if name == "no processing":
        processing = PLAIN
    made = expose(shot, pose, exposure=exposure, processing=processing)
    return np.asarray(np.clip(made.image.display(), 0, 1), np.float32)


def raw(shot: Shot) -> NDArray[np.float32]:
    """Return a shot's line integrals at 60 keV on the film's pixels, from 0 at the lowest to 1 at the highest."""
    total = np.zeros(shot.geometry.shape, np.float32)
    for material, areal in shot.maps.items():
        total += np.float32(mass_attenuation(material, RAW_KEV)) * areal
    small = shrunken(total, shot.fine)
    return np.asarray((small - small.min()) / max(float(np.ptp(small)), 1e-6), np.float32)
