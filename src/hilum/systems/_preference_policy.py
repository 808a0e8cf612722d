"""The policy of preference fine-tuning: a small reader of scenes that stops early, and its questions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hilum.core.errors import InputError
from hilum.core.study import Study
from hilum.learn.reader.policy import Policy
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.sample import Sample
from hilum.learn.reader.train import Size, small_spec, train_reader
from hilum.learn.reader.trained import Trained
from hilum.systems._preference_recipe import Recipe
from hilum.systems._reader_lab import Lab, Scale, lab, samples_of, small_preset

TASKS = {"findings": 0.7, "presence": 0.15, "phrase_to_box": 0.15}
"""Share of each task in what the policy is taught; reports take most words to learn."""
ASKED = 3  # presence questions to a test study
Say = Callable[[str], None]


def preset() -> Preset:
    """Return MAIRA-2's preset with the frontal film and the indication alone, so that an arm takes a minute."""
    films = small_preset("maira-2", roles=("cur_front",), sections=("indication",), tasks=(*TASKS,))
    return films.changed(name="preference")


def bench(recipe: Recipe, *, seed: int, say: Say) -> Lab:
    """Return the cohort and its frozen encoder, which all seeds share.

    Raises:
        InputError: if there are too few patients.
    """
    scale = Scale(patients=recipe.patients, columns=recipe.size, encoder_steps=recipe.encoder_steps, asked=recipe.asked)
    return lab(scale, seed=seed, say=say)


def asked_of(studies: Sequence[Study], task: str, *, seed: int, count: int = 1) -> tuple[Sample, ...]:
    """Return samples of one task, `count` to a study where there is something to ask."""
    rounds = [samples_of(studies, preset(), (task,), seed=seed + 1_000 * number) for number in range(count)]
    return tuple(sample for samples in rounds for sample in samples)


def policy(held: Lab, recipe: Recipe, *, seed: int) -> Trained:
    """Return a reader taught to write findings (in several wordings), answer and ground; it stops early."""
    told = {task: held.lessons(seed=held.seed) if task == "findings" else held.train for task in TASKS}
    by_task = {task: asked_of(studies, task, seed=held.seed) for task, studies in told.items()}
    mixed = [(sample, TASKS[task] / len(some)) for task, some in by_task.items() for sample in some]
    scale = held.scale
    return train_reader(
        [sample for sample, _ in mixed], preset(), features=held.features, fit_spec=small_spec(recipe.steps), seed=seed,
        size=Size(scale.width, scale.depth), weights=[share for _, share in mixed],
    )  # fmt: skip


def asking(trained: Trained, held: Lab, recipe: Recipe) -> Policy:
    """Return the policy beside the training questions that answers are sampled for.

    Raises:
        InputError: if no training study has a report.
    """
    asked = asked_of(held.train, "findings", seed=held.seed)
    if not asked:
        raise InputError("no training study has a report to judge samples by")
    return Policy(trained, asked[: recipe.questions], recipe.longest)
