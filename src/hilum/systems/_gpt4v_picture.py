"""The evidence as pictures: what metrics do with a turned fact, what examples are worth, and boxes on films."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from io import BytesIO

import numpy as np

from hilum.core.region import Box
from hilum.learn.outside.asking import Asking, Backend
from hilum.measure.scored import Scored
from hilum.systems._gpt4v_cohort import Case
from hilum.systems._gpt4v_lexical import BY_FACTS, ITSELF, LEXICAL
from hilum.systems._gpt4v_run import CONDITIONS, Arm
from hilum.systems._gpt4v_turned import ONE, WHOLE

METRICS = (
    "How often a metric gives the same facts in other words more than nearly the same words with one fact turned "
    "(left: never, right: always; full: every sentence reworded, hollow: one sentence; line: a coin)"
)
PROMPTS = (
    "Mean score by prompt family: full circles true films, hollow ones blank films, crosses another patient's film"
)
BOXES = "Boxes on test films: truth green, specialist blue, the small reader (or the nearest film) red"
_INK, _GREY, _BLUE, _RED = "#222222", "#8a8a8a", "#1f5fa8", "#b3402a"
_ROW, _LEFT, _WIDE = 24, 250, 420
_SCALE, _SHOWN = 4, 6


def _text(x: float, y: float, words: str, anchor: str = "start", colour: str = _INK) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(words)}</text>'


def _dot(x: float, y: float, kind: str, colour: str) -> str:
    if kind == "swapped":
        return f'<path d="M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8" stroke="{colour}" stroke-width="1.8"/>'
    fill = colour if kind in ("true", WHOLE) else "#ffffff"
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{fill}" stroke="{colour}" stroke-width="1.6"/>'


def _svg(parts: Sequence[str], height: float) -> str:
    wide = _LEFT + _WIDE + 40
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {height:.0f}" width="{wide}" '
            f'height="{height:.0f}" font-family="sans-serif" font-size="12">'
            '<rect width="100%" height="100%" fill="#ffffff"/>')  # fmt: skip
    return head + "".join(parts) + "</svg>"


def _axis(rows: int, low: float, high: float, top: float) -> list[str]:
    parts = []
    for share in np.linspace(0, 1, 5):
        x, value = _LEFT + _WIDE * share, low + (high - low) * share
        parts.append(f'<path d="M{x:.1f} {top - 14}V{top + _ROW * rows - 8}" stroke="#e4e4e4"/>')
        parts.append(_text(x, top + _ROW * rows + 8, f"{value:.2f}", "middle", _GREY))
    return parts


def metrics_svg(scored: Mapping[str, Mapping[str, Sequence[Scored]]], patients: Sequence[str]) -> str:
    """Return pairwise accuracies with the intervals of the first wording.

    Args:
        scored: words -> metric -> a score for each wording.
        patients: of the reports.
    """
    names, top = (*LEXICAL, *BY_FACTS, ITSELF), 34
    parts = [*_axis(len(names), 0, 1, top), f'<path d="M{_LEFT + _WIDE / 2} {top - 14}V{top + _ROW * len(names) - 8}" '
             f'stroke="{_GREY}" stroke-dasharray="4 3"/>']  # fmt: skip
    for row, name in enumerate(names):
        y, colour = top + _ROW * row, _BLUE if name in LEXICAL else _GREY
        parts.append(_text(_LEFT - 14, y + 4, name, "end", colour))
        for words, lift in ((WHOLE, 0.0), (ONE, 0.0)):
            value = float(np.mean([each.value for each in scored[words][name]]))
            known = scored[words][name][0].interval(patients)
            if words == WHOLE and np.isfinite(known.low):
                ends = (_LEFT + _WIDE * known.low, _LEFT + _WIDE * known.high)
                parts.append(f'<path d="M{ends[0]:.1f} {y}H{ends[1]:.1f}" stroke="{colour}" stroke-width="2"/>')
            parts.append(_dot(_LEFT + _WIDE * value, y + lift, words, colour))
    return _svg(parts, top + _ROW * len(names) + 24)


def prompts_svg(scored: Mapping[Arm, Sequence[Mapping[str, Scored]]], metric: str) -> str:
    """Return the mean score of every arm that wrote reports, a line for each backend and prompt family."""
    kept = {arm: float(np.mean([run[metric].value for run in runs])) for arm, runs in scored.items()
            if metric in runs[0]}  # fmt: skip
    lines = list(dict.fromkeys((arm.backend, arm.family) for arm in kept))
    high, top = max([*kept.values(), 0.1]) * 1.05, 34
    parts = [*_axis(len(lines), 0, high, top), _text(_LEFT, 14, metric, colour=_GREY)]
    for row, (backend, family) in enumerate(lines):
        y, first = top + _ROW * row, row == 0 or lines[row - 1][0] != backend
        parts.append(_text(8, y + 4, backend[:24] if first else "", colour=_INK))
        parts.append(_text(_LEFT - 14, y + 4, family, "end", _GREY))
        there = [film for film in CONDITIONS if Arm(backend, family, film) in kept]
        parts += [_dot(_LEFT + _WIDE * kept[Arm(backend, family, film)] / high, y, film,
                       _RED if film == "swapped" else _BLUE) for film in there]  # fmt: skip
    return _svg(parts, top + _ROW * len(lines) + 24)


def boxes_png(cases: Sequence[Case], specialist: Backend, other: Backend) -> bytes:
    """Return a few films, enlarged, with the true box of a finding and the boxes that two backends give for it."""
    from PIL import Image as Picture
    from PIL import ImageDraw

    shown = [case for case in cases if case.phrases][:_SHOWN]
    tiles = []
    for case in shown:
        grey = np.rint(case.film.display() * 255).astype(np.uint8)
        wide, high = grey.shape[1] * _SCALE, grey.shape[0] * _SCALE
        tile = Picture.new("RGB", (wide, high + 18), "white")
        tile.paste(Picture.fromarray(grey).resize((wide, high), Picture.Resampling.BICUBIC), (0, 0))
        draw, (words, truth) = ImageDraw.Draw(tile), case.phrases[0]
        asking = Asking("phrase_to_box", (("cur_front", case.film),), question=words)
        for box, colour in ((truth, "#39b54a"), *((_first(each, asking), colour) for each, colour in
                                                  ((specialist, "#4a90d9"), (other, "#e0533d")))):  # fmt: skip
            if box is not None:
                x0, y0, x1, y1 = (each * _SCALE for each in box.corners)
                draw.rectangle((x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), outline=colour, width=2)
        draw.text((2, high + 3), words[:42], fill="black")
        tiles.append(np.asarray(tile))
    stream = BytesIO()
    rows = [np.concatenate(tiles[at : at + 3], axis=1) for at in range(0, len(tiles) - len(tiles) % 3, 3)]
    Picture.fromarray(np.concatenate(rows or tiles[:1])).save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _first(backend: Backend, asking: Asking) -> Box | None:
    boxes = backend(asking).boxes
    return boxes[0] if boxes else None
