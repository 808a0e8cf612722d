"""Where CTs come from: cases of a published collection or of a user's folder, as plain facts that travel to workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, cast

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.image import Volume
from hilum.core.report import Report
from hilum.core.study import Study

LIDC_CITATION = "Armato et al. The Lung Image Database Consortium. Med Phys 2011;38:915-931"


@dataclass(frozen=True)
class Case:
    """One CT of a collection: where it lies and what is known about it; nothing is read yet.

    Args:
        id: unique in its collection; names the folder of what is made of it.
        path: NIfTI file, or folder with one DICOM series.
        patient: who it is of, so that splits never part one patient.
        masks: NIfTI of labels, NIfTI files of one structure each, a folder of these, or DICOM SEG.
        table_rescale: (slope, intercept) that the collection's table gives beside the file, or None.
        series: which DICOM series, where the folder holds several; '' takes the largest.
        findings, report: what the collection says about it.
        split: the collection's own split, '' where it has none.
        facts: further columns, for the record.
        remarks: sentences for people.
    """

    id: str
    path: str
    patient: str = ""
    masks: tuple[str, ...] = ()
    table_rescale: tuple[float, float] | None = None
    series: str = ""
    findings: tuple[Finding, ...] = ()
    report: Report | None = None
    split: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    def volume(self) -> Volume:
        """Return the CT as a lazy Volume in HU, checked when its voxels are first used."""
        from hilum.data.ct_read import grid_of

        return Volume(cast(Any, partial(_voxels, self)), grid_of(self.path, series=self.series), id=self.id)

    def study(self) -> Study:
        """Return the case as a Study whose one image is the CT."""
        return Study(self.id, self.patient, images=(self.volume(),), report=self.report, findings=self.findings)


def _voxels(case: Case) -> Any:
    from hilum.data.ct_read import read_ct

    return read_ct(case.path, table_rescale=case.table_rescale, series=case.series).volume.voxels


@dataclass(frozen=True)
class Collection:
    """A way to lay out CTs on disk.

    Args:
        name: as `--from` calls it.
        cases: what a root folder holds, lazily; raises InputError where it is laid out differently.
        licence, citation: as the owners state them.
        label_set: vocabulary label set of the findings, '' for none.
        shares: fractions by split for patients without an official split.
    """

    name: str
    cases: Callable[[Path], Iterator[Case]]
    licence: str = ""
    citation: str = ""
    label_set: str = ""
    shares: Mapping[str, float] = field(default_factory=lambda: {"train": 0.8, "val": 0.1, "test": 0.1})


def collections() -> dict[str, Collection]:
    """Return every known collection by name."""
    from hilum.data.ct_folders import FOLDER, LIDC, RSNA_ABDOMEN, RSNA_PE, TOTALSEGMENTATOR
    from hilum.data.ct_rate import CT_RATE

    known = (FOLDER, CT_RATE, LIDC, RSNA_PE, RSNA_ABDOMEN, TOTALSEGMENTATOR)
    return {each.name: each for each in known}


def cases_from(source: str) -> tuple[Collection, Iterator[Case]]:
    """Return a collection and its cases from 'NAME:/path'.

    Raises:
        InputError: if the name is unknown or the folder is not there.
    """
    name, colon, place = source.partition(":")
    known = collections()
    if not colon or name not in known:
        raise InputError(f"--from needs NAME:/path with NAME one of {', '.join(known)}, got '{source}'")
    root = Path(place).expanduser()
    if not root.is_dir():
        raise InputError(f"--from {name}: there is no folder '{root}'")
    return known[name], known[name].cases(root)
