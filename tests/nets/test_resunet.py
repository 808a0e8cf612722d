"""The residual U-Net: shapes, size at the published depth, and that it can learn a mask."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from hilum.core.errors import InputError  # noqa: E402
from hilum.nets.resunet import RESNET50, SMALL, Residual, ResUNet, Shape  # noqa: E402


@pytest.mark.parametrize("size", [(64, 64), (96, 64), (65, 50)])
def test_maps_have_the_films_own_size(size: tuple[int, int]) -> None:
    net = ResUNet(classes=5).eval()
    assert net(torch.zeros(2, 1, *size)).shape == (2, 5, *size)


def test_the_published_encoder_is_resnet_50() -> None:
    """23.5 million weights in the encoder without its classifier, as He et al. count (25.6 million with it)."""
    net = ResUNet(classes=166, shape=RESNET50, channels=3)
    encoder = [*net.stem.parameters(), *net.stages.parameters()]
    assert sum(p.numel() for p in encoder) == pytest.approx(23_508_032, abs=1)
    assert net.predict.out_channels == 166


def test_the_small_net_is_small() -> None:
    assert sum(p.numel() for p in ResUNet(classes=15, shape=SMALL).parameters()) < 200_000


def test_a_block_with_silent_layers_is_the_identity_on_what_is_not_negative() -> None:
    block = Residual(8, 8, stride=1, bottleneck=False).eval()
    for p in block.layers.parameters():
        torch.nn.init.zeros_(p)
    x = torch.rand(1, 8, 6, 6)
    assert torch.equal(block(x), x)


def test_lists_of_other_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="one entry for each stage"):
        ResUNet(classes=1, shape=Shape(8, (8, 8), (1,), (8, 8)))
