"""From rays to pixels: line integrals as they are, or a film as a detector would have taken it, by preset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hilum.app.project_settings import Settings
from hilum.core.errors import InputError
from hilum.core.geometry import LATERAL
from hilum.core.image import Image, Volume
from hilum.core.seed import generator
from hilum.data.ct_structures import Layers
from hilum.drr.attenuation import mu_map
from hilum.drr.field import Field, Structures
from hilum.drr.geometry import Geometry
from hilum.drr.materials import Materials, decompose
from hilum.drr.project import film_of
from hilum.drr.render import line_integrals

RAW = "raw"
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
    matter: Matter, geometry: Geometry, settings: Settings, *, case: str, name: str
) -> tuple[Image, dict[str, Any]]:
    """Return the picture of one exposure and its parameters for the record.

    Args:
        matter: from `matter_of`.
        geometry: of the exposure.
        settings: which physics; the seed goes with the names of CT and film, so that no two films share their noise.
        case, name: of the CT and of the film.

    Raises:
        InputError: if the view misses the body.
    """
    image_id = f"{case}-{name}"
    if matter.materials is None:
        if matter.attenuation is None:
            raise InputError("nothing to expose: give attenuation or materials")
        integrals = line_integrals(matter.attenuation, geometry, model=settings.model)
        _check_hit(float(integrals.max()) >= _NOTHING, settings, name)
        parameters: dict[str, Any] = {
            "physics": RAW, "model": settings.model,
            "unit": "line integral of attenuation at 65 keV, no scatter or noise",
        }  # fmt: skip
        return film_of(integrals, geometry, name=image_id), parameters
    return _film(matter.materials, geometry, settings, image_id, case, name)


def _film(
    materials: Materials, geometry: Geometry, settings: Settings, image_id: str, case: str, name: str
) -> tuple[Image, dict[str, Any]]:
    from hilum.drr.film import EXPOSURES, PROCESSING, film
    from hilum.drr.randomise import random_exposure, random_processing

    chosen = {"chest-pa": "PA", "chest-lateral": "lateral", "portable-ap": "portable AP"}.get(settings.physics, "")
    by_view = "lateral" if geometry.view in LATERAL else "portable AP" if geometry.view == "AP" else "PA"
    seed = int(generator(settings.seed, "project", case, name).integers(2**31))
    exposure, processing = EXPOSURES[chosen or by_view], replace(PROCESSING, marker=settings.marker)
    if settings.physics == "random":
        exposure, processing = random_exposure(seed, view=geometry.view), random_processing(seed, start=processing)
    made = film(materials, geometry, exposure=exposure, processing=processing, seed=seed, name=image_id)
    _check_hit(any(float(each.max()) >= _NOTHING_G_CM2 for each in made.maps.values()), settings, name)
    log: Mapping[str, Any] = {key: value for key, value in made.log.items() if key != "geometry"}
    parameters = {
        "physics": settings.physics, "exposure name": chosen or by_view, "unit": "grey value of a film, 0 to 1",
        "kilovolts": float(exposure.spectrum.kv), **log,
    }  # fmt: skip
    return made.image, parameters


def _check_hit(hit: bool, settings: Settings, name: str) -> None:
    if not hit:
        raise InputError(
            f"view {name} misses the body: no ray meets more than air. Its detector is {settings.field_mm:g} mm long, "
            f"{settings.offset_mm[0]:g} mm down and {settings.offset_mm[1]:g} mm along from the central ray: check "
            "--offset, --field and --pose"
        )
