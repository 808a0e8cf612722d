"""Recover known poses of the example CT from made films: python benchmarks/registration.py [--seeds 10] [--picture].

Each film is rendered from the full CT at its own pixel size, turned and shifted at random, given quantum noise and a
nonlinear tone curve, and for every other seed inverted without saying so. Films are collimated to 290 mm, so that
the ends of the CT, which no real film shows, lie outside. Errors: angle between the true and the
found rotation; shift in the film's plane and along the beam; and how far the patient's points land, on average,
from where they should on the film (at the isocentre's scale).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from hilum.core.image import Image
from hilum.core.seed import generator
from hilum.data.chest_ct import chest_ct
from hilum.drr.attenuation import mu_map
from hilum.drr.field import Field
from hilum.drr.geometry import Geometry
from hilum.drr.project import film_geometry
from hilum.drr.register import Registration, register_film
from hilum.drr.render import line_integrals

VIEWS = {"PA": ("PA",), "PA + LL": ("PA", "LL")}


def posed(geometry: Geometry, rotation: Rotation, shift: np.ndarray) -> Geometry:
    """Return the geometry a patient sees who turns by `rotation` and moves by `shift` (mm)."""
    return geometry.turned(tuple(rotation.as_euler("xyz", degrees=True)), tuple(shift))


def expose(integrals: np.ndarray, draw: np.random.Generator, *, inverted: bool) -> np.ndarray:
    """Return a film of line integrals: photons, their noise, a logarithm and an S-shaped tone curve."""
    photons = draw.poisson(3e4 * np.exp(-0.9 * integrals)) + 1.0
    density = -np.log(photons / 3e4)
    middle, width = np.percentile(density, 60), np.ptp(np.percentile(density, (10, 95))) / draw.uniform(3.0, 6.0)
    tone = 1.0 / (1.0 + np.exp(-(density - middle) / width))
    tone = tone ** draw.uniform(0.7, 1.4) + draw.normal(0, 0.01, tone.shape)
    return np.rint((1.0 - tone if inverted else tone) * 4095)


def errors(found: Registration, rotation: Rotation, shift: np.ndarray, field: Field, nominal: Geometry) -> Any:
    """Return (rotation degrees, in-plane mm, along-beam mm, mean projected mm)."""
    guess = Rotation.from_rotvec(found.rotation_deg, degrees=True)
    beam = nominal.normal
    miss = np.asarray(found.shift_mm) - shift
    points = np.argwhere(np.ones((5, 5, 5))) / 4 * (np.array(field.shape) - 1)
    points = points @ field.affine[:3, :3].T + field.affine[:3, 3]
    points = nominal.isocentre + (points - nominal.isocentre) * 0.7
    true = posed(nominal, rotation, shift)
    apart = (found.geometry.shadow(points) - true.shadow(points)) * nominal.pitch_mm / nominal.magnification
    return (
        np.degrees((guess * rotation.inv()).magnitude()), np.linalg.norm(miss - beam * (miss @ beam)),
        abs(miss @ beam), np.linalg.norm(apart, axis=1).mean(),
    )  # fmt: skip


def trial(
    field: Field, seed: int, views: tuple[str, ...], *, field_mm: float = 290.0
) -> tuple[Any, Registration, list[Image], list[Geometry]]:
    """Make films from a random pose and find it again; returns errors, result, films, geometries, CPU seconds."""
    draw = generator(seed, "registration benchmark")
    angles, shift = draw.uniform(-10, 10, 3), draw.uniform(-30, 30, 3)
    rotation = Rotation.from_euler("xyz", angles, degrees=True)
    films, nominal = [], []
    for view in views:
        size = int(draw.integers(500, 900))
        geometry = film_geometry(field, view=view, size=(size, size), field_mm=field_mm)  # type: ignore[arg-type]
        pixels = expose(line_integrals(field, posed(geometry, rotation, shift)), draw, inverted=bool(seed % 2))
        films.append(
            Image(pixels, view=view, spacing_mm=geometry.pitch_mm, spacing_plane="detector",  # type: ignore[arg-type]
                  orientation=geometry.orientation, id=f"{view} {seed}", synthetic=True)
        )  # fmt: skip
        nominal.append(geometry)
    began = time.process_time()
    found = register_film(films, field, seed=seed)
    return errors(found, rotation, shift, field, nominal[0]), found, films, nominal, time.process_time() - began


def picture(film: Image, before: np.ndarray, after: np.ndarray, path: Path) -> None:
    """Save the film, and over it the projection before and after: film red, projection cyan, a match grey."""
    from PIL import Image as Picture

    def equal(pixels: np.ndarray) -> np.ndarray:
        order = pixels.ravel().argsort().argsort().reshape(pixels.shape)
        return order / max(1, order.size - 1)

    shown = equal(film.pixels)
    panels = [np.stack([shown] * 3, -1)]
    panels += [np.stack([shown, equal(drr), equal(drr)], -1) for drr in (before, after)]
    gap = np.ones((shown.shape[0], 8, 3))
    row = np.concatenate([panels[0], gap, panels[1], gap, panels[2]], 1)
    Picture.fromarray((row * 255).astype(np.uint8)).save(path)


def main() -> None:
    """Print the errors of every seed, and their distribution."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seeds", type=int, default=10)
    options.add_argument("--picture", type=Path, help="save the first PA film, before and after, as PNG")
    chosen = options.parse_args()
    torch.set_num_threads(1)  # pictures this small gain nothing from more, and wait for them on a busy machine
    field = mu_map(chest_ct())
    for name, views in VIEWS.items():
        rows = []
        print(f"\n{name}: seed, rotation deg, in plane mm, along beam mm, on the film mm, likeness, inverted, CPU s")
        for seed in range(chosen.seeds):
            wrong, found, films, nominal, seconds = trial(field, seed, views)
            rows.append(wrong)
            numbers = ", ".join(f"{value:.2f}" for value in wrong)
            print(f"{seed}: {numbers}, {found.similarity:.3f}, {found.inverted}, {seconds:.1f}", flush=True)
            if chosen.picture and seed == 0 and name == "PA":
                before, after = (line_integrals(field, one) for one in (nominal[0], found.geometry))
                picture(films[0], before, after, chosen.picture)
        table = np.array(rows)
        good = ((table[:, 0] <= 1) & (table[:, 1] <= 2)).sum()
        for label, share in (("median", 50), ("90th percentile", 90), ("worst", 100)):
            print(f"{label}: " + ", ".join(f"{value:.2f}" for value in np.percentile(table, share, axis=0)))
        print(f"within 1 degree and 2 mm in plane: {good} of {len(table)}")


if __name__ == "__main__":
    main()
