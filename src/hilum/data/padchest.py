"""PadChest: 160,861 films of 67,625 patients with stemmed Spanish reports, labels and places.

Get it from https://bimcv.cipf.es/bimcv-projects/padchest/ (form to sign): the table, and folders 0 to 54 of 16 bit PNG
files. The `torchxrayvision` wheel carries the table. Source: Bustos et al., Medical Image Analysis 2020.

Traps. Lists stand as Python text, some with a bare `nan`. Labels of the network ('RNN_model') have stray blanks and
empty names and are no reading: `made_by` tells the two apart. Only physicians' rows are split by sentence, which joins
places to labels. Rows of a study are not next to each other; one study number names two patients. 'L' is a lateral
film whose side is not told: it is given as LL. COSTAL, EXCLUDE and UNK films are no chest views and are left out unless
asked for. The reports are stemmed: word ends are cut off. 21 files are known to be missing or broken in the release.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from pathlib import Path

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.geometry import View
from hilum.core.image import Image, MadeBy
from hilum.core.registry import register
from hilum.core.report import Report
from hilum.core.study import Study
from hilum.core.vocabulary import concepts, label_set, to_concept
from hilum.data.release import Official
from hilum.data.rows import film, find, rows
from hilum.text.sites import home, site

WHERE = "https://bimcv.cipf.es/bimcv-projects/padchest/"
LICENCE = "PadChest Dataset Research Use Agreement (BIMCV): research only, no redistribution"
CITATION = "Bustos et al. PadChest: a large chest x-ray image dataset with multi-label annotated reports. MedIA 2020;66"
OFFICIAL = (
    Official("PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv*", 160_861, source="as torchxrayvision 1.5.7 has it",
             sha256="b02e42e5f1c53609298b47b1246a5dbed725fcae88e2cff407b772dfe10d2ddc"),
)  # fmt: skip
PHYSICIAN, NETWORK = MadeBy("PadChest physicians", "2019"), MadeBy("PadChest RNN labeller", "2019")
PROJECTIONS = ("PA", "L", "AP", "AP_horizontal")
_TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv*"
_COLUMNS = ("ImageID", "ImageDir", "StudyDate_DICOM", "StudyID", "PatientID", "Projection", "Report", "MethodLabel",
            "Labels", "LabelsLocalizationsBySentence")  # fmt: skip
_VIEWS: Mapping[str, View] = {"PA": "PA", "AP": "AP", "AP_horizontal": "AP", "L": "LL"}
_NAN = re.compile(r"(?<=[\[,\s])nan(?=\s*[,\]])")
_SIDED = re.compile(r"(.+?) (left|right|both|bilateral)(?: sides?)?")
_TABLES = Path(__file__).parent / "tables"


@cache
def broken() -> frozenset[str]:
    """Return the films that the release lacks or holds damaged, as the torchxrayvision loader lists them (1.5)."""
    return frozenset((_TABLES / "padchest_broken.txt").read_text(encoding="utf-8").split())


@cache
def _places() -> dict[str, tuple[str, str]]:
    """Location term without 'loc ' -> (side, place as text.sites names it)."""
    return {row["term"]: (row["side"], row["place"]) for row in rows(_TABLES / "padchest_places.csv")}


@cache
def _concepts() -> dict[str, str]:
    """Label, or another name of a concept -> concept; PadChest's own labels come first."""
    terms = {term: item.name for item in concepts() for term in (item.name, *item.synonyms)}
    return {**terms, **{label: to_concept("padchest", label).name for label in label_set("padchest").labels}}


def listed(cell: str) -> list[object]:
    """Return a list written as Python text; a bare nan in it becomes None. Nothing is evaluated.

    An empty cell, or one that is nan itself, is an empty list: such a row was not labelled.

    Raises:
        InputError: if the cell is no list of literals.
    """
    text = cell.strip()
    try:
        value = ast.literal_eval(_NAN.sub("None", text)) if text not in ("", "nan", "None") else []
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise InputError(f"'{cell[:60]}' is no list as PadChest writes them, e.g. ['cardiomegaly']") from None
    if not isinstance(value, list):
        raise InputError(f"'{cell[:60]}' is a {type(value).__name__}: expected a list, e.g. ['cardiomegaly']")
    return value


