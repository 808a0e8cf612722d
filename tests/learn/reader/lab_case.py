"""A tiny bench for tests: a few scenes, a random encoder, one reader of a few steps."""

from functools import cache

from hilum.core.study import Study
from hilum.learn.reader.features import Features
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.presets import preset_of
from hilum.learn.reader.sample import Sample
from hilum.learn.reader.tasks import build
from hilum.learn.reader.train import Size
from hilum.nets.small_vision import VisionSize, small_vision

TINY = Size(width=32, depth=1, heads=2)
LOOK = VisionSize(width=16, layers=2, size=32)


@cache
def studies(patients: int = 6) -> tuple[Study, ...]:
    from hilum.phantom.scenes import scenes

    return scenes(patients, seed=3, size=64)


@cache
def features() -> Features:
    import torch

    torch.manual_seed(0)
    return Features(small_vision(LOOK))


def preset(name: str = "libra", **changes: object) -> Preset:
    return preset_of(name).changed(crop="letterbox", decoding={"": {"longest": 12}}, **changes)


def samples(how: Preset, task: str = "findings", some: tuple[Study, ...] | None = None) -> list[Sample]:
    from hilum.core.seed import generator

    made = (build(task, study, how, generator(0, "wording", study.id)) for study in some or studies())
    return [sample for sample in made if sample is not None]
