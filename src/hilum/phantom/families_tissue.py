"""What a warped body is made of: bones, cartilages, gas in its bowel, breasts.

Drawn for a person and written into a copy of the CT before it is warped, so that voxels and masks move together.
Volumes in ml, patient axes (LPS).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.drr.attenuation import AIR_HU
from hilum.phantom.families_base import BONES, named
from hilum.phantom.patient import Person
from hilum.phantom.warp import Body

Floats = NDArray[np.float64]
_GAS_HU, _FILLED_HU, _MARROW_HU, _SOFT_CARTILAGE_HU = -250.0, 35.0, 60.0, 130.0
_BUBBLE_ML, _KEPT = (5.0, 110.0), 0.5
_EDGE_MM = 3.0
_FAT_HU, _GLAND_HU, _SKIN_HU = -95.0, 15.0, -300.0


@dataclass(frozen=True)
class Breasts:
    """Two of one size.

    Args:
        right, left: x and z of their middles on the chest in mm.
        radius_mm: of the base.
        ahead_mm: how far they stand out.
        gland: [0, 1] share of the middle that is gland instead of fat.
    """

    right: tuple[float, float]
    left: tuple[float, float]
    radius_mm: float
    ahead_mm: float
    gland: float

    def depth_mm(self, x: Floats, z: Floats) -> Floats:
        """Return how far they stand out (X, Z) at places x (X,), z (Z,): slowly from above, with a fold below."""
        found = np.zeros((len(x), len(z)))
        for middle_x, middle_z in (self.right, self.left):
            across, high = (x[:, None] - middle_x) / self.radius_mm, (z[None] - middle_z) / self.radius_mm
            down = np.where(high > 0, high / 1.7, high / 0.85)
            found = np.maximum(found, self.ahead_mm * np.maximum(1.0 - across**2 - down**2, 0.0) ** 0.75)
        return found


def draw_breasts(
    person: Person, at: tuple[tuple[float, float], tuple[float, float]], rng: np.random.Generator
) -> Breasts:
    """Draw a woman's breasts.

    Args:
        person: heavier women have larger ones, older ones hold less gland.
        at: x and z of the right and the left one on the chest in mm.
        rng: of every draw.
    """
    large = 1.0 + 0.04 * float(np.clip(person.bmi - 24.0, -5.0, 12.0))
    radius, ahead = float(rng.uniform(52.0, 66.0)) * large**0.5, float(rng.uniform(14.0, 46.0)) * large
    low = float(rng.normal(-8.0, 10.0)) - 0.25 * max(person.age_years - 40.0, 0.0)
    (right_x, right_z), (left_x, left_z) = at
    gland = float(np.clip(rng.normal(0.6 - 0.006 * (person.age_years - 40.0), 0.2), 0.0, 1.0))
    return Breasts((right_x, right_z + low), (left_x, left_z + low + float(rng.normal(0.0, 4.0))), radius, ahead, gland)


def with_breasts(body: Body, breasts: Breasts, *, supine: bool = False) -> Body:
    """Return the body with breasts on its skin, fat around a core of gland; supine they lie flatter."""
    affine, step = body.volume.affine, body.spacing_mm
    x, z = (np.arange(body.volume.voxels.shape[a]) * step + affine[a, 3] for a in (0, 2))
    depth = breasts.depth_mm(x, z) * (0.6 if supine else 1.0) / step
    box = np.argwhere(depth > 0.2)
    if not len(box):
        return body
    part = tuple(slice(int(a), int(b) + 1) for a, b in zip(box.min(axis=0), box.max(axis=0), strict=True))
    voxels, deep = body.volume.voxels.copy(), depth[part]
    values = voxels[part[0], :, part[1]]
    skin = (values > _SKIN_HU).argmax(axis=1).astype(float)
    level = np.arange(values.shape[1])[None, :, None]
    inside = skin[:, None] - level  # voxels before the skin
    share = np.clip(deep[:, None] - inside + 0.5, 0.0, 1.0) * (level <= skin[:, None] + 1) * (skin[:, None] > 0)
    core = np.clip(1.0 - np.abs(inside / np.maximum(deep[:, None], 1.0) - 0.45) * 2.4, 0.0, 1.0)
    core = core * (deep / max(float(deep.max()), 1.0))[:, None]
    hu = _FAT_HU + breasts.gland * core * (_GLAND_HU - _FAT_HU)
    values += np.where(values < hu, share * (hu - values), 0.0).astype(np.float32)
    return body.with_hu(voxels)


def tissue(body: Body, person: Person, rng: np.random.Generator, *, supine: bool = False) -> Body:
    """Return the body with a person's bones, cartilages and gas.

    Args:
        body: made ready (`families_base.base_of`).
        person: the old have thin bones and calcified cartilages.
        rng: of every draw.
        supine: gas of the stomach lies in front instead of under the dome.
    """
    voxels = body.volume.voxels.copy()
    old = person.age_years - 50.0
    dense = float(np.clip(rng.normal(1.08 - 0.005 * old, 0.08), 0.7, 1.3))
    chalky = float(np.clip(rng.normal(0.35 + 0.012 * old, 0.3), 0.0, 1.3))
    bone = body.structures.keep("bone", lambda: np.flatnonzero(named(body, *BONES) & (voxels > _MARROW_HU)))
    flat = voxels.reshape(-1)
    flat[bone] = _MARROW_HU + (flat[bone] - _MARROW_HU) * np.float32(dense)
    gristle = body.structures.keep("gristle", lambda: np.flatnonzero(named(body, "costal_cartilages") & (voxels > 130)))
    flat[gristle] = _SOFT_CARTILAGE_HU + (flat[gristle] - _SOFT_CARTILAGE_HU) * np.float32(chalky)
    _bowel(body, voxels, rng)
    _bubble(body, voxels, rng, supine=supine)
    return body.with_hu(voxels)


def _bowel(body: Body, voxels: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Each pocket of gas outside lungs and windpipe stays or is filled."""
    pockets, count = body.structures.keep("pockets", lambda: _pockets(body))
    stay = rng.random(count + 1) < _KEPT
    stay[0] = True
    gone = ~stay[pockets]
    voxels[gone] = _FILLED_HU


