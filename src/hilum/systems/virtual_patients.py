"""Virtual patients: what networks that saw them alone, or beside few real films, make of real ones.

The cohort's own judgement, not a published claim. Half of the patients with lung masks are kept for choosing and
learning, the other half is judged, with each block of the physics and each family taken away beside. The reader starts
from an encoder that knows photographs; it sees no real radiograph. Research use only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from hilum.core.errors import InputError, MissingError, need
from hilum.core.registry import register
from hilum.measure.claim import verdict
from hilum.measure.verdict import Verdict
from hilum.phantom.patient import FAMILIES, Family
from hilum.systems._chestx_ray8_films import whole
from hilum.systems._virtual_claims import HELD_OUT, LUNGS
from hilum.systems._virtual_films import FULL, MASKS, PHYSICS, virtual_films
from hilum.systems._virtual_hearts import HEART
from hilum.systems._virtual_judge import judged_parts
from hilum.systems._virtual_opacity import OPACITY, added
from hilum.systems._virtual_shots import SPACING_MM, shots

if TYPE_CHECKING:
    from torch import nn

    from hilum.phantom.warp import Body

__all__ = ["VirtualPatients", "build", "reproduce"]
TEXT = "virtual patients teach networks to read real films"
PARTS = ("lungs", "physics", "families", "few", "opacity")
NOTES = (
    "warped and hybrid bodies come from one CT; a family alone has a third of the films that all of them have",
    "without lung texture: not judged, bodies of 3 mm are made with it",
    "no claim about disease in patients: small films, small networks, one pack of real films",
)


def build(*, classes: int = len(MASKS)) -> nn.Module:
    """Return the segmenter that the claims are judged with, untrained; MissingError without torch."""
    if find_spec("torch") is None:
        raise need("torch", "train", "the segmenter of virtual patients")
    from hilum.nets.unet import LiteUNet

    return LiteUNet(classes=classes)


def reproduce(
    data: str | Path | None = None, *, out: str | Path | None = None, seed: int = 0,
    say: Callable[[str], None] = lambda line: None, parts: str = ",".join(PARTS), size: int | str = 96,
    films: int | str = 120, versions: int | str = 4, steps: int | str = 240, seeds: int | str = 3, half: str = "judge",
) -> Verdict:  # fmt: skip
    """Judge transfer to real films: every arm, ablation and rival in one run.

    Args:
        data: pack of real films; without it only families held out can be judged.
        out: folder of the run; shots are kept in it and read again by the next run.
        seed: of the patients, the bootstrap and the first training.
        say: told what is being done.
        parts: with commas: 'lungs' and hearts; beside them 'physics', 'families', 'few' (real films); and 'opacity'.
        size, films, versions, steps, seeds: rows of a film, virtual patients, exposures of each, optimiser steps,
            trainings of each arm.
        half: of the patients to judge on: 'judge', or 'dev' while something is being chosen.

    Raises:
        InputError: if a choice cannot be used.
        MissingError: if torch or numba is missing, or the pack holds no such films.
    """
    px, count, each, updates, n = whole(size=size, films=films, versions=versions, steps=steps, seeds=seeds)
    chosen = [part.strip() for part in parts.split(",")]
    if px % 32 or half not in ("judge", "dev") or not chosen or set(chosen) - set(PARTS):
        raise InputError(f"films must measure a multiple of 32 pixels (got {px}), half be 'judge' or 'dev' (got "
                         f"'{half}'), parts some of {', '.join(PARTS)} (got '{parts}')")  # fmt: skip
    for package, extra in (("torch", "train"), ("numba", "drr")):
        if find_spec(package) is None:
            raise need(package, extra, "judging virtual patients")
    root = Path(data) if data and (Path(data) / "manifest.csv").is_file() else None
    base, families, missing = _base()
    made = virtual_films(
        shots(count, size=px, seed=seed, base=base, folder=Path(out) / "shots" if out else None, families=families,
              say=say),
        physics=PHYSICS if root and "physics" in chosen else (FULL,), versions=each,
    )  # fmt: skip
    judged, beside, lines, figures = judged_parts(
        made, root, chosen, px, half, seed=seed, seeds=n, steps=updates, say=say
    )
    notes = [f"{count} virtual patients ({', '.join(families)}), {each} exposures of each, {px} px, {updates} steps",
             *missing, *lines, *NOTES]  # fmt: skip
    if not judged:
        return Verdict(TEXT, "cannot be tested here", tuple(notes))
    told = verdict(TEXT, judged, notes=notes)
    if not beside:
        return replace(told, figures=figures)
    more = verdict(TEXT, beside)
    return replace(told, lines=(*told.lines, *more.lines), scores={**told.scores, **more.scores}, figures=figures)


def _base() -> tuple[Body | None, tuple[Family, ...], list[str]]:
    """The wheel's CT where it is installed, the families that can be made, and what cannot."""
    from hilum.systems.drr_rate import chest

    try:
        return chest(SPACING_MM), FAMILIES, []
    except MissingError as error:
        return None, ("parametric",), [f"warped and hybrid bodies: cannot be made here ({error})"]


@register.system(
    "virtual-patients", summary="What virtual patients teach about real films: lungs, hearts, opacity",
    source="the cohort of `hilum draw`",
)  # fmt: skip
class VirtualPatients:
    """`build` makes the segmenter, `reproduce` judges what it and a classifier learn from virtual patients."""

    claims, minutes = (*LUNGS, *HELD_OUT, HEART, OPACITY, *added()), 25.0
    build, reproduce = staticmethod(build), staticmethod(reproduce)
