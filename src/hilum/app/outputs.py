"""What one read study becomes on disk: JSON, page, SR, SEG, GSPS, SC and FHIR, all or nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hilum import RESEARCH_USE, __version__
from hilum.core.errors import InputError
from hilum.core.image import Image
from hilum.core.record import to_json
from hilum.core.study import Provenance, Study
from hilum.io.derived import Signed
from hilum.systems.interpret import Reading

FORMATS = ("films", "sr", "seg", "gsps", "sc", "fhir", "html")


@dataclass(frozen=True)
class Kept:
    """What a reading that is written again brings along.

    Args:
        signed: the people who edited it.
        revision: how many times it was saved.
        edits: records of what they did, as JSON.
        films: film id -> DICOM file to copy as it is.
        clean: those files tell no identity already, and their UIDs are the ones to refer to.
        magnifications: film id -> how much larger the chest is on the detector.
    """

    signed: Signed = field(default_factory=Signed)
    revision: int = 0
    edits: tuple[Mapping[str, Any], ...] = ()
    films: Mapping[str, Path] = field(default_factory=dict)
    clean: bool = False
    magnifications: Mapping[str, float] = field(default_factory=dict)


_NOTHING = Kept()


def study_record(
    reading: Reading, names: Mapping[str, str], *, card: Mapping[str, Any] | None = None,
    keep_identifiers: bool = False, kept: Kept = _NOTHING, files: Mapping[str, str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return the content of `study.json`.

    Args:
        reading: the study as read.
        names: film id -> source file name to show.
        card: the model's card; what was measured of each stated finding, its control included, goes with it.
        keep_identifiers: write patient id, dates and original UIDs; else pseudonyms only.
        kept: what readers did.
        files: film id -> name of its DICOM file in the study's folder.
    """
    study, told = reading.study, files or {}
    refused = dict(reading.refused)
    signature = _signature(study, kept)
    return {
        "hilum": __version__,
        "caution": f"AI-made. {RESEARCH_USE}",
        "id": study.id,
        "status": "read" if reading.accepted else "refused",
        **({"patient": study.patient, "time": study.time and study.time.isoformat()} if keep_identifiers else {}),
        "model": to_json(signature.made_by) if signature else None,
        "files": [_film_record(film, names, refused.get(film.id), told.get(film.id)) for film in study.films],
        "findings": [to_json(finding) for finding in study.findings],
        "evidence": card["findings"] if kept.revision and card else evidence_of(study, card or {}),
        "not_assessed": [{"concept": c, "reason": r} for c, r in (signature.not_assessed if signature else ())],
        "notes": list(signature.notes) if signature else [],
        "report": to_json(study.report) if study.report else None,
        **_drafted(reading),
        "lungs": [to_json(mask) for mask in reading.masks],
        "prior": study.prior.id if study.prior else None,
        **(_edited(study, kept) if kept.revision else {}),
    }


def _drafted(reading: Reading) -> dict[str, Any]:
    """A reader's draft, or why there is none; nothing where none was asked for."""
    if reading.draft:
        return {"draft": reading.draft.to_json()}
    return {"draft": {"refused": reading.undrafted}} if reading.undrafted else {}


def _signature(study: Study, kept: Kept) -> Provenance | None:
    """The last that was not a person's."""
    theirs = [entry for entry in study.provenance if entry.made_by.name not in kept.signed.readers]
    return theirs[-1] if theirs else None


def _edited(study: Study, kept: Kept) -> dict[str, Any]:
    signed = kept.signed
    return {
        "revision": kept.revision,
        "signed": {
            "readers": list(signed.readers), "final": signed.final, "when": signed.when and signed.when.isoformat(),
        },
        "edits": [dict(edit) for edit in kept.edits],
        "signatures": [to_json(entry) for entry in study.provenance],
    }  # fmt: skip


