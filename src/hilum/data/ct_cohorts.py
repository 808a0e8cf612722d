"""CT collections as cohorts of studies with a volume each: the door that `hilum list data` and `get` use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from hilum.core.cohort import Cohort
from hilum.core.errors import MissingError
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.data.ct import Collection
from hilum.data.ct_folders import LIDC, RSNA_ABDOMEN, RSNA_PE, TOTALSEGMENTATOR
from hilum.data.ct_rate import CT_RATE

WHERE: Mapping[str, str] = {
    "ct-rate": "https://huggingface.co/datasets/ibrahimhamamci/CT-RATE (gated)",
    "lidc-idri": "https://www.cancerimagingarchive.net/collection/lidc-idri/",
    "rsna-pe": "https://www.kaggle.com/competitions/rsna-str-pulmonary-embolism-detection",
    "rsna-abdomen": "https://www.kaggle.com/competitions/rsna-2023-abdominal-trauma-detection",
    "totalsegmentator": "https://zenodo.org/records/10047292",
}


def cohort_of(collection: Collection, root: str | Path) -> Cohort:
    """Return a collection's CTs as a cohort: lazy volumes, findings, reports, splits by patient.

    Raises:
        MissingError: if the folder is not there or empty; it says where the collection is to be had.
        InputError: if the folder is laid out differently.
    """
    place = Path(root)
    if not place.is_dir() or not any(place.iterdir()):
        raise MissingError(f"'{place}' holds nothing of {collection.name}: get it from {WHERE[collection.name]}")
    cases = list(collection.cases(place))
    official = {case.patient or case.id: case.split for case in cases}
    splits: Mapping[str, float] | Callable[[str], str] = collection.shares
    if official and all(official.values()):
        splits = partial(_split, official)
    return Cohort(
        collection.name, partial(_studies, collection, place), splits, collection.licence, collection.citation,
        collection.label_set,
    )  # fmt: skip


def _studies(collection: Collection, root: Path) -> Iterator[Study]:
    for case in collection.cases(root):
        yield case.study()


def _split(official: Mapping[str, str], patient: str) -> str:
    return official.get(patient, "")


@register.dataset("ct-rate", licence=CT_RATE.licence, citation=CT_RATE.citation)
def ct_rate(root: str | Path) -> Cohort:
    """Return the chest CTs of CT-RATE in HU, with 18 labels, reports and the official split."""
    return cohort_of(CT_RATE, root)


@register.dataset("lidc-idri", licence=LIDC.licence, citation=LIDC.citation)
def lidc_idri(root: str | Path) -> Cohort:
    """Return the chest CTs of LIDC-IDRI, split by a hash of the patient."""
    return cohort_of(LIDC, root)


@register.dataset("rsna-pe", licence=RSNA_PE.licence, citation=RSNA_PE.citation)
def rsna_pe(root: str | Path) -> Cohort:
    """Return the CT angiograms of the RSNA pulmonary embolism challenge."""
    return cohort_of(RSNA_PE, root)


@register.dataset("rsna-abdomen", licence=RSNA_ABDOMEN.licence, citation=RSNA_ABDOMEN.citation)
def rsna_abdomen(root: str | Path) -> Cohort:
    """Return the CTs of the RSNA abdominal trauma challenge."""
    return cohort_of(RSNA_ABDOMEN, root)


@register.dataset("totalsegmentator", licence=TOTALSEGMENTATOR.licence, citation=TOTALSEGMENTATOR.citation)
def totalsegmentator(root: str | Path) -> Cohort:
    """Return the CTs of the TotalSegmentator data set with its published split."""
    return cohort_of(TOTALSEGMENTATOR, root)
