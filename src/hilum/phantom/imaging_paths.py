"""How far rays run through organs, lesions and devices, and how well each lesion can be seen: from the volume alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.drr.attenuation import WATER_PER_MM
from hilum.drr.coefficients import mass_attenuation
from hilum.drr.detector import shrunken
from hilum.drr.field import Field, Structures
from hilum.drr.geometry import Geometry
from hilum.drr.insert import surrounding_g_cm3
from hilum.drr.materials import SOFT
from hilum.drr.structures import path_lengths
from hilum.drr.visibility import LUNG_PATH_MM, visibility
from hilum.phantom.imaging_frame import ABDOMEN
from hilum.phantom.patient import Anatomy, Placed

Pixels = NDArray[np.float32]
Maps = Mapping[str, Pixels]

CLASSES: Mapping[str, tuple[str, ...]] = {
    "lungs": ("lung_",), "heart": ("heart", "atrial_appendage"), "ribs": ("rib_",), "clavicles": ("clavicula",),
    "scapulae": ("scapula",), "spine": ("vertebrae",), "trachea": ("trachea",), "aorta": ("aorta",),
    "sternum": ("sternum",), "liver": ("liver",), "stomach": ("stomach",), "spleen": ("spleen",),
    "right lung": ("lung_upper_lobe_right", "lung_middle_lobe_right", "lung_lower_lobe_right"),
    "left lung": ("lung_upper_lobe_left", "lung_lower_lobe_left"),
}  # fmt: skip
"""Anatomical classes by the beginnings of TotalSegmentator's names; other names stand for themselves."""
FIELDS, ABDOMEN_MM, SPINE_MM = "lung fields", 30.0, 25.0
"""Class of the lungs as readers outline them: the heart's shadow included; without what lies behind or before 30 mm of
abdominal organs, and on frontal films 25 mm of vertebrae."""
LEAST_MM: Mapping[str, float] = {
    "pleural effusion": 5.0, "consolidation": 5.0, "atelectasis": 5.0, "ground glass opacity": 5.0,
    "pulmonary fibrosis": 5.0, "reticular pattern": 5.0, "pulmonary edema": 10.0, "emphysema": 10.0,
    "pneumothorax": 3.0, "pneumoperitoneum": 3.0, "pleural thickening": 3.0, "apical pleural thickening": 3.0,
}  # fmt: skip
"""Path length from which a pixel belongs to the mask of a finding; 1 mm for others and 0.05 mm for devices."""
_OTHER_MM, _DEVICE_MM, _SHARE = 1.0, 0.05, 0.25
_ENOUGH_PIXELS, _BODY, _MANY_RAYS = 64, 0.5, 3
_DISC_MM, _SLIVER_MM = 12.0, 5.0
_SEEN_KEV, _SHELL_VOXELS, _PATCH_MM2 = 70.0, 2, 100.0


@dataclass(frozen=True, eq=False)
class Devices:
    """Objects in the beam.

    Args:
        maps: areal density in g/cm2 to add (fine rows, fine columns) by material.
        pushed: areal density in g/cm2 of soft tissue that they push aside (fine rows, fine columns).
        paths: path length in mm (rows, columns) of each `Placed` by key.
        change: what each adds to the line integral (rows, columns) at 70 keV.
    """

    maps: Maps
    pushed: Pixels
    paths: Maps
    change: Maps


def class_paths(structures: Structures, geometry: Geometry, names: Sequence[str]) -> dict[str, Pixels]:
    """Return path lengths in mm (rows, columns) of anatomical classes, all in one pass.

    Raises:
        InputError: if a body has nothing of a class.
    """
    groups: dict[str, tuple[int, ...]] = {}
    wanted = {name: CLASSES.get(name, (name,)) for name in names if name != FIELDS}
    if FIELDS in names:
        wanted |= {FIELDS: CLASSES["lungs"]}
    for name, starts in wanted.items():
        groups[name] = tuple(i for i, each in structures.names.items() if each.startswith(starts))
        if not groups[name]:
            raise InputError(f"the body holds no structure of '{name}'; classes are: {', '.join(CLASSES)}")
    covers: dict[str, tuple[tuple[str, ...], float]] = {}
    if FIELDS in names:
        covers["below"] = (ABDOMEN, ABDOMEN_MM)
        if geometry.view in ("PA", "AP"):
            covers["behind"] = (("vertebrae",), SPINE_MM)
    for cover, (starts, _) in covers.items():
        groups[cover] = tuple(i for i, each in structures.names.items() if each.startswith(starts))
    found = _grouped(structures, geometry, groups)
    if covers:
        found[FIELDS] *= _open(found, {cover: most_mm for cover, (_, most_mm) in covers.items()}, geometry)
    return {name: found[name] for name in names}