def evidence_of(study: Study, card: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a model's card says was measured of each concept that a study states."""
    known = card.get("findings", {})
    wanted = ("auroc", "interval", "n", "positives", "source", "control")
    told = {finding.concept: known[finding.concept] for finding in study.findings if finding.concept in known}
    return {name: {key: facts[key] for key in wanted if key in facts} for name, facts in told.items()}


def _film_record(film: Image, names: Mapping[str, str], reason: str | None, file: str | None) -> dict[str, Any]:
    rows, columns = film.pixels.shape
    return {
        "name": names.get(film.id, ""),
        "image": film.id,
        "view": film.view,
        "rows": rows,
        "columns": columns,
        "spacing_mm": film.spacing_mm,
        "spacing_plane": film.spacing_plane,
        "orientation": film.orientation,
        "synthetic": film.synthetic,
        "accepted": reason is None,
        **({"reason": reason} if reason else {}),
        **({"file": file} if file else {}),
    }


def write_study(
    folder: Path,
    reading: Reading,
    names: Mapping[str, str],
    *,
    card: Mapping[str, Any],
    keep_identifiers: bool = False,
    formats: tuple[str, ...] = FORMATS,
    kept: Kept = _NOTHING,
) -> tuple[str, ...]:
    """Write everything about one study into `folder`, which appears whole or not at all.

    Args:
        folder: the study's own folder; an earlier one is replaced.
        reading, names, keep_identifiers: as for `study_record`.
        card: facts of the model for the page.
        formats: which of `FORMATS` to write beside `study.json`.
        kept: what readers did, and films to copy.

    Returns:
        Names of the files written.

    Raises:
        InputError: if a format is unknown or the folder cannot be written.
    """
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown:
        raise InputError(f"unknown output format {', '.join(unknown)}: choose from {', '.join(FORMATS)}")
    partial = folder.with_name(f".{folder.name}.partial-{os.getpid()}")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        files = _write_films(partial, reading, keep_identifiers, kept) if "films" in formats else {}
        if reading.accepted:
            _write_dicom(partial, reading, keep_identifiers, formats, kept)
        if "html" in formats:
            _write_page(partial / "page.html", reading, names, card, keep_identifiers)
        record = study_record(reading, names, card=card, keep_identifiers=keep_identifiers, kept=kept, files=files)
        (partial / "study.json").write_text(json.dumps(record, indent=1, ensure_ascii=False), encoding="utf-8")
        written = tuple(sorted(path.name for path in partial.iterdir()))
        swap(partial, folder)
    except OSError as error:
        raise InputError(f"cannot write to '{folder}': {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return written


def swap(partial: Path, folder: Path) -> None:
    """Put a finished folder in the place of an earlier one."""
    if not folder.exists():
        partial.rename(folder)
        return
    old = folder.with_name(f".{folder.name}.old-{os.getpid()}")
    folder.rename(old)
    partial.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _write_films(folder: Path, reading: Reading, keep: bool, kept: Kept) -> dict[str, str]:
    """Every film as a DICOM file, refused ones too; film id -> name."""
    from hilum.io.film import film_file
    from hilum.io.save import save_bytes

    made: dict[str, str] = {}
    for number, film in enumerate(reading.study.films, 1):
        made[film.id] = f"films/{number}.dcm"
        source, known = kept.films.get(film.id), kept.magnifications.get(film.id)
        data = source.read_bytes() if source else b""
        data = data or film_file(film, reading.study, keep_identifiers=keep, magnification=known)
        save_bytes(data, folder / made[film.id])
    return made


def headers_of(study: Study, *, keep_identifiers: bool = False, clean: bool = False) -> dict[str, Any]:
    """Return the header of each film by id; `clean` for films that tell no identity and whose UIDs stay."""
    from hilum.io.header import film_headers

    headers = film_headers(study, keep_identifiers=keep_identifiers or clean)
    for header in headers.values() if clean and not keep_identifiers else ():
        header.PatientIdentityRemoved, header.DeidentificationMethod = "YES", "Hilum: only listed attributes are copied"
    return headers


def _write_dicom(folder: Path, reading: Reading, keep: bool, formats: tuple[str, ...], kept: Kept) -> None:
    from hilum.io.save import save_dicom

    study = reading.study
    refused = {film for film, _ in reading.refused}
    films = [film for film in study.films if film.id not in refused]
    shown = _without(study, refused)
    headers = headers_of(shown, keep_identifiers=keep, clean=kept.clean)
    if "sr" in formats:
        from hilum.io.sr import structured_report

        save_dicom(structured_report(shown, headers, signed=kept.signed), folder / "report-sr.dcm")
    if "fhir" in formats:
        from hilum.io.fhir import bundle

        text = json.dumps(
            bundle(shown, keep_identifiers=keep, headers=headers, signed=kept.signed), indent=1, ensure_ascii=False
        )
        (folder / "fhir.json").write_text(text, encoding="utf-8")
    for number, film in enumerate(films, 1):
        tail = f"-{number}" if len(films) > 1 else ""
        _write_film(folder, reading, film, headers[film.id], tail, formats, kept.signed)


def _write_film(
    folder: Path, reading: Reading, film: Image, header: Any, tail: str, formats: tuple[str, ...], signed: Signed
) -> None:
    from hilum.io.save import save_dicom

    study = reading.study
    made_by = signed.device(study)
    masks = [mask for mask in reading.masks if mask.image == film.id]
    if "seg" in formats and any(mask.area for mask in masks):
        from hilum.io.seg import segmentation

        save_dicom(segmentation(film, masks, header, made_by=made_by), folder / f"lungs-seg{tail}.dcm")
    if "gsps" in formats:
        from hilum.io.gsps import presentation_state

        save_dicom(presentation_state(film, study.findings, header, made_by=made_by), folder / f"gsps{tail}.dcm")
    if "sc" in formats:
        from hilum.io.capture import secondary_capture

        capture = secondary_capture(film, study.findings, masks, header, made_by=made_by)
        save_dicom(capture, folder / f"capture{tail}.dcm")


def _without(study: Study, refused: set[str]) -> Study:
    return replace(study, images=tuple(image for image in study.images if image.id not in refused))


def _write_page(path: Path, reading: Reading, names: Mapping[str, str], card: Mapping[str, Any], keep: bool) -> None:
    from hilum.app.page import study_page

    page = study_page(
        reading.study,
        masks=reading.masks,
        names=names,
        card=card,
        refused=dict(reading.refused),
        keep_identifiers=keep,
        draft=reading.draft,
        undrafted=reading.undrafted,
    )
    path.write_text(page, encoding="utf-8")


def safe_name(text: str) -> str:
    """Return a folder name made of letters, digits, dot, dash and underscore, never empty or hidden."""
    cleaned = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-")[:100]
    return cleaned or "study"
