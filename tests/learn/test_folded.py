"""Masks out of fold: a network never reads a film it has learnt from, and what it learnt carries over to others."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.learn.folded import folded_masks


def discs(draw: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Bright discs of any place on a dark ground, and where they are."""
    y, x = np.mgrid[0:48, 0:48]
    at = draw.uniform(14, 34, (count, 2))
    masks = np.stack([np.hypot(y - a, x - b) < 9 for a, b in at])
    films = 0.2 + 0.5 * masks + 0.05 * draw.normal(size=masks.shape)
    return films.astype(np.float32), masks[:, None]


@pytest.mark.slow
def test_discs_are_found_on_films_that_were_not_learnt_from(draw: np.random.Generator) -> None:
    films, masks = discs(draw, 20)
    others, truth = discs(draw, 5)
    own, rest = folded_masks(films, masks, np.arange(20) % 2, others, steps=50)
    for found, true in ((own > 0.5, masks), (rest > 0.5, truth)):
        assert found.shape == true.shape
        assert 2 * (found & true).sum() / (found.sum() + true.sum()) > 0.8


def test_films_with_an_empty_mask_teach_nothing_but_are_read(draw: np.random.Generator) -> None:
    films, masks = discs(draw, 12)
    masks[3] = False
    own, rest = folded_masks(films, masks, np.arange(12) % 2, films[:0], steps=3)
    assert own.shape == (12, 1, 48, 48)
    assert rest.shape == (0, 1, 48, 48)
    assert own[3].max() > 0
    with pytest.raises(InputError, match="do not belong together"):
        folded_masks(films, np.zeros_like(masks), np.arange(12) % 2, films[:0], steps=1)
