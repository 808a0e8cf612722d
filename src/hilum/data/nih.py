"""The NIH chest films as they are published: `Data_Entry_2017*.csv`, `BBox_List_2017.csv` and folders of PNG files.

Source: Wang et al., ChestX-ray8, CVPR 2017. The official lists `train_val_list.txt` and `test_list.txt` are used where
they are there; else patients are split by a hash of their number. The box file says 'Infiltrate' where labels say
'Infiltration'. Labels are text-mined: a finding that is not listed is not mentioned, which is no statement of absence.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError, MissingError
from hilum.core.finding import Finding
from hilum.core.geometry import View
from hilum.core.image import Image, MadeBy
from hilum.core.region import Box
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.core.vocabulary import to_concept

LICENCE = "NIH: unrestricted use, with attribution"
CITATION = "Wang et al. ChestX-ray8: hospital-scale chest X-ray database and benchmarks. CVPR 2017"
MINED, READ = MadeBy("NIH text mining", "2017"), MadeBy("NIH radiologist", "2017")
_TABLE = "Data_Entry_2017*.csv"
_COLUMNS = ("Image Index", "Finding Labels", "Patient ID", "View Position")
_SAME: Mapping[str, str] = {"Infiltrate": "Infiltration"}


def _pixels(path: Path) -> NDArray[np.float32]:
    from PIL import Image as Picture

    with Picture.open(path) as picture:
        return np.asarray(picture.convert("L"), dtype=np.float32) / 255.0


def _table(root: Path) -> Path:
    found = sorted(root.glob(_TABLE))
    if not found:
        raise MissingError(f"no {_TABLE} in {root}: give the folder that the NIH chest films were unpacked to")
    return found[-1]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise InputError(f"{path.name} has no column '{missing[0]}': it is not the NIH table of labels")
        yield from reader


def _boxes(root: Path) -> Mapping[tuple[str, str], tuple[Box, ...]]:
    path, found = root / "BBox_List_2017.csv", defaultdict(list)
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8-sig") as stream:
        for number, row in enumerate(list(csv.reader(stream))[1:], start=2):
            try:
                name, label, (x, y, wide, high) = row[0], row[1], map(float, row[2:6])
            except (ValueError, IndexError):
                raise InputError(f"{path.name} line {number} is no box: expected image, label, x, y, w, h") from None
            found[name, _SAME.get(label, label)].append(Box(x, y, x + wide, y + high, image=name))
    return {key: tuple(boxes) for key, boxes in found.items()}


def _studies(root: Path) -> Iterator[Study]:
    boxes = _boxes(root)
    places = {path.name: path for path in sorted(root.glob("images*/**/*.png"))}
    for row in _rows(_table(root)):
        name = row["Image Index"]
        if name not in places:  # a part of the archive is as good as the whole
            continue
        labels = [label for label in row["Finding Labels"].split("|") if label and label != "No Finding"]
        labels += [label for image, label in boxes if image == name and label not in labels]
        view: View = "PA" if row["View Position"] == "PA" else "AP" if row["View Position"] == "AP" else "unknown"
        film = Image(partial(_pixels, places[name]), view=view, id=name, source=str(places[name]))  # type: ignore[arg-type]
        findings = [
            Finding(to_concept("nih-14", label).name, regions=boxes.get((name, label), ()), id=label,
                    made_by=READ if (name, label) in boxes else MINED)
            for label in labels
        ]  # fmt: skip
        yield Study(id=name, patient=f"nih-{row['Patient ID']}", images=(film,), findings=tuple(findings))


def _splits(root: Path) -> Mapping[str, float] | Callable[[str], str]:
    listed = root / "test_list.txt"
    if not listed.is_file():
        return {"train": 0.7, "val": 0.1, "test": 0.2}
    test = {f"nih-{int(line.split('_')[0])}" for line in listed.read_text(encoding="utf-8").split()}
    return lambda patient: "test" if patient in test else "train"


@register.dataset("nih", licence=LICENCE, citation=CITATION)
def nih(root: str | Path) -> Cohort:
    """Return the NIH chest films of a folder as one-film studies, split by patient.

    Args:
        root: folder with Data_Entry_2017*.csv and images/ or images_001/images/ ... beside it.

    Raises:
        MissingError: if the table of labels is not there.
        InputError: on use, if the table or the list of boxes cannot be read.
    """
    place = Path(root)
    _table(place)
    return Cohort(
        name="nih", studies=partial(_studies, place), splits=_splits(place), licence=LICENCE, citation=CITATION,
        label_set="nih-14",
    )  # fmt: skip
