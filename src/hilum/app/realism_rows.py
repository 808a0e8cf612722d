"""The rows of the realism page: measures of real and virtual films, feature distances, a judge, the ablation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.app.realism_arms import ARMS, RAW, arm
from hilum.app.realism_films import Shadow
from hilum.core.errors import InputError
from hilum.learn.tell_apart import told_apart
from hilum.measure.features import features, squeeze
from hilum.measure.realism import flat_lung_snr, grey_quantiles
from hilum.measure.realism_match import look, matched
from hilum.measure.realism_sets import Distances, above_floor, distances, gap
from hilum.measure.realism_shape import lung_contrast, lung_shape
from hilum.measure.spectrum import radial_spectrum_slope
from hilum.phantom.imaging_store import load_shot
from hilum.phantom.patient import Pose
from hilum.systems.embedded import Embedded

SLOPE, WITHIN = (-3.1, -2.6), 1.0
MEASURES: Mapping[str, tuple[str, str]] = {
    "slope": ("Radial spectrum slope, 4 to 64 cycles", "-3.1 to -2.6"),
    "snr": ("Flat-lung SNR", "none: read it with the slope"),
    "tone": ("Tone: distance from the mean real grey levels", "none"),
    "read": ("Read as a frontal chest film by the embedded model", "none"),
    "area": ("Lung area over frame, embedded model's lungs", "within 1 SD"),
    "aspect": ("Lung box height over width, same lungs", "none"),
    "width": ("Lung box width over frame, same lungs", "none"),
    "ctr": ("Cardiothoracic ratio by one network trained on other virtual patients", "within 1 SD"),
    "contrast": ("Mediastinum over lung, same lungs", "none"),
    "drawn area": ("Lung area over frame, outlines by people and rays", "within 1 SD"),
    "drawn aspect": ("Lung box height over width, same outlines", "none"),
    "drawn width": ("Lung box width over frame, same outlines", "none"),
}
"""What each row is called, and its target."""
Rows = dict[str, NDArray[np.float64]]
Say = Callable[[str], None]


def measures(films: Sequence[Shadow], tones: NDArray[np.float64], *, reader: Embedded) -> Rows:
    """Return every measure (N,) of films by its key; NaN where a film has none, e.g. lungs of one that is not read.

    Args:
        films: of one set.
        tones: mean grey quantiles of the real films.
        reader: outlines lungs on both sets alike.
    """
    rows = [_of(film, tones, reader) for film in films]
    return {key: np.array([row.get(key, np.nan) for row in rows]) for key in MEASURES}


def _of(film: Shadow, tones: NDArray[np.float64], reader: Embedded) -> dict[str, float]:
    levels, said = grey_quantiles(film.pixels), reader.assess(film.pixels)
    found = {"tone": float(np.abs(levels - tones).mean()), "read": float(said.view in ("PA", "AP"))}
    measured: dict[str, Callable[[], float]] = {
        "slope": lambda: radial_spectrum_slope(film.pixels), "snr": lambda: flat_lung_snr(film.pixels),
    }  # fmt: skip
    lungs = said.lungs
    if lungs is not None and lungs.any():
        measured |= {
            "contrast": lambda: lung_contrast(film.pixels, lungs),
        }
    found |= {key: _or_nan(measure) for key, measure in measured.items()}
    for name, mask in (("", lungs), ("drawn ", film.lungs)):
        if mask is not None and mask.any():
            found |= {f"{name}{key}": value for key, value in asdict(lung_shape(mask)).items()}
    return found


def _or_nan(measure: Callable[[], float]) -> float:
    """What a film measures; NaN where it has nothing to measure, and its row tells how many have."""
    try:
        return measure()
    except InputError:
        return float("nan")


def compare(
    key: str, real: tuple[Rows, Sequence[str]], made: Mapping[str, tuple[Rows, Sequence[str]]]
) -> dict[str, Any]:
    """Return one row as JSON: the real films' spread, and each set's with its gap in real SDs and p."""
    name, target = MEASURES[key]
    found: dict[str, Any] = {"key": key, "measure": name, "target": target, "sets": {}}
    for label, (rows, patients) in made.items():
        each = gap((real[0][key], real[1]), (rows[key], patients))
        found["real"] = asdict(each.real)
        mean, steps = each.made.mean.value, each.in_sd
        met = SLOPE[0] <= mean <= SLOPE[1] if key == "slope" else abs(steps) <= WITHIN
        has = target[:4] != "none" and isfinite(mean)
        found["sets"][label] = {**asdict(each.made), "in_sd": steps, "p": each.p, "met": bool(met) if has else None}
    return found


def arms(films: Sequence[Shadow], *, say: Say) -> dict[str, list[Shadow]]:
    """Return the films that have a stored shot exposed anew in every arm; empty lists without shots."""
    found: dict[str, list[Shadow]] = {name: [] for name in ARMS}
    for number, film in enumerate(films):
        if film.shot:
            shot, pose = load_shot(film.shot), Pose(**film.pose)
            for name in ARMS:
                found[name].append(Shadow(arm(shot, pose, name), film.patient, film.name, film.view))
            if number % 20 == 19:
                say(f"exposed {number + 1} of {len(films)} again")
    return found


def ablation(made: Mapping[str, Sequence[Shadow]], far: Mapping[str, Distances]) -> list[dict[str, Any]]:
    """Return what each arm does to spectrum slope, flat-lung SNR and distance from real films."""
    found = []
    for name, films in made.items():
        slopes = [radial_spectrum_slope(film.pixels) for film in films]
        grains = np.array([_or_nan(partial(flat_lung_snr, film.pixels)) for film in films])
        each = {"arm": name, "n": len(films), "slope": float(np.mean(slopes)), "slope sd": float(np.std(slopes)),
                "snr": float(np.median(grains[np.isfinite(grains)]))}  # fmt: skip
        found.append({**each, "fid": asdict(far[name].values["fid"]), "share": above_floor(dict(far), name)})
    return found


def far(real: Sequence[Shadow], sets: Mapping[str, Sequence[Shadow]], *, seed: int = 0) -> dict[str, Distances]:
    """Return feature distances of sets of films from real ones by the package's own network, with the floor."""
    rows = {name: features([film.pixels for film in films]) for name, films in sets.items()}
    return distances(features([f.pixels for f in real]), [f.patient for f in real], rows, seed=seed)