def _open(found: Mapping[str, Pixels], covers: Mapping[str, float], geometry: Geometry) -> NDArray[np.bool_]:
    """Pixels whose lung nothing covers, discs taken with the vertebrae and slivers left out as readers do."""
    from scipy import ndimage

    pitch = geometry.pitch_mm[0]
    free = found[FIELDS] > 0
    for cover, most_mm in covers.items():
        covering = found[cover]
        if cover == "behind":
            covering = ndimage.maximum_filter1d(covering, 2 * max(1, round(_DISC_MM / pitch)) + 1, axis=0)
        free &= covering <= most_mm
    rounds = round(_SLIVER_MM / pitch)
    opened = ndimage.binary_opening(np.pad(free, rounds, mode="edge"), iterations=rounds) if rounds else free
    return opened[rounds:-rounds, rounds:-rounds] & free if rounds else free


def _grouped(structures: Structures, geometry: Geometry, groups: Mapping[str, tuple[int, ...]]) -> dict[str, Pixels]:
    """Path lengths of groups of structures: what belongs to the same groups is one structure to the rays."""
    signs = {i: tuple(name for name, group in groups.items() if i in group) for i in structures.names}
    kinds = sorted({sign for sign in signs.values() if sign})
    table = np.zeros(int(np.iinfo(structures.ids.dtype).max) + 1, np.uint8)
    for number, sign in signs.items():
        table[number] = kinds.index(sign) + 1 if sign else 0
    joined = structures.keep(("joined", tuple(kinds)), lambda: Structures(table[structures.ids], structures.affine, {}))
    lengths = path_lengths(joined, geometry, range(1, len(kinds) + 1))
    found = {name: np.zeros(geometry.shape, np.float32) for name in groups}
    for sign, length in zip(kinds, lengths, strict=True):
        for name in sign:
            found[name] += length
    return found


def lesion_paths(
    anatomy: Anatomy, placed: Sequence[Placed], geometry: Geometry, *, sound: Anatomy | None = None
) -> tuple[dict[str, Pixels], dict[str, Pixels]]:
    """Return the path length in mm of each finding's mask, and what it changes of the line integral, by key.

    Args:
        anatomy: with the findings.
        placed: those with a mask; masks may overlap.
        geometry: of the film's pixels.
        sound: the body without them, on the same grid; without it each finding is taken to have replaced what lies
            within two voxels around it.
    """
    paths, change = {}, {}
    for layer in _layers([each for each in placed if each.mask is not None]):
        box = _box([each.mask for each in layer])
        ids = np.zeros(tuple(p.stop - p.start for p in box), np.uint8)
        delta = np.zeros(ids.shape, np.float32)
        for number, each in enumerate(layer, start=1):
            inside = np.asarray(each.mask)[box]
            ids[inside] = number
            delta[inside] = _excess(anatomy, sound, box, inside)[inside]
        affine = anatomy.body.volume.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ np.array([p.start for p in box])
        structures = Structures(ids, affine, {n: each.plan.key for n, each in enumerate(layer, start=1)})
        numbers = range(1, len(layer) + 1)
        lengths = path_lengths(structures, geometry, numbers)
        changes = path_lengths(structures, geometry, numbers, field=Field(delta, affine, WATER_PER_MM / 1000.0))
        for each, length, changed in zip(layer, lengths, changes, strict=True):
            paths[each.plan.key], change[each.plan.key] = length, changed
    return paths, change


def device_paths(anatomy: Anatomy, placed: Sequence[Placed], geometry: Geometry, *, fine: int) -> Devices:
    """Return what objects add to a beam and how far rays run through each, through their own solids.

    Args:
        anatomy: whose tissue they push aside.
        placed: those with `things`.
        geometry: of the fine rays.
        fine: rays per pixel of the film, along each side.
    """
    from hilum.drr.mesh import path_mm, window

    maps: dict[str, Pixels] = {}
    pushed, paths, change = np.zeros(geometry.shape, np.float32), {}, {}
    tissue = np.float32(mass_attenuation(SOFT, _SEEN_KEV))
    for each in placed:
        if not each.things:
            continue
        length, changed = np.zeros(geometry.shape, np.float32), np.zeros(geometry.shape, np.float32)
        for solid in (solid for thing in each.things for solid in thing.solids):
            part, place = window(geometry, geometry.shadow(solid.vertices))
            if place[0].start == place[0].stop or place[1].start == place[1].stop:
                continue
            mm = path_mm(solid.vertices, solid.faces, part, fine=1 if fine >= _MANY_RAYS else 2)
            areal = mm * np.float32(solid.density_g_cm3 / 10.0)
            aside = mm * np.float32(surrounding_g_cm3(anatomy.body.volume, solid.vertices) / 10.0)
            maps.setdefault(solid.material, np.zeros(geometry.shape, np.float32))[place] += areal
            pushed[place] += aside
            length[place] += mm
            changed[place] += areal * np.float32(mass_attenuation(solid.material, _SEEN_KEV)) - aside * tissue
        paths[each.plan.key], change[each.plan.key] = shrunken(length, fine), shrunken(changed, fine)
    return Devices(maps, pushed, paths, change)


