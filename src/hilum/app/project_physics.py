"""From rays to pixels: line integrals as they are, or a film as a detector would have taken it, by preset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.app.project_settings import Settings
from hilum.core.errors import InputError
from hilum.core.geometry import LATERAL
from hilum.core.image import Image, Volume
from hilum.core.seed import generator
from hilum.data.ct_structures import Layers
from hilum.drr.attenuation import WATER_PER_MM, mu_map
from hilum.drr.coefficients import mass_attenuation
from hilum.drr.field import Field, Structures
from hilum.drr.geometry import Geometry
from hilum.drr.insert import TISSUE, Insertion, insert
from hilum.drr.materials import Materials, decompose
from hilum.drr.objects import Thing
from hilum.drr.project import film_of
from hilum.drr.render import line_integrals

RAW, RAW_KEV = "raw", 65.0
_NOTHING, _NOTHING_G_CM2 = 0.02, 0.1
"""The longest line integral, and areal density, of a film that met no more than air."""


@dataclass(frozen=True)
class Matter:
    """A CT ready for rays: attenuation for line integrals, or densities of materials for a film."""

    attenuation: Field | None = None
    materials: Materials | None = None


def matter_of(volume: Volume, layers: Layers, settings: Settings) -> tuple[Matter, list[str]]:
    """Return what rays of these settings run through, and remarks on how bone was told apart."""
    if settings.physics == RAW:
        return Matter(attenuation=mu_map(volume)), []
    bones: Structures | None = next(
        (
            layer
            for layer in layers
            if layer.ids.shape == volume.voxels.shape and np.allclose(layer.affine, volume.affine, atol=1e-3)
        ),
        None,
    )
    made = decompose(volume, structures=bones)
    told = str(made.log.get("bone from", ""))
    remarks = [f"bone was told apart by a {told}, as no masks of bones were given"] if "threshold" in told else []
    return Matter(materials=made), remarks


def expose(
    matter: Matter, geometry: Geometry, settings: Settings, *, case: str, name: str, things: Sequence[Thing] = (),
    volume: Volume | None = None,
) -> tuple[Image, dict[str, Any], tuple[Insertion, ...]]:  # fmt: skip
    """Return the picture of one exposure, its parameters for the record, and where objects in the beam are seen.

    Args:
        matter: from `matter_of`.
        geometry: of the exposure.
        settings: which physics; the seed goes with the names of CT and film, so that no two films share their noise.
        case, name: of the CT and of the film.
        things: objects in patient mm that lie in the beam too; they are added as matter, before any exponential.
        volume: the CT, whose tissue they push aside.

    Raises:
        InputError: if the view misses the body.
    """
    image_id = f"{case}-{name}"
    if matter.materials is None:
        if matter.attenuation is None:
            raise InputError("nothing to expose: give attenuation or materials")
        integrals = line_integrals(matter.attenuation, geometry, model=settings.model)
        _check_hit(float(integrals.max()) >= _NOTHING, settings, name)
        integrals, shown = _with_objects(integrals, things, geometry, volume)
        parameters: dict[str, Any] = {
            "physics": RAW, "model": settings.model,
            "unit": f"line integral of attenuation at {RAW_KEV:g} keV, no scatter or noise",
        }  # fmt: skip
        return film_of(integrals, geometry, name=image_id), parameters, shown
    maps, shown = _maps(matter.materials, things, geometry, volume, settings, name)
    image, parameters = _film(maps, geometry, settings, image_id, case, name)
    return image, {**parameters, "materials": dict(matter.materials.log)}, shown


def _with_objects(
    integrals: NDArray[np.float32], things: Sequence[Thing], geometry: Geometry, volume: Volume | None
) -> tuple[NDArray[np.float32], tuple[Insertion, ...]]:
    """Line integrals with objects in the way: what they weigh times their attenuation at the energy of the law."""
    if not things:
        return integrals, ()
    water = 10.0 * WATER_PER_MM  # cm2/g
    maps, shown = insert({TISSUE: integrals / np.float32(water)}, things, geometry, volume=volume)
    total = maps.pop(TISSUE) * np.float32(water)
    for material, areal in maps.items():
        total += areal * np.float32(mass_attenuation(material, RAW_KEV))
    return total, shown


def _maps(
    materials: Materials, things: Sequence[Thing], geometry: Geometry, volume: Volume | None, settings: Settings,
    name: str,
) -> tuple[dict[str, NDArray[np.float32]], tuple[Insertion, ...]]:  # fmt: skip
    from hilum.drr.film import maps_of

    maps = maps_of(materials, geometry)
    _check_hit(any(float(each.max()) >= _NOTHING_G_CM2 for each in maps.values()), settings, name)
    return insert(maps, things, geometry, volume=volume)


def _film(
    maps: Mapping[str, NDArray[np.float32]], geometry: Geometry, settings: Settings, image_id: str, case: str, name: str
) -> tuple[Image, dict[str, Any]]:
    from hilum.drr.film import EXPOSURES, PROCESSING, film
    from hilum.drr.randomise import random_exposure, random_processing
    from hilum.drr.restore import RESTORE

    chosen = {"chest-pa": "PA", "chest-lateral": "lateral", "portable-ap": "portable AP"}.get(settings.physics, "")
    by_view = "lateral" if geometry.view in LATERAL else "portable AP" if geometry.view == "AP" else "PA"
    seed = int(generator(settings.seed, "project", case, name).integers(2**31))
    exposure, processing = EXPOSURES[chosen or by_view], replace(PROCESSING, marker=settings.marker)
    if settings.physics == "random":
        exposure, processing = random_exposure(seed, view=geometry.view), random_processing(seed, start=processing)
    made = film(maps, geometry, exposure=exposure, processing=processing, seed=seed, name=image_id)
    log: Mapping[str, Any] = {key: value for key, value in made.log.items() if key != "geometry"}
    parameters = {
        "physics": settings.physics, "exposure name": chosen or by_view, "unit": "grey value of a film, 0 to 1",
        "kilovolts": float(exposure.spectrum.kv), **log, "restore": RESTORE,
    }  # fmt: skip
    return made.image, parameters


def _check_hit(hit: bool, settings: Settings, name: str) -> None:
    if not hit:
        raise InputError(
            f"view {name} misses the body: no ray meets more than air. Its detector is {settings.field_mm:g} mm long, "
            f"{settings.offset_mm[0]:g} mm down and {settings.offset_mm[1]:g} mm along from the central ray: check "
            "--offset, --field and --pose"
        )
