"""A reader of two layers over scenes, untrained or nearly so, that tests of preferences share."""

from __future__ import annotations

from functools import cache

import numpy as np

from hilum.learn.reader.encoder import label_encoder
from hilum.learn.reader.features import Features
from hilum.learn.reader.policy import Policy
from hilum.learn.reader.presets import preset_of
from hilum.learn.reader.tasks import build
from hilum.learn.reader.train import Size, small_spec, train_reader
from hilum.nets.small_vision import VisionSize
from hilum.phantom.scenes import scenes

LONGEST = 24


@cache
def policy(steps: int = 30) -> Policy:
    studies = scenes(10, seed=3, size=48)
    features = Features(label_encoder(studies, size=VisionSize(size=48, width=16, layers=1, heads=2), steps=0, seed=1))
    preset = preset_of("maira-2").changed(
        name="small", roles=("cur_front",), sections=("indication",), tasks=("findings",)
    )
    made = [build("findings", study, preset, np.random.default_rng(n)) for n, study in enumerate(studies)]
    samples = [sample for sample in made if sample is not None]
    trained = train_reader(samples, preset, features=features, fit_spec=small_spec(steps, rate=1e-2), seed=0,
                           size=Size(32, 1, 2), batch=8)  # fmt: skip
    return Policy(trained, tuple(samples), LONGEST)
