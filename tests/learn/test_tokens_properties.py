"""What word and patch losses must keep whatever the numbers: order, length, padding, scale, gradients."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from hilum.learn.objectives.contrast import info_nce  # noqa: E402
from hilum.learn.objectives.tokens import looked_at, token_matching, word_patch_scores  # noqa: E402

SEEDS = st.integers(0, 10_000)


def drawn(seed: int, films: int = 3, patches: int = 6, words: int = 5, width: int = 8) -> tuple[torch.Tensor, ...]:
    gen = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, words + 1, (films,), generator=gen)
    mask = torch.arange(words) < lengths[:, None]
    return (torch.randn(films, patches, width, generator=gen), torch.randn(films, words, width, generator=gen), mask)


@given(seed=SEEDS)
def test_the_order_of_patches_does_not_matter(seed: int) -> None:
    patches, words, mask = drawn(seed)
    turned = patches[:, torch.randperm(6, generator=torch.Generator().manual_seed(seed))]
    assert torch.allclose(token_matching(patches, words, mask), token_matching(turned, words, mask), atol=1e-5)
    assert torch.allclose(word_patch_scores(patches, words, mask), word_patch_scores(turned, words, mask), atol=1e-4)


@given(seed=SEEDS)
def test_the_order_of_words_does_not_matter(seed: int) -> None:
    patches, words, _ = drawn(seed)
    mask = torch.ones(3, 5, dtype=torch.bool)
    turned = words.flip(1)
    assert torch.allclose(token_matching(patches, words, mask), token_matching(patches, turned, mask), atol=1e-5)
    assert torch.allclose(word_patch_scores(patches, words, mask), word_patch_scores(patches, turned, mask), atol=1e-4)


@given(seed=SEEDS)
def test_samples_do_not_see_each_other(seed: int) -> None:
    patches, words, mask = drawn(seed)
    each = [token_matching(patches[at : at + 1], words[at : at + 1], mask[at : at + 1]) for at in range(3)]
    assert float(token_matching(patches, words, mask)) == pytest.approx(float(torch.stack(each).mean()), rel=1e-4)


@given(seed=SEEDS)
def test_more_padding_changes_nothing(seed: int) -> None:
    patches, words, mask = drawn(seed)
    longer = torch.cat((words, torch.full((3, 4, 8), 9.0)), dim=1)
    wider = torch.cat((mask, torch.zeros(3, 4, dtype=torch.bool)), dim=1)
    assert torch.allclose(token_matching(patches, words, mask), token_matching(patches, longer, wider), atol=1e-5)
    assert torch.allclose(word_patch_scores(patches, words, mask), word_patch_scores(patches, longer, wider), atol=1e-5)


@given(seed=SEEDS)
def test_what_is_looked_at_is_a_mean_of_patches(seed: int) -> None:
    patches, words, _ = drawn(seed)
    seen, share = looked_at(words, patches)
    assert torch.allclose(share.sum(-1), torch.ones(3, 5), atol=1e-5)
    assert (share >= 0).all()
    assert (seen.amax(1) <= patches.amax(1) + 1e-5).all()
    assert (seen.amin(1) >= patches.amin(1) - 1e-5).all()


@given(seed=SEEDS, tau=st.floats(0.05, 5.0))
def test_the_loss_lies_between_nothing_and_what_the_worst_cosine_allows(seed: int, tau: float) -> None:
    patches, words, mask = drawn(seed)
    value = float(token_matching(patches, words, mask, tau=tau))
    assert 0.0 <= value <= math.log(5) + 2.0 / tau + 1e-4


def test_equal_words_cannot_be_told_apart() -> None:
    """Words that are the same look at the same and score the same: the loss is the logarithm of their number."""
    words = torch.randn(1, 1, 8).expand(2, 4, 8)
    mask = torch.tensor([[True] * 4, [True, True, False, False]])
    value = token_matching(torch.randn(2, 6, 8), words, mask)
    assert float(value) == pytest.approx((math.log(4) + math.log(2)) / 2, rel=1e-5)


def test_a_single_patch_is_all_that_can_be_looked_at() -> None:
    patches = torch.randn(2, 1, 8)
    seen, share = looked_at(torch.randn(2, 3, 8), patches)
    assert torch.allclose(seen, patches.expand(-1, 3, -1))
    assert torch.equal(share, torch.ones(2, 3, 1))


def test_patches_and_words_both_learn_and_padding_does_not() -> None:
    patches, words, mask = drawn(1)
    patches.requires_grad_(True)
    words.requires_grad_(True)
    token_matching(patches, words, mask).backward()
    assert patches.grad is not None
    assert words.grad is not None
    assert bool((patches.grad.abs().sum((1, 2)) > 0).all())
    assert float(words.grad[~mask].abs().sum()) == 0.0


def test_a_few_steps_of_descent_lower_both_losses() -> None:
    patches, words, mask = drawn(2)
    for loss in (
        lambda p, w: token_matching(p, w, mask),
        lambda p, w: info_nce(word_patch_scores(p, w, mask) * 10.0),
    ):
        p, w = (torch.nn.Parameter(each.clone()) for each in (patches, words))
        optimizer = torch.optim.Adam([p, w], lr=0.05)
        first = float(loss(p, w).detach())
        for _ in range(25):
            optimizer.zero_grad()
            loss(p, w).backward()
            optimizer.step()
        assert float(loss(p, w).detach()) < 0.8 * first


def test_glorias_score_is_of_direction_and_of_a_films_own_words() -> None:
    """A film whose patches hold the words of a text scores above one that holds none of them."""
    eye = torch.eye(8)
    films = torch.stack((eye[:4] * 6, eye[4:] * 6))
    texts = torch.stack((eye[:3] * 6, eye[4:7] * 6))
    scores = word_patch_scores(films, texts, torch.ones(2, 3, dtype=torch.bool))
    assert scores[0, 0] > scores[1, 0]
    assert scores[1, 1] > scores[0, 1]
    assert float(scores[0, 0]) == pytest.approx(float(scores[1, 1]), rel=1e-5)


@pytest.mark.parametrize("pool", [1.0, 5.0, 50.0])
def test_the_pool_of_equal_cosines_is_that_cosine_and_the_number_of_words(pool: float) -> None:
    one = torch.ones(1, 1, 4)
    scores = word_patch_scores(one, one.expand(1, 3, 4), torch.ones(1, 3, dtype=torch.bool), pool=pool)
    assert float(scores) == pytest.approx(pool + math.log(3), rel=1e-4)
