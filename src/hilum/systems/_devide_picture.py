"""Films with a disease that was never taught, and where the network looked when it was described."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from hilum.systems._devide_diseases import Diseases
from hilum.systems._devide_lesions import Drawn

CAPTION = (
    "Made films, each with an invented disease that was never taught among others (left: its patches in green), and "
    "where the decoder looked when it was told the description (right: red)"
)
_SHOWN, _SCALE = 6, 2


def picture(drawn: Drawn, diseases: Diseases, maps: NDArray[np.float32]) -> bytes:
    """Return a PNG of films with untaught diseases.

    Args:
        drawn: films (N, S, S).
        diseases: taught, then untaught.
        maps: (N, C, P), where the decoder looked.
    """
    from PIL import Image as Picture

    size, side = drawn.films.shape[1], drawn.places.shape[-1]
    films, diseased = np.nonzero(drawn.target[:, diseases.seen :])
    cells = []
    for film, at in list(zip(films, diseased + diseases.seen, strict=True))[:_SHOWN]:
        looked = maps[film, at].reshape(side, side)
        cells.append(np.concatenate([
            _tinted(drawn.films[film], drawn.places[film, at].astype(np.float32), 1),
            _tinted(drawn.films[film], looked / max(float(looked.max()), 1e-9), 0),
        ], axis=1))  # fmt: skip
    while len(cells) < _SHOWN:
        cells.append(np.zeros((size, 2 * size, 3), np.uint8))
    rows = [np.concatenate(cells[start : start + 3], axis=1) for start in range(0, _SHOWN, 3)]
    sheet = Picture.fromarray(np.concatenate(rows))
    stream = BytesIO()
    sheet.resize((sheet.width * _SCALE, sheet.height * _SCALE)).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _tinted(film: NDArray[np.uint8], weight: NDArray[np.float32], channel: int) -> NDArray[np.uint8]:
    """A film (S, S) in grey with patches (P, P) of [0, 1] tinted in one of red, green and blue."""
    pixels = film.shape[0] // weight.shape[0]
    large = np.kron(weight, np.ones((pixels, pixels), np.float32))[: film.shape[0], : film.shape[1], None]
    colour = np.zeros(3, np.float32)
    colour[channel] = 255.0
    grey = np.repeat(film[:, :, None].astype(np.float32), 3, axis=2)
    return np.asarray(np.rint(grey * (1 - 0.45 * large) + colour * 0.45 * large), np.uint8)
