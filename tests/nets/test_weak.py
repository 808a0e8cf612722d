"""Networks for findings without boxes: pooling identities, class maps that add up, slices that do not mix."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="networks need hilum[train]")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from hilum.core.errors import InputError  # noqa: E402
from hilum.nets.heads import FilmReader, FindingHead, lse_pool  # noqa: E402
from hilum.nets.weak import SliceNet, WeakNet, block, small_trunk  # noqa: E402


def weights(net: torch.nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def weak(**more: object) -> WeakNet:
    torch.manual_seed(0)
    return WeakNet(small_trunk((4, 6, 8)), channels=8, classes=3, width=5, **more).eval()  # type: ignore[arg-type]


# -- pooling ----------------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.floats(0.1, 50.0), st.floats(-100.0, 100.0))
def test_lse_moves_with_the_map_and_does_not_mind_the_order(seed: int, r: float, shift: float) -> None:
    maps = noise(2, 3, 4, 5, seed=seed, dtype=torch.float64)
    pooled = lse_pool(maps, r=r)
    assert pooled.shape == (2, 3)
    torch.testing.assert_close(lse_pool(maps + shift, r=r), pooled + shift)
    torch.testing.assert_close(lse_pool(maps.flip(2).transpose(2, 3), r=r), pooled)
    scaled = lse_pool(maps * 2.0, r=r / 2.0)
    torch.testing.assert_close(scaled, 2.0 * pooled)


def test_lse_of_a_constant_is_that_constant() -> None:
    for r in (0.01, 1.0, 100.0):
        torch.testing.assert_close(
            lse_pool(torch.full((1, 1, 7, 7), 3.25).double(), r=r), torch.tensor([[3.25]]).double()
        )


def test_gradients_of_lse_are_a_softmax_over_places() -> None:
    maps = noise(1, 2, 3, 4, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda m: lse_pool(m, r=3.0), (maps,))
    lse_pool(maps, r=3.0).sum().backward()
    expected = torch.softmax(3.0 * maps.detach().flatten(2), dim=-1).reshape(maps.shape)
    torch.testing.assert_close(maps.grad, expected)


# -- WeakNet ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("pool", [False, True])
def test_a_block_has_the_size_its_stride_and_pool_give(stride: int, pool: bool) -> None:
    made = block(2, 5, stride=stride, pool=pool).eval()
    assert weights(made) == 9 * 2 * 5 + 2 * 5
    y = made(noise(1, 2, 16, 16))
    assert y.shape == (1, 5, 16 // stride // (2 if pool else 1), 16 // stride // (2 if pool else 1))
    assert float(y.detach().min()) >= 0


@pytest.mark.parametrize("widths", [(4, 6), (4, 6, 8), (2, 3, 4, 5, 6)])
def test_a_small_trunk_takes_a_quarter_of_the_size(widths: tuple[int, ...]) -> None:
    trunk = small_trunk(widths).eval()
    assert trunk(noise(2, 1, 32, 48)).shape == (2, widths[-1], 8, 12)
    pairs = zip((1, *widths[:-1]), widths, strict=True)
    assert weights(trunk) == sum(9 * a * b + 2 * b for a, b in pairs)


@pytest.mark.parametrize("pooling", ["lse", "mean", "max"])
def test_logits_are_a_linear_map_of_pooled_activations(pooling: str) -> None:
    net = weak(pooling=pooling)
    film = noise(2, 1, 32, 32)
    maps = net.activations(film)
    assert maps.shape == (2, 5, 8, 8)
    pooled = {"lse": lse_pool(maps), "mean": maps.mean(dim=(2, 3)), "max": maps.amax(dim=(2, 3))}[pooling]
    torch.testing.assert_close(net(film), pooled @ net.predict.weight.T + net.predict.bias)


def test_class_maps_average_to_the_logits_of_mean_pooling_without_bias() -> None:
    """The prediction is linear, so the mean of a class's map is its logit less the bias."""
    net = weak(pooling="mean")
    film = noise(3, 1, 32, 32)
    maps = net.class_maps(film)
    assert maps.shape == (3, 3, 8, 8)
    torch.testing.assert_close(maps.mean(dim=(2, 3)), net(film) - net.predict.bias, atol=1e-6, rtol=1e-5)


def test_a_sharper_pooling_says_more() -> None:
    film = noise(1, 1, 32, 32)
    pooled = [lse_pool(weak(r=r).activations(film), r=r) for r in (0.5, 5.0, 50.0)]
    assert bool((pooled[0] <= pooled[1] + 1e-6).all())
    assert bool((pooled[1] <= pooled[2] + 1e-6).all())


