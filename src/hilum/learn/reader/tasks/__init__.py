"""Tasks: one file each, which registers a builder from a study to a sample; `build` makes one by name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence

import numpy as np

from hilum.core.errors import InputError
from hilum.core.study import Study
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.sample import Sample

Builder = Callable[[Study, Preset, np.random.Generator], Sample | None]
BUILDERS: dict[str, Builder] = {}
"""By name; filled by the files of this folder and by whoever registers another."""


def task(name: str) -> Callable[[Builder], Builder]:
    """Register a builder under a name.

    Raises:
        InputError: if another module's builder has the name.
    """

    def enter(builder: Builder) -> Builder:
        held = BUILDERS.get(name)
        if held is not None and held.__module__ != builder.__module__:
            raise InputError(f"the task '{name}' is registered by {held.__module__} already: choose another name")
        BUILDERS[name] = builder
        return builder

    return enter


def names() -> tuple[str, ...]:
    """Return the names of all tasks."""
    for item in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{item.name}")
    return tuple(sorted(BUILDERS))


def build(name: str, study: Study, preset: Preset, rng: np.random.Generator) -> Sample | None:
    """Return one sample of a task, None where the study holds nothing to ask.

    Args:
        name: of the task.
        study: with its films, findings, report and prior.
        preset: says which pictures and sections are taken.
        rng: of the wording and of what is asked.

    Raises:
        InputError: if there is no such task.
        RefusedError: if the study has no frontal film that the preset needs, or a prior that may not be compared with.
    """
    if name not in BUILDERS and name not in names():
        raise InputError(f"no reader task is called '{name}': choose from {', '.join(names())}")
    return BUILDERS[name](study, preset, rng)


def one_of(options: Sequence[str], rng: np.random.Generator) -> str:
    """Return one of several wordings."""
    return options[int(rng.integers(len(options)))]
