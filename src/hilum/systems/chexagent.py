"""CheXagent: one reader instructed in many tasks at once, judged task by task against readers of one task each.

Source: Chen et al., CheXagent: towards a foundation model for chest X-ray interpretation (arXiv 2401.12208, 2024), with
CheXinstruct, its mixture of tasks, and CheXbench, its choices. Method: builders turn studies into questions and
answers; one reader learns the mixture; choices are scored by the written answer and by the likelihood of each option.
Data: made scenes with exact facts (phantom). Research use only.
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
from hilum.systems._chexagent_claims import BESIDE, CLAIMS

__all__ = ["CheXagentSystem", "reproduce"]
TEXT = "one reader of many tasks does scarce tasks at least as well as a reader for each"
NOTES = (
    "that it beats general models on perception: cannot be tested here, their weights are not part of this; "
    "docs/outside-models.md says how they are asked the same questions",
    "not copied from the released code: a change question that shows one film, a label prompt that names the films "
    "instead of the disease, and boxes scored by the one of the question before where none is written",
    "a small reader over a frozen encoder that labels taught; published: 2.8 B parameters and millions of samples",
)


def reproduce(
    data: str | Path | None = None, *, seed: int = 0, say: Callable[[str], None] = lambda line: None,
    patients: int | str = 450, steps: int | str = 100, encoder_steps: int | str = 600, seeds: int | str = 3,
    scarce: int | str = 100,
) -> Verdict:  # fmt: skip
    """Judge the mixture of eight tasks on made scenes, every control in one run.

    Args:
        data: of no effect: no open set has films, reports, priors and boxes together.
        seed: of scenes, encoder, bootstrap and the first training.
        say: told what is being done.
        patients, steps, encoder_steps, seeds, scarce: made patients, steps for each task and of the encoder, trainings
            of each arm, samples of a scarce task.

    Raises:
        InputError: if a number cannot be used.
        MissingError: if torch or transformers is missing.
    """
    for package in ("torch", "transformers"):
        if find_spec(package) is None:
            raise need(package, "language", "the reader of chexagent")
    from hilum.systems._chexagent_judge import judge_chexagent
    from hilum.systems._reader_tasks import bench_of

    try:
        many, long, taught, runs, few = (int(each) for each in (patients, steps, encoder_steps, seeds, scarce))
    except ValueError as error:
        raise InputError(f"patients, steps, encoder_steps, seeds and scarce are whole numbers: {error}") from None
    if min(many, long, runs, few) < 1:
        raise InputError(f"patients, steps, seeds and scarce are 1 or more, got {many}, {long}, {runs}, {few}")
    bench = bench_of(many, seed=seed, steps=taught, say=say)
    parts, beside, lines, figures = judge_chexagent(bench, seed=seed, seeds=runs, steps=long, scarce=few, say=say)
    made, more = verdict(TEXT, parts, notes=(*lines, *NOTES)), verdict(TEXT, beside)
    return replace(made, lines=(*made.lines, *more.lines), scores={**made.scores, **more.scores}, figures=figures)


@register.system(
    "chexagent", summary="One reader instructed in eight tasks, and choices of four scored both ways",
    source="CheXagent (Chen et al. 2024)",
)  # fmt: skip
class CheXagentSystem:
    """`reproduce` judges the mixture against a reader for each task at the same samples, and without the box tasks."""

    claims, minutes = (*CLAIMS, *BESIDE), 24.0
    reproduce = staticmethod(reproduce)
