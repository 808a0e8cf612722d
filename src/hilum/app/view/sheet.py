"""A study as the page shows it: films with their windows and layers, the list, the prose, the course over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hilum import RESEARCH_USE
from hilum.app.outputs import safe_name
from hilum.app.view.case import Case, Edit
from hilum.core.errors import MissingError
from hilum.core.finding import Finding
from hilum.core.image import Image, Lut, Window
from hilum.core.region import Box, Mask
from hilum.io.film import stored_as
from hilum.text.sites import parts

COLOURS = ("#4da3ff", "#ff9f43", "#2ed573", "#e056fd", "#f6e58d", "#ff6b81")
"""Of layers, in order."""
_VERDICTS = {"accept": "accepted", "add": "added", "move": "changed", "set": "changed"}
_KINDS = {"report-sr": "sr", "lungs-seg": "seg", "gsps": "gsps", "capture": "sc", "fhir": "fhir", "page": "html"}
_NOT_KEPT = "this film was not kept with its results: read it again, with 'films' among --formats"
Json = dict[str, Any]


@cache
def concept_list() -> list[Json]:
    """Return what a reader may add: [{concept, label, sided}], by label."""
    from hilum.app.view.edit import is_sided
    from hilum.core.vocabulary import concepts
    from hilum.text.bank import bank
    from hilum.text.loop import loop_domain

    left_out = {name for name, why in loop_domain()["limits"].items() if "statement" in why or "comparison" in why}
    known = [each for each in concepts() if each.kind in ("finding", "device", "diagnosis")]
    named = [each.name for each in known if each.name in bank()["concepts"] and each.name not in left_out]
    return [{"concept": name, "label": label(name), "sided": is_sided(name)} for name in sorted(named)]


def label(name: str) -> str:
    """Return a concept's name as a list shows it."""
    return name[:1].upper() + name[1:]


def sheet_of(case: Case, *, timeline: Sequence[Case] = (), key: str = "", name: str = "") -> Json:
    """Return the Sheet of a case.

    Args:
        case: the study.
        timeline: all studies of the patient, earliest first, this one among them.
        key: id of the study on the page; its own when ''.
        name: what to call it; the file's name, or its id, when ''.
    """
    study, known = case.study, key or case.study.id
    at = next((n for n, each in enumerate(timeline) if each.study.id == study.id), 0)
    earlier = timeline[at - 1] if at else None
    items = items_of(case)
    synthetic = any(film.synthetic for film in study.films)
    model = case.model
    return {
        "id": known, "label": name or name_of(case), "patient": study.patient, "time": moment(case),
        "state": case.state, "reason": case.reason, "revision": case.revision, "synthetic": synthetic,
        "caution": f"{'Synthetic film. ' if synthetic else ''}AI-made. {RESEARCH_USE}",
        "made_by": {"name": model.name, "version": model.version} if model else None,
        "films": films_of(case, known),
        "findings": items,
        "not_assessed": _not_assessed(case),
        "report": _report(case),
        "prior": _prior(earlier) if earlier else None,
        "timeline": [_visit(each, n, each.study.id == study.id) for n, each in enumerate(timeline, 1)],
        "files": files_of(case, known),
        "edits": [_edit(edit) for edit in case.edits],
    }  # fmt: skip


def row_of(case: Case, *, key: str = "", name: str = "", arrived: str = "", progress: float | None = None) -> Json:
    """Return the row of a case in the worklist."""
    study, shown = case.study, [each for each in items_of(case) if each["verdict"] != "rejected"]
    present = [
        {name: item[name] for name in ("concept", "label", "probability", "side")}
        for item in shown if item["state"] == "present"
    ]  # fmt: skip
    return {
        "id": key or study.id, "label": name or name_of(case), "patient": study.patient, "time": moment(case),
        "views": [film.view for film in study.films], "state": case.state, "reason": case.reason, "present": present,
        "edited": case.revision > 0, "prior": study_key(study.prior.id) if study.prior else None,
        "progress": progress, "arrived": arrived,
    }  # fmt: skip


def study_key(study_id: str) -> str:
    """Return a study's id as addresses carry it: letters, digits, dot, dash and underscore."""
    return safe_name(study_id)


def name_of(case: Case) -> str:
    """Return what to call a study: its file, or its id where it has several or none."""
    names = list(dict.fromkeys(case.names[film.id] for film in case.study.films if case.names.get(film.id)))
    return names[0] if len(names) == 1 else case.study.id


def moment(case: Case) -> str:
    """Return the time of a study in ISO 8601, '' where it is not known or not to be told."""
    return case.study.time.isoformat(timespec="minutes") if case.study.time else ""


def films_of(case: Case, key: str) -> list[Json]:
    """Return the films of a case in hanging order: frontal before lateral, else as they came."""
    from hilum.app.page_film import hung

    return [_film(film, case, key) for film in hung(case.study.films)]


