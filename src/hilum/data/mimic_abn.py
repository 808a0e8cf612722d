"""MIMIC-ABN: the abnormal sentences of MIMIC-CXR reports, as the annotation files that carry it in the field.

Source: Ni et al., Findings of EMNLP 2020; the paper's own repository holds no download, and the files in use come with
WCL (Yan et al. 2021), RECAP and MLRG, whose splits differ: name the file with a result. Layout of all: one JSON object
{'train': [...], 'val': [...], 'test': [...]} of items with `image_path` (files/p10/p10000032/s50414267/<id>.jpg or
.dcm, one or several) and the text as `report` or `findings`; `id`, `subject_id` and `study_id` where they are.

Traps: the text is the abnormal sentences only, so that what it leaves out is not absent; the same study may be listed
once per film (MLRG) or once (WCL); several items of one study are one study here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError, MissingError
from hilum.core.registry import register
from hilum.core.report import Report
from hilum.core.study import Study
from hilum.data.mimic_files import PLACE, film_at, folder_of
from hilum.data.rows import find
from hilum.data.splits import official

LICENCE = "PhysioNet Credentialed Health Data License 1.5.0 (text and films of MIMIC-CXR)"
CITATION = (
    "Ni et al. Learning visual-semantic embeddings for reporting abnormal findings on chest X-rays. "
    "Findings of EMNLP 2020"
)
_PATTERNS = ("*mimic_abn*annotation*.json", "*mimic_abn*.json", "annotation*.json")
_WHAT = "the folder of a MIMIC-ABN annotation file (it comes with WCL, RECAP or MLRG: https://huggingface.co/MK-runner/MLRG)"
_ORDER = ("train", "val", "validate", "test")


class _Item(NamedTuple):
    split: str
    patient: str
    study: str
    films: tuple[str, ...]
    text: str


@register.dataset("mimic-abn", licence=LICENCE, citation=CITATION)
def mimic_abn(root: str | Path, *, films: str | Path | None = None) -> Cohort:
    """Return MIMIC-ABN as studies of MIMIC-CXR whose report holds the abnormal sentences, as findings.

    Args:
        root: folder with the annotation file, or the file itself.
        films: folder of MIMIC-CXR-JPG; the annotation's own folder when not given.

    Raises:
        MissingError: if there is no annotation file.
        InputError: on use, if it is not in the layout.
    """
    place = Path(root)
    path = place if place.is_file() else find(place, *_PATTERNS, what=_WHAT)
    return Cohort(
        name="mimic-abn", studies=partial(_studies, path, Path(films) if films else path.parent),
        splits=official(lambda: ((each.patient, each.split) for each in _items(path)), what=path.name, order=_ORDER),
        licence=LICENCE, citation=CITATION,
    )  # fmt: skip


def _items(path: Path) -> Iterator[_Item]:
    if not path.is_file():
        raise MissingError(f"{path} is not there: give {_WHAT}")
    try:
        parts = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as fault:
        raise InputError(f"{path.name} is no whole JSON file: {fault}; copy it anew") from None
    if not isinstance(parts, Mapping) or not all(isinstance(each, list) for each in parts.values()):
        raise InputError(f"{path.name} is not in MIMIC-ABN's layout: lists 'train', 'val' and 'test' are expected")
    for split, items in parts.items():
        for number, item in enumerate(items):
            yield _item(item, str(split), f"{path.name}, '{split}' item {number}")


def _item(item: Any, split: str, where: str) -> _Item:
    paths = item.get("image_path") if isinstance(item, Mapping) else None
    paths = [paths] if isinstance(paths, str) else paths if isinstance(paths, list) else []
    places = [PLACE.search(each) for each in paths if isinstance(each, str)]
    found = [each for each in places if each and each["film"]]
    if not found or len(found) != len(paths):
        raise InputError(f"{where}: 'image_path' must name films of MIMIC-CXR (files/p10/p10000032/s50414267/<id>.jpg)")
    if len({(each["patient"], each["study"]) for each in found}) != 1:
        raise InputError(f"{where}: its films are of several studies")
    text = item.get("report") or item.get("findings") or ""
    if not isinstance(text, str):
        raise InputError(f"{where}: 'report' must be text")
    return _Item(split, found[0]["patient"], found[0]["study"], tuple(each["film"] for each in found), text)


def _studies(path: Path, root: Path) -> Iterator[Study]:
    studies: dict[str, list[_Item]] = {}
    for item in _items(path):
        studies.setdefault(item.study, []).append(item)
    for study, items in studies.items():
        folder = folder_of(root, items[0].patient) / study
        names = dict.fromkeys(name for item in items for name in item.films)
        texts = dict.fromkeys(item.text.strip() for item in items if item.text.strip())
        yield Study(
            id=study, patient=items[0].patient, images=tuple(film_at(folder, name) for name in names),
            report=Report(findings="\n".join(texts)) if texts else None,
        )  # fmt: skip
