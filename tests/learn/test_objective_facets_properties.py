"""What must hold of the alignment losses whatever vectors they are given."""

from __future__ import annotations

from collections.abc import Callable

import pytest

torch = pytest.importorskip("torch")

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.objectives.facets import (  # noqa: E402
    cosines,
    film_alignment,
    location_contrast,
    projected_alignment,
    text_name_contrast,
)

Loss = Callable[..., torch.Tensor]
WAYS = pytest.mark.parametrize("loss", [projected_alignment, film_alignment])


def _drawn(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    projected, texts = torch.randn(6, 4, 5, generator=rng), torch.randn(4, 5, generator=rng)
    target = (torch.rand(6, 4, generator=rng) < 0.4).float()
    return projected, texts, target, torch.rand(6, 4, generator=rng) < 0.8


@WAYS
def test_losses_are_never_below_zero_and_finite(loss: Loss) -> None:
    for seed in range(5):
        value = loss(*_drawn(seed), temperature=0.01)
        assert torch.isfinite(value)
        assert value >= 0


@WAYS
def test_lengths_of_vectors_do_not_matter(loss: Loss) -> None:
    projected, texts, target, known = _drawn()
    assert loss(projected * 9, texts * 0.3, target, known).item() == pytest.approx(
        loss(projected, texts, target, known).item(), rel=1e-4
    )


@WAYS
def test_diseases_and_films_may_come_in_any_order(loss: Loss) -> None:
    projected, texts, target, known = _drawn()
    value = loss(projected, texts, target, known).item()
    order, rows = torch.tensor([3, 1, 0, 2]), torch.tensor([5, 0, 4, 2, 1, 3])
    assert loss(projected[:, order], texts[order], target[:, order], known[:, order]).item() == pytest.approx(value)
    assert loss(projected[rows], texts, target[rows], known[rows]).item() == pytest.approx(value)


@WAYS
def test_texts_of_each_film_and_shared_texts_agree(loss: Loss) -> None:
    projected, texts, target, known = _drawn()
    own = texts.expand(6, -1, -1)
    assert loss(projected, own, target, known).item() == pytest.approx(loss(projected, texts, target, known).item())


@WAYS
def test_what_is_not_known_does_not_matter(loss: Loss) -> None:
    projected, texts, target, known = _drawn()
    other = torch.where(known, target, 1 - target)
    assert loss(projected, texts, other, known).item() == pytest.approx(loss(projected, texts, target, known).item())


@WAYS
def test_a_step_down_the_gradient_lowers_it(loss: Loss) -> None:
    projected, texts, target, known = _drawn()
    projected.requires_grad_(True)
    value = loss(projected, texts, target, known)
    (slope,) = torch.autograd.grad(value, projected)
    assert loss((projected - 0.02 * slope).detach(), texts, target, known) < value


@WAYS
def test_where_nothing_is_known_nothing_is_learned(loss: Loss) -> None:
    projected, texts, target, known = _drawn()
    projected.requires_grad_(True)
    value = loss(projected, texts, target, torch.zeros_like(known))
    value.backward()
    assert value.item() == 0
    assert projected.grad is not None
    assert not projected.grad.any()


def test_films_without_a_disease_are_pushed_away_by_the_second_way_only() -> None:
    projected, texts, target, known = _drawn()
    target[0], known[0] = 0.0, True
    for loss, moved in ((projected_alignment, False), (film_alignment, True)):
        start = projected.clone().requires_grad_(True)
        loss(start, texts, target, known).backward()
        assert start.grad is not None
        assert bool(start.grad[0].any()) is moved


def test_a_colder_temperature_costs_more_where_the_wrong_text_is_nearest() -> None:
    texts = torch.eye(2)
    wrong = texts[[1, 0]].unsqueeze(0)
    target, known = torch.tensor([[1.0, 0.0]]), torch.ones(1, 2, dtype=torch.bool)
    values = [projected_alignment(wrong, texts, target, known, temperature=t).item() for t in (1.0, 0.5, 0.1)]
    assert values == sorted(values)
    assert values[-1] == pytest.approx(10.0, abs=0.01)


def test_texts_and_names_may_swap_their_parts() -> None:
    rng = torch.Generator().manual_seed(1)
    one, two = torch.randn(5, 6, generator=rng), torch.randn(5, 6, generator=rng)
    assert text_name_contrast(one, two).item() == pytest.approx(text_name_contrast(two, one).item(), rel=1e-5)
    assert text_name_contrast(one, one) < text_name_contrast(one, two)


def test_texts_without_their_names_are_refused() -> None:
    with pytest.raises(InputError, match=r"\(N, N\)"):
        text_name_contrast(torch.randn(3, 4), torch.randn(2, 4))


def test_cosines_stay_within_one() -> None:
    projected, texts, *_ = _drawn()
    found = cosines(projected * 1e3, texts * 1e-3)
    assert found.shape == (6, 4, 4)
    assert found.abs().max() <= 1 + 1e-5


def test_the_true_place_costs_less_the_higher_it_scores() -> None:
    known = torch.ones(1, 1, dtype=torch.bool)
    values = [location_contrast(torch.tensor([[[height, 0.0, 0.0]]]), known).item() for height in (-2.0, 0.0, 2.0)]
    assert values[0] > values[1] > values[2]
