"""Small towers: shapes, padding that changes nothing, places that differ, and rows that do not know of each other."""

import pytest
import torch

from hilum.nets.towers import SmallImage, SmallText, masked_mean, sine_places


@pytest.mark.parametrize(("stride", "grid"), [(8, (14, 14)), (16, (7, 7))])
def test_patches_lie_on_the_grid(stride: int, grid: tuple[int, int]) -> None:
    net = SmallImage(32, stride=stride)
    seen = net(torch.rand(2, 1, 112, 112))
    assert seen.grid == grid
    assert seen.patches.shape == (2, grid[0] * grid[1], 32)
    assert seen.pooled.shape == (2, 32)


def test_another_stride_is_refused() -> None:
    with pytest.raises(ValueError, match="8 or 16"):
        SmallImage(32, stride=7)


def test_a_film_is_seen_alike_alone_and_in_company() -> None:
    net, films = SmallImage(32), torch.rand(3, 1, 48, 48)
    net.train()
    assert torch.allclose(net(films).patches[1], net(films[1:2]).patches[0], atol=1e-5)


def test_where_a_patch_lies_is_told() -> None:
    codes = sine_places((6, 5), 32)
    apart = torch.cdist(codes, codes) + torch.eye(30)
    assert codes.shape == (30, 32)
    assert float(apart.min()) > 1e-3
    blank = SmallImage(32, place=False)
    patches = blank(torch.full((1, 1, 64, 64), 0.5)).patches[0]
    assert torch.allclose(patches, patches[:1], atol=1e-6)


def test_padding_changes_nothing() -> None:
    net = SmallText(20, 16, depth=2).eval()
    ids = torch.tensor([[3, 4, 5]])
    padded = torch.tensor([[3, 4, 5, 0, 0]])
    assert torch.allclose(net(ids, ids != 0).pooled, net(padded, padded != 0).pooled, atol=1e-5)


def test_an_empty_text_is_zero_and_finite() -> None:
    net = SmallText(20, 16)
    told = net(torch.zeros(2, 3, dtype=torch.int64), torch.zeros(2, 3, dtype=torch.bool))
    assert torch.equal(told.pooled, torch.zeros(2, 16))
    assert bool(torch.isfinite(told.words).all())


def test_the_mean_is_of_words_that_are_there() -> None:
    words = torch.tensor([[[1.0], [3.0], [100.0]]])
    assert masked_mean(words, torch.tensor([[True, True, False]])).item() == 2.0
