"""A study's folder on disk: written whole or not at all with what readers did, and opened again as it was saved."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from hilum.app.outputs import FORMATS, Kept, write_study
from hilum.app.view.case import Case, Edit, edit_from
from hilum.core.errors import HilumError, InputError, MissingError
from hilum.core.image import Image, MadeBy
from hilum.core.record import SCHEMA, from_json
from hilum.core.study import Provenance, Study
from hilum.io.derived import Signed
from hilum.systems.interpret import Reading

RECORD = "study.json"


def write_reading(folder: Path, case: Case, *, final: bool, editor: str, when: datetime) -> Case:
    """Write a case with its edits: study.json, films, SR, SEG, GSPS, SC, FHIR and the page, all or nothing.

    Args:
        folder: the study's own folder; an earlier one is replaced whole.
        case: the study after its edits.
        final: whether the editor signs the report; else it stays a draft.
        editor: who saves.
        when: date-time, with its zone.

    Returns:
        The case as saved, one revision on.

    Raises:
        InputError: if it cannot be written, or a final report has no films or no words to sign.
    """
    if final and (case.study.report is None or not case.study.films):
        raise InputError("there is no report to sign: add a finding or write one first")
    report = case.study.report
    study = replace(case.study, report=replace(report, status="final" if final else "draft") if report else None)
    edits = (*case.edits, Edit(editor, when, "sign")) if final else case.edits
    saved = replace(case, study=study, edits=edits, revision=case.revision + 1, state="final" if final else "edited")
    readers = tuple(dict.fromkeys((*(each for each in saved.readers if each != editor), editor)))
    kept = Kept(
        Signed(readers, final, when), saved.revision, tuple(edit.as_json() for edit in edits), case.films,
        clean=bool(case.films) and not case.keep_identifiers, magnifications=case.magnifications,
    )  # fmt: skip
    reading = Reading(study, case.masks, case.refused)
    card = {**_card(case), "findings": dict(case.evidence)}
    options: dict[str, Any] = {
        "card": card,
        "keep_identifiers": case.keep_identifiers,
        "formats": FORMATS,
        "kept": kept,
    }
    write_study(folder, reading, case.names, **options)
    return replace(saved, folder=folder)


def _card(case: Case) -> Mapping[str, Any]:
    model = case.model
    return {"name": model.name, "version": model.version} if model else {}


def read_case(folder: Path, *, prior: Callable[[str], Study | None] | None = None) -> Case:
    """Open a study's folder as `hilum read` or `write_reading` wrote it.

    Args:
        folder: the study's own folder.
        prior: gives the study that the record names as prior; it must be an earlier one.

    Raises:
        MissingError: if the folder holds no study.json.
        InputError: if that is damaged.
    """
    record = _record(folder)
    try:
        return _case(folder, record, prior)
    except HilumError as error:
        raise InputError(f"'{folder / RECORD}' cannot be used: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"'{folder / RECORD}' is damaged ({type(error).__name__}): read the study again") from error


def _record(folder: Path) -> dict[str, Any]:
    path = folder / RECORD
    if not path.is_file():
        raise MissingError(f"there is no {RECORD} in '{folder}': make one with 'hilum read FILMS -o {folder.parent}'")
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"'{path}' cannot be read: {error}") from None
    if not isinstance(loaded, dict) or "files" not in loaded:
        raise InputError(f"'{path}' is not a study that 'hilum read' wrote")
    return loaded


def _case(folder: Path, record: Mapping[str, Any], prior: Callable[[str], Study | None] | None) -> Case:
    films = tuple(_film(folder, each) for each in record["files"])
    paths = {each["image"]: folder / str(each["file"]) for each in record["files"] if each.get("file")}
    findings = tuple(from_json({"schema": SCHEMA, **each}) for each in record["findings"])
    when = datetime.fromisoformat(record["time"]) if record.get("time") else None
    known = "patient" in record
    study = Study(
        str(record["id"]), str(record.get("patient") or ""), when, films,
        report=from_json(record["report"]) if record.get("report") else None,
        findings=findings, provenance=_signatures(record),
    )  # fmt: skip
    earlier = prior(str(record["prior"])) if prior and record.get("prior") else None
    if earlier is not None:
        study = replace(study, prior=replace(earlier, prior=None))
    signed = record.get("signed") or {}
    state = "final" if signed.get("final") else "edited" if record.get("revision") else str(record["status"])
    return Case(
        study, tuple(from_json(mask) for mask in record.get("lungs", ()) if isinstance(mask, Mapping)),
        refused=tuple((each["image"], each.get("reason", "")) for each in record["files"] if not each["accepted"]),
        names={each["image"]: each.get("name", "") for each in record["files"]},
        evidence=record.get("evidence") or {}, magnifications=magnifications(films),
        state=state, reason="; ".join(dict.fromkeys(each["reason"] for each in record["files"] if each.get("reason"))),
        edits=tuple(edit_from(each) for each in record.get("edits", ())), revision=int(record.get("revision", 0)),
        folder=folder, films=paths, keep_identifiers=known,
    )  # fmt: skip


def _film(folder: Path, told: Mapping[str, Any]) -> Image:
    """A film from its DICOM file; where that was not kept, its facts alone and no pixels."""
    from hilum.io.dicom import read_image

    name = str(told.get("file") or "")
    if name:
        path = (folder / name).resolve()
        if folder.resolve() not in path.parents:
            raise InputError(f"it names a film outside its folder: '{name}'")
        film = read_image(path, lazy=True).with_id(str(told["image"]))
        return film if film.view == told["view"] else film.with_view(str(told["view"]))
    spacing = told.get("spacing_mm")

    def nothing() -> Any:
        raise MissingError("this film was not kept with its results: read it again, with 'films' among --formats")

    return Image(
        nothing,  # type: ignore[arg-type]
        view=told["view"], id=str(told["image"]), synthetic=bool(told.get("synthetic")),
        spacing_mm=tuple(spacing) if spacing else None, spacing_plane=told.get("spacing_plane"),
        orientation=tuple(told["orientation"]) if told.get("orientation") else None,
    )  # fmt: skip


def _signatures(record: Mapping[str, Any]) -> tuple[Provenance, ...]:
    if "signatures" in record:
        return tuple(from_json(each) for each in record["signatures"])
    if not record.get("model"):
        return ()
    maker: MadeBy = from_json(record["model"])
    missing = tuple((each["concept"], each["reason"]) for each in record.get("not_assessed", ()))
    return (Provenance(maker, ("findings", "report"), missing, tuple(record.get("notes", ()))),)


def magnifications(films: Sequence[Image]) -> dict[str, float]:
    """Return the Estimated Radiographic Magnification Factor of films that say it, by film id."""
    from hilum.io.tags import numbers

    made: dict[str, float] = {}
    for film in films:
        if film.source and film.spacing_plane == "detector":
            import pydicom

            from hilum.io.sniff import kind_of

            if not Path(film.source).is_file() or kind_of(Path(film.source)) != "DICOM":
                continue
            keyword = "EstimatedRadiographicMagnificationFactor"
            found = numbers(pydicom.dcmread(film.source, specific_tags=[keyword], force=True), keyword)
            if found and 1.0 <= found[0] <= 3.0:
                made[film.id] = found[0]
    return made
