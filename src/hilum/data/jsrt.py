"""JSRT: 154 films with one lung nodule each and 93 without, digitised at 0.175 mm, 12 bit, with subtlety and place.

Get it from http://db.jsrt.or.jp/eng.php (free, by e-mail); outlines of lungs, heart and clavicles (SCR) from
https://www.isi.uu.nl/Research/Databases/SCR/. Sources: Shiraishi et al., AJR 2000; van Ginneken et al., MedIA 2006.

Traps. An .IMG file is bare: 2048 x 2048 values of two bytes, high byte first, without a header; it reads as noise the
other way round. Values count optical density, so that air is high: the film is inverted, as MONOCHROME1 is. Outlines
are drawn at 1024 x 1024, half the film's size. The printed guide gives the table's columns in another order than the
table has. Popular sets of 4,000 JSRT pairs hold turned copies of the same films in train and test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.core.cohort import Cohort
from hilum.core.errors import InputError, MissingError
from hilum.core.finding import Finding, Measurement
from hilum.core.image import Image, MadeBy, Window
from hilum.core.region import Box, Mask
from hilum.core.registry import register
from hilum.core.study import Study
from hilum.data.published import picture_mask, read_negative
from hilum.data.release import Official
from hilum.data.rows import find
from hilum.data.splits import official

WHERE = "http://db.jsrt.or.jp/eng.php"
LICENCE = "JSRT: free for research and education, cite JSRT; SCR outlines: research only"
CITATION = "Shiraishi et al. Development of a digital image database for chest radiographs. AJR 2000;174:71-74"
OFFICIAL = (
    Official("**/JPCLN*.IMG", 154, "files", "Shiraishi et al. 2000"),
    Official("**/JPCNN*.IMG", 93, "files", "Shiraishi et al. 2000"),
)
READERS = MadeBy("JSRT, confirmed by CT", "2000")
SIDE, SPACING_MM = 2048, 0.175
SUBTLETY = {"1": "extremely subtle", "2": "very subtle", "3": "subtle", "4": "relatively obvious", "5": "obvious"}
_NODULES, _NONE = ("**/CLNDAT_EN.txt", "**/CLNDAT_EN.TXT"), ("**/CNNDAT_EN.TXT", "**/CNNDAT_EN.txt")
_ROW = re.compile(r"(JPC[LN]N\d{3})\.IMG(.*?)(?=JPC[LN]N\d{3}\.IMG|\Z)", re.IGNORECASE | re.DOTALL)


def _table(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Film and cells of each row; some copies have lost the breaks between rows."""
    text = path.read_text(encoding="cp932", errors="replace")
    found = [(name.upper(), [cell.strip() for cell in rest.strip().split("\t")]) for name, rest in _ROW.findall(text)]
    if not found:
        raise InputError(f"{path.name} names no film such as JPCLN001.IMG: it is not JSRT's clinical table")
    yield from found


def _nodule(name: str, cells: list[str], table: str) -> Finding:
    try:
        subtlety, size, _, _, x, y, kind, place, diagnosis = (*cells, "", "")[:9]
        size_mm, centre = float(size), (float(x), float(y))
    except ValueError:
        raise InputError(
            f"{table}: {name} has other cells than subtlety, size, age, sex, x, y, kind: {cells}"
        ) from None
    half = size_mm / SPACING_MM / 2
    edges = (centre[0] - half, centre[1] - half, centre[0] + half, centre[1] + half)
    facts = {"subtlety": SUBTLETY.get(subtlety, subtlety), "kind": kind, "place": place, "diagnosis": diagnosis}
    return Finding(
        "lung nodule", attributes={key: value for key, value in facts.items() if value}, made_by=READERS, id="nodule",
        regions=(Box(*edges, image=name),), measurements=(Measurement("diameter", size_mm, "mm"),),
    )  # fmt: skip


def _pixels(path: Path | None, name: str) -> NDArray[np.float32]:
    if path is None:
        raise MissingError(f"{name}.IMG is not there: the table names it, so that part of JSRT is missing")
    if path.stat().st_size != SIDE * SIDE * 2:
        raise InputError(
            f"{path.name} has {path.stat().st_size:,} bytes: JSRT's films have {SIDE * SIDE * 2:,}; copy it anew"
        )
    values = np.fromfile(path, dtype=">u2").reshape(SIDE, SIDE)
    if values.max() > 4095:
        raise InputError(f"{path.name} holds {values.max():,}: JSRT's values reach 4,095; its bytes may be swapped")
    return values.astype(np.float32)


def _film(name: str, files: Mapping[str, Path]) -> Image:
    path = files.get(name)
    return Image(
        partial(_pixels, path, name), Window(2048.0, 4096.0, "LINEAR_EXACT"), inverted=True, view="PA",  # type: ignore[arg-type]
        spacing_mm=(SPACING_MM, SPACING_MM), spacing_plane="detector", orientation=("L", "F"), id=name,
        source=str(path or ""),
    )  # fmt: skip


def masks_of(film: Image, root: str | Path) -> tuple[Mask, ...]:
    """Return the SCR outlines of a film, at the film's own size: 'right lung', 'heart', 'left clavicle' ...

    Args:
        film: one of this cohort.
        root: folder that holds SCR's masks/<structure>/JPCLN001.gif anywhere below.
    """
    found = sorted(Path(root).glob(f"**/masks/*/{film.id}.gif")) + sorted(Path(root).glob(f"**/Masks/*/{film.id}.gif"))
    return tuple(picture_mask(path, image=film.id, label=path.parent.name, scale=2) for path in found)


def _studies(root: Path, nodules: Path, none: Path) -> Iterator[Study]:
    files = {path.stem.upper(): path for path in sorted((*root.glob("**/*.IMG"), *root.glob("**/*.img")))}
    for name, cells in _table(nodules):
        finding = _nodule(name, cells, nodules.name)
        yield Study(name, name, images=(_film(name, files),), findings=(finding,))
    for name, _ in _table(none):
        yield Study(name, name, images=(_film(name, files),), findings=read_negative("lung nodule", READERS))


def _folds(root: Path) -> Mapping[str, str]:
    """Film -> fold, where SCR's folders are there."""
    return {path.stem: fold for fold in ("fold1", "fold2") for path in sorted(root.glob(f"**/{fold}/masks/*/*.gif"))}


@register.dataset("jsrt", licence=LICENCE, citation=CITATION)
def jsrt(root: str | Path) -> Cohort:
    """Return JSRT as one-film studies with the nodule's box, size, subtlety and kind, or with its absence.

    JSRT has no split of its own: where SCR's folders are there its two folds are the splits, else a hash of the film.

    Args:
        root: folder with CLNDAT_EN.txt, CNNDAT_EN.TXT and the .IMG files anywhere below.

    Raises:
        MissingError: if a table is not there; on use, if a film is not.
        InputError: on use, if a table or a film cannot be read.
    """
    place, what = Path(root), f"the folder of JSRT, from {WHERE}"
    nodules, none = find(place, *_NODULES, what=what), find(place, *_NONE, what=what)
    folds, names = _folds(place), [name for table in (nodules, none) for name, _ in _table(table)]
    whole = bool(names) and set(names) <= set(folds)
    return Cohort("jsrt", partial(_studies, place, nodules, none),
                  official(folds.items, what="SCR's folders") if whole else {"train": 0.7, "val": 0.1, "test": 0.2},
                  LICENCE, CITATION)  # fmt: skip
