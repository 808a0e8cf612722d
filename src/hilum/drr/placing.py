"""Where an object comes to lie: in a pleural space, the mediastinum, under a dome, or on the skin."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.image import Volume
from hilum.drr.axes import axis_order
from hilum.drr.field import Structures
from hilum.drr.geometry import Vector
from hilum.drr.objects import Thing

Site = Literal["pleura", "mediastinum", "below the diaphragm", "sternum", "skin in front", "skin behind"]
Bools = NDArray[np.bool_]
BODY_HU, _THICK_MM = -300.0, 3.0
_SITES: dict[str, tuple[str, ...]] = {
    "pleura": ("lung",),
    "mediastinum": ("heart", "aorta", "esophagus", "superior_vena_cava", "pulmonary"),
    "below the diaphragm": ("liver", "stomach", "spleen"),
    "sternum": ("sternum",),
}
SKIN = ("skin in front", "skin behind")


def sites() -> tuple[str, ...]:
    """Return the names of the sites an object can be put at."""
    return get_args(Site)


def to_mm(affine: NDArray[np.float64], index: NDArray[np.float64]) -> Vector:
    """Return voxel indices (N, 3) as patient mm (LPS)."""
    placed: Vector = np.asarray(index, np.float64) @ affine[:3, :3].T + affine[:3, 3]
    return placed


def body_mask(volume: Volume) -> Bools:
    """Return the patient as a mask on the volume's grid: the largest dense piece, its hollows filled slice by slice."""
    from scipy import ndimage

    dense = volume.voxels > BODY_HU
    steps = [2 if step <= _THICK_MM else 1 for step in volume.spacing_mm]  # a thick voxel may be half of a chest wall
    coarse = dense[tuple(slice(None, None, step) for step in steps)]
    named, count = ndimage.label(ndimage.binary_opening(coarse))
    if not count:
        raise InputError("the volume holds nothing denser than -300 HU: there is no body to place an object in")
    largest = named == int(np.bincount(named.ravel())[1:].argmax()) + 1
    (_, _, z), _ = axis_order(volume.affine)
    moved = np.moveaxis(largest, z, 0)
    filled = np.moveaxis(np.stack([ndimage.binary_fill_holes(plane) for plane in moved]), 0, z)
    whole = filled.repeat(steps[0], 0).repeat(steps[1], 1).repeat(steps[2], 2)
    return whole[tuple(slice(0, size) for size in dense.shape)]


def _rim(structures: Structures, ids: tuple[int, ...]) -> Bools:
    """Voxels of the lungs within about 10 mm of their surface."""
    from scipy import ndimage

    lungs = np.isin(structures.ids, ids)
    spacing = np.linalg.norm(structures.affine[:3, :3], axis=0)
    steps = np.maximum(1, np.rint(10.0 / spacing)).astype(int)
    inner = lungs
    for axis, count in enumerate(steps):
        shape = [1, 1, 1]
        shape[axis] = 3
        inner = ndimage.binary_erosion(inner, np.ones(shape, bool), iterations=int(count))
    return lungs & ~inner


def candidates(site: str, structures: Structures) -> NDArray[np.int64]:
    """Return the voxels (N, 3) inside the body at which an object may lie.

    Raises:
        InputError: for an unknown site, or where the CT shows none of its structures.
    """
    if site not in _SITES:
        raise InputError(f"no site inside the body is named '{site}'; there are: {', '.join(_SITES)}")

    def find() -> NDArray[np.int64]:
        known = [name for name in _SITES[site] if any(n.startswith(name) for n in structures.names.values())]
        ids = structures.wanted(known) if known else ()
        found = _rim(structures, ids) if site == "pleura" else np.isin(structures.ids, ids)
        index = np.argwhere(found)
        if not len(index):
            raise InputError(f"the CT shows no {' or '.join(_SITES[site])}: no object can be placed in the {site}")
        if site == "below the diaphragm":
            height = to_mm(structures.affine, index.astype(np.float64))[:, 2]
            index = index[height > height.max() - 60.0]
        return index

    found: NDArray[np.int64] = structures.keep(("site", site), find)
    return found


