"""A film at its own resolution: the whole of it small, and up to nine tiles of it large (any-resolution input).

The way of LLaVA-OneVision, which RadVLM reads films with: of all grids of at most so many tiles, the one that keeps
most of the film's resolution with least padding; the film is fitted into it, keeping its aspect, and padded with black.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from hilum.core.errors import InputError
from hilum.core.image import Image
from hilum.learn.frame import stretch

Edges = tuple[float, float, float, float]


@dataclass(frozen=True)
class Tiling:
    """How a film is cut: the map between its pixels and those of each tile.

    Args:
        height, width: of the film in pixels.
        tile: side of a tile in pixels.
        grid: (rows, columns) of tiles.
    """

    height: int
    width: int
    tile: int
    grid: tuple[int, int]

    @property
    def inner(self) -> tuple[int, int]:
        """(rows, columns) of pixels that the film fills of the whole grid."""
        tall, wide = self.grid[0] * self.tile, self.grid[1] * self.tile
        if wide / self.width < tall / self.height:
            return min(int(np.ceil(self.height * wide / self.width)), tall), wide
        return tall, min(int(np.ceil(self.width * tall / self.height)), wide)

    @property
    def pad(self) -> tuple[int, int]:
        """(top, left) padding in pixels of the grid."""
        rows, columns = self.inner
        return (self.grid[0] * self.tile - rows) // 2, (self.grid[1] * self.tile - columns) // 2

    def frame(self, number: int) -> Edges:
        """Return the edges of a tile in pixels of the film; parts of it may lie outside, on the padding.

        Args:
            number: 0 is the whole film stretched to one tile, 1 and on are the tiles row by row.

        Raises:
            InputError: if there is no such tile.
        """
        rows, columns = self.grid
        if not 0 <= number <= rows * columns:
            raise InputError(f"a grid of {rows} x {columns} has the tiles 0 to {rows * columns}, got {number}")
        if number == 0:
            return (0.0, 0.0, float(self.width), float(self.height))
        row, column = divmod(number - 1, columns)
        (top, left), (tall, wide) = self.pad, self.inner
        step_x, step_y = self.width / wide, self.height / tall
        x0, y0 = (column * self.tile - left) * step_x, (row * self.tile - top) * step_y
        return (x0, y0, x0 + self.tile * step_x, y0 + self.tile * step_y)

    def to_tile(self, box: Edges, number: int) -> Edges:
        """Map (x0, y0, x1, y1) from pixels of the film to pixels of a tile; what lies outside stays outside."""
        x0, y0, x1, y1 = self.frame(number)
        across, down = self.tile / (x1 - x0), self.tile / (y1 - y0)
        return ((box[0] - x0) * across, (box[1] - y0) * down, (box[2] - x0) * across, (box[3] - y0) * down)

    def to_film(self, box: Edges, number: int) -> Edges:
        """Map (x0, y0, x1, y1) from pixels of a tile to pixels of the film, clipped to it."""
        x0, y0, x1, y1 = self.frame(number)
        across, down = (x1 - x0) / self.tile, (y1 - y0) / self.tile
        xs = np.clip((box[0] * across + x0, box[2] * across + x0), 0, self.width)
        ys = np.clip((box[1] * down + y0, box[3] * down + y0), 0, self.height)
        return (float(xs[0]), float(ys[0]), float(xs[1]), float(ys[1]))


def tiling(size: tuple[int, int], tile: int, *, most: int = 9) -> Tiling:
    """Return the grid that keeps most of a film's resolution, and of those the one that wastes least.

    Args:
        size: (H, W) of the film.
        tile: side of a tile in pixels.
        most: tiles at most, the whole film not counted.

    Raises:
        InputError: if a number is not positive.
    """
    height, width = size
    if min(height, width, tile, most) < 1:
        raise InputError(f"a tiling needs positive numbers, got {height} x {width}, tile {tile}, at most {most}")
    best, found = (-1.0, 0.0), (1, 1)
    for rows in range(1, most + 1):
        for columns in range(1, most // rows + 1):
            scale = min(columns * tile / width, rows * tile / height)
            kept = min(int(width * scale) * int(height * scale), width * height)
            waste = columns * tile * rows * tile - kept
            if (kept, -waste) > best:
                best, found = (kept, -waste), (rows, columns)
    return Tiling(height, width, tile, found)


def cut(image: Image, tile: int, *, most: int = 9) -> tuple[NDArray[np.float32], Tiling]:
    """Return a film as the whole and its tiles, float32 (1 + rows * columns, tile, tile) in [0, 1], and the map.

    Args:
        image: the film.
        tile: side of a tile in pixels.
        most: tiles at most.
    """
    made = tiling(image.pixels.shape, tile, most=most)
    picture = Picture.fromarray(np.ascontiguousarray(stretch(image.display())))
    (rows, columns), (tall, wide), (top, left) = made.grid, made.inner, made.pad
    sheet = np.zeros((rows * tile, columns * tile), np.float32)
    sheet[top : top + tall, left : left + wide] = np.asarray(picture.resize((wide, tall), Picture.Resampling.BICUBIC))
    whole = np.asarray(picture.resize((tile, tile), Picture.Resampling.BICUBIC))
    parts = sheet.reshape(rows, tile, columns, tile).swapaxes(1, 2).reshape(-1, tile, tile)
    return np.clip(np.concatenate([whole[None], parts]), 0.0, 1.0), made
