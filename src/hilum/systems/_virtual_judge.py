"""The parts of a run over virtual patients: readers once, then lungs, hearts and opacity of real films."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hilum.measure.claim import Judged
from hilum.systems._virtual_claims import READS, VIRTUAL
from hilum.systems._virtual_films import Films
from hilum.systems._virtual_hearts import judge_hearts
from hilum.systems._virtual_lungs import judge_lungs, picture
from hilum.systems._virtual_opacity import judge_opacity

if TYPE_CHECKING:
    from hilum.nets.unet import LiteUNet

CAPTION = "Real films judged: V7's lung mask in green, the segmenter's in red, its heart in yellow"


def judged_parts(
    made: Films, root: Path | None, chosen: Sequence[str], size: int, half: str, *, seed: int, seeds: int, steps: int,
    say: Callable[[str], None],
) -> tuple[list[Judged], list[Judged], list[str], dict[str, bytes | str]]:  # fmt: skip
    """Train the readers and judge what is chosen.

    Args:
        made: virtual films.
        root: the pack of real films; None where there is none.
        chosen: parts of the run.
        size, half: rows of a film, and which half of the patients is judged.
        seed, seeds, steps: first seed, trainings of each arm, optimiser steps.
        say: told what is being done.

    Returns:
        The judged claims, those beside them, lines for people, figures by caption.
    """
    from hilum.systems import _virtual_real as real

    judged: list[Judged] = []
    beside: list[Judged] = []
    lines: list[str] = []
    figures: dict[str, bytes | str] = {}
    readers = _readers(made, steps=steps, seed=seed, seeds=seeds, say=say) if root else []
    if set(chosen) - {"opacity"}:
        dev, test = real.halves(real.outlined(root, size), seed=0) if root else (None, None)
        dev, test = (test, dev) if half == "dev" else (dev, test)
        judged, beside, lines, trial = judge_lungs(
            made, readers, test, dev, seed=seed, seeds=seeds, steps=steps, parts=chosen, say=say
        )  # fmt: skip
        if root and "lungs" in chosen and test is not None and trial.shown is not None:
            more, told = judge_hearts(trial.readers, real.hearts(root, size), seed=seed)
            judged, lines = [*judged, *more], [*lines, *told]
            figures[CAPTION] = picture(test, trial.shown, *READS[trial.read(VIRTUAL)])
    if "opacity" in chosen and root:
        mined, read = real.opacities(root, size)
        more, told = judge_opacity(readers, mined, read, seed=seed, say=say, half=half)
        judged, lines = [*judged, *more], [*lines, *told]
    elif "opacity" in chosen:
        lines.append("opacity and large hearts: cannot be tested here (give the pack: --data FOLDER)")
    return judged, beside, lines, figures


def _readers(
    made: Films, *, steps: int, seed: int, seeds: int, say: Callable[[str], None]
) -> list[LiteUNet]:  # fmt: skip
    from hilum.systems._virtual_readers import reader

    found = []
    for number in range(seed, seed + seeds):
        say(f"reader of virtual patients, seed {number}")
        found.append(reader(made, steps=steps, seed=number))
    return found
