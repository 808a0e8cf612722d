"""The surface class on a real lung: distance to the pleura in the example CT, under processes that are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy.ndimage import distance_transform_edt, find_objects

from hilum.core.image import Volume
from hilum.data.chest_ct import chest_ct, chest_structures
from hilum.measure.claim import Claim, Judged
from hilum.measure.size_adjusted import ADJUSTED, MATCHED, RAW
from hilum.measure.surroundings import Lung, Tubes
from hilum.measure.surroundings_masks import airways, lungs, trachea_seed
from hilum.systems._nodule_judge import Columns, judged
from hilum.systems._nodule_places import BOTH, NEAR, NULL, PLEURA_FALL_MM, SIZE, Layout, Site, even_pool, place

NAME = "near pleura"
BESIDE = (
    Claim("(beside, example CT) nearness to the pleura is found", NEAR, NULL, RAW, (SIZE,)),
    Claim("(beside, example CT) it is found beyond size", BOTH, SIZE, MATCHED, (NULL,)),
    Claim("(beside, example CT) it is found beyond size in a regression", BOTH, SIZE, ADJUSTED, (NULL,)),
)


def judge_surface(
    given: Layout, *, seed: int, seeds: int, say: Callable[[str], None]
) -> tuple[list[Judged], list[Mapping[str, Columns]], list[str]]:
    """Place nodules in the example CT's lungs and see whether nearness to the pleura is recovered.

    Returns:
        Judged comparisons, the measured columns of every seed, and lines for people.

    Raises:
        MissingError: if the example CT is not installed.
    """
    say("reading the example CT and its lungs")
    volume, structures = chest_ct(), chest_structures()
    told = np.isin(structures.ids, structures.wanted(["lung"]))
    box = find_objects(told.astype(np.uint8))[0]
    thin = (slice(None, None, 2), slice(None, None, 2), slice(None))
    lung = np.pad(told[box][thin], 2)
    spacing = volume.spacing_mm
    coarse = (2 * spacing[0], 2 * spacing[1], spacing[2])
    none = Tubes(np.zeros(lung.shape, dtype=bool), coarse)
    depth = distance_transform_edt(lung, sampling=coarse)
    runs: list[Mapping[str, Columns]] = []
    for number in range(seeds):
        pool = even_pool(lung, coarse, seed + number, 0)
        away = depth[tuple(np.rint(pool / coarse).astype(int).T)]
        near = np.exp(-away / PLEURA_FALL_MM)
        site = Site(Lung(lung, none, none, coarse), pool, near / near.sum())
        runs.append(place(given, [site], seed=seed + number, say=say, doing=f"example CT, seed {number + 1}, "))
    parts = judged(runs, given.malignant, given.patients.tolist(), [(NAME, claim) for claim in BESIDE], seed=seed)
    return parts, runs, segmentation_lines(volume, told)


def segmentation_lines(volume: Volume, told: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> list[str]:
    """Return what our own segmentation makes of the example CT, beside the lungs of its structures."""
    ours = lungs(volume)
    dice = 2 * float((ours & told).sum()) / float(ours.sum() + told.sum())
    box = find_objects(ours.astype(np.uint8))[0]
    seed = trachea_seed(volume, ours)
    inner = tuple(at - part.start for at, part in zip(seed, box, strict=True))
    grown = airways(volume.voxels[box], volume.spacing_mm, inner)
    size = float(grown.mask.sum()) * float(np.prod(volume.spacing_mm)) / 1000
    gap = distance_transform_edt(~grown.mask, sampling=volume.spacing_mm)[told[box]].mean()
    last = f"the next threshold leaked: {list(grown.tried_ml.values())[-1]:.0f} ml" if grown.leaked else "no leak"
    return [
        f"example CT: our lungs against its structures, Dice {dice:.3f}; airways grown to {size:.0f} ml at "
        f"{grown.threshold_hu:.0f} HU ({last}); mean distance of lung voxels to them {gap:.0f} mm"
    ]
