"""A CT, or maps of matter, to a film as a detector would have taken it, with every setting and draw in its log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.image import Image, MadeBy, Volume, Window
from hilum.core.seed import generator
from hilum.drr.beam import SPECTRA, transmit
from hilum.drr.detector import Exposure, detected
from hilum.drr.detector_display import (
    Processing,
    curve_of,
    detailed,
    letters,
    random_histogram,
    stamped,
    toned,
    window_of,
)
from hilum.drr.field import Structures
from hilum.drr.geometry import Geometry
from hilum.drr.materials import Materials, decompose
from hilum.drr.restore import RESTORE, restored

Pixels = NDArray[np.float32]
Maps = Mapping[str, Pixels]

MARKER_MM, MARKER_G_CM2, CORNER_MM = 14.0, 1.7, 12.0
"""Height of a lead letter, its areal density (1.5 mm), and its distance from the borders."""
_BODY = 0.6

EXPOSURES: Mapping[str, Exposure] = {
    "PA": Exposure(),
    "lateral": Exposure(spectrum=SPECTRA["chest lateral"]),
    "portable AP": Exposure(spectrum=SPECTRA["portable AP"], grid=False, focal_mm=1.2, detector_ugy=2.0),
}
"""Usual exposures by name."""
PROCESSING = Processing()
"""Chosen by measurement against real films: see `docs/projection-physics.md`."""


@dataclass(frozen=True, eq=False)
class Film:
    """A film with what made it.

    Args:
        image: grey values in [0, 1] with view, spacing and orientation; bone is bright.
        primary: share of the open beam that passes (rows, columns), without scatter and noise.
        maps: areal density in g/cm2 by material, devices included.
        log: settings, draws and numbers measured on the way, for JSON.
    """

    image: Image
    primary: Pixels
    maps: Maps
    log: Mapping[str, Any] = field(default_factory=dict)


def added(maps: Maps, more: Maps) -> dict[str, Pixels]:
    """Return maps of areal density with others on top, as when a device lies in the beam too; neither is changed.

    Raises:
        InputError: if a map has another shape or is negative.
    """
    total = dict(maps)
    shape = np.shape(next(iter(maps.values()))) if maps else None
    for name, each in more.items():
        if shape is not None and each.shape != shape:
            raise InputError(f"the map of {name} is {each.shape} and the others are {shape}: give one detector")
        if (each < 0).any():
            raise InputError(f"the map of {name} holds negative areal density: nothing can be taken out of a beam so")
        total[name] = total[name] + each if name in total else np.asarray(each, np.float32)
    return total


def film(
    source: Volume | Materials | Maps,
    geometry: Geometry,
    *,
    exposure: Exposure = EXPOSURES["PA"],
    processing: Processing = PROCESSING,
    extra: Maps | None = None,
    structures: Structures | None = None,
    restore: float = RESTORE,
    seed: int = 0,
    name: str = "",
) -> Film:
    """Expose and process one film.

    Args:
        source: a CT, its `Materials`, or maps of areal density in g/cm2 made with the same geometry.
        geometry: of the exposure.
        exposure: beam, scatter, blur and noise.
        processing: from the detector's signal to grey values.
        extra: maps of what lies in the beam besides, e.g. devices: added before the exponential, so that metal goes
            white by saturation.
        structures: bones of a CT given as a Volume; without them bone is what has 200 HU.
        restore: largest gain against the blur of a CT's voxels (`restore.restored`), 1 for none; maps are taken as they
            are.
        seed: of quanta, electronics and the random histogram.
        name: id of the image.

    Returns:
        the film; the same arguments give the same film.

    Raises:
        InputError: if maps do not fit the geometry or each other, or hold an unknown material.
    """
    maps = added(maps_of(source, geometry, structures=structures, restore=restore), extra or {})
    pitch = float(np.mean(geometry.pitch_mm))
    primary = transmit(maps, exposure.spectrum, exposure.response)
    signal, facts = detected(
        primary, exposure, generator(seed, "film", "exposure"), pitch_mm=pitch,
        magnification=geometry.magnification, cover=_marker(geometry, exposure, processing, pitch),
    )  # fmt: skip
    shown, drawn = developed(signal, primary < _BODY, processing, pitch_mm=pitch, seed=seed)
    shown = _with_text(shown, processing, pitch)
    made: dict[str, Any] = {} if isinstance(source, Mapping) else {"restore": restore}
    if isinstance(source, Materials):
        made["materials"] = dict(source.log)
    log = {
        "seed": seed, "geometry": geometry.as_dict(), "exposure": exposure.as_dict(),
        "processing": processing.as_dict(), "measured": facts, "drawn": drawn, **made,
        "in the beam": sorted(maps), "added": sorted(extra or {}),
    }  # fmt: skip
    return Film(_image(shown, geometry, processing, name), primary, maps, log)


def _image(shown: Pixels, geometry: Geometry, processing: Processing, name: str) -> Image:
    return Image(
        1.0 - shown if processing.inverted else shown,
        window=Window(0.5, 1.0, "LINEAR_EXACT"),
        inverted=processing.inverted,
        view=geometry.view,
        spacing_mm=geometry.pitch_mm,
        spacing_plane=geometry.spacing_plane,
        orientation=geometry.orientation,
        id=name,
        made_by=MadeBy("hilum film"),
        synthetic=True,
    )


def maps_of(
    source: Volume | Materials | Maps, geometry: Geometry, *, structures: Structures | None = None,
    restore: float = RESTORE,
) -> dict[str, Pixels]:  # fmt: skip
    """Return areal density in g/cm2 by material as a film takes it; arguments as for `film`, maps stay as given."""
    if isinstance(source, Volume):
        source = decompose(source, structures=structures)
    if not isinstance(source, Materials):
        for name, each in source.items():
            if each.shape != geometry.shape:
                raise InputError(
                    f"the map of {name} is {each.shape} and the detector {geometry.shape}: project it again"
                )
        return dict(source)
    return restored(source.maps(geometry), next(iter(source.fields.values())), geometry, most=restore)


def developed(
    signal: Pixels, body: NDArray[np.bool_], processing: Processing, *, pitch_mm: float, seed: int = 0
) -> tuple[Pixels, dict[str, Any]]:
    """Return grey values in [0, 1] of a detector's signal, and what was drawn and measured for them.

    Args:
        signal: share of the open beam (rows, columns), above 0.
        body: what the window is taken from.
        processing: what to do.
        pitch_mm: of the pixels, for the borders.
        seed: of the random histogram.
    """
    inside = _inside(signal.shape, processing.border_mm, pitch_mm)
    stored = curve_of(signal, processing.curve)
    stored = detailed(stored, power=processing.detail_power, edge=processing.edge_gain, levels=processing.detail_levels)
    window = window_of(stored, body & inside, processing.window_percent, headroom=processing.headroom)
    shown = toned(stored, processing, window)
    drawn: dict[str, Any] = {"window": [round(v, 5) for v in window]}
    if processing.histogram_points:
        rng = generator(seed, "film", "histogram")
        shown, drawn["histogram"] = random_histogram(shown, rng, points=processing.histogram_points)
    return np.where(inside, shown, np.float32(0.0)), drawn


def _inside(shape: tuple[int, ...], border_mm: tuple[float, float, float, float], pitch_mm: float) -> NDArray[np.bool_]:
    top, bottom, left, right = (round(side / pitch_mm) for side in border_mm)
    inside = np.zeros(shape, np.bool_)
    inside[top : shape[0] - bottom, left : shape[1] - right] = True
    return inside


def _marker(geometry: Geometry, exposure: Exposure, processing: Processing, pitch_mm: float) -> Pixels | None:
    """What passes a lead letter on the detector, in the upper corner on the patient's left; on laterals in front."""
    if not processing.marker:
        return None
    stamp = letters(processing.marker, round(MARKER_MM / pitch_mm))
    top, _, left, right = (round((side + CORNER_MM) / pitch_mm) for side in processing.border_mm)
    on_right = geometry.orientation[0] == "L"
    column = geometry.shape[1] - right - stamp.shape[1] if on_right else left
    lead = np.zeros(geometry.shape, np.float32)
    down, along, part = stamped(lead, stamp, top, column)
    lead[down, along] = part * np.float32(MARKER_G_CM2)
    return transmit({"lead": lead}, exposure.spectrum, exposure.response)


def _with_text(shown: Pixels, processing: Processing, pitch_mm: float) -> Pixels:
    """Burn letters in, in the corner that the marker leaves free."""
    if not processing.text:
        return shown
    top, _, left, _ = (round((side + CORNER_MM / 2) / pitch_mm) for side in processing.border_mm)
    stamp = letters(processing.text, round(MARKER_MM / 2 / pitch_mm))
    down, along, part = stamped(shown, stamp, top, left)
    shown = shown.copy()
    shown[down, along] = np.maximum(shown[down, along], part)
    return shown
