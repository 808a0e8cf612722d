"""SIIM-ACR pneumothorax segmentation 2019: 12,047 training films of 1024 x 1024 with outlines as run lengths.

Get it from https://www.kaggle.com/competitions/siim-acr-pneumothorax-segmentation.

Traps. The run lengths are not the usual ones: each start counts from the end of the run before, and pixels run down the
columns. Read as COCO or row by row they give a mirrored or scattered mask that may look right. '-1' means that no
pneumothorax was seen. A film has one row per outline. The header of the table has a blank: ' EncodedPixels'. Patients
are not named, and the films come from NIH ChestX-ray14, so that they are in NIH and RSNA sets too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.image import MadeBy
from hilum.core.region import Mask
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.core.vocabulary import to_concept
from hilum.data.published import by_stem, dicom_film
from hilum.data.release import Official
from hilum.data.rows import find, rows
from hilum.data.splits import official

WHERE = "https://www.kaggle.com/competitions/siim-acr-pneumothorax-segmentation"
LICENCE = "SIIM-ACR 2019 challenge rules: read them before use; the films are NIH's (attribution)"
CITATION = "SIIM-ACR Pneumothorax Segmentation Challenge. Society for Imaging Informatics in Medicine, 2019"
OFFICIAL = (
    Official("stage_2_train.csv*", 12_954, source="counted in torchxrayvision 1.5.7's copy"),
    Official("siim-pneumothorax-train-rle.csv*", 12_954, source="as torchxrayvision 1.5.7 has it",
             sha256="4a2d2a463511c0205f46768bbce1ef0172ac02415b84d7bfc430d70c58b55b4f"),
)  # fmt: skip
READERS = MadeBy("SIIM, ACR and STR radiologists", "2019")
SHAPE = (1024, 1024)
NONE = "-1"
_TABLES = ("stage_2_train.csv*", "train-rle.csv*", "siim-pneumothorax-train-rle.csv*")


def mask_of_runs(text: str, shape: tuple[int, int] = SHAPE) -> NDArray[np.bool_]:
    """Return the mask (rows, columns) that SIIM's relative, column-wise run lengths draw.

    Args:
        text: 'start length start length ...', each start counted from the end of the run before it.
        shape: of the film.

    Raises:
        InputError: if the numbers are odd in count, negative, or run past the film.
    """
    try:
        numbers = np.array(text.split(), dtype=np.int64)
    except (ValueError, OverflowError):
        raise InputError(f"run lengths must be whole numbers, got '{text[:40]}'") from None
    if numbers.size == 0 or numbers.size % 2 or (numbers < 0).any():
        raise InputError(f"run lengths come in pairs of start and length, got {numbers.size} numbers: '{text[:40]}'")
    ends = np.cumsum(numbers)
    if ends[-1] > shape[0] * shape[1]:
        raise InputError(
            f"run lengths end at pixel {ends[-1]:,} of {shape[0] * shape[1]:,}: they are of another film size"
        )
    flat = np.zeros(shape[0] * shape[1] + 1, np.int8)
    np.add.at(flat, ends[0::2], 1)
    np.add.at(flat, ends[1::2], -1)
    return np.ascontiguousarray(np.cumsum(flat[:-1], dtype=np.int8).reshape(shape[1], shape[0]).T > 0)


def runs_of_mask(mask: NDArray[np.bool_]) -> str:
    """Return a mask (rows, columns) as SIIM writes it; '-1' where nothing is inside."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.T.ravel().astype(np.int8), [0]])))
    return " ".join(map(str, np.diff(np.concatenate([[0], edges])))) if edges.size else NONE


def _runs(table: Path) -> dict[str, list[str]]:
    """Film -> its run lengths, in the order of the table; none for a film without pneumothorax."""
    films: dict[str, list[str]] = {}
    for row in rows(table, ("ImageId",), what="SIIM's table of run lengths"):
        cell = next((value for name, value in row.items() if name and name.strip() == "EncodedPixels"), None)
        if cell is None:
            raise InputError(f"{table.name} has no column 'EncodedPixels', or ends within the row of {row['ImageId']}")
        found = films.setdefault(row["ImageId"], [])
        found += [cell.strip()] if cell.strip() != NONE else []
    return films


def _finding(name: str, runs: list[str]) -> Finding:
    concept = to_concept("siim", "Pneumothorax").name
    try:
        masks = tuple(Mask(mask_of_runs(text), image=name, label=concept) for text in runs)
    except InputError as fault:
        raise InputError(f"film {name}: {fault}") from None
    return Finding(concept, "present" if runs else "absent", regions=masks, made_by=READERS, id="Pneumothorax")


def _studies(root: Path, table: Path, test: Mapping[str, Path]) -> Iterator[Study]:
    files = by_stem(root, "dicom-images-train/**/*.dcm", "stage_2_images/**/*.dcm", "**/train/**/*.dcm")
    for name, runs in _runs(table).items():
        yield Study(name, name, images=(dicom_film(files.get(name), id=name),), findings=(_finding(name, runs),))
    for name, path in test.items():
        yield Study(name, name, images=(dicom_film(path, id=name),))


@register.dataset("siim-pneumothorax", licence=LICENCE, citation=CITATION)
def siim_pneumothorax(root: str | Path) -> Cohort:
    """Return SIIM's films as one-film studies: pneumothorax present with a mask per outline, or absent.

    Args:
        root: folder with stage_2_train.csv or train-rle.csv, and dicom-images-train/; films of dicom-images-test/ that
            the table does not name are the split 'test', without a reading.

    Raises:
        MissingError: if there is no table; on use, if a film is not there.
        InputError: if the table cannot be read.
    """
    place = Path(root)
    table = find(place, *_TABLES, what=f"the folder of the SIIM-ACR pneumothorax challenge, from {WHERE}")
    train = dict.fromkeys(_runs(table), "train")
    test = {name: path for name, path in by_stem(place, "dicom-images-test/**/*.dcm").items() if name not in train}
    splits = official({**train, **dict.fromkeys(test, "test")}.items, what=table.name)
    return Cohort("siim-pneumothorax", partial(_studies, place, table, test), splits, LICENCE, CITATION, "siim")
