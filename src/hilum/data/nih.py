"""NIH ChestX-ray14: 112,120 frontal films of 30,805 patients, 14 labels mined from reports, 984 radiologists' boxes.

Get it from https://nihcc.app.box.com/v/ChestXray-NIHCC (no form); the `torchxrayvision` wheel carries the tables.
Source: Wang et al., ChestX-ray8, CVPR 2017.

Layout: `Data_Entry_2017*.csv`, `BBox_List_2017.csv` and images/ or images_001/images/ ... of PNG files. The official
lists `train_val_list.txt` and `test_list.txt` are used where they are there; else patients are split by a hash of their
number.

Traps. The box file says 'Infiltrate' where labels say 'Infiltration'. Labels are text-mined: a finding that is not
listed is not mentioned, which is no statement of absence, and 'No Finding' is not 'normal'. Pixel spacing in the table
is that of the original film: the published PNG files were resized to 1024 x 1024, so that it does not hold on them.
A folder with a part of the films gives that part; one with the tables alone gives every film, without pixels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.geometry import FRONTAL, View
from hilum.core.image import MadeBy
from hilum.core.region import Box
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.core.vocabulary import to_concept
from hilum.data.release import Official
from hilum.data.rows import film, find, rows

WHERE = "https://nihcc.app.box.com/v/ChestXray-NIHCC"
LICENCE = "NIH: unrestricted use, with attribution"
CITATION = "Wang et al. ChestX-ray8: hospital-scale chest X-ray database and benchmarks. CVPR 2017"
OFFICIAL = (
    Official("Data_Entry_2017_v2020.csv*", 112_120, source="Wang et al. 2017; content as torchxrayvision 1.5.7 has it",
             sha256="dc1d2df67fdc1c5a7601d48699cda2b13dc2c4841488b4183dcf04884dbaca11"),
    Official("Data_Entry_2017.csv*", 112_120, source="Wang et al. 2017"),
    Official("BBox_List_2017.csv*", 984, source="counted in the released file, as torchxrayvision 1.5.7 has it",
             sha256="0bbfea9d4c4e9771481b3023b1bc9f0df9dea924453b12986beb29b0c4d0c95b"),
)  # fmt: skip
MINED, READ = MadeBy("NIH text mining", "2017"), MadeBy("NIH radiologist", "2017")
_TABLE = "Data_Entry_2017*.csv*"
_COLUMNS = ("Image Index", "Finding Labels", "Patient ID", "View Position")
_SAME: Mapping[str, str] = {"Infiltrate": "Infiltration"}


@cache
def _concept(label: str) -> str:
    return to_concept("nih-14", label).name


def _boxes(root: Path) -> Mapping[str, Mapping[str, tuple[Box, ...]]]:
    """Film -> label -> its boxes."""
    path = next(iter(sorted(root.glob("BBox_List_2017.csv*"))), None)
    found: dict[str, dict[str, tuple[Box, ...]]] = defaultdict(dict)
    for number, row in enumerate(rows(path) if path else (), start=2):
        cells = [
            cell for cell in row.values() if isinstance(cell, str)
        ]  # its header breaks '[x,y,w,h]' over four cells
        try:
            name, label, (x, y, wide, high) = cells[0], cells[1], map(float, cells[2:6])
        except (ValueError, IndexError):
            raise InputError(
                f"{path.name if path else ''} line {number} is no box: expected image, label, x, y, w, h"
            ) from None
        label = _SAME.get(label, label)
        found[name][label] = (*found[name].get(label, ()), Box(x, y, x + wide, y + high, image=name))
    return found


def _studies(root: Path) -> Iterator[Study]:
    boxes = _boxes(root)
    places = {path.name: path for path in sorted(root.glob("images*/**/*.png"))}
    table = find(root, _TABLE, what=f"the folder of the NIH chest films, from {WHERE}")
    for row in rows(table, _COLUMNS, what="the NIH table of labels"):
        name = row["Image Index"]
        if places and name not in places:
            continue
        own = boxes.get(name, {})
        labels = [label for label in row["Finding Labels"].split("|") if label and label != "No Finding"]
        labels += [label for label in own if label not in labels]
        view: View = row["View Position"] if row["View Position"] in FRONTAL else "unknown"  # type: ignore[assignment]
        findings = [
            Finding(_concept(label), regions=own.get(label, ()), id=label,
                    made_by=READ if label in own else MINED)
            for label in labels
        ]  # fmt: skip
        picture = film(places.get(name, root / "images" / name), view=view, id=name)
        yield Study(name, f"nih-{row['Patient ID']}", images=(picture,), findings=tuple(findings))


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
        MissingError: if the table of labels is not there; on use, if a film is not.
        InputError: on use, if the table or the list of boxes cannot be read.
    """
    place = Path(root)
    find(place, _TABLE, what=f"the folder of the NIH chest films, from {WHERE}")
    return Cohort("nih", partial(_studies, place), _splits(place), LICENCE, CITATION, "nih-14")
