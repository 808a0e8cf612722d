"""Films with boxes of several readers beside the true ones, as a PNG."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw

from hilum.core.image import Image
from hilum.core.region import Box

SCALE, GAP, LINE, ASKED, TRUE = 4, 8, 13, 2, (98, 220, 140)
COLOURS = ((255, 176, 59), (90, 160, 255), (240, 98, 146), (200, 200, 200))


@dataclass(frozen=True)
class Marked:
    """A film, what was asked of it, the true boxes, and for each reader its boxes and a line of words."""

    film: Image
    asked: str
    true: tuple[Box, ...]
    found: tuple[tuple[Box, ...], ...]
    words: tuple[str, ...] = ()


def sheet(cells: Sequence[Marked], names: Sequence[str], *, columns: int = 4) -> bytes:
    """Return a PNG of films, the true boxes green and each reader's in its own colour, with a legend above."""
    tiles = [_tile(cell) for cell in cells]
    wide, high = (max((tile.size[at] for tile in tiles), default=1) for at in (0, 1))
    rows = -(-len(tiles) // columns)
    legend = LINE * (len(names) + 1) + GAP
    page = Picture.new("RGB", (columns * (wide + GAP) + GAP, legend + rows * (high + GAP) + GAP), (24, 26, 30))
    draw = ImageDraw.Draw(page)
    for at, (name, colour) in enumerate(zip(("truth", *names), (TRUE, *COLOURS), strict=False)):
        draw.text((GAP, GAP // 2 + at * LINE), name, fill=colour)
    for at, tile in enumerate(tiles):
        row, column = divmod(at, columns)
        page.paste(tile, (GAP + column * (wide + GAP), legend + row * (high + GAP)))
    stream = io.BytesIO()
    page.save(stream, format="PNG", optimize=True)
    return stream.getvalue()


def _tile(cell: Marked) -> Picture.Image:
    film = np.rint(np.asarray(cell.film.display()) * 255).astype(np.uint8)
    high, wide = film.shape[0] * SCALE, film.shape[1] * SCALE
    letters = max(1, wide // 6)
    asked = [*textwrap.wrap(cell.asked, letters), "", ""][:ASKED]
    lines = (*asked, *(line[:letters] for line in cell.words))
    tile = Picture.new("RGB", (wide, high + LINE * len(lines) + 4), (24, 26, 30))
    tile.paste(Picture.fromarray(film).resize((wide, high)).convert("RGB"), (0, 0))
    draw = ImageDraw.Draw(tile)
    for boxes, colour in ((cell.true, TRUE), *zip(cell.found, COLOURS, strict=False)):
        for box in boxes:
            draw.rectangle(tuple(SCALE * each for each in box.corners), outline=colour, width=2)
    for at, (line, colour) in enumerate(zip(lines, (*[(235, 235, 235)] * ASKED, *COLOURS), strict=False)):
        draw.text((0, high + 2 + at * LINE), line, fill=colour)
    return tile
