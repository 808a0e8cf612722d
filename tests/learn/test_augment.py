"""Augmentation: turns and polarity are what they claim, masks follow frames, draws repeat."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hilum.learn.augment import Augment, augment  # noqa: E402

STILL = Augment(
    rotate_deg=0, zoom=0, stretch=0, shift=0, mirror=0, turned=0, negative=0, coarse=0, gamma=0, contrast=0, noise=0,
    marker=0, cutout=0, border=0, curve=0,
)  # fmt: skip


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def film() -> torch.Tensor:
    ramp = torch.linspace(0.1, 0.9, 32)
    return (0.7 * ramp[None, :] + 0.3 * ramp[:, None]).expand(6, 1, 32, 32).clone()


def test_turns_are_quarter_turns_counter_clockwise(film: torch.Tensor) -> None:
    how = Augment(**{**STILL.__dict__, "turned": 1.0})
    varied = augment(film, film, size=32, how=how, rng=generator())
    assert set(varied.turns.tolist()) <= {1, 2, 3}
    for index, turns in enumerate(varied.turns.tolist()):
        expected = np.rot90(film[index, 0].numpy(), turns)
        assert np.abs(varied.mask[index, 0].numpy() - expected).max() < 1e-4


def test_negative_films_are_complements_inside_the_picture_only(film: torch.Tensor) -> None:
    film[:, :, :, :8] = 0.0
    how = Augment(**{**STILL.__dict__, "negative": 1.0})
    varied = augment(film, film, size=32, how=how, rng=generator())
    assert varied.negative.all()
    assert float(varied.film[..., :7].max()) == 0.0
    assert float(varied.film[0, 0, 0, 9]) > float(varied.film[0, 0, 31, 31])


def test_mirror_flips_left_and_right(film: torch.Tensor) -> None:
    how = Augment(**{**STILL.__dict__, "mirror": 1.0})
    varied = augment(film, film, size=32, how=how, rng=generator())
    assert torch.allclose(varied.mask, film.flip(-1), atol=1e-4)


def test_mask_moves_with_the_frame() -> None:
    film = torch.zeros(8, 1, 64, 64)
    film[:, :, 20:44, 16:48] = 1.0
    how = Augment(coarse=0, curve=0, gamma=0, contrast=0, noise=0, marker=0, cutout=0, border=0, negative=0)
    varied = augment(film, film, size=64, how=how, rng=generator())
    inside, outside = varied.mask > 0.9, varied.mask < 0.1
    assert (varied.film[inside] > 0.8).all()
    assert (varied.film[outside] < 0.2).all()


def test_same_generator_gives_the_same_batch(film: torch.Tensor) -> None:
    first, second = (augment(film, film, size=32, how=Augment(), rng=generator(5)) for _ in range(2))
    assert torch.equal(first.film, second.film)
    assert not torch.equal(first.film, augment(film, film, size=32, how=Augment(), rng=generator(6)).film)


def test_films_stay_in_range(film: torch.Tensor) -> None:
    varied = augment(film, film, size=48, how=Augment(), rng=generator(3))
    assert varied.film.shape == (6, 1, 48, 48)
    assert float(varied.film.min()) >= 0.0
    assert float(varied.film.max()) <= 1.0


def test_a_tone_curve_rises_and_keeps_black_and_white(film: torch.Tensor) -> None:
    how = Augment(**{**STILL.__dict__, "curve": 1.0})
    wide = (film - film.min()) / (film.max() - film.min())
    varied = augment(wide, wide, size=32, how=how, rng=generator()).film
    order = wide[0, 0].flatten().argsort()
    for picture in varied:
        assert (picture.flatten()[order].diff() >= -1e-5).all()
    assert not torch.allclose(varied, wide, atol=0.02)
