"""`hilum train bpd` and `hilum reproduce bpd` from the command line: what is written, and errors in a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from tests.app.conftest import Ran

pytest.importorskip("torch")

SMALL = ("net=small", "start=random", "size=32", "epochs=3", "probe=1", "runs=1", "folds=2", "batch=8")


@pytest.fixture(autouse=True)
def no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HILUM_DATA", "HILUM_PACK", "HILUM_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root, draw = tmp_path / "site", np.random.default_rng(0)
    root.mkdir()
    rows = ["patient_id,bpd"]
    for patient in range(12):
        rows.append(f"{patient},{('no', 'severe')[patient % 2]}")
        Picture.fromarray(draw.integers(0, 255, (40, 32), np.uint8)).save(root / f"{patient}_first.png")
    (root / "sheet.csv").write_text("\n".join(rows) + "\n")
    return root


def chosen(*settings: str) -> list[str]:
    return [part for each in settings for part in ("--set", each)]


def test_a_site_is_trained_on_by_one_command(folder: Path, tmp_path: Path, hilum: Callable[..., Ran]) -> None:
    ran = hilum("train", "bpd", "--data", folder, "-o", tmp_path / "out", *chosen(*SMALL, "schedule=progressive"))
    assert ran.code == 0, ran.err
    card = json.loads((tmp_path / "out" / "card.json").read_text())
    assert card["settings"]["schedule"] == "progressive"
    assert card["cross-validation"]["tested"] == 12
    assert (tmp_path / "out" / "model.safetensors").is_file()
    assert not list((tmp_path / "out").glob("*.part*"))


def test_folders_and_settings_that_cannot_be_used_are_a_sentence(
    folder: Path, tmp_path: Path, hilum: Callable[..., Ran]
) -> None:
    cases = (
        (folder, "schedule=thaw", 1, "schedule must be one of"),
        (tmp_path / "none", "runs=1", 2, "one .csv sheet"),
        (folder, "net=published", 2, "resnet50-res512-all"),
    )
    for root, setting, code, said in cases:
        more = [] if setting.startswith("net") else chosen(*SMALL)
        ran = hilum("train", "bpd", "--data", root, "-o", tmp_path / "out", *more, *chosen(setting))
        told = " ".join((ran.out + ran.err).split())
        assert (ran.code, said in told, "Traceback" in told) == (code, True, False), told


def test_a_choice_that_cannot_be_judged_is_a_sentence(tmp_path: Path, hilum: Callable[..., Ran]) -> None:
    ran = hilum("reproduce", "bpd", "--set", "parts=everything", "-o", tmp_path)
    assert ran.code == 1
    assert "parts are some of drawn, sites, real" in " ".join((ran.out + ran.err).split())


def test_the_list_names_the_system_and_its_data_set(hilum: Callable[..., Ran]) -> None:
    assert "bpd" in hilum("list", "systems").out
    assert "bpd-site" in hilum("list", "data").out
