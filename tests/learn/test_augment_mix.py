"""CutMix: the label's share is the area that is left, the box where it is said, the loss the weighted sum of both."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.augment_mix import Mixed, box_of, cutmix, mixed_cross_entropy  # noqa: E402


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 90), st.integers(2, 90), st.floats(0.0, 1.0), st.integers(0, 10_000))
def test_a_box_lies_in_the_film_and_is_never_larger_than_asked_for(
    height: int, width: int, share: float, seed: int
) -> None:
    top, bottom, left, right = box_of(height, width, share, np.random.default_rng(seed))
    assert 0 <= top <= bottom <= height
    assert 0 <= left <= right <= width
    side = np.sqrt(1.0 - share)
    assert bottom - top <= round(height * side)
    assert right - left <= round(width * side)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), st.integers(8, 40), st.integers(8, 40), st.integers(0, 10_000))
def test_the_share_is_the_area_for_any_batch(count: int, height: int, width: int, seed: int) -> None:
    film = torch.arange(count).float().view(-1, 1, 1, 1).expand(count, 2, height, width).contiguous()
    mixed = cutmix(film, np.random.default_rng(seed), probability=1.0)
    for row in range(count):
        other = int(mixed.other[row])
        own = float((mixed.film[row] == row).float().mean())
        assert own == pytest.approx(1.0 if other == row else mixed.share, abs=1e-6)
        assert float((mixed.film[row] == other).float().mean()) >= 1.0 - mixed.share - 1e-6
    assert sorted(mixed.other.tolist()) == list(range(count))


def test_the_same_box_is_cut_from_each_film_of_a_batch() -> None:
    film = torch.rand(5, 1, 30, 30)
    mixed = cutmix(film, np.random.default_rng(4), probability=1.0)
    changed = [(mixed.film[row] != film[row]).any(0) for row in range(5) if int(mixed.other[row]) != row]
    assert len(changed) > 1
    assert all(torch.equal(each, changed[0]) for each in changed[1:])


def test_so_many_batches_are_mixed_as_the_probability_says() -> None:
    draw, film = np.random.default_rng(0), torch.rand(4, 1, 20, 20)
    mixed = [not torch.equal(cutmix(film, draw, probability=0.5).film, film) for _ in range(400)]
    assert np.mean(mixed) == pytest.approx(0.47, abs=0.07)  # a few boxes are empty, or films stay their own
    assert all(cutmix(film, draw, probability=0.0).share == 1.0 for _ in range(20))


def test_shares_are_spread_as_the_beta_distribution_but_for_edges() -> None:
    draw, film = np.random.default_rng(0), torch.zeros(2, 1, 64, 64)
    flat = [cutmix(film, draw, probability=1.0).share for _ in range(500)]
    middling = [cutmix(film, draw, probability=1.0, concentration=20.0).share for _ in range(500)]
    assert np.mean(flat) > 0.5  # boxes are cut at the edges, so that more is left than was drawn
    assert np.std(middling) < 0.6 * np.std(flat)


def test_the_loss_is_that_of_both_labels_by_their_shares() -> None:
    logits, target = torch.randn(6), (torch.arange(6) % 2).float()
    other = torch.tensor([1, 2, 3, 4, 5, 0])
    each = torch.nn.functional.binary_cross_entropy_with_logits
    for share in (0.0, 0.25, 1.0):
        want = share * each(logits, target) + (1 - share) * each(logits, target[other])
        told = mixed_cross_entropy(logits, target, Mixed(torch.zeros(6, 1, 1, 1), other, share))
        assert float(told) == pytest.approx(float(want), rel=1e-5)
    soft = share_as_label(logits, target, other, 0.25)
    told = mixed_cross_entropy(logits, target, Mixed(torch.zeros(6, 1, 1, 1), other, 0.25))
    assert float(told) == pytest.approx(float(soft), rel=1e-5)


def share_as_label(logits: torch.Tensor, target: torch.Tensor, other: torch.Tensor, share: float) -> torch.Tensor:
    """The same by a label between 0 and 1, in which cross-entropy is linear."""
    mixed = share * target + (1 - share) * target[other]
    return torch.nn.functional.binary_cross_entropy_with_logits(logits, mixed)


def test_the_seed_alone_decides_and_the_batch_given_is_left_as_it_is() -> None:
    film = torch.rand(4, 1, 16, 16)
    before = film.clone()
    first, again = (cutmix(film, np.random.default_rng(7), probability=1.0) for _ in range(2))
    assert torch.equal(first.film, again.film)
    assert first.share == again.share
    assert torch.equal(film, before)


@pytest.mark.parametrize(("probability", "concentration"), [(-0.1, 1.0), (1.1, 1.0), (0.5, 0.0), (0.5, -1.0)])
def test_what_is_no_probability_or_distribution_is_refused(probability: float, concentration: float) -> None:
    with pytest.raises(InputError, match="probability of 0 to 1"):
        cutmix(torch.rand(2, 1, 8, 8), np.random.default_rng(0), probability=probability, concentration=concentration)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(0, 10_000), st.floats(0.1, 5.0))
def test_labels_mixed_by_the_share_add_up_to_the_pixels(count: int, seed: int, concentration: float) -> None:
    """A film of one grey, its label, has a mean that is the mix of both labels: the share is of pixels."""
    label = torch.arange(count, dtype=torch.float32)
    film = label.view(-1, 1, 1, 1).expand(-1, 2, 12, 20).contiguous()
    mixed = cutmix(film, np.random.default_rng(seed), probability=1.0, concentration=concentration)
    want = mixed.share * label + (1 - mixed.share) * label[mixed.other]
    torch.testing.assert_close(mixed.film.mean(dim=(1, 2, 3)), want, rtol=1e-5, atol=1e-5)
    assert sorted(mixed.other.tolist()) == list(range(count))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.0, 1.0))
def test_mixing_twice_the_same_label_is_no_mixing_and_the_loss_is_linear_in_the_share(seed: int, share: float) -> None:
    draw = torch.Generator().manual_seed(seed)
    logits, target = torch.randn(4, 3, generator=draw), (torch.rand(4, 3, generator=draw) > 0.5).float()
    film, other = torch.zeros(4, 1, 2, 2), torch.randperm(4, generator=draw)
    itself = mixed_cross_entropy(logits, target, Mixed(film, torch.arange(4), share))
    own, theirs, mixed = (mixed_cross_entropy(logits, target, Mixed(film, other, each)) for each in (1.0, 0.0, share))
    torch.testing.assert_close(itself, own)
    torch.testing.assert_close(mixed, share * own + (1 - share) * theirs)
