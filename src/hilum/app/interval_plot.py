"""Values with their intervals drawn on one axis, as inline SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite

from hilum.app.markup import Html, element
from hilum.measure.stats import Interval

_ROW, _NAMES, _AXIS, _VALUES = 22, 230, 420, 170


@dataclass(frozen=True)
class Bar:
    """One line of a plot: its name, its interval, and whether it is a control arm."""

    name: str
    interval: Interval
    control: bool = False


def shown(interval: Interval) -> str:
    """Return '0.812 [0.751, 0.866]', 'undefined' where there is no value, 'no interval' where only that lacks."""
    if not isfinite(interval.value):
        return "undefined"
    return str(interval) if isfinite(interval.low) else f"{interval.value:.3f} [no interval]"


def figure(value: float, digits: int = 3) -> str:
    """Return one number, 'undefined' where it is none."""
    return f"{value:.{digits}f}" if isfinite(value) else "undefined"


def plot(bars: Sequence[Bar], *, zero: bool = False) -> Html:
    """Return an SVG with a line for each value; one without a value says 'undefined'.

    Args:
        bars: what to draw, from top to bottom.
        zero: mark 0, for differences.
    """
    ends = [e for b in bars for e in (b.interval.value, b.interval.low, b.interval.high) if isfinite(e)]
    low, high = min([*ends, *([0.0] if zero else [])], default=0.0), max([*ends, *([0.0] if zero else [])], default=1.0)
    pad = 0.06 * (high - low) or 0.05
    low, high = low - pad, high + pad
    height = _ROW * len(bars) + 24

    def at(value: float) -> float:
        return round(_NAMES + _AXIS * (value - low) / (high - low), 1)

    foot = _ROW * len(bars) + 4
    parts = [element("line", x1=_NAMES, x2=_NAMES + _AXIS, y1=foot, y2=foot, class_="axis")]
    parts += [
        element("text", f"{value:.3g}", x=at(value), y=foot + 15, class_="scale", text_anchor="middle")
        for value in (low + pad, high - pad)
    ]
    if zero:
        parts.append(element("line", x1=at(0), x2=at(0), y1=0, y2=foot, class_="zero"))
    parts += [_bar(bar, _ROW * number + 13, at) for number, bar in enumerate(bars)]
    width = _NAMES + _AXIS + _VALUES
    said = "; ".join(f"{bar.name}: {shown(bar.interval)}" for bar in bars)
    return element(
        "svg", *parts, class_="plot", width=width, height=height, viewBox=f"0 0 {width} {height}", role="img",
        aria_label=said,
    )  # fmt: skip


def _bar(bar: Bar, y: int, at: Callable[[float], float]) -> Html:
    each = bar.interval
    name = bar.name if len(bar.name) <= 34 else f"{bar.name[:33]}\u2026"
    parts = [element("title", bar.name), element("text", name, x=0, y=y + 4)]
    if isfinite(each.value):
        if isfinite(each.low):
            parts.append(element("line", x1=at(each.low), x2=at(each.high), y1=y, y2=y, class_="range"))
        parts.append(element("circle", cx=at(each.value), cy=y, r=4.5, class_="point"))
    parts.append(element("text", shown(each), x=_NAMES + _AXIS + 10, y=y + 4))
    return element("g", *parts, class_="control" if bar.control else None)
