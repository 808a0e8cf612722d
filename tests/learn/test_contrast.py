"""Contrasts against sums written out by hand, and what each leaves out."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hilum.core.errors import InputError
from hilum.learn.objectives.contrast import info_nce, mp_nce, multi_positive, siglip, supervised


def _scores(rows: int, columns: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_info_nce_of_equal_scores_is_the_logarithm_of_how_many() -> None:
    assert info_nce(torch.zeros(5, 5)).item() == pytest.approx(math.log(5))


def test_info_nce_weighs_the_two_ways() -> None:
    scores = _scores(4, 4)
    film = sum(-math.log(math.exp(scores[i, i]) / sum(math.exp(scores[i, j]) for j in range(4))) for i in range(4)) / 4
    assert info_nce(scores, share=1.0).item() == pytest.approx(film)
    assert info_nce(scores, share=0.0).item() == pytest.approx(info_nce(scores.T, share=1.0).item())


def test_one_positive_each_makes_multi_positive_info_nce() -> None:
    scores = _scores(6, 6)
    assert multi_positive(scores, torch.eye(6)).item() == pytest.approx(info_nce(scores).item())


def test_multi_positive_shares_the_target_among_positives() -> None:
    scores, belongs = _scores(2, 3), torch.tensor([[1, 1, 0], [0, 0, 1]])
    rows = -(0.5 * scores[0].log_softmax(0)[:2].sum() + scores[1].log_softmax(0)[2]) / 2
    columns = scores.log_softmax(0)
    columns = -(columns[0, 0] + columns[0, 1] + columns[1, 2]) / 3
    assert multi_positive(scores, belongs).item() == pytest.approx(0.5 * float(rows + columns))


def test_supervised_contrast_by_hand() -> None:
    scores = _scores(4, 4)
    study = torch.tensor([0, 0, 0, 1])  # the last has no other view and takes no part
    belongs = study[:, None] == study[None, :]
    total = 0.0
    for i in range(3):
        rest = sum(math.exp(scores[i, j]) for j in range(4) if j != i)
        total -= sum(math.log(math.exp(scores[i, p]) / rest) for p in range(3) if p != i) / 2
    assert supervised(scores, belongs).item() == pytest.approx(total / 3)


def test_anchors_without_positives_give_nothing() -> None:
    assert supervised(_scores(3, 3), torch.eye(3)).item() == 0.0


def test_mp_nce_by_hand_leaves_a_films_other_sentences_out() -> None:
    scores, owner = _scores(2, 3), torch.tensor([0, 0, 1])
    to_film = sum(-math.log(math.exp(scores[o, m]) / sum(math.exp(scores[i, m]) for i in range(2)))
                  for m, o in enumerate(owner.tolist())) / 3  # fmt: skip
    rivals = {0: [0, 2], 1: [1, 2], 2: [2, 0, 1]}
    to_text = sum(-math.log(math.exp(scores[o, m]) / sum(math.exp(scores[o, n]) for n in rivals[m]))
                  for m, o in enumerate(owner.tolist())) / 3  # fmt: skip
    assert mp_nce(scores, owner).item() == pytest.approx(0.5 * (to_film + to_text))


def test_sentences_that_say_the_same_are_no_rivals_when_told() -> None:
    scores, owner = _scores(2, 2), torch.tensor([0, 1])
    assert mp_nce(scores, owner, same=torch.ones(2, 2, dtype=torch.bool)).item() == pytest.approx(0.0, abs=1e-9)
    alone = mp_nce(scores, owner, same=torch.eye(2, dtype=torch.bool))
    assert alone.item() == pytest.approx(mp_nce(scores, owner).item())


@given(st.integers(2, 6), st.integers(0, 50))
def test_mp_nce_does_not_depend_on_the_order_of_sentences(films: int, seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    owner = torch.randint(films, (2 * films,), generator=rng)
    scores, order = _scores(films, 2 * films, seed), torch.randperm(2 * films, generator=rng)
    assert mp_nce(scores[:, order], owner[order]).item() == pytest.approx(mp_nce(scores, owner).item())


def test_siglip_by_hand_and_its_bias() -> None:
    scores = torch.tensor([[2.0, -1.0], [0.5, 1.0]], dtype=torch.float64)
    sign = [[1, -1], [-1, 1]]
    total = sum(math.log1p(math.exp(-sign[i][j] * (float(scores[i, j]) + 0.3))) for i in range(2) for j in range(2))
    assert siglip(scores, torch.eye(2), bias=0.3).item() == pytest.approx(total / 2)


def test_shapes_that_do_not_fit_are_said() -> None:
    with pytest.raises(InputError, match="must be"):
        info_nce(torch.zeros(2, 3))
    with pytest.raises(InputError, match="alike"):
        multi_positive(torch.zeros(2, 3), torch.zeros(3, 2))
    with pytest.raises(InputError, match="owner"):
        mp_nce(torch.zeros(2, 3), torch.tensor([0, 1, 2]))
