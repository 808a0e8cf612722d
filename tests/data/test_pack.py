"""The pack reader on a made pack, and on the real one where it is."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.core.errors import InputError, MissingError
from hilum.data import pack as packs

COLUMNS = ("file", "source", "licence", "patient", "view", "labels", "boxes", "mask", "extra")


def write(root: Path, *changes: dict[str, str]) -> Path:
    with (root / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        for change in changes:
            writer.writerow({**dict.fromkeys(COLUMNS, ""), **change})
    for change in changes:
        for name in (change["file"], change.get("mask", "")):
            if name.endswith(".png"):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                Picture.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8) * 5).save(root / name)
    return root


@pytest.fixture
def made(tmp_path: Path) -> Path:
    boxes = '[{"label": "Pneumonia", "x": 1, "y": 2, "w": 3, "h": 4, "src": "NIH_BBox_List_2017"}]'
    return write(
        tmp_path,
        {"file": "nih512/a.png", "patient": "nih-1", "view": "PA", "labels": "Pneumonia|Edema", "boxes": boxes,
         "licence": "NIH-unrestricted", "extra": '{"rsna_target": 0}'},
        {"file": "nih64/b.png", "patient": "nih-1", "view": "AP", "labels": "No Finding", "licence": "NIH"},
        {"file": "hannover/c.png", "patient": "h-1", "view": "AP", "labels": "COVID-19", "licence": "CC BY 3.0",
         "mask": "hannover/masks/c.png"},
        {"file": "covid_cc/d.png", "patient": "c-1", "view": "LATERAL", "licence": "CC BY-NC-SA"},
        {"file": "openi/e.txt", "patient": "o-1", "licence": "CC BY-NC-ND 4.0"},
    )  # fmt: skip


def test_rows_are_the_films_in_file_order(made: Path) -> None:
    found = packs.rows(made)
    assert [row.source for row in found] == ["nih512", "nih64", "hannover", "covid_cc"]
    assert found[0].labels == ("Pneumonia", "Edema")
    assert found[0].boxes[0].corners == (1, 2, 4, 6)
    assert [row.commercial for row in found] == [True, True, True, False]
    assert [row.read_opacity for row in found] == [0, None, None, None]


def test_sources_can_be_chosen(made: Path) -> None:
    assert [row.file for row in packs.rows(made, ("hannover",))] == ["hannover/c.png"]


def test_pixels_are_between_zero_and_one(made: Path) -> None:
    row = packs.rows(made)[0]
    found = packs.pixels(made, row)
    assert found.shape == (6, 8)
    assert found.dtype == np.float32
    assert found.max() == pytest.approx(47 * 5 / 255)


def test_sixteen_bit_films_keep_their_depth(tmp_path: Path) -> None:
    root = write(tmp_path, {"file": "nih512/a.png", "patient": "p"})
    Picture.fromarray(np.array([[0, 1], [256, 65535]], dtype=np.uint16)).save(root / "nih512/a.png")
    found = packs.pixels(root, packs.rows(root)[0])
    assert found[0, 1] == pytest.approx(1 / 65535)
    assert found.max() == 1.0


def test_masks_are_bool_and_absent_where_there_is_none(made: Path) -> None:
    first, _, third, _ = packs.rows(made)
    assert packs.mask(made, first) is None
    outline = packs.mask(made, third)
    assert outline is not None
    assert outline.dtype == bool
    assert outline.any()
    assert not outline.all()


@pytest.mark.parametrize(("source", "columns"), [("hannover", (33, 63)), ("covid_cc", (24, 72))])
def test_a_mask_stretched_over_its_film_is_put_back(
    tmp_path: Path, source: str, columns: tuple[int, int]
) -> None:  # fmt: skip
    """The middle square of a film of 60 x 96 begins at column 18: 18 + 24 * 60 / 96 = 33, 18 + 72 * 60 / 96 = 63."""
    where = {"file": f"{source}/w.png", "mask": f"{source}/masks/w.png", "patient": "p", "view": "AP"}
    row = packs.rows(write(tmp_path, where))[0]
    drawn = np.zeros((60, 96), np.uint8)
    drawn[10:50, 24:72] = 255
    Picture.fromarray(drawn).save(tmp_path / where["mask"])
    found, plain = packs.mask(tmp_path, row, placed=True), packs.mask(tmp_path, row)
    assert found is not None
    assert plain is not None
    assert np.array_equal(np.flatnonzero(plain.any(axis=0)), np.arange(24, 72))
    seen = np.flatnonzero(found.any(axis=0))
    assert (seen.min(), seen.max() + 1) == pytest.approx(columns, abs=1)
    assert np.array_equal(found.any(axis=1), plain.any(axis=1))


def test_a_study_lists_what_is_mentioned_and_nothing_else(made: Path) -> None:
    first, second, _, fourth = packs.pack(made)
    assert [(finding.concept, finding.state) for finding in first.findings] == [
        ("Pneumonia", "present"), ("Edema", "present"),
    ]  # fmt: skip
    assert first.findings[0].regions[0].corners == (1, 2, 4, 6)  # type: ignore[union-attr]
    assert second.findings == ()
    assert fourth.films[0].view == "LL"


def test_pixels_are_read_on_first_use_only(made: Path) -> None:
    study = next(iter(packs.pack(made)))
    (made / "nih512/a.png").unlink()
    assert not study.films[0].loaded
    with pytest.raises(FileNotFoundError):
        _ = study.films[0].pixels


def test_films_of_a_patient_share_a_split(made: Path) -> None:
    cohort = packs.pack(made)
    splits = {name: [study.patient for study in cohort.split(name)] for name in ("train", "val", "test")}
    assert sorted(name for patients in splits.values() for name in patients) == ["c-1", "h-1", "nih-1", "nih-1"]
    assert sum("nih-1" in patients for patients in splits.values()) == 1


def test_a_folder_without_a_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"manifest\.csv"):
        packs.rows(tmp_path)


def test_a_manifest_without_a_column_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.csv").write_text("file,licence\nnih512/a.png,x\n")
    with pytest.raises(InputError, match="no column"):
        packs.rows(tmp_path)


def test_the_real_pack_is_whole(pack: Path) -> None:
    found = packs.rows(pack)
    assert len(found) > 4000
    assert {row.source for row in found} == set(packs.FILM_SOURCES)
    for row in found[::500]:
        assert packs.pixels(pack, row).ndim == 2
    assert all((pack / row.mask).is_file() for row in found if row.mask)
    assert not any(row.commercial for row in found if row.licence.startswith("CC BY-NC"))
