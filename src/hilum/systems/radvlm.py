"""RadVLM: one small conversational reader taught many tasks at once, so that scarce ones gain from plentiful ones.

Source: Deperrois et al., RadVLM: a multitask conversational vision-language model for radiology (arXiv 2502.03333,
2025). Method: one frontal film, a projector and a language model; reports, labels, boxes and conversations in one
mixture; boxes are decimal text in the answer.
Data: made scenes with exact boxes (phantom). Research use only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from hilum.core.errors import InputError, need
from hilum.core.registry import register
from hilum.measure.claim import verdict
from hilum.measure.verdict import Verdict
from hilum.systems._radvlm_claims import BESIDE, CLAIMS, COUNTS

__all__ = ["RadVLMSystem", "reproduce"]
TEXT = "learning many tasks at once helps where boxes are scarce, and conversations stay true to the report"
NOTES = (
    "F1 at IoU 0.5 with boxes matched one to one: the published average precision takes the order of appearance for "
    "confidence, and its average IoU runs over all pairs; neither is copied",
    "yes and no are read from the answer with its negation; the published label score counts 'no effusion' as effusion",
    "a small reader over a frozen encoder that labels taught, one tile of 64 px; published: LLaVA-OneVision-7B, 1.1 M "
    "samples, no number of which is comparable with these",
)


def reproduce(
    data: str | Path | None = None, *, seed: int = 0, say: Callable[[str], None] = lambda line: None,
    patients: int | str = 600, steps: int | str = 450, encoder_steps: int | str = 600, seeds: int | str = 3,
    counts: Sequence[int] | str = COUNTS,
) -> Verdict:  # fmt: skip
    """Judge mixtures of tasks and conversations on made scenes, every control in one run.

    Args:
        data: of no effect: no open set has films, reports and boxes of phrases together.
        seed: of scenes, encoder, bootstrap and the first training.
        say: told what is being done.
        patients, steps, encoder_steps, seeds: made patients, steps of each arm and of the encoder, trainings of each.
        counts: three numbers of phrases with boxes that arms learn from, such as '50,200,1000'.

    Raises:
        InputError: if a number cannot be used.
        MissingError: if torch or transformers is missing.
    """
    for package in ("torch", "transformers"):
        if find_spec(package) is None:
            raise need(package, "language", "the reader of radvlm")
    from hilum.systems._radvlm_judge import judge_radvlm
    from hilum.systems._reader_tasks import bench_of

    try:
        numbers = [int(each) for each in (counts.split(",") if isinstance(counts, str) else counts)]
        many, long, taught, runs = (int(each) for each in (patients, steps, encoder_steps, seeds))
    except ValueError as error:
        raise InputError(f"patients, steps, encoder_steps, seeds and counts are whole numbers: {error}") from None
    if len(numbers) != len(COUNTS) or min(*numbers, many, long, runs) < 1 or sorted(set(numbers)) != numbers:
        raise InputError(
            f"counts are three rising numbers and all else is 1 or more, got {numbers}, {many}, {long}, {runs}"
        )
    bench = bench_of(many, seed=seed, steps=taught, say=say)
    parts, beside, lines, figures = judge_radvlm(bench, seed=seed, seeds=runs, steps=long, counts=numbers, say=say)
    made, more = verdict(TEXT, parts, notes=(*lines, *NOTES)), verdict(TEXT, beside)
    return replace(made, lines=(*made.lines, *more.lines), scores={**made.scores, **more.scores}, figures=figures)


@register.system(
    "radvlm", summary="A conversational reader taught many tasks at once", source="RadVLM (Deperrois et al. 2025)"
)
class RadVLMSystem:
    """`reproduce` judges whether other tasks help where boxes are scarce, and whether conversations stay consistent."""

    claims, minutes = (*CLAIMS, *BESIDE), 24.0
    reproduce = staticmethod(reproduce)
