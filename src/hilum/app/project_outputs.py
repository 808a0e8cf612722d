"""What a projected CT becomes on disk: PNG, DICOM DX and SEG, masks, COCO, JSON and a page, all or nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum import RESEARCH_USE, __version__
from hilum.app.outputs import safe_name, swap
from hilum.app.project_case import Film, Projected
from hilum.app.project_labels import Part
from hilum.app.project_settings import Settings
from hilum.core.errors import InputError
from hilum.core.image import MadeBy
from hilum.core.record import to_json
from hilum.core.study import Study
from hilum.drr.labels_coco import coco
from hilum.io.png import save_png

MAKER = MadeBy("hilum project", __version__)
SYNTHETIC = "SYNTHETIC: computed from a CT, never exposed. Research use only."
_STEPS = (1 / 8000, 1 / 4000, 1 / 2000, 1 / 1000, 1 / 100)
"""What one grey level of a line integral may be worth: round numbers, so that films of one set can be compared."""

LENGTH_STEP_MM = 0.05


def stored_values(film: Film) -> tuple[NDArray[np.uint16], float]:
    """Return the 16-bit values (H, W) of a film and what one step of them is worth."""
    pixels = film.image.pixels
    if film.parameters.get("physics") != "raw":
        return np.rint(film.image.display() * 65535.0).astype(np.uint16), 1.0 / 65535.0
    highest = float(pixels.max())
    step = next((step for step in _STEPS if highest <= 65535 * step), highest / 65535)
    return np.rint(np.maximum(pixels, 0.0) / step).astype(np.uint16), step


def write_projected(folder: Path, projected: Projected, settings: Settings, *, extra: Mapping[str, Any]) -> list[str]:
    """Write everything about one CT into `folder`, which appears whole or not at all.

    Args:
        folder: the CT's own; an earlier one is replaced.
        projected: films and structures.
        settings: what to write.
        extra: further facts for the record, e.g. licence and citation of the collection.

    Returns:
        Names of the files written.

    Raises:
        InputError: if the folder cannot be written.
    """
    partial = folder.with_name(f".{folder.name}.partial-{os.getpid()}")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        films = [_write_film(partial, film, projected, settings) for film in projected.films]
        record = _record(projected, settings, films, extra)
        if "coco" in settings.formats and any(film.parts for film in projected.films):
            _write_json(partial / "coco.json", coco_record(projected))
        if settings.show_geometry:
            from hilum.app.project_geometry import geometry_picture

            for film in projected.films:
                drawn = geometry_picture(film.geometry, projected.ct.volume.affine, projected.ct.volume.voxels.shape)
                (partial / f"{film.name}-geometry.svg").write_text(drawn, encoding="utf-8")
        if "html" in settings.formats:
            from hilum.app.project_page import projected_page

            (partial / "page.html").write_text(projected_page(projected, record), encoding="utf-8")
        _write_json(partial / "drr.json", record)
        written = sorted(str(path.relative_to(partial)) for path in partial.rglob("*") if path.is_file())
        swap(partial, folder)
    except OSError as error:
        raise InputError(f"cannot write to '{folder}': {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return written


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def _write_film(folder: Path, film: Film, projected: Projected, settings: Settings) -> dict[str, Any]:
    """Write one film with its masks and return its record."""
    stored, step = stored_values(film)
    unit = str(film.parameters.get("unit", "grey value"))
    words = {
        "Description": f"{SYNTHETIC} {film.image.view} of {projected.case.id}; one step is {step:.8g}, {unit}",
        "Software": f"Hilum {__version__}",
    }
    save_png(stored, folder / f"{film.name}.png", words=words)
    files: dict[str, str] = {"png": f"{film.name}.png"}
    header = _write_dicom(folder, film, projected, stored, step, files) if _any_dicom(settings) else None
    if header is not None and "seg" in settings.formats and any(part.shadow.area_px for part in film.parts):
        from hilum.io.save import save_dicom
        from hilum.io.seg import segmentation

        masks = [replace(part.shadow.mask(), label=part.name) for part in film.parts if part.shadow.area_px]
        save_dicom(segmentation(film.image, masks, header, made_by=MAKER), folder / f"{film.name}-seg.dcm")
        files["seg"] = f"{film.name}-seg.dcm"
    return {
        "name": film.name, "id": film.image.id, "view": film.image.view, "angles_deg": list(film.angles_deg),
        "orientation": list(film.image.orientation or ()), "spacing_mm": list(film.image.spacing_mm or ()),
        "spacing_plane": film.image.spacing_plane, "step": step, "files": files,
        "geometry": film.geometry.as_dict(), "parameters": dict(film.parameters),
        "structures": [_write_part(folder, film, part, settings) for part in film.parts if not part.inserted],
        "objects": [
            {**_write_part(folder, film, part, settings), **asdict(part.inserted)}
            for part in film.parts
            if part.inserted
        ],
        "rfo": film.rfo,
    }  # fmt: skip


def _any_dicom(settings: Settings) -> bool:
    return "dicom" in settings.formats or "seg" in settings.formats


def study_of(projected: Projected) -> Study:
    """Return the study whose films these are, for headers without identity."""
    return Study(projected.case.id, projected.case.patient or projected.case.id)


def _write_dicom(
    folder: Path, film: Film, projected: Projected, stored: NDArray[np.uint16], step: float, files: dict[str, str]
) -> Any:
    from hilum.io.dx import Exposure, radiograph
    from hilum.io.save import save_dicom

    geometry, raw = film.geometry, film.parameters.get("physics") == "raw"
    told = f"{film.name}: rotation {film.angles_deg} degrees about left, posterior, head; one step is {step:.8g} " + (
        "of the line integral of attenuation" if raw else f"of grey, physics {film.parameters.get('physics')}"
    )
    exposure = Exposure(
        None if geometry.parallel else geometry.source_detector_mm,
        None if geometry.parallel else geometry.source_isocentre_mm,
        geometry.magnification, logarithmic=raw, description=told, kilovolts=film.parameters.get("kilovolts"),
    )  # fmt: skip
    number = [each.name for each in projected.films].index(film.name) + 1
    ds = radiograph(film.image, stored, study_of(projected), exposure, made_by=MAKER, number=number)
    save_dicom(ds, folder / f"{film.name}.dcm")
    files["dicom"] = f"{film.name}.dcm"
    return ds


def _write_part(folder: Path, film: Film, part: Part, settings: Settings) -> dict[str, Any]:
    shadow, box = part.shadow, part.shadow.box()
    files: dict[str, str] = {}
    if "masks" in settings.formats:
        files["mask"] = f"{film.name}-masks/{safe_name(part.name)}.png"
        words = {"Description": f"{SYNTHETIC} {part.name} on {film.name}"}
        save_png(shadow.mask().pixels.astype(np.uint8) * 255, folder / files["mask"], words=words)
    if settings.lengths:
        files["lengths"] = f"{film.name}-lengths/{safe_name(part.name)}.png"
        lengths = np.rint(np.clip(shadow.path_lengths() / LENGTH_STEP_MM, 0, 65535)).astype(np.uint16)
        words = {"Description": f"{SYNTHETIC} way through {part.name}; one step is {LENGTH_STEP_MM} mm"}
        save_png(lengths, folder / files["lengths"], words=words)
    inside = shadow.path_mm[shadow.inside]
    return {
        "name": part.name, "members": list(part.members), "files": files, "area_px": shadow.area_px,
        "box": list(box.corners) if box else None,
        "mean_length_mm": round(float(inside.mean()), 3) if inside.size else 0.0,
        "longest_mm": round(float(shadow.path_mm.max()), 3),
    }  # fmt: skip


def _record(
    projected: Projected, settings: Settings, films: Sequence[Mapping[str, Any]], extra: Mapping[str, Any]
) -> dict[str, Any]:
    case, volume = projected.case, projected.ct.volume
    return {
        "hilum": __version__, "caution": f"{SYNTHETIC} {RESEARCH_USE}", "id": case.id, "patient": case.patient,
        "split": case.split, "made_from": {
            "file": Path(case.path).name, "voxels": list(volume.voxels.shape),
            "spacing_mm": list(volume.spacing_mm), "affine_lps": volume.affine.tolist(),
            "hounsfield": projected.ct.hounsfield.as_dict(), **dict(extra),
        },
        "remarks": list(projected.remarks), "settings": settings.as_dict(), "films": list(films),
        "findings": [to_json(finding) for finding in case.findings],
        "report": to_json(case.report) if case.report else None, "facts": dict(case.facts),
    }  # fmt: skip


def coco_record(projected: Projected) -> dict[str, Any]:
    """Return the masks of all films as a COCO data set, with the files of films and path lengths."""
    films = [(film.image, {part.name: part.shadow for part in film.parts}) for film in projected.films]
    kinds = {
        part.inserted.kind: "retained object" if part.inserted.critical else "device or worn object"
        for film in projected.films
        for part in film.parts
        if part.inserted
    }
    made = coco(films, file_names={film.image.id: f"{film.name}.png" for film in projected.films}, kinds=kinds)
    return {**made, "info": {**made["info"], "description": f"{SYNTHETIC} {made['info']['description']}"}}
