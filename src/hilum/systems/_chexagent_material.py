"""What CheXagent's arms learn from and are asked on scenes: samples of eight tasks, few of the scarce ones."""

from __future__ import annotations

from dataclasses import dataclass

from hilum.core.study import Study
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.presets import preset_of
from hilum.learn.reader.sample import Sample
from hilum.systems._chexagent_claims import SCARCE, TASKS
from hilum.systems._chexagent_scores import OPTIONS
from hilum.systems._reader_tasks import Bench, samples_of, some

MOST_CHOICES = 120


@dataclass(frozen=True, eq=False)
class Material:
    """Samples to learn from and to be asked, by task, and the studies they are of."""

    preset: Preset
    sets: dict[str, list[Sample]]
    asked: dict[str, list[Sample]]
    every: list[Sample]
    studies: dict[str, Study]


def material(bench: Bench, *, seed: int, scarce: int) -> Material:
    """Lay out the tasks; scarce ones keep so many samples to learn from, in every arm the same."""
    preset = preset_of("chexagent").changed(crop="letterbox")
    sets = {name: samples_of(name, bench.train, preset, seed=seed) for name in TASKS}
    asked = {name: samples_of(name, bench.test, preset, seed=seed + 1) for name in TASKS}
    every = [sample for each in (sets, asked) for samples in each.values() for sample in samples]
    for held in (sets, asked):
        held["choice"] = [sample for sample in held["choice"] if len(sample.options) == OPTIONS]
    sets |= {name: some(sets[name], scarce, seed=seed) for name in SCARCE}
    asked["choice"] = some(asked["choice"], MOST_CHOICES, seed=seed)
    return Material(preset, sets, asked, every, {study.id: study for study in bench.test})
