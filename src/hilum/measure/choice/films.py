"""Made chest films with what questions ask: zones of each finding and the cardiothoracic ratio of every film."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from hilum.core.cohort import Cohort
from hilum.core.finding import Finding, Measurement
from hilum.core.image import Image
from hilum.core.region import Box, Mask
from hilum.core.study import Study
from hilum.core.zones import HEART_CONCEPTS, zones_of
from hilum.phantom.film import FIELD_MM, Film
from hilum.phantom.shadows import MADE_BY, draw_film

PREVALENCE: Mapping[str, float] = {
    "pleural effusion": 0.42, "consolidation": 0.38, "cardiomegaly": 0.36, "atelectasis": 0.30, "pneumothorax": 0.24,
    "lung nodule": 0.24, "infiltration": 0.18, "lung mass": 0.14,
}  # fmt: skip
"""As uneven as in hospitals, and often enough together for three of four to be present."""
RATIO = "cardiothoracic ratio"


def film_study(number: int, *, size: int = 64, seed: int = 0) -> Study:
    """Return one made film as a study: every concept of `PREVALENCE` stated, zones as sites, the ratio measured.

    Args:
        number: of the film in its set.
        size: rows and columns.
        seed: of the set.
    """
    patient, film = draw_film(number, PREVALENCE, size=size, seed=seed)
    name, step = f"film-{seed}-{number:05d}", FIELD_MM / size
    image = Image(
        film.pixels, view="PA", spacing_mm=(step, step), spacing_plane="patient", orientation=("L", "F"), id=name,
        made_by=MADE_BY, synthetic=True,
    )  # fmt: skip
    signs = {sign.concept: sign for sign in film.signs}
    found = [_finding(concept, film, signs[concept].grade if concept in signs else "", name) for concept in PREVALENCE]
    return Study(id=name, patient=patient, images=(image,), findings=tuple(found))


def _finding(concept: str, film: Film, grade: str, name: str) -> Finding:
    ratio = (Measurement(RATIO, film.chest.ctr, "1"),) if concept == "cardiomegaly" else ()
    if not grade:
        return Finding(concept, "absent", measurements=ratio, made_by=MADE_BY, id=concept)
    mask = Mask(film.masks[concept], image=name, label=concept)
    box = mask.box()
    if box is None:  # wholly behind the others: nobody can say
        return Finding(concept, "uncertain", measurements=ratio, made_by=MADE_BY, id=concept)
    return Finding(
        concept, sites=_sites(concept, box, film), attributes={"severity": grade}, regions=(box, mask),
        measurements=ratio, made_by=MADE_BY, id=concept,
    )  # fmt: skip


def _sites(concept: str, box: Box, film: Film) -> tuple[str, ...]:
    if concept in HEART_CONCEPTS:
        return ("cardiac silhouette",)
    side = next(sign.side for sign in film.signs if sign.concept == concept)
    told = "left" if side > 0 else "right"
    return tuple(site for site in zones_of((box,), film.lungs, ("L", "F")) if site.startswith(told)) or (
        f"{told} lung",
    )


def film_cohort(count: int, *, size: int = 64, seed: int = 0, first: int = 0) -> Cohort:
    """Return a cohort of made films, drawn anew each time it is read, about 15 ms a film.

    Args:
        count: films.
        size: rows and columns.
        seed: of the set; other seeds are other patients.
        first: number of the first film.
    """
    return Cohort("films", partial(_studies, count, size, seed, first), licence="CC0-1.0", label_set="concepts")


def _studies(count: int, size: int, seed: int, first: int) -> Iterator[Study]:
    return (film_study(number, size=size, seed=seed) for number in range(first, first + count))
