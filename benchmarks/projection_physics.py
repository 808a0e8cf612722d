"""Print the figures of docs/projection-physics.md that need no real films.

Run: python benchmarks/projection_physics.py [conventions] [beams] [dual] [scatter] [speed]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np

from hilum.data.chest_ct import chest_ct, chest_structures
from hilum.drr.beam import CESIUM_IODIDE, IDEAL, SPECTRA, Response, Spectrum, log_attenuation, transmit
from hilum.drr.conventions import CONVENTIONS
from hilum.drr.detector import quanta_per_ugy, scatter, scatter_fraction
from hilum.drr.field import Field
from hilum.drr.film import EXPOSURES, film
from hilum.drr.framing import body_mask, chest_geometry
from hilum.drr.lesions import LESIONS, contrast_to_noise, lung_mask
from hilum.drr.materials import decompose
from hilum.drr.render import line_integrals
from hilum.drr.resample import resampled, structures_resampled

RQR = {40: 1.42, 50: 1.78, 60: 2.19, 70: 2.58, 80: 3.01, 90: 3.48, 100: 3.97, 120: 5.00, 150: 6.57}
PUBLISHED = (0.81, 0.76, 0.74, 0.71, 0.69, 0.68, 0.68, 0.68, 0.72)


def conventions() -> None:
    """Contrast to noise of lesions under each HU convention."""
    volume, structures = resampled(chest_ct(), 2.0), structures_resampled(chest_structures(), 2.0)
    print("| inserted change | " + " | ".join(CONVENTIONS) + " |\n|---|" + "---|" * len(CONVENTIONS))
    for lesion in LESIONS:
        found = [contrast_to_noise(volume, structures, lesion, law) for law in CONVENTIONS.values()]
        print(f"| {lesion.name} | " + " | ".join(f"{value:+.2f}" for value in found) + " |")


def beams() -> None:
    """Half-value layers of the standard radiation qualities."""
    print(
        "| kV | filter mm Al | HVL1 mm Al | homogeneity | published | mean keV | photons/mm2/uGy |\n" + "|---" * 7 + "|"
    )
    for (kv, wanted), published in zip(RQR.items(), PUBLISHED, strict=True):
        filters = np.linspace(2, 5, 121)
        layers = [Spectrum(kv, (("aluminium", float(t)),)).half_value_layer_mm() for t in filters]
        thickness = float(np.interp(wanted, layers, filters))
        beam = Spectrum(kv, (("aluminium", thickness),))
        first = beam.half_value_layer_mm()
        second = beam.half_value_layer_mm(share=0.25) - first
        print(f"| {kv} | {thickness:.2f} | {first:.2f} | {first / second:.2f} | {published:.2f} | "
              f"{beam.mean_kev():.1f} | {beam.photons_per_ugy():.0f} |")  # fmt: skip
    for name, beam in SPECTRA.items():
        used = quanta_per_ugy(beam, CESIUM_IODIDE)
        print(f"{name}: HVL {beam.half_value_layer_mm():.2f} mm Al, mean {beam.mean_kev():.1f} keV, effective "
              f"{beam.effective_kev():.1f} keV, {used:.0f} quanta used/mm2/uGy")  # fmt: skip


def dual() -> None:
    """Weights that cancel bone and soft tissue between 60 and 120 kV."""
    low, high = SPECTRA["dual-energy low"], SPECTRA["dual-energy high"]

    def p(beam: Spectrum, response: Response, soft: float, bone: float) -> float:
        maps = {"water": np.array([[soft]], np.float32), "cortical bone": np.array([[bone]], np.float32)}
        return float(log_attenuation(maps, beam, response, exact=True)[0, 0])

    for name, response in (("energy counted", IDEAL), ("cesium iodide", CESIUM_IODIDE)):
        for soft in (10.0, 15.0, 20.0):
            bone, water = (
                (p(high, response, soft + b, a) - p(high, response, soft, 0))
                / (p(low, response, soft + b, a) - p(low, response, soft, 0))
                for a, b in ((0.05, 0.0), (0.0, 0.05))
            )
            print(f"{name}, {soft:.0f} g/cm2: bone cancels at {bone:.2f}, soft tissue at {water:.2f}")


def _chest(size: int) -> tuple:
    volume, structures = chest_ct(), chest_structures()
    start = time.perf_counter()
    body = body_mask(volume)
    cleared = time.perf_counter()
    materials = decompose(volume, structures=structures, ct_kev=72.0, cap_hu=60.0, body=body).extended(60.0)
    print(f"body {cleared - start:.2f} s, materials {time.perf_counter() - cleared:.2f} s")
    return volume, structures, materials, chest_geometry(volume, structures, size=size)


def scattered() -> None:
    """Scatter fractions of the CT behind lung and behind the spine."""
    _, structures, materials, geometry = _chest(256)
    maps = materials.maps(geometry)
    lung = line_integrals(Field(lung_mask(structures).astype(np.float32), structures.affine), geometry)
    primary = transmit(maps, SPECTRA["chest PA"], CESIUM_IODIDE)
    spine = (maps["cortical bone"] > 1.5) & (lung < 30)
    for grid in (False, True):
        share = scatter_fraction(primary, scatter(primary, geometry.pitch_mm[0], grid=grid))
        print(f"grid {grid}: lung {np.median(share[lung > 120]):.2f}, spine {np.median(share[spine]):.2f}")


def _best(run: Callable[[], object], times: int = 5) -> float:
    took = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        took.append(time.perf_counter() - start)
    return min(took)


def speed() -> None:
    """Time of a film of 1024 x 1024 and of its parts, best of five."""
    _, _, materials, geometry = _chest(1024)
    start = time.perf_counter()
    maps = materials.maps(geometry)
    print(f"projecting two materials, first call: {time.perf_counter() - start:.2f} s")
    print(f"projecting two materials: {_best(lambda: materials.maps(geometry), 2):.2f} s")
    three = {**maps, "titanium": np.full(geometry.shape, 0.1, np.float32)}
    print(f"transmission of three materials: {_best(lambda: transmit(three, SPECTRA['chest PA'])):.3f} s")
    print(f"from maps to film: {_best(lambda: film(maps, geometry, exposure=EXPOSURES['PA'])):.2f} s")
    print(f"from materials to film: {_best(lambda: film(materials, geometry), 2):.2f} s")


PARTS = {"conventions": conventions, "beams": beams, "dual": dual, "scatter": scattered, "speed": speed}

if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        print(f"\n## {part}")
        PARTS[part]()
