"""The small residual network: names of torchvision's ResNet-18, sizes, and blocks against arithmetic by hand."""

from __future__ import annotations

import re

import pytest

torch = pytest.importorskip("torch")

from hilum.nets.basic import BasicBlock, BasicResNet  # noqa: E402

RESNET_18 = re.compile(
    r"(conv1|bn1)\.\w+|layer[1-4]\.\d\.(conv[12]|bn[12]|downsample\.[01])\.\w+"
)  # the names of torchvision's weights, but for its head


def test_names_are_those_of_torchvisions_weights() -> None:
    names = list(BasicResNet().state_dict())
    assert [name for name in names if not RESNET_18.fullmatch(name)] == []
    assert {name.split(".")[0] for name in names} == {"conv1", "bn1", "layer1", "layer2", "layer3", "layer4"}


def test_it_loads_torchvisions_resnet_18_where_that_is_installed() -> None:
    vision = pytest.importorskip("torchvision", reason="torchvision is not installed")
    theirs = vision.models.resnet18(weights=None).eval()
    ours = BasicResNet(widths=(64, 128, 256, 512), blocks=2, stem=7).eval()
    given = {name: value for name, value in theirs.state_dict().items() if not name.startswith("fc.")}
    given["conv1.weight"] = given["conv1.weight"].sum(1, keepdim=True)  # a grey film in three equal channels
    ours.load_state_dict(given)
    film = torch.rand(2, 1, 64, 64)
    theirs.fc = torch.nn.Identity()
    with torch.no_grad():
        want = theirs(((film - 0.5) * 4.0).expand(-1, 3, -1, -1))
        torch.testing.assert_close(ours(film).pooled, want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("size", "grid"), [(32, 1), (48, 2), (64, 2), (96, 3), (128, 4)])
def test_what_is_seen_has_a_grid_of_the_last_stage(size: int, grid: int) -> None:
    net = BasicResNet(widths=(4, 6, 8, 10)).eval()
    seen = net(torch.rand(3, 1, size, size))
    assert seen.grid == (grid, grid)
    assert seen.patches.shape == (3, grid * grid, 10)
    torch.testing.assert_close(seen.pooled, seen.patches.mean(1))
    assert net.width == 10


def test_a_block_whose_convolutions_are_zero_is_a_way_round() -> None:
    block = BasicBlock(4, 4, 1).eval()
    for conv in (block.conv1, block.conv2):
        torch.nn.init.zeros_(conv.weight)
    x = torch.randn(2, 4, 6, 6)
    torch.testing.assert_close(block(x), torch.relu(x))


def test_a_block_is_what_its_parts_come_to() -> None:
    torch.manual_seed(0)
    block = BasicBlock(3, 5, 2).eval()
    x = torch.randn(2, 3, 8, 8)

    def norm(y: torch.Tensor, bn: torch.nn.BatchNorm2d) -> torch.Tensor:
        mean, var = (each[None, :, None, None] for each in (bn.running_mean, bn.running_var))
        return (y - mean) / (var + bn.eps).sqrt() * bn.weight[:, None, None] + bn.bias[:, None, None]

    conv = torch.nn.functional.conv2d
    inner = torch.relu(norm(conv(x, block.conv1.weight, stride=2, padding=1), block.bn1))
    beside = norm(conv(x, block.downsample[0].weight, stride=2), block.downsample[1])
    want = torch.relu(norm(conv(inner, block.conv2.weight, padding=1), block.bn2) + beside)
    torch.testing.assert_close(block(x), want)


def test_more_blocks_are_more_weights_and_every_weight_learns() -> None:
    small, deep = BasicResNet(), BasicResNet(blocks=2)
    assert sum(each.numel() for each in deep.parameters()) > sum(each.numel() for each in small.parameters())
    small(torch.rand(4, 1, 64, 64)).pooled.sum().backward()
    assert all(each.grad is not None for each in small.parameters())


@pytest.mark.parametrize(("widths", "blocks", "stem"), [((4, 6), 1, 3), ((8, 16, 24, 32), 1, 5), ((2, 2, 2), 3, 7)])
def test_weights_are_as_many_as_the_layers_come_to(widths: tuple[int, ...], blocks: int, stem: int) -> None:
    count, inputs = widths[0] * stem**2 + 2 * widths[0], widths[0]
    for number, outputs in enumerate(widths):
        for block in range(blocks):
            count += 9 * outputs * (inputs + outputs) + 4 * outputs
            if (number and not block) or inputs != outputs:
                count += inputs * outputs + 2 * outputs
            inputs = outputs
    assert sum(each.numel() for each in BasicResNet(widths=widths, blocks=blocks, stem=stem).parameters()) == count


def test_a_mid_grey_film_is_seen_as_nothing_by_a_fresh_network() -> None:
    """Films are centred at mid-grey, no convolution has a bias and fresh norms have none: zero goes all the way."""
    net = BasicResNet().eval()
    assert not net(torch.full((1, 1, 64, 64), 0.5)).patches.any()
    assert net(torch.full((1, 1, 64, 64), 0.7)).patches.any()


def test_a_fresh_network_doubles_what_it_sees_with_the_contrast() -> None:
    """Without biases every layer is positively homogeneous: twice the distance from mid-grey, twice the features."""
    torch.manual_seed(1)
    net = BasicResNet(widths=(4, 8)).eval()
    off = torch.rand(2, 1, 32, 32) * 0.4 - 0.2
    torch.testing.assert_close(net(0.5 + 2 * off).patches, 2 * net(0.5 + off).patches, rtol=1e-4, atol=1e-5)


def test_films_of_a_batch_are_seen_each_by_itself_and_in_their_order() -> None:
    torch.manual_seed(2)
    net, films = BasicResNet(widths=(4, 6, 8)).eval(), torch.rand(5, 1, 48, 48)
    together, order = net(films).pooled, torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(torch.cat([net(each[None]).pooled for each in films]), together)
    torch.testing.assert_close(net(films[order]).pooled, together[order])


def test_a_shift_by_the_stride_moves_the_patches_by_one() -> None:
    torch.manual_seed(3)
    net = BasicResNet(widths=(4, 6)).eval()  # stride 8 over two stages
    film = torch.full((1, 1, 128, 128), 0.5)
    film[..., 48:72, 48:72] = torch.rand(24, 24)
    maps = [net(each).patches[0].reshape(16, 16, 6) for each in (film, film.roll(8, dims=-1))]
    torch.testing.assert_close(maps[1][:, 1:], maps[0][:, :-1], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(maps[1], maps[0])
