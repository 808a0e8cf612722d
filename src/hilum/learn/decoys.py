"""Pictures that are not chest films, drawn or cut, to teach a gate what to refuse; numpy and scipy only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Film

Picture = NDArray[np.float32]


def _unit(picture: NDArray[np.floating]) -> Picture:
    low, high = float(picture.min()), float(picture.max())
    return ((picture - low) / max(high - low, 1e-6)).astype(np.float32)


def texture(rng: np.random.Generator, size: int) -> Picture:
    """Draw noise of a random smoothness, or a plain gradient."""
    from scipy.ndimage import gaussian_filter

    if rng.random() < 0.3:
        y, x = np.mgrid[:size, :size] / size
        return _unit(np.cos(rng.normal() * 4 * x + rng.normal() * 4 * y + rng.normal()))
    return _unit(gaussian_filter(rng.normal(size=(size, size)), float(rng.choice([0.5, 2, 6, 15, 40]))))


def limb(rng: np.random.Generator, size: int) -> Picture:
    """Draw the shadow of a limb: soft tissue and one to five bones, each a tube with a dense cortex."""
    y, x = np.mgrid[:size, :size].astype(np.float32) / size - 0.5
    angle = rng.uniform(0, np.pi)
    along, across = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
    radius = rng.uniform(0.15, 0.45) * (1 + rng.uniform(-0.6, 0.6) * along)
    shadow = np.sqrt(np.clip(radius**2 - across**2, 0, None))
    count = int(rng.integers(1, 6))
    for index in range(count):
        centre = (index - (count - 1) / 2) * 0.6 / count + rng.normal() * 0.02
        bone = rng.uniform(0.03, 0.1) * (1 + rng.uniform(0.2, 1.5) * np.abs(along + rng.uniform(-0.3, 0.3)))
        offset = across - centre
        outer = np.sqrt(np.clip(bone**2 - offset**2, 0, None))
        inner = np.sqrt(np.clip((bone * 0.7) ** 2 - offset**2, 0, None))
        gap = np.abs(along - rng.uniform(-0.4, 0.4)) > rng.uniform(0.0, 0.03)
        shadow = shadow + (3 * outer - 1.5 * inner) * gap
    return _unit(1 - np.exp(-shadow * rng.uniform(2, 6)) + rng.normal(size=shadow.shape) * 0.01)


def page(rng: np.random.Generator, size: int) -> Picture:
    """Draw a page of text-like strokes, black on white or the reverse."""
    sheet = np.ones((size, size), dtype=np.float32)
    line = int(rng.integers(6, 20))
    for top in range(line, size - line, line):
        left = int(rng.integers(4, size // 4))
        while left < size * rng.uniform(0.6, 0.98):
            width = int(rng.integers(2, 3 * line))
            block = rng.random((line // 2, width)) < 0.5
            sheet[top : top + line // 2, left : left + width][block[:, : max(0, size - left)]] = 0
            left += width + line // 2
    return sheet if rng.random() < 0.7 else 1 - sheet


def crop(picture: Picture, rng: np.random.Generator, *, low: float, high: float) -> Picture:
    """Cut a rectangle whose sides are between `low` and `high` of the picture's."""
    height, width = picture.shape
    rows, columns = (max(8, int(side * rng.uniform(low, high))) for side in (height, width))
    top, left = int(rng.integers(0, max(1, height - rows + 1))), int(rng.integers(0, max(1, width - columns + 1)))
    return picture[top : top + rows, left : left + columns]


def ct_slice(hounsfield: NDArray[np.float32], rng: np.random.Generator) -> Picture:
    """Cut a slice of a CT (D, H, W) along a random axis, in a random window."""
    axis = int(rng.integers(0, 3))
    index = int(hounsfield.shape[axis] * rng.uniform(0.1, 0.9))
    center, width = [(-600, 1500), (40, 400), (300, 1500), (0, 2000)][int(rng.integers(0, 4))]
    cut = np.take(hounsfield, index, axis=axis)
    if rng.random() < 0.5:
        cut = cut[::-1]
    shown: Picture = np.clip((cut - center) / width + 0.5, 0, 1).astype(np.float32)
    return shown


def drawn(rng: np.random.Generator, size: int) -> Picture:
    """Draw one of `texture`, `limb` or `page`."""
    makers: tuple[Callable[[np.random.Generator, int], Picture], ...] = (texture, limb, limb, page)
    return makers[int(rng.integers(0, len(makers)))](rng, size)


def photographs(folder: Path) -> list[Picture]:
    """Decode the PNG and JPEG pictures of a folder to grey, in name order."""
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".png", ".jpg"))
    return [np.asarray(Film.open(path).convert("L"), dtype=np.float32) / np.float32(255) for path in found]
