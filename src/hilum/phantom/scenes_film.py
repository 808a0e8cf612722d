"""Two films of one scene, frontal and left lateral, from the same solids, with the masks of its facts on each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.drr.attenuation import attenuation
from hilum.phantom.anatomy import SIDES, bones, torso
from hilum.phantom.chords import Depths, Floats, Grid, Solid, below, covered, shared
from hilum.phantom.scenes_chest import Scene

SceneView = Literal["PA", "LL"]
ORIENTATION: Mapping[SceneView, tuple[str, str]] = {"PA": ("L", "F"), "LL": ("P", "F")}
FIELD_MM = 360.0
"""Width of a film in mm; its height is about ten ninths of it."""
_SOFT, _LUNG, _BONE = (float(v) for v in attenuation(np.array([40.0, -850.0, 900.0], dtype=np.float32)))
_WINDOW: Mapping[SceneView, tuple[float, float]] = {"PA": (0.6, 3.5), "LL": (2.0, 5.2)}
_FULL = {"lung nodule": 2.0, "consolidation": 0.9}  # a nodule holds lime
_CLUTTER = 0.018
_LEAST_MM = 5.0
Masks = dict[str, NDArray[np.bool_]]


@dataclass(frozen=True)
class Taken:
    """How one film was taken: what differs between two studies of a patient besides disease.

    Args:
        right, down: shift in mm.
        scale: magnification.
        turn_deg: in the plane of the film.
        dark, contrast: exposure; 0 and 1 are usual.
        noise: standard deviation of the grey values.
    """

    right: float = 0.0
    down: float = 0.0
    scale: float = 1.0
    turn_deg: float = 0.0
    dark: float = 0.0
    contrast: float = 1.0
    noise: float = 0.012


def draw_taken(seed: int, *names: str) -> Taken:
    """Draw how a film is taken: shift of up to 2.5 pixels of a 64-pixel film, 3 % scale, tilt, exposure, noise."""
    rng = generator(seed, "taken", *names)
    shift = 2.5 * FIELD_MM / 64
    return Taken(
        right=float(rng.uniform(-shift, shift)), down=float(rng.uniform(-shift, shift)),
        scale=float(rng.normal(1.0, 0.03)), turn_deg=float(rng.normal(0, 1.2)), dark=float(rng.normal(0, 0.12)),
        contrast=float(rng.normal(1.0, 0.06)), noise=float(rng.uniform(0.008, 0.018)),
    )  # fmt: skip


def shape_of(size: int) -> tuple[int, int]:
    """Return rows and columns of a film for a size: its columns are the size, its rows ten ninths, a multiple of 4.

    Raises:
        InputError: if the size is below 32, where the facts cannot be seen.
    """
    if size < 32:
        raise InputError(f"a scene needs films of 32 columns or more, got {size}")
    return 4 * round(size * 10 / 36), size


def frame(size: int, taken: Taken) -> Grid:
    """Return patient's millimetres at every pixel: across the film (x, or y of a lateral) and z."""
    rows, columns = shape_of(size)
    step = FIELD_MM / columns
    across, down = np.meshgrid(
        (np.arange(columns, dtype=np.float32) + 0.5 - columns / 2) * np.float32(step),
        (np.arange(rows, dtype=np.float32) + 0.5 - rows / 2) * np.float32(step),
    )
    across, down = across - np.float32(taken.right), down - np.float32(taken.down)
    turn = np.deg2rad(taken.turn_deg)
    x = (across * np.cos(turn) + down * np.sin(turn)) / taken.scale
    z = (down * np.cos(turn) - across * np.sin(turn)) / taken.scale
    return Grid(x.astype(np.float32), z.astype(np.float32))


