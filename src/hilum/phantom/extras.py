"""What a cohort may hold besides films and words: dual-energy films, volumes with their sentences, stored shots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.finding import Finding
from hilum.core.image import Image
from hilum.core.report import Report
from hilum.core.seed import generator
from hilum.phantom.grounding_ct import grounded, masks, row
from hilum.phantom.imaging_dual import triple
from hilum.phantom.imaging_store import shot_bytes
from hilum.phantom.patient import Anatomy, Placed, Shot, Visit
from hilum.phantom.recipe import Recipe

MOTION_SHARE, MOTION_MM = 0.5, (1.0, 4.0)
"""Share of dual-energy pairs in which the patient moves between the two exposures, and how far in mm."""


@dataclass(frozen=True, eq=False)
class Extras:
    """As the fields of `samples.Drawn`."""

    films: Mapping[str, Image] = field(default_factory=dict)
    volumes: Mapping[str, tuple[NDArray[Any], NDArray[np.float64]]] = field(default_factory=dict)
    documents: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


def wanted(
    recipe: Recipe, name: str, visit: Visit, anatomy: Anatomy, placed: Sequence[Placed], shots: Sequence[Shot],
    findings: Sequence[Finding], report: Report,
) -> Extras:  # fmt: skip
    """Return what a recipe asks for besides.

    Args:
        recipe: `bones`, `volumes` and `maps` of it.
        name: of the study.
        visit, anatomy, placed, shots: as drawn.
        findings, report: as told.
    """
    films: dict[str, Image] = {}
    documents: dict[str, Any] = {}
    if recipe.bones:
        for shot in shots:
            made, log = _bones(shot, visit, recipe.seed, name)
            films |= made
            documents[f"{shot.view.lower()}.energies"] = log
    files = {f"{shot.view.lower()}.shot.npz": shot_bytes(shot) for shot in shots} if recipe.maps else {}
    volumes: dict[str, tuple[NDArray[Any], NDArray[np.float64]]] = {}
    if recipe.volumes:
        affine = anatomy.body.volume.affine
        volumes["ct"] = (np.round(anatomy.body.volume.voxels), affine)
        sentences = grounded(report, findings, placed)
        if sentences:
            volumes["findings"] = (masks(sentences, placed), affine)
        documents["rexgrounding"] = row(f"{name}.ct.nii.gz", sentences, placed)
    return Extras(films, volumes, documents, files)


def _bones(shot: Shot, visit: Visit, seed: int, name: str) -> tuple[dict[str, Image], Mapping[str, Any]]:
    rng, view = generator(seed, "motion", name, shot.view), shot.view.lower()
    motion = float(rng.uniform(*MOTION_MM)) if rng.random() < MOTION_SHARE else 0.0
    made = triple(shot, visit.pose, motion_mm=round(motion, 2), name=f"{name}.{view}")
    films = {
        f"{view}.mixed": made.mixed, f"{view}.soft": made.soft, f"{view}.bone": made.bone,
        f"{view}.exact-mixed": made.exact_mixed, f"{view}.exact-soft": made.exact_soft,
    }  # fmt: skip
    windows = {kind: [film.window.center, film.window.width] for kind, film in films.items()}  # type: ignore[union-attr]
    return films, {**dict(made.log), "windows": windows, "weights": list(made.weights)}
