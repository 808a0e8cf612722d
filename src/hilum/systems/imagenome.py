"""Chest ImaGenome: an anatomy-centred scene graph per frontal film, from its report and its lung field.

Source: Wu et al., Chest ImaGenome Dataset for Clinical Reasoning, NeurIPS Datasets and Benchmarks 2021.
Data: MIMIC-CXR (PhysioNet, credentialed), laid out as published: files/p10/p10000032/s50414267.txt for reports,
.../s50414267/<image id>.jpg for films, and mimic-cxr-2.0.0-metadata.csv.
Run: python -c "from hilum.systems.imagenome import write; print(write('mimic-cxr', 'scenes'))"
"""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from hilum.core.atlas import boxes
from hilum.core.errors import HilumError, InputError
from hilum.core.region import Box
from hilum.core.registry import register
from hilum.io.raster import read_image
from hilum.io.save import save_text
from hilum.systems._imagenome_judge import CLAIMS, reproduce
from hilum.systems.embedded import shipped
from hilum.text.imagenome import to_imagenome
from hilum.text.parse import Parsed, parse
from hilum.text.scene import scene

METADATA = "mimic-cxr-2.0.0-metadata.csv"
COLUMNS = ("dicom_id", "subject_id", "study_id", "ViewPosition", "StudyDate", "StudyTime")
_Size = tuple[int, int] | None
_NAME = re.compile(r"\w[\w.-]*")


@dataclass(frozen=True)
class Written:
    """What a run wrote: scene graphs, how many of them have boxes, and (image or study, reason) of what failed."""

    graphs: int
    with_boxes: int
    failed: tuple[tuple[str, str], ...] = ()


class _Film(NamedTuple):
    patient: str
    when: str
    study: str
    image: str
    view: str


def write(source: str | Path, out: str | Path, *, masks: str | Path | None = None) -> Written:
    """Write <image id>_SceneGraph.json for every PA or AP film whose study has a report.

    Boxes come from the lung mask <masks>/<image id>.png, else from the shipped model's mask of the film, where there
    is one; a mask the atlas refuses leaves the graph without boxes and is listed as failed.

    Args:
        source: folder in MIMIC-CXR's layout.
        out: folder to write to; failed.csv lists what was left out and why.
        masks: folder of lung masks, white on black, of the films' own size, named by image id.

    Raises:
        InputError: if the metadata file is missing or lacks a column.
    """
    source, out, made, boxed = Path(source), Path(out), 0, 0
    failed: list[tuple[str, str]] = []
    for _, films in groupby(sorted(_films(source)), key=lambda film: film.patient):
        prior: tuple[_Film, Parsed] | None = None
        for number, ((_, study), group) in enumerate(groupby(films, key=lambda film: (film.when, film.study)), 1):
            same = list(group)
            try:
                parsed = parse(_report(source, same[0]))
            except HilumError as error:
                failed.append((study, str(error)))
                continue
            before = prior if prior and prior[0].when < same[0].when else None
            for film in same:
                size, found, reason = _boxes(source, film, masks)
                failed += [(film.image, reason)] if reason else []
                graph = to_imagenome(
                    scene(parsed, before[1] if before else None),
                    image_id=film.image, patient_id=film.patient, study_id=film.study, boxes=found, size=size,
                    prior_image_id=before[0].image if before else "",
                    meta={"viewpoint": film.view, "StudyDateTime": film.when, "StudyOrder": str(number)},
                )  # fmt: skip
                save_text(json.dumps(graph, indent=1) + "\n", out / f"{film.image}_SceneGraph.json")
                made, boxed = made + 1, boxed + bool(found)
            prior = (same[0], parsed)
    rows = "".join('{},"{}"\n'.format(name, reason.replace('"', '""')) for name, reason in failed)
    save_text("id,reason\n" + rows, out / "failed.csv")
    return Written(made, boxed, tuple(failed))


def _films(source: Path) -> Iterator[_Film]:
    """Frontal films of the metadata file, plain or gzipped."""
    plain, packed = source / METADATA, source / f"{METADATA}.gz"
    if not plain.is_file() and not packed.is_file():
        raise InputError(f"'{source}' holds no {METADATA}(.gz): give the folder MIMIC-CXR-JPG was unpacked to")
    with plain.open(encoding="utf-8") if plain.is_file() else gzip.open(packed, "rt", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise InputError(f"{METADATA} lacks the column '{missing[0]}'; {', '.join(COLUMNS)} are expected")
        for row in rows:
            image, patient, study, view, date, time = (row[name] or "" for name in COLUMNS)
            if not all(map(_NAME.fullmatch, (image, patient, study))):
                raise InputError(f"{METADATA}: '{image}', '{patient}', '{study}' are no ids of letters and digits")
            if view in ("PA", "AP"):
                yield _Film(patient, f"{date} {time.split('.')[0].zfill(6)}", study, image, view)


def _folder(source: Path, film: _Film) -> Path:
    return source / "files" / f"p{film.patient[:2]}" / f"p{film.patient}"


def _report(source: Path, film: _Film) -> str:
    path = _folder(source, film) / f"s{film.study}.txt"
    if not path.is_file():
        raise InputError(f"study {film.study} has no report at '{path.relative_to(source)}'")
    return path.read_text(encoding="utf-8", errors="replace")


def _boxes(source: Path, film: _Film, masks: str | Path | None) -> tuple[_Size, Mapping[str, Box], str]:
    """Image size, boxes, and why there are none."""
    given = Path(masks) / f"{film.image}.png" if masks else None
    picture = _folder(source, film) / f"s{film.study}" / f"{film.image}.jpg"
    try:
        mask = read_image(given).display() > 0.5 if given and given.is_file() else None
        if mask is None and picture.is_file():
            mask = shipped().assess(read_image(picture).display(), stated_view=film.view).lungs
        if mask is None:
            return None, {}, "there is no lung mask, and no film in which the shipped model finds lungs"
        return (mask.shape[0], mask.shape[1]), boxes(mask), ""
    except HilumError as error:
        return None, {}, str(error)


@register.system("imagenome", summary="Anatomy-centred scene graphs", source="Chest ImaGenome (Wu et al., 2021)")
class ImaGenomeSystem:
    """How scene graphs are made, and how the claim is judged."""

    claims, minutes = CLAIMS, 0.5
    write, reproduce = staticmethod(write), staticmethod(reproduce)
