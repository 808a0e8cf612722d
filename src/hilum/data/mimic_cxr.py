"""MIMIC-CXR (DICOM and reports) and MIMIC-CXR-JPG (JPEG, tables and labels), as PhysioNet publishes them.

Get them at physionet.org/content/mimic-cxr and physionet.org/content/mimic-cxr-jpg (credentialed access). Both may lie
in one folder, or the reports in another: `reports=`. Layout: files/p10/p10000032/s50414267/<dicom id>.jpg (or .dcm),
files/p10/p10000032/s50414267.txt, mimic-cxr-2.0.0-{metadata,split,chexpert,negbio}.csv.gz.

Traps: study ids are random, so only StudyDate and StudyTime order studies; a StudyTime has lost its leading zeros; a
few studies have no row of labels, which is no statement of absence; films in the JPEG release are histogram equalised;
'LATERAL' does not say which side, and counts as left lateral here, as is the custom.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError, MissingError
from hilum.core.finding import Finding
from hilum.core.geometry import View
from hilum.core.image import MadeBy
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.core.vocabulary import label_set
from hilum.data.cells import findings_of
from hilum.data.mimic_files import Reports, film_at, folder_of, view_of, when
from hilum.data.release import Official
from hilum.data.rows import find, rows
from hilum.data.splits import official

LICENCE = "PhysioNet Credentialed Health Data License 1.5.0"
CITATION = (
    "Johnson et al. MIMIC-CXR, a de-identified publicly available database of chest radiographs with free-text "
    "reports. Scientific Data 2019;6:317"
)
_PAGE = "PhysioNet, MIMIC-CXR(-JPG) 2.1.0"
OFFICIAL = (
    Official("mimic-cxr-2.0.0-metadata.csv*", 377_110, source=_PAGE),
    Official("mimic-cxr-2.0.0-split.csv*", 377_110, source=_PAGE),
    Official("mimic-cxr-2.0.0-chexpert.csv*", 227_827, source=_PAGE),
    Official("cxr-record-list.csv*", 377_110, source=_PAGE),
    Official("cxr-study-list.csv*", 227_835, source=_PAGE),
)
Labels = Literal["chexpert", "negbio", "radiologist", "none"]
_LABELERS: Mapping[str, tuple[str, str]] = {
    "chexpert": ("mimic-cxr-*-chexpert.csv*", "CheXpert labeler"),
    "negbio": ("mimic-cxr-*-negbio.csv*", "NegBio"),
    "radiologist": ("mimic-cxr-*-test-set-labeled.csv*", "MIMIC-CXR radiologist"),
}
_WHAT = "the folder of MIMIC-CXR-JPG or MIMIC-CXR (physionet.org, credentialed access)"
_IDS = ("dicom_id", "subject_id", "study_id")
_NAME = re.compile(r"\w[\w-]*")


class _Row(NamedTuple):
    patient: str
    study: str
    dicom: str
    view: View
    time: datetime | None
    suffix: str = ".jpg"


@dataclass(frozen=True)
class _Source:
    root: Path
    reports: Path
    labels: Labels


@register.dataset("mimic-cxr", licence=LICENCE, citation=CITATION)
def mimic_cxr(root: str | Path, *, reports: str | Path | None = None, labels: Labels = "chexpert") -> Cohort:
    """Return MIMIC-CXR as studies with their films, report, labels and the study before.

    Every study and film of the tables is there; a film that is not on disk is missed when its pixels are asked for, and
    a report that is not is left out. Patients and studies are named as their folders are, 'p10000032' and 's50414267';
    a study's prior is the latest strictly earlier one, and carries no prior itself.

    Args:
        root: folder with the tables and files/.
        reports: folder or mimic-cxr-reports.zip with files/p10/.../s50414267.txt; `root` when not given.
        labels: which labels become findings: of the CheXpert labeler, of NegBio, of the radiologist who read the test
            set's reports, or none. A table that is not there gives none.

    Raises:
        MissingError: if neither the metadata nor the list of records is there.
        InputError: if `labels` is unknown; on use, if a table cannot be read.
    """
    if labels not in (*_LABELERS, "none"):
        raise InputError(f"labels must be one of {', '.join(_LABELERS)} or none, got '{labels}'")
    place = Path(root)
    find(place, "mimic-cxr-*-metadata.csv*", "cxr-record-list.csv*", what=_WHAT)
    source = _Source(place, Path(reports) if reports else place, labels)
    return Cohort(
        name="mimic-cxr", studies=partial(_studies, source), splits=split_table(place), licence=LICENCE,
        citation=CITATION, label_set="chexpert-14",
    )  # fmt: skip


def split_table(root: str | Path) -> Callable[[str], str] | Mapping[str, float]:
    """Return the official split by patient ('train', 'validate', 'test'), read on first use; {} where it is not there.

    Args:
        root: folder with mimic-cxr-2.0.0-split.csv.gz.
    """
    try:
        path = find(root, "mimic-cxr-*-split.csv*", what=_WHAT)
    except MissingError:
        return {}

    wanted = ("subject_id", "split")

    def pairs() -> Iterator[tuple[str, str]]:
        lines = rows(path, wanted, what="the official split of MIMIC-CXR")
        return ((f"p{row['subject_id']}", row["split"]) for row in lines)

    return official(pairs, what=path.name)


def _studies(source: _Source) -> Iterator[Study]:
    labels, reports = _Labels(source), Reports(source.reports)
    patients: dict[str, dict[str, list[_Row]]] = {}
    for row in _rows(source.root):
        patients.setdefault(row.patient, {}).setdefault(row.study, []).append(row)
    for studies in patients.values():
        yield from _timeline(studies.values(), source.root, labels, reports)


def _timeline(studies: Iterable[list[_Row]], root: Path, labels: _Labels, reports: Reports) -> Iterator[Study]:
    """One patient's studies, earliest first; those at one moment share the earlier prior."""
    dated = [(min((row.time for row in films if row.time), default=None), films) for films in studies]
    before: list[Study] = []
    for time, films in sorted(dated, key=lambda pair: (pair[0] or datetime.max, pair[1][0].study)):
        patient, study = films[0].patient, films[0].study
        prior = next((each for each in reversed(before) if each.time and time and each.time < time), None)
        folder = folder_of(root, patient) / study
        made = Study(
            id=study, patient=patient, time=time,
            images=tuple(film_at(folder, row.dicom, view=row.view, suffix=row.suffix) for row in films),
            report=reports.of(patient, study), findings=labels.of(study), prior=prior,
        )  # fmt: skip
        before.append(replace(made, prior=None))
        yield made


