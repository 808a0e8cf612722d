"""Adult opacity: what a reader of virtual patients sees of it, and what its features add to few real films."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.measure.claim import Claim, Judged, judge
from hilum.measure.scored import Scored, signature
from hilum.measure.stats import auroc_interval
from hilum.systems._drr_rate_real import mean_within
from hilum.systems._virtual_claims import few_name
from hilum.systems._virtual_films import LESIONS, MASKS, Floats
from hilum.systems._virtual_real import Real, halves, some

if TYPE_CHECKING:
    from hilum.nets.unet import LiteUNet

VIRTUAL, CHANCE = "virtual patients alone", "chance"
WITHIN = "AUROC within view"
FEW, WEIGHTS = (25, 100, 400), (0.1, 0.01, 0.001, 0.0001)
OPACITY = Claim("opacity on films that radiologists read is found by virtual patients alone", VIRTUAL, CHANCE, WITHIN)
AIRSPACE = ("consolidation", "edema")
SHOWN: tuple[tuple[str, tuple[str, ...]], ...] = tuple(
    (how, names) for how in ("brightest", "share") for names in (("consolidation",), AIRSPACE, (*AIRSPACE, "effusion"),
                                                                 tuple(LESIONS))
)  # fmt: skip
"""Ways to score a film by the maps of lesions: the mean of the surest hundredth, or the sum for each pixel of lung."""
Say = Callable[[str], None]
Scores = NDArray[np.float64]


def added(counts: Sequence[int] = FEW) -> list[Claim]:
    """Return the claims that virtual patients add to some real films."""
    return [Claim(f"virtual patients add to {n} real films for opacity", few_name(n, True), few_name(n, False), WITHIN)
            for n in counts]  # fmt: skip


def auroc(real: Real, score: Scores) -> Scored:
    """Return the AUROC over pairs of films of one source and view: how a film was taken tells how ill a patient is."""
    return mean_within(real.strata, real.truth[:, None], score[:, None], (0,), metric=WITHIN)


def chance(count: int) -> Scored:
    """Return what guessing comes to on every draw of patients."""
    return Scored(WITHIN, np.full(count, np.nan), lambda weights: np.full(len(weights), 0.5), signature(WITHIN, 1))


def shown(maps: Floats, how: str, names: Sequence[str]) -> Scores:
    """Return a score of each film from a reader's probabilities (N, C, S, S), columns as `MASKS`."""
    lesion = maps[:, [MASKS.index(name) for name in names]].max(axis=1).reshape(len(maps), -1).astype(np.float64)
    if how == "brightest":
        count = max(1, lesion.shape[1] // 100)
        return np.asarray(np.partition(lesion, -count, axis=1)[:, -count:].mean(axis=1))
    lungs = maps[:, MASKS.index("lung fields")].reshape(len(maps), -1)
    return np.asarray(lesion.mean(axis=1) / (lungs.mean(axis=1) + 0.05))


def judge_opacity(
    readers: Sequence[LiteUNet], mined: Real, read: Real, *, seed: int, few: Sequence[int] = FEW, say: Say,
    half: str = "judge",
) -> tuple[list[Judged], list[str]]:  # fmt: skip
    """Score films that radiologists read by maps of lesions, and by features that few real films are told about.

    Args:
        readers: that saw virtual patients alone, of each seed.
        mined: real films with text-mined labels to learn from.
        read: real films that were read, of other patients; one half of those is chosen by, the other judged.
        seed: of the bootstrap and the halves.
        few: how many real films to learn from.
        say: told what is being done.
        half: of the films that were read to judge: 'judge', or 'dev' while something is being chosen.
    """
    from hilum.learn.segment import read_masks

    dev, judged = halves(read, seed=0)
    if half == "dev":
        dev, judged = judged, dev
    counts = sorted({min(n, len(mined)) for n in few})
    maps = [(read_masks(net, dev.films), read_masks(net, judged.films)) for net in readers]
    table = [np.mean([auroc(dev, shown(on_dev, *way)).value for on_dev, _ in maps]) for way in SHOWN]
    best = SHOWN[int(np.argmax(table))]
    plain = [shown(on_judged, *best) for _, on_judged in maps]
    trials = _probed(readers, mined, dev, judged, counts, seed=seed, say=say)
    trials[VIRTUAL] = [auroc(judged, score) for score in plain]
    trials[CHANCE] = [chance(len(judged))]
    parts = [judge(claim, {name: trials[name] for name in (claim.arm, claim.better_than)}, judged.patients, seed=seed)
             for claim in (OPACITY, *added(counts))]  # fmt: skip
    pooled = auroc_interval(judged.truth, np.mean(plain, axis=0), judged.patients, seed=seed)
    tried = ", ".join(f"{how} of {'+'.join(names)} {value:.3f}"
                      for (how, names), value in zip(SHOWN, table, strict=True))  # fmt: skip
    return parts, [
        f"{len(judged)} films that radiologists read ({with_it(judged)} with opacity) of {len(set(judged.patients))} "
        f"patients judged; {len(dev)} ({with_it(dev)}) of {len(set(dev.patients))} other patients to choose by; "
        f"{len(mined)} films of yet others with text-mined labels ({with_it(mined)} with one) to learn from",
        f"what scores a film, the {best[0]} of {'+'.join(best[1])}, was chosen on those: AUROC within view of {tried}",
        f"opacity, virtual patients alone, over all pairs of films, views mixed (networks averaged): AUROC {pooled}",
    ]


def _probed(
    readers: Sequence[LiteUNet], mined: Real, dev: Real, judged: Real, counts: Sequence[int], *, seed: int, say: Say
) -> dict[str, list[Scored]]:
    """Fit a linear layer on features of photographs, or of a reader, to some real films at each seed."""
    from hilum.learn.probe import features, probe
    from hilum.nets.vision import Lite0, load_imagenet

    trials: dict[str, list[Scored]] = defaultdict(list)
    photographs = load_imagenet(Lite0())
    plain = {id(real): features(photographs, real.films) for real in (mined, dev, judged)}
    for number, net in enumerate(readers):
        say(f"opacity, seed {seed + number}: {', '.join(few_name(n, True) for n in counts)}")
        seen = {id(real): features(net.encoder, real.films) for real in (mined, dev, judged)}
        for count in counts:
            rows = _rows(mined, count, seed + number)
            for virtual, found in ((False, plain), (True, {key: np.hstack([plain[key], seen[key]]) for key in seen})):
                fits = [probe(found[id(mined)][rows], mined.truth[rows], weight=weight) for weight in WEIGHTS]
                best = max(fits, key=lambda fit: auroc(dev, fit(found[id(dev)])).value)
                trials[few_name(count, virtual)].append(auroc(judged, best(found[id(judged)])))
    return trials


def _rows(mined: Real, count: int, seed: int) -> NDArray[np.intp]:
    numbered = Real(np.arange(len(mined), dtype=np.float32), mined.patients, mined.truth, mined.strata)
    return some(numbered, count, seed=seed).films.astype(np.intp)


def with_it(real: Real) -> int:
    """Return how many films show what is asked for."""
    return int(real.truth.sum())
