"""Losses of DeViDe and MedKLIP against values worked out by hand."""

from __future__ import annotations

import math

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

EYE = torch.eye(3)
ALL = torch.ones(1, 3, dtype=torch.bool)


def test_names_that_match_their_texts_cost_what_the_formula_says() -> None:
    """Orthogonal texts: -log e^(1/t) / (e^(1/t) + 2)."""
    value = text_name_contrast(EYE * 5, EYE * 0.2, temperature=0.5).item()
    assert value == pytest.approx(math.log(1 + 2 * math.exp(-2)), rel=1e-5)


def test_names_that_all_look_alike_cost_log_c() -> None:
    assert text_name_contrast(EYE, torch.ones(3, 3)).item() == pytest.approx(math.log(3), rel=1e-5)


def test_swapped_names_cost_more() -> None:
    assert text_name_contrast(EYE, EYE[[1, 0, 2]]) > text_name_contrast(EYE, EYE)


def test_cosines_of_shared_and_own_texts_agree() -> None:
    projected, texts = torch.randn(2, 3, 5), torch.randn(3, 5)
    shared, own = cosines(projected, texts), cosines(projected, texts.expand(2, -1, -1))
    assert torch.allclose(shared, own)
    by_hand = torch.nn.functional.cosine_similarity(projected[1, 2], texts[0], dim=0)
    assert shared[1, 2, 0].item() == pytest.approx(by_hand.item(), abs=1e-6)


def test_a_vector_on_its_text_is_judged_against_absent_diseases() -> None:
    projected = EYE.unsqueeze(0)
    value = projected_alignment(projected, EYE, torch.tensor([[1.0, 0.0, 0.0]]), ALL, temperature=1.0)
    assert value.item() == pytest.approx(math.log(1 + 2 * math.exp(-1)), rel=1e-5)


def test_a_disease_that_is_there_too_is_no_rival() -> None:
    """u of the first lies on the text of the second, which the film shows as well: only the third is a rival."""
    projected = torch.stack([EYE[1], EYE[1], EYE[2]]).unsqueeze(0)
    first_and_second = projected_alignment(projected, EYE, torch.tensor([[1.0, 1.0, 0.0]]), ALL, temperature=1.0)
    # first: own 0 against third 0 -> log 2; second: own 1 against third 0 -> log(1 + 1/e)
    assert first_and_second.item() == pytest.approx((math.log(2) + math.log(1 + math.exp(-1))) / 2, rel=1e-5)


def test_what_is_not_known_is_neither_a_rival_nor_there() -> None:
    projected = EYE.unsqueeze(0)
    known = torch.tensor([[True, True, False]])
    value = projected_alignment(projected, EYE, torch.tensor([[1.0, 0.0, 1.0]]), known, temperature=1.0)
    assert value.item() == pytest.approx(math.log(1 + math.exp(-1)), rel=1e-5)


def test_a_film_that_shows_nothing_costs_nothing_and_moves_nothing() -> None:
    projected = torch.randn(2, 3, 4, requires_grad=True)
    value = projected_alignment(projected, torch.randn(3, 4), torch.zeros(2, 3), torch.ones(2, 3, dtype=torch.bool))
    value.backward()
    assert value.item() == 0
    assert projected.grad is not None
    assert projected.grad.abs().sum().item() == 0


def test_labels_of_another_number_are_refused() -> None:
    with pytest.raises(InputError, match="one for each vector"):
        projected_alignment(torch.randn(2, 3, 4), EYE, torch.zeros(2, 4), torch.ones(2, 4, dtype=torch.bool))


def test_alignment_falls_as_vectors_turn_to_their_texts() -> None:
    torch.manual_seed(0)
    texts, projected = torch.randn(5, 8), torch.randn(4, 5, 8)
    target = (torch.rand(4, 5) < 0.5).float()
    known = torch.ones(4, 5, dtype=torch.bool)
    values = [projected_alignment(projected + pull * texts, texts, target, known).item() for pull in (0.0, 0.5, 2.0)]
    assert values[0] > values[1] > values[2]


def test_eight_equal_places_cost_log_eight_and_only_known_ones_count() -> None:
    scores = torch.zeros(1, 2, 8)
    scores[0, 1, 0] = 100.0
    assert location_contrast(scores, torch.tensor([[True, False]])).item() == pytest.approx(math.log(8), rel=1e-5)
    assert location_contrast(scores, torch.tensor([[False, True]])).item() == pytest.approx(0, abs=1e-5)
    assert location_contrast(scores, torch.tensor([[False, False]])).item() == 0


def test_a_disease_finds_its_film_among_those_without_it() -> None:
    """Films 0 and 1 lie on the text and beside it: log(1 + e^-1) for the one that shows it."""
    projected = torch.stack([EYE[:1], EYE[1:2]])
    target, known = torch.tensor([[1.0], [0.0]]), torch.ones(2, 1, dtype=torch.bool)
    value = film_alignment(projected, EYE[:1], target, known, temperature=1.0)
    assert value.item() == pytest.approx(math.log(1 + math.exp(-1)), rel=1e-5)
    alone = film_alignment(projected, EYE[:1], target, torch.tensor([[True], [False]]), temperature=1.0)
    assert alone.item() == pytest.approx(0, abs=1e-6)


def test_a_vector_that_shows_only_what_was_asked_costs_nothing_one_way_and_all_the_other_way() -> None:
    """The gap of the reconstruction: u_c = e_c on every film, whatever it shows."""
    projected, target = EYE.expand(4, -1, -1), torch.eye(4)[:, :3]
    known = torch.ones(4, 3, dtype=torch.bool)
    assert projected_alignment(projected, EYE, target, known, temperature=0.05).item() < 1e-6
    assert film_alignment(projected, EYE, target, known).item() == pytest.approx(math.log(4), rel=1e-5)
