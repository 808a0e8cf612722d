"""Chest ImaGenome: a scene graph for each frontal film of MIMIC-CXR (silver), and 1,000 films done by hand (gold).

Get it at physionet.org/content/chest-imagenome (credentialed access); the films are those of MIMIC-CXR-JPG. Layout:
silver_dataset/scene_graph/<dicom id>_SceneGraph.json or scene_graph.zip, silver_dataset/splits/{train,valid,test}.csv
and images_to_avoid.csv; gold_dataset/gold_object_attribute_with_coordinates.txt (tabs between cells) and
gold_bbox_coordinate_annotations_1000images.csv.

Traps: coordinates stand twice, in a padded square of 224 pixels and in pixels of the film; only the latter are read. A
box is that of an anatomical site, drawn whether the report speaks of it or not: it is no outline of a finding, and a
box is no mention. 'no' attributes are facts too. Gold patients are in images_to_avoid.csv: do not train on them.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError, MissingError
from hilum.core.finding import Finding
from hilum.core.geometry import View
from hilum.core.image import MadeBy
from hilum.core.region import Box
from hilum.core.registry import register
from hilum.core.report import Report
from hilum.core.study import Study
from hilum.data.mimic_files import film_at, folder_of, view_of
from hilum.data.release import Official
from hilum.data.rows import rows
from hilum.data.splits import official
from hilum.text.imagenome import SceneGraph, from_imagenome, to_findings
from hilum.text.scene_table import concept_of

LICENCE = "PhysioNet Credentialed Health Data License 1.5.0"
CITATION = "Wu et al. Chest ImaGenome dataset for clinical reasoning. NeurIPS Datasets and Benchmarks 2021"
_COUNTED = "counted in release 1.0.0"
OFFICIAL = (
    Official("silver_dataset/splits/train.csv", 166_521, source=_COUNTED),
    Official("silver_dataset/splits/valid.csv", 23_953, source=_COUNTED),
    Official("silver_dataset/splits/test.csv", 47_393, source=_COUNTED),
    Official("gold_dataset/gold_bbox_coordinate_annotations_1000images.csv", 25_989, source=_COUNTED),
)
_WHAT = "the folder of Chest ImaGenome (physionet.org/content/chest-imagenome, credentialed access)"
_SILVER, _GOLD = MadeBy("Chest ImaGenome", "1.0.0"), MadeBy("Chest ImaGenome annotators", "1.0.0")
_TAIL = "_SceneGraph.json"
_LARGEST = 1 << 24  # bytes of one scene graph; real ones have some hundred thousand
_SPLITS = {"train": "train.csv", "valid": "valid.csv", "test": "test.csv", "avoid": "images_to_avoid.csv"}
_TIME = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)[ T](\d\d):?(\d\d):?(\d\d)(?:\.\d+)?(?: ?UTC)?")


@register.dataset("imagenome", licence=LICENCE, citation=CITATION)
def imagenome(root: str | Path, *, films: str | Path | None = None) -> Cohort:
    """Return the silver scene graphs, one study per film, named by the film; patients are named as in `mimic-cxr`.

    Findings are the scene's statements with their sites; their regions are the boxes of these sites. The report holds
    the phrases of the graph, one a line. Splits are 'train', 'valid', 'test' and 'avoid' (patients of the gold set).

    Args:
        root: folder with silver_dataset/, or a folder of <dicom id>_SceneGraph.json files.
        films: folder of MIMIC-CXR-JPG; `root` when not given.

    Raises:
        MissingError: if there are no scene graphs.
        InputError: on use, if one is damaged.
    """
    place = Path(root)
    _sources(place)
    return Cohort(
        name="imagenome", studies=partial(_studies, place, Path(films or root)), splits=_splits(place),
        licence=LICENCE, citation=CITATION,
    )  # fmt: skip


def graphs(root: str | Path) -> Iterator[SceneGraph]:
    """Yield the silver scene graphs, by name of their film; boxes of sites without a finding stand only here.

    Args:
        root: as for `imagenome`.

    Raises:
        MissingError: if there are none.
        InputError: if one is damaged; the sentence names it.
    """
    for name, text in _texts(_sources(Path(root))):
        yield _graph(name, text)


def _sources(root: Path) -> Path:
    for place in (root / "silver_dataset" / "scene_graph", root / "scene_graph", root):
        if any(place.glob(f"*{_TAIL}")):
            return place
    for place in (root / "silver_dataset" / "scene_graph.zip", root / "scene_graph.zip"):
        if place.is_file():
            return place
    raise MissingError(f"no *{_TAIL} or scene_graph.zip in {root}: give {_WHAT}")


def _texts(place: Path) -> Iterator[tuple[str, bytes]]:
    if place.is_dir():
        for path in sorted(place.glob(f"*{_TAIL}")):
            yield path.name, path.read_bytes()
        return
    try:
        with zipfile.ZipFile(place) as archive:
            members = {Path(each.filename).name: each for each in archive.infolist() if each.filename.endswith(_TAIL)}
            for name in sorted(members):
                if members[name].file_size > _LARGEST:
                    raise InputError(f"{name} has {members[name].file_size:,} bytes: no scene graph is that large")
                yield name, archive.read(members[name])
    except (zipfile.BadZipFile, EOFError) as fault:
        raise InputError(f"{place.name} cannot be read to its end: {fault}; copy it anew") from None


def _graph(name: str, text: bytes) -> SceneGraph:
    try:
        return from_imagenome(json.loads(text))
    except (json.JSONDecodeError, UnicodeDecodeError) as fault:
        raise InputError(f"{name} is no whole JSON file: {fault}; copy it anew") from None
    except InputError as fault:
        raise InputError(f"{name}: {fault}") from None


def _studies(root: Path, films: Path) -> Iterator[Study]:
    for name, text in _texts(_sources(root)):
        graph = _graph(name, text)
        dicom = graph.image_id or name.removesuffix(_TAIL)
        patient = f"p{graph.patient_id}" if graph.patient_id else ""
        film = film_at(folder_of(films, patient) / f"s{graph.study_id}", dicom, view=_view(graph))
        yield Study(
            id=dicom, patient=patient, time=_time(graph.meta.get("StudyDateTime", "")),
            images=(film,), findings=_placed(to_findings(graph.scene, _SILVER), graph.boxes),
            report=Report(graph.meta.get("reason_for_exam", ""), findings=graph.scene.text),
        )  # fmt: skip


def _view(graph: SceneGraph) -> View:
    return view_of(graph.meta.get("viewpoint", ""))


def _placed(findings: tuple[Finding, ...], boxes: Mapping[str, Box]) -> tuple[Finding, ...]:
    """Findings with the boxes of their sites."""
    by_concept = {concept_of(site): box for site, box in boxes.items()}
    return tuple(
        replace(each, regions=tuple(by_concept[site] for site in each.sites if site in by_concept)) for each in findings
    )


def _time(text: str) -> datetime | None:
    """The moment that StudyDateTime names, None where it is blank or written in a way not seen in the release."""
    found = _TIME.fullmatch(text.strip())
    if not found:
        return None
    parts = [int(part) for part in found.groups(default="0")]
    try:
        return datetime(*parts)  # type: ignore[arg-type]
    except ValueError:
        return None


def _splits(root: Path) -> Callable[[str], str] | Mapping[str, float]:
    paths = {split: root / "silver_dataset" / "splits" / name for split, name in _SPLITS.items()}
    there = {split: path for split, path in paths.items() if path.is_file()}
    if not there:
        return {}

    def pairs() -> Iterator[tuple[str, str]]:
        for split, path in there.items():
            for row in rows(path, ("subject_id",), what="a split of Chest ImaGenome"):
                yield f"p{row['subject_id']}", split

    return official(pairs, what="silver_dataset/splits", order=tuple(_SPLITS))


@register.dataset("imagenome-gold", licence=LICENCE, citation=CITATION)
def imagenome_gold(root: str | Path, *, films: str | Path | None = None) -> Cohort:
    """Return the gold set, one study per film: each attribute that annotators gave a site, with the site's box.

    Args:
        root: folder with gold_dataset/, or gold_dataset itself.
        films: folder of MIMIC-CXR-JPG; `root` when not given.

    Raises:
        MissingError: if the table of attributes is not there.
        InputError: on use, if a table cannot be read.
    """
    name = "gold_object_attribute_with_coordinates.txt"
    path = next((at for at in (Path(root) / "gold_dataset" / name, Path(root) / name) if at.is_file()), None)
    if path is None:
        raise MissingError(f"no gold_dataset/{name} in {root}: give {_WHAT}")
    return Cohort(
        name="imagenome-gold", studies=partial(_gold, path, Path(films or root)), licence=LICENCE, citation=CITATION
    )


def _gold(path: Path, films: Path) -> Iterator[Study]:
    boxes = _gold_boxes(path.parent)
    wanted = ("patient_id", "study_id", "image_id", "bbox", "sentence", "label_name", "context")
    studies: dict[tuple[str, str, str], dict[tuple[str, str, str], dict[str, None]]] = {}
    for row in rows(path, wanted, what="the gold attributes of Chest ImaGenome", delimiter="\t"):
        key = (f"p{row['patient_id']}", f"s{row['study_id']}", row["image_id"].removesuffix(".dcm"))
        if row.get("categoryID") != "nlp" and row.get("relation", "1") in ("1", "1.0"):
            told = studies.setdefault(key, {}).setdefault((row["sentence"], row["label_name"], row["context"]), {})
            told[row["bbox"]] = None
    for (patient, study, dicom), facts in studies.items():
        film = film_at(folder_of(films, patient) / study, dicom)
        found = [
            Finding(
                concept_of(label), "present" if context == "yes" else "absent", id=f"g{number}", made_by=_GOLD,
                sites=tuple(concept_of(site) for site in sites),
                regions=tuple(boxes[dicom, site] for site in sites if (dicom, site) in boxes),
            )
            for number, ((_, label, context), sites) in enumerate(facts.items())
        ]  # fmt: skip
        sentences = dict.fromkeys(sentence.strip() for sentence, _, _ in facts)
        yield Study(
            id=dicom, patient=patient, images=(film,), findings=tuple(found),
            report=Report(findings="\n".join(sentences)),
        )  # fmt: skip


def _gold_boxes(folder: Path) -> Mapping[tuple[str, str], Box]:
    path = folder / "gold_bbox_coordinate_annotations_1000images.csv"
    edges = ("original_x1", "original_y1", "original_x2", "original_y2")
    found: dict[tuple[str, str], Box] = {}
    if not path.is_file():
        return found
    for row in rows(path, ("image_id", "bbox_name", *edges), what="the gold boxes of Chest ImaGenome"):
        dicom = row["image_id"].removesuffix(".dcm")
        try:
            x0, y0, x1, y1 = (float(row[edge]) for edge in edges)
        except ValueError:
            raise InputError(f"{path.name}: film {dicom} has a box that is not four numbers") from None
        if x1 > x0 and y1 > y0:  # a site outside the film has an empty box
            found[dicom, row["bbox_name"]] = Box(x0, y0, x1, y1, image=dicom)
    return found