def _rows(root: Path) -> Iterator[_Row]:
    path = find(root, "mimic-cxr-*-metadata.csv*", "cxr-record-list.csv*", what=_WHAT)
    if "record-list" in path.name:
        yield from _from_headers(root, path)
        return
    wanted = (*_IDS, "ViewPosition", "StudyDate", "StudyTime")
    for row in rows(path, wanted, what="the metadata of MIMIC-CXR-JPG"):
        if not all(map(_NAME.fullmatch, (row[name] for name in _IDS))):
            raise InputError(f"{path.name}: '{row['dicom_id']}' or its patient or study is no id of letters and digits")
        time = when(row["StudyDate"], row["StudyTime"], f"{path.name}, {row['dicom_id']}")
        yield _Row(f"p{row['subject_id']}", f"s{row['study_id']}", row["dicom_id"], view_of(row["ViewPosition"]), time)


def _from_headers(root: Path, path: Path) -> Iterator[_Row]:
    """The DICOM release has no table of views and times: they stand in the headers of the films that are there."""
    from hilum.io import tags
    from hilum.io.dicom import read_header

    for row in rows(path, _IDS, what="the list of records of MIMIC-CXR"):
        patient, study, dicom = f"p{row['subject_id']}", f"s{row['study_id']}", row["dicom_id"]
        film = folder_of(root, patient) / study / f"{dicom}.dcm"
        view: View = "unknown"
        time = None
        if film.is_file():
            header = read_header(film).dataset
            view = view_of(tags.text(header, "ViewPosition"))
            time = when(tags.text(header, "StudyDate"), tags.text(header, "StudyTime"), film.name)
        yield _Row(patient, study, dicom, view, time, ".dcm")


class _Labels:
    """Cells by study, kept as they are written; findings are made when a study is."""

    def __init__(self, source: _Source) -> None:
        pattern, name = _LABELERS.get(source.labels, ("", ""))
        paths = sorted(source.root.glob(pattern)) if pattern else []
        self._made_by = MadeBy(name or "none")
        self._cells: dict[str, tuple[str, ...]] = {}
        self._labels = label_set("chexpert-14").labels
        for row in rows(paths[-1], ("study_id",), what=f"the labels of {name}") if paths else ():
            opacity = row.get("Lung Opacity") or row.get("Airspace Opacity")
            cells = (opacity if label == "Lung Opacity" else row.get(label) for label in self._labels)
            self._cells[f"s{row['study_id']}"] = tuple(sys.intern(cell or "") for cell in cells)

    def of(self, study: str) -> tuple[Finding, ...]:
        """Findings of a study; () where it has no row."""
        cells = dict(zip(self._labels, self._cells.get(study, ()), strict=False))
        return findings_of(cells, "chexpert-14", self._made_by)
