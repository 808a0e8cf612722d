"""What measured nodules come to: the paper's statistics, the same with size taken out, and the claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.measure.claim import Claim, Judged, judge
from hilum.measure.groups import chi_squared, odds_ratio, two_by_two
from hilum.measure.scored import Scored
from hilum.measure.size_adjusted import ADJUSTED, MATCHED, RAW, UNADJUSTED, matched_auroc, raw_auroc, slope
from hilum.measure.stats import Interval
from hilum.systems._nodule_places import BOTH, NEAR, NULL, SIZE, Floats

Columns = Mapping[str, Floats]
Bools = NDArray[np.bool_]
SHOWN: Mapping[str, tuple[str, float]] = {
    "airway count": ("airway_count", 1.0), "vessel count": ("vessel_count", 1.0),
    "airway volume in shell": ("airway_share", 1.0), "vessel volume in shell": ("vessel_share", 1.0),
    "airway volume / nodule": ("airway_per_nodule", 1.0), "vessel volume / nodule": ("vessel_per_nodule", 1.0),
    "near pleura": ("pleura_mm", -1.0), "near airway": ("airway_mm", -1.0), "near vessel": ("vessel_mm", -1.0),
    "diameter": ("diameter_mm", 1.0),
}  # fmt: skip
"""Name -> column, and its sign: more of it should speak for malignancy."""
CLAIMED = tuple(SHOWN)[:4]
METRICS = (RAW, MATCHED, UNADJUSTED, ADJUSTED)


def claims() -> tuple[Claim, ...]:
    """Return the claims: each feature separates the classes, and still does once size is taken out."""
    made = []
    for name in CLAIMED:
        made.append(Claim(f"{name} separates the classes", NEAR, NULL, RAW, (SIZE,)))
        for metric in (MATCHED, ADJUSTED):
            text = f"{name} separates the classes beyond size, {metric.split(' ', 1)[0]}"
            made.append(Claim(text, BOTH, SIZE, metric, (NULL,)))
    return tuple(made)


CLAIMS = claims()


def scored(columns: Columns, malignant: Bools, name: str, metric: str) -> Scored:
    """Score one feature of one arm by one metric.

    Raises:
        InputError: if the metric is unknown or a value is malformed.
    """
    column, sign = SHOWN[name]
    feature, size = sign * columns[column], columns["diameter_mm"]
    if metric == RAW:
        return raw_auroc(malignant, feature, size)
    if metric == MATCHED:
        return matched_auroc(malignant, feature, size)
    if metric not in METRICS:
        raise InputError(f"a metric is one of {', '.join(METRICS)}, got '{metric}'")
    return slope(malignant, feature, size, adjusted=metric == ADJUSTED)


def judged(
    runs: Sequence[Mapping[str, Columns]], malignant: Bools, patients: Sequence[str],
    wanted: Sequence[tuple[str, Claim]], *, seed: int,
) -> list[Judged]:  # fmt: skip
    """Judge claims on the arms of several seeds: each with the feature it speaks of."""
    found = []
    for name, claim in wanted:
        arms = dict.fromkeys((claim.arm, claim.better_than, *claim.controls))
        trials = {arm: [scored(run[arm], malignant, name, claim.metric) for run in runs] for arm in arms}
        found.append(judge(claim, trials, patients, seed=seed))
    return found


def presence(runs: Sequence[Columns], malignant: Bools, name: str) -> str:
    """Return the 2 x 2 statistics of a feature that is there or not, runs pooled: OR with interval, chi-squared."""
    there = np.concatenate([run[SHOWN[name][0]] > 0 for run in runs])
    counts = two_by_two(there, np.concatenate([malignant] * len(runs)))
    try:
        odds, test = odds_ratio(counts), chi_squared(counts)
    except InputError:
        return "none or all have it"
    ratio = odds.ratio
    mark = " (1/2 added)" if odds.haldane else ""
    return f"{ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]{mark}, chi2 {test.statistic:.1f}"


def board(
    runs: Sequence[Columns], malignant: Bools, patients: Sequence[str], names: Sequence[str], *, seed: int
) -> tuple[list[str], dict[str, dict[str, Interval]]]:
    """Return an arm's table as lines, raw beside size-matched and size-adjusted, and the same as numbers."""
    held = {name: [np.isfinite(run[SHOWN[name][0]]) for run in runs] for name in names}
    lines, numbers = [f"    {'':24}{RAW:22}{MATCHED:22}{'OR per SD, raw':22}{'size-adjusted':22}presence: OR"], {}
    for name in names:
        if not all(each.all() for each in held[name]):
            lines.append(f"    {name:24}not measured in every nodule")
            continue
        cells: dict[str, Interval] = {}
        for metric in METRICS:
            made = Claim(name, "arm", "arm", metric)
            trials = {"arm": [scored(run, malignant, name, metric) for run in runs]}
            cells[metric] = judge(made, trials, patients, seed=seed, deterministic=True).arms["arm"]
        shown = [str(cells[RAW]), str(cells[MATCHED]), _odds(cells[UNADJUSTED]), _odds(cells[ADJUSTED])]
        tail = presence(runs, malignant, name) if name in tuple(SHOWN)[:6] else ""
        lines.append(f"    {name:24}" + "".join(f"{cell:22}" for cell in shown) + tail)
        numbers[name] = cells
    return lines, numbers


def _odds(each: Interval) -> str:
    low, value, high = np.exp([each.low, each.value, each.high])
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def means(runs: Sequence[Columns], malignant: Bools) -> str:
    """Return the mean distances of benign and malignant nodules in a line, as the paper gives them."""
    told = []
    for name in ("pleura_mm", "airway_mm", "vessel_mm"):
        values = np.concatenate([run[name] for run in runs])
        ill = np.concatenate([malignant] * len(runs))
        there = np.isfinite(values)
        both = [values[there & side] for side in (~ill, ill)]
        shown = " / ".join(f"{each.mean():.2f}" if each.size else "none" for each in both)
        told.append(f"{name[:-3]} {shown}")
    return "    mean distance benign / malignant, mm: " + ", ".join(told)
