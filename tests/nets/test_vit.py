"""The plain vision transformer: published size, grid order, and what it refuses."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from hilum.core.errors import InputError  # noqa: E402
from hilum.nets.vit import VIT_L_16, PlainViT, Shape  # noqa: E402

SMALL = Shape(size=32, patch=8, width=16, layers=2, heads=2)


def test_the_published_encoder_has_the_weights_of_a_vit_l_of_one_channel() -> None:
    """12 w^2 + 13 w a layer, a 16 x 16 cut, 1,025 places, the token and the last norm."""
    with torch.device("meta"):
        net = PlainViT(VIT_L_16)
    w = 1024
    expected = 24 * (12 * w * w + 13 * w) + (256 * w + w) + 1025 * w + w + 2 * w
    assert sum(each.numel() for each in net.parameters()) == expected
    with torch.device("meta"):
        seen = net(torch.zeros(1, 1, 512, 512))
    assert seen.patches.shape == (1, 1024, 1024)
    assert seen.grid == (32, 32)


def test_patches_are_row_by_row() -> None:
    torch.manual_seed(0)
    net = PlainViT(SMALL).eval()
    film = torch.zeros(1, 1, 32, 32)
    with torch.no_grad():
        plain = net.cut(film)
        film[0, 0, 8:16, 24:] = 1.0  # second row, fourth column
        changed = (net.cut(film) - plain).abs().sum(1).flatten(1)[0]
        seen = net(film)
    assert changed.argmax().item() == 1 * 4 + 3
    assert seen.patches.shape == (1, 16, 16)
    assert seen.pooled.shape == (1, 16)
    assert seen.grid == (4, 4)


def test_all_of_it_learns() -> None:
    net = PlainViT(SMALL)
    seen = net(torch.rand(2, 1, 32, 32))
    (seen.pooled.square().sum() + seen.patches.square().sum()).backward()
    assert [name for name, each in net.named_parameters() if each.grad is None] == []


@pytest.mark.parametrize("shape", [Shape(size=500), Shape(width=100, heads=16)])
def test_shapes_that_cannot_be_cut_are_refused(shape: Shape) -> None:
    with pytest.raises(InputError, match="no whole number"):
        PlainViT(shape)


def test_films_of_another_size_are_refused() -> None:
    with pytest.raises(InputError, match="expected films"):
        PlainViT(SMALL)(torch.rand(1, 3, 32, 32))
