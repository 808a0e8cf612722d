"""CheXpert v1.0 and v1.0-small: train.csv, valid.csv and the labels of the test set, with folders of JPEG films.

Get it at aimi.stanford.edu/datasets/chexpert-chest-x-rays (research use agreement). Layout:
CheXpert-v1.0[-small]/{train,valid,test}.csv, {train,valid,test}/patient00001/study1/view1_frontal.jpg. The test set's
table is called test.csv, test_labels.csv or groundtruth.csv, and names films as 'test/patient...'.

Traps: studies are numbered, not dated, so none is another's prior; 17 films of train.csv are called frontal and have
the lateral view LL or RL, and are of unknown view here; -1 is uncertain, a blank is not mentioned, and 0 is said to be
absent; train.csv is read from reports by rules, valid and test were labelled by radiologists who saw the films.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
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
from hilum.data.splits import official

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
_MINED, _READ = MadeBy("CheXpert labeler"), MadeBy("CheXpert radiologists")
_SEEN: frozenset[str] = frozenset({"PA", "AP"})


@register.dataset("chexpert", licence=LICENCE, citation=CITATION)
def chexpert(root: str | Path) -> Cohort:
    """Return CheXpert as studies, in the order of its tables.

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
        name="chexpert", studies=partial(_studies, tables), splits=splits_of(tuple(tables.values()), "Path"),
        licence=LICENCE, citation=CITATION, label_set="chexpert-14",
    )  # fmt: skip


def place_of(path: str, where: str) -> tuple[str, str, str]:
    """Return (split, study, film) of a path: ('train', 'patient1/study1', 'patient1/study1/view1_frontal').

    Args:
        path: 'CheXpert-v1.0-small/train/patient1/study1/view1_frontal.jpg', or the same without the first folder.
        where: the row, as an error names it.

    Raises:
        InputError: if it is no such path.
    """
    parts = path.strip().split("/")
    if len(parts) < 4 or parts[-4] not in _TABLES or not parts[-3].startswith("patient") or ".." in parts:
        raise InputError(f"{where}: '{path}' is no path like train/patient00001/study1/view1_frontal.jpg")
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


def films_of(path: Path, columns: Sequence[str]) -> dict[str, list[tuple[str, ...]]]:
    """Return study -> one (split, film, further cells ...) per film of a table in CheXpert's layout, in its order.

    Args:
        path: the table.
        columns: first the one with the film's path, then those whose cells are wanted, '' where the table lacks them.
    """
    found: dict[str, list[tuple[str, ...]]] = {}
    for row in rows(path, columns[:1], what="a table of CheXpert"):
        split, study, name = place_of(row[columns[0]], path.name)
        found.setdefault(study, []).append((split, name, *((row.get(key) or "").strip() for key in columns[1:])))
    return found


def splits_of(tables: Sequence[Path], column: str) -> Callable[[str], str]:
    """Return the split that the paths of tables in CheXpert's layout state, by patient.

    Args:
        tables: CSV files.
        column: the one with the film's path.
    """

    def pairs() -> Iterator[tuple[str, str]]:
        for path in tables:
            for row in rows(path, (column,), what="a table of CheXpert"):
                split, study, _ = place_of(row[column], path.name)
                yield study.partition("/")[0], split

    return official(pairs, what=" and ".join(path.name for path in tables))


def _studies(tables: Mapping[str, Path]) -> Iterator[Study]:
    columns = ("Path", *label_set("chexpert-14").labels)
    for table, path in tables.items():
        listed = films_of(path, ("Path", "Frontal/Lateral", "AP/PA"))
        for row in rows(path, columns, what=f"CheXpert's table of {table}"):
            split, study, _ = place_of(row["Path"], path.name)
            films = listed.pop(study, None)
            if films:  # the rows of a study need not stand together
                yield Study(
                    id=study, patient=study.partition("/")[0],
                    images=tuple(_film(path.parent, *each) for each in films),
                    findings=findings_of(row, "chexpert-14", _MINED if split == "train" else _READ),
                )  # fmt: skip


def _film(root: Path, split: str, name: str, frontal: str, side: str) -> Image:
    return film(root / split / f"{name}.jpg", view=view_of(frontal, side, name), id=name)
