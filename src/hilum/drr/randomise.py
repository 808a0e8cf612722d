"""Settings drawn at random, so that a model trained on synthetic films does not learn one hospital's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.drr.beam import Spectrum
from hilum.drr.detector import Exposure
from hilum.drr.detector_display import Processing, Tone
from hilum.drr.film import PROCESSING

KV = {"PA": (110.0, 125.0), "AP": (80.0, 90.0), "LL": (115.0, 130.0), "RL": (115.0, 130.0)}


def random_exposure(seed: int, *, view: str = "PA") -> Exposure:
    """Draw an exposure as it may happen on a ward or in a department.

    Tube voltage of the view (110 to 125 kV PA, 80 to 90 kV portable AP), copper 0 to 0.2 mm, air kerma 1.5 to 5
    microgray, focal spot 0.6 to 1.2 mm, scatter 0.7 to 1.3 times the usual, grid except on portable films (1 in 5
    with one).

    Raises:
        InputError: for an unknown view.
    """
    if view not in KV:
        raise InputError(f"view must be {', '.join(KV)}, got '{view}'")
    rng = generator(seed, "random exposure", view)
    kv, copper = float(rng.uniform(*KV[view])), float(rng.choice([0.0, 0.1, 0.2]))
    grid = bool(rng.random() < 0.2) if view == "AP" else True
    return Exposure(
        spectrum=Spectrum(round(kv, 1), (("aluminium", 3.0), ("copper", copper))),
        detector_ugy=float(np.exp(rng.uniform(np.log(1.5), np.log(5.0)))),
        focal_mm=float(rng.uniform(0.6, 1.2)),
        scatter=float(rng.uniform(0.7, 1.3)),
        grid=grid,
        electronic_quanta=float(rng.uniform(2.0, 5.0)),
    )


def random_processing(seed: int, *, start: Processing = PROCESSING, histogram: bool = True) -> Processing:
    """Draw a processing around a given one: detail, window, tone, and a random histogram.

    Args:
        seed: of the draw.
        start: what is not drawn is taken from here: marker, text, borders, polarity.
        histogram: draw 4 to 12 control points of a random rising curve too (RadRotator's transform).
    """
    rng = generator(seed, "random processing")
    tones: tuple[Tone, ...] = ("linear", "sigmoid", "power")
    return replace(
        start,
        detail_power=float(rng.uniform(0.55, 0.95)),
        edge_gain=float(rng.uniform(1.0, 2.5)),
        window_percent=(float(rng.uniform(0.0, 3.0)), float(rng.uniform(98.5, 100.0))),
        tone=tones[int(rng.integers(3))],
        contrast=float(rng.uniform(1.0, 5.0)),
        gamma=float(np.exp(rng.uniform(np.log(0.6), np.log(1.7)))),
        histogram_points=int(rng.integers(4, 13)) if histogram else 0,
    )
