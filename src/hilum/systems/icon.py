"""ICON: findings of the same lesions in the same words, through enlarged parts whose attributes are told.

Source: Hou et al., ICON: Improving Inter-Report Consistency in Radiology Report Generation via Lesion-aware Mixup
Augmentation, EMNLP Findings 2024. Method: a classifier (Zoomer) says which findings are there and cuts out for each the
window that says so most; an inspector reads attributes off prior film, current film and window; findings and attributes
go into the request as words. In training a window is blended with the same finding's window of an equivalent patient,
and the inspector is asked for both patients' attributes. Ported: an encoder-decoder in its paper, here a language model
that reads pictures and words in one row. Data: scenes with patients of identical facts. Research use only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from hilum.core.errors import InputError, need
from hilum.core.registry import register
from hilum.measure.claim import verdict
from hilum.measure.verdict import Verdict
from hilum.systems._icon_claims import BESIDE, CLAIMS, CONTROLS

__all__ = ["Icon", "reproduce"]
TEXT = "mixing a lesion with that of an equivalent patient makes reports of like patients more alike, and more accurate"
NOTES = (
    "published CON and R-CON were not recovered, so none is quoted",
    "small scale: linear Zoomer and two-layer inspector on one frozen encoder; published: SwinV2 for each",
    "small scale is decoded greedily; published: 4 beams, at most 104 tokens",
    "CON and R-CON by the overlap coefficient favour short reports; claims are judged by Jaccard's index",
)


def reproduce(
    data: str | Path | None = None, *, seed: int = 0, say: Callable[[str], None] = lambda line: None,
    patients: int | str = 900, steps: int | str = 300, encoder_steps: int | str = 800, width: int | str = 96,
    classes: int | str = 10, alike: int | str = 20, seeds: int | str = 3, workers: int | str = 2,
    inspector_steps: int | str = 500,
) -> Verdict:  # fmt: skip
    """Judge ICON's claim on scenes, every arm and control in one run.

    Args:
        data: of no effect: identical facts are known of scenes alone.
        seed: of the scenes, the bootstrap and the first training.
        say: told what is being done.
        patients, steps, encoder_steps, width, seeds, workers: scenes, optimiser steps of an arm and of the encoder's
            label training, width of the language model, trainings of each arm, processes.
        classes, alike: test patients: classes of identical facts, and patients of each.
        inspector_steps: that teach an inspector its attributes.

    Raises:
        InputError: if a number cannot be used.
        MissingError: if torch or transformers is not installed.
    """
    for package, extra in (("torch", "train"), ("transformers", "language")):
        if find_spec(package) is None:
            raise need(package, extra, "icon")
    from hilum.systems._icon_judge import judge_icon
    from hilum.systems._reader_lab import SMALL, lab, scaled

    scale = scaled(SMALL, {"patients": patients, "steps": steps, "encoder_steps": encoder_steps, "width": width,
                           "seeds": seeds, "workers": workers})  # fmt: skip
    groups, each = _count("classes", classes, 4), _count("alike", alike, 2)
    bench = lab(scale, seed=seed, say=say)
    lessons = _count("inspector_steps", inspector_steps, 1)
    parts, controls, beside, lines, figures = judge_icon(bench, scale, classes=groups, each=each, seed=seed, say=say,
                                                         inspector_steps=lessons)  # fmt: skip
    made, more = verdict(TEXT, parts, notes=(*lines, *NOTES)), verdict(TEXT, [*controls, *beside])
    return replace(made, lines=(*made.lines, *more.lines), scores={**made.scores, **more.scores}, figures=figures)


def _count(name: str, value: int | str, least: int) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be a whole number, got '{value}'") from None
    if number < least:
        raise InputError(f"{name} must be {least} or more, got {number}")
    return number


@register.system(
    "icon", summary="Findings from enlarged lesions, mixed with those of equivalent patients",
    source="ICON (Hou et al., EMNLP Findings 2024)",
)  # fmt: skip
class Icon:
    """`reproduce` judges what mixing lesions is worth."""

    claims, minutes = (*CLAIMS, *CONTROLS, *BESIDE), 13.0
    reproduce = staticmethod(reproduce)
