"""Pictures to refuse: in range, varied and repeatable."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.learn import decoys


@pytest.mark.parametrize("make", [decoys.texture, decoys.limb, decoys.page, decoys.drawn])
def test_drawings_are_pictures_and_repeat(make) -> None:
    for seed in range(6):
        first, second = (make(np.random.default_rng(seed), 64) for _ in range(2))
        assert first.shape == (64, 64)
        assert first.dtype == np.float32
        assert 0.0 <= first.min() <= first.max() <= 1.0
        assert first.std() > 0.0
        assert np.array_equal(first, second)


def test_a_limb_is_brighter_on_its_bone_than_in_air() -> None:
    shadow = decoys.limb(np.random.default_rng(1), 128)
    assert np.percentile(shadow, 99) > np.percentile(shadow, 5) + 0.5


def test_crops_are_smaller_and_from_the_picture() -> None:
    picture = np.arange(10000, dtype=np.float32).reshape(100, 100)
    cut = decoys.crop(picture, np.random.default_rng(0), low=0.2, high=0.4)
    assert all(20 <= side <= 40 for side in cut.shape)
    assert np.isin(cut, picture).all()


def test_ct_slices_are_windowed() -> None:
    volume = np.random.default_rng(0).normal(0, 600, (20, 30, 40)).astype(np.float32)
    shapes = {decoys.ct_slice(volume, np.random.default_rng(seed)).shape for seed in range(30)}
    assert shapes == {(30, 40), (20, 40), (20, 30)}


def test_photographs_are_read_in_name_order_and_other_files_left(tmp_path: Path) -> None:
    for name, level in (("b.png", 255), ("a.png", 0)):
        Picture.new("RGB", (6, 4), (level,) * 3).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    found = decoys.photographs(tmp_path)
    assert [picture.mean() for picture in found] == [0.0, 1.0]
    assert found[0].shape == (4, 6)
