"""Stored shots: what comes back is what went in, to half precision, and nothing else is read."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.phantom.imaging import expose, shoot
from hilum.phantom.imaging_cost import study_seconds
from hilum.phantom.imaging_store import load_shot, save_shot, shot_bytes
from hilum.phantom.patient import Shot
from tests.phantom.simple_chest import ball, chest_anatomy, chest_body, still, with_lesion


@pytest.fixture(scope="module")
def shot() -> Shot:
    ill, placed = with_lesion(chest_anatomy(), ball((66.0, 0.0, 30.0), (15.0, 15.0, 15.0)), 40.0)
    return shoot(ill, [placed], still(), "PA", size=64)


def test_a_shot_comes_back_to_half_precision(shot: Shot, tmp_path: Path) -> None:
    back = load_shot(save_shot(shot, tmp_path / "deep" / "one.npz"))
    for group in ("maps", "paths", "lesions"):
        held, found = getattr(shot, group), getattr(back, group)
        assert list(held) == list(found)
        for name, pixels in held.items():
            assert found[name].dtype == np.float32
            assert np.allclose(found[name], pixels, rtol=2**-11, atol=1e-7)
    assert (back.view, back.fine, back.size) == ("PA", shot.fine, (64, 64))
    assert (dict(back.visible), dict(back.least_mm), dict(back.log)) == (shot.visible, shot.least_mm, shot.log)
    assert np.array_equal(back.geometry.corner, shot.geometry.corner)
    assert back.geometry.orientation == shot.geometry.orientation
    assert not list(tmp_path.rglob("*.partial"))


def test_a_stored_shot_makes_the_same_film_and_masks(shot: Shot) -> None:
    """Half precision is 0.1 % of a map: far under the grain."""
    first, second = (expose(each, still(), seed=3) for each in (shot, load_shot(shot_bytes(shot))))
    assert np.abs(first.image.pixels - second.image.pixels).mean() < 0.01
    assert first.log["exposure"] == second.log["exposure"]
    differ = first.masks["nodule-1"].pixels ^ second.masks["nodule-1"].pixels
    assert differ.sum() <= 1


def test_the_same_shot_is_the_same_bytes(shot: Shot) -> None:
    assert shot_bytes(shot) == shot_bytes(shot)
    assert shot_bytes(load_shot(shot_bytes(shot))) == shot_bytes(shot)


def test_what_is_no_shot_is_refused(shot: Shot, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="hold no shot"):
        load_shot(b"not an archive")
    with pytest.raises(InputError, match=r"absent\.npz"):
        load_shot(tmp_path / "absent.npz")
    buffer = io.BytesIO()
    np.savez(buffer, record=np.array([{"version": 1}], dtype=object))
    with pytest.raises(InputError, match="hold no shot"):
        load_shot(buffer.getvalue())
    with np.load(io.BytesIO(shot_bytes(shot))) as held:
        arrays = dict(held)
    arrays["record"] = np.frombuffer(arrays["record"].tobytes().replace(b'"version": 1', b'"version": 9'), np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    with pytest.raises(InputError, match="version 9"):
        load_shot(buffer.getvalue())


def test_the_cost_of_a_study_is_the_sum_of_its_stages() -> None:
    found = study_seconds(chest_body(), size=32, repeats=1)
    assert set(found) == {"body", "shoot", "expose", "views and masks", "study"}
    assert found["views and masks"] == pytest.approx(found["shoot"] + found["expose"])
    assert found["study"] == pytest.approx(found["body"] + found["views and masks"])
    assert min(found.values()) > 0
