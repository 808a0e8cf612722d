"""DRR-RATE's own experiment on a folder of CTs with labels: DRRs of each convention, one classifier for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.image import Volume
from hilum.core.vocabulary import label_set
from hilum.data.ct import cases_from
from hilum.measure.claim import Claim, Judged, Trials, judge
from hilum.systems._drr_rate_real import mean_within
from hilum.systems._drr_rate_recipe import Recipe, out_of_fold
from hilum.systems._drr_rate_render import DrrRateRendering, eight_bit
from hilum.systems._drr_rate_scans import Scan, cached_films

LABELS = label_set("ct-rate-18").labels
"""The 18 findings of CT-RATE's reports; `label_set("ct-rate-18")` maps them to Hilum's concepts."""
THRESHOLD, LINEAR, SHUFFLED = "threshold -100 HU", "linear mu", "shuffled labels"
_LEAST = 5
COHORT_CLAIMS = (
    Claim("classifiers trained on DRRs of CTs read DRRs of other patients", THRESHOLD, SHUFFLED, "mean AUROC"),
    Claim("linear mu reads CTs' findings better than the threshold", LINEAR, THRESHOLD, "mean AUROC", (SHUFFLED,)),
)


def scans_of(source: str) -> list[Scan]:
    """Return the CTs of 'ct-rate:FOLDER' with their 18 labels; what is not mined as present counts as absent.

    Raises:
        InputError: if the folder is not there or holds no CT-RATE.
    """
    _, cases = cases_from(source)
    return [
        Scan(case.id, case.patient or case.id, tuple(float(name in {f.id for f in case.findings}) for name in LABELS),
             case.volume)
        for case in cases
    ]  # fmt: skip


def renderer(arm: str, size: int) -> Callable[[Volume], NDArray[np.uint8]]:
    """Return what makes the film of an arm out of a CT in HU; both arms share every number but the threshold."""
    threshold = DrrRateRendering().threshold_hu if arm == THRESHOLD else -1000.0
    chosen = DrrRateRendering(threshold_hu=threshold).sized(size)
    return lambda volume: eight_bit(chosen.integrals(volume))


def judge_cohort(
    scans: Sequence[Scan], recipe: Recipe, *, seed: int, seeds: int, cache: str = "", say: Callable[[str], None]
) -> tuple[list[Judged], list[str]]:
    """Train and read out of fold on DRRs of every convention, and judge by a bootstrap over patients.

    Args:
        scans: CTs with the 18 labels.
        recipe: how to train.
        seed, seeds: the first one, and trainings of each arm.
        cache: folder that keeps the films, so that a run that stopped goes on; '' for a temporary one.
        say: told what is being done.

    Raises:
        InputError: if no label has 5 scans with it and 5 without.
    """
    target = np.array([scan.target for scan in scans]) == 1.0
    enough = (target.sum(axis=0) >= _LEAST) & ((~target).sum(axis=0) >= _LEAST)
    columns = [int(k) for k in np.flatnonzero(enough)]
    if not columns:
        raise InputError(f"no label has {_LEAST} CTs with it and {_LEAST} without: give more of them")
    patients = [scan.patient for scan in scans]
    read: dict[str, list[NDArray[np.float64]]] = {THRESHOLD: [], LINEAR: [], SHUFFLED: []}
    with TemporaryDirectory() as spare:
        for arm, runs in read.items():
            kind = LINEAR if arm == LINEAR else THRESHOLD
            folder = Path(cache or spare) / f"{kind.replace(' ', '-')}-{recipe.size}"
            say(f"{arm}: rendering {len(scans)} CTs")
            paths = cached_films(scans, renderer(kind, recipe.size), folder, say=say)
            for number in range(seeds):
                say(f"{arm}: seed {number + 1} of {seeds}")
                runs.append(out_of_fold(scans, paths, recipe, seed=seed + number, shuffled=arm == SHUFFLED, say=say))
    strata = ("",) * len(scans)

    def scored(k: Sequence[int]) -> Trials:
        return {arm: [mean_within(strata, target, run, k, metric="mean AUROC") for run in runs]
                for arm, runs in read.items()}  # fmt: skip

    parts = [judge(claim, scored(columns), patients, seed=seed) for claim in COHORT_CLAIMS]
    lines = [f"{len(scans)} CTs of {len(set(patients))} patients, {recipe.net}, {recipe.size} px, {recipe.epochs} "
             f"epochs, {recipe.folds} folds grouped by patient (the original did not group)",
             f"{'AUROC':36}" + "".join(f"{arm:>26}" for arm in read)]  # fmt: skip
    for k in columns:
        arms = judge(Claim("", THRESHOLD, SHUFFLED, "AUROC"), scored([k]), patients, seed=seed).arms
        lines.append(f"{f'{LABELS[k]} ({int(target[:, k].sum())})':36}" + "".join(f"{arms[a]!s:>26}" for a in read))
    return parts, lines
