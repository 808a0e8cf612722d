"""A CT as densities of two or three materials, and the maps of areal density a beam passes through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.image import Volume
from hilum.drr.axes import axis_order
from hilum.drr.coefficients import density_g_cm3, mass_attenuation
from hilum.drr.field import Field, Structures
from hilum.drr.geometry import Geometry
from hilum.drr.render import line_integrals_many

SOFT, BONE = "soft tissue", "cortical bone"
_STEP_G_CM3 = 0.001
_LOW_HU, _HIGH_HU, _FALLBACK_HU = 40.0, 1500.0, 200.0
_BONES = ("vertebrae", "rib_", "sternum", "scapula", "clavicula", "humerus", "costal_cartilages", "sacrum", "hip_",
          "femur", "skull")  # fmt: skip
"""Beginnings of TotalSegmentator's names of bones."""

Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Materials:
    """Densities in g/cm3 on one grid, by material; where one is, the others may be too.

    Args:
        fields: by a name of `beam.MATERIALS`, 16-bit codes.
        log: how they were made, for JSON.
    """

    fields: Mapping[str, Field]
    log: Mapping[str, Any] = field(default_factory=dict)

    def mass_g(self) -> dict[str, float]:
        """Return the mass of each material in g."""
        found = {}
        for name, each in self.fields.items():
            voxel_cm3 = abs(float(np.linalg.det(each.affine[:3, :3]))) / 1000.0
            found[name] = float(each.values.sum(dtype=np.float64)) * each.scale * voxel_cm3
        return found

    def extended(self, length_mm: float) -> Materials:
        """Return the same densities with the first and last slice towards head and feet repeated.

        A CT of the chest ends inside the body; rays near its ends would leave it too early.

        Args:
            length_mm: of what is added at each end.
        """
        longer = {}
        for name, each in self.fields.items():
            axis = axis_order(each.affine)[0][2]
            count = max(0, round(length_mm / each.spacing_mm[axis]))
            widths = [(count, count) if a == axis else (0, 0) for a in range(3)]
            affine = each.affine.copy()
            affine[:3, 3] -= count * affine[:3, axis]
            longer[name] = Field(np.pad(each.values, widths, mode="edge"), affine, each.scale)
        return Materials(longer, {**self.log, "extended_mm": length_mm})

    def maps(self, geometry: Geometry) -> dict[str, NDArray[np.float32]]:
        """Return areal density in g/cm2 (rows, columns) along the rays of an exposure, by material."""
        found = line_integrals_many(list(self.fields.values()), geometry)
        return {name: each / np.float32(10.0) for name, each in zip(self.fields, found, strict=True)}


def decompose(
    volume: Volume,
    *,
    structures: Structures | None = None,
    bone: Bools | None = None,
    device: Bools | None = None,
    device_material: str = "titanium",
    ct_kev: float | None = None,
    cap_hu: float | None = None,
    body: Bools | None = None,
) -> Materials:
    """Split a CT into soft tissue, cortical bone and, with a mask, a device.

    Inside bone a share f = clip((HU - 40) / (1500 - 40), 0, 1) of the mass is cortical bone, the rest soft tissue;
    outside bone all is soft tissue. Density is 1 + HU / 1000 g/cm3, so soft tissue and bone add up to it. That is
    more mass than dense bone has, whose Hounsfield units count its calcium too: `ct_kev` takes this back.

    Args:
        volume: HU on any grid.
        structures: on the same grid, with TotalSegmentator's names; their bones are taken.
        bone: bool mask instead; with neither, every voxel of 200 HU or more counts as bone.
        device: bool mask of what is metal: those voxels hold the density of `device_material`, as CT numbers of metal
            are saturated, and nothing else.
        device_material: a name of `beam.MATERIALS`.
        ct_kev: effective energy of the CT (about 70 to 75 at 120 kV): density is then such that every voxel attenuates
            at this energy as its Hounsfield units say.
        cap_hu: outside bone nothing is denser than this, which takes contrast medium out of blood (about 60). With no
            mask of bone, contrast medium of 200 HU counts as bone first and stays.
        body: bool mask of the patient; all outside it becomes air, e.g. the table (`framing.body_mask`).

    Raises:
        InputError: if a mask is of another shape, or the material is not known.
    """
    shape = volume.voxels.shape
    ids = None if structures is None else structures.ids
    _check_grids(shape, {"bone mask": bone, "device mask": device, "body mask": body, "structures": ids})
    table, how = _bone_table(structures), "mask"
    if bone is None:
        how = "structures" if table is not None else f"threshold of {_FALLBACK_HU:g} HU"
    metal = density_g_cm3(device_material) if device is not None else 0.0
    heavier = 1.0
    if ct_kev is not None:
        heavier = float(mass_attenuation(BONE, ct_kev) / mass_attenuation("water", ct_kev))
    soft, hard = np.empty(shape, np.uint16), np.empty(shape, np.uint16)
    for index, plane in enumerate(volume.voxels):  # plane by plane, to hold no second volume of floats
        if bone is not None:
            where = bone[index]
        else:
            where = plane >= _FALLBACK_HU if table is None or ids is None else table[ids[index]]
        kept = plane if device is None else np.where(device[index], np.float32(-1000.0), plane)
        if cap_hu is not None:
            kept = np.where(where, kept, np.minimum(kept, np.float32(cap_hu)))
        if body is not None:
            kept = np.where(body[index], kept, np.float32(-1000.0))
        soft[index], hard[index] = _codes(kept, where, heavier)
    fields = {SOFT: Field(soft, volume.affine, _STEP_G_CM3), BONE: Field(hard, volume.affine, _STEP_G_CM3)}
    if device is not None:
        codes = device.astype(np.uint16) * np.uint16(round(metal / _STEP_G_CM3))
        fields[device_material] = Field(codes, volume.affine, _STEP_G_CM3)
    log = {
        "bone from": how,
        "ct_kev": ct_kev,
        "device": device_material if device is not None else None,
        "cap_hu": cap_hu,
        "outside the body": "kept" if body is None else "air",
    }
    return Materials(fields, log)


def _check_grids(shape: tuple[int, ...], given: Mapping[str, NDArray[Any] | None]) -> None:
    for name, mask in given.items():
        if mask is not None and mask.shape != shape:
            raise InputError(f"the {name} are {mask.shape} and the CT {shape}: bring both to one grid")


def _codes(plane: NDArray[np.float32], where: Bools, heavier: float) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Codes of soft tissue and bone of one plane; they add up to the code of the whole density."""
    total = np.maximum(plane + np.float32(1000.0), np.float32(0.0))
    share = np.zeros_like(total)
    inside = plane[where]
    share[where] = np.clip((inside - _LOW_HU) / (_HIGH_HU - _LOW_HU), 0.0, 1.0)
    if heavier != 1.0:
        total = total / (np.float32(1.0) + share * np.float32(heavier - 1.0))
    whole = np.minimum(np.rint(total), 65535.0)
    hard = np.rint(whole * share)
    return (whole - hard).astype(np.uint16), hard.astype(np.uint16)


def _bone_table(structures: Structures | None) -> Bools | None:
    """Which ids are bone, or None where no structure is named like one."""
    if structures is None:
        return None
    ids = [i for i, name in structures.names.items() if name.startswith(_BONES)]
    if not ids:
        return None
    table = np.zeros(max(int(structures.ids.max()), *structures.names) + 1, np.bool_)
    table[ids] = True
    return table
