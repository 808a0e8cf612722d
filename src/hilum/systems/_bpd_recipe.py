"""The settings of a training of BPD on a site's folder, and the folder as films and labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.data.site_bpd import CONCEPT, bpd_site
from hilum.learn.frame import frame
from hilum.systems._bpd_folds import FOLDS, KINDS, RUNS, Kind
from hilum.systems._bpd_net import SMALL, STARTS
from hilum.systems._bpd_plan import BATCH, EPOCHS, MIXED, NORMS, PLANS, PROBE
from hilum.systems._bpd_site import Site

NETS = ("published", SMALL)


@dataclass(frozen=True)
class Recipe:
    """The settings of a training; the defaults are the published ones, but for the norms.

    Args:
        net: 'published' (ResNet-50) or 'small'.
        start: 'in-domain', 'imagenet' or 'random'.
        weights: path of the start's weights; empty looks in the folder that HILUM_WEIGHTS names.
        schedule: of `PLANS`.
        epochs, probe: of the whole, and of the linear probe in it.
        size, batch: rows of a film, films of a step.
        runs, folds, kind: of the cross-validation; 0 runs leave it out. kind: 'balanced' or 'prevalence'.
        norms: of frozen blocks, 'kept' or 'moving'.
        mirror: 1 exchanges left and right as published, which hides situs; 0 does not.
        rate: factor on the published rates.
    """

    net: str = "published"
    start: str = "in-domain"
    weights: str = ""
    schedule: str = MIXED
    epochs: int = EPOCHS
    probe: int = PROBE
    size: int = 512
    batch: int = BATCH
    runs: int = RUNS
    folds: int = FOLDS
    kind: Kind = "balanced"
    norms: str = "kept"
    mirror: int = 1
    rate: float = 1.0


def resolve(changes: Mapping[str, Any]) -> Recipe:
    """Return the recipe with settings changed.

    Raises:
        InputError: for a name that is no setting, or a value that cannot be used.
    """
    recipe = Recipe()
    for name, value in changes.items():
        if name not in Recipe.__dataclass_fields__:
            raise InputError(f"unknown setting '{name}': choose from {', '.join(Recipe.__dataclass_fields__)}")
        try:
            recipe = replace(recipe, **{name: type(getattr(recipe, name))(value)})
        except (TypeError, ValueError, OverflowError):
            raise InputError(f"{name} must be a number, got '{value}'") from None
    for name, among in (("net", NETS), ("start", STARTS), ("schedule", PLANS), ("kind", KINDS), ("norms", NORMS)):
        if getattr(recipe, name) not in among:
            raise InputError(f"{name} must be one of {', '.join(among)}; got '{getattr(recipe, name)}'")
    usable = isfinite(recipe.rate) and recipe.rate > 0
    if recipe.size < 32 or recipe.batch < 2 or recipe.runs < 0 or recipe.mirror not in (0, 1) or not usable:
        raise InputError("size is 32 or more, batch 2 or more, runs 0 or more, mirror 0 or 1, and rate above 0")
    return recipe


def site_of(root: str | Path, *, size: int) -> Site:
    """Return a site's folder as films and labels; a patient's first film by name is the one that is tested.

    Raises:
        MissingError, InputError: see `data.site_bpd`.
    """
    films, owner, bpd, patients = list[NDArray[np.uint8]](), list[int](), list[bool](), list[str]()
    for study in bpd_site(root):
        bpd.append(any(each.concept == CONCEPT and each.state == "present" for each in study.findings))
        for film in study.films:
            films.append(np.rint(frame(film.display(), size)[0] * 255).astype(np.uint8))
            owner.append(len(patients))
        patients.append(study.patient or study.id)
    return Site(np.stack(films), np.array(owner, np.int64), np.array(bpd, np.bool_), tuple(patients))
