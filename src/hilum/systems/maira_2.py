"""MAIRA-2: findings from every input there is (frontal, lateral, prior, sections), plain or each with its boxes.

Source: Bannur et al., MAIRA-2: Grounded Radiology Report Generation, 2024. Method: films of three roles, the prior
report and three sections go into one prompt, 'N/A' where one is missing; a frozen encoder, four linear layers and a
language model, one stage, tasks mixed; boxes as 100 bins an axis. Here a grounded reader learns grounding alone.
Data: scenes drawn in milliseconds, or any data set with reports, views and dates. Research use only.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hilum.core.registry import register
from hilum.measure.verdict import Verdict
from hilum.systems._maira_2_claims import BESIDE, CLAIMS, CONTROLS
from hilum.systems._reader_door import Door, concluded

__all__ = ["Maira2", "build", "published", "reproduce", "train", "trained"]
LEAKY = 1 / 3
TEXT = "lateral, prior and sections raise quality and cut false comparisons; grounding keeps the text"
NOTES = (
    "published (MIMIC-CXR findings): CheXbert F1 41.6 macro-14, 58.1 micro-14, 50.4 macro-5, 59.1 micro-5; of other "
    "films and a language model a thousand times as large, so not comparable with any number here",
    "entailment of facts is exact here (the text reader's), where RadFact asks a language model",
    "a third of the training reports without a prior compare all the same, as real ones do; test truth never does",
)


_DOOR = Door("maira-2")
build, train, trained, published = _DOOR.build, _DOOR.train, _DOOR.trained, _DOOR.published


def reproduce(
    data: str | Path | None = None, *, seed: int = 0, say: Callable[[str], None] = lambda line: None,
    patients: int | str = 2000, steps: int | str = 450, encoder_steps: int | str = 1200, width: int | str = 96,
    asked: int | str = 300, seeds: int | str = 3, workers: int | str = 2, columns: int | str = 72,
    side: int | str = 80, depth: int | str = 2, rate: float | str = 3e-3,
) -> Verdict:  # fmt: skip
    """Judge MAIRA-2's claims on scenes, every arm, control and guard in one run.

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
    from hilum.systems._maira_2_judge import judge_maira_2
    from hilum.systems._reader_lab import SMALL, lab, scaled

    scale = scaled(SMALL, {"patients": patients, "steps": steps, "encoder_steps": encoder_steps, "width": width,
                           "asked": asked, "seeds": seeds, "workers": workers, "columns": columns, "side": side,
                           "depth": depth, "rate": rate})  # fmt: skip
    bench = lab(scale, seed=seed, leaky=LEAKY, say=say)
    return concluded(TEXT, judge_maira_2(bench, scale, seed=seed, say=say), NOTES)


@register.system(
    "maira-2", summary="Findings from all films and sections there are, plain or with boxes",
    source="MAIRA-2 (Bannur et al. 2024)",
)  # fmt: skip
class Maira2:
    """`train` makes a reader of all inputs, `reproduce` judges what each input is worth and what grounding costs."""

    claims, minutes, fits = (*CLAIMS, *CONTROLS, *BESIDE), 25.0, 1
    build, train, trained = staticmethod(build), staticmethod(train), staticmethod(trained)
    published, reproduce = staticmethod(published), staticmethod(reproduce)