def _film(film: Image, case: Case, key: str) -> Json:
    rows, columns = size_of(film)
    root = f"api/studies/{quote(key, safe='')}/films/{quote(film.id, safe='')}"
    refused = dict(case.refused)
    window = window_of(film)
    return {
        "id": film.id, "view": film.view, "rows": rows, "columns": columns,
        "dicom": f"{root}/dicom", "thumbnail": f"{root}/thumbnail.png",
        "spacing_mm": list(film.spacing_mm) if film.spacing_mm else None, "spacing_plane": film.spacing_plane,
        "magnification": case.magnifications.get(film.id), "orientation": list(film.orientation or ("", "")),
        "inverted": film.inverted, "synthetic": film.synthetic,
        "accepted": film.id not in refused, "reason": refused.get(film.id, "" if rows else _NOT_KEPT),
        "window": {"center": window.center, "width": window.width} if window else None,
        "presets": presets(film, window), "layers": _layers(film, case, root),
    }  # fmt: skip


@lru_cache(maxsize=4_096)
def _header_size(path: str, stamp: int) -> tuple[int, int]:
    from hilum.io.dicom import read_header
    from hilum.io.tags import integer

    header = read_header(path).dataset
    return integer(header, "Rows") or 0, integer(header, "Columns") or 0


def size_of(film: Image) -> tuple[int, int]:
    """Return (rows, columns) of a film; from its header where it has one, so that nothing is decoded."""
    if not film.loaded and of_dicom(film):
        path = Path(film.source)
        return _header_size(str(path), path.stat().st_mtime_ns)
    try:
        rows, columns = film.pixels.shape
    except MissingError:  # results without their films
        return 0, 0
    return rows, columns


def window_of(film: Image) -> Window | None:
    """Return the window to show a film with; None where its header has a table instead, which the viewer applies."""
    if not of_dicom(film):
        return stored_as(film)[1] if all(size_of(film)) else None
    if film.window is not None:
        return None if isinstance(film.window, Lut) else film.window
    low, high = float(film.pixels.min()), float(film.pixels.max())
    return Window((low + high + 1) / 2, max(high - low + 1, 1.0))


def of_dicom(film: Image) -> bool:
    """Tell whether a film comes from a DICOM file that is still there."""
    from hilum.io.sniff import kind_of

    path = Path(film.source) if film.source else None
    return path is not None and path.is_file() and kind_of(path) == "DICOM"


def presets(film: Image, window: Window | None = None) -> list[Json]:
    """Return up to four windows by name, made from the film's own: as sent, dark parts, bright parts, flat."""
    if window is None and isinstance(film.window, Lut):
        span = float(film.window.table.size)
        window = Window(film.window.first + span / 2, max(span, 1.0))
    if window is None:
        return []
    dark = 0.2 * window.width * (1 if film.inverted else -1)
    made = (("As sent", 0.0, 1.0), ("Lungs", dark, 0.6), ("Mediastinum", -dark, 0.6), ("Wide", 0.0, 1.6))
    return [
        {"name": name, "center": round(window.center + shift, 3), "width": round(max(window.width * scale, 1.0), 3)}
        for name, shift, scale in made
    ]


def layers_of(film: Image, case: Case) -> dict[str, Mask | Image]:
    """Return what can be laid over a film by name: anatomy, finding masks ('finding-...'), the film without bones."""
    anatomy = {safe_name(mask.label or "mask"): mask for mask in case.masks if mask.image == film.id and mask.area}
    drawn = {
        safe_name(f"finding-{finding.id}"): region
        for finding in case.study.findings for region in finding.regions
        if isinstance(region, Mask) and region.image == film.id and region.area
    }  # fmt: skip
    soft: dict[str, Mask | Image] = {"soft": case.softs[film.id]} if film.id in case.softs else {}
    return {**anatomy, **drawn, **soft}


def _layers(film: Image, case: Case, root: str) -> list[Json]:
    named = {f"finding-{each.id}": each.concept for each in case.study.findings}
    made = []
    for number, (name, layer) in enumerate(layers_of(film, case).items()):
        soft = isinstance(layer, Image)
        told = "Bones off" if soft else label(named.get(name) or getattr(layer, "label", "") or name)
        colour, url = COLOURS[number % len(COLOURS)], f"{root}/layers/{quote(name, safe='')}.png"
        made.append({"name": name, "label": told, "kind": "soft" if soft else "mask", "url": url, "colour": colour})
    return made


def items_of(case: Case) -> list[Json]:
    """Return the list of a case: what is stated now, and what a reader rejected."""
    last = {edit.finding: edit for edit in case.edits if edit.what not in ("write", "sign")}
    said = list(case.study.report.sentences) if case.study.report else []
    order = [each for each in said if each.section == "findings"] + [
        each for each in said if each.section != "findings"
    ]
    places = {key: said.index(each) for each in reversed(order) for key in each.findings}
    items = [_item(each, case, places.get(each.id), _verdict(last.get(each.id))) for each in case.study.findings]
    known = {each.id for each in case.study.findings}
    for key, edit in last.items():
        if edit.what == "reject" and key not in known and isinstance(edit.before, Finding):
            items.append(_item(edit.before, case, None, "rejected"))
    return items


