"""UPerNet over taps: sizes, the pyramid, what is frozen, and that it learns where a square lies."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.fit import Fit, fit  # noqa: E402
from hilum.learn.objectives.segment import dice_cross_entropy  # noqa: E402
from hilum.nets.decoders import BINS, Pyramid, UperHead, UperNet, tapped_blocks  # noqa: E402
from hilum.nets.encoders import image_encoder  # noqa: E402
from tests.nets.encoders import BLOCKS, IMAGE, noise  # noqa: E402

PLAIN: dict[str, Any] = {"blocks": (1, 1, 1, 1), "width": 8}


def encoder(name: str) -> Any:
    torch.manual_seed(0)
    if name == "resnet50":
        return image_encoder(name, size=64, config=PLAIN)
    more = {"num_hidden_layers": 4} if name in ("vit", "dinov2", "siglip", "clip") else {}
    return image_encoder(name, size=64, config={**IMAGE[name], **more})


@pytest.mark.parametrize(
    ("depth", "blocks"), [(12, (3, 5, 7, 11)), (24, (7, 11, 15, 23)), (4, (1, 1, 2, 3)), (1, (0,) * 4)]
)
def test_blocks_are_tapped_as_benchx_does(depth: int, blocks: tuple[int, ...]) -> None:
    assert tapped_blocks(depth) == blocks


def test_no_block_is_refused() -> None:
    with pytest.raises(InputError, match="at least one block"):
        tapped_blocks(0)


def test_the_pyramid_is_four_two_one_and_a_half() -> None:
    maps = Pyramid((8, 6, 4, 2))([noise(2, c, 6, 10) for c in (8, 6, 4, 2)])
    assert [tuple(each.shape[1:]) for each in maps] == [(8, 24, 40), (6, 12, 20), (4, 6, 10), (2, 3, 5)]
    assert float(maps[3].max()) == pytest.approx(float(noise(2, 2, 6, 10).max()))  # the largest of each four


def test_the_head_counts_as_drawn() -> None:
    """Weights by the paper's figure: pooled grids, the deepest level, sides, smoothing, the join and the logits."""
    taps, width, classes = (3, 5, 7, 9), 4, 2

    def layer(inputs: int, kernel: int) -> int:
        return inputs * width * kernel * kernel + 2 * width

    expected = len(BINS) * layer(9, 1) + layer(9 + len(BINS) * width, 3)
    expected += sum(layer(each, 1) for each in taps[:-1]) + 3 * layer(width, 3)
    expected += layer(4 * width, 3) + width * classes + classes
    assert sum(p.numel() for p in UperHead(taps, classes=classes, width=width).parameters()) == expected


@torch.no_grad()
def test_a_mean_of_the_deepest_map_is_seen_everywhere() -> None:
    """The coarsest bin is the mean of the whole map: a far corner changes every logit."""
    torch.manual_seed(0)
    head = UperHead((2, 2, 2, 2), classes=1, width=4).eval()
    maps = [noise(1, 2, side, side) for side in (32, 16, 8, 4)]
    changed = [*maps[:3], maps[3].clone()]
    changed[3][..., -1, -1] += 9.0
    moved = (head(maps) - head(changed)).abs()
    assert float(moved[..., :4, :4].min()) >= 0.0
    assert float(moved[..., :4, :4].max()) > 0.0


@pytest.mark.parametrize("name", ["vit", "dinov2", "siglip", "clip", "resnet", "swinv2", "resnet50"])
def test_any_encoder_is_drawn_on_at_the_size_of_the_film(name: str) -> None:
    net = UperNet(encoder(name), classes=3, width=8).eval()
    drawn = net.both(noise(2, 1, 48, 80))
    assert drawn.logits.shape == (2, 3, 48, 80)
    assert drawn.auxiliary is not None
    assert drawn.auxiliary.shape == (2, 3, 48, 80)
    assert net(noise(1, 1, 64, 64)).shape == (1, 3, 64, 64)


def test_a_frozen_encoder_neither_learns_nor_moves_its_norms() -> None:
    net = UperNet(encoder("resnet50"), classes=1, width=8).train()
    before = {name: value.clone() for name, value in net.encoder.state_dict().items()}
    net.both(noise(2, 1, 64, 64)).logits.mean().backward()
    assert all(p.grad is None for p in net.encoder.parameters())
    assert all(torch.equal(value, before[name]) for name, value in net.encoder.state_dict().items())
    assert not net.encoder.training
    assert all(p.grad is not None for p in net.decoder.parameters())


def test_a_tuned_encoder_learns() -> None:
    net = UperNet(encoder("vit"), classes=1, width=8, frozen=False, auxiliary=False).train()
    drawn = net.both(noise(2, 1, 64, 64))
    assert drawn.auxiliary is None
    drawn.logits.mean().backward()
    assert all(
        p.grad is not None for n, p in net.encoder.named_parameters() if "layernorm.weight" in n and "layer." in n
    )


def test_other_than_four_taps_are_refused() -> None:
    with pytest.raises(InputError, match=r"takes four taps of 'vit', which has 4: got \(0, 1, 2\)"):
        UperNet(encoder("vit"), classes=1, at=(0, 1, 2))
    with pytest.raises(InputError, match=r"got \(0, 1, 2, 9\)"):
        UperNet(encoder("vit"), classes=1, at=(0, 1, 2, 9))


@pytest.mark.parametrize("name", [pytest.param("vit", marks=pytest.mark.slow), "resnet50"])
def test_it_learns_where_a_square_lies_over_a_random_frozen_encoder(name: str) -> None:
    films = torch.zeros(8, 1, 64, 64)
    for number in range(8):
        row, column = 6 + 20 * (number % 3), 4 + 18 * (number // 3)
        films[number, 0, row : row + 14, column : column + 16] = 1.0
    config = {**BLOCKS, "num_hidden_layers": 4, "image_size": 64, "patch_size": 8}
    body = image_encoder("vit", config=config) if name == "vit" else encoder(name)
    torch.manual_seed(0)
    net = UperNet(body, classes=1, width=12)

    def loss(model: Any, batch: torch.Tensor) -> Any:
        drawn, even = model.both(batch), torch.ones(len(batch))
        value = dice_cross_entropy(drawn.logits, batch, even) + 0.4 * dice_cross_entropy(drawn.auxiliary, batch, even)
        return value, {}

    spec = Fit(steps=45, rate=4e-3, bf16=False, average=0.8, log_every=50)
    fit(net, lambda step: films, loss, spec, seed=0)
    with torch.no_grad():
        found = net(films) > 0
    both = (found & (films > 0)).sum()
    assert float(2 * both / (found.sum() + (films > 0).sum())) > 0.8
