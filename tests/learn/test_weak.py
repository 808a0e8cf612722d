"""Losses against the published formulas, poolings against their limits, and a network that learns what it should."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.weak import (  # noqa: E402
    LOSSES,
    class_balanced,
    class_maps,
    labelled,
    probabilities,
    train,
    weights_count,
)
from hilum.nets.heads import lse_pool  # noqa: E402
from hilum.nets.weak import SliceNet, WeakNet, small_trunk  # noqa: E402


def drawn(draw: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    logits = torch.from_numpy(draw.normal(size=(6, 4)))
    target = torch.from_numpy((draw.random((6, 4)) < 0.3).astype(float))
    return logits, target, torch.ones(6, 4, dtype=torch.bool)


def test_w_cel_is_the_published_sum_over_the_labels_of_the_batch(draw: np.random.Generator) -> None:
    logits, target, known = drawn(draw)
    f = 1 / (1 + np.exp(-logits.numpy()))
    ones, zeros = target.numpy() == 1, target.numpy() == 0
    beta_p, beta_n = f.size / ones.sum(), f.size / zeros.sum()
    expected = (beta_p * -np.log(f[ones]).sum() + beta_n * -np.log(1 - f[zeros]).sum()) / f.size
    assert float(LOSSES["w-cel"](logits, target, known)) == pytest.approx(expected)


def test_cel_counts_every_known_label_alike(draw: np.random.Generator) -> None:
    logits, target, known = drawn(draw)
    f, y = 1 / (1 + np.exp(-logits.numpy())), target.numpy()
    expected = -(y * np.log(f) + (1 - y) * np.log(1 - f)).mean()
    assert float(LOSSES["cel"](logits, target, known)) == pytest.approx(expected)


def test_a_batch_without_ones_has_no_infinite_weight() -> None:
    logits = torch.zeros(3, 2)
    value = LOSSES["w-cel"](logits, torch.zeros(3, 2), torch.ones(3, 2, dtype=torch.bool))
    assert float(value) == pytest.approx(np.log(2))


def test_class_weights_are_n_over_two_n_c(draw: np.random.Generator) -> None:
    target = np.array([[1], [0], [0], [0]])
    logits = torch.from_numpy(draw.normal(size=(4, 1)).astype(np.float32))
    f = 1 / (1 + np.exp(-logits.numpy()))
    expected = (-np.log(f[0]) * 4 / 2 - (4 / 6) * np.log(1 - f[1:]).sum()) / 4
    loss = class_balanced(target)(logits, torch.from_numpy(target).float(), torch.ones(4, 1, dtype=torch.bool))
    assert float(loss) == pytest.approx(float(expected[0]), rel=1e-5)
    lone = class_balanced(np.zeros((4, 1)))(logits, torch.zeros(4, 1), torch.ones(4, 1, dtype=torch.bool))
    assert torch.isfinite(lone)


def test_lse_runs_from_the_mean_to_the_maximum_and_survives_extremes(draw: np.random.Generator) -> None:
    maps = torch.from_numpy(draw.normal(size=(2, 3, 8, 8)))
    assert torch.allclose(lse_pool(maps, r=1e-6), maps.mean(dim=(2, 3)), atol=1e-4)
    assert torch.allclose(lse_pool(maps, r=1e4), maps.amax(dim=(2, 3)), atol=1e-2)
    for value in (-1e4, 1e4):
        assert torch.allclose(lse_pool(torch.full((1, 1, 4, 4), value), r=10.0), torch.tensor(value))


@pytest.mark.parametrize("pooling", ["lse", "mean", "max"])
def test_class_maps_agree_with_the_prediction_where_pooling_is_linear(pooling: str) -> None:
    torch.manual_seed(0)
    net = WeakNet(small_trunk(), classes=3, pooling=pooling).eval()  # type: ignore[arg-type]
    film = torch.randn(2, 1, 64, 64)
    maps, logits = net.class_maps(film), net(film)
    assert maps.shape == (2, 3, 16, 16)
    assert logits.shape == (2, 3)
    if pooling == "mean":
        assert torch.allclose(maps.mean(dim=(2, 3)) + net.predict.bias, logits, atol=1e-4)


def test_an_unknown_pooling_is_refused() -> None:
    with pytest.raises(InputError, match="lse, mean, max"):
        WeakNet(small_trunk(), classes=1, pooling="sum")  # type: ignore[arg-type]


def test_a_slice_net_sees_its_rows_only_and_takes_the_largest() -> None:
    torch.manual_seed(0)
    net = SliceNet(((0, 43), (43, 86)), widths=(4, 4, 4, 4)).eval()
    film = torch.randn(2, 1, 128, 128)
    other = film.clone()
    other[:, :, 86:] = 5.0
    assert torch.equal(net(film), net(other))
    apart = [SliceNet((span,), widths=(4, 4, 4, 4)).eval() for span in net.spans]
    for one in apart:
        one.load_state_dict(net.state_dict())
    assert torch.allclose(net(film), torch.maximum(apart[0](film), apart[1](film)), atol=1e-5)
    assert weights_count(net) == sum(p.numel() for p in net.parameters())


def test_a_bright_square_is_learned_and_found(draw: np.random.Generator) -> None:
    target = draw.random((160, 1)) < 0.5
    films = draw.integers(90, 120, (160, 32, 32)).astype(np.uint8)
    for row in np.flatnonzero(target[:, 0]):
        films[row, 4:12, 20:28] = 230
    torch.manual_seed(1)
    net = WeakNet(small_trunk((8, 8, 8)), channels=8, classes=1, width=8)
    train(net, labelled(films, target), LOSSES["w-cel"], steps=60, batch=16, rate=5e-3, seed=1)
    found = probabilities(net, films)[:, 0]
    assert found[target[:, 0]].min() > found[~target[:, 0]].max()
    maps = class_maps(net, films[target[:, 0]][:4])
    for each in maps[:, 0]:
        row, column = np.unravel_index(each.argmax(), each.shape)
        assert row <= 3
        assert column >= 4


def test_the_same_seed_trains_the_same_network(draw: np.random.Generator) -> None:
    films = draw.integers(0, 255, (20, 32, 32)).astype(np.uint8)
    data, scores = labelled(films, films[:, :1, 0] > 127), []
    for _ in range(2):
        torch.manual_seed(2)
        net = WeakNet(small_trunk((4, 4, 4)), channels=4, classes=1, width=4)
        scores.append(probabilities(train(net, data, LOSSES["cel"], steps=3, batch=4, seed=2), films))
    assert np.array_equal(*scores)


def test_films_and_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="expected"):
        labelled(np.zeros((2, 8, 8)), np.zeros((3, 1)))
    with pytest.raises(InputError, match="no film"):
        train(SliceNet(((0, 32),)), labelled(np.zeros((0, 8, 8)), np.zeros((0, 1))), LOSSES["cel"], steps=1)


def test_training_is_the_same_whatever_the_threads_and_leaves_them_alone() -> None:
    draw = np.random.default_rng(0)
    data = labelled(draw.random((24, 32, 32)).astype(np.float32), draw.integers(0, 2, (24, 2)))
    before, told = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            torch.manual_seed(3)
            net = train(WeakNet(small_trunk(), classes=2), data, LOSSES["cel"], steps=3, batch=8, seed=5)
            told.append(probabilities(net, data.films))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(told[0], told[1])
