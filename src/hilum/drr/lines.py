"""Tubes and lines laid along the patient's own airways, veins and gullet, with tips where they belong or do not."""

from __future__ import annotations

import numpy as np

from hilum.core.errors import InputError
from hilum.drr.field import Structures
from hilum.drr.geometry import Vector
from hilum.drr.objects import Thing, line, make
from hilum.drr.placing import to_mm
from hilum.drr.solids import curve

KINDS = (
    "endotracheal tube", "central venous catheter", "picc", "nasogastric tube", "chest tube", "pacemaker",
)  # fmt: skip


def _index(structures: Structures, ids: tuple[int, ...]) -> Vector:
    """Return the voxels (N, 3) of some ids, looked for within their boxes alone."""
    from scipy.ndimage import find_objects

    boxes = structures.keep(("boxes",), lambda: find_objects(structures.ids))
    found = [boxes[i - 1] for i in ids if i <= len(boxes) and boxes[i - 1] is not None]
    if not found:
        return np.zeros((0, 3))
    corner = [min(box[axis].start for box in found) for axis in range(3)]
    end = [max(box[axis].stop for box in found) for axis in range(3)]
    inner = tuple(slice(a, b) for a, b in zip(corner, end, strict=True))
    voxels = np.argwhere(np.isin(structures.ids[inner], ids)).astype(np.float64)
    return voxels + np.array(corner, np.float64)


def _points(structures: Structures, *names: str) -> Vector:
    """Return the voxels of structures as (N, 3) patient mm, head first."""

    def find() -> Vector:
        known = set(structures.names.values())
        missing = [name for name in names if not any(k.startswith(name) for k in known)]
        index = _index(structures, structures.wanted([n for n in names if n not in missing]))
        if missing or not len(index):
            raise InputError(f"the CT shows no {' or '.join(missing or names).replace('_', ' ')} to lay a line along")
        points = to_mm(structures.affine, index)
        return points[np.argsort(-points[:, 2], kind="stable")]

    found: Vector = structures.keep(("points", *names), find)
    return found


def centreline(points: Vector, *, step_mm: float = 5.0) -> Vector:
    """Return the middle of each 5 mm of height of a structure (N, 3), from head to feet."""
    level = np.floor((points[:, 2].max() - points[:, 2]) / step_mm).astype(int)
    count = np.bincount(level)
    middles = np.stack([np.bincount(level, points[:, axis]) / np.maximum(count, 1) for axis in range(3)], -1)
    kept: Vector = middles[count > 0]
    return kept


def carina(structures: Structures) -> Vector:
    """Return (3,) patient mm of the fork of the trachea: where its section, followed to the feet, first parts in two.

    Where the mask ends before it parts, its lowest middle stands for the fork.
    """
    from scipy import ndimage

    points = _points(structures, "trachea")
    for height in np.unique(points[:, 2])[::-1]:
        section = points[points[:, 2] == height]
        across = np.rint((section[:, :2] - section[:, :2].min(axis=0)) / 1.5).astype(int)
        picture = np.zeros(across.max(axis=0) + 1, bool)
        picture[tuple(across.T)] = True
        named, pieces = ndimage.label(ndimage.binary_closing(np.pad(picture, 2)))
        sizes = np.bincount(named.ravel())[1:]
        wide = np.ptp(section[:, 0]) > 2.2 * np.median([np.ptp(points[points[:, 2] == z][:, 0])
                                                        for z in np.unique(points[:, 2])[-20:]])  # fmt: skip
        if (pieces > 1 and sizes.min() > 8) or wide:
            fork: Vector = section.mean(axis=0)
            return fork
    lowest: Vector = centreline(points)[-1]
    return lowest


