"""PadChest-GR: 4,555 frontal films whose report sentences come in English and Spanish, with boxes where abnormal.

Get it from https://bimcv.cipf.es/bimcv-projects/padchest-gr/ (agreement to sign). Source: de Castro et al.,
PadChest-GR: a bilingual chest X-ray dataset for grounded radiology report generation, NEJM AI 2025 (arXiv:2411.05085).

Traps. Boxes are shares of width and height, so that they need the film's size: without the film a finding has none.
Normal sentences often lack the keys for boxes, labels and places altogether. The 36 GB archive of films is one zip cut
in 37 parts: join them before unpacking. `extra_boxes` is a second set of boxes; it is left out unless asked for.
Films of earlier studies lie in a folder of their own and are not read here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError
from hilum.core.finding import Change, Finding, Span
from hilum.core.geometry import View
from hilum.core.image import Image, MadeBy
from hilum.core.region import Box
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.data.padchest import named, sites_of
from hilum.data.published import by_stem, field, read_json, report_of
from hilum.data.release import Official
from hilum.data.rows import film, find, rows
from hilum.data.splits import official

WHERE = "https://bimcv.cipf.es/bimcv-projects/padchest-gr/"
LICENCE = "PadChest-GR Research Use Agreement (BIMCV): research only, no redistribution"
CITATION = "de Castro et al. PadChest-GR: a bilingual dataset for grounded radiology report generation. NEJM AI 2025;2"
OFFICIAL = (Official("grounded_reports_20240819.json", 4_555, "documents", "de Castro et al. 2025: 4,555 studies"),)
READER = MadeBy("PadChest-GR radiologists", "2024")
SPLITS = ("train", "validation", "test")
_CHANGES: Mapping[str, Change] = {
    "new": "new", "stable": "unchanged", "unchanged": "unchanged", "worsening": "worsened", "worsened": "worsened",
    "improving": "improved", "improved": "improved", "improvement": "improved", "resolved": "resolved",
}  # fmt: skip


def _boxes(shares: list[Any], size: tuple[int, int] | None, image: str) -> tuple[Box, ...]:
    if size is None:
        return ()
    try:
        corners = [[float(value) for value in box] for box in shares]
        made = [Box(x0 * size[0], y0 * size[1], x1 * size[0], y1 * size[1], image=image) for x0, y0, x1, y1 in corners]
    except (TypeError, ValueError, InputError) as fault:
        raise InputError(f"a box of {image} is not [x0, y0, x1, y1] in shares of the film: {fault}") from None
    if any(not -0.01 <= value <= 1.01 for box in corners for value in box):
        raise InputError(f"a box of {image} reaches past its film: PadChest-GR's boxes are shares between 0 and 1")
    return tuple(made)


def _size(path: Path | None) -> tuple[int, int] | None:
    from PIL import Image as Picture

    if path is None:
        return None
    with Picture.open(path) as picture:  # the header only
        return picture.size


def _study(row: Any, facts: Mapping[str, str], path: Path | None, language: str, extra: bool) -> Study:
    where = f"PadChest-GR's study {row.get('StudyID', '?') if isinstance(row, dict) else row!r}"
    name, image = field(row, "StudyID", str, where=where), field(row, "ImageID", str, where=where)
    size, sentences, findings = _size(path), [], []
    start = 0
    for number, said in enumerate(field(row, "findings", list, where=where)):
        text = field(said, f"sentence_{language}", str, where=f"{where}, finding {number}").strip()
        boxes = _boxes([*(said.get("boxes") or ()), *((said.get("extra_boxes") or ()) if extra else ())], size, image)
        told = str(said.get("progression") or "").lower()
        ids = []
        for label in said.get("labels") or ():
            concept, side = named(str(label).strip())
            sites = sites_of([*(said.get("locations") or ()), *([side] if side else [])], concept)
            ids.append(f"{number}-{label}")
            findings.append(Finding(
                concept, sites=sites, regions=boxes, evidence=Span("findings", start, start + len(text)),
                change=_CHANGES.get(told), made_by=READER, id=ids[-1],
            ))  # fmt: skip
        sentences.append((text, tuple(ids)))
        start += len(text) + 1
    views: Mapping[str, View] = {"PA": "PA", "AP": "AP", "AP_horizontal": "AP"}
    view = views.get(facts.get("Projection", ""), "unknown")
    picture: Image = film(path or Path(image), view=view, id=image)
    return Study(name, f"padchest-{facts['PatientID']}", images=(picture,),
                 report=report_of(sentences, language=language), findings=tuple(findings))  # fmt: skip


def _studies(root: Path, reports: Path, table: Path, language: str, extra: bool) -> Iterator[Study]:
    places = by_stem(root, "*.png", "**/PadChest_GR/*.png", "images*/*.png", "**/Padchest_GR_files/*.png")
    facts = {row["StudyID"]: row for row in _table(table)}
    for row in read_json(reports, list, what="PadChest-GR's list of grounded reports"):
        name = str(row.get("StudyID")) if isinstance(row, dict) else ""
        if name not in facts:
            raise InputError(
                f"{table.name} has no study '{name}', which {reports.name} has: they are not of one release"
            )
        yield _study(row, facts[name], places.get(Path(str(row.get("ImageID"))).stem), language, extra)


def _table(path: Path) -> Iterator[dict[str, str]]:
    for row in rows(path, ("StudyID", "PatientID", "split"), what="PadChest-GR's master table"):
        if row["split"] not in SPLITS:
            raise InputError(
                f"{path.name}: study {row['StudyID']} is in split '{row['split']}', not {', '.join(SPLITS)}"
            )
        yield row


@register.dataset("padchest-gr", licence=LICENCE, citation=CITATION)
def padchest_gr(root: str | Path, *, language: Literal["en", "es"] = "en", extra_boxes: bool = False) -> Cohort:
    """Return PadChest-GR as one-film studies, each sentence tied to its findings and their boxes; official split.

    Args:
        root: folder with grounded_reports_*.json, master_table.csv and the films anywhere below in PadChest_GR/.
        language: of the sentences.
        extra_boxes: whether the second set of boxes is added to the first.

    Raises:
        MissingError: if a table is not there; on use, if a film is not.
        InputError: if a table cannot be read, or the language is neither of the two.
    """
    if language not in ("en", "es"):
        raise InputError(f"PadChest-GR's sentences are in 'en' and 'es', not '{language}'")
    place, what = Path(root), f"the folder of PadChest-GR, from {WHERE}"
    reports, table = find(place, "grounded_reports*.json", what=what), find(place, "master_table.csv*", what=what)

    def pairs() -> Iterator[tuple[str, str]]:
        return ((f"padchest-{row['PatientID']}", row["split"]) for row in _table(table))

    studies = partial(_studies, place, reports, table, language, extra_boxes)
    splits = official(pairs, what=table.name, order=SPLITS)
    return Cohort("padchest-gr", studies, splits, LICENCE, CITATION, "padchest")
