"""Shots on disk: maps and path lengths as float16, the rest as JSON, in one .npz without pickle.

A stored shot is exposed anew as the one in memory is, to the 0.05 % that half precision leaves of each map.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.geometry import View
from hilum.drr.geometry import Geometry
from hilum.phantom.patient import Shot

VERSION = 1
_GROUPS = ("maps", "paths", "lesions")
_VECTORS = ("source", "corner", "row_step", "column_step", "isocentre")


def shot_bytes(shot: Shot) -> bytes:
    """Return a shot as the bytes of a compressed .npz; the same shot gives the same bytes."""
    arrays: dict[str, NDArray[Any]] = {}
    names: dict[str, list[str]] = {}
    for group in _GROUPS:
        held: Mapping[str, NDArray[np.float32]] = getattr(shot, group)
        names[group] = list(held)
        for number, pixels in enumerate(held.values()):
            arrays[f"{group}-{number}"] = np.minimum(pixels, np.finfo(np.float16).max).astype(np.float16)
    geometry = shot.geometry
    record = {
        "version": VERSION, "view": shot.view, "fine": shot.fine, "names": names, "visible": dict(shot.visible),
        "least_mm": dict(shot.least_mm), "log": dict(shot.log),
        "geometry": {
            **{name: getattr(geometry, name).tolist() for name in _VECTORS}, "shape": list(geometry.shape),
            "view": geometry.view, "orientation": list(geometry.orientation), "parallel": geometry.parallel,
        },
    }  # fmt: skip
    arrays["record"] = np.frombuffer(json.dumps(record, sort_keys=True).encode(), np.uint8)
    target = io.BytesIO()
    np.savez_compressed(target, allow_pickle=False, **cast(Any, arrays))
    return target.getvalue()


def save_shot(shot: Shot, path: Path) -> Path:
    """Write a shot to a file, by way of a temporary name; returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(shot_bytes(shot))
    os.replace(partial, path)
    return path


def load_shot(source: Path | bytes) -> Shot:
    """Return a shot from a file or its bytes, in float32.

    Raises:
        InputError: if it is not a stored shot, or of another version.
    """
    where = "these bytes" if isinstance(source, bytes) else f"'{source}'"
    try:
        with np.load(io.BytesIO(source) if isinstance(source, bytes) else source, allow_pickle=False) as held:
            arrays = {name: held[name] for name in held.files}
        record = json.loads(arrays.pop("record").tobytes())
    except (OSError, ValueError, KeyError, EOFError) as problem:
        raise InputError(f"{where} hold no shot: expected an .npz that save_shot wrote ({problem})") from None
    if record.get("version") != VERSION:
        raise InputError(f"{where} hold a shot of version {record.get('version')}, expected {VERSION}: shoot it again")
    groups = {
        group: {name: arrays[f"{group}-{n}"].astype(np.float32) for n, name in enumerate(record["names"][group])}
        for group in _GROUPS
    }
    seen = record["geometry"]
    geometry = Geometry(
        **{name: np.array(seen[name]) for name in _VECTORS}, shape=(int(seen["shape"][0]), int(seen["shape"][1])),
        view=seen["view"], orientation=(seen["orientation"][0], seen["orientation"][1]), parallel=seen["parallel"],
    )  # fmt: skip
    return Shot(
        cast(View, record["view"]), geometry, groups["maps"], groups["paths"], groups["lesions"], record["visible"],
        record["least_mm"], int(record["fine"]), record["log"],
    )  # fmt: skip
