"""The network that weighs options: shapes, what it may look at, and that options cannot see each other."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the network is torch's (extra 'train')")

from hilum.nets.choice import ChoiceNet  # noqa: E402


@pytest.fixture
def net() -> ChoiceNet:
    torch.manual_seed(0)
    return ChoiceNet(20, 6, (2, 3), width=16, heads=2).eval()


STEM = torch.tensor([[2, 3, 0], [4, 5, 6]])
OPTIONS = torch.tensor([[[7, 0], [8, 9], [10, 0], [11, 12]], [[8, 9], [7, 0], [13, 0], [14, 0]]])
PATCHES = torch.randn(2, 6, 6, generator=torch.Generator().manual_seed(1))


def test_a_logit_for_each_option_with_a_film_and_without(net: ChoiceNet) -> None:
    assert net(STEM, OPTIONS, PATCHES).shape == (2, 4)
    assert net(STEM, OPTIONS).shape == (2, 4)


def test_without_a_film_nothing_of_a_film_can_count(net: ChoiceNet) -> None:
    blind = net(STEM, OPTIONS)
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if name.startswith(("patch.", "look.")):
                weight.add_(1.0)
    assert torch.equal(net(STEM, OPTIONS), blind)


def test_another_film_makes_another_logit(net: ChoiceNet) -> None:
    assert not torch.allclose(net(STEM, OPTIONS, PATCHES), net(STEM, OPTIONS, PATCHES.flip(0)))


def test_where_a_patch_lies_counts(net: ChoiceNet) -> None:
    """The same patches in other places: attention alone would not tell."""
    assert not torch.allclose(net(STEM, OPTIONS, PATCHES), net(STEM, OPTIONS, PATCHES.flip(1)), atol=1e-6)


def test_padding_of_stem_and_options_does_not_count(net: ChoiceNet) -> None:
    longer = torch.cat((OPTIONS, torch.zeros(2, 4, 3, dtype=torch.int64)), dim=2)
    wider = torch.cat((STEM, torch.zeros(2, 2, dtype=torch.int64)), dim=1)
    assert torch.allclose(net(wider, longer, PATCHES), net(STEM, OPTIONS, PATCHES), atol=1e-6)


@pytest.mark.parametrize("at", range(4))
def test_an_options_logit_depends_on_no_other_option(net: ChoiceNet, at: int) -> None:
    changed = OPTIONS.clone()
    changed[:, [other for other in range(4) if other != at]] = 15
    assert torch.allclose(net(STEM, changed, PATCHES)[:, at], net(STEM, OPTIONS, PATCHES)[:, at], atol=1e-6)


def test_untrained_places_are_alike_so_that_order_is_learned_if_at_all(net: ChoiceNet) -> None:
    order = torch.tensor([2, 0, 3, 1])
    assert torch.allclose(net(STEM, OPTIONS[:, order], PATCHES), net(STEM, OPTIONS, PATCHES)[:, order], atol=1e-6)


def test_fewer_options_are_weighed_too(net: ChoiceNet) -> None:
    assert torch.allclose(net(STEM, OPTIONS[:, :2], PATCHES), net(STEM, OPTIONS, PATCHES)[:, :2], atol=1e-6)


def test_rows_do_not_see_each_other(net: ChoiceNet) -> None:
    alone = torch.cat([net(STEM[n : n + 1], OPTIONS[n : n + 1], PATCHES[n : n + 1]) for n in range(2)])
    assert torch.allclose(alone, net(STEM, OPTIONS, PATCHES), atol=1e-6)


def test_every_weight_learns(net: ChoiceNet) -> None:
    net(STEM, OPTIONS, PATCHES).square().sum().backward()
    assert [name for name, weight in net.named_parameters() if weight.grad is None or not weight.grad.any()] == []
