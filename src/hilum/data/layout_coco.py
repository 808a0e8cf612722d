"""A cohort in the layout of COCO detection: images/*.png and annotations/instances_<split>.json.

Present and uncertain findings become annotations, one per region, with what COCO lacks beside: `state`, `sites`,
`change`, `attributes`, and the sentence as `label_text`. What is absent, or present without a region, has no annotation
in COCO; every finding of the study stands in the image's `findings`. Masks are uncompressed run lengths, which
pycocotools reads.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hilum.core.cohort import Cohort
from hilum.core.finding import Finding
from hilum.core.image import Image
from hilum.core.region import Box, Mask
from hilum.core.study import Study
from hilum.data.layout_ids import MimicIds
from hilum.data.layout_output import Extras, Table, Written, note, save_film, size_of, split_of
from hilum.io.save import save_text


class _File:
    """What goes into one annotation file."""

    def __init__(self) -> None:
        self.images: list[dict[str, Any]] = []
        self.marks: list[dict[str, Any]] = []


def write(cohort: Cohort, out: Path, extras: Extras) -> Written:
    """Write the layout; see `hilum.data.layouts.write_layout`. Annotations, not pixels, are kept until the end."""
    done = Written(out)
    files: dict[str, _File] = {}
    with Table(out / "ids.csv", ("kind", "name", "written")) as numbered:
        for study in cohort:
            file = files.setdefault(split_of(cohort, study), _File())
            for at, film in enumerate(study.films):
                name = MimicIds.film(study.id, film.id, at)
                path = out / "images" / f"{name}.png"
                size = save_film(film, path) if extras.films else size_of(film)
                _add(file, study, film, (f"{name}.png", *size))
                numbered.add("film", film.id or f"{study.id} film {at}", name)
                done.films += 1
            if study.films:
                done.studies += 1
            else:
                done.left_out.append((study.id, "COCO lists pictures, and it has none"))
    names = sorted({mark["category"] for file in files.values() for mark in file.marks})
    for split, file in files.items():
        save_text(_text(cohort, file, names), out / "annotations" / f"instances_{split}.json")
    note(cohort, "COCO", done)
    return done


def _add(file: _File, study: Study, film: Image, picture: tuple[str, int, int]) -> None:
    name, height, width = picture
    number = len(file.images) + 1
    alone = len(study.films) == 1
    marked = [(at, region) for at, each in enumerate(study.findings) for region in _regions(each, film, alone)]
    file.images.append({
        "id": number, "file_name": name, "height": height, "width": width, "license": 1,
        "date_captured": study.time.isoformat(sep=" ") if study.time else "",
        "patient": study.patient, "study": study.id, "view": film.view,
        "findings": [_facts(study, number) for number in range(len(study.findings))],
    })  # fmt: skip
    for at, region in marked:
        drawn = region.box() if isinstance(region, Mask) else region
        if drawn is None:
            continue
        file.marks.append({
            "id": len(file.marks) + 1, "image_id": number, "category": study.findings[at].concept,
            "bbox": [drawn.x0, drawn.y0, drawn.x1 - drawn.x0, drawn.y1 - drawn.y0],
            "area": float(region.area), "iscrowd": 0,
            "segmentation": runs(region) if isinstance(region, Mask) else [_corners(drawn)],
            "region": "mask" if isinstance(region, Mask) else "box", **_facts(study, at),
        })  # fmt: skip


def _regions(finding: Finding, film: Image, alone: bool) -> Iterator[Box | Mask]:
    for region in finding.regions:
        flat = isinstance(region, Box) or (isinstance(region, Mask) and region.pixels.ndim == 2)
        if flat and finding.state != "absent" and (region.image == film.id or (alone and not region.image)):
            yield region  # type: ignore[misc]


def _facts(study: Study, number: int) -> dict[str, Any]:
    """A finding without its regions; `finding` is its number in the study."""
    finding = study.findings[number]
    span, text = finding.evidence, ""
    if span is not None and study.report is not None:
        text = getattr(study.report, span.section, "")[span.start : span.end]
    return {
        "finding": number, "concept": finding.concept, "state": finding.state, "sites": list(finding.sites),
        "change": finding.change or "", "attributes": dict(sorted(finding.attributes.items())), "label_text": text,
    }  # fmt: skip


def _corners(box: Box) -> list[float]:
    return [box.x0, box.y0, box.x1, box.y0, box.x1, box.y1, box.x0, box.y1]


def runs(mask: Mask) -> dict[str, Any]:
    """Return a 2-D mask as COCO's uncompressed run lengths: column by column, starting with those outside."""
    flat = np.asarray(mask.pixels).T.ravel()
    edges = np.flatnonzero(np.diff(flat.astype(np.int8))) + 1
    counts = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return {"size": list(mask.pixels.shape), "counts": [0, *counts] if flat.size and flat[0] else counts}


def _text(cohort: Cohort, file: _File, names: Iterable[str]) -> str:
    categories = {name: number for number, name in enumerate(names, start=1)}
    marks = [{**mark, "category_id": categories[mark["category"]]} for mark in file.marks]
    return json.dumps({
        "info": {"description": cohort.name, "version": "1.0", "contributor": cohort.citation, "url": ""},
        "licenses": [{"id": 1, "name": cohort.licence or "not stated", "url": ""}],
        "images": file.images, "annotations": marks,
        "categories": [{"id": at, "name": name, "supercategory": "finding"} for name, at in categories.items()],
    }, indent=1) + "\n"  # fmt: skip
