"""A site's films of newborns with their bronchopulmonary dysplasia: a folder of PNGs and one sheet.

Layout: films named `<patient>_<anything>.png` anywhere under the folder, and one .csv sheet with the columns
`patient_id` and `bpd` beside them (more columns do no harm). Source: the public script of arXiv 2507.12269.

Label. no, none and mild are 0, moderate and severe are 1, as the paper has it; unknown and empty are dropped.
Traps. A patient's name must not hold '_'. Sheets write numbers as '7' where files write '007': both are read alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError, MissingError
from hilum.core.finding import Finding
from hilum.core.image import MadeBy
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.data.rows import film, rows

WHERE = "the layout is that of https://arxiv.org/abs/2507.12269"
LICENCE = "the site's own films: not to be passed on"
CITATION = "layout of arXiv 2507.12269 (bronchopulmonary dysplasia from day-1 films)"
CONCEPT = "bronchopulmonary dysplasia"
SITE = MadeBy("the site's sheet", "1")
GRADES: Mapping[str, int | None] = {
    "no": 0, "none": 0, "0": 0, "mild": 0, "1": 0, "moderate": 1, "2": 1, "severe": 1, "3": 1,
    "unknown": None, "na": None, "n/a": None, "nan": None, "": None,
}  # fmt: skip
"""Grade as written, in small letters, to moderate-or-severe; None where it is not known."""
COLUMNS = ("patient_id", "bpd")
SHARES = {"train": 1.0}


def graded(text: str) -> int | None:
    """Return 1 for moderate or severe, 0 for none or mild, None for unknown.

    Raises:
        InputError: if the grade is none of those.
    """
    grade = text.strip().lower()
    if grade not in GRADES:
        raise InputError(f"'{text}' is no grade of BPD: write no, mild, moderate, severe or unknown")
    return GRADES[grade]


def _name(patient: str) -> str:
    """A patient as files and sheets name one: zeros before a number do not count."""
    told = patient.strip()
    return (told.lstrip("0") or "0") if told.isdigit() else told


def sheet(root: str | Path) -> dict[str, int | None]:
    """Return patient -> 1, 0 or None of the folder's sheet.

    Raises:
        MissingError: if there is no sheet, or more than one.
        InputError: if a column is missing, a grade cannot be read, or a patient has two.
    """
    found = sorted(Path(root).glob("*.csv"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise MissingError(
            f"{root} needs one .csv sheet with the columns patient_id and bpd; there is {names}; {WHERE}"
        )
    told: dict[str, int | None] = {}
    for number, row in enumerate(rows(found[0], COLUMNS), start=2):
        patient = _name(row["patient_id"])
        try:
            grade = graded(row["bpd"] or "")
        except InputError as error:
            raise InputError(f"{found[0].name} line {number}: {error}") from None
        if told.setdefault(patient, grade) != grade:
            raise InputError(f"{found[0].name} line {number}: patient '{patient}' has two different grades")
    return told


def films_of(root: str | Path) -> dict[str, tuple[Path, ...]]:
    """Return patient -> paths of that patient's films, by name; the first is the one that is tested.

    Raises:
        MissingError: if there is no film.
        InputError: if a film is not named after a patient.
    """
    found: dict[str, list[Path]] = {}
    for path in sorted(Path(root).rglob("*.png")):
        patient, mark, _ = path.stem.partition("_")
        if not mark or not patient:
            raise InputError(f"{path.name} is not named <patient>_<anything>.png")
        found.setdefault(_name(patient), []).append(path)
    if not found:
        raise MissingError(f"no film named <patient>_<anything>.png in {root}; {WHERE}")
    return {patient: tuple(paths) for patient, paths in found.items()}


def _studies(root: Path) -> Iterator[Study]:
    grades = sheet(root)
    for patient, paths in films_of(root).items():
        grade = grades.get(patient)
        if grade is None:
            continue
        finding = Finding(CONCEPT, "present" if grade else "absent", made_by=SITE, id="bpd")
        images = tuple(film(path, view="AP") for path in paths)
        yield Study(patient, patient, images=images, findings=(finding,))


@register.dataset("bpd-site", licence=LICENCE, citation=CITATION)
def bpd_site(root: str | Path) -> Cohort:
    """Return a site's newborns, a study each with all films, moderate or severe disease present or absent.

    Patients whose grade is unknown, and those without a film or a row, are left out.

    Args:
        root: the folder with the sheet and the films.

    Raises:
        MissingError: if there is no sheet or no film.
        InputError: if the sheet or a film's name cannot be read.
    """
    place = Path(root)
    grades, films = sheet(place), films_of(place)
    if not any(grades.get(patient) is not None for patient in films):
        some = ", ".join(list(films)[:3])
        raise InputError(f"no film of {place} is of a patient with a known grade: films are of {some} ...")
    return Cohort("bpd-site", partial(_studies, place), SHARES, LICENCE, CITATION)
