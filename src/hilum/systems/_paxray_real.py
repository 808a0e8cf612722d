"""Real films with lung masks, how masks are compared, and the picture of both."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.systems._paxray_films import NAMES, SEEN

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


def real_films(root: Path, size: int) -> tuple[Floats, Bools, tuple[str, ...]]:
    """Return frontal films of a pack that have lung masks: films (N, S, S), masks (N, S, S), patients."""
    from hilum.data import pack
    from hilum.learn.frame import frame

    films, masks, patients = [], [], []
    for row in pack.rows(root, ("hannover", "covid_cc")):
        outline = pack.mask(root, row) if row.mask and row.view in ("PA", "AP") else None
        if outline is not None:
            films.append(frame(pack.pixels(root, row), size)[0])
            masks.append(framed(outline, size))
            patients.append(row.patient)
    return np.stack(films), np.stack(masks), tuple(patients)


def framed(mask: Bools, size: int) -> Bools:
    """Return a mask (H, W) fitted into a square (size, size), as `learn.frame.frame` fits its film."""
    from PIL import Image as Picture

    from hilum.core.geometry import Letterbox

    box = Letterbox(mask.shape[0], mask.shape[1], size)
    rows, columns = box.inner
    top, left = box.pad
    out = np.zeros((size, size), bool)
    small = Picture.fromarray(mask.astype(np.uint8) * 255).resize((columns, rows), Picture.Resampling.BOX)
    out[top : top + rows, left : left + columns] = np.asarray(small) > 127
    return out


def dice(answer: Bools, truth: Bools) -> NDArray[np.float64]:
    """Return the Dice overlap of masks (N, S, S), film by film."""
    both = (answer & truth).sum(axis=(1, 2))
    found: NDArray[np.float64] = 2.0 * both / np.maximum(answer.sum(axis=(1, 2)) + truth.sum(axis=(1, 2)), 1)
    return found


def mean_iou(answer: Bools, truth: Bools) -> NDArray[np.float64]:
    """Return IoU of masks (N, C, S, S) averaged over the classes that a film shows."""
    both = (answer & truth).sum(axis=(2, 3)).astype(float)
    either = (answer | truth).sum(axis=(2, 3)).astype(float)
    shown = truth.any(axis=(2, 3))
    each = np.where(shown, both / np.maximum(either, 1), 0.0)
    found: NDArray[np.float64] = each.sum(axis=1) / np.maximum(shown.sum(axis=1), 1)
    return found


def lungs(probability: Floats, names: Sequence[str] = SEEN) -> Bools:
    """Return where any of some classes is more likely than not: (N, S, S)."""
    chosen = probability[:, [NAMES.index(name) for name in names]]
    found: Bools = np.asarray((chosen > 0.5).any(axis=1))
    return found


def picture(real: tuple[Floats, Bools, tuple[str, ...]], answer: Floats) -> bytes:
    """Return a PNG of eight real films with both outlines."""
    from io import BytesIO

    from PIL import Image as Picture
    from scipy.ndimage import binary_erosion

    tiles = []
    for index in np.linspace(0, len(real[0]) - 1, 8).astype(int):
        film = np.kron(real[0][index], np.ones((2, 2)))
        tile = np.stack([film] * 3, -1) * 0.9
        for mask, colour in ((real[1][index], (0, 1, 0)), (lungs(answer[index : index + 1])[0], (1, 0.2, 0.1))):
            large = np.kron(mask, np.ones((2, 2), bool))
            tile[large & ~binary_erosion(large)] = colour
        tiles.append(tile)
    rows = np.vstack([np.hstack(tiles[:4]), np.hstack(tiles[4:])])
    stream = BytesIO()
    Picture.fromarray(np.rint(rows * 255).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()