def _verdict(edit: Edit | None) -> str:
    return _VERDICTS.get(edit.what, "") if edit else ""


def _item(finding: Finding, case: Case, sentence: int | None, verdict: str) -> Json:
    by_reader = finding.made_by is not None and finding.made_by.name in case.readers
    return {
        "key": finding.id, "concept": finding.concept, "label": label(finding.concept), "state": finding.state,
        "probability": finding.probability, "calibration": finding.calibration, "side": side_of(finding),
        "sites": list(finding.sites), "attributes": dict(finding.attributes), "change": finding.change or "",
        "measurements": [{"name": each.name, "value": each.value, "unit": each.unit} for each in finding.measurements],
        "boxes": list(_boxes(finding)), "sentence": sentence,
        "evidence": None if by_reader else case.evidence.get(finding.concept),
        "made_by": {"name": finding.made_by.name if finding.made_by else ""},
        "reader": by_reader, "verdict": verdict,
    }  # fmt: skip


def _boxes(finding: Finding) -> list[Json]:
    boxes = [each.box() if isinstance(each, Mask) else each for each in finding.regions]
    told = [each for each in finding.regions if isinstance(each, Box)] or [
        each for each in boxes if isinstance(each, Box)
    ]
    return [{"film": each.image, "x0": each.x0, "y0": each.y0, "x1": each.x1, "y1": each.y1} for each in told]


def side_of(finding: Finding) -> str:
    """Return 'left', 'right', 'bilateral' or '' from a finding's sites."""
    sides = {parts(site)[0] for site in finding.sites} - {""}
    return "bilateral" if len(sides) > 1 else next(iter(sides), "")


def _not_assessed(case: Case) -> list[Json]:
    stated = {finding.concept for finding in case.study.findings}
    pairs = dict(pair for entry in case.study.provenance for pair in entry.not_assessed)
    return [{"concept": name, "label": label(name), "reason": reason}
            for name, reason in pairs.items() if name not in stated]  # fmt: skip


def _report(case: Case) -> Json:
    report = case.study.report
    if report is None:
        return {"status": "none", "sentences": [], "sections": {}}
    said = [{"text": report.text(each), "section": each.section, "findings": list(each.findings)}
            for each in report.sentences]  # fmt: skip
    sections = {
        name: getattr(report, name) for name in ("indication", "technique", "comparison", "findings", "impression")
    }
    return {
        "status": report.status,
        "sentences": said,
        "sections": {key: text for key, text in sections.items() if text},
    }


def _prior(case: Case) -> Json:
    key = study_key(case.study.id)
    return {
        "id": key, "time": moment(case), "label": name_of(case), "films": films_of(case, key),
        "findings": [each for each in items_of(case) if each["verdict"] != "rejected"],
    }  # fmt: skip


def _visit(case: Case, number: int, current: bool) -> Json:
    report = case.study.report
    told = [
        {name: item[name] for name in ("concept", "label", "state", "side", "change", "probability")}
        for item in items_of(case) if item["verdict"] != "rejected"
    ]  # fmt: skip
    when = case.study.time
    return {
        "id": study_key(case.study.id), "time": moment(case), "current": current, "findings": told,
        "label": f"{when:%Y-%m-%d %H:%M}" if when else f"visit {number}",
        "sentence": report.impression if report else "",
    }  # fmt: skip


def files_of(case: Case, key: str) -> list[Json]:
    """Return the files that were written about a case."""
    if case.folder is None or not case.folder.is_dir():
        return []
    names = sorted(path.name for path in case.folder.iterdir() if path.is_file() and not path.name.startswith("."))
    root = f"api/studies/{quote(key, safe='')}/files"
    return [{"name": name, "kind": _kind(name), "url": f"{root}/{quote(name, safe='')}"} for name in names]


def _kind(name: str) -> str:
    stem = Path(name).stem.rstrip("0123456789").rstrip("-")
    return _KINDS.get(stem) or Path(name).suffix.lstrip(".")


def _edit(edit: Edit) -> Json:
    told: Mapping[str, Any] = {"who": edit.who, "when": edit.when.isoformat(), "what": edit.what}
    return {**told, "finding": edit.finding, "before": _words(edit.before), "after": _words(edit.after)}


def _words(value: Finding | str | None) -> str | None:
    """A finding in a few words, for the log that the page shows."""
    if not isinstance(value, Finding):
        return value
    grade = value.attributes.get("severity", "")
    words = [value.state, grade, value.concept, *value.sites, value.change or ""]
    return ", ".join(word for word in words if word)
