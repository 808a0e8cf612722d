"""CheXpert v1.0 and v1.0-small: train.csv, valid.csv and the labels of the test set, with folders of JPEG films.

Get it at aimi.stanford.edu/datasets/chexpert-chest-x-rays (research use agreement). Layout:
CheXpert-v1.0[-small]/{train,valid,test}.csv, {train,valid,test}/patient00001/study1/view1_frontal.jpg. The test set's
table is called test.csv, test_labels.csv or groundtruth.csv, and names films as 'test/patient...'.

Traps: studies are numbered, not dated, so none is another's prior; 17 films of train.csv are called frontal and have
the lateral view LL or RL, and are of unknown view here; -1 is uncertain, a blank is not mentioned, and 0 is said to be
absent; train.csv is read from reports by rules, valid and test were labelled by radiologists who saw the films.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from itertools import groupby
from pathlib import Path

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError, MissingError
from hilum.core.geometry import View
from hilum.core.image import Image, MadeBy
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.core.vocabulary import label_set
from hilum.data.cells import findings_of
from hilum.data.release import Official
from hilum.data.rows import film, rows

LICENCE = "Stanford University Dataset Research Use Agreement: non-commercial research only"
CITATION = (
    "Irvin et al. CheXpert: a large chest radiograph dataset with uncertainty labels and expert comparison. AAAI 2019"
)
OFFICIAL = (
    Official("train.csv*", 223_414, source="counted in the official file"),
    Official("valid.csv*", 234, source="Irvin et al. 2019: 200 studies, 234 films"),
)
_WHAT = "the CheXpert-v1.0 or CheXpert-v1.0-small folder (aimi.stanford.edu, research use agreement)"
_TABLES: Mapping[str, tuple[str, ...]] = {
    "train": ("train.csv", "train.csv.gz"),
    "valid": ("valid.csv", "valid.csv.gz"),
    "test": ("test.csv", "test_labels.csv", "groundtruth.csv"),
}
_LABELERS = {"train": MadeBy("CheXpert labeler"), "valid": MadeBy("CheXpert radiologists"), "test": MadeBy("CheXpert radiologists")}  # fmt: skip
_SEEN: frozenset[str] = frozenset({"PA", "AP"})


@register.dataset("chexpert", licence=LICENCE, citation=CITATION)
def chexpert(root: str | Path) -> Cohort:
    """Return CheXpert as studies, in the order of its tables; films that are not on disk are left out of them.

    Patients, studies and films are named by their places: 'patient00001', 'patient00001/study1',
    'patient00001/study1/view1_frontal'. Splits are 'train', 'valid' and 'test'.

    Args:
        root: folder with train.csv, or the folder that holds CheXpert-v1.0 or CheXpert-v1.0-small.

    Raises:
        MissingError: if none of the tables is there.
        InputError: on use, if a table cannot be read.
    """
    tables = _tables(Path(root))
    return Cohort(
        name="chexpert", studies=partial(_studies, tables), splits=_splits(tables), licence=LICENCE,
        citation=CITATION, label_set="chexpert-14",
    )  # fmt: skip


def place_of(path: str, where: str) -> tuple[str, str, str]:
    """Return (split, study, film) of a CheXpert path, e.g. ('train', 'patient1/study1', 'patient1/study1/view1_frontal').

    Args:
        path: 'CheXpert-v1.0-small/train/patient1/study1/view1_frontal.jpg', or the same without the first folder.
        where: the row, as an error names it.

    Raises:
        InputError: if it is no such path.
    """
    parts = path.strip().split("/")
    if len(parts) < 4 or parts[-4] not in _TABLES or not parts[-3].startswith("patient") or ".." in parts:
        raise InputError(
            f"{where}: '{path}' is no path of CheXpert; train/patient00001/study1/view1_frontal.jpg is one"
        )
    study = "/".join(parts[-3:-1])
    return parts[-4], study, f"{study}/{parts[-1].rpartition('.')[0]}"


def view_of(frontal: str, side: str, name: str) -> View:
    """Return the view that a row states.

    Args:
        frontal: 'Frontal' or 'Lateral', '' where the table has no such column; then the film's name says.
        side: 'AP', 'PA', 'LL', 'RL' or ''.
        name: e.g. 'view1_frontal'.

    A lateral film without a side counts as left lateral, the custom; one called frontal and LL is of unknown view.
    """
    if (frontal or name).lower().endswith("lateral"):
        return "RL" if side == "RL" else "LL"
    return side if side in _SEEN else "unknown"  # type: ignore[return-value]


def _tables(root: Path) -> Mapping[str, Path]:
    for place in (root, root / "CheXpert-v1.0", root / "CheXpert-v1.0-small"):
        found = {split: place / name for split, names in _TABLES.items() for name in names if (place / name).is_file()}
        if found:
            return found
    raise MissingError(f"no train.csv, valid.csv or test.csv in {root}: give {_WHAT}")


def _studies(tables: Mapping[str, Path]) -> Iterator[Study]:
    columns = ("Path", *label_set("chexpert-14").labels)
    for table, path in tables.items():
        lines = rows(path, columns, what=f"CheXpert's table of {table}")
        placed = ((place_of(row["Path"], path.name), row) for row in lines)
        for (split, study), group in groupby(placed, key=lambda pair: pair[0][:2]):
            same = list(group)
            films = (_film(path.parent / split / f"{name}.jpg", name, row) for (_, _, name), row in same)
            yield Study(
                id=study, patient=study.partition("/")[0], images=tuple(each for each in films if each),
                findings=findings_of(same[0][1], "chexpert-14", _LABELERS[split]),
            )  # fmt: skip


def _film(path: Path, name: str, row: Mapping[str, str]) -> Image | None:
    view = view_of(row.get("Frontal/Lateral") or "", row.get("AP/PA") or "", name)
    return film(path, view=view, id=name) if path.is_file() else None


def _splits(tables: Mapping[str, Path]) -> Callable[[str], str]:
    @cache
    def table() -> dict[str, str]:
        found: dict[str, str] = {}
        for path in tables.values():
            for row in rows(path, ("Path",), what="a table of CheXpert"):
                split, study, _ = place_of(row["Path"], path.name)
                patient = study.partition("/")[0]
                if found.setdefault(patient, split) != split:
                    raise InputError(f"{patient} is in {found[patient]} and in {split}: CheXpert splits patients whole")
        return found

    def split_of(patient: str) -> str:
        if patient not in table():
            raise InputError(f"no table of CheXpert names '{patient}'")
        return table()[patient]

    return split_of
