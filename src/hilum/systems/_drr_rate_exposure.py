"""A body exposed: where source and detector stand, what the voxels are made of, and what the rays cross."""

from __future__ import annotations

import numpy as np

from hilum.core.seed import generator
from hilum.drr.field import Field
from hilum.drr.geometry import Geometry
from hilum.drr.project import film_geometry
from hilum.drr.render import line_integrals
from hilum.phantom.warp import Body
from hilum.systems._drr_rate_film import Paths
from hilum.systems._drr_rate_render import DrrRateRendering, thresholded

_BONES = ("vertebrae", "rib", "scapula", "clavicula", "humerus", "sternum")


def pose(body: Body, size: int, seed: int, family: str, film: int, *, upright: bool = False) -> Geometry:
    """Return an exposure with the patient turned by some degrees and moved, and the field a little wider or tighter.

    The width takes the place of the recipe's random crop to 0.8 to 1 of the area; 1 is the published field.
    """
    rng = generator(seed, "pose", "upright" if upright else "published", family, film)
    zoom, angles = float(rng.uniform(0.82, 1.02)), rng.normal(0.0, (1.5, 1.5, 3.0))
    shift = rng.uniform(-12.0, 12.0, 3)
    if upright:
        geometry = film_geometry(body.volume, view="PA", size=size, field_mm=390.0 * zoom)
    else:
        geometry = DrrRateRendering().sized(size).geometry(body.volume, zoom=zoom)
    return geometry.turned((float(angles[0]), float(angles[1]), float(angles[2])), tuple(float(v) for v in shift))  # type: ignore[arg-type]


def materials(body: Body) -> tuple[Field, Field, Field]:
    """Return what is above DRR-RATE's threshold in HU, and soft tissue and cortical bone in g/cm3.

    The share of bone rises from 40 to 1500 HU inside bones; elsewhere all is soft, with density 1 + HU/1000.
    """
    voxels = body.volume.voxels
    named = [name for name in body.structures.names.values() if name.startswith(_BONES)]
    bones = body.structures.keep("bones", lambda: body.mask(*named))
    density = np.maximum(1.0 + voxels / np.float32(1000.0), np.float32(0.0))
    share = np.where(bones, np.clip((voxels - np.float32(40.0)) / np.float32(1460.0), 0.0, 1.0), np.float32(0.0))
    hard = (density * share).astype(np.float32)
    affine = body.volume.affine
    return thresholded(body.volume), Field(density - hard, affine), Field(hard, affine)


def exposure(fields: tuple[Field, Field, Field], geometry: Geometry) -> Paths:
    """Return what the rays of one exposure cross."""
    above, soft, bone = (line_integrals(field, geometry) for field in fields)
    return Paths(above, soft / np.float32(10.0), bone / np.float32(10.0))  # mm of g/cm3 to g/cm2