def least_mm(placed: Placed, path: Pixels) -> float:
    """Return the path length from which a pixel belongs to a finding's mask.

    The rule of its concept, but at most a quarter of the longest path, so that what is thin is not lost.
    """
    usual = _DEVICE_MM if placed.mask is None else LEAST_MM.get(placed.plan.concept, _OTHER_MM)
    longest = float(path.max())
    return min(usual, _SHARE * longest) if longest > 0 else usual


def contrasts(
    maps: Maps, paths: Maps, change: Maps, lungs_mm: Pixels, pitch_mm: tuple[float, float], *, fine: int
) -> dict[str, float]:
    """Return how well each finding can be detected, by key, on the line integral at 70 keV; 0 for one off the film.

    Contrast (root mean square of what it changes, weighted by path length, so that gas over fluid does not cancel)
    over noise, times the root of how many patches of 1 cm2 it covers: a wide haze shows at a contrast at which a small
    spot does not (Rose's model; Burgess, JOSA A 1999). Noise is the anatomy's own, where rays run through over 60 mm of
    lung, or in the whole body where too few do. Below 0 where it is darker than what it replaces.
    """
    if not change:
        return {}
    rays = np.zeros(next(iter(maps.values())).shape, np.float32)
    for name, each in maps.items():
        rays += np.float32(mass_attenuation(name, _SEEN_KEV)) * each
    whole = shrunken(rays, fine)
    for each in change.values():
        whole -= each
    region = (
        lungs_mm if (lungs_mm > LUNG_PATH_MM).sum() >= 64 else np.where(whole > 0.5, np.float32(1e3), np.float32(0))
    )
    found = {}
    for key, changed in change.items():
        seen = bool((paths[key] > 0).any()) and bool((region > LUNG_PATH_MM).sum() >= _ENOUGH_PIXELS)
        found[key] = _detectability(changed, paths[key], whole, region, pitch_mm) if seen else 0.0
    return found


def _detectability(
    change: Pixels, path_mm: Pixels, film: Pixels, region: Pixels, pitch_mm: tuple[float, float]
) -> float:
    measured = visibility(change, film, pitch_mm, lung_mm=region, path_mm=path_mm)
    strength = float(np.sqrt((path_mm * change**2).sum(dtype=np.float64) / path_mm.sum(dtype=np.float64)))
    patches = measured.area_px * pitch_mm[0] * pitch_mm[1] / _PATCH_MM2
    return float(np.copysign(strength / measured.noise * np.sqrt(patches), measured.contrast))


def _layers(placed: Sequence[Placed]) -> list[list[Placed]]:
    """Findings shared out so that the masks of one layer do not overlap."""
    layers: list[list[Placed]] = []
    taken: list[NDArray[np.bool_]] = []
    for each in placed:
        mask = np.asarray(each.mask)
        if not mask.any():
            continue
        for layer, used in zip(layers, taken, strict=True):
            if not (used & mask).any():
                layer.append(each)
                np.logical_or(used, mask, out=used)
                break
        else:
            layers.append([each])
            taken.append(mask.copy())
    return layers


def _box(masks: Sequence[NDArray[np.bool_] | None]) -> tuple[slice, slice, slice]:
    """The smallest box around masks, with a margin of what contrast is measured against."""
    union = np.any(np.stack([m for m in masks if m is not None]), axis=0) if len(masks) > 1 else np.asarray(masks[0])
    found = []
    for axis in range(3):
        used = np.flatnonzero(union.any(axis=tuple(other for other in range(3) if other != axis)))
        found.append(slice(max(int(used[0]) - 3, 0), min(int(used[-1]) + 4, union.shape[axis])))
    return (found[0], found[1], found[2])


def _excess(
    anatomy: Anatomy, sound: Anatomy | None, box: tuple[slice, slice, slice], inside: NDArray[np.bool_]
) -> NDArray[np.float32]:  # fmt: skip
    from scipy import ndimage

    voxels = anatomy.body.volume.voxels[box]
    if sound is not None and sound.body.volume.voxels.shape == anatomy.body.volume.voxels.shape:
        return np.asarray(voxels - sound.body.volume.voxels[box], np.float32)
    shell = ndimage.binary_dilation(inside, iterations=_SHELL_VOXELS) & ~inside
    around = float(voxels[shell].mean()) if shell.any() else 0.0
    return np.asarray(voxels - np.float32(around), np.float32)
