"""The bench that readers are judged on: one cohort of scenes, one frozen encoder that labels taught, arms over both.

The encoder is fitted once and kept in the cache; what it sees of every film is computed once; an arm is then a small
language model and a connector, a minute of a processor or less. Steps and sizes were set by what an arm costs, before
any claim was looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.core.study import Study
from hilum.learn.reader.encoder import label_encoder
from hilum.learn.reader.features import Features
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.presets import preset_of
from hilum.learn.reader.sample import Sample
from hilum.learn.reader.tasks import build
from hilum.learn.reader.train import Size, small_spec, train_reader
from hilum.learn.reader.trained import Trained
from hilum.nets.small_vision import VisionSize
from hilum.phantom.scenes import Floor, single_image_floor, split_of
from hilum.systems._reader_cohort import cohort, reworded
from hilum.systems._reader_scale import SMALL, Scale, jobs_of, scaled

__all__ = [
    "LONGEST",
    "SMALL",
    "Lab",
    "Scale",
    "arm",
    "jobs_of",
    "lab",
    "reworded",
    "samples_of",
    "scaled",
    "small_preset",
]
Say = Callable[[str], None]
LONGEST = 90
"""Words of an answer: the longest report of the scenes has fewer."""


@dataclass(frozen=True, eq=False)
class Lab:
    """What all arms of a bench share.

    Args:
        train, val, test: studies, each patient in one of them.
        features: of the frozen encoder.
        floor: Bayes accuracy of change from the current film alone, on the test studies.
        scale, seed, leaky: what it was made by.
    """

    train: tuple[Study, ...]
    val: tuple[Study, ...]
    test: tuple[Study, ...]
    features: Features
    floor: Floor
    scale: Scale
    seed: int
    leaky: float = 0.0
    _lessons: dict[int, tuple[Study, ...]] = field(default_factory=dict, repr=False)

    @property
    def patients(self) -> list[str]:
        """The patient of each test study."""
        return [study.patient for study in self.test]

    def lessons(self, *, seed: int) -> tuple[Study, ...]:
        """Return the training studies, each in as many wordings as the scale says, its own among them."""
        if seed not in self._lessons:
            again = range(1, self.scale.wordings)
            more = (reworded(study, seed=1000 * (seed + 1) + number) for number in again for study in self.train)
            self._lessons[seed] = (*self.train, *more)
        return self._lessons[seed]

    def look(self) -> None:
        """Let the frozen encoder look at every film."""
        self.features.see(film for part in (self.train, self.val, self.test) for study in part for film in study.films)

    def lines(self) -> list[str]:
        """Return what the bench holds and what a single film could tell of change, for the evidence."""
        people = len(set(self.patients))
        return [
            f"{len(self.train)} studies to learn from, {len(self.test)} test studies of {people} patients",
            f"change, Bayes accuracy from the current film alone: balanced {self.floor.balanced:.3f}",
        ]


def lab(scale: Scale = SMALL, *, seed: int = 0, leaky: float = 0.0, say: Say = lambda line: None) -> Lab:
    """Draw the cohort, and teach the encoder its labels unless that was done before.

    Args:
        scale: how large.
        seed: of the cohort and the encoder.
        leaky: share of training reports without a prior that compare all the same; test reports never do.
        say: told what is being done.

    Raises:
        InputError: if a split holds no study.
    """
    say(f"drawing {scale.patients} patients")
    drawn = cohort(scale, seed=seed, leaky=leaky)
    parts = {name: tuple(each for each in drawn if split_of(each.patient) == name) for name in ("train", "val", "test")}
    if not all(parts.values()):
        raise InputError(f"{scale.patients} patients are too few: each split needs one or more")
    test = parts["test"][: scale.asked]
    encoder = label_encoder(parts["train"], size=VisionSize(size=scale.side), steps=scale.encoder_steps, seed=seed,
                            say=say)  # fmt: skip
    return Lab(parts["train"], parts["val"], test, Features(encoder), single_image_floor(test), scale, seed, leaky)


def small_preset(name: str, **changes: Any) -> Preset:
    """Return a preset as the bench runs it: films letterboxed, greedy, short answers; with what else is changed."""
    decoding = {"": {"longest": LONGEST}, "grounded": {"longest": 2 * LONGEST}}
    return preset_of(name).changed(**{"crop": "letterbox", "decoding": decoding, **changes})


def samples_of(
    studies: Sequence[Study], preset: Preset, tasks: Sequence[str] = ("findings",), *, seed: int = 0
) -> list[Sample]:
    """Return the samples of studies for some tasks, those of one study after the other; the wording is drawn."""
    made = (build(task, study, preset, generator(seed, "wording", task, study.id)) for study in studies
            for task in tasks)  # fmt: skip
    return [sample for sample in made if sample is not None]


def arm(
    bench: Lab, preset: Preset, samples: Sequence[Sample], *, seed: int, steps: int = 0, say: Say = lambda line: None
) -> Trained:
    """Train one arm: a small reader on samples, over the bench's encoder.

    Args:
        bench: the lab.
        preset: of the arm.
        samples: to learn from.
        seed: of its weights and draws.
        steps: the scale's if 0.
        say: told the loss.
    """
    scale = bench.scale
    spec = small_spec(steps or scale.steps, rate=scale.rate)
    return train_reader(samples, preset, features=bench.features, fit_spec=spec, seed=seed,
                        size=Size(scale.width, scale.depth), say=say)  # fmt: skip
