"""A RadZero in training: what it is worth on validation films, and which weights of a fit are kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hilum.learn.running import Running, running  # noqa: E402
from hilum.systems._radzero_claims import ARMS, OURS  # noqa: E402
from hilum.systems._radzero_fit import EVERY, PATIENCE, align, network  # noqa: E402
from hilum.systems._radzero_look import cached  # noqa: E402
from hilum.systems._radzero_model import logits_of  # noqa: E402
from hilum.systems._radzero_texts import prompt, told, wording_of  # noqa: E402
from hilum.systems._radzero_worth import worth  # noqa: E402
from tests.systems.aligned_toy import NAMES, SIZE, toy_model, toy_pairs  # noqa: E402


def test_worth_is_the_mean_chance_to_rank_a_film_with_the_finding_higher() -> None:
    model, val = toy_model(OURS), toy_pairs(40, seed=5, split="val")
    value = worth(model.net, model.words, val, NAMES)
    assert value is not None
    ranks = []
    for at, name in enumerate(NAMES):
        logits = logits_of(model, val, [prompt(name)])[0][:, 0]
        with_it, without = logits[val.target[:, at] > 0], logits[val.target[:, at] == 0]
        pairs = with_it[:, None] - without[None]
        ranks.append(float(((pairs > 0) + 0.5 * (pairs == 0)).mean()))
    assert value(model.net) == pytest.approx(np.mean(ranks))
    assert np.mean(ranks) > 0.9


def test_too_few_films_or_a_gpu_give_no_worth() -> None:
    model = toy_model(OURS)
    assert worth(model.net, model.words, toy_pairs(4, seed=5, split="val"), NAMES) is None
    assert worth(model.net, model.words, toy_pairs(40, seed=5, split="val"), ["fracture"]) is None
    with running(Running("cuda")):
        assert worth(model.net, model.words, toy_pairs(40, seed=5, split="val"), NAMES) is None


@pytest.mark.slow
def test_a_fit_that_gets_no_better_ends_with_its_best_weights() -> None:
    pairs = toy_pairs(8)
    words = wording_of(pairs)
    held: list[dict[str, torch.Tensor]] = []

    def worse_each_time(_: object) -> float:
        held.append({name: value.detach().clone() for name, value in net.layers.state_dict().items()})
        return -float(len(held))

    net = network(toy_model(OURS).net.image, len(words), SIZE, "similarity", seed=1)
    size = replace(SIZE, steps=10_000, batch=4)
    align(net, cached(net.image, pairs.films), told(pairs, words), ARMS[OURS], size, seed=1, validate=worse_each_time)
    assert len(held) == 1 + PATIENCE  # after 1,100 steps of 10,000
    assert EVERY * len(held) < size.steps
    for name, value in net.layers.state_dict().items():
        assert torch.equal(value, held[0][name]), name
        assert not value.is_floating_point() or not torch.equal(value, held[-1][name]), name
