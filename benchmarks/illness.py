"""What illnesses and devices cost on the 2 mm body of the example CT, what they measure, and how they look.

    python benchmarks/illness.py [--spacing 2] [--sheet illness.png]

Prints a row per concept: CPU seconds of one placing (best of three, caches of the body warm), whether it is labelled
at a severity of 0.6, and its quantities. With --sheet, one frontal film of each is written as thumbnails.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from hilum.data.chest_ct import chest_ct, chest_structures
from hilum.drr.film import film
from hilum.drr.framing import body_mask, chest_geometry
from hilum.drr.insert import insert
from hilum.drr.lines import carina
from hilum.drr.materials import decompose
from hilum.io.png import save_png
from hilum.phantom.illness import catalogue, place
from hilum.phantom.patient import Anatomy, Person, Placed, Plan
from hilum.phantom.warp import cardiothoracic_ratio, resampled

SEVERITY, SIDE, SEED, COLUMNS = 0.6, "left", 1, 6


def anatomy(spacing_mm: float) -> Anatomy:
    """Return the example CT without its table, as an anatomy."""
    volume = chest_ct()
    body = resampled(volume, chest_structures(), spacing_mm=spacing_mm)
    body = body.with_hu(np.where(body_mask(body.volume), body.volume.voxels, np.float32(-1000.0)))
    log = {"ctr": cardiothoracic_ratio(body)}
    return Anatomy(body, Person("male", 60.0, 175.0, 26.0), "warped", carina(body.structures), log=log)


def timed(base: Anatomy, plan: Plan) -> tuple[float, Anatomy, Placed]:
    """Return the CPU seconds of a placing, and what came of it."""
    best = np.inf
    for _ in range(3):
        start = time.process_time()
        ill, (one,) = place(base, [plan])
        best = min(best, time.process_time() - start)
    return best, ill, one


def picture(ill: Anatomy, one: Placed, size: int = 320) -> np.ndarray:
    """Return a frontal film (size, size) uint8."""
    matter = decompose(ill.body.volume, structures=ill.body.structures).extended(60.0)
    geometry = chest_geometry(matter, ill.body.structures, size=size)
    maps, _ = insert(matter.maps(geometry), one.things, geometry, volume=ill.body.volume, fine=2)
    pixels = film(maps, geometry).image.pixels
    return np.asarray(255.0 * np.clip(pixels, 0.0, 1.0), np.uint8)


def main() -> None:
    """Print the table, and write the sheet if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spacing", type=float, default=2.0)
    parser.add_argument("--sheet", type=Path)
    given = parser.parse_args()
    base = anatomy(given.spacing)
    tiles = []
    print("| concept | CPU s | severity is worth | labelled from | measured at 0.6 |\n|---|---|---|---|---|")
    for name, entry in catalogue().items():
        plan = Plan("one", name, SEVERITY, SIDE if SIDE in entry.sides else "", seed=SEED)
        seconds, ill, one = timed(base, plan)
        least = f"{entry.measure} {'>' if entry.above else '>='} {entry.least:g}" if entry.measure else "there"
        least += "".join(f" ({view}: {value:g})" for view, value in entry.by_view.items())
        measured = ", ".join(f"{key} {value:.3g}" for key, value in one.measures.items())
        print(f"| {name} | {seconds:.2f} | {entry.means} | {least} | {measured} |")
        if given.sheet:
            tiles.append(picture(ill, one))
    if given.sheet:
        tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % COLUMNS)
        rows = [np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)]
        save_png(np.vstack(rows), given.sheet)


if __name__ == "__main__":
    main()
