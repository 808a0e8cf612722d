"""Kermany: 5,856 films of children of one to five years, normal or with bacterial or viral pneumonia.

Get it from https://data.mendeley.com/datasets/rscbjbr9sj (no form), or as chest_xray on Kaggle, whose 'val' of 16 films
was cut from the training part. Source: Kermany et al., Cell 2018.

Traps. Only the file name says who the patient is: person12_bacteria_46, IM-0115-0001, BACTERIA-1008087-0003. Numbers
start anew in each split, so that a patient's name begins with the split; whether person1 of 'train' and person1 of
'test' are one child is not known. A model of adults does not hold for children, and normal and ill films differ in more
than illness. Copies of 224 x 224 were squashed to a square: shapes are false in them. A square film gets a note on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError, MissingError
from hilum.core.finding import Finding
from hilum.core.image import MadeBy
from hilum.core.registry import register
from hilum.core.study import Provenance, Study
from hilum.data.published import read_negative
from hilum.data.release import Official
from hilum.data.rows import film

WHERE = "https://data.mendeley.com/datasets/rscbjbr9sj"
LICENCE = "CC BY 4.0"
CITATION = "Kermany et al. Identifying medical diagnoses by image-based deep learning. Cell 2018;172:1122-1131"
OFFICIAL = (Official("**/test/*/*.jpeg", 624, "files", "Kermany et al. 2018: 624 films to test on"),)
READERS = MadeBy("Guangzhou physicians", "2018")
SPLITS = ("train", "val", "test")
_FOLDERS = ("NORMAL", "PNEUMONIA")
_PERSON = re.compile(r"(person\d+)_(bacteria|virus)_\d+(?:_\d+)?", re.IGNORECASE)
_SERIES = re.compile(r"((?:(BACTERIA|VIRUS|NORMAL2?)-)?(?:IM-)?\d+)-\d+(?:-\d+)?", re.IGNORECASE)
_CAUSES = {"bacteria": "bacterial", "virus": "viral"}


def patient_and_cause(stem: str) -> tuple[str, str]:
    """Return whom a file name says a film is of, and 'bacterial', 'viral' or ''.

    Raises:
        InputError: if the name is none of the set's.
    """
    found = _PERSON.fullmatch(stem) or _SERIES.fullmatch(stem)
    if not found:
        raise InputError(f"'{stem}' is no file name of the Kermany set, e.g. person1_bacteria_2 or IM-0115-0001")
    return found[1], _CAUSES.get((found[2] or "").lower(), "")


def _paths(root: Path) -> list[tuple[str, str, Path]]:
    """(split, folder, file) of every film, in order."""
    return [
        (split, kind, path)
        for split in SPLITS
        for kind in _FOLDERS
        for path in sorted({*root.glob(f"{split}/{kind}/*.jp*g"), *root.glob(f"*/{split}/{kind}/*.jp*g")})
        if not path.name.startswith(".")  # archives made on a Mac hold a shadow of every file
    ]


def _squashed(path: Path) -> tuple[Provenance, ...]:
    from PIL import Image as Picture

    try:
        with Picture.open(path) as picture:  # the header only
            wide, high = picture.size
    except OSError as fault:
        raise InputError(f"the film {path} cannot be read: {fault}; copy it anew") from None
    if wide != high:
        return ()
    note = (
        f"The film is {wide} x {high}: a copy squashed to a square, in which shapes and ratios are false, or cropped."
    )
    return (Provenance(MadeBy("hilum"), notes=(note,)),)


def _studies(root: Path) -> Iterator[Study]:
    for split, kind, path in _paths(root):
        patient, cause = patient_and_cause(path.stem)
        ill = Finding("pneumonia", attributes={"cause": cause} if cause else {}, made_by=READERS, id="pneumonia")
        yield Study(
            f"{split}/{kind}/{path.stem}", f"{split}-{patient}", images=(film(path, view="AP"),),
            findings=(ill,) if kind == "PNEUMONIA" else read_negative("pneumonia", READERS),
            provenance=_squashed(path),
        )  # fmt: skip


def _split(patient: str) -> str:
    return patient.split("-", 1)[0]


@register.dataset("kermany", licence=LICENCE, citation=CITATION)
def kermany(root: str | Path) -> Cohort:
    """Return the children's films with pneumonia present (and its cause) or absent, split by the set's folders.

    Args:
        root: chest_xray/, or the folder that holds it: train/, test/ (and val/) with NORMAL/ and PNEUMONIA/.

    Raises:
        MissingError: if there are no such folders with films.
        InputError: on use, if a file is not named as the set names them.
    """
    place = Path(root)
    if not _paths(place):
        raise MissingError(f"no train/NORMAL/*.jpeg or the like in {place}: give the folder chest_xray, from {WHERE}")
    return Cohort("kermany", partial(_studies, place), _split, LICENCE, CITATION)
