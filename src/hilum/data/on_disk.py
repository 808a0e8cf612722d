"""The part of a data set that is on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from hilum.core.cohort import Cohort
from hilum.core.image import Image
from hilum.core.study import Study


def on_disk(cohort: Cohort) -> Cohort:
    """Return a cohort without the films whose files are not there, and without the studies that have no other.

    For whoever downloaded a part: tables name every film, and one that is missing raises MissingError only when its
    pixels are asked for. Images that come from no file are kept; priors lose their missing films and stay.

    Args:
        cohort: of any data set.
    """
    return replace(cohort, studies=partial(_studies, cohort), only="")


def _studies(cohort: Cohort) -> Iterator[Study]:
    for study in cohort:
        kept = _kept(study)
        if kept.images:
            yield replace(kept, prior=_kept(study.prior)) if study.prior else kept


def _kept(study: Study) -> Study:
    there = tuple(image for image in study.images if not _missing(image))
    return study if len(there) == len(study.images) else replace(study, images=there)


def _missing(image: object) -> bool:
    return isinstance(image, Image) and bool(image.source) and not image.loaded and not Path(image.source).is_file()