def _endotracheal(structures: Structures, above_carina_mm: float, fork: Vector) -> Vector:
    way = centreline(_points(structures, "trachea"))
    way = way[way[:, 2] > fork[2] + 2]
    top = (way[0] if len(way) else fork) + np.array([0.0, -12.0, 60.0])
    if above_carina_mm >= 0:
        height = fork[2] + above_carina_mm
        up = np.vstack([fork, way[::-1], top])  # the tip lies on the middle line, at its height to the micrometre
        tip = [np.array([np.interp(height, up[:, 2], up[:, 0]), np.interp(height, up[:, 2], up[:, 1]), height])]
        way = way[way[:, 2] > height + 2.0]
    else:  # too deep: into the right main bronchus, 25 degrees off the trachea, towards the patient's right
        tip = [fork, fork + above_carina_mm * np.array([np.sin(np.radians(25)), 0.0, np.cos(np.radians(25))])]
    return np.array([top, *way, *tip])


def _venous(structures: Structures, side: str, entry: tuple[float, float, float], spread: float) -> Vector:
    """A way through one brachiocephalic vein into the upper cava; `entry` is mirrored on the left."""
    cava = centreline(_points(structures, "superior_vena_cava"))
    vessel = _points(structures, f"brachiocephalic_vein_{side}")
    if side == "left":
        order = np.argsort(-vessel[:, 0])
        above = np.array([part.mean(axis=0) for part in np.array_split(vessel[order], 6)])
        start = above[0] + np.array(entry) * np.array([-1.0, 1.0, 1.0])
    else:
        vein = centreline(vessel)
        start = vein[0] + np.array(entry)
        # the vein's middle beside the cava's top says nothing of the way: keep what lies above it
        above = vein[vein[:, 2] > cava[0, 2] + 3]
    end = cava[-1] + np.array([0.0, 0.0, -60.0 * spread])
    if spread > 0:
        way = np.array([start, *above, *cava, end + np.array([-2.0, -4.0, 0.0])])
    else:
        middle = np.array([np.interp(end[2], cava[::-1, 2], cava[::-1, axis]) for axis in range(3)])
        way = np.array([start, *above, *cava[cava[:, 2] > end[2] + 2.0], middle])
    return way


def _tidy(points: Vector) -> Vector:
    """Leave out waypoints closer than 6 mm to the one before, so that the curve does not loop."""
    kept = [points[0]]
    for point in points[1:]:
        if np.linalg.norm(point - kept[-1]) >= 6.0:
            kept.append(point)
    if np.linalg.norm(points[-1] - kept[-1]) > 0.5:
        kept.append(points[-1])
    return np.array(kept)


def _gullet(structures: Structures, short_mm: float) -> Vector:
    way = centreline(_points(structures, "esophagus"), step_mm=12.0)
    top = way[0] + np.array([0.0, -8.0, 60.0])
    if short_mm > 0:  # it ends that far above the gullet's end
        way = way[way[:, 2] > way[-1, 2] + short_mm]
        return np.array([top, *way])
    stomach = _points(structures, "stomach")
    lowest = way[-1]
    inside = stomach[np.argmin(np.linalg.norm(stomach - (lowest + np.array([25.0, -10.0, -30.0])), axis=1))]
    end = stomach.mean(axis=0)
    return np.array([top, *way, inside, end])


def _level(points: Vector, height_mm: float, reach_mm: float) -> Vector:
    """Return the points within a reach of a height, at least the nearest: slices may be thick, lobes apart."""
    away = np.abs(points[:, 2] - height_mm)
    return points[away < max(reach_mm, float(away.min()) + 1e-6)]


def _chest_tube(structures: Structures, side: str) -> Vector:
    lung = _points(structures, f"lung_upper_lobe_{side}", f"lung_lower_lobe_{side}")
    outward = -1.0 if side == "right" else 1.0
    low, high = lung[:, 2].min(), lung[:, 2].max()
    level = _level(lung, low + 0.35 * (high - low), 4.0)
    edge = level[np.argmax(outward * level[:, 0])]
    upper = _level(lung, low + 0.7 * (high - low), 4.0)
    wall = upper[np.argmax(outward * upper[:, 0])] - np.array([outward * 8.0, 0.0, 0.0])
    apex = _level(lung, high - 25.0, 3.0).mean(axis=0)
    skin = edge + np.array([outward * 60.0, -10.0, -35.0])
    return np.array([skin, edge + np.array([outward * 5.0, 0.0, -5.0]), wall, apex])