def far_rows(found: Mapping[str, Distances]) -> list[dict[str, Any]]:
    """Return distances as JSON rows, each with its share of the way from floor to raw line integrals."""
    return [
        {"set": name, "n": each.count, **{key: asdict(value) for key, value in each.values.items()},
         "share": above_floor(dict(found), name) if RAW in found else float("nan")}
        for name, each in found.items()
    ]  # fmt: skip


def judged(
    real: Sequence[Shadow], sets: Mapping[str, Sequence[Shadow]], *, steps: int, say: Say, seed: int = 0
) -> list[dict[str, Any]]:
    """Return how well a small network tells each set from real films, as they are and with spectrum and tone matched.

    As they are only the first set is judged.

    The last row is the control: real films of some patients against those of others.
    """
    like = look([film.pixels for film in real])
    every = {"real": real, **sets}
    whose = {name: [film.patient for film in films] for name, films in every.items()}
    found: list[dict[str, Any]] = []
    for matching in (False, True):
        shown = {
            name: np.stack([matched(film.pixels, like) if matching else squeeze(film.pixels) for film in films])
            for name, films in every.items()
        }
        for name in sets if matching else list(sets)[:1]:
            say(f"telling {name} from real films, {'matched' if matching else 'as they are'}")
            auroc = told_apart(shown["real"], shown[name], whose["real"], whose[name], steps=steps, seed=seed)
            found.append({"set": name, "matched": matching, "n": len(sets[name]), "auroc": asdict(auroc)})
    half = len(real) // 2
    auroc = told_apart(
        shown["real"][:half], shown["real"][half:], whose["real"][:half], whose["real"][half:], steps=steps, seed=seed
    )
    return [*found, {"set": "real films, halved", "matched": True, "n": half, "auroc": asdict(auroc)}]
