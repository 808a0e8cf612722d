"""Balanced draws and film sets."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.learn.batch import FilmSet, draw, join

GROUPS = np.array(["small"] * 5 + ["large"] * 500 + ["left out"] * 20)


def films(count: int, group: str = "a") -> FilmSet:
    return FilmSet(
        frames=np.arange(count, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), np.uint8),
        target=np.zeros((count, 2), np.float32),
        known=np.ones((count, 2), bool),
        chest=np.ones(count, bool),
        views=np.ones((count, 3), bool),
        lung=np.zeros((count, 4, 4), np.uint8),
        lung_weight=np.zeros(count, np.float32),
        group=np.full(count, group),
        patient=np.array([f"{group}{i}" for i in range(count)]),
        split=np.full(count, "train"),
        name=np.array([f"{group}{i}" for i in range(count)]),
    )


def test_shares_hold_whatever_the_size_of_the_groups() -> None:
    rows = np.concatenate([draw(GROUPS, {"small": 3, "large": 1}, size=32, seed=0, step=s) for s in range(50)])
    assert (GROUPS[rows] == "small").mean() == pytest.approx(0.75, abs=0.02)
    assert not (GROUPS[rows] == "left out").any()


def test_every_batch_is_full_and_depends_on_seed_and_step_alone() -> None:
    weights = {"small": 0.1, "large": 0.333, "left out": 0.2, "absent": 5.0}
    batches = [draw(GROUPS, weights, size=17, seed=0, step=s) for s in range(20)]
    assert {len(batch) for batch in batches} == {17}
    assert np.array_equal(batches[3], draw(GROUPS, weights, size=17, seed=0, step=3))
    assert not np.array_equal(batches[3], draw(GROUPS, weights, size=17, seed=1, step=3))


def test_rare_groups_come_up_in_the_long_run() -> None:
    rows = np.concatenate([draw(GROUPS, {"small": 0.01, "large": 0.99}, size=8, seed=0, step=s) for s in range(400)])
    assert (GROUPS[rows] == "small").mean() == pytest.approx(0.01, abs=0.008)


def test_no_weighted_group_is_an_error() -> None:
    with pytest.raises(InputError, match="no film belongs"):
        draw(GROUPS, {"other": 1.0}, size=4, seed=0, step=0)


def test_a_set_is_stored_and_joined_without_loss(tmp_path: Path) -> None:
    both = join([films(3, "a"), films(2, "longer name")])
    both.save(tmp_path / "films.npz")
    again = FilmSet.load(tmp_path / "films.npz")
    assert len(again) == 5
    for item in fields(FilmSet):
        assert np.array_equal(getattr(both, item.name), getattr(again, item.name))


def test_take_keeps_rows_together() -> None:
    part = films(6).take(np.array([4, 1]))
    assert part.name.tolist() == ["a4", "a1"]
    assert part.frames[:, 0, 0].tolist() == [4, 1]


def test_with_lungs_changes_nothing_else() -> None:
    base = films(2)
    changed = base.with_lungs(np.full((2, 4, 4), 255, np.uint8), np.ones(2, np.float32))
    assert changed.lung.min() == 255
    assert changed.frames is base.frames
    assert base.lung.max() == 0
