"""Arms raised over the head, as patients hold them for a lateral film: what is projected, not what is labelled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.geometry import View
from hilum.core.image import Volume
from hilum.core.seed import generator
from hilum.drr.field import Structures
from hilum.phantom.families_base import named
from hilum.phantom.patient import Anatomy
from hilum.phantom.thorax_solids import Matter, Solids
from hilum.phantom.warp import Body

_FLESH_HU, _MARGIN_MM, _NARROW_MM, _OVER_MM = 40.0, 4.0, 50.0, 90.0
_ARM_MM, _BONE_MM, _LONG_MM = 36.0, 11.0, 260.0
Floats = NDArray[np.float64]


def raised(anatomy: Anatomy, view: View, *, seed: int) -> Body:
    """Return the body as it is projected: on laterals of made thoraces the arms go up, elsewhere nothing changes.

    What lies beside the torso is taken away, shoulders narrow towards their tops, and upper arms are drawn that leave
    the film above. All structures but the humeri stay where they are.

    Args:
        anatomy: whose log says how wide the torso was drawn; a body without humeri, or without that, stays as it is.
        view: of the film.
        seed: of the angle of the arms.
    """
    body, drawn = anatomy.body, anatomy.log.get("drawn")
    if view not in ("LL", "RL") or not isinstance(drawn, Mapping):
        return body
    bone = named(body, "humerus")
    if not bone.any():
        return body
    ids, voxels = body.structures.ids.copy(), body.volume.voxels.copy()
    origin, step = body.volume.affine[:3, 3], body.spacing_mm
    x, y, z = (origin[axis] + step * np.arange(voxels.shape[axis]) for axis in range(3))
    voxels[bone], ids[bone] = _FLESH_HU, 0
    heads = _heads(bone, (x, y, z))
    top = float(np.mean([head[2] for head in heads])) + 26.0
    reach = 0.5 * float(drawn["torso_width_mm"]) + _MARGIN_MM - _NARROW_MM * np.clip((z - top) / _OVER_MM + 1.0, 0, 1)
    beside = np.abs(x)[:, None] > reach[None, :]
    voxels[np.broadcast_to(beside[:, None, :], voxels.shape) & (ids == 0)] = -1000.0
    _paint(voxels, ids, origin, step, heads, float(drawn["fat_mm"]), body.structures.names, seed)
    structures = Structures(ids, body.structures.affine, body.structures.names)
    return Body(Volume(voxels, body.volume.affine, id=body.volume.id), structures)


def _heads(bone: NDArray[np.bool_], axes: tuple[Any, Any, Any]) -> list[Floats]:
    """Middles (3,) of the upper 45 mm of each humerus, left and right of the midline."""
    found = []
    place = np.argwhere(bone)
    spots = np.stack([axes[n][place[:, n]] for n in range(3)], axis=1)
    for side in (1.0, -1.0):
        own = spots[side * spots[:, 0] > 0]
        if len(own):
            found.append(own[own[:, 2] > own[:, 2].max() - 45.0].mean(axis=0))
    return found


def _paint(
    voxels: NDArray[np.float32], ids: NDArray[np.uint8], origin: Floats, step: float, heads: list[Floats],
    fat_mm: float, names: Mapping[int, str], seed: int,
) -> None:  # fmt: skip
    from hilum.phantom.thorax_kernels import paint

    rng = generator(seed, "raised arms")
    flesh, bones = Solids(), Solids()
    number = {name: key for key, name in names.items()}
    for head in heads:
        side = float(np.sign(head[0]))
        up = np.deg2rad(rng.uniform(62.0, 84.0))
        start = np.array([0.78 * head[0], head[1] + 10.0, head[2] + 34.0])
        end = start + _LONG_MM * np.array([0.12 * side, -np.cos(up), np.sin(up)])
        wide = _ARM_MM + 0.3 * fat_mm
        flesh.tube(np.stack([start, end]), [0.75 * wide, 0.95 * wide], matter=Matter(50.0, 3.0 + 0.4 * fat_mm, -95.0))
        bones.tube(np.stack([start + 0.05 * (end - start), end]), [_BONE_MM + 4.0, _BONE_MM],
                   id=number.get("humerus_left" if side > 0 else "humerus_right", 0),
                   matter=Matter(20.0, 2.5, 900.0))  # fmt: skip
    paint(voxels, ids, origin, step, flesh.table(), True)
    paint(voxels, ids, origin, step, bones.table(), False)
