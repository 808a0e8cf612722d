"""SEI, first stage: films aligned with the entities of their reports, and similar cases found by what was learned.

Source: Liu et al., Structural Entities Extraction and Patient Indications Incorporation for Chest X-ray Report
Generation, MICCAI 2024. Method: a report becomes its entity words in order, sentences with an absent entity begin with
'no'; film and text are contrasted as wholes, and each word with what it looks at; cases are found by film and patches
together. Stage 2, a reader with indication and case, is `stage=reader`.
Data: virtual patients, or any data set with reports. Research use only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hilum.core.errors import InputError, need
from hilum.core.registry import register
from hilum.measure.claim import verdict
from hilum.measure.verdict import Verdict
from hilum.systems._sei_claims import BESIDE, CLAIMS

if TYPE_CHECKING:
    from hilum.systems._sei_net import Sei
    from hilum.systems._sei_published import Published
    from hilum.systems._sei_train import Stage

__all__ = ["SeiSystem", "build", "published", "reproduce", "train", "trained"]
TEXT = "entity text aligns films with reports better than prose does"
NOTES = (
    "indication and similar cases, and how often a misleading indication is echoed: `--set stage=reader` judges them",
    "reports are put in the words of 12 drawn authors, with filler; the facts stay the same, by test",
    "cases of the same patient are never found; the released code leaves out the same study only",
    "the image encoder is frozen and knows the findings' labels of the training films; published: ResNet-101, trained",
)


def build(*, vocabulary: int = 30_522) -> Sei:
    """Return the small network over the small encoders' tokens, untrained, for so many words.

    Raises:
        MissingError: if torch is not installed.
    """
    _torch()
    from hilum.systems._sei_net import small_net

    return small_net(vocabulary)


def train(
    *, out: str | Path, data: str | Path | None = None, seed: int = 0, resume: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Path:  # fmt: skip
    """Train the first stage: see `hilum.systems._sei_train.train` for data, and `Recipe` there for settings.

    Raises:
        MissingError: if torch is not installed.
    """
    _torch()
    from hilum.systems._sei_train import train as run

    return run(data, Path(out), seed=seed, resume=resume, settings=settings or {})


def trained(folder: str | Path) -> Stage:
    """Return what `train` wrote: image encoder, network, words, index of cases and card.

    Raises:
        MissingError: if torch is not installed, or the folder holds none.
    """
    _torch()
    from hilum.systems._sei_train import trained as read

    return read(Path(folder))


def published(folder: str | Path | None = None, **heads: int) -> Published:
    """Return the authors' first stage from a checkpoint that you have got and converted: docs/sei.md says how.

    Args:
        folder: that holds model.safetensors; 'sei' in the folder that HILUM_WEIGHTS names by default.
        heads: where they are not the published ones: `heads`, of the text encoder (12).

    Raises:
        MissingError: if torch or the weights are missing.
        InputError: if the tensors are not laid out as the authors' code says.
    """
    _torch()
    from hilum.systems._sei_published import load_published

    return load_published(folder, **heads)


def reproduce(
    data: str | Path | None = None, *, seed: int = 0, say: Callable[[str], None] = lambda line: None,
    patients: int | str = "", size: int | str = 112, steps: int | str = "", trunk_steps: int | str = "",
    seeds: int | str = 3, by: str = "patches", stage: str = "encoder",
) -> Verdict:  # fmt: skip
    """Judge one stage on patients that no arm learns from, every control in one run.

    Args:
        data: of no effect yet: the pack's films have no reports.
        seed, say: of patients, authors, bootstrap and first training; told what is being done.
        patients, size, steps, trunk_steps, seeds: virtual patients, rows of a film, optimiser steps of an arm and of
            the frozen encoder, trainings of each arm; the stage's own where empty.
        by: find cases by 'patches' (and the film as a whole, as published), or by 'film', the whole alone.
        stage: 'encoder', the first, or 'reader', the second (ported): on scenes.

    Raises:
        InputError, MissingError: if a choice cannot be used; if a package or the wheel's CT is missing.
    """
    _torch()
    if by not in ("patches", "film"):
        raise InputError(f"cases are found by 'patches' or by 'film', got '{by}'")
    sizes = {"patients": patients, "steps": steps, "trunk_steps": trunk_steps}
    given = {name: value for name, value in sizes.items() if value != ""}
    if stage != "encoder":
        from hilum.systems._reader_cells import second_stage

        return second_stage("sei", stage, seed=seed, seeds=seeds, settings=given, say=say)
    if find_spec("numba") is None:
        raise need("numba", "drr", "judging sei")
    from hilum.systems._sei_cases import cases_of
    from hilum.systems._sei_judge import judge_sei
    from hilum.systems._sei_train import settings_of

    recipe = settings_of({"patients": 360, "steps": 120, "trunk_steps": 300, **given, "size": size, "rate": 2e-3})
    cases = cases_of(recipe, seed=seed, say=say)
    judged = judge_sei(cases, recipe, seed=seed, seeds=max(1, int(seeds)), say=say, pooled=by == "film")
    parts, beside, lines, figures = judged
    made, more = verdict(TEXT, parts, notes=(*lines, *NOTES)), verdict(TEXT, beside)
    return replace(made, lines=(*made.lines, *more.lines), scores={**made.scores, **more.scores}, figures=figures)


def _torch() -> None:
    if find_spec("torch") is None:
        raise need("torch", "train", "the first stage of sei")


@register.system(
    "sei", summary="Films aligned with the entities of their reports, and similar cases found (stage 1)",
    source="SEI (Liu et al., MICCAI 2024)",
)  # fmt: skip
class SeiSystem:
    """`train` writes an encoder and an index of cases for a reader, `reproduce` judges what stage 1 can show."""

    claims, minutes = (*CLAIMS, *BESIDE), 4.0
    build, train, trained = staticmethod(build), staticmethod(train), staticmethod(trained)
    published, reproduce = staticmethod(published), staticmethod(reproduce)
