"""A picture of what RadZero's maps look like on films that it never learned from."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw

from hilum.learn.pairs import Pairs
from hilum.systems._radzero_reading import Reading, maps_of
from hilum.systems._radzero_scores import marked_rows

SIDE, EACH = 224, 2


def picture(films: Pairs, names: Sequence[str], reading: Reading) -> bytes:
    """Return a PNG with the first films of each finding: above as they are with the region's edge, below the map.

    The red grows with the map's place among its own values, from the 80th percentile; the cross is its peak.
    """
    size = films.films.shape[-1]
    maps = maps_of(reading, size)
    cells = []
    for place, name in enumerate(names):
        for row in marked_rows(films, name)[:EACH]:
            at = np.array([row])
            cells.append((name, films.films[row], films.mask(at, films.column(name))[0], maps(at, place)[0]))
    columns = min(8, max(1, len(cells)))
    rows = -(-len(cells) // columns)
    sheet = Picture.new("RGB", (columns * SIDE, max(1, rows) * (2 * SIDE + 18)), (16, 21, 27))
    draw = ImageDraw.Draw(sheet)
    for number, (name, film, region, spread) in enumerate(cells):
        x, y = number % columns * SIDE, number // columns * (2 * SIDE + 18)
        draw.text((x + 4, y + 3), name, fill=(228, 233, 239))
        sheet.paste(_edged(film, region), (x, y + 18))
        sheet.paste(_heated(film, spread), (x, y + 18 + SIDE))
    stream = io.BytesIO()
    sheet.save(stream, "PNG")
    return stream.getvalue()


def _edged(film: NDArray[np.uint8], region: NDArray[np.bool_]) -> Picture.Image:
    grey = np.repeat(np.asarray(Picture.fromarray(film).resize((SIDE, SIDE)))[..., None], 3, axis=2).copy()
    big = np.asarray(Picture.fromarray(region.astype(np.uint8) * 255).resize((SIDE, SIDE))) > 127
    inner = big.copy()
    for axis in (0, 1):
        for step in (-2, 2):
            inner &= np.roll(big, step, axis)
    grey[big & ~inner] = (98, 220, 140)
    return Picture.fromarray(grey)


def _heated(film: NDArray[np.uint8], spread: NDArray[np.float32]) -> Picture.Image:
    grey = np.asarray(Picture.fromarray(film).resize((SIDE, SIDE)), np.float32)
    big = np.asarray(
        Picture.fromarray(np.asarray(spread, np.float32)).resize((SIDE, SIDE), Picture.Resampling.BILINEAR)
    )
    low, high = np.percentile(big, 80), big.max()
    share = np.clip((big - low) / max(float(high - low), 1e-6), 0, 1)[..., None] * 0.65
    shown = Picture.fromarray((grey[..., None] * (1 - share) + np.array([235, 64, 40]) * share).astype(np.uint8))
    y, x = divmod(int(np.argmax(big)), big.shape[1])
    draw = ImageDraw.Draw(shown)
    draw.line((x - 6, y, x + 6, y), fill=(255, 255, 255), width=2)
    draw.line((x, y - 6, x, y + 6), fill=(255, 255, 255), width=2)
    return shown
