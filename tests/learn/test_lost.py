"""Films that are missing or damaged are rows with reasons, and the others are learned from."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

pytest.importorskip("torch")

from hilum.core.image import Image
from hilum.core.study import Study
from hilum.learn.lost import Lost
from hilum.learn.pairs import gather


def read(path: Path) -> np.ndarray:
    with Picture.open(path) as picture:
        return np.asarray(picture, np.float32)


def films(folder: Path) -> list[Study]:
    """A whole film, a damaged one and a missing one."""
    whole = folder / "whole.png"
    Picture.fromarray((np.random.default_rng(0).random((40, 40)) * 255).astype(np.uint8)).save(whole)
    (folder / "damaged.png").write_bytes(whole.read_bytes()[:700])
    images = [
        Image(partial(read, folder / f"{name}.png"), id=name, view="PA") for name in ("damaged", "whole", "missing")
    ]
    return [Study(id=image.id, patient=image.id, images=(image,)) for image in images]


def test_missing_and_damaged_films_are_rows_and_the_others_are_learned_from(tmp_path: Path) -> None:
    lost = Lost(tmp_path)
    pairs = gather(films(tmp_path), size=16, lost=lost)
    lost.close(len(pairs))
    assert pairs.study.tolist() == ["whole"]
    with (tmp_path / "films-lost.csv").open(newline="") as stream:
        rows = {row["film"]: row["reason"] for row in csv.DictReader(stream)}
    assert set(rows) == {"damaged", "missing"}
    assert "No such file" in rows["missing"]
    assert "truncated" in rows["damaged"]


def test_rows_are_written_with_reasons_and_the_first_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lost = Lost(tmp_path)
    lost("a.dcm", "cannot read 'a.dcm': no such file, or a comma")
    lost("b.dcm", "truncated")
    lost.close(7)
    with (tmp_path / "films-lost.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["film"] for row in rows] == ["a.dcm", "b.dcm"]
    assert rows[0]["reason"] == "cannot read 'a.dcm': no such file, or a comma"
    assert "2 films could not be read and 7 could, the first that could not is 'a.dcm'" in caplog.text


def test_nothing_is_written_where_nothing_is_lost(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Lost(tmp_path).close(3)
    assert list(tmp_path.iterdir()) == []
    assert caplog.text == ""
