"""From which side a film was taken, of a single film."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hilum.core.geometry import FRONTAL, LATERAL
from hilum.core.study import Study
from hilum.learn.reader.material import sample_of
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.roles import Shown
from hilum.learn.reader.sample import Sample, Turn
from hilum.learn.reader.tasks import one_of, task

WORDINGS = ("Which view is this?", "What is the view of this film?", "Name the projection.", "How was this film taken?")
OPTIONS = ("frontal", "lateral")


@task("view")
def view(study: Study, preset: Preset, rng: np.random.Generator) -> Sample | None:
    """Ask for the view of one current film, shown with one role whatever it is, so that no token tells the answer."""
    films = [film for film in study.films if film.view in FRONTAL | LATERAL]
    if not films:
        return None
    film = films[int(rng.integers(len(films)))]
    answer = OPTIONS[film.view in LATERAL]
    role = next((role for role in ("cur_other", "cur_front") if role in preset.roles), preset.roles[0])
    alone = preset.changed(sections=(), frontal=False)
    sample = sample_of("view", study, alone, [Turn(one_of(WORDINGS, rng), answer)], options=OPTIONS)
    return replace(sample, shown=(Shown(role, film),))
