"""Made data sets in their official layouts: each test module registers its own, the common test reads them all."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import json
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

Layout = Callable[[Path], Path]
LAYOUTS: dict[str, Layout] = {}
"""Registered name of a data set -> a function that writes a tiny one into an empty folder and returns its root."""


def layout(name: str) -> Callable[[Layout], Layout]:
    """Register a layout for the common test: `@layout("nih") def made(root: Path) -> Path`."""

    def enter(function: Layout) -> Layout:
        LAYOUTS[name] = function
        return function

    return enter


def table(path: Path, columns: Sequence[str], lines: Iterable[Sequence[Any]], *, packed: bool = False) -> Path:
    """Write a CSV, gzipped where `packed`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", newline="") if packed else path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(lines)
    return path


def picture(path: Path, values: np.ndarray | None = None, *, size: tuple[int, int] = (8, 6)) -> Path:
    """Write a grey picture of (columns, rows) or of given values; its kind is its suffix's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = zlib.crc32(path.name.encode())
    given = np.random.default_rng(seed).integers(0, 255, size[::-1], np.uint8) if values is None else values
    Picture.fromarray(given).save(path)
    return path


def written(path: Path, value: Any) -> Path:
    """Write JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path


def cut(path: Path, share: float = 0.5) -> Path:
    """Cut a file short."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def wheel(name: str) -> Path:
    """The folder of real tables in the torchxrayvision wheel, which is never imported; skips where it is absent."""
    spec = importlib.util.find_spec("torchxrayvision")
    folder = Path(next(iter(spec.submodule_search_locations or ("",)))) / "data" if spec else Path()
    if spec is None or not (folder / name).is_file():
        pytest.skip(f"{name} comes with the package torchxrayvision, which is not installed")
    return folder
