"""Made chest films of 64 or 128 pixels in milliseconds, with the truth of every finding read from geometry.

A simple stand-in for training and for judging methods where no films are at hand: solids with closed-form chords under
a parallel beam (`chords`, `anatomy`, `signs`). What a method learns here says how the method works, not how it reads
patients. The volume phantoms of later versions replace these films. Research use only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError
from hilum.core.finding import Finding, Measurement
from hilum.core.image import Image, MadeBy
from hilum.core.region import Mask
from hilum.core.registry import register
from hilum.core.seed import generator
from hilum.core.study import Study
from hilum.phantom.anatomy import Chest, draw_chest
from hilum.phantom.film import FIELD_MM, Film, Pose, grid, lung_paths, render
from hilum.phantom.signs import CONCEPTS, Sign, draw_sign

MADE_BY = MadeBy("hilum.phantom.shadows", "1")
_VISIBLE_MM2, _CHECK = 40.0, 64


def draw_pose(seed: int, *names: str) -> Pose:
    """Draw how a film is taken: shift, magnification, tilt, exposure and noise."""
    rng = generator(seed, "pose", *names)
    return Pose(
        right=float(rng.normal(0, 0.015)), down=float(rng.normal(0, 0.015)), scale=float(rng.normal(1.0, 0.03)),
        turn_deg=float(rng.normal(0, 1.5)), dark=float(rng.normal(0, 0.15)), contrast=float(rng.normal(1.0, 0.07)),
        noise=float(rng.uniform(0.008, 0.02)),
    )  # fmt: skip


def draw_film(
    number: int, prevalence: Mapping[str, float], *, size: int = 128, seed: int = 0, shift: float = 0.0
) -> tuple[str, Film]:
    """Draw one film of a set; two of three films share their patient's anatomy with another.

    Args:
        number: of the film in its set.
        prevalence: chance of each finding; each is drawn by itself.
        size: rows and columns.
        seed: of the set.
        shift: moves the chest down by this share of the film's side, on top of its own pose.

    Returns:
        Name of the patient, and the film. A finding whose shape hides behind others is drawn anew.

    Raises:
        InputError: if a concept cannot be drawn or a chance is out of [0, 1].
    """
    for concept, chance in prevalence.items():
        if concept not in CONCEPTS or not 0.0 <= chance <= 1.0:
            raise InputError(f"prevalence needs concepts of {', '.join(CONCEPTS)} and chances in [0, 1]: {concept}")
    patient = f"shadow-{seed}-{number * 2 // 3:05d}"
    chest, name = draw_chest(seed, patient), str(number)
    pose = draw_pose(seed, name)
    pose = replace(pose, down=pose.down + shift)
    rng = generator(seed, "findings", name)
    present = [concept for concept, chance in prevalence.items() if rng.random() < chance]
    signs = tuple(_visible(concept, chest, seed, name) for concept in present)
    return patient, render(chest, signs, pose=pose, size=size, seed=int(rng.integers(1 << 31)))


def _visible(concept: str, chest: Chest, seed: int, name: str) -> Sign:
    frame = grid(_CHECK, Pose())
    cut = [chest.heart.depths(frame), chest.middle().depths(frame)]
    for attempt in range(12):
        sign = draw_sign(concept, chest, seed, name, str(attempt))
        if sign.side == 0:
            break
        masks: dict[str, NDArray[np.bool_]] = {}
        dome = chest.dome(sign.side, sign.lift).depths(frame)
        lung_paths(chest, sign.side, [sign], frame, [*cut, dome], masks)
        if masks[concept].sum() * (FIELD_MM / _CHECK) ** 2 >= _VISIBLE_MM2:
            break
    return sign


def study(number: int, prevalence: Mapping[str, float], *, size: int = 128, seed: int = 0) -> Study:
    """Return one made film as a study: every finding of `prevalence` stated as present or absent.

    What is present has its box and its mask, unless it lies wholly behind the other findings of the film.

    Args:
        number, prevalence, size, seed: see `draw_film`.
    """
    patient, film = draw_film(number, prevalence, size=size, seed=seed)
    name = f"shadow-{seed}-{number:06d}"
    step = FIELD_MM / size
    image = Image(
        film.pixels, view="PA", spacing_mm=(step, step), spacing_plane="patient", orientation=("L", "F"), id=name,
        made_by=MADE_BY, synthetic=True,
    )  # fmt: skip
    signs = {sign.concept: sign for sign in film.signs}
    found = tuple(_finding(concept, signs.get(concept), film, name) for concept in prevalence)
    return Study(id=name, patient=patient, images=(image,), findings=found)


def _finding(concept: str, sign: Sign | None, film: Film, image: str) -> Finding:
    if sign is None:
        return Finding(concept, "absent", made_by=MADE_BY, id=concept)
    mask = Mask(film.masks[concept], image=image, label=concept)
    side = -sign.side if film.pose.mirror else sign.side
    ratio = Measurement("cardiothoracic ratio", film.chest.ctr, "1") if concept == "cardiomegaly" else None
    box = mask.box()
    return Finding(
        concept, "present", sites=() if not side else ("left lung",) if side > 0 else ("right lung",),
        attributes={"severity": sign.grade}, regions=(box, mask) if box else (), made_by=MADE_BY, id=concept,
        measurements=(ratio,) if ratio else (),
    )  # fmt: skip


def _studies(count: int, prevalence: Mapping[str, float], size: int, seed: int) -> Iterator[Study]:
    return (study(number, prevalence, size=size, seed=seed) for number in range(count))


@register.dataset("shadows", licence="CC0-1.0: computed, of nobody")
def shadows(
    root: str = "", *, count: int = 300, size: int = 128, seed: int = 0, chance: float = 0.12,
    prevalence: Mapping[str, float] | None = None,
) -> Cohort:  # fmt: skip
    """Return made chest films with exact truth; no data is needed.

    Args:
        root: not used; every data set takes one.
        count: films.
        size: rows and columns of each.
        seed: of everything that is drawn.
        chance: of each finding.
        prevalence: chance of each finding by concept, instead.
    """
    chances = dict(prevalence) if prevalence is not None else dict.fromkeys(CONCEPTS, chance)
    return Cohort(
        name="shadows", studies=partial(_studies, count, chances, size, seed),
        splits={"train": 0.6, "val": 0.15, "test": 0.25}, licence="CC0-1.0", label_set="concepts",
    )  # fmt: skip
