"""Any folder in the layout of COCO detection: annotations/instances_<split>.json and the pictures it names.

Source: Lin et al., Microsoft COCO, 2014; the format stands at cocodataset.org/#format-data. Boxes are [x, y, width,
height] in pixels of the picture; masks are polygons or run lengths counted down the columns, uncompressed or in
pycocotools' text form (which needs that package). What Hilum's writer adds to the format is read where it is there:
on an image `patient`, `study`, `view`, `date_captured`, `split` and all `findings` of its study; on an annotation
`finding` (which of these) or `state`, `sites`, `change`, `attributes`. A category is a present finding unless `state`
says otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError, MissingError, need
from hilum.core.finding import Finding
from hilum.core.geometry import check_view
from hilum.core.image import Image, MadeBy
from hilum.core.region import Box, Mask
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.data.rows import film
from hilum.data.splits import official

LICENCE = "as the file's 'licenses' say"
CITATION = "Lin et al. Microsoft COCO: common objects in context. ECCV 2014 (the layout)"
_MADE_BY = MadeBy("COCO annotation")
_FOLDERS = (".", "images")
_LARGEST = 1 << 28  # pixels of one mask


@dataclass(frozen=True)
class Annotations:
    """One annotation file: images by id, what is marked on each, and the names of the categories."""

    path: Path
    images: Mapping[Any, Mapping[str, Any]]
    marks: Mapping[Any, list[Mapping[str, Any]]]
    names: Mapping[Any, str]


def read_annotations(path: str | Path) -> Annotations:
    """Return what an annotation file holds.

    Raises:
        MissingError: if it is not there.
        InputError: if it is not JSON with 'images', 'annotations' and 'categories', or an annotation points nowhere.
    """
    place = Path(path)
    if not place.is_file():
        raise MissingError(f"{place} is not there: it should be annotations in COCO's layout")
    try:
        loaded = json.loads(place.read_text(encoding="utf-8"))
        images = {row["id"]: row for row in loaded["images"] if row["file_name"]}
        names = {row["id"]: str(row["name"]) for row in loaded["categories"]}
        marks: dict[Any, list[Mapping[str, Any]]] = {key: [] for key in images}
        for row in loaded["annotations"]:
            if row["image_id"] not in images or row["category_id"] not in names:
                raise InputError(f"{place.name}: annotation {row.get('id')} names no image or category of the file")
            marks[row["image_id"]].append(row)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
        raise InputError(
            f"{place.name} is not in COCO's layout: 'images', 'annotations' and 'categories' with their ids are "
            f"expected; the fault is {fault!r}"
        ) from None
    return Annotations(place, images, marks, names)


def box_of(mark: Mapping[str, Any], image: str, where: str) -> Box:
    """Return the box of an annotation.

    Args:
        mark: with `bbox`, [x, y, width, height].
        image: id of the film.
        where: the file, as an error names it.

    Raises:
        InputError: if it is no box.
    """
    try:
        x, y, wide, high = (float(edge) for edge in mark["bbox"])
        return Box(x, y, x + wide, y + high, image=image)
    except (KeyError, TypeError, ValueError, InputError):
        raise InputError(
            f"{where}: annotation {mark.get('id')} has the box {mark.get('bbox')}; [x, y, width, height] is expected"
        ) from None


def mask_of(mark: Mapping[str, Any], height: int, width: int, image: str, where: str) -> Mask | None:
    """Return the mask of an annotation, None where it has no segmentation.

    Args:
        mark: with `segmentation`: polygons [[x, y, x, y ...]] or run lengths {'size', 'counts'}.
        height, width: of the picture.
        image: id of the film.
        where: the file, as an error names it.

    Raises:
        InputError: if the segmentation is damaged.
        MissingError: if it is in pycocotools' text form and that package is not installed.
    """
    drawn = mark.get("segmentation")
    if not drawn:
        return None
    try:
        if isinstance(drawn, Mapping):
            return Mask(_from_runs(drawn), image=image)
        return Mask(_from_polygons(drawn, height, width), image=image)
    except (KeyError, TypeError, ValueError) as fault:
        raise InputError(f"{where}: annotation {mark.get('id')} has a damaged segmentation: {fault}") from None


def _from_runs(drawn: Mapping[str, Any]) -> NDArray[np.bool_]:
    height, width = (int(side) for side in drawn["size"])
    counts = drawn["counts"]
    if isinstance(counts, str | bytes):
        try:
            from pycocotools import mask
        except ImportError:
            raise need("pycocotools", "boxes", "reading masks in compressed run lengths") from None
        text = counts.encode() if isinstance(counts, str) else counts
        return np.asarray(mask.decode({"size": [height, width], "counts": text}), dtype=np.bool_)
    runs = np.asarray(counts, dtype=np.int64)
    if (runs < 0).any() or runs.sum() != height * width or height * width > _LARGEST:
        raise ValueError(f"its runs cover {runs.sum()} pixels, its size {height} x {width} has {height * width}")
    return np.repeat(np.arange(runs.size) % 2 == 1, runs).reshape(width, height).T


def _from_polygons(drawn: Any, height: int, width: int) -> NDArray[np.bool_]:
    from PIL import Image as Picture
    from PIL import ImageDraw

    picture = Picture.new("1", (width, height))
    for outline in drawn:
        ImageDraw.Draw(picture).polygon([float(edge) for edge in outline], fill=1, outline=1)
    return np.asarray(picture, dtype=np.bool_)


@register.dataset("coco", licence=LICENCE, citation=CITATION)
def coco(root: str | Path) -> Cohort:
    """Return a folder in COCO's layout as studies; the films of one `study` are one study, else each film is one.

    Args:
        root: folder with annotations/*.json (or *.json beside the pictures); pictures lie there or in images/.

    Raises:
        MissingError: if there is no annotation file.
        InputError: on use, if a file is not in the layout.
    """
    place = Path(root)
    files = sorted((place / "annotations").glob("*.json")) or sorted(place.glob("*.json"))
    if not files:
        raise MissingError(f"no annotations/*.json in {root}: give a folder in COCO's layout (cocodataset.org)")
    return Cohort(
        name="coco", studies=partial(_studies, place, tuple(files)), splits=_splits(tuple(files)), licence=LICENCE,
        citation=CITATION,
    )  # fmt: skip


def _studies(root: Path, files: tuple[Path, ...]) -> Iterator[Study]:
    for path in files:
        held = read_annotations(path)
        groups: dict[str, list[Mapping[str, Any]]] = {}
        for row in held.images.values():
            groups.setdefault(_name(row), []).append(row)
        for study, images in groups.items():
            yield _checked(root, held, study, images)


def _name(row: Mapping[str, Any]) -> str:
    return str(row.get("study") or Path(str(row["file_name"])).stem or row["id"])


def _checked(root: Path, held: Annotations, study: str, images: list[Mapping[str, Any]]) -> Study:
    try:
        return _study(root, held, study, images)
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        raise InputError(f"{held.path.name}: '{study}' is not in COCO's layout; the fault is {fault!r}") from None


def _study(root: Path, held: Annotations, study: str, images: list[Mapping[str, Any]]) -> Study:
    films: list[Image] = []
    regions: dict[Any, list[Box | Mask]] = {}
    facts = {each["finding"]: each for row in images for each in row.get("findings") or () if "finding" in each}
    for row in images:
        name = str(row["file_name"])
        own = Path(name).stem
        if ".." in Path(name).parts or Path(name).is_absolute():
            raise InputError(f"{held.path.name}: the picture '{name}' does not lie in the folder")
        places = [root / folder / name for folder in _FOLDERS]
        path = next((place for place in places if place.is_file()), places[-1])
        films.append(film(path, view=check_view(str(row.get("view") or "unknown")), id=own))
        for mark in held.marks[row["id"]]:
            key = mark["finding"] if mark.get("finding") in facts else ("mark", mark["id"])
            facts.setdefault(key, {**mark, "concept": held.names[mark["category_id"]]})
            regions.setdefault(key, []).extend(_regions(mark, row, own, held.path.name))
    return Study(
        id=study, patient=str(images[0].get("patient") or ""), images=tuple(films),
        findings=tuple(_finding(key, each, regions.get(key, [])) for key, each in facts.items()),
        time=_time(str(images[0].get("date_captured") or ""), held.path.name),
    )  # fmt: skip


def _regions(mark: Mapping[str, Any], row: Mapping[str, Any], own: str, where: str) -> Iterator[Box | Mask]:
    mask = None if mark.get("region") == "box" else mask_of(mark, int(row["height"]), int(row["width"]), own, where)
    if mask is not None:
        yield mask
    elif mark.get("bbox"):
        yield box_of(mark, own, where)


def _finding(key: Any, facts: Mapping[str, Any], regions: list[Box | Mask]) -> Finding:
    return Finding(
        str(facts["concept"]), facts.get("state") or "present", sites=tuple(facts.get("sites") or ()),
        attributes=facts.get("attributes") or {}, change=facts.get("change") or None, regions=tuple(regions),
        made_by=_MADE_BY, id=f"c{key[1] if isinstance(key, tuple) else key}",
    )  # fmt: skip


def _time(text: str, where: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{where}: date_captured '{text}' is no date and time") from None


def _splits(files: tuple[Path, ...]) -> Callable[[str], str]:
    def pairs() -> Iterator[tuple[str, str]]:
        for path in files:
            for row in read_annotations(path).images.values():
                yield (
                    str(row.get("patient") or _name(row)),
                    str(row.get("split") or path.stem.removeprefix("instances_")),
                )

    return official(pairs, what="the annotation files")
