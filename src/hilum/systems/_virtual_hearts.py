"""Large hearts, told by a ratio of widths of masks that virtual patients taught."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.measure.claim import Claim, Judged, judge
from hilum.measure.scored import Scored
from hilum.systems._virtual_films import MASKS, Bools
from hilum.systems._virtual_opacity import CHANCE, WITHIN, auroc, chance, with_it
from hilum.systems._virtual_real import Real

if TYPE_CHECKING:
    from hilum.nets.unet import LiteUNet

CTR = "ratio of the masks read"
HEART = Claim("large hearts are found by the cardiothoracic ratio of masks that virtual patients taught", CTR, CHANCE,
              WITHIN)  # fmt: skip


def judge_hearts(readers: Sequence[LiteUNet], real: Real, *, seed: int) -> tuple[list[Judged], list[str]]:
    """Judge whether the ratio of masks read tells films that reports call cardiomegaly."""
    from hilum.learn.segment import read_masks

    trials: dict[str, list[Scored]] = defaultdict(list)
    ratios = [ratio(read_masks(net, real.films) > 0.5) for net in readers]
    for found in ratios:
        trials[CTR].append(auroc(real, found))
    trials[CHANCE].append(chance(len(real)))
    middle = [float(np.median(np.mean(ratios, axis=0)[real.truth == large])) for large in (True, False)]
    return [judge(HEART, trials, real.patients, seed=seed)], [
        f"{len(real)} films of {len(set(real.patients))} patients, {with_it(real)} whose report names cardiomegaly; "
        f"median ratio {middle[0]:.3f} with, {middle[1]:.3f} without"
    ]


def ratio(masks: Bools) -> NDArray[np.float64]:
    """Return width of the heart over that of both lungs, of masks (N, C, S, S); 0 where either is not seen."""
    heart: Bools = np.any(masks[:, MASKS.index("heart")], axis=1)
    lungs: Bools = np.any(masks[:, [MASKS.index("right lung"), MASKS.index("left lung")]], axis=(1, 2))
    return np.array([_width(h) / _width(w) if h.any() and w.any() else 0.0 for h, w in zip(heart, lungs, strict=True)])


def _width(columns: Bools) -> int:
    used = np.flatnonzero(columns)
    return int(used[-1] - used[0] + 1)
