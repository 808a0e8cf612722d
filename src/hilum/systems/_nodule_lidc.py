"""The same measurements on LIDC-IDRI: its scans where a user has them, and what its outlines alone say of size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt, find_objects

from hilum.core.errors import HilumError, InputError, RefusedError
from hilum.core.image import Volume
from hilum.core.seed import generator
from hilum.data.lidc import Nodule
from hilum.io.dicom import read_header
from hilum.io.sniff import kind_of
from hilum.io.volume import read_series
from hilum.measure.claim import Claim, Judged, judge
from hilum.measure.size_adjusted import ADJUSTED, MATCHED, raw_auroc
from hilum.measure.surroundings import Lung, Surroundings, Tubes, surroundings
from hilum.measure.surroundings_masks import airways, lungs, trachea_seed, vessels
from hilum.systems._nodule_judge import CLAIMED, Bools, Columns, board, means, scored
from hilum.systems._nodule_places import table

READ, SHUFFLED = "as read", "scores shuffled among nodules of one size"
_NAMES = (*CLAIMED, "near pleura", "near airway", "near vessel", "diameter")
_STRATA, RIM_MM = 20, 1.0


def patient_folders(root: Path) -> dict[str, Path]:
    """Return LIDC's folders of patients at or one level below a folder, by patient."""
    found = [path for pattern in ("LIDC-IDRI-*", "*/LIDC-IDRI-*") for path in sorted(root.glob(pattern))]
    return {path.name: path for path in found if path.is_dir()}


def size_lines(decided: list[Nodule], *, seed: int) -> list[str]:
    """Return what the readers' outlines say without any scan: counts, and how far diameter alone tells the classes."""
    lines = []
    for least in (1, 2, 3):
        kept = [each for each in decided if len(each.readings) >= least and each.diameter_mm > 0]
        ill = np.array([each.label == "malignant" for each in kept])
        wide = np.array([each.diameter_mm for each in kept])
        people = [each.patient for each in kept]
        if len(set(ill.tolist())) < 2:
            continue
        found = raw_auroc(ill, wide, wide).interval(people, seed=seed)
        lines.append(
            f"LIDC-IDRI outlines, {least} or more readers: {len(kept)} nodules of {len(set(people))} patients, "
            f"mm across: benign {wide[~ill].mean():.1f}, malignant {wide[ill].mean():.1f}; diameter alone AUROC {found}"
        )
    return lines


def scan_of(folder: Path, series: str) -> Volume:
    """Return the scan of a series UID from a patient's folders, in HU.

    Raises:
        InputError: if no folder holds the series.
        RefusedError: if it is not axial with rows to the left and columns to the back.
    """
    for place in [folder, *sorted(path for path in folder.rglob("*") if path.is_dir())]:
        first = next((f for f in sorted(place.iterdir()) if f.is_file() and kind_of(f) == "DICOM"), None)
        if first is not None and read_header(first).dataset.get("SeriesInstanceUID") == series:
            volume = read_series(place)
            straight = np.allclose(volume.affine[:3, :3], np.diag(volume.spacing_mm)[::-1], atol=1e-3)
            if not straight:
                raise RefusedError(f"'{folder.name}' is not a straight axial scan: the outlines would not lie on it")
            return volume
    raise InputError(f"'{folder.name}' holds no scan of series {series}")


