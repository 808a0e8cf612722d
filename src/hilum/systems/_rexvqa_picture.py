"""A picture of what films are worth: one question of each kind with its film, and the accuracy of every arm."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw

from hilum.core.image import Image
from hilum.measure.choice.frame import LETTERS
from hilum.measure.choice.items import CHANCE, TASKS, Item

SIDE, WIDE = 224, 320
_INK, _PAPER = (228, 233, 239), (16, 21, 27)
_COLOURS = ((120, 132, 148), (98, 200, 140), (224, 150, 70))


def picture(
    shares: Mapping[str, Sequence[np.ndarray]], items: Sequence[Item], films: Mapping[str, Image], arms: Sequence[str]
) -> bytes:
    """Return a PNG: one item of each kind above, its answer marked; bars of every arm below, chance as a line.

    Args:
        shares: arm -> for each seed the share of orders (N,) answered rightly.
        items: N of them.
        films: of their studies.
        arms: shown, in order.
    """
    sheet = Picture.new("RGB", (WIDE * len(TASKS), SIDE + 130 + 220), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, task in enumerate(TASKS):
        at = [number for number, item in enumerate(items) if item.task == task]
        if not at:
            continue
        _item(sheet, draw, items[at[0]], films[items[at[0]].study], column * WIDE)
        values = [float(np.mean([share[at].mean() for share in shares[arm]])) for arm in arms]
        _bars(draw, task, values, column * WIDE, SIDE + 130)
    for number, arm in enumerate(arms):
        draw.rectangle((8 + 300 * number, sheet.height - 16, 18 + 300 * number, sheet.height - 6), _COLOURS[number % 3])
        draw.text((24 + 300 * number, sheet.height - 17), arm, fill=_INK)
    draw.text((8 + 300 * len(arms), sheet.height - 17), f"line: chance, {CHANCE}", fill=_INK)
    stream = io.BytesIO()
    sheet.save(stream, "PNG")
    return stream.getvalue()


def _item(sheet: Picture.Image, draw: ImageDraw.ImageDraw, item: Item, film: Image, left: int) -> None:
    grey = Picture.fromarray((film.display() * 255).astype(np.uint8)).resize((SIDE, SIDE))
    sheet.paste(grey.convert("RGB"), (left + (WIDE - SIDE) // 2, 4))
    lines = textwrap.wrap(item.stem, 50)
    lines += [f"{LETTERS[at]}. {option}" + ("   <- right" if at == item.answer else "")
              for at, option in enumerate(item.options)]  # fmt: skip
    for number, line in enumerate(lines):
        draw.text((left + 10, SIDE + 12 + 16 * number), line, fill=_COLOURS[1] if "<-" in line else _INK)


def _bars(draw: ImageDraw.ImageDraw, task: str, values: Sequence[float], left: int, top: int) -> None:
    high, foot = 150, top + 165
    draw.text((left + 10, foot + 4), task, fill=_INK)
    for number, value in enumerate(values):
        x = left + 20 + 70 * number
        draw.rectangle((x, foot - high * value, x + 50, foot), fill=_COLOURS[number % 3])
        draw.text((x + 8, foot - high * value - 14), f"{value:.2f}", fill=_INK)
    draw.line((left + 10, foot - high * CHANCE, left + WIDE - 20, foot - high * CHANCE), fill=_INK)
