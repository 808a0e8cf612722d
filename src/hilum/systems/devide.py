"""DeViDe: diseases asked for by what they are and by how they look on a film, taught or not.

Source: Luo et al., DeViDe: Faceted medical knowledge for improved medical vision-language pre-training, arXiv
2404.03618. The paper names four losses and a multi-label projection without formulas: what is built is a reconstruction
(docs/devide.md), each weight a setting. The decoder is MedKLIP's. The store of 38 findings is written in own words.
Claimed: facets of knowledge improve zero-shot alignment. Judged on invented diseases whose look follows from their
facets, and on kinds of findings of virtual patients that are never taught. Research use only.
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
from hilum.systems._chestx_ray8_films import whole
from hilum.systems._devide_arms import KINDS, MADE, REPORTS
from hilum.systems._devide_knowledge import Entry, entries, knowledge, read_knowledge

if TYPE_CHECKING:
    from hilum.learn.wording import Wording
    from hilum.systems._devide_net import Devide as Net
    from hilum.systems._devide_texts import Tokens
    from hilum.systems._devide_train import Trained

__all__ = ["Devide", "Entry", "build", "entries", "knowledge", "read_knowledge", "reproduce", "train", "trained"]
TEXT = "facets of how a disease looks improve its alignment with films, also where it was never taught"
PARTS = ("made", "kinds", "reports")
NOTES = (
    "[R] losses and projection are reconstructed: the paper gives no formulas; all arms of a seed share one encoder, "
    "taught where taught diseases lie, and differ in what they are told",
    "a small text tower learns its words here; Med-KEBERT would know words that no taught disease has",
    "published: zero-shot on par with supervised models on external sets; not comparable with these films",
)


def build(*, published: bool = True, words: Wording | None = None, **settings: Any) -> tuple[Net, Tokens]:
    """Return the network and what codes its texts: ViT-B/16 and Med-KEBERT as published, or the small one.

    Args:
        published: whether to take published towers, whose weights HILUM_WEIGHTS leads to.
        words: that a small text tower knows; those of the knowledge store by default.
        settings: of `hilum train devide`, by name.

    Raises:
        MissingError: if torch is not installed or weights are not there.
        InputError: if a setting cannot be used.
    """
    _torch()
    from hilum.learn.wording import Wording
    from hilum.systems._devide_recipe import network, settings_of

    texts = [text for each in knowledge().values() for text in (each.name, each.definition, *each.facets)]
    recipe = settings_of({"preset": "published" if published else "small", **settings})
    return network(recipe, words or Wording.of(texts))


def train(
    *, data: str | Path | None = None, out: str | Path, seed: int = 0, resume: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Path:  # fmt: skip
    """Train on films and reports: see `hilum.systems._devide_train.train`.

    Raises:
        MissingError: if torch is not installed.
    """
    _torch()
    from hilum.systems._devide_train import train as run

    return run(data, Path(out), seed=seed, resume=resume, settings=settings or {})


def trained(folder: str | Path) -> Trained:
    """Return the network that `train` wrote; its `ask` scores films for diseases by their texts.

    Raises:
        MissingError: if torch is not installed, or the folder holds no such network.
    """
    _torch()
    from hilum.systems._devide_train import trained as read

    return read(Path(folder))


def _torch() -> None:
    if find_spec("torch") is None:
        raise need("torch", "train", "devide")


def reproduce(
    data: str | Path | None = None, *, seed: int = 0, say: Callable[[str], None] = lambda line: None,
    parts: str = ",".join(PARTS), patients: int | str = 360, films: int | str = 900, tests: int | str = 300,
    steps: int | str = 300, arm_steps: int | str = 200, seeds: int | str = 3,
) -> Verdict:  # fmt: skip
    """Judge facets against names and definitions, every arm and control in one run.

    Args:
        data: folder with openi/gold_findings.csv or Open-i's reports; without it reports cannot be judged.
        seed: first of the seeds; each has its own diseases and kinds kept from training.
        say: told what is being done.
        parts: with commas: 'made' (invented diseases), 'kinds' (of virtual patients' findings), 'reports'.
        patients, films, tests: virtual patients, films with invented lesions to learn from and to judge.
        steps, arm_steps, seeds: optimiser steps of the shared encoder and of each arm, trainings of each.

    Raises:
        InputError: if a size is not a whole number, or a part is not known.
        MissingError: if torch, numba, onnxruntime or the wheel's CT is missing.
    """
    count, made, judged_on, shared, own, n = whole(patients=patients, films=films, tests=tests, steps=steps,
                                                   arm_steps=arm_steps, seeds=seeds)  # fmt: skip
    chosen = [part.strip() for part in parts.split(",")]
    if set(chosen) - set(PARTS):
        raise InputError(f"parts are some of {', '.join(PARTS)}, got '{parts}'")
    _torch()
    from hilum.systems._devide_judge import judge_parts

    ran = judge_parts(chosen, Path(data) if data else None, patients=count, films=made, tests=judged_on, steps=shared,
                      arm_steps=own, seed=seed, seeds=n, say=say)  # fmt: skip
    notes = [*(line for part in ran for line in part.lines), *NOTES]
    judged, beside = ([each for part in ran for each in getattr(part, name)] for name in ("judged", "beside"))
    if not judged:
        return Verdict(TEXT, "cannot be tested here", tuple(notes))
    told = verdict(TEXT, judged, notes=notes)
    more = [verdict(TEXT, beside)] if beside else []
    return replace(told, lines=(*told.lines, *(line for each in more for line in each.lines)),
                   scores={**told.scores, **{name: value for each in more for name, value in each.scores.items()}},
                   figures={name: figure for part in ran for name, figure in part.figures.items()})  # fmt: skip


@register.system(
    "devide", summary="Diseases asked for by definition and by look: zero-shot from faceted knowledge",
    source="DeViDe (Luo et al., arXiv 2404.03618)",
)  # fmt: skip
class Devide:
    """`build` and `train` make the network, `trained` reads it back to be asked, `reproduce` judges the claim."""

    claims, minutes = (*MADE, *KINDS, *REPORTS), 8.0
    build, train, trained, reproduce = (staticmethod(each) for each in (build, train, trained, reproduce))
