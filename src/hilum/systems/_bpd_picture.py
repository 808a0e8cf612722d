"""Pictures of the experiment: adults, children by severity, and textures, side by side."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from hilum.systems._bpd_bodies import infants, textures
from hilum.systems._bpd_starts import smaller

CAPTION = (
    "Rows: adults that the in-domain start learns from; children with little, middling and much grain; textures of the "
    "generic start"
)
ACROSS, TIMES = 8, 2


def sheet(adults: NDArray[np.uint8], bodies: NDArray[np.uint8], *, size: int, seed: int) -> bytes:
    """Return a PNG of what each start sees and what the site's films are."""
    drawn = infants(bodies, max(60, 3 * ACROSS), size=size, seed=seed + 77)
    order = np.argsort(drawn.severity)
    middle = len(order) // 2 - ACROSS // 2
    rows = [
        smaller(adults[:: max(1, len(adults) // ACROSS)][:ACROSS], size), drawn.films[order[:ACROSS]],
        drawn.films[order[middle : middle + ACROSS]], drawn.films[order[-ACROSS:]],
        textures(ACROSS, size=size, seed=seed)[0],
    ]  # fmt: skip
    whole = np.concatenate([np.concatenate([*row, *[row[-1] * 0] * (ACROSS - len(row))], axis=1) for row in rows])
    stream = io.BytesIO()
    Picture.fromarray(np.kron(whole, np.ones((TIMES, TIMES), np.uint8))).save(stream, format="PNG")
    return stream.getvalue()
