"""JSRT in its layout, made small: bare big-endian films, the nodule table, SCR's outlines at half size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError
from hilum.core.finding import Measurement
from hilum.core.region import Box
from hilum.data.jsrt import SIDE, jsrt, masks_of
from tests.data.layouts import layout, picture

NODULE = "JPCLN001.IMG\t5\t15\t53\tmale\t1634\t692\tmalignant\tl.upper lobe\tlung cancer\r\n"
SECOND = "JPCLN002.IMG\t1\t7\t61\tfemale\t400\t900\tbenign\tr.lower lobe\tgranuloma\r\n"
NONE = "JPCNN001.IMG\t47\tfemale\tnon-nodule\r\n"


def raw(path: Path, *, lung: int = 3000, order: str = ">u2") -> Path:
    """A film of one value with a dense square: low counts are dense."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.full((SIDE, SIDE), lung, order)
    values[600:800, 1600:1700] = 200
    values.tofile(path)
    return path


def tables(root: Path, nodules: str = NODULE, none: str = NONE) -> Path:
    folder = root / "Clinical_Information"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "CLNDAT_EN.txt").write_bytes(nodules.encode())
    (folder / "CNNDAT_EN.TXT").write_bytes(none.encode())
    return root


@layout("jsrt")
def made(root: Path) -> Path:
    raw(root / "Nodule154images/JPCLN001.IMG")
    raw(root / "NonNodule93images/JPCNN001.IMG")
    return tables(root)


def outlines(root: Path) -> Path:
    drawn = np.zeros((1024, 1024), np.uint8)
    drawn[100:200, 10:30] = 255
    picture(root / "scratch/fold1/masks/right lung/JPCLN001.gif", drawn)
    picture(root / "scratch/fold1/masks/heart/JPCLN001.gif", drawn.T.copy())
    picture(root / "scratch/fold2/masks/heart/JPCNN001.gif", drawn)
    return root


def test_a_film_is_big_endian_and_inverted(tmp_path: Path) -> None:
    study = next(iter(jsrt(made(tmp_path))))
    film = study.films[0]
    assert not film.loaded
    assert film.pixels.shape == (SIDE, SIDE)
    assert set(np.unique(film.pixels)) == {200.0, 3000.0}
    shown = film.display()
    assert shown[700, 1650] > shown[0, 0]  # dense tissue is bright
    assert film.spacing_mm == (0.175, 0.175)
    assert (film.view, film.orientation) == ("PA", ("L", "F"))


def test_a_nodule_has_its_box_size_and_facts(tmp_path: Path) -> None:
    nodule, none = jsrt(made(tmp_path))
    (finding,) = nodule.findings
    assert finding.concept == "lung nodule"
    (box,) = finding.regions
    assert isinstance(box, Box)
    assert box.center == pytest.approx((1634, 692))
    assert (box.x1 - box.x0) * 0.175 == pytest.approx(15)
    assert finding.measurements == (Measurement("diameter", 15.0, "mm"),)
    assert dict(finding.attributes) == {
        "subtlety": "obvious", "kind": "malignant", "place": "l.upper lobe", "diagnosis": "lung cancer"
    }  # fmt: skip
    assert [(f.concept, f.state) for f in none.findings] == [("no finding", "present"), ("lung nodule", "absent")]


def test_rows_that_lost_their_breaks_are_still_rows(tmp_path: Path) -> None:
    tables(tmp_path, (NODULE + SECOND).replace("\r\n", ""))
    first, second, _ = jsrt(tmp_path)
    assert (first.id, second.id) == ("JPCLN001", "JPCLN002")
    assert first.findings[0].attributes["diagnosis"] == "lung cancer"
    assert second.findings[0].attributes["subtlety"] == "extremely subtle"


def test_outlines_are_brought_to_the_films_size(tmp_path: Path) -> None:
    film = next(iter(jsrt(outlines(made(tmp_path))))).films[0]
    found = {mask.label: mask for mask in masks_of(film, tmp_path)}
    assert set(found) == {"right lung", "heart"}
    assert found["right lung"].pixels.shape == (SIDE, SIDE)
    assert found["right lung"].box() == Box(20, 200, 60, 400, image="JPCLN001")
    assert masks_of(film, tmp_path / "scratch/fold2") == ()


def test_scrs_folds_are_the_split_where_they_are_whole(tmp_path: Path) -> None:
    cohort = jsrt(outlines(made(tmp_path)))
    assert [s.id for s in cohort.split("fold1")] == ["JPCLN001"]
    assert [s.id for s in cohort.split("fold2")] == ["JPCNN001"]
    tables(tmp_path, NODULE + SECOND)
    assert jsrt(tmp_path).split_of("JPCLN001") in ("train", "val", "test")


def test_films_that_cannot_be_ones_are_refused(tmp_path: Path) -> None:
    path = made(tmp_path) / "Nodule154images/JPCLN001.IMG"
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(InputError, match=r"8,388,606 bytes: JSRT's films have 8,388,608"):
        _ = next(iter(jsrt(tmp_path))).films[0].pixels
    raw(path, order="<u2")
    with pytest.raises(InputError, match="bytes may be swapped"):
        _ = next(iter(jsrt(tmp_path))).films[0].pixels
    path.unlink()
    with pytest.raises(MissingError, match="JPCLN001"):
        _ = next(iter(jsrt(tmp_path))).films[0].pixels


def test_faulty_tables_are_said(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"CLNDAT_EN.*jsrt"):
        jsrt(tmp_path)
    tables(tmp_path, "nothing of the kind")
    with pytest.raises(InputError, match="not JSRT's clinical table"):
        jsrt(tmp_path)
    for line in ("JPCLN001.IMG\t5\t15\t53\tmale\t16", "JPCLN001.IMG\t5\tbig\t53\tmale\t1634\t692\tmalignant\tx\ty"):
        tables(tmp_path, line)
        with pytest.raises(InputError, match=r"CLNDAT_EN\.txt: JPCLN001 has other cells"):
            list(jsrt(tmp_path))
