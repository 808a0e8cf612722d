"""The dev pack of real films: one manifest.csv beside the files it names."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError, MissingError
from hilum.core.finding import Finding
from hilum.core.geometry import FRONTAL, View
from hilum.core.image import Image
from hilum.core.region import Box
from hilum.core.registry import register
from hilum.core.study import Study

FILM_SOURCES = ("nih512", "nih64", "nih_single", "kermany224", "kermany_full", "hannover", "covid_cc")
COLUMNS = ("file", "licence", "patient", "view", "labels", "boxes", "mask", "extra")
NOT_FINDINGS = frozenset({"", "No Finding", "NOT_A_CHEST_RADIOGRAPH"})


@dataclass(frozen=True)
class LabelledBox:
    """A box with the label and the readers it comes from: (x0, y0, x1, y1) in pixels of the packed file."""

    label: str
    corners: tuple[float, float, float, float]
    readers: str


@dataclass(frozen=True)
class PackRow:
    """One film of the pack. `labels` are the positive ones as the source names them."""

    file: str
    source: str
    licence: str
    patient: str
    view: str
    labels: tuple[str, ...]
    boxes: tuple[LabelledBox, ...]
    mask: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def commercial(self) -> bool:
        """Whether the row's own licence allows released weights to be trained on it."""
        return "-NC" not in self.licence

    @property
    def read_opacity(self) -> int | None:
        """1 or 0 where RSNA's radiologists read the film for opacity, else None (evaluation only)."""
        value = self.extra.get("rsna_target")
        return None if value is None else int(value)


def _row(raw: Mapping[str, str]) -> PackRow:
    boxes = tuple(
        LabelledBox(b["label"], (b["x"], b["y"], b["x"] + b["w"], b["y"] + b["h"]), b.get("src", ""))
        for b in (json.loads(raw["boxes"]) if raw["boxes"] else [])
        if isinstance(b, dict) and "w" in b
    )
    return PackRow(
        file=raw["file"],
        source=raw["file"].split("/")[0],
        licence=raw["licence"],
        patient=raw["patient"],
        view=raw["view"],
        labels=tuple(label for label in raw["labels"].split("|") if label),
        boxes=boxes,
        mask=raw["mask"],
        extra=json.loads(raw["extra"]) if raw["extra"] else {},
    )


def rows(root: Path, sources: tuple[str, ...] = FILM_SOURCES) -> list[PackRow]:
    """Read the manifest's rows of the given sources, in file order.

    Raises:
        MissingError: if the folder has no manifest.csv.
        InputError: if the manifest lacks a column or a line cannot be read.
    """
    path = Path(root) / "manifest.csv"
    if not path.is_file():
        raise MissingError(f"no manifest.csv in {root}: give the root folder of the pack")
    try:
        return _chosen(path, sources)
    except (UnicodeDecodeError, csv.Error) as fault:
        raise InputError(f"{path} cannot be read as a table: {fault}; copy the pack anew") from None


def _chosen(path: Path, sources: tuple[str, ...]) -> list[PackRow]:
    found = []
    with path.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise InputError(f"{path.name} has no column '{missing[0]}': it is not a pack manifest")
        for raw in reader:
            if raw["file"].split("/")[0] not in sources:
                continue
            try:
                found.append(_row(raw))
            except (ValueError, KeyError, TypeError, AttributeError) as fault:  # a cut line or broken JSON
                where = f"{path} line {reader.line_num}"
                raise InputError(f"{where} ('{raw['file']}') cannot be read: {fault}; copy the pack anew") from None
    return found


def pixels(root: Path, row: PackRow) -> NDArray[np.float32]:
    """Decode a PNG or JPEG film to float32 (H, W) in [0, 1]."""
    from PIL import Image as Picture

    with Picture.open(Path(root) / row.file) as picture:
        deep = picture.mode.startswith("I;16") or picture.mode == "I"
        values = np.asarray(picture if deep else picture.convert("L"), dtype=np.float32)
    return values / (65535.0 if deep else 255.0)


def mask(root: Path, row: PackRow, *, placed: bool = False) -> NDArray[np.bool_] | None:
    """Decode the film's lung mask, bool (H, W), or None where it has none.

    Args:
        root: the pack.
        row: of a film.
        placed: put masks that lie beside their film back on it: Hannover's were drawn on the film's middle square and
            then stretched over the whole film, so on films that are not square they are too wide, or too tall.
    """
    from PIL import Image as Picture

    if not row.mask:
        return None
    with Picture.open(Path(root) / row.mask) as picture:
        drawn = picture.convert("L")
        if not (placed and row.source == "hannover"):
            return np.asarray(drawn) > 127
        width, height = drawn.size
        side = min(width, height)
        whole = Picture.new("L", drawn.size)
        whole.paste(drawn.resize((side, side)), ((width - side) // 2, (height - side) // 2))
        return np.asarray(whole) > 127


def _view(name: str) -> View:
    return "LL" if name == "LATERAL" else name if name in FRONTAL else "AP" if name.startswith("AP") else "unknown"  # type: ignore[return-value]


def study(root: Path, row: PackRow) -> Study:
    """Return one film as a study; its listed labels are findings 'present', all else is not mentioned."""
    identity = hashlib.sha256(row.file.encode()).hexdigest()[:32]
    film = Image(partial(pixels, root, row), view=_view(row.view), id=identity, source=str(Path(root) / row.file))  # type: ignore[arg-type]
    names = [label for label in row.labels if label not in NOT_FINDINGS]
    names += [box.label for box in row.boxes if box.label not in names and box.label.split()[-1] != "Lung"]
    findings = tuple(
        Finding(name, regions=tuple(Box(*b.corners, image=identity) for b in row.boxes if b.label == name))
        for name in names
    )
    return Study(id=row.file, patient=row.patient, images=(film,), findings=findings)


def _studies(root: Path, sources: tuple[str, ...]) -> Iterator[Study]:
    return (study(root, row) for row in rows(root, sources))


@register.dataset("pack", licence="per row: see manifest.csv", citation="per source: see LICENSES.md beside it")
def pack(root: str | Path, *, sources: tuple[str, ...] = FILM_SOURCES) -> Cohort:
    """Return the pack's films as a cohort of one-film studies, split by patient.

    Args:
        root: folder that holds manifest.csv.
        sources: top-level folders to include.

    Raises:
        MissingError: on first use, if the folder has no manifest.csv.
    """
    return Cohort(
        name="pack",
        studies=partial(_studies, Path(root), sources),
        splits={"test": 0.25, "val": 0.12, "train": 0.63},
        licence="per row: see manifest.csv",
        label_set="source",
    )
