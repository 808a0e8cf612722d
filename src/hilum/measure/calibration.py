"""Whether a probability means what it says: calibration errors, the reliability table and its picture."""

from __future__ import annotations

from html import escape
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from hilum.core.errors import InputError
from hilum.measure.stats import Interval

Floats = NDArray[np.float64]
Bins = Literal["width", "mass"]


class Bin(NamedTuple):
    """One bin: its edges, how many cases, the mean probability, the share observed with Wilson's 95 % interval."""

    low: float
    high: float
    cases: int
    predicted: float
    observed: Interval


class Brier(NamedTuple):
    """The Brier score with Murphy's parts: reliability - resolution + uncertainty, exact for binned forecasts."""

    score: float
    reliability: float
    resolution: float
    uncertainty: float


def _checked(target: NDArray[np.generic], probability: NDArray[np.generic]) -> tuple[Floats, Floats]:
    truth, told = np.asarray(target).astype(float), np.asarray(probability, dtype=np.float64)
    if truth.shape != told.shape or truth.ndim != 1:
        raise InputError(f"target and probability must be lists of one length, got {truth.shape} and {told.shape}")
    if truth.size == 0:
        raise InputError("there is no case to judge calibration on")
    if not np.isin(truth, (0.0, 1.0)).all():
        raise InputError(f"a target is 0 or 1, got {truth[~np.isin(truth, (0.0, 1.0))][0]:g}: leave such cases out")
    if not ((told >= 0) & (told <= 1)).all():
        raise InputError("a probability lies outside [0, 1] or is NaN: pass probabilities, not scores or logits")
    return truth, told


def wilson(hits: int, count: int, *, level: float = 0.95) -> Interval:
    """Return a share with Wilson's score interval (1927); NaN where nothing was counted.

    Raises:
        InputError: if there are more hits than were counted, or fewer than 0.
    """
    if not 0 <= hits <= count:
        raise InputError(f"a share needs 0 <= hits <= count, got {hits} of {count}")
    if count == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    z, share = float(norm.ppf(0.5 + level / 2)), hits / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    reach = z / (1 + z * z / count) * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    low = 0.0 if hits == 0 else max(0.0, float(middle - reach))
    return Interval(share, low, 1.0 if hits == count else min(1.0, float(middle + reach)))


def reliability(
    target: NDArray[np.generic], probability: NDArray[np.generic], *, bins: int = 10, by: Bins = "width"
) -> tuple[Bin, ...]:
    """Return the reliability table, empty bins left out.

    Args:
        target: (N,) of 0 and 1.
        probability: (N,) in [0, 1].
        bins: how many.
        by: 'width' cuts [0, 1] evenly, 'mass' puts as many cases into each.

    Raises:
        InputError: if lengths differ, nothing is there, a value is no probability, or an option is out of its range.
    """
    if bins < 1 or by not in ("width", "mass"):
        raise InputError(f"bins must be 1 or more and by 'width' or 'mass', got {bins} and '{by}'")
    truth, told = _checked(target, probability)
    edges = np.linspace(0, 1, bins + 1) if by == "width" else np.quantile(told, np.linspace(0, 1, bins + 1))
    if by == "width":
        index = np.minimum((told * bins).astype(int), bins - 1)  # as binary.calibration_error: .3 opens a bin of ten
    else:
        index = np.searchsorted(edges[1:-1], told, side="right")
    made = []
    for number in range(bins):
        held = index == number
        count = int(held.sum())
        if count:
            share = wilson(int(truth[held].sum()), count)
            made.append(Bin(float(edges[number]), float(edges[number + 1]), count, float(told[held].mean()), share))
    return tuple(made)


def expected_error(
    target: NDArray[np.generic], probability: NDArray[np.generic], *, bins: int = 10, by: Bins = "width"
) -> float:
    """Return the expected calibration error: |observed - predicted| of the bins, weighted by their cases (ECE).

    Raises:
        InputError: see `reliability`.
    """
    table = reliability(target, probability, bins=bins, by=by)
    return sum(each.cases * abs(each.observed.value - each.predicted) for each in table) / len(np.asarray(target))


def brier(target: NDArray[np.generic], probability: NDArray[np.generic], *, bins: int = 10) -> Brier:
    """Return the Brier score with Murphy's parts over bins of equal width (1973).

    Raises:
        InputError: see `reliability`.
    """
    truth, told = _checked(target, probability)
    rate, count = float(truth.mean()), len(truth)
    table = reliability(truth, told, bins=bins)
    gap = sum(each.cases * (each.predicted - each.observed.value) ** 2 for each in table) / count
    spread = sum(each.cases * (each.observed.value - rate) ** 2 for each in table) / count
    return Brier(float(((told - truth) ** 2).mean()), gap, spread, rate * (1 - rate))


def drawing(table: tuple[Bin, ...], *, title: str = "", size: int = 260) -> str:
    """Return the reliability table as an SVG: observed share with interval over mean probability, and the diagonal."""
    pad = 34
    span = size - 2 * pad

    def at(x: float, y: float) -> tuple[float, float]:
        return pad + span * x, size - pad - span * y

    parts = [
        f'<rect x="{pad}" y="{pad}" width="{span}" height="{span}" fill="none" stroke="currentColor" opacity=".4"/>',
        f'<path d="M{pad} {size - pad}L{size - pad} {pad}" stroke="currentColor" stroke-dasharray="4 3"/>',
    ]
    most = max((each.cases for each in table), default=1)
    for each in table:
        x, y = at(each.predicted, each.observed.value)
        low, high = at(0, each.observed.low)[1], at(0, each.observed.high)[1]
        radius = 2.0 + 4.0 * float(np.sqrt(each.cases / most))
        said = f"{each.cases} cases: predicted {each.predicted:.2f}, observed {each.observed}"
        parts.append(f'<line x1="{x:.1f}" y1="{low:.1f}" x2="{x:.1f}" y2="{high:.1f}" stroke="currentColor"/>')
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"><title>{escape(said)}</title></circle>')
    words = (
        (size / 2, 18, title, "middle"), (size / 2, size - 8, "mean probability", "middle"),
        (pad - 6, pad + 6, "1", "end"), (pad - 6, size - pad, "0", "end"), (6, pad - 10, "observed", "start"),
    )  # fmt: skip
    parts += [
        f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-size="11" fill="currentColor">{escape(said)}</text>'
        for x, y, said, anchor in words
    ]
    box = f'viewBox="0 0 {size} {size}" width="{size}" height="{size}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img">{"".join(parts)}</svg>'
