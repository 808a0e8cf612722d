"""SIIM's run lengths, against masks drawn here; the challenge's layout, made small; the real outlines of the wheel."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError
from hilum.core.region import Mask
from hilum.data.siim_pneumothorax import mask_of_runs, runs_of_mask, siim_pneumothorax
from tests.data.layouts import layout, table, wheel
from tests.io.made import film, write

SQUARE = "2056 4 1020 4 1020 4"  # columns 2, 3, 4 and rows 8 to 11


@layout("siim-pneumothorax")
def made(root: Path) -> Path:
    rows = [("1.a", f" {SQUARE}"), ("1.b", " -1"), ("1.a", " 0 1")]
    table(root / "train-rle.csv", ("ImageId", " EncodedPixels"), rows)
    for number, (folder, name) in enumerate((("train", "1.a"), ("train", "1.b"), ("test", "1.t"))):
        place = root / f"dicom-images-{folder}/2.{number}/3.{number}"
        place.mkdir(parents=True)
        write(film(number=number), place / f"{name}.dcm")
    return root


def test_starts_count_from_the_run_before_and_down_the_columns() -> None:
    mask = mask_of_runs(SQUARE)
    rows, columns = np.nonzero(mask)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 11, 2, 4)
    assert mask.sum() == 12


def test_a_left_lung_stays_a_left_lung() -> None:
    """The trap: read row by row, a mask is turned about its diagonal."""
    drawn = np.zeros((1024, 1024), bool)
    drawn[100:300, 700:760] = True
    read = mask_of_runs(runs_of_mask(drawn))
    assert (read == drawn).all()
    assert not (drawn == read.T).all()


def test_runs_and_masks_are_each_others_inverse(draw: np.random.Generator) -> None:
    for shape in ((7, 5), (5, 7), (1, 1)):
        for _ in range(30):
            drawn = draw.random(shape) < 0.4
            if drawn.any():
                assert (mask_of_runs(runs_of_mask(drawn), shape) == drawn).all()
    assert runs_of_mask(np.zeros((3, 3), bool)) == "-1"
    assert mask_of_runs(runs_of_mask(np.ones((3, 4), bool)), (3, 4)).all()


def test_runs_that_touch_or_have_no_length_draw_nothing_twice() -> None:
    assert mask_of_runs("0 2 0 2 3 0", (4, 4)).sum() == 4
    assert mask_of_runs("0 16", (4, 4)).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 2 3", "pairs"), ("", "pairs"), ("-1", "pairs"), ("5 -3", "pairs"), ("1 two", "whole numbers"),
        ("1048570 7", "another film size"), ("9" * 30 + " 1", "whole numbers"), ("1.5 2", "whole numbers"),
    ],
)  # fmt: skip
def test_runs_that_are_none_are_refused(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        mask_of_runs(text)


def test_a_film_has_a_mask_for_each_of_its_rows_or_none(tmp_path: Path) -> None:
    a, b, t = siim_pneumothorax(made(tmp_path))
    (present,) = a.findings
    assert (present.concept, present.state) == ("pneumothorax", "present")
    assert [region.area for region in present.regions if isinstance(region, Mask)] == [12, 1]
    assert {region.image for region in present.regions} == {a.films[0].id} == {"1.a"}
    assert [(f.concept, f.state, f.regions) for f in b.findings] == [("pneumothorax", "absent", ())]
    assert t.findings == ()


def test_the_splits_are_the_challenges(tmp_path: Path) -> None:
    cohort = siim_pneumothorax(made(tmp_path))
    assert [s.id for s in cohort.split("train")] == ["1.a", "1.b"]
    assert [s.id for s in cohort.split("test")] == ["1.t"]


def test_the_second_stages_table_is_the_same_without_its_blank(tmp_path: Path) -> None:
    table(tmp_path / "stage_2_train.csv", ("ImageId", "EncodedPixels"), [("1.a", SQUARE)])
    (study,) = siim_pneumothorax(tmp_path)
    assert study.findings[0].state == "present"
    with pytest.raises(MissingError, match=r"1\.a"):
        _ = study.films[0].pixels


def test_faults_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="kaggle"):
        siim_pneumothorax(tmp_path)
    path = tmp_path / "train-rle.csv"
    table(path, ("ImageId", "Runs"), [("1.a", SQUARE)])
    with pytest.raises(InputError, match="no column 'EncodedPixels'"):
        siim_pneumothorax(tmp_path)
    table(path, ("ImageId", " EncodedPixels"), [("1.a",)])
    with pytest.raises(InputError, match=r"1\.a"):
        siim_pneumothorax(tmp_path)
    table(path, ("ImageId", " EncodedPixels"), [("1.a", "1 2 3")])
    with pytest.raises(InputError, match=r"film 1\.a: run lengths"):
        list(siim_pneumothorax(tmp_path))


def test_the_real_outlines_lie_in_two_lungs_mostly_at_the_apex() -> None:
    """What no misreading keeps: a dip at the midline between two lungs, and most of the air at the top."""
    cohort = siim_pneumothorax(wheel("siim-pneumothorax-train-rle.csv.gz"))
    found = [s.findings[0] for s in islice(cohort, 900)]
    masks = [region for f in found for region in f.regions if isinstance(region, Mask)]
    assert 0.1 < np.mean([f.state == "present" for f in found]) < 0.4
    assert all(1 <= mask.area < 1024 * 1024 / 2 for mask in masks)
    map_of_all = sum(mask.pixels.reshape(32, 32, 32, 32).mean((1, 3)) for mask in masks)
    columns, rows = map_of_all.sum(0), map_of_all.sum(1)
    assert columns[15:17].max() < 0.5 * min(columns[:12].max(), columns[20:].max())
    assert rows[:12].sum() > 0.5 * rows.sum()
    assert columns[:12].sum() < 0.75 * columns.sum()  # turned, the columns would be as top-heavy as the rows


def test_a_real_film_of_the_challenge_is_read_with_its_row(pack: Path, tmp_path: Path) -> None:
    name = "1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819"
    folder = tmp_path / "dicom-images-train/study/series"
    folder.mkdir(parents=True)
    (folder / f"{name}.dcm").symlink_to(pack / "dicom" / f"{name}.dcm")
    table(tmp_path / "train-rle.csv", ("ImageId", " EncodedPixels"), [(name, " -1")])
    (study,) = siim_pneumothorax(tmp_path)
    assert study.films[0].pixels.shape == (1024, 1024)
    assert study.films[0].view in ("PA", "AP")
    assert study.findings[0].state == "absent"