def measured_scan(volume: Volume, of_it: list[Nodule]) -> list[Surroundings | None]:
    """Measure the nodules of one scan; None where half of the readers share no voxel.

    Raises:
        RefusedError: if lungs or trachea are not found, or the lungs are not in HU (a rescale left out or done twice).
    """
    whole = lungs(volume)
    level = float(np.median(volume.voxels[whole]))
    if not -970 < level < -600:
        raise RefusedError(f"the lungs have a median of {level:.0f} HU, -970 to -600 was expected: is it in HU?")
    levels = volume.affine[2, 3] + volume.affine[2, 0] * np.arange(volume.voxels.shape[0])
    masks = [each.consensus(slices_mm=levels) for each in of_it]
    for mask, corner in masks:
        whole[tuple(slice(c, c + n) for c, n in zip(corner, mask.shape, strict=True))] |= mask
    box = find_objects(whole.astype(np.uint8))[0]
    start = np.array([part.start for part in box])
    hu, lung, spacing = volume.voxels[box], whole[box], volume.spacing_mm
    seed = np.array(trachea_seed(volume, whole)) - start
    lumen = airways(hu, spacing, (int(seed[0]), int(seed[1]), int(seed[2]))).mask
    blood = vessels(hu, spacing, lung, airway=lumen)
    places = [(mask, np.array(corner) - start) for mask, corner in masks]
    own = np.zeros(lung.shape, dtype=bool)
    for mask, at in places:
        own[tuple(slice(c, c + n) for c, n in zip(at, mask.shape, strict=True))] |= mask
    if own.any():  # a nodule and its blurred rim are bright and round: no vessel of their own
        blood &= distance_transform_edt(~own, sampling=spacing) > RIM_MM
    held = Lung(lung, Tubes(lumen, spacing), Tubes(blood, spacing), spacing)
    return [surroundings(mask, (int(a), int(b), int(c)), held) if mask.any() else None for mask, (a, b, c) in places]


def measured(
    folders: Mapping[str, Path], decided: list[Nodule], *, limit: int, say: Callable[[str], None]
) -> Iterator[tuple[Nodule, Surroundings]]:
    """Yield every nodule that could be measured; a scan that cannot be used is said and left out."""
    mine = [each for each in decided if each.patient in folders]
    scans = [(key, list(group)) for key, group in groupby(mine, key=lambda each: (each.patient, each.series))]
    for number, ((patient, series), group) in enumerate(scans[: limit or None], 1):
        say(f"LIDC-IDRI scan {number} of {len(scans[: limit or None])}: {patient}, {len(group)} nodules")
        try:
            found = measured_scan(scan_of(folders[patient], series), group)
        except HilumError as error:
            say(f"{patient} left out: {error}")
            continue
        yield from ((each, row) for each, row in zip(group, found, strict=True) if row is not None)


def judge_lidc(rows: list[tuple[Nodule, Surroundings]], *, seed: int) -> tuple[list[Judged], list[str]]:
    """Judge the claims on measured nodules, beside scores shuffled among nodules of one size.

    Raises:
        InputError: if there are too few to judge.
    """
    columns: Columns = table([row for _, row in rows])
    ill = np.array([each.label == "malignant" for each, _ in rows])
    people = [each.patient for each, _ in rows]
    if min(int(ill.sum()), int((~ill).sum())) < 5:
        raise InputError(
            f"{len(rows)} nodules of LIDC-IDRI were measured, {int(ill.sum())} malignant: too few to judge"
        )
    dealt = [_dealt(ill, columns["diameter_mm"], seed + number) for number in range(3)]
    parts = []
    for name in CLAIMED:
        for metric in (MATCHED, ADJUSTED):
            claim = Claim(f"LIDC-IDRI: {name} separates the classes, {metric.split(' ')[0]}", READ, SHUFFLED, metric)
            trials = {READ: [scored(columns, ill, name, metric)],
                      SHUFFLED: [scored(columns, each, name, metric) for each in dealt]}  # fmt: skip
            parts.append(judge(claim, trials, people, seed=seed))
    lines = [f"LIDC-IDRI: {len(rows)} nodules of {len(set(people))} patients, {int(ill.sum())} malignant"]
    return parts, [*lines, means([columns], ill), *board([columns], ill, people, _NAMES, seed=seed)[0]]


def _dealt(ill: Bools, size: np.ndarray[tuple[int, ...], np.dtype[np.float64]], seed: int) -> Bools:
    """Classes dealt anew among nodules of about one size."""
    rng, found = generator(seed, "nodules", "shuffle"), ill.copy()
    for part in np.array_split(np.argsort(size, kind="stable"), max(2, len(size) // _STRATA)):
        found[part] = found[rng.permutation(part)]
    return found
