"""Fitting masks: what is learnt, what moves together, and that arms of one seed see the same."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.segment import _moved, _scaled, centred, fit_masks, read_masks, read_zoomed  # noqa: E402
from hilum.nets.resunet import ResUNet, Shape  # noqa: E402

TINY = Shape(8, (8, 12), (1, 1), (12, 8))


def squares(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Films with one bright and one dark square, and the two masks."""
    rng = np.random.default_rng(seed)
    films = rng.normal(0.5, 0.02, (count, 32, 32)).astype(np.float32)
    masks = np.zeros((count, 2, 32, 32), bool)
    for film, mask in zip(films, masks, strict=True):
        for k, level in enumerate((0.4, -0.4)):
            row, column = rng.integers(2, 20, 2)
            mask[k, row : row + 9, column : column + 9] = True
            film[mask[k]] += level
    return films, masks


def test_two_overlapping_classes_are_learnt() -> None:
    films, masks = squares(48, 0)
    torch.manual_seed(0)
    net = fit_masks(ResUNet(classes=2, shape=TINY), films, masks, steps=150, batch=8, rate=1e-2, seed=0, turn_deg=0)
    seen, truth = squares(12, 9)
    said = read_masks(net, seen) > 0.5
    dice = 2 * (said & truth).sum() / (said.sum() + truth.sum())
    assert dice > 0.7
    assert not net.training


def test_the_same_seed_gives_the_same_net() -> None:
    films, masks = squares(8, 0)

    def trained() -> np.ndarray:
        torch.manual_seed(3)
        tone = lambda film, rng: film * np.float32(rng.uniform(0.5, 1))  # noqa: E731
        net = fit_masks(ResUNet(classes=2, shape=TINY), films, masks, steps=3, batch=4, seed=5, tone=tone)
        return read_masks(net, films)

    assert np.array_equal(trained(), trained())


def test_films_and_masks_move_together() -> None:
    films, masks = squares(6, 1)
    film, mask = centred(films), torch.from_numpy(masks).float()
    moved, followed = _moved(film, mask, np.random.default_rng(0), 10.0, 0.2)
    assert not torch.allclose(moved, film)
    bright = [float(m[0][f[0] > 0].mean()) for m, f in zip(moved, followed, strict=True)]
    elsewhere = [float(m[0][f.sum(0) == 0].mean()) for m, f in zip(moved, followed, strict=True)]
    assert min(b - e for b, e in zip(bright, elsewhere, strict=True)) > 0.3
    assert set(followed.unique().tolist()) <= {0.0, 1.0}


def test_grey_level_and_contrast_do_not_reach_the_net() -> None:
    films, _ = squares(3, 2)
    assert torch.allclose(centred(films), centred(0.3 * films + 0.2), atol=1e-4)


def test_what_does_not_belong_together_is_refused() -> None:
    films, masks = squares(4, 0)
    with pytest.raises(InputError, match="do not belong together"):
        fit_masks(ResUNet(classes=2, shape=TINY), films, masks[:3], steps=1)
    with pytest.raises(InputError, match="do not belong together"):
        fit_masks(ResUNet(classes=2, shape=TINY), films[:0], masks[:0], steps=1)


class Bright(torch.nn.Module):
    """Says yes where a film is brighter than its mean."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = torch.nn.Parameter(torch.tensor(20.0))

    def forward(self, film: torch.Tensor) -> torch.Tensor:
        return film * self.gain


def test_a_middle_goes_there_and_back() -> None:
    rows = np.linspace(0, 1, 64, dtype=np.float32)
    ramp = np.broadcast_to(rows[:, None], (64, 64))[None, None].copy()
    middle = _scaled(ramp, 0.5)
    assert middle[0, 0, 0, 0] == pytest.approx(0.25, abs=0.01)
    assert middle[0, 0, -1, 0] == pytest.approx(0.75, abs=0.01)
    assert _scaled(middle, 2.0)[0, 0, 16:48] == pytest.approx(ramp[0, 0, 16:48], abs=0.02)


def test_reading_middles_too_keeps_masks_in_place() -> None:
    films = np.zeros((2, 64, 64), np.float32)
    films[0, 20:40, 10:30] = films[1, :2, :2] = 1
    whole, middles = read_masks(Bright(), films) > 0.5, read_zoomed(Bright(), films) > 0.5
    assert middles.shape == (2, 1, 64, 64)
    assert (whole[0] != middles[0]).sum() <= 0.2 * whole[0].sum()  # its edge at most
    assert np.array_equal(whole[1], middles[1])  # outside every middle the whole film's reading stands
    assert np.array_equal(read_zoomed(Bright(), films, zooms=()), read_masks(Bright(), films))