def film(scene: Scene, view: SceneView, taken: Taken, *, size: int, seed: int) -> tuple[Floats, Masks]:
    """Project a scene.

    Args:
        scene: solids.
        view: 'PA' from the back, or 'LL', patient's front on image left.
        taken: how.
        size: columns of the film, see `shape_of`.
        seed: of texture and noise.

    Returns:
        Pixels float32 (H, W) in [0, 1], dense is bright; and where each fact's solids project, bool (H, W) by concept.
    """
    lateral = view == "LL"
    grid = frame(size, taken)
    if lateral:
        grid = Grid(-grid.x, grid.z)  # the front, +y, on image left
    depths: Callable[[Solid], Depths] = lambda solid: solid.sideways(grid) if lateral else solid.depths(grid)  # noqa: E731
    heart = depths(scene.chest.heart)
    solid = [heart, depths(scene.chest.middle())]
    path = _SOFT * (_trunk(scene, grid) if lateral else torso(scene.chest, grid))
    path += (_BONE - _SOFT) * (_spine(scene, grid) if lateral else 0.5 * bones(scene.chest, grid))
    masks: Masks = {}
    aerated = np.zeros_like(path)
    for side in SIDES:
        lung, gone = _lung(scene, side, grid, depths, solid, masks)
        air = _SOFT - _LUNG / (1.0 - scene.collapse.get(side, 0.0)) ** 2  # the mass of a fallen lung is kept
        path -= air * lung + _SOFT * gone
        aerated += lung
    path += _tubes(scene, grid, aerated, lateral)
    if scene.facts[0].grade:
        masks[scene.facts[0].concept] = heart.length > 0
    if scene.tip is not None:
        masks["endotracheal tube"] = _intubate(path, grid, scene.tip, lateral)
    return _exposed(np.maximum(path, 0.0), aerated, taken, view, seed), masks


def _lung(
    scene: Scene, side: int, grid: Grid, depths: Callable[[Solid], Depths], solid: Sequence[Depths], masks: Masks
) -> tuple[Floats, Floats]:
    """Path in mm of aerated lung and of free air on one side; adds the masks of what is there."""
    outline, cut = depths(scene.lung(side)), [*solid, depths(scene.dome(side))]
    opened = outline.length - covered(outline, cut)
    kept, free = outline, np.zeros_like(opened)
    if side in scene.collapse:
        kept = shared(outline, depths(_fallen(scene.lung(side), side, scene.collapse[side])))
        free = opened - (kept.length - covered(kept, cut))
        masks["pneumothorax"] = free >= 2 * _LEAST_MM
    taken = np.zeros_like(opened)
    for concept, solids in scene.lesions.items():
        if scene.fact(concept).side == side:
            filled = covered(outline, [*cut, *(depths(part) for part in solids)]) - covered(outline, cut)
            masks[concept] = filled >= _LEAST_MM
            taken = np.maximum(taken, _FULL[concept] * filled)
    if side in scene.levels:
        fluid = covered(outline, [*cut, below(grid, outline, scene.levels[side])]) - covered(outline, cut)
        masks["pleural effusion"] = fluid >= _LEAST_MM
        taken = np.maximum(taken, 0.98 * fluid)
    taken = np.minimum(taken, 2.0 * (opened - free))
    return opened - free - taken, free


def _fallen(lung: Solid, side: int, share: float) -> Solid:
    """The lung that a pneumothorax leaves: drawn back towards its hilum from apex and side wall."""
    keep, (x, y, z), (a, b, c) = 1.0 - share, lung.center, lung.axes
    root = x - side * a
    center = (root + (x - root) * keep, y, z + (1 - keep) * 0.55 * c)
    return Solid(center, (a * keep, b, c * (0.45 + 0.55 * keep)), 0.0, lung.power)


def _trunk(scene: Scene, grid: Grid) -> Floats:
    """Soft tissue of the body from the side, without its lungs."""
    chest = scene.chest
    drop = np.maximum(-118.0 - grid.z, 0.0) / 74.0
    half = chest.depth * np.sqrt(np.maximum(1.0 - 0.8 * drop**2, 0.05))
    body = 2.0 * (chest.width + 30.0) * np.sqrt(np.maximum(1.0 - (grid.x / half) ** 2, 0.0)) * np.exp(-0.5 * drop)
    neck = Solid((0.0, -10.0, -200.0), (54.0, 58.0, 110.0), 0.0, 2.0).sideways(grid).length
    return np.asarray(np.maximum(body, neck), dtype=np.float32)


