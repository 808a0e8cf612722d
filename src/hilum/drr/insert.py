"""Objects put into a beam as matter, before the exponential: never as grey levels pasted on a film."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError, need
from hilum.core.image import Volume
from hilum.drr.geometry import Geometry
from hilum.drr.objects import Thing

Maps = Mapping[str, NDArray[np.float32]]
TISSUE = "soft tissue"
SEEN_G_CM2 = 0.005
"""An areal density, about that of 0.006 mm of steel, under which an object's shadow is not counted."""


@dataclass(frozen=True, eq=False)
class Insertion:
    """An object's true place on a film.

    Args:
        name: of the object.
        critical: whether a retained object of this kind must be reported at once.
        areal: (rows, columns) g/cm2 of all its parts.
        mask: (rows, columns) bool.
        box: (x0, y0, x1, y1) pixels, half-open; None where it misses the film.
        path_mm: (rows, columns) length of each ray inside all its parts.
    """

    name: str
    critical: bool
    areal: NDArray[np.float32]
    mask: NDArray[np.bool_]
    box: tuple[float, float, float, float] | None
    path_mm: NDArray[np.float32]


def surrounding_g_cm3(volume: Volume | None, vertices: NDArray[np.float64]) -> float:
    """Return the mean density in g/cm3 of what a body pushes aside; 0 outside the volume."""
    if volume is None:
        return 0.0
    inverse = np.linalg.inv(volume.affine)
    index = np.rint(vertices @ inverse[:3, :3].T + inverse[:3, 3]).astype(int)
    inside = ((index >= 0) & (index < volume.voxels.shape)).all(axis=1)
    density = np.zeros(len(index))
    density[inside] = np.maximum(0.0, 1.0 + volume.voxels[tuple(index[inside].T)] / 1000.0)
    return float(density.mean())


def insert(
    maps: Maps, things: Sequence[Thing], geometry: Geometry, *, volume: Volume | None = None, fine: int = 4
) -> tuple[dict[str, NDArray[np.float32]], tuple[Insertion, ...]]:
    """Add objects to material maps and say where their shadows fall.

    Args:
        maps: areal density in g/cm2 (rows, columns) per material of `drr.beam`; left as it is.
        things: objects in patient mm (LPS).
        geometry: the exposure the maps were made with.
        volume: the CT: what an object pushes aside is taken away from the soft tissue. None pushes nothing aside.
        fine: rays per pixel along each side for the objects.

    Returns:
        The new maps, with a material for each that an object brings, and one Insertion per object.

    Raises:
        InputError: if the maps do not have the detector's shape.
    """
    from hilum.drr.mesh import path_mm

    for name, areal in maps.items():
        if areal.shape != geometry.shape:
            raise InputError(f"the map of {name} is {areal.shape}, but the detector is {geometry.shape}")
    after = {name: areal.copy() for name, areal in maps.items()}
    shown = []
    for thing in things:
        whole, through = np.zeros(geometry.shape, np.float32), np.zeros(geometry.shape, np.float32)
        for part in thing.solids:
            path_cm = path_mm(part.vertices, part.faces, geometry, fine=fine) / 10.0
            areal = path_cm * np.float32(part.density_g_cm3)
            after[part.material] = after.get(part.material, np.zeros(geometry.shape, np.float32)) + areal
            pushed = surrounding_g_cm3(volume, part.vertices)
            if pushed > 0 and TISSUE in after:
                after[TISSUE] = np.maximum(after[TISSUE] - np.float32(pushed) * path_cm, 0.0)
            whole += areal
            through += path_cm * np.float32(10.0)
        shown.append(_insertion(thing, whole, through))
    return after, tuple(shown)


def _insertion(thing: Thing, areal: NDArray[np.float32], path_mm: NDArray[np.float32]) -> Insertion:
    mask = areal > SEEN_G_CM2
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)) if rows.size else None
    return Insertion(thing.name, thing.critical, areal, mask, box, path_mm)


def rfo_row(insertions: Sequence[Insertion], *, polygons: bool = False) -> str:
    """Return one image's objects as Hopkins RFOs Bench writes them: 'id_type_shape x1 y1 ...', joined by ';'.

    Type is 1 for critical objects, else 0; shape 0 is a box by two corners, 1 a polygon. Objects that miss the film
    are left out. Source: the format's description in arXiv 2507.06937; how rows are joined is ours.

    Args:
        insertions: of one image.
        polygons: outlines (the largest piece of each) in place of boxes.
    """
    rows = []
    for number, item in enumerate(insertions):
        if item.box is None:
            continue
        numbers = [float(value) for value in item.box]
        if polygons:
            numbers = [float(value) for point in outline(item.mask) for value in point]
        head = f"{number}_{int(item.critical)}_{int(polygons)}"
        rows.append(" ".join([head, *(f"{value:g}" for value in numbers)]))
    return ";".join(rows)


def outline(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the outline of a mask's largest piece as (N, 2) x, y in pixels.

    Raises:
        InputError: if the mask is empty.
        MissingError: if scikit-image is not installed.
    """
    try:
        from skimage import measure
    except ImportError:
        raise need("skimage", "drr", "drawing outlines") from None
    found = cast(Any, measure).find_contours(np.pad(mask, 1).astype(float), 0.5)
    if not found:
        raise InputError("an empty mask has no outline")

    def area(points: NDArray[np.float64]) -> float:
        y, x = points.T
        return abs(float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum())) / 2

    best: NDArray[np.float64] = max(found, key=area)[:-1, ::-1] - 0.5
    return best


def read_rfo_row(text: str) -> list[tuple[bool, NDArray[np.float64]]]:
    """Return (critical, points (N, 2) x, y) for each object of a row; a box comes as its two corners.

    Raises:
        InputError: if a part is not 'id_type_shape' followed by an even number of coordinates.
    """
    found = []
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        head, *numbers = part.split()
        codes = head.split("_")
        try:
            _, critical_code, shape_code = codes
            points = np.array([float(value) for value in numbers]).reshape(-1, 2)
            critical, shape = {"0": False, "1": True}[critical_code], int(shape_code)
        except (ValueError, KeyError, IndexError):
            raise InputError(
                f"'{part[:60]}' is not an object row: expected id_type_shape and pairs of coordinates"
            ) from None
        if shape not in (0, 1) or (len(points) != 2 if shape == 0 else len(points) < 3):
            raise InputError(f"'{part[:60]}' has {len(points)} points, which shape {shape} cannot have")
        found.append((critical, points))
    return found
