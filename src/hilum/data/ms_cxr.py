"""MS-CXR: phrases of MIMIC-CXR reports with boxes that radiologists drew, as CSV and as COCO JSON.

Get it at physionet.org/content/ms-cxr (credentialed access); the films are those of MIMIC-CXR-JPG. Layout:
MS_CXR_Local_Alignment_v1.1.0.csv (dicom_id, category_name, label_text, path, x, y, w, h, image_width, image_height and,
from 1.1.0 on, split) or the same as .json.

Traps: boxes are in pixels of the full-size film, not of a resized one; one phrase may have several boxes, one row each;
its own `split` is not MIMIC-CXR's: whoever trains on MIMIC-CXR and tests here must leave these patients out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError, MissingError
from hilum.core.finding import Finding, Span
from hilum.core.image import MadeBy
from hilum.core.region import Box
from hilum.core.registry import register
from hilum.core.report import Report, Sentence
from hilum.core.study import Study
from hilum.core.vocabulary import to_concept
from hilum.data.coco import box_of, read_annotations
from hilum.data.mimic_files import PLACE, film_at, folder_of
from hilum.data.rows import find, rows
from hilum.data.splits import official

LICENCE = "PhysioNet Credentialed Health Data License 1.5.0"
CITATION = (
    "Boecking et al. Making the most of text semantics to improve biomedical vision-language processing. ECCV 2022"
)
_WHAT = "the folder of MS-CXR (physionet.org/content/ms-cxr, credentialed access)"
_COLUMNS = ("dicom_id", "category_name", "label_text", "path", "x", "y", "w", "h")
_ORDER = ("train", "val", "validate", "valid", "test")
_READ = MadeBy("MS-CXR radiologists")
_Row = Mapping[str, str]


@register.dataset("ms-cxr", licence=LICENCE, citation=CITATION)
def ms_cxr(root: str | Path, *, films: str | Path | None = None) -> Cohort:
    """Return MS-CXR as studies of MIMIC-CXR whose findings have the boxes and the phrase that was marked.

    The report of a study holds the marked phrases only, one a line, as findings; a finding's `evidence` points to its
    own. Studies, patients and films are named as in `mimic-cxr`.

    Args:
        root: folder with MS_CXR_Local_Alignment_v*.csv or .json.
        films: folder of MIMIC-CXR-JPG; `root` when not given.

    Raises:
        MissingError: if neither table is there.
        InputError: on use, if a table cannot be read.
    """
    path = find(root, "MS_CXR_Local_Alignment_v*.csv", "MS_CXR_Local_Alignment_v*.json", what=_WHAT)
    return Cohort(
        name="ms-cxr", studies=partial(_studies, path, Path(films or root)), splits=_splits(path), licence=LICENCE,
        citation=CITATION, label_set="chexpert-14",
    )  # fmt: skip


def _rows(path: Path) -> Iterator[_Row]:
    """Rows of the CSV, or the same made from the JSON."""
    if path.suffix != ".json":
        yield from rows(path, _COLUMNS, what="the table of MS-CXR")
        return
    held = read_annotations(path)
    for key, image in held.images.items():
        for mark in held.marks[key]:
            box = box_of(mark, str(key), path.name)
            yield {
                "dicom_id": Path(str(image["file_name"])).stem, "path": str(image.get("path") or ""),
                "category_name": held.names[mark["category_id"]], "label_text": str(mark.get("label_text") or ""),
                "split": str(mark.get("split") or image.get("split") or ""),
                "x": str(box.x0), "y": str(box.y0), "w": str(box.x1 - box.x0), "h": str(box.y1 - box.y0),
            }  # fmt: skip


def _studies(path: Path, films: Path) -> Iterator[Study]:
    studies: dict[tuple[str, str], list[_Row]] = {}
    for row in _rows(path):
        studies.setdefault(_place(row, path), []).append(row)
    for (patient, study), group in studies.items():
        yield _study(patient, study, group, films, path.name)


def _study(patient: str, study: str, group: list[_Row], films: Path, where: str) -> Study:
    boxes: dict[tuple[str, str], list[Box]] = {}
    for row in group:
        boxes.setdefault((row["category_name"], row["label_text"].strip()), []).append(_box(row, where))
    phrases = list(dict.fromkeys(phrase for _, phrase in boxes))
    starts = {phrase: sum(len(each) + 1 for each in phrases[:number]) for number, phrase in enumerate(phrases)}
    found: list[Finding] = []
    told: dict[str, list[str]] = {phrase: [] for phrase in phrases}
    for number, ((category, phrase), drawn) in enumerate(boxes.items()):
        span = Span("findings", starts[phrase], starts[phrase] + len(phrase))
        concept = to_concept("chexpert-14", category).name
        found.append(Finding(concept, regions=tuple(drawn), evidence=span, made_by=_READ, id=f"m{number}"))
        told[phrase].append(found[-1].id)
    folder = folder_of(films, patient) / study
    names = dict.fromkeys(row["dicom_id"] for row in group)
    return Study(
        id=study, patient=patient, images=tuple(film_at(folder, name) for name in names), findings=tuple(found),
        report=Report(findings="\n".join(phrases), sentences=tuple(
            Sentence("findings", starts[each], starts[each] + len(each), tuple(ids)) for each, ids in told.items()
        )),
    )  # fmt: skip


def _place(row: _Row, path: Path) -> tuple[str, str]:
    found = PLACE.search(row["path"])
    if not found:
        raise InputError(f"{path.name}: '{row['path']}' is no path of MIMIC-CXR (files/p10/p10000032/s50414267/...)")
    return found["patient"], found["study"]


def _box(row: _Row, where: str) -> Box:
    try:
        x, y, wide, high = (float(row[edge]) for edge in "xywh")
        return Box(x, y, x + wide, y + high, image=row["dicom_id"])
    except (ValueError, InputError):
        edges = ", ".join(row[edge] for edge in "xywh")
        raise InputError(f"{where}: film {row['dicom_id']} has the box {edges}; x, y, w, h are expected") from None


def _splits(path: Path) -> Callable[[str], str] | Mapping[str, float]:
    """By patient where the release has splits (from 1.1.0 on); {} before."""
    try:
        first = next(iter(_rows(path)), {})
    except (InputError, MissingError):
        return {}  # said on use, where a caller expects it
    if not first.get("split"):
        return {}
    return official(lambda: ((_place(row, path)[0], row["split"]) for row in _rows(path)), what=path.name, order=_ORDER)
