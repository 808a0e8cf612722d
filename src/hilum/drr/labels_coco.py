"""Projected labels as a COCO instances dictionary; writing it is left to the caller."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.image import Image
from hilum.drr.labels import Shadow


def run_lengths(mask: NDArray[np.bool_]) -> dict[str, list[int]]:
    """Return an uncompressed COCO run-length code: counts of 0 and 1 by turns, down the columns, 0 first."""
    flat = np.asarray(mask, np.bool_).ravel(order="F")
    ends = np.flatnonzero(np.diff(flat)) + 1
    edges = np.concatenate([[0], ends, [flat.size]])
    counts = np.diff(edges).tolist()
    return {"counts": [0, *counts] if flat.size and flat[0] else counts, "size": list(mask.shape)}


def polygons(shadow: Shadow, *, tolerance_px: float = 0.5) -> list[list[float]]:
    """Return closed outlines [x, y, x, y, ...] in COCO's pixel coordinates, whose origin is a pixel's corner.

    A polygon cannot have holes: they are filled. Use run lengths where holes matter.
    """
    outer = []
    for points in shadow.contours(tolerance_px=tolerance_px):
        x, y = points.xy.T
        if np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) > 0:  # an outline runs clockwise on screen, a hole against
            outer.append(points.xy.ravel().round(2).tolist())
    return outer


def coco(
    films: Sequence[tuple[Image, Mapping[str, Shadow]]],
    *,
    file_names: Mapping[str, str] | None = None,
    path_files: Mapping[tuple[str, str], str] | None = None,
    outline: Literal["rle", "polygon"] = "rle",
    kinds: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return films and their labels as a COCO instances dictionary.

    Args:
        films: each with its shadows by a name of their own; a shadow's `name` is its category, so that two needles
            are one category. Ids of films must differ.
        file_names: file of each film by id; None makes '<id>.png'.
        path_files: file of a path-length map by (image id, class), for reference; not part of COCO.
        outline: 'rle' keeps holes and overlaps exact, 'polygon' is what most tools draw.
        kinds: supercategory of a category by its name; 'anatomy' for those left out.

    Returns:
        'info', 'images', 'categories' (names in order of first appearance) and 'annotations' with segmentation,
        bbox [x, y, width, height], area in pixels, and the mean and largest path length in mm. Empty masks have no
        annotation.

    Raises:
        InputError: if two films share an id, or a label has another size than its film.

    Source: cocodataset.org/#format-data.
    """
    ids = [film.id for film, _ in films]
    if len(set(ids)) != len(ids):
        raise InputError("each film needs an id of its own in a COCO file")
    shown = [shadow for _, shadows in films for shadow in shadows.values()]
    category = {name: number for number, name in enumerate(dict.fromkeys(shadow.name for shadow in shown), 1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, (film, shadows) in enumerate(films, 1):
        rows, columns = film.pixels.shape
        file_name = (file_names or {}).get(film.id, f"{film.id}.png")
        images.append({"id": number, "file_name": file_name, "height": rows, "width": columns, "view": film.view})
        for name, shadow in shadows.items():
            if shadow.shape != (rows, columns):
                raise InputError(f"label '{name}' is {shadow.shape} but film '{film.id}' is {(rows, columns)}")
            file = (path_files or {}).get((film.id, name), "")
            if shadow.area_px:
                found = {"id": len(annotations) + 1, "image_id": number, "category_id": category[shadow.name]}
                annotations.append({**found, **_annotation(shadow, file, outline)})
    return {
        "info": {"description": "labels projected from CT through the rays of each film"},
        "images": images,
        "categories": [
            {"id": number, "name": name, "supercategory": (kinds or {}).get(name, "anatomy")}
            for name, number in category.items()
        ],
        "annotations": annotations,
    }


def _annotation(shadow: Shadow, file: str, outline: str) -> dict[str, Any]:
    """What COCO says of one mask that is not empty."""
    inside, box = shadow.path_mm[shadow.inside], shadow.box()
    x0, y0, x1, y1 = box.corners if box else (0.0, 0.0, 0.0, 0.0)
    path: dict[str, Any] = {"mean": round(float(inside.mean()), 3), "max": round(float(inside.max()), 3)}
    return {
        "iscrowd": 0, "bbox": [x0, y0, x1 - x0, y1 - y0], "area": shadow.area_px,
        "segmentation": run_lengths(shadow.mask().pixels) if outline == "rle" else polygons(shadow),
        "path_mm": {**path, "file": file} if file else path,
    }  # fmt: skip
