"""Films of virtual patients for the embedded model to learn from beside real ones; they judge nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import MissingError
from hilum.core.geometry import FRONTAL
from hilum.core.image import Image
from hilum.core.study import Study
from hilum.data.virtual import masks_of, virtual
from hilum.learn.batch import FilmSet
from hilum.learn.frame import frame
from hilum.systems._embedded_labels import CONCEPTS, FINDINGS, OPACITY, VIEWS

GROUP, FIELD = "virtual", "lung fields"
NEVER_DRAWN = frozenset({"Infiltration", "Pneumonia"})
"""A report's words for what the cohort calls consolidation: unknown on its films, with opacity or without."""
ALSO = {"linear atelectasis": "Atelectasis", "hiatal hernia": "Hernia"}


def virtual_set(folder: Path, side: int) -> FilmSet:
    """Return the frontal training films of a cohort, with findings, views and lung fields.

    Args:
        folder: that `hilum draw --cohort` wrote.
        side: of the square frames.

    Raises:
        MissingError: if it holds no cohort, or no frontal film to train on.
    """
    found = list(_films(folder))
    if not found:
        raise MissingError(f"the cohort in '{folder}' has no frontal film in its split 'train': draw more patients")
    labels = [labels_of(study) for study, _ in found]
    lungs = [_field(film, side) for _, film in found]
    return FilmSet(
        frames=np.stack([np.rint(frame(film.display(), side)[0] * 255).astype(np.uint8) for _, film in found]),
        target=np.stack([target for target, _ in labels]),
        known=np.stack([known for _, known in labels]),
        chest=np.ones(len(found), np.bool_),
        views=np.array([[film.view == view for view in VIEWS] for _, film in found]),
        lung=np.stack(lungs),
        lung_weight=np.array([float(lung.any()) for lung in lungs], np.float32),
        group=np.full(len(found), GROUP),
        patient=np.array([study.patient for study, _ in found]),
        split=np.full(len(found), "train"),
        name=np.array([film.id or study.id for study, film in found]),
    )


def _films(folder: Path) -> Iterator[tuple[Study, Image]]:
    for study in virtual(folder).split("train"):
        for film in study.films:
            if film.view in FRONTAL:
                yield study, film


def labels_of(study: Study) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return (target, known), each (15,): what lies in the body; unknown where it is too faint or small to be seen."""
    names = {concept: label for label, concept in CONCEPTS.items()} | ALSO
    target, known = np.zeros(len(FINDINGS), np.float32), np.ones(len(FINDINGS), np.bool_)
    faint: set[str] = set()
    seen: set[str] = set()
    for finding in study.findings:
        label = names.get(finding.concept)
        if label is not None and finding.state == "present":
            (faint if finding.attributes.get("flag") else seen).add(label)
    if seen & OPACITY:
        seen.add("Lung Opacity")
    elif faint & OPACITY:
        faint.add("Lung Opacity")
    for name in seen:
        target[FINDINGS.index(name)] = 1.0
    for name in (faint - seen) | NEVER_DRAWN:
        known[FINDINGS.index(name)] = False
    return target, known


def _field(film: Image, side: int) -> NDArray[np.uint8]:
    """The lung field as readers outline it, 0 or 255, letterboxed as its film is."""
    from PIL import Image as Picture

    from hilum.core.geometry import Letterbox

    square = np.zeros((side, side), np.uint8)
    outline = next((mask.pixels for mask in masks_of(film) if mask.label == FIELD), None)
    if outline is None:
        return square
    box = Letterbox(outline.shape[0], outline.shape[1], side)
    (rows, columns), (top, left) = box.inner, box.pad
    small = Picture.fromarray(outline.astype(np.uint8) * 255).resize((columns, rows), Picture.Resampling.NEAREST)
    square[top : top + rows, left : left + columns] = np.asarray(small)
    return square
