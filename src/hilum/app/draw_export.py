"""A finished cohort in the layout of a published data set, with what a Study has no field for taken from its truth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hilum.app.draw_run import rows_of
from hilum.core.geometry import FRONTAL
from hilum.core.image import Image
from hilum.core.region import Box
from hilum.core.study import Study
from hilum.data.layout_output import Extras, Written
from hilum.data.layouts import write_layout
from hilum.data.virtual import manifest, masks_of, virtual
from hilum.phantom.build import SCENE_BOXES


def export(source: Path, layout: str, out: Path) -> Written:
    """Write a cohort of virtual patients as outside code expects one of the published data sets.

    Args:
        source: the cohort's folder.
        layout: of `data.layouts`.
        out: folder to write to.

    Raises:
        MissingError: if there is no finished cohort.
        InputError: if there is no such layout, or the folder cannot be written.
    """
    manifest(source)
    people = {row["id"]: row for row in rows_of(source)}

    def person(study: Study) -> Mapping[str, str]:
        row = people[study.id]
        return {"sex": str(row["sex"]).capitalize(), "age": f"{row['age_years']:.0f}"}

    def sites(study: Study, film: Image) -> Mapping[str, Box]:
        if film.view not in FRONTAL:
            return {}
        found = {mask.label: mask.box() for mask in masks_of(film)}
        return {site: box for site, name in SCENE_BOXES.items() if (box := found.get(name)) is not None}

    return write_layout(virtual(source), layout, out, extras=Extras(person=person, sites=sites))
