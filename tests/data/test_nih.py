"""The NIH layout, made small: labels, boxes and their other name, folders of images, patient-wise splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.core.errors import InputError, MissingError
from hilum.core.region import Box
from hilum.core.registry import get
from hilum.data.nih import nih
from tests.data.layouts import wheel

HEAD = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,Width,Height,x,y,\n"


def layout(root: Path, *, deep: bool = False) -> Path:
    folder = root / ("images_001/images" if deep else "images")
    folder.mkdir(parents=True)
    rows = [("00000001_000.png", "Cardiomegaly|Effusion", 1, "PA"), ("00000001_001.png", "No Finding", 1, "AP"),
            ("00000002_000.png", "Infiltration", 2, "PA"), ("00000003_000.png", "Hernia", 3, "PA")]  # fmt: skip
    text = HEAD + "".join(
        f"{name},{labels},0,{patient},050Y,M,{view},8,8,.1,.1,\n" for name, labels, patient, view in rows
    )
    (root / "Data_Entry_2017_v2020.csv").write_text(text)
    for name, *_ in rows[:3]:  # the fourth was not downloaded
        Picture.fromarray(np.full((8, 8), 51, np.uint8)).save(folder / name)
    boxes = "Image Index,Finding Label,Bbox [x,y,w,h],,,\n00000002_000.png,Infiltrate,1.0,2.0,3.0,4.0,,,\n"
    (root / "BBox_List_2017.csv").write_text(boxes)
    return root


@pytest.mark.parametrize("deep", [False, True])
def test_films_have_their_labels_views_and_pixels(tmp_path: Path, deep: bool) -> None:
    first, second, third = get("dataset", "nih")(layout(tmp_path, deep=deep))
    assert [f.concept for f in first.findings] == ["cardiomegaly", "pleural effusion"]
    assert first.patient == second.patient == "nih-1"
    assert not second.findings
    assert [s.films[0].view for s in (first, second, third)] == ["PA", "AP", "PA"]
    assert np.allclose(first.films[0].pixels, 0.2)


def test_a_box_joins_its_label_under_its_other_name(tmp_path: Path) -> None:
    *_, third = nih(layout(tmp_path))
    (finding,) = third.findings
    (box,) = finding.regions
    assert finding.concept == "infiltration"
    assert isinstance(box, Box)
    assert box.corners == (1, 2, 4, 6)
    assert "radiologist" in str(finding.made_by)


def test_patients_are_split_whole_and_by_the_official_list_where_it_is(tmp_path: Path) -> None:
    root = layout(tmp_path)
    by_hash = nih(root)
    assert by_hash.split_of("nih-1") in ("train", "val", "test")
    (root / "test_list.txt").write_text("00000001_000.png\n00000001_001.png\n")
    official = nih(root)
    assert {s.id for s in official.split("test")} == {"00000001_000.png", "00000001_001.png"}
    assert {s.id for s in official.split("train")} == {"00000002_000.png"}


def test_what_is_not_the_layout_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="Data_Entry_2017"):
        nih(tmp_path)
    root = layout(tmp_path)
    (root / "BBox_List_2017.csv").write_text("head\n00000002_000.png,Mass,1.0,two,3.0,4.0\n")
    with pytest.raises(InputError, match="line 2 is no box"):
        list(nih(root))
    (root / "Data_Entry_2017_v2020.csv").write_text("a,b\n1,2\n")
    (root / "BBox_List_2017.csv").unlink()
    with pytest.raises(InputError, match="no column 'Image Index'"):
        list(nih(root))


def test_the_same_folder_gives_the_same_studies(tmp_path: Path) -> None:
    root = layout(tmp_path)
    first, again = list(nih(root)), list(nih(root))
    assert [s.id for s in first] == [s.id for s in again]
    assert [s.patient for s in first] == [s.patient for s in again]


def test_without_boxes_there_are_labels_only(tmp_path: Path) -> None:
    root = layout(tmp_path)
    (root / "BBox_List_2017.csv").unlink()
    assert not any(f.regions for s in nih(root) for f in s.findings)
    assert all("text mining" in str(f.made_by) for s in nih(root) for f in s.findings)


def test_tables_alone_give_every_film_and_a_part_gives_its_part(tmp_path: Path) -> None:
    root = layout(tmp_path)
    assert len(list(nih(root))) == 3  # the fourth was not downloaded
    for path in root.glob("images/*.png"):
        path.unlink()
    studies = list(nih(root))
    assert len(studies) == 4
    with pytest.raises(MissingError, match=r"00000001_000\.png"):
        _ = studies[0].films[0].pixels


def test_a_cut_table_is_said_with_its_line(tmp_path: Path) -> None:
    path = layout(tmp_path) / "Data_Entry_2017_v2020.csv"
    path.write_text(HEAD + "00000001_000.png,Cardiomegaly,0,1\n00000001_001.png,No Fin")
    with pytest.raises(InputError, match="line 2 is cut before 'View Position'"):
        list(nih(tmp_path))


def test_the_real_tables_are_read() -> None:
    """Counts of the released box file: 984 boxes on 880 films, of which 'Infiltrate' 123."""
    studies = list(nih(wheel("Data_Entry_2017_v2020.csv.gz")))
    assert len(studies) == 112_120
    assert len({study.patient for study in studies}) == 30_805
    boxed = [f for study in studies for f in study.findings if f.regions]
    assert sum(len(f.regions) for f in boxed) == 984
    assert len({region.image for f in boxed for region in f.regions}) == 880
    assert sum(len(f.regions) for f in boxed if f.concept == "infiltration") == 123
    assert {study.films[0].view for study in studies[::500]} == {"PA", "AP"}
