"""ReXGroundingCT: sentences of CT-RATE reports, each with the voxels that it speaks of.

Get it from https://huggingface.co/datasets/rajpurkarlab/ReXGroundingCT (gated), the CTs from CT-RATE
(https://huggingface.co/datasets/ibrahimhamamci/CT-RATE, gated). Source: Baharoon et al., arXiv:2507.22030.

Layout: dataset.json (or MICCAI_challenge_dataset.json) holds a list per split; an entry has `name` of the CT-RATE file
and `findings` {"0": sentence, ...}; segmentations/<name> is a NIfTI (F, i, j, k) on the grid of that CT, with one
channel per finding, in their order.

Traps. The channel comes first, so that a reader of 4-D NIfTI takes it for an axis of space. Training masks show at most
three instances of a finding: what is not drawn is not absent, a loss must not punish it. Test masks are withheld. The
split is by scan: a few patients are in several, who go with all scans to the most held out one here. 'valid_...' and
'train_...' in a name are CT-RATE's splits, not these. A mask takes the CT's size in bytes for each sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.cohort import Cohort
from hilum.core.errors import HilumError, InputError, need
from hilum.core.finding import Finding, Span
from hilum.core.image import MadeBy, Volume
from hilum.core.region import Mask
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.data.ct import Case
from hilum.data.ct_folders import stem_of
from hilum.data.ct_rate import ct_rate_cases
from hilum.data.published import field, read_json, report_of
from hilum.data.rows import find
from hilum.data.splits import official
from hilum.io.limits import Limits

WHERE = "https://huggingface.co/datasets/rajpurkarlab/ReXGroundingCT"
LICENCE = "CC BY-NC-SA 4.0, as CT-RATE's; gated: accept the terms on its page"
CITATION = "Baharoon et al. ReXGroundingCT: a 3D chest CT dataset for segmentation of findings from reports. 2025"
READERS = MadeBy("ReXGroundingCT radiologists", "2025")
SPLITS = ("train", "val", "test")
CATEGORIES: Mapping[str, tuple[str, str]] = {
    "1a": ("peribronchial thickening", "bronchial wall thickening"), "1b": ("bronchiectasis", "bronchiectasis"),
    "1c": ("emphysema", "emphysema"), "1d": ("septal lines", "septal thickening"),
    "1e": ("multiple nodules", "micronodules"), "1f": ("other lesion", "other non-focal"),
    "2a": ("lung opacity", "linear opacities"), "2b": ("lung opacity", "atelectasis or consolidation"),
    "2c": ("ground glass opacity", "ground-glass opacity"), "2d": ("nodule or mass", "nodule or mass"),
    "2e": ("pleural abnormality", "pleural effusion or thickening"), "2f": ("pulmonary fibrosis", "honeycombing"),
    "2g": ("pneumothorax", "pneumothorax"), "2h": ("other lesion", "other focal"),
}  # fmt: skip
"""Code -> (nearest concept, the category's own name); where a category joins two findings, a broader concept."""

_PATIENT = re.compile(r"((?:train|valid)_\d+)_[a-z]+_\d+")


def channels(path: str | Path, count: int) -> NDArray[np.bool_]:
    """Return the masks of a file as bool (F, D, H, W), laid out as `hilum.io.volume.read_nifti` lays out its CT.

    Args:
        path: NIfTI (F, i, j, k).
        count: findings of its scan.

    Raises:
        MissingError: if nibabel is not installed.
        TooLargeError: if the masks need more memory than a CT may take.
        InputError: if the file is no 4-D NIfTI, or its first axis is not one channel for each finding.
    """
    try:
        import nibabel
    except ImportError:
        raise need("nibabel", "volume", "reading NIfTI") from None
    try:
        picture: Any = nibabel.load(path)
        Limits().check_volume(prod(picture.shape) // 4, Path(path).name)  # a byte for each voxel, not four
        values = np.asanyarray(picture.dataobj)
    except HilumError:
        raise
    except Exception as error:  # nibabel and zlib raise many kinds on damaged files
        raise InputError(
            f"'{Path(path).name}' cannot be read as NIfTI ({type(error).__name__}); copy it anew"
        ) from None
    if values.ndim == 3 and count == 1:  # NIfTI drops no first axis of one, but tools that wrote the file may
        values = values[None]
    if values.ndim != 4 or values.shape[0] != count:
        raise InputError(
            f"'{Path(path).name}' has shape {values.shape}: expected ({count}, i, j, k), one channel for each finding"
        )
    return np.ascontiguousarray(values.transpose(0, 3, 2, 1) > 0)


def _entries(table: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    whole = read_json(table, dict, what="ReXGroundingCT's lists of scans by split")
    for split in SPLITS:
        for entry in whole.get(split, ()):
            where = f"{table.name}: an entry of '{split}'"
            name = field(entry, "name", str, where=where)
            if not _PATIENT.fullmatch(stem_of(Path(name))):
                raise InputError(f"{where} is '{name}', no file name of CT-RATE, e.g. train_1741_b_2.nii.gz")
            said = field(entry, "findings", dict, where=f"{table.name}: scan {name}")
            if not all(str(key).isdecimal() for key in said):
                raise InputError(f"{table.name}: scan {name}: findings are numbered '0', '1' ...; got {list(said)}")
            yield split, entry


def _patient(name: str) -> str:
    found = _PATIENT.fullmatch(stem_of(Path(name)))
    return f"ct-rate-{found[1].replace('_', '-')}" if found else name


def _study(entry: Mapping[str, Any], masks: Path | None, case: Case | None) -> Study:
    name = stem_of(Path(entry["name"]))
    said = {
        str(key): str(text).strip() for key, text in sorted(entry["findings"].items(), key=lambda item: int(item[0]))
    }
    kinds = entry.get("categories") or entry.get("category") or {}
    drawn = channels(masks, len(said)) if masks and said else None
    findings, start = [], 0
    for channel, (key, text) in enumerate(said.items()):
        code = str(kinds.get(key, "") if isinstance(kinds, dict) else "").strip().lower()[:2]
        concept, category = CATEGORIES.get(code, ("other lesion", ""))
        regions = (Mask(drawn[channel], image=name, label=text),) if drawn is not None and drawn[channel].any() else ()
        findings.append(Finding(
            concept, regions=regions, attributes={"category": category} if category else {},
            evidence=Span("findings", start, start + len(text)), made_by=READERS, id=key,
        ))  # fmt: skip
        start += len(text) + 1
    images: tuple[Volume, ...] = ()
    if case is not None:
        volume = case.volume()
        images = (Volume(partial(getattr, volume, "voxels"), volume.affine, id=name, source=case.path),)  # type: ignore[arg-type]
    report = report_of([(text, (key,)) for key, text in said.items()])
    return Study(name, _patient(entry["name"]), images=images, report=report, findings=tuple(findings))


def _studies(root: Path, table: Path, scans: Path, masks: bool) -> Iterator[Study]:
    held = any(scans.glob("**/train_*_*_*.nii.gz")) or any(scans.glob("**/valid_*_*_*.nii.gz"))
    drawn = {path.name: path for path in sorted(root.glob("**/segmentations/**/*.nii.gz"))}
    cases = (
        {case.id: case for case in ct_rate_cases(scans) if "segmentations" not in Path(case.path).parts} if held else {}
    )
    for _, entry in _entries(table):
        yield _study(entry, drawn.get(entry["name"]) if masks else None, cases.get(stem_of(Path(entry["name"]))))


@register.dataset("rexgrounding-ct", licence=LICENCE, citation=CITATION)
def rexgrounding_ct(root: str | Path, *, ct_rate: str | Path | None = None, masks: bool = True) -> Cohort:
    """Return ReXGroundingCT as studies whose report is its sentences, each the evidence of a finding with its mask.

    Args:
        root: folder with dataset.json or MICCAI_challenge_dataset.json, and segmentations/.
        ct_rate: folder of CT-RATE; `root` where none is given. A scan that is not there has no volume.
        masks: whether masks are read as a study is made; without them a finding is its sentence alone.

    Raises:
        MissingError: if there is no list of scans.
        InputError: if the list cannot be read; on use, if a mask cannot.
    """
    place = Path(root)
    table = find(place, "MICCAI_challenge_dataset.json", "dataset.json", "*/dataset.json",
                 what=f"the folder of ReXGroundingCT, from {WHERE}")  # fmt: skip

    def pairs() -> Iterator[tuple[str, str]]:
        return ((_patient(entry["name"]), split) for split, entry in _entries(table))

    return Cohort("rexgrounding-ct", partial(_studies, place, table, Path(ct_rate or place), masks),
                  official(pairs, what=table.name, order=SPLITS), LICENCE, CITATION)  # fmt: skip
