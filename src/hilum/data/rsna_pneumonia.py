"""RSNA pneumonia challenge 2018: 26,684 training films of NIH ChestX-ray14, read for opacities suspicious of pneumonia.

Get it from https://www.kaggle.com/competitions/rsna-pneumonia-detection-challenge or
https://www.rsna.org/rsnai/ai-image-challenge/rsna-pneumonia-detection-challenge-2018.
Source: Shih et al., Radiol AI 2019.

Traps. A `patientId` names a film, not a patient: NIH patients with several films stand under several names, so that a
split by it leaks. Where pneumonia-challenge-dataset-mappings_2018.json (RSNA's page) lies in the folder, films are
given their NIH patient, who is then in one split. The films are in NIH ChestX-ray14 too, some in its training part.
The class table repeats a film's row once per box. 'No Lung Opacity / Not Normal' is an abnormal film without opacity.
The 3,000 test films have no labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.image import MadeBy
from hilum.core.region import Box
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.core.vocabulary import to_concept
from hilum.data.published import by_stem, dicom_film, read_json, read_negative
from hilum.data.release import Official
from hilum.data.rows import find, rows
from hilum.data.splits import official

WHERE = "https://www.kaggle.com/competitions/rsna-pneumonia-detection-challenge"
LICENCE = "RSNA 2018 challenge terms: non-commercial research and education, no re-identification, cite RSNA"
CITATION = "Shih et al. Augmenting the NIH chest radiograph dataset with expert annotations. Radiol AI 2019;1:e180041"
OFFICIAL = (
    Official("stage_2_train_labels.csv*", 30_227, source="as torchxrayvision 1.5.7 has it",
             sha256="bb40b7e956e9922a6b275ed4a158197568cf9ab618017d53db6159b1b624bb65"),
)  # fmt: skip
READERS = MadeBy("RSNA and STR radiologists", "2018")
OPACITY, NORMAL, OTHER = "Lung Opacity", "Normal", "No Lung Opacity / Not Normal"
_MAPPING = "pneumonia-challenge-dataset-mappings_2018.json"


@dataclass
class _Film:
    split: str
    target: str = ""
    kind: str = ""
    boxes: list[Box] = field(default_factory=list)


def _films(labels: Path, classes: Path | None, test: Path | None) -> dict[str, _Film]:
    films: dict[str, _Film] = {}
    for row in rows(labels, ("patientId", "x", "y", "width", "height", "Target"), what="RSNA's table of boxes"):
        film = films.setdefault(row["patientId"], _Film("train", row["Target"]))
        if row["Target"] not in ("0", "1"):
            raise InputError(f"{labels.name}: film {row['patientId']} has Target '{row['Target']}', expected 0 or 1")
        if row["Target"] == "1":
            try:
                x, y, wide, high = (float(row[name]) for name in ("x", "y", "width", "height"))
                film.boxes.append(Box(x, y, x + wide, y + high, image=row["patientId"]))
            except (ValueError, InputError) as fault:
                raise InputError(f"{labels.name}: film {row['patientId']} has no usable box: {fault}") from None
    for row in rows(classes, ("patientId", "class"), what="RSNA's table of classes") if classes else ():
        if row["patientId"] in films:
            films[row["patientId"]].kind = row["class"]
    for row in rows(test, ("patientId",), what="RSNA's list of test films") if test else ():
        films.setdefault(row["patientId"], _Film("test"))
    return films


def _findings(film: _Film) -> tuple[Finding, ...]:
    opacity = to_concept("rsna", OPACITY).name
    if film.target == "1":
        return (Finding(opacity, regions=tuple(film.boxes), made_by=READERS, id=OPACITY),)
    if film.target != "0":
        return ()
    if film.kind == NORMAL:
        return read_negative(opacity, READERS)
    absent = Finding(opacity, "absent", made_by=READERS, id=OPACITY)
    other = Finding(to_concept("rsna", OTHER).name, made_by=READERS, id=OTHER)
    return (absent, other) if film.kind == OTHER else (absent,)


def _patients(root: Path) -> Mapping[str, str]:
    """Film -> NIH patient, from RSNA's own list; empty where it is not there."""
    path = next(iter(sorted(root.glob(f"**/{_MAPPING}"))), None)
    if path is None:
        return {}
    try:
        return {str(row["subset_img_id"]): f"nih-{int(str(row['img_id']).split('_')[0])}"
                for row in read_json(path, list, what="RSNA's list of NIH names")}  # fmt: skip
    except (KeyError, TypeError, ValueError) as fault:
        raise InputError(f"{path.name}: a row lacks 'subset_img_id' or an NIH name as 'img_id': {fault!r}") from None


def _studies(root: Path, films: Mapping[str, _Film], patients: Mapping[str, str]) -> Iterator[Study]:
    files = by_stem(root, "stage_2_train_images/**/*.dcm", "stage_2_test_images/**/*.dcm")
    for name, film in films.items():
        picture = dicom_film(files.get(name), id=name)
        yield Study(name, patients.get(name, name), images=(picture,), findings=_findings(film))


@register.dataset("rsna-pneumonia", licence=LICENCE, citation=CITATION)
def rsna_pneumonia(root: str | Path) -> Cohort:
    """Return the challenge's films as one-film studies; 'train' has readings, 'test' has none.

    Args:
        root: folder with stage_2_train_labels.csv, stage_2_detailed_class_info.csv, stage_2_train_images/ and, where
            wanted, stage_2_sample_submission.csv, stage_2_test_images/ and RSNA's list of NIH names.

    Raises:
        MissingError: if there is no table of labels; on use, if a film is not there.
        InputError: if a table cannot be read.
    """
    place = Path(root)
    labels = find(place, "stage_2_train_labels.csv*", what=f"the folder of the RSNA pneumonia challenge, from {WHERE}")
    classes = next(iter(sorted(place.glob("stage_2_detailed_class_info.csv*"))), None)
    test = next(iter(sorted(place.glob("stage_2_sample_submission.csv*"))), None)
    films, patients = _films(labels, classes, test), _patients(place)

    def pairs() -> list[tuple[str, str]]:
        return [(patients.get(name, name), film.split) for name, film in films.items()]

    splits = official(pairs, what=labels.name, order=("train", "test"))
    return Cohort("rsna-pneumonia", partial(_studies, place, films, patients), splits, LICENCE, CITATION, "rsna")
