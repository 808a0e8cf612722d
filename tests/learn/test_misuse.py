"""Right films used wrongly: each change undone gives the film back."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.learn import misuse


def film() -> np.ndarray:
    return np.random.default_rng(3).random((40, 60)).astype(np.float32)


def test_a_turned_film_turned_on_comes_round() -> None:
    once = misuse.turned(film(), "turned 90")
    assert once.shape == (60, 40)
    assert np.array_equal(misuse.turned(once, "turned 270"), film())
    assert np.array_equal(misuse.turned(misuse.turned(film(), "turned 180"), "turned 180"), film())
    assert np.array_equal(once[-1], film()[:, 0])  # counter-clockwise: the left side comes to lie at the bottom


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9, 1.0])
def test_a_part_has_its_share_of_each_side_and_lies_where_told(share: float) -> None:
    numbered = np.arange(2400, dtype=np.float32).reshape(40, 60)
    cut = misuse.part(numbered, share, down=1.0, across=0.0)
    assert cut.shape == (round(40 * share), round(60 * share))
    assert cut[-1, 0] == numbered[-1, 0]
    assert misuse.part(numbered, share, down=0.0, across=1.0)[0, -1] == numbered[0, -1]


def test_a_film_is_misused_in_three_ways_that_a_seed_repeats() -> None:
    ways = set()
    for seed in range(30):
        first, second = (misuse.misused(film(), np.random.default_rng(seed)) for _ in range(2))
        assert first.keys() == second.keys()
        assert all(np.array_equal(first[name], second[name]) for name in first)
        assert np.allclose(first["inverted"] + film(), 1.0)
        height, width = first["cropped"].shape
        assert 10 <= height <= 26
        assert 15 <= width <= 39
        ways |= set(first) - {"inverted", "cropped"}
    assert ways == set(misuse.TURNS)
