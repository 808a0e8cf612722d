"""What a projection law leaves of a finding: contrast to noise of findings put into a CT, law beside law.

Contrast is the mean change of the line integral over the finding's shadow; noise is the anatomy around it: the standard
deviation, where the beam crosses more than 60 mm of lung, of the line integral less its 10 mm Gaussian. Parallel
beams from front to back on a 2 mm grid. Bodies are the CT itself, its mirror image and warps of it, so that the answer
does not hang on one chest; all come from one patient, and the intervals are over bodies and places.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from hilum.core.seed import generator
from hilum.drr.attenuation import attenuation
from hilum.measure.claim import Claim, Judged, judge
from hilum.measure.scored import Scored, averaged, signature
from hilum.phantom.lesions import Lesion, blob, lung, pneumothorax
from hilum.phantom.warp import Body, draw_warp, warped
from hilum.systems._drr_rate_render import THRESHOLD_HU

Floats = NDArray[np.float32]
Law = Callable[[Floats], Floats]
LINEAR, FLOORED, THRESHOLD = "linear mu", "floor -800 HU", "threshold -100 HU"
LAWS: Mapping[str, Law] = {
    LINEAR: attenuation,
    FLOORED: lambda hu: np.maximum(hu, np.float32(-800.0)),
    THRESHOLD: lambda hu: np.maximum(hu - np.float32(THRESHOLD_HU), np.float32(0.0)),
}
"""HU to what is summed along a ray; only the shape matters, since contrast over noise has no unit."""
BLOBS: Mapping[str, tuple[float, float, bool]] = {
    "ground glass, 40 mm": (40.0, -600.0, True), "ground-glass nodule, 10 mm": (10.0, -600.0, True),
    "bulla, 60 mm": (60.0, -980.0, False), "consolidation, 40 mm": (40.0, 30.0, False),
    "solid nodule, 10 mm": (10.0, 40.0, False),
}  # fmt: skip
"""Name -> diameter in mm, HU, and whether vessels stay visible."""
RIM = "pneumothorax, 16 mm rim"
_ERASED = {"ground glass, 40 mm": "ground glass", RIM: "pneumothorax", "bulla, 60 mm": "emphysema (a bulla)"}
FIFTH = "a fifth of linear mu's"
METRIC = "contrast to noise"
CLAIMS = tuple(
    Claim(f"the threshold erases {said}: under a fifth of the contrast is left", FIFTH, THRESHOLD, METRIC, (LINEAR,))
    for said in _ERASED.values()
)


def noise(body: Body, law: Law) -> float:
    """Return the standard deviation of local anatomy inside the lung field, in the law's unit times voxels."""
    summed = law(body.volume.voxels).sum(axis=1, dtype=np.float64)
    local = summed - gaussian_filter(summed, 10.0 / body.spacing_mm)
    return float(local[body.mask("lung").sum(axis=1) * body.spacing_mm > 60.0].std())


def contrast(before: Body, lesion: Lesion, law: Law) -> float:
    """Return the mean change of the line integral over the shadow of a finding, in the law's unit times voxels."""
    changed = np.argwhere(lesion.body.volume.voxels != before.volume.voxels)
    box = tuple(slice(a, b + 1) for a, b in zip(changed.min(axis=0), changed.max(axis=0), strict=True))
    change = law(lesion.body.volume.voxels[box]) - law(before.volume.voxels[box])
    return float(change.sum(axis=1, dtype=np.float64)[lesion.mask[box].any(axis=1)].mean())


def bodies(base: Body, count: int, *, seed: int) -> dict[str, Body]:
    """Return the CT itself, its mirror image and warps of it, every other one mirrored too, by name."""
    found = {"as scanned": base, "mirrored": warped(base, draw_warp(base, seed, "mirror", amount=0.0, mirror=True))}
    for number in range(2, count):
        found[f"warp {number}"] = warped(base, draw_warp(base, seed, f"contrast {number}", mirror=bool(number % 2)))
    return dict(list(found.items())[:count])


def measured(base: Body, *, count: int, places: int, seed: int) -> tuple[list[str], dict[str, dict[str, list[float]]]]:
    """Return the body of each item, and contrast to noise by finding and law, one value for each item.

    Args:
        base: the CT on a grid.
        count: bodies.
        places: where each blob is put in a body, at least 2; the rim has two, one for each lung.
        seed: of bodies and places.
    """
    items: list[str] = []
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for name, body in bodies(base, count, seed=seed).items():
        sides = lung(body, "right") | lung(body, "left")
        about = {law: noise(body, of) for law, of in LAWS.items()}
        spots = np.argwhere(sides)[generator(seed, "places", name).integers(0, int(sides.sum()), places)]
        for number, spot in enumerate(spots):
            items.append(name)
            at = (int(spot[0]), int(spot[1]), int(spot[2]))
            put = {what: blob(body, at, diameter_mm=d, hu=hu, within=sides, veil=veil)
                   for what, (d, hu, veil) in BLOBS.items()}  # fmt: skip
            if number < 2:
                put[RIM] = pneumothorax(body, "left" if number else "right", rim_mm=16.0, even=True)
            for what in (*BLOBS, RIM):
                for law, of in LAWS.items():
                    value = contrast(body, put[what], of) / about[law] if what in put else float("nan")
                    found[what][law].append(value)
    return items, found


def judge_contrast(
    base: Body, *, seed: int, seeds: int, count: int = 6, places: int = 5, say: Callable[[str], None]
) -> tuple[list[Judged], list[str]]:
    """Judge what the threshold erases; returns the judged claims and a table for people."""
    trials: dict[str, dict[str, list[Scored]]] = defaultdict(lambda: defaultdict(list))
    signed: dict[str, dict[str, list[Scored]]] = defaultdict(lambda: defaultdict(list))
    items: list[str] = []
    for number in range(seeds):
        say(f"contrast of findings: draw {number + 1} of {seeds}, {count} bodies, {places} places in each")
        items, found = measured(base, count=count, places=places, seed=seed + number)
        for what, laws in found.items():
            for law, values in laws.items():
                line = signature(METRIC, 1, law=law.replace(" ", "_"))
                signed[what][law].append(averaged(METRIC, values, line))
                trials[what][law].append(averaged(METRIC, np.abs(values), line))
            fifth = signature(METRIC, 1, law=FIFTH.replace(" ", "_"))
            trials[what][FIFTH].append(averaged(METRIC, np.abs(laws[LINEAR]) / 5, fifth))
    parts = [judge(claim, trials[what], items, seed=seed) for what, claim in zip(_ERASED, CLAIMS, strict=True)]
    lines = [f"contrast to noise, mean of {seeds} draws of {count} bodies (the CT, its mirror image, warps) and "
             f"{places} places in each:", f"{'':28}" + "".join(f"{law:>26}" for law in LAWS)]  # fmt: skip
    for what, runs in signed.items():
        each = {law: [*runs[law]] for law in LAWS}
        arms = judge(Claim("", LINEAR, THRESHOLD, METRIC), each, items, seed=seed, deterministic=True).arms
        lines.append(f"{what:28}" + "".join(f"{arms[law]!s:>26}" for law in LAWS))
    return parts, lines
