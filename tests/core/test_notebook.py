"""How records show themselves: pictures and tables that are safe to put on a page."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.core.finding import Finding
from hilum.core.image import Image, Volume
from hilum.core.notebook import png, study_html
from hilum.core.region import Mask
from hilum.core.study import Study


@pytest.mark.parametrize("shape", [(4, 7), (600, 300), (1, 1), (513, 1025)])
def test_the_png_keeps_aspect_and_is_never_larger_than_asked(shape: tuple[int, int]) -> None:
    picture = Picture.open(io.BytesIO(png(np.zeros(shape, np.float32), longest=256)))
    assert max(picture.size) <= 256
    if min(shape) > 16:
        assert picture.size[0] / picture.size[1] == pytest.approx(shape[1] / shape[0], rel=0.05)


def test_values_outside_the_range_are_clipped() -> None:
    shown = np.asarray(Picture.open(io.BytesIO(png(np.array([[-1.0, 0.5, 2.0]], np.float32)))))
    assert shown.tolist() == [[0, 128, 255]]


def test_a_study_shows_films_findings_and_the_caution_and_escapes_names() -> None:
    film = Image(np.eye(8, dtype=np.float32), view="PA")
    study = Study("<script>", images=(film,), findings=(Finding("lung opacity", "present", 0.4, "platt"),))
    html = study_html(study)
    assert "<script>" not in html
    assert "lung opacity" in html
    assert "0.40" in html
    assert "Research use only" in html
    assert html == study._repr_html_()
    assert film._repr_png_() == png(film.display())


def test_every_record_has_a_line_of_its_own() -> None:
    film = Image(lambda: np.zeros((2, 3)), view="LL", id="a")
    study = Study("s", images=(film,), findings=(Finding("nodule", change="new", sites=("right lung",)),))
    assert repr(film) == "Image(LL, not loaded, id='a')"
    assert "2 x 3" in repr(Image(np.zeros((2, 3)), id="b"))
    assert repr(study) == "Study('s', LL, 1 findings)"
    assert "right lung" in repr(study.findings[0])
    assert "area=1" in repr(Mask(np.array([[True, False]])))
    assert "spacing" in repr(Volume(np.zeros((1, 1, 1)), np.eye(4)))