def test_an_unknown_pooling_is_refused() -> None:
    with pytest.raises(InputError, match="pooling must be one of lse, mean, max, got 'median'"):
        weak(pooling="median")


# -- SliceNet ---------------------------------------------------------------------------------------------------------

SPANS = ((0, 40), (30, 70), (60, 96))


def slices(classes: int = 2) -> SliceNet:
    torch.manual_seed(1)
    return SliceNet(SPANS, classes=classes, widths=(2, 3, 4, 5)).eval()


def test_a_film_is_as_ill_as_its_worst_slice() -> None:
    net, film = slices(), noise(3, 1, 96, 64)
    whole = net(film)
    assert whole.shape == (3, 2)
    each = []
    for start, stop in SPANS:
        part = torch.zeros(3, 1, net.tall, 64)
        part[:, :, : stop - start] = film[:, :, start:stop]
        each.append(net.predict(net.body(part).mean(dim=(2, 3))))
    torch.testing.assert_close(whole, torch.stack(each).amax(dim=0), atol=1e-6, rtol=1e-5)


def test_rows_that_no_slice_holds_change_nothing() -> None:
    torch.manual_seed(1)
    net = SliceNet(((0, 40), (50, 90)), widths=(2, 3, 4, 5)).eval()
    one, two = noise(1, 1, 96, 64), noise(1, 1, 96, 64)
    two[:, :, 40:50] = 9.0
    two[:, :, 90:] = -9.0
    assert torch.equal(net(one), net(two))


def test_slices_of_less_than_32_rows_are_refused() -> None:
    with pytest.raises(InputError, match="need 32 rows or more, got 31: give films of 96 rows"):
        SliceNet(((0, 31), (31, 60)))
    assert SliceNet(((0, 32),)).tall == 32


def test_a_slice_network_learns_from_every_weight() -> None:
    net = slices().train()
    net(noise(4, 1, 96, 64)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())


# -- heads ------------------------------------------------------------------------------------------------------------


def test_a_finding_heads_logits_are_its_pooled_maps() -> None:
    torch.manual_seed(2)
    head = FindingHead(3, 4, width=6, classes=2, r=7.0).eval()
    torch.nn.init.normal_(head.predict.weight)
    maps, logits = head(noise(2, 3, 6, 6), noise(2, 4, 3, 3))
    torch.testing.assert_close(logits, lse_pool(maps, r=7.0))
    squeeze, transition, predict = 4 * 6 + 2 * 6, 9 * 9 + 9 * 6 + 2 * 6, 6 * 2 + 2
    assert weights(head) == squeeze + transition + predict


def test_dropout_acts_in_training_only() -> None:
    torch.manual_seed(0)
    head = FindingHead(3, 4, width=16, classes=2, drop=0.5)
    torch.nn.init.normal_(head.predict.weight)
    fine, coarse = noise(1, 3, 6, 6), noise(1, 4, 3, 3)
    head.eval()
    assert torch.equal(head(fine, coarse)[1], head(fine, coarse)[1])
    head.drop.train()
    assert not torch.equal(head(fine, coarse)[1], head(fine, coarse)[1])


def test_the_distance_of_the_training_mean_is_nought_and_grows_as_the_square() -> None:
    torch.manual_seed(0)
    reader = FilmReader(2, directions=4).eval()
    film = noise(1, 1, 64, 64)
    with torch.no_grad():
        features = reader(film).features[0]
        whiten = torch.randn(4, 1280) * 0.1
        reader.set_distance(features, whiten)
        assert float(reader(film).distance) == pytest.approx(0.0, abs=1e-6)
        found = []
        for step in (1.0, 2.0, 3.0):
            reader.set_distance(features + step, whiten)
            found.append(float(reader(film).distance))
    assert found[1] == pytest.approx(4 * found[0], rel=1e-3)
    assert found[2] == pytest.approx(9 * found[0], rel=1e-3)


def test_the_stored_distance_travels_with_the_weights() -> None:
    one, two = FilmReader(1, directions=2).eval(), FilmReader(1, directions=2).eval()
    one.set_distance(noise(1280), noise(2, 1280, seed=3))
    two.load_state_dict(one.state_dict())
    assert torch.equal(two.center, one.center)
    assert torch.equal(two.whiten, one.whiten)
    film = noise(1, 1, 32, 32)
    with torch.no_grad():
        assert torch.equal(one(film).distance, two(film).distance)
