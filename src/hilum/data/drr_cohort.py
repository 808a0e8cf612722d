"""A folder that `hilum project` wrote, as a cohort: films, masks, findings, reports, splits by patient."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError, MissingError
from hilum.core.image import Image, MadeBy
from hilum.core.record import SCHEMA, from_json
from hilum.core.region import Mask
from hilum.core.registry import register
from hilum.core.study import Provenance, Study
from hilum.data.ct import Collection
from hilum.io.save import save_text

LICENCE = "that of the projected CTs; see cohort.json"
CITATION = "that of the projected CTs; see cohort.json"
FACTS, LOG, RECORD = "cohort.json", "studies.jsonl", "drr.json"


def write_facts(out: Path, collection: Collection) -> Path:
    """Write what the folder as a whole is: where its CTs came from, licence, citation and shares of splits."""
    facts = {
        "collection": collection.name, "licence": collection.licence, "citation": collection.citation,
        "label_set": collection.label_set, "shares": dict(collection.shares),
    }  # fmt: skip
    return save_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", out / FACTS)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise MissingError(f"'{path}' is not there: give a folder that 'hilum project' wrote") from None
    except ValueError:
        raise InputError(f"'{path}' is damaged: project this CT again with --resume") from None


def rows_of(root: Path) -> dict[str, dict[str, Any]]:
    """Return the last row of each CT in `studies.jsonl` by id; a line that was cut off is left out."""
    path = root / LOG
    if not path.is_file():
        raise MissingError(f"no {LOG} in '{root}': give a folder that 'hilum project' wrote")
    rows: dict[str, dict[str, Any]] = {}
    with path.open(encoding="utf-8") as file:
        for line in file:
            row = _row(line)
            if row:
                rows[row["id"]] = row
    return rows


def _row(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and {"id", "status", "folder"} <= set(row) else None


def _pixels(path: Path, step: float) -> NDArray[np.float32]:
    from PIL import Image as Picture

    with Picture.open(path, formats=("PNG",)) as picture:
        return np.asarray(picture, np.float32) * np.float32(step)


def _image(folder: Path, film: Mapping[str, Any]) -> Image:
    path = folder / film["files"]["png"]
    parameters = film["parameters"]
    return Image(
        cast(Any, partial(_pixels, path, float(film["step"]))), view=film["view"],
        spacing_mm=tuple(film["spacing_mm"]), spacing_plane=film["spacing_plane"],
        orientation=tuple(film["orientation"]), id=film["id"], synthetic=True, source=str(path),
        made_by=MadeBy(f"hilum project ({parameters.get('physics', 'raw')})"),
    )  # fmt: skip


def film_at(folder: str | Path, name: str) -> Image:
    """Return one film of a CT's folder by its name, e.g. 'PA'.

    Raises:
        MissingError: if the folder holds no record.
        InputError: if the record names no such film.
    """
    place = Path(folder)
    for film in _json(place / RECORD)["films"]:
        if film["name"] == name:
            return _image(place, film)
    raise InputError(f"'{place}' holds no film '{name}'")


def masks_of(film: Image) -> tuple[Mask, ...]:
    """Return the structures and inserted objects on a film of this cohort, as asked for; reads their PNG files.

    Raises:
        InputError: if the film is not one that `hilum project` wrote.
    """
    folder = Path(film.source).parent
    record = _json(folder / RECORD) if film.source else {"films": []}
    for each in record["films"]:
        if each["id"] == film.id:
            parts = [part for part in (*each["structures"], *each.get("objects", ())) if "mask" in part["files"]]
            return tuple(
                Mask(_pixels(folder / part["files"]["mask"], 1.0) > 0, film.id, part["name"]) for part in parts
            )
    raise InputError(f"film '{film.id}' is not of a folder that 'hilum project' wrote")


def _study(folder: Path) -> Study:
    record = _json(folder / RECORD)
    findings = tuple(from_json({"schema": SCHEMA, **finding}) for finding in record["findings"])
    report = from_json({"schema": SCHEMA, **record["report"]}) if record["report"] else None
    signed = Provenance(MadeBy("hilum project", record["hilum"]), ("images",), notes=tuple(record["remarks"]))
    return Study(
        record["id"], record["patient"], images=tuple(_image(folder, film) for film in record["films"]),
        report=report, findings=findings, provenance=(signed,),
    )  # fmt: skip


def _studies(root: Path) -> Iterator[Study]:
    for row in rows_of(root).values():
        if row["status"] != "failed":
            yield _study(root / row["folder"])


def _splits(root: Path, shares: Mapping[str, float]) -> Mapping[str, float] | Callable[[str], str]:
    """The collection's own splits where every CT has one, else shares drawn by a hash of the patient."""
    rows = [row for row in rows_of(root).values() if row["status"] != "failed"]
    official = {row["patient"] or row["id"]: row["split"] for row in rows}
    if not rows or not all(official.values()):
        return shares
    return partial(_official, official)


def _official(splits: Mapping[str, str], patient: str) -> str:
    if patient not in splits:
        raise InputError(f"no CT of patient '{patient}' is in this cohort")
    return splits[patient]


@register.dataset("drr", licence=LICENCE, citation=CITATION)
def drr(root: str | Path) -> Cohort:
    """Return films projected from CTs by `hilum project` as a cohort, split by patient.

    Args:
        root: the folder given to `hilum project -o`.

    Raises:
        MissingError: if it holds no studies.jsonl.
    """
    place = Path(root)
    facts = _json(place / FACTS)
    rows_of(place)
    return Cohort(
        "drr", partial(_studies, place), _splits(place, facts["shares"]), facts["licence"], facts["citation"],
        facts["label_set"],
    )  # fmt: skip
