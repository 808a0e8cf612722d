"""One frontal shot of each virtual patient: rays once, kept on disk, exposed as often as wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from hilum import __version__
from hilum.core.errors import InputError
from hilum.core.geometry import FRONTAL
from hilum.phantom.build import anatomy_of
from hilum.phantom.illness import place
from hilum.phantom.imaging import shoot
from hilum.phantom.imaging_store import load_shot, save_shot
from hilum.phantom.patient import FAMILIES, Family, Pose, Shot
from hilum.phantom.recipe import Recipe
from hilum.phantom.visits import draw_patient
from hilum.phantom.warp import Body

SPACING_MM, RAYS = 3.0, 384
"""Step of the bodies, and rays along a side of the film, at least."""
CLASSES = ("lungs", "right lung", "left lung", "heart", "lung fields", "liver", "stomach", "spleen")
OPACITIES = frozenset({"consolidation", "pulmonary edema", "pleural effusion", "atelectasis", "lung mass"})
VISIBLE = 1.0
"""Contrast to noise from which an opacity counts as one that a reader could see."""
_VERSION = "shots 1"


@dataclass(frozen=True, eq=False)
class Taken:
    """One patient before the detector.

    Args:
        patient, family: who, and of which anatomy.
        pose: of the first visit.
        shot: its frontal rays.
        opacity: whether one is present and visible; None where all that are present are too faint to count.
        ctr: cardiothoracic ratio of the body.
    """

    patient: str
    family: Family
    pose: Pose
    shot: Shot
    opacity: bool | None
    ctr: float


def shots(
    count: int, *, size: int, seed: int, base: Body | None, folder: Path | None = None,
    families: Sequence[Family] = FAMILIES, say: Callable[[str], None] = lambda line: None,
) -> Iterator[Taken]:  # fmt: skip
    """Yield the first frontal shot of each of many patients, families in turn.

    Args:
        count: patients.
        size: rows and columns of a film.
        seed: of every draw.
        base: the real CT, for warped and hybrid bodies.
        folder: shots are kept there and read again; None draws them anew.
        families: that take turns.
        say: told how far it is, every 30 patients.

    Raises:
        InputError: if a family needs a real CT and none is given.
    """
    if base is None and set(families) != {"parametric"}:
        raise InputError("warped and hybrid bodies are made from a real CT: give one, or only parametric bodies")
    recipe = Recipe(count, seed, size=size, spacing_mm=SPACING_MM)
    store = folder / recipe.fingerprint(__version__, _VERSION, f"rays={RAYS}")[:16] if folder else None
    for number in range(count):
        if number % 30 == 0:
            say(f"virtual patients: {number} of {count}")
        yield _taken(recipe, number, families[number % len(families)], base, store)


def _taken(recipe: Recipe, number: int, family: Family, base: Body | None, store: Path | None) -> Taken:
    patient = recipe.patient(number)
    drawn = draw_patient(recipe.seed, patient, families=(family,))
    visit = drawn.visits[0]
    view = next(each for each in visit.views if each in FRONTAL)
    kept = store / f"{patient}-{family}.npz" if store else None
    if kept is not None and kept.is_file():
        shot = load_shot(kept)
    else:
        sound = anatomy_of(drawn, visit.pose, recipe, base)
        anatomy, placed = place(sound, visit.plans, supine=visit.pose.supine)
        shot = shoot(
            anatomy, placed, visit.pose, view, size=recipe.size, classes=CLASSES, sound=sound,
            supersample=max(2, -(-RAYS // recipe.size)),
        )  # fmt: skip
        found = {each.plan.key: each.plan.concept for each in placed if each.labelled}
        more: dict[str, Any] = {"present": found, "ctr": float(cast(float, anatomy.log.get("ctr", float("nan"))))}
        shot = replace(shot, log={**shot.log, **more})
        if kept is not None:  # read back, so that a first run and one on kept shots see the same bytes
            save_shot(shot, kept)
            shot = load_shot(kept)
    return Taken(patient, family, visit.pose, shot, opacity_of(shot), float(shot.log["ctr"]))


def opacity_of(shot: Shot) -> bool | None:
    """Return whether an opacity is present and visible; None where all that are present are too faint to count."""
    seen = [shot.visible[key] >= VISIBLE for key, concept in shot.log["present"].items() if concept in OPACITIES]
    return any(seen) if any(seen) or not seen else None
