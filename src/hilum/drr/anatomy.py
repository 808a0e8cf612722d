"""A CT's structures divided into the parts that radiographs are labelled with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.drr import anatomy_parts as cut
from hilum.drr import anatomy_regions as region
from hilum.drr.anatomy_grid import Grid
from hilum.drr.field import Structures

CARINA_MM = 8.0  # radius of the disc that stands for the tracheal fork
RIBS = tuple(range(1, 13))


@dataclass(frozen=True)
class Anatomy:
    """Structures and their parts on a few label maps, so that parts of different kinds may overlap.

    Args:
        layers: label maps on one grid. The first holds the structures as given, less what is divided; a divided
            structure is the sum of its parts, so its path length is the sum of theirs.
        parts: (layer, id) of each part by name.
        missing: why a part could not be made, by name.
    """

    layers: tuple[Structures, ...]
    parts: Mapping[str, tuple[int, int]]
    missing: Mapping[str, str]
    kept: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)


@dataclass
class _Maker:
    grid: Grid
    layers: list[NDArray[np.uint16]] = field(default_factory=list)
    names: list[dict[int, str]] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)

    def layer(self, start: NDArray[Any] | None = None) -> int:
        ids = np.zeros_like(self.grid.structures.ids, dtype=np.uint16) if start is None else start
        self.layers.append(ids)
        self.names.append({})
        return len(self.layers) - 1

    def add(self, layer: int, name: str) -> int:
        number = int(max(self.names[layer], default=0)) + 1
        self.names[layer][number] = name
        return number

    def write(self, layer: int, name: str, voxels: NDArray[np.int64]) -> None:
        """Give voxels (N, 3), in patient order, to a part of one layer."""
        if len(voxels):
            self.grid.turned(self.layers[layer])[tuple(voxels.T)] = self.add(layer, name)
        else:
            self.missing.setdefault(name, "no voxel of it lies in this CT")


def anatomy(structures: Structures) -> Anatomy:
    """Divide structures into the parts that PAXRay and similar label sets name, in 3-D.

    Ribs are split at the most lateral point, the aorta at its arch, each lung lobe into zones; mediastinum,
    diaphragm and carina are made. What cannot be made is named with the reason. The result is kept with the
    structures.

    Args:
        structures: with TotalSegmentator's names, version 1 or 2.

    Raises:
        InputError: if the axes are oblique by about 45 degrees or more.

    Source: the projection rules of PAXRay, Seibold et al., BMVC 2022 (arXiv 2210.03416).
    """
    found: Anatomy = structures.keep("anatomy", lambda: _make(structures))
    return found


def _make(structures: Structures) -> Anatomy:
    grid = Grid(structures)
    made = _Maker(grid)
    base = made.layer(structures.ids.astype(np.uint16))
    made.names[base] = {number: name for name, number in grid.numbers.items()}
    _ribs(made)
    _lungs(made)
    vessel = cut.aorta(grid)
    if vessel is None:
        made.missing.update({f"aorta_{part}": "there is no aorta" for part in cut.Aorta._fields})
    else:
        for part, voxels in zip(cut.Aorta._fields, vessel, strict=True):
            made.write(base, f"aorta_{part}", voxels)
    _mediastinum(made, None if vessel is None else vessel.descending)
    _surfaces(made)
    layers = tuple(
        Structures(ids, structures.affine, names) for ids, names in zip(made.layers, made.names, strict=True)
    )
    parts: dict[str, tuple[int, int]] = {}
    for index, layer in enumerate(layers):
        carried = set(layer.keep("present", layer.present))
        parts |= {name: (index, number) for number, name in layer.names.items() if number in carried}
    return Anatomy(layers, parts, made.missing)


def _ribs(made: _Maker) -> None:
    for side in cut.SIDES:
        for count in RIBS:
            name = f"rib_{side}_{count}"
            front, back = f"rib_{side}_anterior_{count}", f"rib_{side}_posterior_{count}"
            if name not in made.grid.numbers:
                made.missing.update(dict.fromkeys((front, back), f"there is no {name}"))
                continue
            voxels = made.grid.voxels(name)
            ahead = cut.rib_is_anterior(voxels, side, made.grid.spacing_mm)
            if count == RIBS[-1]:
                ahead[:] = False
            if ahead.any():
                made.write(0, front, voxels[ahead])
            else:
                made.missing[front] = (
                    "the twelfth rib has no anterior part" if count == RIBS[-1]
                    else f"{name} ends before or within {cut.SHORTEST_ANTERIOR_MM:g} mm of its most lateral point"
                )  # fmt: skip
            made.write(0, back, voxels[~ahead])


def _lungs(made: _Maker) -> None:
    """Divide every lobe into zones; what belongs to one lung is named lobe/zone."""
    for side in cut.SIDES:
        limits = cut.zone_limits(made.grid, side)
        present = made.grid.present(*cut.lobes(side))
        if limits is None or not present:
            why = "there is no lung" if not present else f"clavicula_{side} or the hilum (trachea) is not given"
            made.missing.update({f"lung_{side}_{zone}": why for zone in cut.ZONES})
            continue
        for lobe in present:
            voxels = made.grid.voxels(lobe)
            zone = (voxels[:, 2:] <= np.array(limits)).sum(axis=1)
            for index, name in enumerate(cut.ZONES):
                if (zone == index).any():
                    made.write(0, f"{lobe}/{name}", voxels[zone == index])


def _mediastinum(made: _Maker, descending: NDArray[np.int64] | None) -> None:
    parts = region.mediastinum(made.grid, descending)
    names = {
        region.UPPER: "mediastinum_upper", region.ANTERIOR: "mediastinum_anterior",
        region.MIDDLE: "mediastinum_middle", region.POSTERIOR: "mediastinum_posterior",
    }  # fmt: skip
    if parts is None:
        why = "it takes both lungs, a heart, T4, T5 and a second rib"
        made.missing.update(dict.fromkeys((*names.values(), "mediastinum_lower"), why))
        return
    layer = made.layer()
    made.grid.turned(made.layers[layer])[...] = parts
    made.names[layer] = names


def _surfaces(made: _Maker) -> None:
    layer = made.layer()
    for side in cut.SIDES:
        name, shell = f"hemidiaphragm_{side}", region.diaphragm(made.grid, side)
        if shell is None:
            made.missing[name] = "it takes the lung and what lies under the dome: liver, or stomach or spleen"
        else:
            made.write(layer, name, shell)
    middle = cut.carina(made.grid)
    if middle is None:
        made.missing["carina"] = "there is no trachea"
        return
    spacing = np.array(made.grid.spacing_mm)
    reach = np.ceil(CARINA_MM / spacing).astype(int)
    around = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1).reshape(-1, 3)
    ball = around[np.linalg.norm(around * spacing, axis=1) <= CARINA_MM] + np.rint(middle).astype(int)
    inside = (ball >= 0).all(axis=1) & (ball < made.grid.ids.shape).all(axis=1)
    made.write(layer, "carina", ball[inside])
