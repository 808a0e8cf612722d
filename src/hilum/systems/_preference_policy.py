"""The policy of preference fine-tuning: a small reader of scenes that stops early, and its questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hilum.core.errors import InputError
from hilum.core.seed import generator
from hilum.core.study import Study
from hilum.learn.decode import Decoding
from hilum.learn.reader.encoder import label_encoder
from hilum.learn.reader.features import Features
from hilum.learn.reader.policy import Policy
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.presets import preset_of
from hilum.learn.reader.sample import Sample
from hilum.learn.reader.tasks import build
from hilum.learn.reader.train import small_spec, train_reader
from hilum.learn.reader.trained import Trained
from hilum.phantom.scenes import scenes, split_of
from hilum.systems._preference_recipe import Recipe

TASKS = ("findings", "presence", "phrase_to_box")
ASKED = 3  # presence questions to a study
Say = Callable[[str], None]


def preset() -> Preset:
    """Return MAIRA-2's preset with the frontal film and the indication alone, so that an arm takes a minute."""
    return preset_of("maira-2").changed(
        name="preference", roles=("cur_front",), sections=("indication",), tasks=TASKS, decoding={}
    )


def samples_of(studies: Sequence[Study], task: str, *, seed: int, count: int = 1) -> tuple[Sample, ...]:
    """Return the samples of one task, `count` to a study where there is something to ask."""
    how = preset()
    made = [build(task, study, how, generator(seed, "preference", task, study.id, number))
            for study in studies for number in range(count)]  # fmt: skip
    return tuple(sample for sample in made if sample is not None)


@dataclass(frozen=True, eq=False)
class Bench:
    """Films, questions and the encoder, which all seeds share.

    Args:
        train, test: studies of patients apart.
        features: of the frozen encoder.
        seed: of the wordings.
    """

    train: tuple[Study, ...]
    test: tuple[Study, ...]
    features: Features
    seed: int

    def asked(self, task: str, *, count: int = 1) -> tuple[Sample, ...]:
        """Return the samples of the test studies."""
        return samples_of(self.test, task, seed=self.seed, count=count)


def bench(recipe: Recipe, *, seed: int, say: Say) -> Bench:
    """Draw the cohort and teach its encoder (kept, and read back by the next run).

    Raises:
        InputError: if there are too few patients to test on.
    """
    say(f"{recipe.patients} virtual patients")
    studies = scenes(recipe.patients, seed=seed, size=recipe.size)
    train = tuple(study for study in studies if split_of(study.patient) == "train")
    test = tuple(study for study in studies if split_of(study.patient) == "test")
    if not train or not test:
        raise InputError(f"{recipe.patients} patients leave none to test on: take 20 or more")
    return Bench(train, test, Features(label_encoder(train, steps=recipe.encoder_steps, seed=seed, say=say)), seed)


def policy(held: Bench, recipe: Recipe, *, seed: int) -> Trained:
    """Return a reader taught to write findings, answer and ground, by supervision that stops early."""
    mixed = [sample for task in TASKS for sample in samples_of(held.train, task, seed=held.seed)]
    return train_reader(mixed, preset(), features=held.features, fit_spec=small_spec(recipe.steps), seed=seed)


def asking(trained: Trained, held: Bench, recipe: Recipe) -> Policy:
    """Return the policy beside the training questions that answers are sampled for."""
    asked = samples_of(held.train, "findings", seed=held.seed)
    return Policy(trained, asked[: recipe.questions], recipe.longest)


def greedy(recipe: Recipe) -> Decoding:
    """Return how held-out reports are written."""
    return Decoding(longest=recipe.longest)
