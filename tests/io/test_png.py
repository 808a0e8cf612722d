"""Grey PNG files: every 16-bit value comes back, with the words about them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.core.errors import InputError
from hilum.io.png import png_words, save_png


@pytest.mark.parametrize("kind", [np.uint16, np.uint8, np.bool_])
def test_every_value_comes_back(tmp_path: Path, kind: type, draw: np.random.Generator) -> None:
    top = 2 if kind is np.bool_ else np.iinfo(kind).max
    pixels = draw.integers(0, top, (31, 17)).astype(kind)
    path = save_png(pixels, tmp_path / "a.png", words={"Description": "SYNTHETIC: made"})
    with Picture.open(path) as picture:
        np.testing.assert_array_equal(np.asarray(picture).astype(kind), pixels)
    assert png_words(path) == {"Description": "SYNTHETIC: made"}


def test_only_grey_whole_numbers_are_written(tmp_path: Path) -> None:
    for pixels in (np.zeros((3, 3), np.float32), np.zeros((3, 3, 3), np.uint8)):
        with pytest.raises(InputError, match="grey PNG needs"):
            save_png(pixels, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []
