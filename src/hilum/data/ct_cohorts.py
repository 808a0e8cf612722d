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


def _registered(collection: Collection) -> None:
    """Put a collection into the registry under its own name."""

    def opened(root: str | Path) -> Cohort:
        return cohort_of(collection, root)

    opened.__doc__ = f"Return the CTs of {collection.name}; see `cohort_of`."
    opened.__name__ = opened.__qualname__ = collection.name.replace("-", "_")
    register.dataset(collection.name, licence=collection.licence, citation=collection.citation)(opened)


for _collection in (CT_RATE, LIDC, RSNA_PE, RSNA_ABDOMEN, TOTALSEGMENTATOR):
    _registered(_collection)
