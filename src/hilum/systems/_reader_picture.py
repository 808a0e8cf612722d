"""What readers wrote beside the films they saw: one picture of a few test studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from textwrap import wrap
from typing import Any

import numpy as np

from hilum.core.image import Image
from hilum.core.region import Box
from hilum.core.study import Study
from hilum.learn.reader.roles import frontal_of

_SIDE, _GAP, _LINE, _WORDS = 200, 8, 14, 640
_TRUE, _SAID = (70, 200, 110), (240, 190, 60)


def pages(
    studies: Sequence[Study], answers: Mapping[str, Sequence[str]], *, boxes: Sequence[Sequence[Box]] = ()
) -> bytes:
    """Return a PNG: a row for each study with its current frontal, lateral and prior frontal film, truth and answers.

    Args:
        studies: a few.
        answers: reader -> its answer to each study.
        boxes: that were written for the current frontal film, by study; true ones are green.
    """
    from PIL import Image as Picture
    from PIL import ImageDraw

    texts = [[("true", study.report.findings if study.report else "")]
             + [(name, said[at]) for name, said in answers.items()] for at, study in enumerate(studies)]  # fmt: skip
    tall = [max(_SIDE, sum(len(_lines(*pair)) for pair in row) * _LINE) + _GAP for row in texts]
    shown = Picture.new("RGB", (3 * (_SIDE + _GAP) + _WORDS, sum(tall) + _LINE + _GAP), (24, 24, 28))
    pen = ImageDraw.Draw(shown)
    for column, head in enumerate(("current frontal", "current lateral", "prior frontal", "what is written")):
        pen.text((column * (_SIDE + _GAP) + 2, 2), head, fill=(235, 235, 235))
    top = _LINE + _GAP
    for at, study in enumerate(studies):
        front, prior = frontal_of(study), frontal_of(study.prior) if study.prior else None
        lateral = next((film for film in study.films if film is not front), None)
        for column, film in enumerate((front, lateral, prior)):
            if film is not None:
                shown.paste(_grey(film), (column * (_SIDE + _GAP), top))
        if boxes and front is not None:
            _draw(pen, front, study, boxes[at], top)
        line = top
        for name, words in texts[at]:
            for number, part in enumerate(_lines(name, words)):
                fill = (150, 190, 255) if number == 0 else (210, 210, 210)
                pen.text((3 * (_SIDE + _GAP), line), part, fill=fill)
                line += _LINE
        top += tall[at]
    kept = BytesIO()
    shown.save(kept, "PNG", optimize=True)
    return kept.getvalue()


def _lines(name: str, words: str) -> list[str]:
    return [f"{name}:", *wrap(words, _WORDS // 6)]


def _scale(film: Image) -> float:
    return _SIDE / float(max(film.pixels.shape))


def _grey(film: Image) -> Any:
    from PIL import Image as Picture

    rows, columns = film.pixels.shape
    grey = Picture.fromarray(np.rint(film.display() * 255).astype(np.uint8))
    return grey.resize((round(columns * _scale(film)), round(rows * _scale(film))), Picture.Resampling.BICUBIC)


def _draw(pen: Any, film: Image, study: Study, said: Sequence[Box], top: int) -> None:
    true = [region for finding in study.findings for region in finding.regions
            if isinstance(region, Box) and region.image == film.id]  # fmt: skip
    for colour, some in ((_TRUE, true), (_SAID, said)):
        for box in some:
            x0, y0, x1, y1 = (each * _scale(film) for each in box.corners)
            pen.rectangle((x0, top + y0, max(x0, x1 - 1), top + max(y0, y1 - 1)), outline=colour)
