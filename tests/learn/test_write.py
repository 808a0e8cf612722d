"""The loss of the next word against torch's own and against hand-made logits."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from hilum.core.errors import InputError
from hilum.learn.objectives.write import IGNORED, answer_lengths, answer_logp, token_logp, write_loss


def case(rows: int = 3, length: int = 7, words: int = 11) -> tuple[torch.Tensor, torch.Tensor]:
    made = torch.Generator().manual_seed(0)
    logits = torch.randn(rows, length, words, generator=made)
    labels = torch.randint(words, (rows, length), generator=made)
    labels[0, :4] = labels[1, :6] = labels[2, ::2] = IGNORED
    return logits, labels


def test_the_loss_is_that_of_torch_on_the_shifted_labels():
    logits, labels = case()
    wanted = functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED)
    assert write_loss(logits, labels) == pytest.approx(wanted.item(), rel=1e-6)


def test_by_sample_each_answer_weighs_alike():
    logits, labels = case()
    each = [
        functional.cross_entropy(logits[row, :-1], labels[row, 1:], ignore_index=IGNORED).item() for row in range(3)
    ]
    assert write_loss(logits, labels, by_sample=True) == pytest.approx(sum(each) / 3, rel=1e-6)


def test_an_answers_likelihood_is_that_of_its_tokens_one_by_one():
    logits, labels = case()
    chance = logits.softmax(-1)
    for row in range(3):
        wanted = sum(math.log(chance[row, at - 1, labels[row, at]]) for at in range(1, 7) if labels[row, at] != IGNORED)
        assert answer_logp(logits, labels)[row] == pytest.approx(wanted, rel=1e-5)
    lengths = answer_lengths(labels)
    assert lengths.tolist() == [3, 1, 3]
    assert torch.allclose(answer_logp(logits, labels, mean=True), answer_logp(logits, labels) / lengths)


def test_equal_words_are_equally_likely_and_a_longer_answer_is_not_held_against_when_normalised():
    logits, labels = torch.zeros(2, 9, 5), torch.full((2, 9), IGNORED)
    labels[0, 3:5], labels[1, 3:9] = 1, 2
    assert answer_logp(logits, labels).tolist() == pytest.approx([-2 * math.log(5), -6 * math.log(5)])
    assert answer_logp(logits, labels, mean=True).tolist() == pytest.approx([-math.log(5)] * 2)


def test_the_first_place_and_the_last_logits_never_count():
    logits, labels = case()
    changed = logits.clone()
    changed[:, -1] = 99
    labels[:, 0] = 3
    again = labels.clone()
    again[:, 0] = IGNORED
    assert torch.equal(write_loss(logits, labels), write_loss(changed, again))


def test_gradients_reach_only_the_places_before_answers():
    logits, labels = case()
    logits.requires_grad_()
    write_loss(logits, labels).backward()
    touched = logits.grad.abs().sum(-1) > 0
    assert torch.equal(touched[:, :-1], labels[:, 1:] != IGNORED)
    assert not touched[:, -1].any()


def test_half_precision_is_summed_in_full():
    logits, labels = case()
    assert answer_logp(logits.half(), labels).dtype == torch.float32
    assert torch.allclose(answer_logp(logits.half(), labels), answer_logp(logits, labels), atol=0.02)


def test_a_sample_with_nothing_to_learn_counts_for_nothing():
    logits, labels = case()
    labels[1] = IGNORED
    logp, counts = token_logp(logits, labels)
    assert not counts[1].any()
    assert answer_logp(logits, labels, mean=True)[1] == 0
    kept = [0, 2]
    assert write_loss(logits, labels, by_sample=True) == pytest.approx(
        write_loss(logits[kept], labels[kept], by_sample=True).item()
    )
    assert logp[1].sum() == 0


def test_what_does_not_fit_is_refused():
    logits, labels = case()
    with pytest.raises(InputError, match="must agree"):
        write_loss(logits[:, :3], labels)
    with pytest.raises(InputError, match="no token of this batch"):
        write_loss(logits, torch.full_like(labels, IGNORED))
    with pytest.raises(InputError, match="outside the 11 words"):
        write_loss(logits, torch.full_like(labels, 11))
    with pytest.raises(InputError, match="outside the 11 words"):
        write_loss(logits, torch.full_like(labels, -7))