def _pacemaker(structures: Structures, rng: np.random.Generator) -> tuple[Thing, ...]:
    way = _venous(structures, "left", (-35.0, -15.0, 5.0), 0.0)
    heart = _points(structures, "heart")
    low, high = heart.min(axis=0), heart.max(axis=0)
    apex = heart[np.argmin(np.linalg.norm(heart - (low + (high - low) * np.array([0.75, 0.25, 0.15])), axis=1))]
    atrium = heart[np.argmin(np.linalg.norm(heart - (low + (high - low) * np.array([0.1, 0.45, 0.6])), axis=1))]
    can_at = way[0] + np.array([45.0, -35.0, -35.0])
    flat = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    can = make("pacemaker can", rng).moved(rotation=flat, shift_mm=tuple(can_at))
    middle = (atrium + apex) / 2 + np.array([-15.0, 5.0, 0.0])
    leads = []
    for tip in ((middle, apex), (atrium + np.array([-4.0, 4.0, -6.0]), atrium)):
        points = _tidy(np.array([can_at + np.array([0.0, 0.0, 22.0]), *way, *tip]))
        leads.append(line("pacemaker lead", curve(points, step_mm=1.5)))
    return (can, *leads)


def course(
    kind: str, structures: Structures, rng: np.random.Generator, *, tip_mm: float | None = None, side: str = "",
    fork_mm: Vector | None = None,
) -> Vector:  # fmt: skip
    """Return the way of one tube or line as points (N, 3) in patient mm about 1.5 mm apart, its tip last.

    Args:
        kind: one of `KINDS` but the pacemaker.
        structures: of the CT, with TotalSegmentator's names.
        rng: which side, how deep, where they are not given.
        tip_mm: for an endotracheal tube, how far its tip lies above the carina (50 +- 20 if None; below 0 it lies in
            the right main bronchus); for a central line or PICC, how far below the end of the upper cava; for a
            nasogastric tube, how far above the end of the gullet (0 if None: in the stomach).
        side: 'right' or 'left' of a central line, PICC or chest tube; '' takes the usual one, or draws it.
        fork_mm: (3,) the carina; None finds it.

    Raises:
        InputError: for an unknown kind, or where the CT lacks the structure the line runs along.
    """
    if kind == "endotracheal tube":
        depth = float(np.clip(rng.normal(50, 20), 15, 90)) if tip_mm is None else tip_mm
        points = _endotracheal(structures, depth, carina(structures) if fork_mm is None else fork_mm)
    elif kind in ("central venous catheter", "picc"):
        spread = float(rng.uniform(-0.3, 0.2)) if tip_mm is None else tip_mm / 60.0
        central = kind == "central venous catheter"
        entry = (-5.0, -10.0, 70.0) if central else (-130.0, 10.0, 10.0)
        points = _venous(structures, side or ("right" if central else "left"), entry, spread)
    elif kind == "nasogastric tube":
        points = _gullet(structures, tip_mm or 0.0)
    elif kind == "chest tube":
        points = _chest_tube(structures, side or ("right" if rng.random() < 0.5 else "left"))
    else:
        raise InputError(f"no device is named '{kind}'; there are: {', '.join(KINDS)}")
    return curve(_tidy(points), step_mm=1.5)


def lay(
    kind: str, structures: Structures, rng: np.random.Generator, *, tip_mm: float | None = None
) -> tuple[Thing, ...]:
    """Return a device laid through a patient: one tube or line, or a pacemaker with its leads.

    Args:
        kind: one of `KINDS`.
        structures: of the CT, with TotalSegmentator's names.
        rng: which side, how deep.
        tip_mm: as in `course`.

    Raises:
        InputError: for an unknown kind, or where the CT lacks the structure the line runs along.
    """
    if kind == "pacemaker":
        return _pacemaker(structures, rng)
    return (line(kind, course(kind, structures, rng, tip_mm=tip_mm)),)
