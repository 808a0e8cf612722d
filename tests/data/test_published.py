"""What published sets share: files by name, masks, JSON that is not what it should be, the figures of releases."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.core.errors import InputError, MissingError
from hilum.core.image import MadeBy
from hilum.core.registry import listing
from hilum.data.published import (
    by_stem,
    choices_of,
    dicom_film,
    field,
    picture_mask,
    read_json,
    read_negative,
    report_of,
)
from hilum.data.release import Official, check_release, differences
from tests.data.layouts import cut, picture, table, wheel, written
from tests.io.made import film, write


def test_of_two_files_with_one_name_the_first_pattern_wins(tmp_path: Path) -> None:
    for name in ("b/x.dcm", "a/x.dcm", "a/y.dcm", "c/x.dicom"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "z.dcm").mkdir()
    found = by_stem(tmp_path, "c/*.dicom", "*/*.dcm", "*.dcm")
    assert {name: path.parent.name for name, path in found.items()} == {"x": "c", "y": "a"}


def test_a_dicom_film_has_the_tables_name_and_keeps_its_headers_view(tmp_path: Path) -> None:
    path = write(film(ViewPosition="AP"), tmp_path / "a.dcm")
    assert dicom_film(path, id="t1", view="PA").view == "AP"
    assert dicom_film(write(film(ViewPosition=None), path), id="t1", view="PA").view == "PA"
    assert dicom_film(path, id="t1").id == "t1"
    for absent in (None, tmp_path / "none.dcm"):
        missed = dicom_film(absent, id="t2", view="LL")
        assert (missed.id, missed.view, missed.loaded) == ("t2", "LL", False)
        with pytest.raises(MissingError, match="is not there"):
            _ = missed.pixels


@pytest.mark.parametrize("top", [1, 255])
def test_a_mask_is_what_is_over_half_of_its_own_brightest(tmp_path: Path, top: int) -> None:
    drawn = np.zeros((4, 6), np.uint8)
    drawn[1:3, 2:5] = top
    mask = picture_mask(picture(tmp_path / "m.png", drawn), image="f", label="x")
    assert (mask.pixels == (drawn > 0)).all()
    doubled = picture_mask(tmp_path / "m.png", image="f", label="x", scale=2)
    assert doubled.pixels.shape == (8, 12)
    assert doubled.area == 4 * mask.area
    Picture.fromarray(drawn).convert("1").save(tmp_path / "one.png")
    assert (picture_mask(tmp_path / "one.png", image="f", label="x").pixels == (drawn > 127)).all()


def test_an_empty_mask_is_empty_and_a_cut_one_is_refused(tmp_path: Path) -> None:
    assert picture_mask(picture(tmp_path / "m.png", np.zeros((4, 6), np.uint8)), image="f", label="").area == 0
    with pytest.raises(InputError, match="copy it anew"):
        picture_mask(cut(tmp_path / "m.png", 0.2), image="f", label="")


def test_json_is_read_whole_or_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", {"ä": [1]})
    assert read_json(path, dict, what="a list of things") == {"ä": [1]}
    path.write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json(path, list, what="numbers") == [1]
    with pytest.raises(InputError, match="holds a list: expected a table of scans, a dict"):
        read_json(path, dict, what="a table of scans")
    with pytest.raises(MissingError, match="it should be a table of scans"):
        read_json(tmp_path / "b.json", dict, what="a table of scans")
    for content in (b"[1", b"\xff\xfe", b"[" * 100_000):
        path.write_bytes(content)
        with pytest.raises(InputError, match="not whole JSON"):
            read_json(path, list, what="numbers")


@pytest.mark.parametrize(("row", "got"), [({"a": 1}, "int"), ({}, "nothing"), ("text", "nothing"), (None, "nothing")])
def test_a_field_of_another_kind_is_named(row: Any, got: str) -> None:
    assert field({"a": "b"}, "a", str, where="x") == "b"
    with pytest.raises(InputError, match=f"row 3 needs 'a', a str; got {got}"):
        field(row, "a", str, where="row 3")
    with pytest.raises(InputError, match="a str or list"):
        field(row, "a", (str, list), where="row 3")


def test_a_report_of_sentences_gives_each_back() -> None:
    said = [("The heart is large.", ("1", "2")), ("", ()), ("Größe unverändert.", ("3",))]
    report = report_of(said, language="de")
    assert [(report.text(each), each.findings) for each in report.sentences] == said
    assert report.language == "de"
    assert report_of([]).findings == ""


def test_a_film_read_as_normal_states_two_things() -> None:
    normal, absent = read_negative("pneumonia", MadeBy("reader"))
    assert (normal.concept, normal.state, absent.concept, absent.state) == (
        "no finding",
        "present",
        "pneumonia",
        "absent",
    )
    assert normal.made_by == absent.made_by == MadeBy("reader")


@pytest.mark.parametrize(("answer", "count"), [("Yes", 2), (" no ", 2), ("yes, left", 0), ("", 0), ("12", 0)])
def test_only_yes_and_no_have_choices(answer: str, count: int) -> None:
    assert len(choices_of(answer)) == count


def test_other_content_of_the_same_length_is_told(tmp_path: Path) -> None:
    from hashlib import sha256

    path = table(tmp_path / "t.csv", ("a", "b"), [(1, 2), (3, 4)])
    right = sha256(path.read_bytes()).hexdigest()
    known = (Official("t.csv*", 2, source="the owners", sha256=right),)
    assert differences(tmp_path, known) == ()
    table(tmp_path / "t.csv", ("a", "b"), [(1, 2), (3, 5)])
    (told,) = differences(tmp_path, known)
    assert told == "t.csv has 2 rows as it should, but other content (the owners)"
    path.unlink()
    table(tmp_path / "t.csv.gz", ("a", "b"), [(1, 2), (3, 4)], packed=True)
    assert differences(tmp_path, known) == ()  # a sum is of the content, packed or not


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("nih", "Data_Entry_2017_v2020.csv.gz"), ("vindr-cxr", "vinbigdata-train.csv.gz"),
        ("siim-pneumothorax", "siim-pneumothorax-train-rle.csv.gz"),
        ("padchest", "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv.gz"),
    ],
)  # fmt: skip
def test_the_wheels_tables_are_the_known_ones(name: str, file: str) -> None:
    assert check_release(name, wheel(file)) == ()


def test_every_known_figure_has_a_source_and_every_sum_is_one() -> None:
    mine = [entry for entry in listing("dataset") if hasattr(sys.modules[entry.module], "OFFICIAL")]
    assert {"nih", "padchest", "padchest-gr", "vindr-cxr", "jsrt", "shenzhen", "slake"} <= {
        entry.name for entry in mine
    }
    for entry in mine:
        for each in sys.modules[entry.module].OFFICIAL:
            assert each.count > 0, entry.name
            assert each.source, entry.name
            assert each.sha256 == "" or (len(each.sha256) == 64 and int(each.sha256, 16)), entry.name


def test_a_part_of_a_set_is_told_from_the_whole(tmp_path: Path) -> None:
    for name in ("MCUCXR_0001_0", "MCUCXR_0104_1"):
        picture(tmp_path / f"CXR_png/{name}.png")
    normal, ill = check_release("montgomery", tmp_path)
    assert "1 files, the official release 80" in normal
    assert "1 files, the official release 58" in ill
