"""DenseNet against the parameter counts that are published for it, and its shapes."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from hilum.nets.densenet import DenseNet  # noqa: E402


@pytest.mark.parametrize(("blocks", "expected"), [((6, 12, 24, 16), 7_978_856), ((6, 12, 32, 32), 14_149_480)])
def test_the_parameters_are_as_many_as_published(blocks: tuple[int, ...], expected: int) -> None:
    """DenseNet-121 and -169 for 1,000 classes of colour pictures."""
    net = DenseNet(1000, blocks=blocks, channels=3)
    assert sum(p.numel() for p in net.parameters()) == expected


def test_films_of_any_size_become_logits() -> None:
    net = DenseNet(18, blocks=(1, 1, 1, 1), growth=4, stem=8).eval()
    with torch.no_grad():
        for size in (32, 64, 96):
            assert net(torch.rand(2, 1, size, size)).shape == (2, 18)
        maps = net.trunk(torch.rand(1, 1, 96, 96))
    assert maps.shape[-1] == 3  # a thirty-second of the side
