"""Word and patch losses against the published formulas, written out in numpy one word at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.objectives.contrast import info_nce  # noqa: E402
from hilum.learn.objectives.tokens import SCALE, looked_at, token_matching, word_patch_scores  # noqa: E402


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max())
    return e / e.sum()


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.fixture
def drawn(draw: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    patches = torch.from_numpy(draw.normal(size=(3, 5, 4)))
    words = torch.from_numpy(draw.normal(size=(3, 6, 4)))
    mask = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 0]], dtype=torch.bool)
    return patches, words, mask


def matching_by_hand(patches: np.ndarray, words: np.ndarray, tau: float) -> float:
    seen = [sum(a * v for a, v in zip(softmax(patches @ t / math.sqrt(len(t))), patches, strict=True)) for t in words]
    scores = np.array([[cosine(t, c) / tau for c in seen] for t in words])
    forth = np.mean([-math.log(softmax(scores[w])[w]) for w in range(len(words))])
    back = np.mean([-math.log(softmax(scores[:, w])[w]) for w in range(len(words))])
    return 0.5 * float(forth + back)


def test_token_matching_is_the_papers_cross_entropy_within_each_sample(drawn: tuple[torch.Tensor, ...]) -> None:
    patches, words, mask = drawn
    by_hand = [matching_by_hand(patches[b].numpy(), words[b][mask[b]].numpy(), 0.5) for b in (0, 1)]
    assert float(token_matching(patches, words, mask)) == pytest.approx(np.mean(by_hand), rel=1e-5)
    warmer = [matching_by_hand(patches[b].numpy(), words[b][mask[b]].numpy(), 0.2) for b in (0, 1)]
    assert float(token_matching(patches, words, mask, tau=0.2)) == pytest.approx(np.mean(warmer), rel=1e-5)


def test_padding_and_texts_of_one_word_change_nothing(drawn: tuple[torch.Tensor, ...]) -> None:
    patches, words, mask = drawn
    other = words.clone()
    other[~mask] = 77.0
    other[2] = -3.0  # one word has nothing to be told apart from
    assert float(token_matching(patches, other, mask)) == pytest.approx(float(token_matching(patches, words, mask)))


def test_a_batch_without_two_words_has_no_loss_and_no_gradient() -> None:
    words = torch.randn(2, 3, 4, requires_grad=True)
    mask = torch.tensor([[True, False, False], [False, False, False]])
    loss = token_matching(torch.randn(2, 5, 4), words, mask)
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert words.grad is not None
    assert torch.count_nonzero(words.grad) == 0


def test_words_that_find_patches_of_their_own_are_told_apart() -> None:
    eye = torch.eye(4)[None] * 12.0  # each word equals one patch, and looks at nothing else
    own = token_matching(eye, eye, torch.ones(1, 4, dtype=torch.bool))
    scores = np.eye(4) / 0.5  # orthogonal to the others' patches
    expected = -np.log(np.exp(2.0) / np.exp(scores[0]).sum())
    assert float(own) == pytest.approx(expected, abs=1e-3)
    lost = token_matching(eye[:, :1].expand(1, 4, 4), eye, torch.ones(1, 4, dtype=torch.bool))
    assert float(lost) > float(own)


def test_vectors_of_length_one_look_everywhere_alike() -> None:
    """The released code takes unit vectors, so logits lie within 1 / sqrt(D): at 2048 the attention is flat."""
    gen = torch.Generator().manual_seed(0)
    words, patches = (torch.nn.functional.normalize(torch.randn(2, n, 2048, generator=gen), dim=-1) for n in (7, 49))
    patches[:, 3] = words[:, 0]  # even a patch that equals the word
    _, share = looked_at(words, patches)
    assert float(share.max()) < 1.025 / 49
    seen, _ = looked_at(words, patches)
    close = torch.nn.functional.normalize(seen, dim=-1)
    assert float((close @ close.transpose(1, 2)).min()) > 0.999  # every word looks at the mean patch


def scores_by_hand(patches: np.ndarray, words: np.ndarray) -> float:
    share = np.array([softmax(words @ v) for v in patches])  # patches share themselves among words
    pooled = 0.0
    for w, t in enumerate(words):
        looks = softmax(4.0 * share[:, w])
        pooled += math.exp(5.0 * cosine((looks[:, None] * patches).sum(0), t))
    return math.log(pooled)


def test_word_patch_scores_are_glorias_for_every_film_and_text(drawn: tuple[torch.Tensor, ...]) -> None:
    patches, words, mask = drawn
    found = word_patch_scores(patches, words, mask)
    for film in range(3):
        for text in range(3):
            expected = scores_by_hand(patches[film].numpy(), words[text][mask[text]].numpy())
            assert float(found[film, text]) == pytest.approx(expected, rel=1e-5)
    assert torch.isfinite(info_nce(found * SCALE))


def test_a_mean_over_words_takes_off_the_logarithm_of_their_number(drawn: tuple[torch.Tensor, ...]) -> None:
    patches, words, mask = drawn
    gap = word_patch_scores(patches, words, mask) - word_patch_scores(patches, words, mask, mean=True)
    assert gap.mean(0).tolist() == pytest.approx([math.log(6), math.log(3), 0.0], abs=1e-5)


def test_a_text_of_no_words_scores_zero_and_other_counts_may_differ() -> None:
    mask = torch.tensor([[True, True], [False, False]])
    found = word_patch_scores(torch.randn(3, 5, 4), torch.randn(2, 2, 4), mask)
    assert found.shape == (3, 2)
    assert found[:, 1].tolist() == [0.0, 0.0, 0.0]


def test_what_does_not_belong_together_is_refused() -> None:
    with pytest.raises(InputError, match="must agree"):
        looked_at(torch.zeros(2, 3, 4), torch.zeros(2, 5, 8))
    with pytest.raises(InputError, match="mask of words"):
        token_matching(torch.zeros(2, 5, 4), torch.zeros(2, 3, 4), torch.ones(2, 4, dtype=torch.bool))
    with pytest.raises(InputError, match="do not agree"):
        word_patch_scores(torch.zeros(2, 5, 4), torch.zeros(2, 3, 4), torch.ones(2, 4, dtype=torch.bool))