def _pockets(body: Body) -> tuple[NDArray[np.int32], int]:
    from scipy import ndimage

    inside = named(body, "stomach", "colon", "small_bowel", "duodenum")
    gas = ndimage.binary_dilation(inside, iterations=1) & (body.volume.voxels < _GAS_HU) & ~named(body, "lung")
    pockets, count = ndimage.label(ndimage.binary_dilation(gas, iterations=1) & ~named(body, "lung"))
    return np.asarray(pockets, np.int32), int(count)


def _bubble(body: Body, voxels: NDArray[np.float32], rng: np.random.Generator, *, supine: bool) -> None:
    """The stomach is filled anew: fluid, and gas above a level that is not quite flat."""
    from scipy import ndimage

    amount = float(np.exp(rng.uniform(*np.log(_BUBBLE_ML))))
    tilt = rng.normal(0.0, 0.04, 2)
    room = body.structures.keep("stomach", lambda: np.argwhere(ndimage.binary_erosion(named(body, "stomach"))))
    if not len(room):
        return
    at = room * body.spacing_mm
    up = (-at[:, 1] if supine else at[:, 2]) + tilt[0] * at[:, 0] + tilt[1] * (at[:, 2] if supine else at[:, 1])
    count = min(round(amount * 1000.0 / body.spacing_mm**3), len(room) // 2)
    level = np.partition(up, -count)[-count] if count else np.inf
    share = np.clip((up - level) / _EDGE_MM + 0.5, 0.0, 1.0).astype(np.float32)
    voxels[tuple(room.T)] = _FILLED_HU + share * np.float32(AIR_HU - _FILLED_HU)
