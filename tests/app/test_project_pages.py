"""The pages of projected CTs: every film and structure is there, nothing from outside, nothing unescaped."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from hilum.app.project_case import project_ct
from hilum.app.project_geometry import geometry_picture
from hilum.app.project_index import write_index
from hilum.app.project_outputs import write_projected
from hilum.app.project_run import Row
from hilum.app.project_settings import Settings
from hilum.data.ct import Case
from hilum.drr.geometry import aim
from tests.app.test_project_case import named
from tests.data.made_ct import chest, nifti, upright

pytest.importorskip("nibabel", reason="nibabel (extra 'volume') is not installed")
pytest.importorskip("numba", reason="numba (extra 'drr') is not installed")

SHAPE = (26, 34, 40)


def test_the_page_shows_films_structures_and_their_making(tmp_path: Path) -> None:
    hu, ids = chest()
    masks = nifti(tmp_path / "m.nii.gz", named(ids))
    case = Case("<b>ct</b>", str(nifti(tmp_path / "a.nii.gz", hu)), masks=(str(masks),), remarks=("a <i>remark</i>",))
    settings = Settings(views=("LL", "PA"), labels=("heart", "lungs"), size=(64, 64), physics="raw", formats=("html",))
    write_projected(tmp_path / "out", project_ct(case, settings), settings, extra={"licence": "CC BY 4.0"})
    page = (tmp_path / "out" / "page.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 2
    assert page.index("PA.png") < page.index("LL.png")  # hung as usual: frontal left
    assert page.count('class="mark present"') == 4
    assert "SYNTHETIC" in page
    assert "CC BY 4.0" in page
    assert "a &lt;i&gt;remark&lt;/i&gt;" in page
    assert "<b>ct</b>" not in page
    outside = [found for found in re.findall(r'(?:src|href)="([^"]+)"', page) if not found.startswith(("data:", "#"))]
    assert outside == []


def test_the_picture_of_the_geometry_is_drawn_to_scale() -> None:
    affine = upright()
    geometry = aim(affine, SHAPE, view="PA", detector=(64, 64), source_detector_mm=1000, source_isocentre_mm=800)
    drawn = ET.fromstring(geometry_picture(geometry, affine, SHAPE))
    space = "{http://www.w3.org/2000/svg}"
    above = drawn.findall(f"{space}g")[0]
    source, iso = (above.find(f"{space}circle[@class='{kind}']") for kind in "si")
    assert source is not None
    assert iso is not None
    lines = [each for each in above.findall(f"{space}line") if each.get("class") == "d"]
    detector = np.mean([float(each.get(key, "")) for each in lines for key in ("y1", "y2")])
    start, middle = float(source.get("cy", "")), float(iso.get("cy", ""))
    assert (start - middle) / (start - detector) == pytest.approx(0.8, abs=0.01)
    assert start > middle > detector  # a PA source stands behind: downwards, seen from above
    words = " ".join(each.text or "" for each in drawn.iter(f"{space}text"))
    assert "source to detector 1000 mm" in words
    assert "magnification 1.250" in words


def test_parallel_rays_have_no_focal_spot_in_the_picture() -> None:
    geometry = aim(upright(), SHAPE, view="LL", detector=(64, 64), parallel=True)
    drawn = geometry_picture(geometry, upright(), SHAPE)
    assert "parallel rays" in drawn
    assert 'class="s"' not in drawn


def test_the_index_lists_failures_first_and_escapes(tmp_path: Path) -> None:
    rows = [Row("good", "kept", films=()), Row("bad", "failed", reason="it is <torn>")]
    page = write_index(tmp_path, rows).read_text()
    assert page.index("it is &lt;torn&gt;") < page.index("good")
    assert "1 projected, 1 failed" in page


def test_a_browser_runs_the_page_and_a_click_picks_a_structure(tmp_path: Path) -> None:
    from tests.app.test_page_browser import BROWSER, browse

    if BROWSER is None:
        pytest.skip("needs a Chromium browser")
    hu, ids = chest()
    masks = nifti(tmp_path / "m.nii.gz", named(ids))
    case = Case("ct", str(nifti(tmp_path / "a.nii.gz", hu)), masks=(str(masks),))
    settings = Settings(views=("PA", "LL"), labels=("heart", "lungs"), size=(64, 64), physics="raw", formats=("html",))
    write_projected(tmp_path / "out", project_ct(case, settings), settings, extra={})
    page = (tmp_path / "out" / "page.html").read_text()
    steps = ["click('.finding[data-f=\"2\"] a')", "key('o')", "key('f')", "key('Escape')"]
    picked, hidden, alone, none = browse(page, tmp_path, steps=steps)
    assert (picked["rows"], picked["marks"]) == (["2"], ["2", "2"])
    assert hidden["overlay"] == "none"
    assert alone["alone"] == 1
    assert none["rows"] == []