def _spine(scene: Scene, grid: Grid) -> Floats:
    """Bone from the side: vertebrae with their discs, breastbone, and ribs as faint slanting bands."""
    chest, step = scene.chest, scene.chest.rib_step
    column = Solid((0.0, -78.0, 0.0), (17.0, 17.0, 600.0)).sideways(grid).length
    disc = np.abs((grid.z + 400.0) % step - step / 2) < 3.0
    front = Solid((0.0, 0.86 * chest.depth, -20.0), (20.0, 6.0, 95.0)).sideways(grid).length
    band = np.maximum(np.cos(2 * np.pi * (grid.z + 0.55 * grid.x) / step), 0.0) ** 4
    within = np.maximum(1.0 - (grid.x / chest.depth) ** 2, 0.0) * (grid.z < chest.dome_left + 60.0)
    found = 0.9 * np.where(disc, 0.4 * column, column) + 0.4 * front + 7.0 * band * np.sqrt(within)
    return np.asarray(found * np.float32(chest.bone), dtype=np.float32)


def _capsules(grid: Grid, ends: NDArray[np.float32], radii: NDArray[np.float32]) -> Floats:
    """Path in mm through capsules seen along the beam: `ends` (T, 2, 2) in the plane of the film, `radii` (T,)."""
    start, way = ends[:, 0], ends[:, 1] - ends[:, 0]
    x, z = grid.x[None] - start[:, 0, None, None], grid.z[None] - start[:, 1, None, None]
    dx, dz = way[:, 0, None, None], way[:, 1, None, None]
    along = np.clip((x * dx + z * dz) / np.maximum(dx * dx + dz * dz, 1e-3), 0.0, 1.0)
    far2 = (x - along * dx) ** 2 + (z - along * dz) ** 2
    return np.asarray(2.0 * np.sqrt(np.maximum(radii[:, None, None] ** 2 - far2, 0.0)).sum(0), dtype=np.float32)


def _tubes(scene: Scene, grid: Grid, aerated: Floats, lateral: bool) -> Floats:
    """Optical path of vessels, where there is lung around them, less that of the windpipe's air."""
    plane = [1, 2] if lateral else [0, 2]
    vessels = _capsules(grid, scene.tubes[:, :, plane], scene.radii) * np.clip(aerated / 60.0, 0.0, 1.0)
    top, fork = (0.0, -12.0, -230.0), (0.0, -18.0, scene.carina)
    ways = [(top, fork), *((fork, (34.0 * side, -20.0, scene.carina + 30.0)) for side in SIDES)]
    ends = np.array(ways, dtype=np.float32)[:, :, plane]
    air = _capsules(grid, ends, np.array([9.0, 6.5, 6.5], dtype=np.float32))
    return np.asarray(_SOFT * (0.8 * np.float32(scene.chest.vessels) * vessels - 0.9 * air), dtype=np.float32)


def _intubate(path: Floats, grid: Grid, tip: float, lateral: bool) -> NDArray[np.bool_]:
    """Add the optical path of a tube that ends at a height; return where it is."""
    x = -15.0 if lateral else 0.0
    ends = np.array([[[x, -230.0], [x, tip - 4.5]]], dtype=np.float32)
    tube = _capsules(grid, ends, np.array([4.5], dtype=np.float32))
    path += 2.0 * (_BONE + _SOFT) * tube
    return np.asarray(tube > 1.0, dtype=np.bool_)


def _exposed(path: Floats, aerated: Floats, taken: Taken, view: SceneView, seed: int) -> Floats:
    """Grey values of optical paths: texture of lung, uneven soft tissue, blur, film's shoulder, noise."""
    rng = generator(seed, "exposed", view)
    grain, clutter = rng.standard_normal((2, *path.shape), dtype=np.float32)
    path = path + 0.03 * gaussian_filter(grain, 1.0) / 0.28 * np.clip(aerated / 100.0, 0.0, 1.0)
    path = gaussian_filter(path, 0.45 * path.shape[1] / 64)
    low, wide = _WINDOW[view]
    shown = np.maximum((path - low - taken.dark) / (wide / taken.contrast), 0.0)
    shown = shown / (1.0 + shown**4) ** 0.25
    wave = 3.0 * path.shape[1] / 64
    shown += _CLUTTER * 2 * np.sqrt(np.pi) * wave * gaussian_filter(clutter, wave)
    shown += taken.noise * rng.standard_normal(path.shape, dtype=np.float32)
    return np.asarray(np.clip(shown, 0.0, 1.0), dtype=np.float32)