def sites_of(places: Sequence[str], name: str) -> tuple[str, ...]:
    """Return the vocabulary's sites of location terms, e.g. ('loc left', 'loc basal') -> ('left lower lung zone',).

    Args:
        places: terms of one sentence, with or without 'loc '; those that the vocabulary has no word for are left out.
        name: concept that they are said of; a bare side means its home.
    """
    known = [_places().get(each.removeprefix("loc ").strip(), ("", "")) for each in places]
    side = next((side for side, _ in known if side), "")
    found = [site(side, place, home(name)) for _, place in known if place]
    if not found and side:
        found = [site(side, home(name) or "lung")]
    return tuple(dict.fromkeys(each for each in found if each))


def named(label: str) -> tuple[str, str]:
    """Return (concept, side) of a label; 'mastectomy left side', as sentences have it, is ('mastectomy', 'left').

    A label that the vocabulary lacks stays as it is spelled.
    """
    sided = _SIDED.fullmatch(label)
    for name, side in ((label, ""), *([(sided[1], sided[2])] if sided else [])):
        known = _concepts().get(name)
        if known:
            return known, {"both": "bilateral"}.get(side, side)
    return label, ""


def _findings(row: Mapping[str, str]) -> tuple[Finding, ...]:
    reader = PHYSICIAN if row["MethodLabel"] == "Physician" else NETWORK
    places: dict[str, list[str]] = {}
    for group in listed(row["LabelsLocalizationsBySentence"]):
        terms = [each.strip() for each in group if isinstance(each, str)] if isinstance(group, list) else []
        for label in terms:
            if not label.startswith("loc "):
                name, side = named(label)
                places.setdefault(name, []).extend([*([side] if side else []), *(t for t in terms if t[:4] == "loc ")])
    made: dict[str, Finding] = {}
    for label in (each.strip() for each in listed(row["Labels"]) if isinstance(each, str)):
        name = named(label)[0]
        if label and name not in made:
            where = sites_of(places.get(name, ()), name)
            made[name] = Finding(name, sites=where, made_by=reader, id=label)
    return tuple(made.values())


def _film(root: Path, row: Mapping[str, str]) -> Image:
    name = row["ImageID"]
    places = (root / row["ImageDir"] / name, root / "images" / name, root / name)
    place = next((path for path in places if path.is_file()), places[0])
    return film(place, view=_VIEWS.get(row["Projection"], "unknown"), id=name)


def _studies(root: Path, table: Path, projections: tuple[str, ...]) -> Iterator[Study]:
    def wanted() -> Iterator[dict[str, str]]:
        for row in rows(table, _COLUMNS, what="PadChest's table of labels"):
            if row["Projection"] in projections and row["ImageID"] not in broken():
                yield row

    left = Counter((row["StudyID"], row["PatientID"]) for row in wanted())
    first = dict(reversed(left))
    waiting: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in wanted():
        key = (row["StudyID"], row["PatientID"])
        waiting.setdefault(key, []).append(row)
        left[key] -= 1
        if not left[key]:
            name = key[0] if first[key[0]] == key[1] else "-".join(key)
            yield _study(root, name, waiting.pop(key))


def _study(root: Path, name: str, found: Sequence[Mapping[str, str]]) -> Study:
    row = found[0]
    try:
        findings = _findings(row)
        day = datetime.strptime(row["StudyDate_DICOM"], "%Y%m%d") if row["StudyDate_DICOM"].strip() else None
    except (InputError, ValueError) as fault:
        raise InputError(f"PadChest's row of image {row['ImageID']} cannot be read: {fault}") from None
    text = " ".join(row["Report"].split())
    return Study(
        name, f"padchest-{row['PatientID']}", day, tuple(_film(root, each) for each in found),
        Report(findings=text, language="es") if text not in ("", "nan", "None") else None, findings,
    )  # fmt: skip


@register.dataset("padchest", licence=LICENCE, citation=CITATION)
def padchest(root: str | Path, *, projections: tuple[str, ...] = PROJECTIONS) -> Cohort:
    """Return PadChest as dated studies of one or more films with report and labels, split by a hash of the patient.

    Args:
        root: folder with the table and the folders 0 ... 54 of PNG files; the table alone gives all but pixels.
        projections: which films; also 'COSTAL', 'EXCLUDE' and 'UNK' are to be had.

    Raises:
        MissingError: if the table is not there; on use, if a film is not.
        InputError: on use, if the table cannot be read.
    """
    place = Path(root)
    table = find(place, _TABLE, what=f"the folder of PadChest, from {WHERE}")
    return Cohort(
        "padchest", partial(_studies, place, table, tuple(projections)), {"train": 0.7, "val": 0.1, "test": 0.2},
        LICENCE, CITATION, "padchest",
    )  # fmt: skip
