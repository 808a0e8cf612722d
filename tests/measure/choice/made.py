"""Studies with given facts, made by hand, for tests of question makers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np

from hilum.core.finding import Finding, Measurement
from hilum.core.image import Image
from hilum.core.region import Box
from hilum.core.study import Study

FOUR = ("consolidation", "lung nodule", "pleural effusion", "pneumothorax")


def film(name: str = "f", *, side: int = 40, spacing: float | None = 10.0) -> Image:
    """An empty upright PA film."""
    step = None if spacing is None else (spacing, spacing)
    return Image(np.zeros((side, side), np.float32), view="PA", spacing_mm=step, id=name,
                 spacing_plane="patient" if step else None, orientation=("L", "F"))  # fmt: skip


def study(
    name: str, present: Sequence[str] = (), absent: Sequence[str] = (), unsure: Sequence[str] = (), *,
    patient: str = "", sites: Mapping[str, Sequence[str]] | None = None,
) -> Study:  # fmt: skip
    """A study that states these concepts."""
    places = sites or {}
    found = [Finding(each, sites=tuple(places.get(each, ())), id=each) for each in present]
    found += [Finding(each, "absent", id=each) for each in absent]
    found += [Finding(each, "uncertain", id=each) for each in unsure]
    return Study(name, patient or name, images=(film(name),), findings=tuple(found))


def boxed(name: str, concept: str, box: tuple[float, float, float, float], **change: object) -> Study:
    """A study with one finding that has a box and no site."""
    image = film(name, **change)  # type: ignore[arg-type]
    return Study(name, name, images=(image,), findings=(Finding(concept, regions=(Box(*box, image=name),)),))


def all_states(names: Sequence[str] = FOUR, *, copies: int = 1) -> list[Study]:
    """A study for every way to have or not to have some concepts, sides taking turns."""
    made = []
    for copy in range(copies):
        for number, states in enumerate(product((True, False), repeat=len(names))):
            there = [each for each, state in zip(names, states, strict=True) if state]
            sides = {
                each: ("right lung" if (number + at + copy) % 2 else "left lung",) for at, each in enumerate(there)
            }
            gone = [each for each in names if each not in there]
            made.append(study(f"s{copy}-{number:02d}", there, gone, sites=sides))
    return made


def measured(values: Sequence[float], name: str = "cardiothoracic ratio", unit: str = "1") -> list[Study]:
    """A study for each value of a measure of the heart."""
    return [
        Study(
            f"m{at}",
            f"m{at}",
            findings=(Finding("cardiomegaly", "absent", measurements=(Measurement(name, v, unit),)),),
        )
        for at, v in enumerate(values)
    ]
