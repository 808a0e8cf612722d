"""CheXpert Plus: the films of CheXpert with their reports, df_chexpert_plus_240401.csv.

Get it at aimi.stanford.edu/datasets/chexpert-plus (research use agreement). Layout: the table; films below PNG/ (or
PNG/PNG/, as the archives unpack) as train/patient00001/study1/view1_frontal.png, or DICOM files at `path_to_dcm`;
chexbert_labels/{report,impression,findings}_fixed.json, one object a line.

Traps: `patient_report_date_order` numbers a patient's reports, yet users who compared it with dates in the reports
found many pairs turned round; it is no date, so no study is another's prior here. Most reports have an impression and
no findings. Several rows share one report, one per film. 'valid' is the only held-out split: there is no test set.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Literal

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.image import Image, MadeBy
from hilum.core.registry import register
from hilum.core.report import Report
from hilum.core.study import Study
from hilum.data.cells import findings_of
from hilum.data.chexpert import LICENCE, films_of, place_of, splits_of, view_of
from hilum.data.mimic_files import dicom_at
from hilum.data.release import Official
from hilum.data.rows import film, find, rows

CITATION = (
    "Chambon et al. CheXpert Plus: augmenting a large chest X-ray dataset with text radiology reports, patient "
    "demographics and additional image formats. arXiv:2405.19538, 2024"
)
OFFICIAL = (Official("df_chexpert_plus_*.csv", 223_462, source="Chambon et al. 2024: 223,462 pairs"),)
_WHAT = "the folder of CheXpert Plus (aimi.stanford.edu, research use agreement)"
_COLUMNS = ("path_to_image", "frontal_lateral", "ap_pa", "section_findings", "section_impression", "split")
_FOLDERS = ("PNG", "PNG/PNG", "PNGs", ".", "images")
_MADE_BY = MadeBy("CheXbert", "CheXpert Plus")
Labels = Literal["report", "impression", "findings", "none"]


@register.dataset("chexpert-plus", licence=LICENCE, citation=CITATION)
def chexpert_plus(root: str | Path, *, labels: Labels = "report") -> Cohort:
    """Return CheXpert Plus as studies with films and reports by section; names are those of `chexpert`.

    Args:
        root: folder with df_chexpert_plus_240401.csv.
        labels: of which part of the report the CheXbert labels become findings: 'report', 'impression', 'findings' or
            'none'. A file that is not there gives none.

    Raises:
        MissingError: if the table is not there.
        InputError: if `labels` is unknown; on use, if a table cannot be read.
    """
    if labels not in ("report", "impression", "findings", "none"):
        raise InputError(f"labels must be report, impression, findings or none, got '{labels}'")
    path = find(root, "df_chexpert_plus_*.csv", "df_chexpert_plus_*.csv.gz", what=_WHAT)
    return Cohort(
        name="chexpert-plus", studies=partial(_studies, path, labels), splits=splits_of((path,), "path_to_image"),
        licence=LICENCE, citation=CITATION, label_set="chexpert-14",
    )  # fmt: skip


def report_of(row: Mapping[str, str]) -> Report | None:
    """Return the report of a row by its section_ columns, None where all are blank.

    The narrative stands for the findings only where there are neither findings nor an impression.
    """

    def said(*names: str) -> str:
        return next((text for name in names if (text := (row.get(f"section_{name}") or "").strip())), "")

    findings, impression = said("findings"), said("impression")
    made = Report(
        said("clinical_history", "history"), technique=said("technique", "procedure_comments"),
        comparison=said("comparison"), impression=impression,
        findings=findings or ("" if impression else said("narrative")),
    )  # fmt: skip
    return None if made == Report() else made


def _studies(path: Path, labels: Labels) -> Iterator[Study]:
    stated = _labels(path.parent, labels)
    listed = films_of(path, ("path_to_image", "frontal_lateral", "ap_pa", "path_to_dcm"))
    for row in rows(path, _COLUMNS, what="the table of CheXpert Plus"):
        _, study, _ = place_of(row["path_to_image"], path.name)
        films = listed.pop(study, None)
        if films:  # the rows of a study need not stand together
            yield Study(
                id=study, patient=study.partition("/")[0], images=tuple(_film(path.parent, *each) for each in films),
                report=report_of(row), findings=next((stated[each[1]] for each in films if each[1] in stated), ()),
            )  # fmt: skip


def _film(root: Path, split: str, name: str, frontal: str, side: str, stored: str) -> Image:
    view = view_of(frontal, side, name)
    places = (root / folder / split / f"{name}{suffix}" for folder in _FOLDERS for suffix in (".png", ".jpg"))
    path = next((place for place in places if place.is_file()), None)
    if path is None and stored and ".." not in Path(stored).parts:
        found = dicom_at(root / stored, name, view)
        if found is not None:
            return found
    return film(path or root / _FOLDERS[0] / split / f"{name}.png", view=view, id=name)


def _labels(root: Path, labels: Labels) -> Mapping[str, tuple[Finding, ...]]:
    path = root / "chexbert_labels" / f"{labels}_fixed.json"
    if labels == "none" or not path.is_file():
        return {}
    with path.open("rb") as stream:
        lines = (_line(line, f"{path.name} line {number}") for number, line in enumerate(stream, 1) if line.strip())
        return dict(lines)


def _line(line: bytes, where: str) -> tuple[str, tuple[Finding, ...]]:
    try:
        row = json.loads(line)
        _, _, name = place_of(str(row["path_to_image"]), where)
        cells = {key: "" if value is None else str(value) for key, value in row.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise InputError(f"{where} is no object with 'path_to_image' and labels") from None
    return name, findings_of(cells, "chexpert-14", _MADE_BY)
