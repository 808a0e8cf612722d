"""CT-RATE: train/train_1/train_1_a/train_1_a_1.nii.gz with its tables of reports, labels and slopes.

The first release holds stored values whose slope and intercept stand in a table; the second (`train_fixed`,
`valid_fixed`) holds Hounsfield units, to which the same table must not be applied again. Every file is looked at:
the table is used where the values need it, never because of a folder's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.image import MadeBy
from hilum.core.report import Report
from hilum.core.vocabulary import label_set, to_concept
from hilum.data.ct import Case, Collection
from hilum.data.ct_folders import _table, stem_of

SET = "ct-rate-18"
MINED = MadeBy("CT-RATE text classifier", "2024")
_NAME = re.compile(r"(?P<split>train|valid)_(?P<patient>\d+)_(?P<scan>[a-z]+)_(?P<volume>\d+)")
_TABLES = {
    "labels": "{split}_predicted_labels.csv",
    "reports": "{split}_reports.csv",
    "metadata": "{split}_metadata.csv",
}


@dataclass(frozen=True)
class _Tables:
    labels: Mapping[str, Mapping[str, str]]
    reports: Mapping[str, Mapping[str, str]]
    metadata: Mapping[str, Mapping[str, str]]


def ct_rate_cases(root: Path) -> Iterator[Case]:
    """Yield the CTs of CT-RATE with their findings, report and official split.

    Raises:
        InputError: if no file is called train_1_a_1.nii.gz or valid_1_a_1.nii.gz.
    """
    paths = sorted(path for path in root.rglob("*.nii.gz") if _NAME.fullmatch(stem_of(path)))
    if not paths:
        raise InputError(f"'{root}' holds no train_1_a_1.nii.gz or valid_1_a_1.nii.gz: give the folder of CT-RATE")
    tables = {split: _tables(root, split) for split in ("train", "valid")}
    for path in paths:
        parts = _NAME.fullmatch(stem_of(path))
        if parts is None:
            continue
        split = parts["split"]
        known = tables[split]
        yield Case(
            stem_of(path), str(path), patient=f"ct-rate-{split}-{parts['patient']}",
            table_rescale=_rescale(known.metadata.get(path.name, {})),
            findings=_findings(known.labels.get(path.name, {})), report=_report(known.reports.get(path.name, {})),
            split=split, facts={"scan": parts["scan"], "reconstruction": parts["volume"]},
        )  # fmt: skip


def _tables(root: Path, split: str) -> _Tables:
    found: dict[str, Mapping[str, Mapping[str, str]]] = {}
    for kind, pattern in _TABLES.items():
        name = pattern.format(split=split)
        places = sorted({*root.rglob(name), *root.rglob(name.replace(split, f"{split}ation"))})
        found[kind] = _table(places[0], "VolumeName") if places else {}
    return _Tables(**found)


def _rescale(row: Mapping[str, str]) -> tuple[float, float] | None:
    try:
        return float(row["RescaleSlope"]), float(row["RescaleIntercept"])
    except (KeyError, ValueError):
        return None


def _findings(row: Mapping[str, str]) -> tuple[Finding, ...]:
    known = label_set(SET)
    made = []
    for label in known.labels:
        state = known.state(row.get(label)) if label in row else None
        if state:
            made.append(Finding(to_concept(SET, label).name, state, id=label, made_by=MINED))
    return tuple(made)


def _report(row: Mapping[str, str]) -> Report | None:
    if not row:
        return None
    return Report(
        row.get("ClinicalInformation_EN", ""), technique=row.get("Technique_EN", ""),
        findings=row.get("Findings_EN", ""), impression=row.get("Impressions_EN", ""),
    )  # fmt: skip


CT_RATE = Collection(
    "ct-rate", ct_rate_cases, "CC BY-NC-SA 4.0",
    "Hamamci et al. Developing generalist foundation models from a multimodal dataset for 3D computed tomography. 2024",
    SET, {"train": 0.9, "valid": 0.1},
)  # fmt: skip
