"""Films asked about and films found for them, side by side, as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

ASKED, RIGHT, NEAR, WRONG = (150, 190, 255), (70, 200, 110), (240, 190, 60), (225, 80, 80)
_EDGE, _GAP, _LINE = 3, 6, 12


@dataclass(frozen=True, eq=False)
class Cell:
    """One film of a sheet: uint8 (S, S), the colour of its frame, and words below it."""

    film: NDArray[np.uint8]
    colour: tuple[int, int, int]
    words: str = ""


def sheet(heads: Sequence[str], rows: Sequence[Sequence[Cell]], *, lines: int = 2) -> bytes:
    """Return a PNG of rows of films under column heads.

    Args:
        heads: of the columns.
        rows: as many cells each.
        lines: of words below a film.
    """
    from PIL import Image, ImageDraw

    side = rows[0][0].film.shape[0] + 2 * _EDGE
    wide, tall = max(side, 150) + _GAP, side + lines * _LINE + _GAP
    shown = Image.new("RGB", (len(heads) * wide, len(rows) * tall + _LINE + _GAP), (24, 24, 28))
    pen = ImageDraw.Draw(shown)
    for column, head in enumerate(heads):
        pen.text((column * wide + 2, 2), head, fill=(235, 235, 235))
    for at, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            left, top = column * wide, at * tall + _LINE + _GAP
            pen.rectangle((left, top, left + side - 1, top + side - 1), fill=cell.colour)
            shown.paste(Image.fromarray(cell.film), (left + _EDGE, top + _EDGE))
            for number, line in enumerate(_wrapped(cell.words, wide // 6, lines)):
                pen.text((left, top + side + number * _LINE), line, fill=(200, 200, 200))
    kept = BytesIO()
    shown.save(kept, "PNG", optimize=True)
    return kept.getvalue()


def _wrapped(words: str, wide: int, lines: int) -> list[str]:
    from textwrap import wrap

    return wrap(words, wide, max_lines=lines, placeholder=" ...")
