"""Findings put into a CT in Hounsfield units: the body changed, the mask of what changed, and how much it is.

Each follows one model of severity: blobs (nodule, ground glass, consolidation, bulla) with a soft edge of one voxel,
fluid below a level with a meniscus, and a lung that came off the chest wall. Nothing here knows a projector.
Grids are a `Body`'s: x left, y posterior, z head. Lengths in mm, volumes in ml.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.drr.attenuation import AIR_HU
from hilum.phantom.warp import Body

Side = Literal["right", "left"]
Bools = NDArray[np.bool_]
FLUID_HU = 12.0
_BUMPS = 5


@dataclass(frozen=True, eq=False)
class Lesion:
    """A body with one finding more.

    Args:
        body: with the finding.
        mask: bool (X, Y, Z), the voxels of it.
    """

    body: Body
    mask: Bools

    @property
    def volume_ml(self) -> float:
        """How large the mask is."""
        return float(self.mask.sum()) * self.body.spacing_mm**3 / 1000.0


def lung(body: Body, side: Side) -> Bools:
    """Return bool (X, Y, Z): the lobes of one lung."""
    found: Bools = body.structures.keep(("lung", side), lambda: body.mask(*_lobes(body, side)))
    return found


def depth_mm(body: Body, side: Side) -> NDArray[np.float32]:
    """Return float32 (X, Y, Z): how far inside a lung each of its voxels lies, 0 outside; kept once made."""
    found: NDArray[np.float32] = body.structures.keep(("depth", side), lambda: _depth(body, side))
    return found


def blob(
    body: Body, centre: tuple[int, int, int], *, diameter_mm: float, hu: float, within: Bools, seed: int = 0,
    ripple: float = 0.0, veil: bool = False,
) -> Lesion:  # fmt: skip
    """Replace the tissue of a rippled ball by another: nodule, ground glass, consolidation or bulla.

    Args:
        body: to change.
        centre: voxel index.
        diameter_mm: of the ball before it is rippled.
        hu: of the new tissue.
        within: bool (X, Y, Z), outside which nothing changes: a lung, or a lobe for what stops at fissures.
        seed: of the ripple.
        ripple: how uneven the surface is, share of the radius.
        veil: raise what is less dense and leave vessels and walls as they are, as ground glass does.

    Raises:
        InputError: if nothing of it lies within.
    """
    box, weight = rippled(
        centre, within.shape, body.spacing_mm, diameter_mm=diameter_mm, ripple=ripple, rng=generator(seed, "ripple")
    )
    weight = weight * within[box]
    mask = np.zeros(within.shape, np.bool_)
    mask[box] = weight >= 0.5
    if not mask.any():
        raise InputError(f"the lesion at voxel {centre} lies outside the tissue it belongs in: choose another centre")
    voxels = body.volume.voxels.copy()
    change = hu - voxels[box]
    voxels[box] += (weight * (np.maximum(change, 0.0) if veil else change)).astype(np.float32)
    return Lesion(body.with_hu(voxels), mask)


def rippled(
    centre: tuple[int, ...], shape: tuple[int, ...], step_mm: float, *, diameter_mm: float, ripple: float,
    rng: np.random.Generator,
) -> tuple[tuple[slice, ...], NDArray[np.float64]]:  # fmt: skip
    """Return the box of a ball with an uneven surface and, over it, the share of each voxel that the ball fills.

    Args:
        centre: voxel index.
        shape: of the grid.
        step_mm: of the grid.
        diameter_mm: of the ball before it is rippled.
        ripple: how uneven the surface is, share of the radius.
        rng: of the ripple.
    """
    radius = diameter_mm / 2
    reach = int(np.ceil(radius * (1 + 2 * ripple) / step_mm)) + 1
    box = tuple(slice(max(c - reach, 0), c + reach + 1) for c in centre)
    axes = [np.arange(part.start, min(part.stop, size)) - c for part, size, c in zip(box, shape, centre, strict=True)]
    away = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1) * step_mm
    far = np.linalg.norm(away, axis=-1)
    ways = rng.normal(size=(_BUMPS, 3))
    ways /= np.linalg.norm(ways, axis=1)[:, None]
    uneven = ((away / np.maximum(far, 1e-6)[..., None]) @ ways.T * 3.0 + rng.uniform(0, 6.28, _BUMPS)).astype(
        np.float64
    )
    edge = radius * (1.0 + ripple * np.sin(uneven).mean(axis=-1) * 2.0)
    return box, np.clip((edge - far) / step_mm + 0.5, 0.0, 1.0)


def effusion(body: Body, side: Side, *, volume_ml: float, rise_mm: float = 35.0) -> Lesion:
    """Fill one side of the chest with fluid from below, as it stands in an upright patient.

    Args:
        body: to change.
        side: of the patient.
        volume_ml: of fluid; the level is solved for it.
        rise_mm: how far the meniscus climbs along the wall.
    """
    inside, depth = lung(body, side), depth_mm(body, side)
    height = np.arange(inside.shape[2]) * body.spacing_mm
    wanted = round(volume_ml * 1000.0 / body.spacing_mm**3)
    if not 0 < wanted < inside.sum():
        raise InputError(f"{volume_ml:g} ml of fluid do not fit into the {side} lung")
    mask = lowest(height - climbed(depth, rise_mm), inside, wanted)
    voxels = body.volume.voxels.copy()
    voxels[mask] = FLUID_HU
    return Lesion(body.with_hu(voxels), mask)


def climbed(depth: NDArray[np.float32], rise_mm: float) -> NDArray[np.float32]:
    """Return how far a meniscus climbs at each depth (mm) below the pleura: all of the rise at the wall."""
    return np.asarray(rise_mm * np.exp(-depth / 8.0), np.float32)


def lowest(level: NDArray[Any], room: Bools, wanted: int, *, exact: bool = False) -> Bools:
    """Return bool: the `wanted` voxels of a room with the lowest level.

    Args:
        level: of each voxel.
        room: bool, the voxels to choose from.
        wanted: how many; none or more than there are gives none.
        exact: of those level with the last, only as many as are wanted, first in the array first; else all of them.
    """
    mask = np.zeros(room.shape, np.bool_)
    values = level[room]
    if 0 < wanted <= values.size:
        last = np.partition(values, wanted - 1)[wanted - 1]
        chosen = values <= last
        if exact:
            level_with = np.flatnonzero(values == last)
            chosen[level_with[len(level_with) - (int(chosen.sum()) - wanted) :]] = False
        mask[room] = chosen
    return mask


def pneumothorax(body: Body, side: Side, *, rim_mm: float, low_share: float = 0.6, even: bool = False) -> Lesion:
    """Retract the surface of a lung from its apex; the gap is air, and the lung keeps its mass in less room.

    Args:
        body: to change.
        side: of the patient.
        rim_mm: width of the gap at the apex.
        low_share: share of the lung's voxels that lie below the gap.
        even: the same width all along, and the lung as dense as before; else it narrows downwards.

    Raises:
        InputError: if the rim is not above 0 mm, or the share is not in [0, 1).
    """
    if rim_mm <= 0 or not 0 <= low_share < 1:
        raise InputError(
            f"a pneumothorax needs a rim above 0 mm and a share in [0, 1), got {rim_mm:g} and {low_share:g}"
        )
    inside, depth = lung(body, side), depth_mm(body, side)
    heights = np.nonzero(inside)[2]
    low, top = np.quantile(heights, low_share), heights.max()
    fall = np.clip((np.arange(inside.shape[2]) - low) / max(float(top - low), 1.0), 0.0, 1.0)
    width = rim_mm * ((fall > 0) if even else np.sqrt(fall))
    mask = inside & (depth <= width)
    rest = inside & ~mask
    voxels = body.volume.voxels.copy()
    if not even:
        denser = float((voxels[inside] - AIR_HU).sum() / max((voxels[rest] - AIR_HU).sum(), 1.0))
        voxels[rest] = (voxels[rest] - AIR_HU) * np.float32(denser) + AIR_HU
    voxels[mask] = AIR_HU
    return Lesion(body.with_hu(voxels), mask)


def _lobes(body: Body, side: Side) -> tuple[str, ...]:
    return tuple(n for n in body.structures.names.values() if n.startswith("lung") and n.endswith(side))


def _depth(body: Body, side: Side) -> NDArray[np.float32]:
    from scipy.ndimage import distance_transform_edt

    inside = lung(body, side)
    places = np.argwhere(inside)
    box = tuple(slice(max(a - 1, 0), b + 2) for a, b in zip(places.min(axis=0), places.max(axis=0), strict=True))
    found = np.zeros(inside.shape, np.float32)
    found[box] = distance_transform_edt(inside[box]) * body.spacing_mm
    return found
