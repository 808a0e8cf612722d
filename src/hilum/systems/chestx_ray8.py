"""ChestX-ray8: labels of eight findings mined from reports, with the assertion as the part that is judged.

Source: Wang et al., ChestX-ray8, CVPR 2017: findings and impression (the whole report where both are missing), disease
mentions, those negated or uncertain discarded, a label where a mention survives, Normal where none does. Ours differs
where it must: mentions come from the language pack (the paper: DNorm and MetaMap) and scopes from clauses (the paper:
a dependency parse).
The image half (transition layer, LSE pooling, W-CEL, boxes from class maps) is as published over a small trunk of our
own: `hilum.nets.weak`. Its claims are judged on made films (`hilum.phantom.shadows`), which show how a method works and
nothing about patients. Data: none needed; Open-i reports where a folder holds them. Research use only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hilum.core.errors import InputError
from hilum.core.registry import register
from hilum.measure.claim import Judged, verdict
from hilum.measure.verdict import Verdict
from hilum.systems._chestx_ray8_films import whole
from hilum.systems._chestx_ray8_image import CLAIMS, judge_films
from hilum.systems._chestx_ray8_mine import Assertion, mine, restated
from hilum.systems._chestx_ray8_mining import CLAIM, found_reports, judge_mining
from hilum.systems._chestx_ray8_real import chosen_films

__all__ = ["Assertion", "ChestXray8", "mine", "reproduce", "restated"]
TEXT = "mined labels are precise, and weak labels teach a network to find and to localise"


def reproduce(
    data: str | Path | None = None, *, seed: int = 0, say: Callable[[str], None] = lambda line: None,
    half: str = "test", labels: str = "chestx-ray8", parts: str = "mining,films", source: str = "made",
    size: int | str = 64, films: int | str = 1500, tests: int | str = 900, steps: int | str = 240, seeds: int | str = 3,
) -> Verdict:  # fmt: skip
    """Judge mining, losses, pooling and localisation, every arm and control in one run.

    Args:
        data: folder that holds an Open-i collection; the environment's HILUM_DATA or HILUM_PACK, or composed reports
            where there is none.
        seed: of the bootstrap, the made films and the first training.
        say: told what is being done.
        half: 'dev', 'test' or 'all' of Open-i; halves are made by a hash of the text.
        labels: label set of the mining, 'chestx-ray8' or 'nih-14'.
        parts: 'mining', 'films' or both, separated by a comma.
        source: 'made' films, or 'real' ones of `data` (the NIH layout, or a pack with NIH films).
        size, films, tests, steps, seeds: rows of a film, films to train and to judge on, optimiser steps, trainings.

    Raises:
        InputError: if a choice is unknown, or no report is left to score.
        MissingError: if films are to be judged and torch is not installed.
    """
    chosen = [part.strip() for part in parts.split(",")]
    if not chosen or set(chosen) - {"mining", "films"}:
        raise InputError(f"parts must be mining, films or both, got '{parts}'")
    judged: list[Judged] = []
    notes: list[str] = []
    scores: dict[str, object] = {}
    if "mining" in chosen:
        say("mining labels from reports")
        mined = found_reports(Path(data) if data else None, half, labels, seed)
        part, notes, scores = judge_mining(mined, labels, seed)
        judged = [part]
    if "films" in chosen:
        px, count, judge_on = whole(size=size, films=films, tests=tests)
        updates, n = whole(steps=steps, seeds=seeds)
        sizes = {"size": px, "films": count, "tests": judge_on}
        given = chosen_films(source, Path(data) if data else None, seed=seed, say=say, **sizes)
        more, lines = judge_films(*given, seed=seed, seeds=n, steps=updates, say=say)
        judged, notes = [*judged, *more], [*notes, *lines]
    made = verdict(TEXT if "films" in chosen else CLAIM.text, judged, notes=notes)
    return replace(made, scores={**made.scores, **scores})


@register.system(
    "chestx-ray8", summary="Labels mined from reports, and a network that finds and localises by them",
    source="ChestX-ray8 (Wang et al., CVPR 2017)",
)  # fmt: skip
class ChestXray8:
    """`mine` labels a report, `reproduce` judges the claims with their ablations."""

    claims, minutes = (CLAIM, *CLAIMS), 5.0
    mine, reproduce = staticmethod(mine), staticmethod(reproduce)
