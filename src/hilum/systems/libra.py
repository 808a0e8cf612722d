"""Libra: findings beside a prior film, through a connector that lets the current film ask the prior one.

Source: Zhang et al., Libra: Leveraging Temporal Images for Biomedical Radiology Analysis, ACL Findings 2025. Method: a
frozen encoder's hidden states of all layers are mixed into one, both films look at themselves, the current one asks the
prior one, and four linear layers lead to the language model; without a prior the current film is its own. Here each
film keeps a slot in the prompt (the prior's holds one learned vector), where the published connector gives both one.
Data: scenes drawn in milliseconds, or any data set with reports and dates. Research use only.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hilum.core.registry import register
from hilum.measure.verdict import Verdict
from hilum.systems._libra_claims import BESIDE, CLAIMS, CONTROLS
from hilum.systems._reader_door import Door, concluded

__all__ = ["Libra", "build", "published", "reproduce", "train", "trained"]
TEXT = "temporal input through the connector beats a single image and plain concatenation"
NOTES = (
    "published (MIMIC-CXR findings, Libra-7B): temporal F1 35.3, ROUGE-L 36.7, RadGraph 37.6; of other films and a "
    "language model a thousand times as large, so not comparable with any number here",
    "small scale: one stage, all but the encoder trained; published: connector first, then low-rank adapters",
    "small scale is decoded greedily; published figures are of 10 beams with length penalty 2",
)


_DOOR = Door("libra")
build, train, trained, published = _DOOR.build, _DOOR.train, _DOOR.trained, _DOOR.published


def reproduce(
    data: str | Path | None = None, *, seed: int = 0, say: Callable[[str], None] = lambda line: None,
    patients: int | str = 2000, steps: int | str = 600, encoder_steps: int | str = 1200, width: int | str = 96,
    asked: int | str = 300, seeds: int | str = 3, workers: int | str = 2, columns: int | str = 72,
    side: int | str = 80, depth: int | str = 2, rate: float | str = 3e-3,
) -> Verdict:  # fmt: skip
    """Judge Libra's claim on scenes, every arm, control and guard in one run.

    Args:
        data: of no effect: what is true of a scene is known, of a report only what it says.
        seed: of the scenes, the bootstrap and the first training.
        say: told what is being done.
        patients, steps, encoder_steps, width, asked, seeds, workers: scenes, optimiser steps of an arm and of the
            encoder's label training, width of the language model, test studies, trainings of each arm, processes.
        columns, side, depth, rate: of a film, of the square that the encoder sees, layers of the language model, peak
            learning rate.

    Raises:
        InputError: if a number cannot be used.
        MissingError: if torch or transformers is not installed.
    """
    _DOOR.installed()
    from hilum.systems._libra_judge import judge_libra
    from hilum.systems._reader_lab import SMALL, lab, scaled

    scale = scaled(SMALL, {"patients": patients, "steps": steps, "encoder_steps": encoder_steps, "width": width,
                           "asked": asked, "seeds": seeds, "workers": workers, "columns": columns, "side": side,
                           "depth": depth, "rate": rate})  # fmt: skip
    bench = lab(scale, seed=seed, say=say)
    return concluded(TEXT, judge_libra(bench, scale, seed=seed, say=say), NOTES)


@register.system(
    "libra", summary="Findings beside a prior film, through a temporal connector",
    source="Libra (Zhang et al., ACL Findings 2025)",
)  # fmt: skip
class Libra:
    """`train` makes a reader that compares, `reproduce` judges what its connector is worth."""

    claims, minutes, fits = (*CLAIMS, *CONTROLS, *BESIDE), 25.0, 1
    build, train, trained = staticmethod(build), staticmethod(train), staticmethod(trained)
    published, reproduce = staticmethod(published), staticmethod(reproduce)
