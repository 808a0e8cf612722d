"""Single virtual patients with what a text says: a folder each with films, masks, record and page, and an index."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hilum import RESEARCH_USE, __version__
from hilum.app.draw_run import base_for
from hilum.app.outputs import swap
from hilum.app.page import IndexRow, index_page, study_page, thumbnail
from hilum.app.project_outputs import MAKER
from hilum.core.errors import InputError
from hilum.core.geometry import View
from hilum.core.image import Image
from hilum.core.record import to_json
from hilum.core.region import Mask
from hilum.core.study import Study
from hilum.io.dx import Exposure, radiograph
from hilum.io.png import png_bytes, save_png
from hilum.io.save import save_bytes, save_dicom, save_text
from hilum.phantom.build import draw_from_text
from hilum.phantom.patient import Family
from hilum.phantom.recipe import Recipe
from hilum.phantom.samples import SYNTHETIC, Drawn, grey, nifti, report_text

SHOWN_MASKS = ("lung fields", "heart")


@dataclass(frozen=True)
class Made:
    """One patient that was drawn: where it lies and what it shows, in words."""

    id: str
    folder: str
    said: str
    study: Study

    def line(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"id": self.id, "folder": self.folder, "findings": self.said}


def draw_patients(
    text: str, recipe: Recipe, views: tuple[str, ...], out: Path, *,
    on_study: Callable[[str, int, int], None] | None = None,
) -> tuple[Made, ...]:  # fmt: skip
    """Draw patients who all have what a text says, and write a folder for each.

    Args:
        text: e.g. 'moderate left pleural effusion, cardiomegaly'; '' for none.
        recipe: `patients` of them.
        views: films of each.
        out: results folder.
        on_study: called with each patient's id, number and the number of all.

    Raises:
        InputError: if the text holds what cannot be drawn, or the folder cannot be written.
    """
    base, made = base_for(recipe), []
    for number in range(recipe.patients):
        name = recipe.patient(number)
        family: Family = recipe.family_of(name)
        chosen: tuple[View, ...] = views  # type: ignore[assignment]
        drawn = draw_from_text(text, name, recipe, family=family, views=chosen, base=base)
        write_patient(out / name, drawn)
        found = [each for each in drawn.study.findings if each.state != "absent"]
        said = ", ".join(" ".join(filter(None, (f.attributes.get("severity", ""), f.concept))) for f in found)
        made.append(Made(name, name, said or "no finding", drawn.study))
        if on_study:
            on_study(name, number + 1, recipe.patients)
    rows = [
        IndexRow(each.id, page=f"{each.folder}/page.html", thumbnail=thumbnail(each.study.films[0]),
                 findings=each.study.findings, sentence=each.said)
        for each in made
    ]  # fmt: skip
    save_text(index_page(rows), out / "index.html")
    return tuple(made)


def write_patient(folder: Path, drawn: Drawn) -> None:
    """Write one drawn study into its folder, which appears whole or not at all.

    Raises:
        InputError: if the folder cannot be written.
    """
    partial = folder.with_name(f".{folder.name}.partial-{os.getpid()}")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        shown = {film.view: film for film in drawn.study.films}
        for number, (view, film) in enumerate(shown.items(), start=1):
            _write_film(partial, view, film, drawn, number)
        for kind, film in drawn.films.items():
            save_png(grey(film, 16), partial / f"{kind.upper()}.png", words={"Description": f"{SYNTHETIC} {kind}"})
        for kind, (values, affine) in drawn.volumes.items():
            save_bytes(nifti(values, affine), partial / f"{kind}.nii.gz")
        _write_words(partial, drawn)
        swap(partial, folder)
    except OSError as error:
        raise InputError(f"cannot write to '{folder}': {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_film(folder: Path, view: str, film: Image, drawn: Drawn, number: int) -> None:
    stored = grey(film, 16)
    save_png(
        stored, folder / f"{view}.png", words={"Description": f"{SYNTHETIC} {view}", "Software": f"Hilum {__version__}"}
    )
    log: Mapping[str, Any] = drawn.truth["films"][view.lower()]
    exposure = Exposure(
        log["frame"]["source_detector_mm"], None, log["frame"]["magnification"], logarithmic=False,
        description=f"virtual patient {drawn.study.patient}", kilovolts=log.get("kilovolts"),
    )  # fmt: skip
    save_dicom(radiograph(film, stored, drawn.study, exposure, made_by=MAKER, number=number), folder / f"{view}.dcm")
    findings = [region for each in drawn.study.findings for region in each.regions
                if isinstance(region, Mask) and region.image == film.id]  # fmt: skip
    for mask in (*drawn.anatomy[view.lower()], *findings):
        picture = png_bytes(mask.pixels.astype("uint8") * 255, words={"Description": f"{SYNTHETIC} {mask.label}"})
        save_bytes(picture, folder / f"{view}-masks" / f"{mask.label.replace(' ', '-')}.png")


def _write_words(folder: Path, drawn: Drawn) -> None:
    study = drawn.study
    record = {"caution": f"{SYNTHETIC}. {RESEARCH_USE}", "study": to_json(study), "truth": dict(drawn.truth),
              "documents": dict(drawn.documents)}  # fmt: skip
    save_text(json.dumps(record, ensure_ascii=False, indent=1) + "\n", folder / "study.json")
    if study.report:
        save_text(report_text(study.report), folder / "report.txt")
    masks = [mask for view in drawn.anatomy.values() for mask in view if mask.label in SHOWN_MASKS]
    kept = replace(study, images=tuple(image for image in study.images if isinstance(image, Image)))
    save_text(study_page(kept, masks=masks, keep_identifiers=True), folder / "page.html")