def random_rotation(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a (3, 3) rotation drawn evenly from all rotations."""
    from scipy.spatial.transform import Rotation

    turn: NDArray[np.float64] = Rotation.random(random_state=rng).as_matrix()
    return turn


def _skin(
    volume: Volume, site: str, rng: np.random.Generator, body: Bools, about: tuple[float, float] | None
) -> tuple[Vector, int]:
    """Return a point 3 mm outside the skin over the middle of the chest, or a part of it; and the sign of y outwards.

    About (0.5, 0.8) is the middle of the body's breadth at four fifths of its height.
    """
    (x, y, z), signs = axis_order(volume.affine)
    solid = body.transpose(x, y, z)[tuple(slice(None, None, sign) for sign in signs)]
    shadow = np.argwhere(solid.any(axis=1))
    low, high = shadow.min(axis=0), shadow.max(axis=0)
    inner = shadow[(np.abs(shadow - (low + high) / 2) < 0.3 * (high - low)).all(axis=1)]
    column = inner[int(rng.integers(len(inner)))]
    if about is not None:
        wanted = low + (high - low) * (np.array(about) + rng.normal(0.0, 0.015, 2))
        column = shadow[np.argmin(np.abs(shadow - wanted).sum(axis=1))]
    deep = np.flatnonzero(solid[column[0], :, column[1]])
    outwards = -1 if site == "skin in front" else 1
    place = np.array([column[0], deep[0] if outwards < 0 else deep[-1], column[1]], float)
    sizes = np.array([solid.shape[axis] - 1 for axis in range(3)])
    index = np.empty(3)
    for axis, (order, sign) in enumerate(zip((x, y, z), signs, strict=True)):
        index[order] = place[axis] if sign > 0 else sizes[axis] - place[axis]
    return to_mm(volume.affine, index[None])[0] + np.array([0.0, 3.0 * outwards, 0.0]), outwards


def _flat(outwards: int) -> NDArray[np.float64]:
    """The rotation that lays an object on the skin: its x to the head, its y to the side, its z outwards."""
    return np.array([[0.0, float(outwards), 0.0], [0.0, 0.0, float(outwards)], [1.0, 0.0, 0.0]])


def place(
    thing: Thing, site: str, volume: Volume, structures: Structures | None, rng: np.random.Generator, *,
    about: tuple[float, float] | None = None,
) -> Thing:  # fmt: skip
    """Return an object put at a site of a CT: turned at random inside the body, flat on the skin outside.

    An object on the skin is not critical, whatever it is: that is what makes it a hard negative.

    Args:
        thing: about the origin, in mm.
        site: one of `sites()`.
        volume: the CT.
        structures: its structures; needed for sites inside the body.
        rng: where and how it lies.
        about: on the skin, shares of the body's breadth (from the patient's right) and height (from below) to lie
            near; drawn over the middle of the chest if None.

    Raises:
        InputError: for an unknown site, or one that the CT does not show.
    """
    if site in SKIN:
        at, outwards = _skin(volume, site, rng, body_mask(volume), about)
        return replace(thing.moved(rotation=_flat(outwards), shift_mm=tuple(at)), critical=False)
    if structures is None:
        raise InputError(
            f"placing an object in the {site} needs the CT's structures; give a mask, or place it on the skin"
        )
    index = candidates(site, structures)
    if site == "sternum":  # wires close the bone from end to end, so they lie along its middle
        at = to_mm(structures.affine, index.mean(axis=0)[None])[0]
        return thing.moved(rotation=_flat(-1), shift_mm=tuple(at))
    at = to_mm(structures.affine, index[int(rng.integers(len(index)))][None])[0]
    return thing.moved(rotation=random_rotation(rng), shift_mm=tuple(at))
