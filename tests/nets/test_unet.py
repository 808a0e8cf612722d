"""Convolution blocks, decoders and encoders by counting: parameters, receptive fields, symmetries, gradients."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="networks need hilum[train]")

from hilum.nets.densenet import DenseLayer, DenseNet  # noqa: E402
from hilum.nets.resunet import RESNET50, SMALL, Residual, ResUNet, Shape  # noqa: E402
from hilum.nets.unet import Decoder, LiteUNet, separable  # noqa: E402
from hilum.nets.vision import LITE0, InvertedBottleneck, Lite0, SameConv  # noqa: E402

TINY = Shape(4, (4, 6), (1, 2), (6, 4))


def weights(net: torch.nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def settled(net: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """The net with batch norms of arbitrary statistics, in reading mode: a fixed function of its input."""
    draw = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.copy_(torch.randn(module.num_features, generator=draw) * 0.1)
            module.running_var.copy_(torch.rand(module.num_features, generator=draw) + 0.5)
    return net.eval()


# -- counts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (3, 8), (16, 4)])
def test_a_separable_convolution_has_a_kernel_per_channel_and_a_mixing_matrix(inputs: int, outputs: int) -> None:
    assert weights(separable(inputs, outputs)) == 9 * inputs + inputs * outputs + 2 * outputs


@pytest.mark.parametrize(("inputs", "growth", "narrow"), [(8, 4, 4), (5, 3, 2)])
def test_a_dense_layer_adds_its_growth(inputs: int, growth: int, narrow: int) -> None:
    layer = DenseLayer(inputs, growth, narrow=narrow)
    middle = narrow * growth
    assert weights(layer) == 2 * inputs + inputs * middle + 2 * middle + 9 * middle * growth
    x = noise(2, inputs, 6, 6)
    y = layer.eval()(x)
    assert y.shape == (2, inputs + growth, 6, 6)
    assert torch.equal(y[:, :inputs], x)  # what came in stays beside what is new


@pytest.mark.parametrize("blocks", [(1, 1), (2, 3), (1, 2, 1)])
def test_a_densenet_is_as_wide_as_its_growth_says(blocks: tuple[int, ...]) -> None:
    growth, stem = 4, 8
    net = DenseNet(3, blocks=blocks, growth=growth, stem=stem)
    wide = stem
    for number, count in enumerate(blocks):
        wide += growth * count
        wide = wide // 2 if number + 1 < len(blocks) else wide
    assert net.predict.in_features == wide
    assert not net.predict.bias.any()


@pytest.mark.parametrize("bottleneck", [False, True])
@pytest.mark.parametrize(("inputs", "width", "stride"), [(8, 8, 1), (8, 12, 2)])
def test_a_residual_block_counts_as_he_et_al_draw_it(bottleneck: bool, inputs: int, width: int, stride: int) -> None:
    block = Residual(inputs, width, stride=stride, bottleneck=bottleneck)
    out = 4 * width if bottleneck else width
    layers = inputs * width + 9 * width * width + width * out if bottleneck else 9 * inputs * width + 9 * width * out
    norms = 2 * (2 * width + out if bottleneck else width + out)
    skip = 0 if stride == 1 and inputs == out else inputs * out + 2 * out
    assert weights(block) == layers + norms + skip
    assert settled(block)(noise(1, inputs, 8, 8)).shape == (1, out, 8 // stride, 8 // stride)


def test_lite0_is_as_large_as_published_without_its_classifier() -> None:
    """4.65 million weights, of which 1,281,000 are the classifier of 1,000 classes."""
    assert weights(Lite0()) == 4_652_008 - 1280 * 1000 - 1000


def test_an_inverted_bottleneck_counts_as_drawn() -> None:
    block = InvertedBottleneck(8, 12, kernel=5, stride=2, expand=6, drop=0.0)
    wide = 48
    assert weights(block) == 8 * wide + 25 * wide + wide * 12 + 2 * (wide + wide + 12)
    plain = InvertedBottleneck(8, 8, kernel=3, stride=1, expand=1, drop=0.0)
    assert weights(plain) == 9 * 8 + 64 + 4 * 8
    assert [plain.residual, block.residual] == [True, False]
    assert sum(stage.repeats for stage in LITE0) == 16


# -- shapes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("size", [(32, 32), (64, 32)])
def test_a_decoder_climbs_to_twice_its_shallowest_tap(classes: int, size: tuple[int, int]) -> None:
    taps = (3, 5, 7, 9)
    maps = [noise(2, c, size[0] // 2**n, size[1] // 2**n) for n, c in enumerate(taps)]
    net = Decoder(taps, (8, 6, 4), classes=classes).eval()
    assert net(maps).shape == (2, classes, 2 * size[0], 2 * size[1])
    assert [join[1].in_channels for join in net.joins] == [9 + 7, 8 + 5, 6 + 3]


@pytest.mark.parametrize("width", [1, 2, 3])
def test_widths_and_taps_must_match(width: int) -> None:
    taps = (3, 5, 7)
    if width == 2:
        assert weights(Decoder(taps, (6, 4))) > 0
    else:
        with pytest.raises(ValueError, match="zip"):
            Decoder(taps, (6,) * width)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_unet_takes_films_of_any_size_and_channels(channels: int) -> None:
    net = settled(ResUNet(classes=2, shape=TINY, channels=channels))
    for size in ((16, 16), (31, 18), (40, 64)):
        assert net(noise(1, channels, *size)).shape == (1, 2, *size)


@pytest.mark.parametrize(
    "shape", [Shape(4, (4,), (1, 1), (4,)), Shape(4, (4, 4), (1, 1), (4,)), Shape(4, (4, 4, 4), (1, 1, 1), (4, 4))]
)
def test_stages_blocks_and_joins_go_together(shape: Shape) -> None:
    from hilum.core.errors import InputError

    with pytest.raises(InputError, match="widths, blocks and decoder need one entry for each stage"):
        ResUNet(classes=1, shape=shape)


def test_named_shapes_are_whole() -> None:
    for shape in (SMALL, RESNET50):
        assert len(shape.widths) == len(shape.blocks) == len(shape.decoder)
    assert RESNET50.bottleneck
    assert weights(ResUNet(classes=1, shape=SMALL)) == pytest.approx(130_000, rel=0.1)


# -- behaviour --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (5, 1), (3, 2), (5, 2), (1, 2)])
def test_same_padding_is_a_correlation_of_the_padded_picture(kernel: int, stride: int) -> None:
    torch.manual_seed(kernel)
    conv, x = SameConv(2, 3, kernel, stride=stride), noise(1, 2, 8, 8)
    total = max(kernel - stride, 0)
    before, after = total // 2, total - total // 2
    padded = torch.nn.functional.pad(x, (before, after, before, after))
    expected = torch.nn.functional.conv2d(padded, conv.weight, stride=stride)
    assert conv.bias is None
    torch.testing.assert_close(conv(x), expected)


def test_reading_one_film_or_many_is_the_same() -> None:
    films = noise(3, 1, 32, 32)
    for net in (ResUNet(classes=2, shape=TINY), DenseNet(2, blocks=(1, 1), growth=4, stem=4)):
        settled(net)
        together = net(films)
        apart = torch.cat([net(film[None]) for film in films])
        torch.testing.assert_close(together, apart, atol=1e-5, rtol=1e-4)


def test_a_mean_over_the_map_does_not_mind_a_cyclic_order_of_films() -> None:
    net = settled(DenseNet(3, blocks=(1, 1), growth=4, stem=4))
    films = noise(4, 1, 32, 32)
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(net(films)[order], net(films[order]), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("flip", [2, 3])
def test_symmetric_kernels_see_a_mirrored_film_mirrored(flip: int) -> None:
    """With every kernel equal to its own mirror image, an odd-sized convolution commutes with mirroring."""
    block = settled(Residual(3, 3, stride=1, bottleneck=False))
    with torch.no_grad():
        for module in block.modules():
            if isinstance(module, torch.nn.Conv2d):
                module.weight.copy_((module.weight + module.weight.flip(flip)) / 2)
    x = noise(1, 3, 9, 9)
    torch.testing.assert_close(block(x.flip(flip)), block(x).flip(flip), atol=1e-5, rtol=1e-4)


def test_a_block_moves_with_its_picture() -> None:
    block = settled(separable(2, 3))
    x = torch.zeros(1, 2, 24, 24)
    x[:, :, 6:12, 6:12] = noise(1, 2, 6, 6)
    moved = torch.roll(x, (5, 3), dims=(2, 3))
    torch.testing.assert_close(torch.roll(block(x), (5, 3), dims=(2, 3)), block(moved))


def test_stochastic_depth_keeps_the_mean() -> None:
    torch.manual_seed(0)
    block = InvertedBottleneck(4, 4, kernel=3, stride=1, expand=2, drop=0.5)
    settled(block)
    x = noise(1, 4, 6, 6)
    still = block(x)
    block.training = True  # batch norms inside stay in reading mode: only the branch is dropped
    drawn = torch.stack([block(x) for _ in range(150)])
    kept = (drawn - x).flatten(1).abs().amax(dim=1) > 1e-7
    assert float(kept.float().mean()) == pytest.approx(0.5, abs=0.15)
    torch.testing.assert_close(drawn[kept][0] - x, 2.0 * (still - x), atol=1e-5, rtol=1e-4)


def test_dense_films_are_scaled_to_the_trained_range() -> None:
    """Films of one channel in [0, 1] enter as three equal ones of (255 f - 127) / 128."""
    seen: list[torch.Tensor] = []
    net = Lite0().eval()
    net.stem.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    film = noise(1, 1, 32, 32)
    with torch.no_grad():
        net(film)
    assert seen[0].shape == (1, 3, 32, 32)
    torch.testing.assert_close(seen[0][0, 2], (film[0, 0] * 255 - 127) / 128)
    assert -1.0 <= float(seen[0].min()) <= float(seen[0].max()) <= 1.0


# -- gradients --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["separable", "residual", "bottleneck", "dense"])
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    torch.manual_seed(3)
    made = {
        "separable": lambda: separable(2, 2), "residual": lambda: Residual(2, 2, stride=1, bottleneck=False),
        "bottleneck": lambda: Residual(2, 1, stride=2, bottleneck=True), "dense": lambda: DenseLayer(2, 1, narrow=2),
    }[name]()  # fmt: skip
    net = settled(made.double())
    x = noise(1, 2, 4, 4, seed=5, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(net, (x,), eps=1e-6, atol=1e-5)


def test_every_weight_of_a_unet_is_learnt_from() -> None:
    torch.manual_seed(0)
    net = ResUNet(classes=2, shape=TINY).train()
    net(noise(2, 1, 32, 32)).square().mean().backward()
    silent = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.abs().any()]
    assert silent == []


def test_a_few_steps_learn_where_a_bright_disc_lies() -> None:
    torch.manual_seed(0)
    rows, columns = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    films = torch.stack([((rows - a).hypot(columns - b) < 4).float() for a, b in ((4, 5), (9, 11))])[:, None]
    net = ResUNet(classes=1, shape=TINY)
    step = torch.optim.Adam(net.parameters(), lr=0.03)
    losses = []
    for _ in range(40):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(net(films), films)
        step.zero_grad()
        loss.backward()
        step.step()
        losses.append(loss.item())
    assert losses[-1] < 0.4 * losses[0]
    assert math.isfinite(losses[-1])


# -- weights on disk --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["unet", "densenet", "decoder"])
def test_weights_survive_safetensors(name: str, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    makers = {
        "unet": lambda: ResUNet(classes=2, shape=TINY),
        "densenet": lambda: DenseNet(2, blocks=(1, 1), growth=4, stem=4),
        "decoder": lambda: torch.nn.Sequential(separable(1, 3), torch.nn.Conv2d(3, 1, 1)),
    }
    one, two = settled(makers[name](), seed=1), settled(makers[name](), seed=2)
    film = noise(1, 1, 32, 32)
    assert not torch.equal(one(film), two(film))
    save_file(one.state_dict(), tmp_path / "net.safetensors")
    two.load_state_dict(load_file(tmp_path / "net.safetensors"))
    assert torch.equal(one(film), two(film))


def test_the_seed_decides_the_weights() -> None:
    def made(seed: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(seed)
        return ResUNet(classes=1, shape=TINY).state_dict()

    one, two, other = made(4), made(4), made(5)
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)


def test_a_light_unet_answers_at_the_size_of_the_film_and_learns_everywhere() -> None:
    net = LiteUNet(classes=3)
    logits = net(noise(2, 1, 64, 96))
    assert logits.shape == (2, 3, 64, 96)
    logits.square().mean().backward()
    first, last = net.encoder.stem[0].weight.grad, net.decoder.predict.weight.grad
    assert first is not None
    assert last is not None
    assert float(first.abs().sum()) > 0
    assert float(last.abs().sum()) > 0
    assert weights(net) == weights(Lite0()) + weights(net.decoder)
