"""Montgomery County: 138 films of a tuberculosis screening (58 with manifestations), lungs outlined, readings as text.

Get it from https://data.lhncbc.nlm.nih.gov/public/Tuberculosis-Chest-X-ray-Datasets/ (no form). Sources: Jaeger et al.,
Quant Imaging Med Surg 2014; Candemir et al., IEEE TMI 2014.

Traps. Outlines leave out the lung behind the heart, unlike V7's and most networks'. Films are 4020 x 4892 or
4892 x 4020. leftMask and rightMask are named from where each lies on the film, not trusted by their folder: a lung
on the film's right is the patient's left. The name's last digit is the label: 0 normal, 1 abnormal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError, MissingError
from hilum.core.finding import Finding
from hilum.core.image import Image, MadeBy
from hilum.core.region import Mask
from hilum.core.registry import register
from hilum.core.report import Report
from hilum.core.study import Study
from hilum.data.published import by_stem, picture_mask, read_negative
from hilum.data.release import Official
from hilum.data.rows import film

WHERE = "https://data.lhncbc.nlm.nih.gov/public/Tuberculosis-Chest-X-ray-Datasets/"
LICENCE = "US National Library of Medicine: research use, cite both papers, do not pass the set on"
CITATION = "Jaeger et al. Two public chest X-ray datasets for computer-aided screening. Quant Imaging Med Surg 2014;4"
OFFICIAL = (
    Official("**/CXR_png/MCUCXR*_0.png", 80, "files", "Jaeger et al. 2014"),
    Official("**/CXR_png/MCUCXR*_1.png", 58, "files", "Jaeger et al. 2014"),
)
SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}
SPACING_MM = 0.0875
READER = MadeBy("Montgomery County radiologists", "2014")
_NAME = re.compile(r"(?:MCU|CHN)CXR_(\d+)_([01])")
_ABOUT = re.compile(r"^(patient'?s (sex|age)\b.*|(fe)?male\b.*\d+.*)$", re.IGNORECASE)


def named_films(root: Path, prefix: str, what: str) -> dict[str, Path]:
    """Return a collection's films by name, e.g. 'MCUCXR_0001_0'.

    Raises:
        MissingError: if there are none.
        InputError: if a name does not end in its label.
    """
    films = by_stem(root, f"CXR_png/{prefix}*.png", f"*/CXR_png/{prefix}*.png")
    if not films:
        raise MissingError(f"no CXR_png/{prefix}_*.png in {root}: give the folder of {what}, from {WHERE}")
    odd = next((name for name in films if not _NAME.fullmatch(name)), None)
    if odd:
        raise InputError(f"'{odd}.png' is not named as films of {what} are, e.g. {prefix}_0001_0.png")
    return films


def reading(path: Path) -> Report | None:
    """Return a reading: the patient's sex and age as its indication, the rest as its findings; None without a file."""
    if not path.is_file():
        return None
    lines = [line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    about = [line for line in lines if _ABOUT.match(line)]
    return Report("; ".join(about), findings="\n".join(line for line in lines if line not in about))


def screening_study(name: str, path: Path, reader: MadeBy, **facts: Any) -> Study:
    """Return one film of the two screening sets as a study; its name tells its label."""
    parts = _NAME.fullmatch(name)
    label = parts[2] if parts else ""
    found = (Finding("tuberculosis", made_by=reader, id="tuberculosis"),)
    kept = film(path, view="PA", id=name)
    pixels: Any = partial(getattr, kept, "pixels")
    picture = Image(pixels, view="PA", id=name, source=kept.source, orientation=("L", "F"), **facts)
    text = reading(path.parents[1] / "ClinicalReadings" / f"{name}.txt")
    findings = found if label == "1" else read_negative("tuberculosis", reader)
    return Study(name, name[:-2], images=(picture,), report=text, findings=findings)


def masks_of(film: Image) -> tuple[Mask, ...]:
    """Return the outlines of a film's lungs, 'right lung' and 'left lung' by the half of the film that each lies on.

    Raises:
        InputError: if both outlines lie on one half.
    """
    folder = Path(film.source).parents[1] / "ManualMask"
    paths = [
        path for path in (folder / side / f"{film.id}.png" for side in ("leftMask", "rightMask")) if path.is_file()
    ]
    made = []
    for path in paths:
        mask = picture_mask(path, image=film.id, label="")
        columns = np.flatnonzero(mask.pixels.any(axis=0))
        if columns.size:
            side = "left" if columns.mean() > mask.pixels.shape[1] / 2 else "right"
            made.append(Mask(mask.pixels, image=film.id, label=f"{side} lung"))
    if len({mask.label for mask in made}) < len(made):
        raise InputError(f"both lung outlines of {film.id} lie on one half of the film: the files are mixed up")
    return tuple(sorted(made, key=lambda mask: mask.label, reverse=True))


def _studies(root: Path) -> Iterator[Study]:
    for name, path in named_films(root, "MCUCXR", "the Montgomery County set").items():
        yield screening_study(name, path, READER, spacing_mm=(SPACING_MM, SPACING_MM), spacing_plane="detector")


@register.dataset("montgomery", licence=LICENCE, citation=CITATION)
def montgomery(root: str | Path) -> Cohort:
    """Return the Montgomery County films with their reading and tuberculosis present or absent; no official split.

    Args:
        root: MontgomerySet/, or the folder that holds it.

    Raises:
        MissingError: if it holds no films.
        InputError: if a film is not named as the set names them.
    """
    place = Path(root)
    named_films(place, "MCUCXR", "the Montgomery County set")
    return Cohort("montgomery", partial(_studies, place), SHARES, LICENCE, CITATION)
