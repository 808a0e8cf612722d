"""Batches with drawn opacities: what is drawn is labelled, and nothing else is claimed of it."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs hilum[train]")

from dataclasses import replace  # noqa: E402

from hilum.learn.augment import Augment  # noqa: E402
from hilum.learn.insert import Insert  # noqa: E402
from hilum.systems._embedded_objective import batches  # noqa: E402
from hilum.systems._embedded_recipe import Recipe  # noqa: E402
from tests.systems.test_embedded_sampling import OPACITY, films  # noqa: E402

STILL = Augment(turned=0.0, negative=0.0, curve=0.0, noise=0.0, marker=0.0, cutout=0.0, border=0.0, coarse=0.0)


def masked(opaque: int, weight: float = 1.0):
    given = films([1, 2], [opaque] * 2, ["PA"] * 2)
    frames = np.full((2, 96, 96), 200, np.uint8)
    lung = np.zeros((2, 96, 96), np.uint8)
    lung[:, 20:80, 12:42] = lung[:, 20:80, 54:84] = 255
    frames[lung > 0] = 50
    return replace(given, frames=frames, lung=lung, lung_weight=np.full(2, weight, np.float32))


def recipe(chance: float) -> Recipe:
    return Recipe(batch=16, shares={"nih512": 1.0}, augment=STILL, insert=Insert(chance=chance))


def test_a_drawn_opacity_is_positive_and_all_else_unknown() -> None:
    batch = batches(masked(0), recipe(1.0), size=96, seed=0)(0)
    drawn = batch.target[:, OPACITY] > 0
    assert drawn.float().mean() > 0.5
    assert batch.known[drawn].sum(dim=1).tolist() == [1] * int(drawn.sum())
    assert batch.known[drawn][:, OPACITY].all()
    assert batch.known[~drawn].all()


@pytest.mark.parametrize("opaque, weight, chance", [(1, 1.0, 1.0), (0, 0.0, 1.0), (0, 1.0, 0.0)])
def test_nothing_is_drawn_on_opaque_films_or_without_a_mask_or_unasked(
    opaque: int, weight: float, chance: float
) -> None:
    batch = batches(masked(opaque, weight), recipe(chance), size=96, seed=0)(0)
    assert batch.target[:, OPACITY].tolist() == [float(opaque)] * 16
    assert batch.known.all()
