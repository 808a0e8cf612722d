"""The evidence as a picture: each method's score under the default and under its own recipe, and its place by both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, ROW, TOP, LEFT, RIGHT = 760, 26, 78, 150, 470
CAPTION = (
    "Mean AUROC of every method over all ways of tuning (hollow: default recipe, full: chosen for each method; the bar "
    "is two standard deviations over seeds), and its place by both"
)


def ranking_svg(
    rows: Sequence[tuple[str, float, float, float]], controls: Sequence[tuple[str, float, float, float]],
    ranks: Mapping[str, tuple[int, int]], *, title: str,
) -> str:  # fmt: skip
    """Return the picture as SVG text.

    Args:
        rows: (method, default score, score of its own recipe, deviation over seeds), in the order of their papers.
        controls: the same of encoders that are not ranked, drawn grey.
        ranks: method -> place by the default and by its own recipe, 1 the best.
        title: over both parts.
    """
    every = [*rows, *controls]
    values = [value + side * 2 * spread for _, one, two, spread in every for value in (one, two) for side in (-1, 1)]
    low, high = min(values) - 0.005, max(values) + 0.005
    height = TOP + ROW * max(len(every), 1) + 44

    def x(value: float) -> float:
        return LEFT + (RIGHT - LEFT - 60) * (value - low) / (high - low)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#ffffff"/>',
        _text(16, 24, title, size=14, weight="bold"),
        _text(LEFT, 52, "mean AUROC", colour="#555"),
        _text(RIGHT + 20, 52, "place: default", colour="#555"), _text(RIGHT + 180, 52, "own recipe", colour="#555"),
    ]  # fmt: skip
    for tick in _ticks(low, high):
        parts.append(_line(x(tick), TOP - 10, x(tick), height - 40, "#e4e4e4"))
        parts.append(_text(x(tick), height - 24, f"{tick:.2f}", anchor="middle", colour="#555"))
    for at, (name, one, two, spread) in enumerate(every):
        y = TOP + ROW * at + 8
        colour = "#1f5fa8" if at < len(rows) else "#8a8a8a"
        parts.append(_text(LEFT - 12, y + 4, name, anchor="end", colour=colour))
        parts.append(_line(x(two - 2 * spread), y, x(two + 2 * spread), y, colour, width=2))
        parts.append(
            f'<circle cx="{x(one):.1f}" cy="{y}" r="4.5" fill="#ffffff" stroke="{colour}" stroke-width="1.6"/>'
        )
        parts.append(f'<circle cx="{x(two):.1f}" cy="{y}" r="4.5" fill="{colour}"/>')
    parts += _slopes(rows, ranks)
    return "".join([*parts, "</svg>"])


def _slopes(rows: Sequence[tuple[str, float, float, float]], ranks: Mapping[str, tuple[int, int]]) -> list[str]:
    parts, left, right = [], RIGHT + 56, RIGHT + 190
    for name, *_ in rows:
        one, two = (TOP + ROW * (place - 1) + 8 for place in ranks[name])
        colour = "#b3261e" if ranks[name][0] != ranks[name][1] else "#8a8a8a"
        parts.append(_line(left, one, right, two, colour, width=1.6))
        parts.append(_text(left - 8, one + 4, str(ranks[name][0]), anchor="end"))
        parts.append(_text(right + 8, two + 4, f"{ranks[name][1]} {name}"))
    return parts


def _ticks(low: float, high: float) -> list[float]:
    step = next(each for each in (0.01, 0.02, 0.05, 0.1, 0.25) if (high - low) / each <= 7)
    first = int(low / step) + 1
    return [step * number for number in range(first, int(high / step) + 1)]


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", size: int = 12, weight: str = "normal",
    colour: str = "#1b1b1b",
) -> str:  # fmt: skip
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" '
            f'fill="{colour}">{escape(text)}</text>')  # fmt: skip


def _line(x0: float, y0: float, x1: float, y1: float, colour: str, *, width: float = 1) -> str:
    return (f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" stroke="{colour}" '
            f'stroke-width="{width}"/>')  # fmt: skip
