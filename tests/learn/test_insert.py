"""Drawn opacities: only inside the lung, only brighter, only where asked."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs hilum[train]")

from hilum.learn.insert import Insert, insert, mottle, shadow  # noqa: E402

SIZE = 96


def films(count: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    lung = torch.zeros(count, 1, SIZE, SIZE)
    lung[:, :, 20:80, 12:42] = lung[:, :, 20:80, 54:84] = 1.0
    film = torch.full((count, 1, SIZE, SIZE), 0.8)
    film[lung > 0] = 0.2
    return film, lung


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_an_opacity_brightens_the_lung_and_nothing_else() -> None:
    film, lung = films()
    drawn, changed = insert(film, lung, how=Insert(chance=1.0), rng=seeded())
    assert changed.float().mean() > 0.5
    near = torch.nn.functional.max_pool2d(lung, 5, stride=1, padding=2) > 0
    assert torch.equal(drawn[~near], film[~near])
    assert (drawn - film).min() >= -1e-6
    for index in changed.nonzero().flatten().tolist():
        assert (drawn[index] - film[index]).max() > 0.04
    assert torch.equal(drawn[~changed], film[~changed])


def test_shadows_never_pass_soft_tissue_by_much() -> None:
    film, lung = films(20)
    drawn, _ = insert(film, lung, how=Insert(chance=1.0), rng=seeded(3))
    assert drawn.max() <= 1.0
    assert drawn[lung > 0].quantile(0.99) <= 0.95


@pytest.mark.parametrize("lung_value", [0.0, 0.4])
def test_a_film_without_a_lung_field_is_left_alone(lung_value: float) -> None:
    film, lung = films()
    drawn, changed = insert(film, lung * lung_value, how=Insert(chance=1.0), rng=seeded())
    assert not changed.any()
    assert torch.equal(drawn, film)


def test_chance_zero_draws_nothing_and_the_input_is_never_written_to() -> None:
    film, lung = films()
    kept = film.clone()
    assert not insert(film, lung, how=Insert(chance=0.0), rng=seeded())[1].any()
    insert(film, lung, how=Insert(chance=1.0), rng=seeded())
    assert torch.equal(film, kept)


def test_the_same_seed_draws_the_same() -> None:
    film, lung = films()
    first, second, third = (insert(film, lung, how=Insert(chance=1.0), rng=seeded(s))[0] for s in (5, 5, 6))
    assert torch.equal(first, second)
    assert not torch.equal(first, third)


def test_a_shadow_is_a_weight_within_the_lung() -> None:
    lung = films(1)[1][0, 0]
    for seed in range(12):
        weight = shadow(lung, Insert(), seeded(seed))
        assert weight.min() >= 0.0
        assert weight.max() <= 1.0
        assert weight[:15].max() == 0.0


def test_mottle_has_no_mean_and_unit_spread() -> None:
    noise = mottle(64, seeded())
    assert float(noise.mean()) == pytest.approx(0.0, abs=1e-5)
    assert float(noise.std()) == pytest.approx(1.0, abs=1e-3)
