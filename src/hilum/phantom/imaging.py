"""From a virtual patient to films: rays once (`shoot`), then as many exposures of them as wanted (`expose`).

Labels are read from the volume: a pixel belongs to a finding where the ray through it runs far enough in the
finding's own mask, whatever the film shows. Exposing is millisecond work, so that physics can be drawn anew each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.geometry import View
from hilum.core.image import Image
from hilum.core.region import Box, Mask
from hilum.core.seed import generator
from hilum.drr.anatomy_rules import Rule
from hilum.drr.detector import Exposure, shrunken
from hilum.drr.detector_display import Processing
from hilum.drr.film import PROCESSING, film
from hilum.drr.geometry import Geometry
from hilum.drr.labels import rule_for, shadow_mask
from hilum.drr.materials import SOFT, decompose
from hilum.drr.randomise import random_exposure, random_processing
from hilum.drr.restore import restored
from hilum.phantom.families_base import BONES, named
from hilum.phantom.imaging_arms import raised
from hilum.phantom.imaging_frame import frame
from hilum.phantom.imaging_paths import class_paths, contrasts, device_paths, least_mm, lesion_paths
from hilum.phantom.patient import Anatomy, Placed, Pose, Shot
from hilum.phantom.warp import Body

FINE_PIXELS = 512
"""Rays along a film's side, at least: noise is drawn on them and averaged over each pixel."""
UNUSUAL = 0.1
"""Share of films whose look-up table is drawn from the whole range, so that none is learned."""
EDGE_GAIN = {"PA": (1.2, 2.1), "AP": (1.0, 1.7)}
"""Range of the gain of the finest detail; real portable films show less grain than a department's, so they get less."""
HEADROOM = (0.05, 0.55)
"""Range of the greys that stay free below the lungs, as a share of the window: real lungs are seldom black."""
_MARKED, _WORDED, _BORDERED, _BENT = 0.7, 0.25, 0.15, 0.3
_CALCIUM_HU, _CT_KEV, _EXTENDED_MM = 150.0, 72.0, 60.0


@dataclass(frozen=True, eq=False)
class Exposed:
    """One film with its truth.

    Args:
        image: grey values in [0, 1]; bone is bright.
        masks: of each finding and device by `plan.key`; empty where it misses the film.
        boxes: half-open pixel boxes that hold exactly the mask, by `plan.key`; none for an empty mask.
        anatomy: masks of the classes the shot was asked for.
        log: every setting and draw, for JSON.
    """

    image: Image
    masks: Mapping[str, Mask]
    boxes: Mapping[str, Box]
    anatomy: Mapping[str, Mask]
    log: Mapping[str, Any] = field(default_factory=dict)


