"""What ReXVQA's small readers are taught on: made films or a user's own set, their questions, and an encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError
from hilum.core.image import Image
from hilum.core.registry import get
from hilum.core.study import Study
from hilum.learn.choice.train import ChoiceReader, teach
from hilum.learn.reader.encoder import label_encoder
from hilum.learn.reader.features import Features
from hilum.learn.reader.roles import frontal_of
from hilum.measure.choice.films import film_cohort
from hilum.measure.choice.items import Design, Item, make_items
from hilum.nets.small_vision import VisionSize

SEED = 104_729
"""Other patients than those of the task `rexvqa/phantom`."""
BALANCED = Design()
VISION = VisionSize(size=64, patch=8)
Say = Callable[[str], None]


@dataclass(frozen=True)
class Scale:
    """How much is taught.

    Args:
        films: made films to learn from.
        encoder_steps: of label training, 32 films each; 0 leaves the encoder random.
        steps: of the network that chooses, 64 questions each.
        per_study: questions of one film to learn from.
        items: questions of each kind to judge on.
        seeds: trainings of each arm.

    Raises:
        InputError: if a number is out of range.
    """

    films: int = 2_400
    encoder_steps: int = 800
    steps: int = 1_200
    per_study: int = 8
    items: int = 80
    seeds: int = 3

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if min(self.films, self.steps, self.per_study, self.seeds) < 1 or self.items < 4 or self.encoder_steps < 0:
            raise InputError(
                "films, steps, per_study and seeds are 1 or more, items 4 or more, encoder_steps 0 or more"
            )


@cache
def made_films(count: int, seed: int = SEED) -> tuple[Study, ...]:
    """Return made films with findings, drawn once in a run of the program, about 15 ms each."""
    return tuple(film_cohort(count, size=VISION.size, seed=seed))


def studies_of(data: str | Path | None, count: int) -> tuple[Study, ...]:
    """Return made films, or the studies with frontal films of a registered set given as 'NAME:FOLDER'.

    Raises:
        InputError: if the set is named otherwise, or has no frontal film.
    """
    if data is None or str(data) in ("", "virtual"):
        return made_films(count)
    name, colon, folder = str(data).partition(":")
    if not colon:
        raise InputError(f"data must be 'virtual' or NAME:FOLDER, such as vindr-cxr:/films, got '{data}'")
    cohort: Cohort = get("dataset", name)(folder)
    source = cohort.split("train") if isinstance(cohort.splits, dict) and "train" in cohort.splits else cohort
    found = tuple(study for study in source if frontal_of(study) is not None)
    if not found:
        raise InputError(f"'{data}' has no study with a frontal film to learn from")
    return found


def to_learn(studies: Sequence[Study], scale: Scale, design: Design = BALANCED, *, seed: int = 0) -> tuple[Item, ...]:
    """Return items of a design to learn from, as many as the studies have; several of each study."""
    wanted = Design(2 * len(studies), scale.per_study, design.balance, design.rotate, design.even)
    return make_items(studies, wanted, seed=seed)


def films_of(studies: Sequence[Study]) -> dict[str, Image]:
    """Return the frontal film of each study that has one."""
    found = {study.id: frontal_of(study) for study in studies}
    return {name: film for name, film in found.items() if film is not None}


def eyes(studies: Sequence[Study], scale: Scale, *, seed: int, say: Say) -> Features:
    """Return an encoder that labels taught, with what it sees; kept in the cache."""
    encoder = label_encoder(studies, size=VISION, steps=scale.encoder_steps, seed=seed, say=say)
    return Features(encoder)


def taught(studies: Sequence[Study], scale: Scale, *, seed: int, say: Say) -> ChoiceReader:
    """Return a reader that chooses, taught with its films."""
    features = eyes(studies, scale, seed=seed, say=say)
    items = to_learn(studies, scale, seed=seed)
    say(f"it learns to choose from {len(items)} questions of {len(studies)} films")
    return teach(items, films_of(studies), features, steps=scale.steps, seed=seed)
