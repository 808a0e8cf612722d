"""From the detector's signal to a film as it is read: logarithm, detail, tone, borders, letters, polarity."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError

Pixels = NDArray[np.float32]
Curve = Literal["log", "sqrt", "linear"]
Tone = Literal["linear", "sigmoid", "power"]


@dataclass(frozen=True)
class Processing:
    """How a detector's signal becomes grey values.

    Args:
        curve: 'log' shows -ln(signal), 'sqrt' the root and 'linear' the signal itself, all with bone bright.
        detail_power: exponent under 1 that raises faint detail over strong in each band of a Laplacian pyramid, 0.5
            to 0.9; 1 leaves the bands as they are.
        edge_gain: factor on the finest band, falling to 1 at the coarsest; 1 for none.
        detail_levels: bands from the finest.
        window_percent: percentiles of the body that become black and white.
        headroom: how far below its lowest value black lies, as a share of the window, so that lungs are grey.
        tone: 'linear', 'sigmoid' (a film's toe and shoulder) or 'power'.
        contrast: slope of the sigmoid in the middle, 1 to 6.
        gamma: exponent of 'power'.
        histogram_points: control points of a random rising curve through the grey values (RadRotator used 4 to 12);
            0 for none.
        border_mm: (top, bottom, left, right) covered by collimators, black.
        marker: lead letter in the upper corner on the patient's left side, e.g. 'L'; '' for none.
        text: burned-in letters in the other upper corner.
        inverted: store as MONOCHROME1.

    Raises:
        InputError: if a setting is out of its range.
    """

    curve: Curve = "log"
    detail_power: float = 0.7
    edge_gain: float = 2.0
    detail_levels: int = 6
    window_percent: tuple[float, float] = (0.5, 99.7)
    headroom: float = 0.0
    tone: Tone = "sigmoid"
    contrast: float = 2.5
    gamma: float = 1.0
    histogram_points: int = 0
    border_mm: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    marker: str = ""
    text: str = ""
    inverted: bool = False

    def __post_init__(self) -> None:
        low, high = self.window_percent
        checks = {
            "a detail power above 0 and up to 1": 0 < self.detail_power <= 1,
            "an edge gain above 0": self.edge_gain > 0,
            "0 to 12 levels of detail": 0 <= self.detail_levels <= 12,
            "rising window percentiles from 0 to 100": 0 <= low < high <= 100,
            "a headroom of 0 to 2": 0 <= self.headroom <= 2,
            "contrast and gamma above 0": self.contrast > 0 and self.gamma > 0,
            "no control points, or 2 and more": self.histogram_points == 0 or self.histogram_points >= 2,
            "borders of 0 mm or more": min(self.border_mm) >= 0,
            "a curve of log, sqrt or linear": self.curve in ("log", "sqrt", "linear"),
            "a tone of linear, sigmoid or power": self.tone in ("linear", "sigmoid", "power"),
        }
        for wanted, holds in checks.items():
            if not holds:
                raise InputError(f"processing needs {wanted}, got {self}")

    def as_dict(self) -> dict[str, Any]:
        """Return every setting, for JSON."""
        return asdict(self)


def curve_of(signal: Pixels, curve: Curve = "log") -> Pixels:
    """Return what a detector stores of shares of the open beam, turned so that more matter is more: bone is bright."""
    if curve == "log":
        shown = -np.log(signal)
    elif curve == "sqrt":
        shown = 1.0 - np.sqrt(signal)
    else:
        shown = 1.0 - signal
    return np.asarray(shown, np.float32)


def _halved(image: Pixels) -> Pixels:
    """Every second sample after 1 4 6 4 1."""
    for axis in (0, 1):
        padded = np.pad(image, [(2, 2) if a == axis else (0, 0) for a in (0, 1)], mode="symmetric")
        part = padded if axis == 0 else padded.T
        n = (part.shape[0] - 3) // 2
        a, b, c, d, e = (part[k : k + 2 * n : 2][:n] for k in range(5))
        image = ((a + e) + 4.0 * (b + d) + 6.0 * c) * np.float32(1 / 16)
        image = image if axis == 0 else image.T
    return image


def _doubled(image: Pixels, shape: tuple[int, ...]) -> Pixels:
    """Between samples by 1 6 1 and 4 4, to a given size."""
    for axis in (0, 1):
        padded = np.pad(image, [(1, 1) if a == axis else (0, 0) for a in (0, 1)], mode="symmetric")
        part = padded if axis == 0 else padded.T
        out = np.empty((2 * (part.shape[0] - 2), part.shape[1]), np.float32)
        out[0::2] = (part[:-2] + 6.0 * part[1:-1] + part[2:]) * np.float32(1 / 8)
        out[1::2] = (part[1:-1] + part[2:]) * np.float32(0.5)
        out = out[: shape[axis]]
        image = out if axis == 0 else out.T
    return np.ascontiguousarray(image)


def pyramid(image: Pixels, levels: int) -> tuple[list[Pixels], Pixels]:
    """Return the bands of a Laplacian pyramid from the finest, and what is left; `collapsed` gives the image back.

    Source: Burt and Adelson, IEEE Trans Commun 1983;31:532.
    """
    bands = []
    for _ in range(levels):
        if min(image.shape) < 8:
            break
        small = _halved(image)
        bands.append(image - _doubled(small, image.shape))
        image = small
    return bands, image


def collapsed(bands: list[Pixels], rest: Pixels) -> Pixels:
    """Return the image that `pyramid` took apart."""
    for band in reversed(bands):
        rest = band + _doubled(rest, band.shape)
    return rest


def detailed(image: Pixels, *, power: float = 0.7, edge: float = 1.0, levels: int = 6) -> Pixels:
    """Raise faint detail over strong and fine over coarse, band by band of a pyramid.

    A band's value b becomes g M sign(b) (|b| / M)^power: M is the largest of the bands' 99.5th percentiles of |b|, so
    strong edges stay as they are; g rises in equal ratios from 1 at the coarsest band to `edge` at the finest. Below
    M / 100 the curve is a straight line, which keeps noise from growing without bound.

    Source: the idea of multi-scale contrast amplification, Vuylsteke and Schoeters, Proc SPIE 1994;2167:551.
    """
    if power == 1.0 and edge == 1.0:
        return image
    bands, rest = pyramid(image, levels)
    most = max((float(np.percentile(np.abs(band[::2, ::2]), 99.5)) for band in bands), default=0.0)
    if most <= 0:
        return image
    knee = np.float32(0.01 * most)
    for index, band in enumerate(bands):
        gain = np.float32(edge ** ((len(bands) - 1 - index) / max(len(bands) - 1, 1)))
        if power != 1.0:
            size = np.maximum(np.abs(band), knee) * np.float32(1.0 / most)
            band = band * np.exp(np.log(size) * np.float32(power - 1.0))  # noqa: PLW2901
        bands[index] = np.asarray(band * gain, np.float32)
    return collapsed(bands, rest)


def window_of(
    image: Pixels, body: NDArray[np.bool_], percent: tuple[float, float], *, headroom: float = 0.0
) -> tuple[float, float]:
    """Return the values that become black and white: percentiles over the body, or over all where there is none.

    Black lies lower by a share `headroom` of the span between them.
    """
    inside = image[body] if body.any() else image.ravel()
    low, high = (float(v) for v in np.percentile(inside[:: max(1, inside.size // 200_000)], percent))
    return low - headroom * (high - low), max(high, low + 1e-6)


def toned(image: Pixels, processing: Processing, window: tuple[float, float]) -> Pixels:
    """Return grey values in [0, 1] of an image between the values for black and white."""
    low, high = window
    share = (image - np.float32(low)) / np.float32(high - low)
    if processing.tone == "sigmoid":
        steep = np.float32(processing.contrast)
        ends = 1.0 / (1.0 + np.exp(np.array([0.5, -0.5]) * steep))
        share = (1.0 / (1.0 + np.exp((0.5 - share) * steep)) - ends[0]) / np.float32(ends[1] - ends[0])
    shown = np.clip(share, 0.0, 1.0)
    if processing.tone == "power":
        shown = shown ** np.float32(processing.gamma)
    return np.asarray(shown, np.float32)


def random_histogram(
    image: Pixels, rng: np.random.Generator, *, points: int = 8
) -> tuple[Pixels, list[tuple[float, float]]]:
    """Pass grey values in [0, 1] through a random rising curve of straight pieces; black and white stay.

    Points lie half way between even and random places, so that no piece is so steep that greys part into steps.

    Args:
        image: (H, W) in [0, 1].
        rng: of the curve.
        points: control points between the ends, 4 to 12 in RadRotator (arXiv 2404.13000).

    Returns:
        the image and the (from, to) pairs of the curve.
    """
    even = np.arange(1.0, points + 1.0) / (points + 1.0)
    given, taken = (
        np.concatenate([[0.0], 0.5 * (even + np.sort(rng.uniform(0.0, 1.0, points))), [1.0]]) for _ in range(2)
    )
    changed = np.interp(image, given, taken).astype(np.float32)
    return changed, [(float(a), float(b)) for a, b in zip(given, taken, strict=True)]


def letters(text: str, height: int) -> Pixels:
    """Return coverage (H, W) in [0, 1] of letters of a height in pixels, in the font that comes with Pillow."""
    from PIL import Image as Picture
    from PIL import ImageDraw, ImageFont

    font = ImageFont.load_default(max(8, height))
    left, top, right, bottom = (int(v) for v in font.getbbox(text))
    canvas = Picture.new("L", (max(1, right - left), max(1, bottom - top)))
    ImageDraw.Draw(canvas).text((-left, -top), text, fill=255, font=font)
    return np.asarray(canvas, np.float32) / 255.0


def stamped(image: Pixels, stamp: Pixels, row: int, column: int) -> tuple[slice, slice, Pixels]:
    """Return where a stamp lies on an image when its corner is at (row, column), and the part of it that does."""
    top, left = max(0, row), max(0, column)
    bottom, right = min(image.shape[0], row + stamp.shape[0]), min(image.shape[1], column + stamp.shape[1])
    part = stamp[top - row : max(bottom, top) - row, left - column : max(right, left) - column]
    return slice(top, max(bottom, top)), slice(left, max(right, left)), part