def shoot(
    anatomy: Anatomy,
    placed: Sequence[Placed],
    pose: Pose,
    view: View,
    *,
    size: int | tuple[int, int] = 224,
    supersample: int | None = None,
    classes: Sequence[str] = ("lung fields", "heart"),
    sound: Anatomy | None = None,
    seed: int | None = None,
) -> Shot:
    """Send the rays of one view through a body with its findings.

    Args:
        anatomy: the body, ill or sound, without a table.
        placed: findings and devices in it.
        pose: how the patient stands or lies.
        view: 'PA', 'AP' (portable), 'LL' or 'RL'.
        size: rows and columns of the film.
        supersample: rays per pixel along each side; None takes as many as make 512 or more, at least 2.
        classes: of `imaging_paths.CLASSES`, or structure names, whose path lengths are kept.
        sound: the body without findings, on the same grid, for exact contrasts.
        seed: of distances and crop; None takes the pose's exposure seed.

    Raises:
        InputError: for an unknown view or class, two findings of one key, or a body without lungs.
    """
    keys = [each.plan.key for each in placed]
    if len(set(keys)) != len(keys):
        raise InputError(f"each finding of a shot needs its own key, got {', '.join(keys)}")
    rows, columns = (size, size) if isinstance(size, int) else size
    fine = max(2, -(-FINE_PIXELS // max(rows, columns))) if supersample is None else supersample
    coarse, log = frame(anatomy, pose, view, size=(rows, columns), seed=pose.exposure_seed if seed is None else seed)
    geometry = coarse.resized((rows * fine, columns * fine))
    maps = _matter(raised(anatomy, view, seed=pose.exposure_seed), geometry)
    devices = device_paths(anatomy, placed, geometry, fine=fine)
    if devices.maps:
        maps[SOFT] = np.maximum(maps[SOFT] - devices.pushed, 0.0)
        for name, areal in devices.maps.items():
            maps[name] = maps[name] + areal if name in maps else areal
    paths = class_paths(anatomy.body.structures, coarse, ("lungs", *(c for c in classes if c != "lungs")))
    lesions, change = lesion_paths(anatomy, placed, coarse, sound=sound)
    for each in placed:
        if each.plan.key not in lesions:
            nothing = np.zeros((rows, columns), np.float32)
            lesions[each.plan.key] = devices.paths.get(each.plan.key, nothing)
            change[each.plan.key] = devices.change.get(each.plan.key, nothing)
    seen = contrasts(maps, lesions, change, paths["lungs"], coarse.pitch_mm, fine=fine)
    return Shot(
        view, geometry, maps, {name: paths[name] for name in classes}, {key: lesions[key] for key in keys},
        {key: seen[key] for key in keys}, {each.plan.key: least_mm(each, lesions[each.plan.key]) for each in placed},
        fine, log,
    )  # fmt: skip


def expose(
    shot: Shot,
    pose: Pose,
    *,
    seed: int | None = None,
    exposure: Exposure | None = None,
    processing: Processing | None = None,
    name: str = "",
) -> Exposed:
    """Expose and process one film of a shot; other seeds are other physics of the same chest.

    Args:
        shot: from `shoot`, or loaded.
        pose: its exposure and processing seeds are used where none is given.
        seed: of tube, detector, noise, look-up table, marker and borders, in place of the pose's.
        exposure, processing: in place of those drawn.
        name: id of the image.
    """
    first, second = (pose.exposure_seed, pose.processing_seed) if seed is None else (seed, seed)
    exposure = exposure or random_exposure(first, view=shot.view)
    processing = processing or drawn_processing(second, pose, shot.view)
    made = film(shot.maps, shot.geometry, exposure=exposure, processing=processing, seed=first, name=name)
    image = replace(
        made.image, pixels=shrunken(made.image.pixels, shot.fine),
        spacing_mm=(shot.geometry.pitch_mm[0] * shot.fine, shot.geometry.pitch_mm[1] * shot.fine),
    )  # fmt: skip
    masks = {key: Mask(path > shot.least_mm[key], image=name, label=key) for key, path in shot.lesions.items()}
    found = {key: mask.box() for key, mask in masks.items()}
    return Exposed(
        image, masks, {key: box for key, box in found.items() if box is not None}, anatomy_masks(shot, name=name),
        {**made.log, "frame": dict(shot.log), "fine": shot.fine},
    )  # fmt: skip


def drawn_processing(seed: int, pose: Pose, view: View, *, unusual: float = UNUSUAL) -> Processing:
    """Draw a look-up table, and how the film is marked: a lead letter, borders, the words on a portable film.

    Args:
        seed: of every draw.
        pose: says 'SUPINE' on a portable film where the patient lies.
        view: of the film.
        unusual: share of films with a look-up table from `random_processing`'s whole range, a random histogram on some;
            the rest stay near the processing that real films were matched with.
    """
    rng = generator(seed, "processing", view)
    border = tuple(float(v) for v in rng.uniform(0.0, 12.0, 4) * (rng.random(4) < _BORDERED))
    words = ("SUPINE" if pose.supine else "PORTABLE") if view == "AP" else "ERECT"
    start = replace(
        PROCESSING, marker="L" if rng.random() < _MARKED else "", text=words if rng.random() < _WORDED else "",
        border_mm=(border[0], border[1], border[2], border[3]), detail_power=float(rng.uniform(0.55, 0.78)),
        edge_gain=float(rng.uniform(*EDGE_GAIN.get(view, EDGE_GAIN["PA"]))), contrast=float(rng.uniform(1.2, 3.5)),
        window_percent=(float(rng.uniform(0.0, 1.5)), float(rng.uniform(99.2, 100.0))),
        headroom=float(rng.uniform(*HEADROOM)),
    )  # fmt: skip
    if not is_unusual(seed, view, unusual=unusual):
        return start
    return random_processing(seed, start=start, histogram=bool(rng.random() < _BENT))


def is_unusual(seed: int, view: View, *, unusual: float = UNUSUAL) -> bool:
    """Return whether a seed draws its look-up table from the whole range: such films can be held out of training."""
    return bool(generator(seed, "unusual", view).random() < unusual)


def anatomy_masks(shot: Shot, *, name: str = "") -> dict[str, Mask]:
    """Return masks of the classes of a shot by the rules of `drr.labels`: thin bones keep faint rays, organs do not."""
    rules = {key: Rule(pieces=0) if key.startswith("lung") else rule_for(key) for key in shot.paths}
    return {key: Mask(shadow_mask(path, rules[key]), image=name, label=key) for key, path in shot.paths.items()}


def _matter(body: Body, geometry: Geometry) -> dict[str, NDArray[np.float32]]:
    """Areal density of soft tissue and bone; what has 150 HU outside bones is calcium too."""
    voxels, matter = body.structures.kept.get("matter", (None, None))
    if voxels is not body.volume.voxels:  # a second view of the same body needs no second division
        bone = named(body, *BONES) | (body.volume.voxels > _CALCIUM_HU)
        matter = decompose(body.volume, bone=bone, ct_kev=_CT_KEV).extended(_EXTENDED_MM)
        body.structures.kept["matter"] = (body.volume.voxels, matter)
    return restored(matter.maps(geometry), next(iter(matter.fields.values())), geometry)
