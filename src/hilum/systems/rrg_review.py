"""The review of report generation as a matrix that runs: writers x metrics on the same studies, with floors.

Source: a systematic review of deep learning-based radiology report generation (arXiv 2311.14199), and R2Gen (Chen et
al., EMNLP 2020) as its baseline. Method: floors that look at no film, a nearest case, a result code, decoders with and
without a relational memory of the same size, a reader, and truth in other words, scored by shared words and by facts.
Data: made scenes (phantom); `hilum bench rrg-review/...` takes any data set with reports. Research use only.
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
from hilum.systems._rrg_claims import BESIDE, CLAIMS
from hilum.systems._rrg_methods import METHODS, methods

__all__ = ["METHODS", "RRGReviewSystem", "methods", "reproduce"]
TEXT = "shared words do not tell how right a report is, and a relational memory writes better ones"
NOTES = (
    "a decoder without a memory has as many weights as the one with it; all decoders and the reader stand on one "
    "frozen encoder that labels taught",
    "published figures of the methods are data in hilum.systems.rrg_review.METHODS; of other splits and cleaning, so "
    "never beside these",
)


def reproduce(
    data: str | Path | None = None, *, seed: int = 0, say: Callable[[str], None] = lambda line: None,
    patients: int | str = 700, steps: int | str = 300, reader_steps: int | str = 300, encoder_steps: int | str = 600,
    seeds: int | str = 3,
) -> Verdict:  # fmt: skip
    """Judge words against facts and a memory against none on made scenes, every floor and control in one run.

    Args:
        data: of no effect: writers learn from made scenes.
        seed: of scenes, encoder, bootstrap and the first training.
        say: told what is being done.
        patients, steps, reader_steps, encoder_steps, seeds: made patients, steps of a decoder, of the reader and of the
            encoder, trainings of each writer that learns.

    Raises:
        InputError: if a number cannot be used.
        MissingError: if torch or transformers is missing.
    """
    for package in ("torch", "transformers"):
        if find_spec(package) is None:
            raise need(package, "language", "the writers of rrg-review")
    from hilum.systems._reader_tasks import bench_of
    from hilum.systems._rrg_judge import judge_review

    try:
        numbers = [int(each) for each in (patients, steps, reader_steps, encoder_steps, seeds)]
    except ValueError as error:
        raise InputError(f"patients, steps, reader_steps, encoder_steps and seeds are whole numbers: {error}") from None
    many, long, longer, taught, runs = numbers
    if min(many, long, longer, runs) < 1:
        raise InputError(f"patients, steps, reader_steps and seeds are 1 or more, got {many}, {long}, {longer}, {runs}")
    bench = bench_of(many, seed=seed, steps=taught, say=say)
    parts, beside, lines, figures = judge_review(bench, seed=seed, seeds=runs, steps=long, reader_steps=longer, say=say)
    made, more = verdict(TEXT, parts, notes=(*lines, *NOTES)), verdict(TEXT, beside)
    return replace(made, lines=(*made.lines, *more.lines), scores={**made.scores, **more.scores}, figures=figures)


@register.system(
    "rrg-review", summary="Report generation as a matrix: writers by words and by facts, with floors",
    source="arXiv 2311.14199; R2Gen (Chen et al., EMNLP 2020)",
)  # fmt: skip
class RRGReviewSystem:
    """`reproduce` runs the matrix on made scenes; `methods` is the review's taxonomy as data."""

    claims, minutes = (*CLAIMS, *BESIDE), 15.0
    methods, reproduce = staticmethod(methods), staticmethod(reproduce)
