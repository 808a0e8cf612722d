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
