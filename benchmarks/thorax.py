"""What made thoraces measure on their own masks, by sex, and what one costs on one core.

python benchmarks/thorax.py [--people 40] [--seed 7] [--film PNG]
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from PIL import Image

from hilum.core.geometry import View
from hilum.drr.film import EXPOSURES, film
from hilum.drr.materials import decompose
from hilum.drr.project import film_geometry
from hilum.phantom.imaging_arms import raised
from hilum.phantom.person import draw_person
from hilum.phantom.thorax import draw_thorax

_VIEWS: tuple[tuple[View, str], ...] = (("PA", "PA"), ("LL", "lateral"))


def films(seed: int, people: tuple[str, ...], place: str) -> None:
    """Write PA and lateral films of people, one row each, as a PNG."""
    rows = []
    for name in people:
        anatomy = draw_thorax(draw_person(seed, name), spacing_mm=1.0, seed=seed, patient=name)
        row = []
        for view, exposure in _VIEWS:
            body = raised(anatomy, view, seed=seed)
            materials = decompose(body.volume, structures=body.structures)
            geometry = film_geometry(body.volume, view=view, size=448, field_mm=430)
            row.append(film(materials, geometry, exposure=EXPOSURES[exposure], seed=seed).image.pixels)
        rows.append(np.hstack(row))
    Image.fromarray(np.rint(255 * np.clip(np.vstack(rows), 0, 1)).astype(np.uint8)).save(place)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--film", help="write films of two people here and stop")
    asked = parser.parse_args()
    if asked.film:
        films(asked.seed, ("p0", "p3"), asked.film)
        return
    rows: dict[str, list[list[float]]] = {"male": [], "female": []}
    for n in range(asked.people):
        person = draw_person(asked.seed, f"p{n}")
        made = draw_thorax(person, spacing_mm=3.0, seed=asked.seed, patient=f"p{n}")
        lungs = made.log["lungs_ml"]
        total = sum(lungs.values())
        right = sum(volume for name, volume in lungs.items() if name.endswith("right"))
        gap = made.log["dome_right_mm"] - made.log["dome_left_mm"]
        error = abs(made.log["ctr"] - made.log["ctr_wanted"])
        rows[person.sex].append([total / 1000, 100 * right / total, made.log["ctr"], error, gap])
    print(f"{'':8}{'n':>4}{'lungs l':>16}{'right %':>14}{'CTR':>16}{'CTR error, most':>17}{'dome gap mm':>16}")
    for sex, found in rows.items():
        mean, spread = np.mean(found, axis=0), np.std(found, axis=0)
        print(
            f"{sex:8}{len(found):4}{mean[0]:9.2f} ± {spread[0]:4.2f}{mean[1]:8.1f} ± {spread[1]:3.1f}"
            f"{mean[2]:9.3f} ± {spread[2]:.3f}{np.max(found, axis=0)[3]:17.4f}{mean[4]:10.1f} ± {spread[4]:.1f}"
        )
    for spacing, count in ((2.0, 6), (1.0, 2)):
        person = draw_person(asked.seed, "cost")
        draw_thorax(person, spacing_mm=spacing, seed=asked.seed, patient="cost")  # compiled, and the texture made
        start = time.process_time()
        for n in range(count):
            draw_thorax(person, spacing_mm=spacing, seed=asked.seed, patient=f"cost {n}")
        first = (time.process_time() - start) / count
        start = time.process_time()
        draw_thorax(person, spacing_mm=spacing, seed=asked.seed, patient="cost 0", inspiration=0.9)
        print(f"{spacing:g} mm: {first:.2f} s of CPU a body, {time.process_time() - start:.2f} s for its next visit")


if __name__ == "__main__":
    main()
