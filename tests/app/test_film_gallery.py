"""The gallery script: a page without any pack, real films beside synthetic ones, nothing asked for from outside."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.core.errors import MissingError
from hilum.data.chest_ct import folder
from tests.app.conftest import Ran
from tests.app.test_project_command import scan

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "film_gallery.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("film_gallery", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shown(page: str) -> list[tuple[str, str]]:
    """Kind and caption of every film on the page, in order."""
    return re.findall(r'<figure class="(\w+)">.*?</b> (.*?)</figcaption>', page)


def test_real_films_stand_beside_projected_ones_and_what_is_no_film_is_left_out(
    script: ModuleType, tmp_path: Path, hilum: Callable[..., Ran], film: Callable[..., Path], capsys: object
) -> None:
    pytest.importorskip("nibabel", reason="nibabel (extra 'volume') is not installed")
    pytest.importorskip("numba", reason="numba (extra 'drr') is not installed")
    ran = hilum("project", scan(tmp_path), "--view", "PA,LL", "--size", "96", "-o", tmp_path / "drr")
    assert ran.code == 0, ran.err
    real = tmp_path / "real"
    film("one.dcm", real, ViewPosition="LL")
    noise = np.random.default_rng(0).integers(0, 255, (90, 80), np.uint8)
    for number in range(8):
        Picture.fromarray(noise).save(real / f"film-{number}.png")
    (real / "notes.txt").write_text("not a film")
    assert script.main(["-o", str(tmp_path / "out"), "--drr", str(tmp_path / "drr"), "--real", str(real)]) == 0
    page = (tmp_path / "out" / "gallery.html").read_text()
    kinds = shown(page)
    assert [kind for kind, _ in kinds].count("synthetic") == 2
    assert [said.split(",")[0] for kind, said in kinds if kind == "real"] == ["PA"] * script.REAL_SHOWN + ["LL"]
    assert "view not stated" in page
    assert "not measured: too small" in page
    assert "keep this page to yourself" in page
    assert [found for found in re.findall(r'src="([^"]+)"', page) if not found.startswith("data:image/jpeg")] == []
    assert "<script" not in page


@pytest.mark.slow
def test_the_example_alone_makes_the_page_and_its_chain_lies_nearer_to_real_films(
    script: ModuleType, tmp_path: Path
) -> None:
    """Real films lie at slopes of -2.7 to -3.0; the bare line integral is far steeper than the film, in every view."""
    pytest.importorskip("numba", reason="numba (extra 'drr') is not installed")
    try:
        folder()
    except MissingError as error:
        pytest.skip(str(error))
    assert script.main(["-o", str(tmp_path), "--size", "256"]) == 0
    page = (tmp_path / "gallery.html").read_text()
    kinds = shown(page)
    assert [kind for kind, _ in kinds] == ["synthetic"] * 9
    slopes = np.array([float(re.findall(r"slope (-?[\d.]+)", said)[0]) for _, said in kinds]).reshape(3, 3)
    assert (slopes[:, 0] > slopes[:, 2] + 0.3).all()
    assert "No real film is on this page" in page


def test_a_folder_that_is_no_projection_ends_in_a_sentence(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["-o", str(tmp_path / "o"), "--drr", str(tmp_path)]) == 2
    assert "hilum project" in capsys.readouterr().out
