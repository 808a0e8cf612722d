"""VinDr-CXR: 15,000 training films read by three radiologists each, 3,000 test films by the consensus of five.

Get it from https://physionet.org/content/vindr-cxr/ (credentialed); the challenge release with 14 local labels from
https://www.kaggle.com/competitions/vinbigdata-chest-xray-abnormalities-detection. Source: Nguyen et al., Sci Data 2022.

Three readers disagree, so that what a training film shows is a choice, made by `readers`:

* 'fused' (as given): present where two of three readers marked it, uncertain where one did; boxes of different readers
  that overlap by an IoU of 0.4 (the challenge's own threshold) become one by weighted boxes fusion (Solovyev et al.
  2021), whose score is the share of readers;
* 'union': present where any reader marked it, every reader's box kept;
* 'each': one finding per reader, signed with the reader's code.

Traps. Not marked is no statement of absence. The test table spells 'Other disease'. Global labels (suspected diseases)
have no boxes and are in image_labels_*.csv only. Patients are not named: one film counts as one patient. Files are
DICOM with both polarities, some with other than chest content. The challenge's test films have no labels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.image import MadeBy
from hilum.core.region import Box
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.core.vocabulary import label_set, to_concept
from hilum.data.published import by_stem, dicom_film
from hilum.data.release import Official
from hilum.data.rows import find, rows
from hilum.data.splits import official

WHERE = "https://physionet.org/content/vindr-cxr/"
LICENCE = "PhysioNet Credentialed Health Data License 1.5.0; research and education only, no sharing"
CITATION = "Nguyen et al. VinDr-CXR: an open dataset of chest X-rays with radiologist's annotations. Sci Data 2022"
_SHA = "d3c52e5b96a73b9263e535ee803dde7fd053e4c8c6a50faf6b00f7dd8f5e2a80"
OFFICIAL = (
    Official("train.csv*", 67_914, source="the challenge's table, as torchxrayvision 1.5.7 has it", sha256=_SHA),
    Official("vinbigdata-train.csv*", 67_914, source="as torchxrayvision 1.5.7 has it", sha256=_SHA),
    Official("annotations/image_labels_train.csv*", 45_000, source="Nguyen et al. 2022: 15,000 films, three readers"),
    Official("annotations/image_labels_test.csv*", 3_000, source="Nguyen et al. 2022: 3,000 films"),
)
Readers = Literal["fused", "union", "each"]
OVERLAP = 0.4
_SAME: Mapping[str, str] = {"Other disease": "Other diseases"}
_EDGES = ("x_min", "y_min", "x_max", "y_max")
_CONSENSUS = "consensus"


@dataclass
class _Read:
    """What is known of one film: label -> reader -> boxes."""

    marks: dict[str, dict[str, list[Box]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    readers: set[str] = field(default_factory=set)


def fuse(boxes: Sequence[Box], *, readers: int, overlap: float = OVERLAP) -> tuple[Box, ...]:
    """Return boxes joined by weighted boxes fusion with equal weights (Solovyev et al., Image Vis Comput 2021).

    Args:
        boxes: of one label on one film, in the order of readers; each joins the fused box that it overlaps most.
        readers: how many read the film.
        overlap: IoU above which two boxes are one.

    Returns:
        Mean boxes with score = boxes joined / readers, at most 1.
    """
    clusters: list[list[Box]] = []
    means: list[Box] = []
    for box in boxes:
        shared = [mean.iou(box) for mean in means]
        best = int(np.argmax(shared)) if shared else -1
        if best < 0 or shared[best] <= overlap:
            best = len(clusters)
            clusters.append([])
            means.append(box)
        clusters[best].append(box)
        x0, y0, x1, y1 = np.mean([each.corners for each in clusters[best]], axis=0)
        means[best] = Box(float(x0), float(y0), float(x1), float(y1), image=box.image)
    return tuple(
        Box(*mean.corners, image=mean.image, score=min(1.0, len(group) / readers))
        for mean, group in zip(means, clusters, strict=True)
    )


def _box(row: Mapping[str, str], where: str) -> Box | None:
    if not row["x_min"].strip():
        return None
    try:
        x0, y0, x1, y1 = (float(row[edge]) for edge in _EDGES)
        return Box(x0, y0, x1, y1, image=row["image_id"])
    except (ValueError, InputError) as fault:
        raise InputError(f"{where}: film {row['image_id']} has no usable box: {fault}") from None


def _reader(row: Mapping[str, str]) -> str:
    return row.get("rad_id") or row.get("rad_ID") or _CONSENSUS


def _label(name: str, where: str) -> str:
    label = _SAME.get(name, name)
    if label not in label_set("vindr").labels:
        raise InputError(f"{where}: '{name}' is no label of VinDr-CXR")
    return label


def _reads(boxes: Path, labels: Path | None) -> dict[str, _Read]:
    """Every film of a split, in the order of its tables."""
    films: dict[str, _Read] = defaultdict(_Read)
    for row in rows(boxes, ("image_id", "class_name", *_EDGES), what="VinDr-CXR's table of boxes"):
        film, reader, box = films[row["image_id"]], _reader(row), _box(row, boxes.name)
        film.readers.add(reader)
        marks = film.marks[_label(row["class_name"], boxes.name)][reader]
        marks += [box] if box else []
    if labels:
        for row in rows(labels, ("image_id", "No finding"), what="VinDr-CXR's table of image labels"):
            film, reader = films[row["image_id"]], _reader(row)
            film.readers.add(reader)
            for name, cell in row.items():
                if name in ("image_id", "rad_id", "rad_ID"):
                    continue
                label = _label(name, labels.name)
                if label_set("vindr").state(cell):
                    _ = film.marks[label][reader]
    return films


def _findings(film: _Read, how: Readers) -> Iterator[Finding]:
    for label, marks in film.marks.items():
        name, count = to_concept("vindr", label).name, len(film.readers)
        boxes = [box for reader in sorted(marks) for box in marks[reader]]
        if film.readers == {_CONSENSUS}:
            yield Finding(name, regions=tuple(boxes), made_by=MadeBy("VinDr consensus of five"), id=label)
        elif how == "each":
            for reader in sorted(marks):
                made_by = MadeBy(f"VinDr reader {reader}")
                yield Finding(name, regions=tuple(marks[reader]), made_by=made_by, id=f"{label}-{reader}")
        else:
            sure = how == "union" or 2 * len(marks) > count
            yield Finding(
                name, "present" if sure else "uncertain", attributes={"readers": f"{len(marks)} of {count}"},
                regions=fuse(boxes, readers=count) if how == "fused" else tuple(boxes),
                made_by=MadeBy("VinDr readers"), id=label,
            )  # fmt: skip


def _studies(root: Path, tables: Mapping[str, tuple[Path, Path | None]], how: Readers) -> Iterator[Study]:
    for split, (boxes, labels) in tables.items():
        files = by_stem(root, f"{split}/*.dicom", f"{split}/*.dcm")
        for name, read in _reads(boxes, labels).items():
            film = dicom_film(files.get(name), id=name, view="PA")
            yield Study(name, name, images=(film,), findings=tuple(_findings(read, how)))


def _optional(root: Path, *patterns: str) -> Path | None:
    return next((path for pattern in patterns for path in sorted(root.glob(pattern))), None)


@register.dataset("vindr-cxr", licence=LICENCE, citation=CITATION)
def vindr_cxr(root: str | Path, *, readers: Readers = "fused") -> Cohort:
    """Return VinDr-CXR as one-film studies with boxes, split as published.

    Args:
        root: folder with annotations/annotations_train.csv (PhysioNet) or train.csv (challenge), and train/, test/.
        readers: how three readings become one, see above; test films come from a consensus and are not changed.

    Raises:
        MissingError: if there is no table; on use, if a film is not there.
        InputError: if a table cannot be read, or `readers` is none of the three.
    """
    if readers not in get_args(Readers):
        raise InputError(f"readers must be one of {', '.join(get_args(Readers))}, got '{readers}'")
    place = Path(root)
    names = ("annotations/annotations_train.csv*", "annotations_train.csv*", "train.csv*", "vinbigdata-train.csv*")
    train = find(place, *names, what=f"the folder of VinDr-CXR, from {WHERE}")
    tables = {"train": (train, _optional(place, "annotations/image_labels_train.csv*", "image_labels_train.csv*"))}
    test = _optional(place, "annotations/annotations_test.csv*", "annotations_test.csv*")
    if test:
        tables["test"] = (test, _optional(place, "annotations/image_labels_test.csv*", "image_labels_test.csv*"))

    def pairs() -> Iterator[tuple[str, str]]:
        for split, found in tables.items():
            for path in found:
                yield from ((row["image_id"], split) for row in rows(path, ("image_id",))) if path else ()

    return Cohort("vindr-cxr", partial(_studies, place, tables, readers), official(pairs, what="VinDr-CXR"), LICENCE,
                  CITATION, "vindr")  # fmt: skip
