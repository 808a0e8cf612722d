"""A film of a made chest: solids along parallel beams, exposed to grey values, with the masks of what was drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.drr.attenuation import attenuation
from hilum.phantom.anatomy import SIDES, Chest, bones, torso, vessels
from hilum.phantom.chords import Depths, Floats, Grid, covered
from hilum.phantom.signs import Sign, enlarged, filled, outline_mask, retracted

FIELD_MM = 400.0
"""Side of the square film in mm."""
_LEAST_MM: Mapping[str, float] = {"pleural effusion": 6.0, "consolidation": 8.0, "infiltration": 6.0}
_SOFT, _LUNG, _BONE = (float(v) for v in attenuation(np.array([40.0, -850.0, 900.0], dtype=np.float32)))


@dataclass(frozen=True)
class Pose:
    """How a film was taken.

    Args:
        right, down: shift of the chest over the film, share of its side.
        scale: magnification.
        turn_deg: of the patient in the plane of the film.
        mirror: everything of the patient on the other side (situs inversus), so that the film is its mirror image.
        dark, contrast: exposure; 0 and 1 are usual.
        noise: standard deviation of the grey values.
    """

    right: float = 0.0
    down: float = 0.0
    scale: float = 1.0
    turn_deg: float = 0.0
    mirror: bool = False
    dark: float = 0.0
    contrast: float = 1.0
    noise: float = 0.012


@dataclass(frozen=True, eq=False)
class Film:
    """One film with its truth.

    Args:
        pixels: float32 (S, S) in [0, 1], dense is bright.
        masks: of each finding that is present, bool (S, S): where its solids project.
        signs: what was drawn.
        chest: the anatomy behind it.
        pose: as taken.
        lungs, heart: bool (S, S), their whole outlines.
    """

    pixels: Floats
    masks: Mapping[str, NDArray[np.bool_]]
    signs: tuple[Sign, ...]
    chest: Chest
    pose: Pose
    lungs: NDArray[np.bool_]
    heart: NDArray[np.bool_]


def grid(size: int, pose: Pose) -> Grid:
    """Return x and z in the patient's millimetres at every pixel centre of a film with `size` rows."""
    line = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    across, down = np.meshgrid(line - np.float32(pose.right), line - np.float32(pose.down))
    turn, factor = np.deg2rad(pose.turn_deg), np.float32(FIELD_MM / pose.scale)
    x = (across * np.cos(turn) + down * np.sin(turn)) * factor
    z = (down * np.cos(turn) - across * np.sin(turn)) * factor
    return Grid((-x if pose.mirror else x).astype(np.float32), z.astype(np.float32))


def render(chest: Chest, signs: tuple[Sign, ...] = (), *, pose: Pose = Pose(), size: int = 128, seed: int = 0) -> Film:
    """Project a chest with findings to a film.

    Args:
        chest: anatomy; a 'cardiomegaly' among the signs sets its cardiothoracic ratio.
        signs: findings; at most one of each concept.
        pose: how it is taken.
        size: rows and columns.
        seed: of texture and noise.

    Raises:
        InputError: if the size is below 16.
    """
    if size < 16:
        raise InputError(f"a made film needs 16 rows or more, got {size}")
    for sign in signs:
        chest = enlarged(chest, sign.severity) if sign.concept == "cardiomegaly" else chest
    frame = grid(size, pose)
    heart, middle = chest.heart.depths(frame), chest.middle().depths(frame)
    path = _SOFT * torso(chest, frame) + (_BONE - _SOFT) * bones(chest, frame)
    masks: dict[str, NDArray[np.bool_]] = {}
    lungs = np.zeros((size, size), dtype=np.bool_)
    aerated = np.zeros_like(path)
    for side in SIDES:
        own = [sign for sign in signs if sign.side == side]
        lift = sum(sign.lift for sign in own)
        cut = [heart, middle, chest.dome(side, lift).depths(frame)]
        taken, opened, free = lung_paths(chest, side, own, frame, cut, masks)
        lungs |= opened > 0
        lung = opened - free - taken
        aerated += lung
        dense = _LUNG / (1.0 - max((sign.collapse for sign in own), default=0.0)) ** 2  # its mass is kept
        path -= _SOFT * free + (_SOFT - dense) * lung
    path += 0.9 * _SOFT * vessels(chest, frame, np.maximum(aerated, 0.0))
    if any(sign.concept == "cardiomegaly" for sign in signs):
        masks["cardiomegaly"] = heart.length > 0
    pixels = _expose(np.maximum(path, 0.0), aerated, pose, seed)
    return Film(pixels, masks, signs, chest, pose, lungs, heart.length > 0)


def lung_paths(
    chest: Chest, side: int, signs: list[Sign], frame: Grid, cut: list[Depths], masks: dict[str, NDArray[np.bool_]]
) -> tuple[Floats, Floats, Floats]:
    """Paths in mm of one lung: taken by findings, open in all, and free air of a pneumothorax; adds their masks."""
    outline = chest.lung(side)
    lung = outline.depths(frame)
    opened = lung.length - covered(lung, cut)
    taken, free, kept = np.zeros_like(opened), np.zeros_like(opened), lung
    for sign in signs:
        if sign.concept == "pneumothorax":
            kept = retracted(sign, frame, lung, outline)
            free = opened - (kept.length - covered(kept, cut))
            masks[sign.concept] = (opened > 1.0) & (kept.length <= 0)
        else:
            part = filled(sign, frame, lung, cut, outline)
            masks[sign.concept] = outline_mask(part, _LEAST_MM.get(sign.concept, 1.5))
            taken = np.maximum(taken, part)
    taken = np.minimum(taken, opened - free)
    return taken, opened, free


def _expose(path: Floats, aerated: Floats, pose: Pose, seed: int) -> Floats:
    """Grey values of optical paths: texture of lung, blur of the detector, a window, noise."""
    rng = generator(seed, "exposure")
    grain = gaussian_filter(rng.standard_normal(path.shape).astype(np.float32), 1.2)
    path = path + 0.04 * grain / max(float(grain.std()), 1e-6) * np.clip(aerated / 100.0, 0.0, 1.0)
    path = gaussian_filter(path, 0.45)
    low, wide = 0.55 + pose.dark, 4.6 / pose.contrast
    shown = np.clip((path - low) / wide, 0.0, None)
    shown = shown / (1.0 + shown**4) ** 0.25  # film's shoulder
    noisy = shown + pose.noise * rng.standard_normal(path.shape)
    return np.asarray(np.clip(noisy, 0.0, 1.0), dtype=np.float32)
