"""Losses of preferences against sums by hand, optima on paper, and the gate of two label orders."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.objectives.prefer import (  # noqa: E402
    ALONE,
    LOSSES,
    Preference,
    Side,
    desensitised,
    dpo,
    kto,
    length_pull,
    orpo,
    written,
)

W = (-12.0, -14.0, 10)  # log-probability under policy and reference, words
L = (-33.0, -30.0, 25)


def side(*answers: tuple[float, float, int]) -> Side:
    policy, reference, tokens = zip(*answers, strict=True)
    numbers = [torch.tensor(each, dtype=torch.float64) for each in (policy, reference)]
    return Side(numbers[0], numbers[1], torch.tensor(tokens))


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def by_hand(how: Preference) -> float:
    """The formulas of the papers in plain arithmetic, of the pair (W, L)."""
    (pw, rw, nw), (pl, rl, nl) = W, L
    gw, gl = pw - rw, pl - rl
    odds = [math.exp(p / n) / (1 - math.exp(p / n)) for p, n in ((pw, nw), (pl, nl))]
    return {
        "dpo": -math.log(sigmoid(how.beta * (gw - gl))),
        "ipo": (gw - gl - 1 / (2 * how.beta)) ** 2,
        "ipo_norm": (gw / nw - gl / nl - 1 / (2 * how.beta)) ** 2,
        "sigmoid_norm": -math.log(sigmoid(how.beta * (gw / nw - gl / nl))),
        "r-dpo": -math.log(sigmoid(how.beta * (gw - gl) + how.alpha * (nw - nl))),
        "simpo": -math.log(sigmoid(how.beta * (pw / nw - pl / nl) - how.gamma)),
        "orpo": -pw / nw - how.odds * math.log(sigmoid(math.log(odds[0]) - math.log(odds[1]))),
        "kto": (how.desirable * (1 - sigmoid(how.beta * gw)) + how.undesirable * (1 - sigmoid(-how.beta * gl))) / 2,
        "sft": -pw / nw,
    }[how.loss]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("beta", [0.05, 0.7])
def test_each_loss_is_its_papers_formula(loss: str, beta: float) -> None:
    how = Preference(loss, beta=beta, alpha=0.03, gamma=0.4, odds=0.6, desirable=1.3, undesirable=0.8)
    assert float(how.of_pairs(side(W), side(L))) == pytest.approx(by_hand(how), rel=1e-9)
    mixed = replace(how, mixed=0.5)
    assert float(mixed.of_pairs(side(W), side(L))) == pytest.approx(by_hand(how) + 0.5 * -W[0] / W[2], rel=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_batch_is_its_pairs_one_by_one(loss: str) -> None:
    how = Preference(loss, beta=0.3)
    chosen, rejected = [W, (-5.0, -5.5, 10)], [L, (-9.0, -7.0, 12)]
    together = how.of_pairs(side(*chosen), side(*rejected))
    alone = [how.of_pairs(side(w), side(bad)) for w, bad in zip(chosen, rejected, strict=True)]
    assert torch.allclose(together, torch.cat(alone))


def test_writing_is_the_mean_over_all_words_whatever_the_lengths() -> None:
    assert float(written(side((-10.0, 0.0, 5), (-30.0, 0.0, 35))).mean()) == pytest.approx(40 / 40)


def test_a_policy_that_is_its_reference_pays_log_two() -> None:
    same = side((-4.0, -4.0, 3)), side((-9.0, -9.0, 8))
    for loss in ("dpo", "sigmoid_norm"):
        assert float(Preference(loss).of_pairs(*same)) == pytest.approx(math.log(2))
    assert float(Preference("kto").of_pairs(*same)) == pytest.approx(0.5)
    assert float(Preference("ipo", beta=0.25).of_pairs(*same)) == pytest.approx(4.0)


@pytest.mark.parametrize("loss", [name for name in LOSSES if name not in ALONE])
def test_only_the_gain_over_the_reference_counts(loss: str) -> None:
    how = Preference(loss)
    moved = [(p + 3.0, r + 3.0, n) for p, r, n in (W, L)]
    assert torch.allclose(how.of_pairs(side(W), side(L)), how.of_pairs(side(moved[0]), side(moved[1])))
    assert how.refers


@pytest.mark.parametrize("loss", ALONE)
def test_losses_without_a_reference_do_not_look_at_it(loss: str) -> None:
    how = Preference(loss)
    other = [(p, r - 50.0, n) for p, r, n in (W, L)]
    assert torch.equal(how.of_pairs(side(W), side(L)), how.of_pairs(side(other[0]), side(other[1])))
    assert not how.refers


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([name for name in LOSSES if name not in ("ipo", "ipo_norm")]),
       st.floats(-60, -0.5), st.floats(-60, -0.5), st.integers(1, 40), st.integers(1, 40))  # fmt: skip
def test_the_chosen_answer_never_falls_and_the_rejected_never_rises(
    loss: str, good: float, bad: float, many: int, few: int
) -> None:
    policy = torch.tensor([good, bad], dtype=torch.float64, requires_grad=True)
    held = torch.tensor([-20.0, -20.0], dtype=torch.float64)
    chosen, rejected = (
        Side(policy[n : n + 1], held[n : n + 1], torch.tensor([size])) for n, size in enumerate((many, few))
    )
    value = Preference(loss).of_pairs(chosen, rejected).sum()
    (step,) = torch.autograd.grad(-value, policy)
    assert torch.isfinite(value)
    assert step[0] >= 0
    assert step[1] <= 0


def test_ipo_comes_to_rest_at_its_margin_and_dpo_never_does() -> None:
    rest = side((0.0 + 5.0, 0.0, 4)), side((0.0, 0.0, 4))
    policy = rest[0].policy.clone().requires_grad_()
    (at_rest,) = torch.autograd.grad(
        Preference("ipo", beta=0.1).of_pairs(rest[0]._replace(policy=policy), rest[1]).sum(), policy
    )
    assert float(at_rest) == pytest.approx(0.0, abs=1e-12)  # delta = 1 / (2 beta) = 5
    (still,) = torch.autograd.grad(dpo(rest[0]._replace(policy=policy), rest[1], 0.1).sum(), policy)
    assert float(still) < -0.01


def test_kto_is_kahneman_and_tverskys_value_and_its_divergence_is_never_below_zero() -> None:
    answers = side((-8.0, -10.0, 4), (-10.0, -8.0, 4))
    labels = torch.tensor([True, False])
    value = kto(answers, labels, torch.tensor(1.5, dtype=torch.float64), 0.5, (2.0, 3.0))
    assert value.tolist() == pytest.approx([2 * (1 - sigmoid(0.5 * 0.5)), 3 * (1 - sigmoid(0.5 * 3.5))])
    below = kto(answers, labels, torch.tensor(-4.0, dtype=torch.float64), 0.5)
    assert below.tolist() == kto(answers, labels, torch.tensor(0.0, dtype=torch.float64), 0.5).tolist()


def test_the_divergence_of_kto_carries_no_gradient() -> None:
    policy = torch.tensor([-8.0], dtype=torch.float64, requires_grad=True)
    one = Side(policy, torch.tensor([-9.0], dtype=torch.float64), torch.tensor([3]))
    yes = torch.tensor([True])
    grads = [
        torch.autograd.grad(kto(one, yes, z, 0.5).sum(), policy)[0]
        for z in (torch.tensor(1.0, dtype=torch.float64), (policy - (-9.0)).mean())
    ]
    assert torch.equal(*grads)  # both z are 1


def test_odds_stay_finite_where_an_answer_is_all_but_certain() -> None:
    policy = torch.tensor([-1e-9, -400.0], requires_grad=True)
    value = orpo(Side(policy[:1], policy[:1].detach(), torch.tensor([3])),
                 Side(policy[1:], policy[1:].detach(), torch.tensor([3])), 1.0)  # fmt: skip
    (grad,) = torch.autograd.grad(value.sum(), policy)
    assert torch.isfinite(value).all()
    assert torch.isfinite(grad).all()


# --- length -----------------------------------------------------------------------------------------------------------


def test_words_beyond_the_shorter_answer_count_alpha() -> None:
    long = torch.tensor([[-1.0, -2.0, -4.0, -8.0]]), torch.ones(1, 4, dtype=torch.bool)
    short = torch.tensor([[-3.0, -5.0, -99.0, -99.0]]), torch.tensor([[True, True, False, False]])
    for alpha in (0.0, 0.3, 1.0):
        chosen, rejected = desensitised(long, short, alpha)
        assert float(chosen) == pytest.approx(-3.0 - 12.0 * alpha)
        assert float(rejected) == pytest.approx(-8.0)
        assert [float(each) for each in desensitised(short, long, alpha)] == pytest.approx(
            [float(rejected), float(chosen)]
        )


def test_padding_on_the_left_changes_nothing() -> None:
    long = torch.tensor([[-7.0, -1.0, -2.0, -4.0]]), torch.tensor([[False, True, True, True]])
    short = torch.tensor([[-7.0, -7.0, -7.0, -3.0]]), torch.tensor([[False, False, False, True]])
    assert [float(each) for each in desensitised(long, short, 0.5)] == pytest.approx([-1.0 - 3.0, -3.0])


@pytest.mark.parametrize("loss", ["dpo", "ipo", "ipo_norm", "sigmoid_norm", "kto"])
def test_labels_both_ways_round_do_not_move_a_loss_without_length_control(loss: str) -> None:
    """'sigmoid_norm' is among them: a mean per word takes the reward off length, and pulls to no shorter answer."""
    assert length_pull(Preference(loss)) == pytest.approx(0.0, abs=1e-12)
    assert length_pull(Preference(loss, mixed=1.0)) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("tail", [0.0, 0.4])
def test_lighter_tails_alone_pull_nowhere_either(tail: float) -> None:
    assert length_pull(Preference("dpo", tail=tail)) == pytest.approx(0.0, abs=1e-12)


def test_r_dpo_moves_mass_to_the_shorter_answer_as_much_as_alpha_says() -> None:
    pulls = [length_pull(Preference("r-dpo", alpha=alpha)) for alpha in (0.0, 0.01, 0.05)]
    assert pulls[0] == pytest.approx(0.0, abs=1e-12)
    assert 0 < pulls[1] < pulls[2]
    # the mean over both orders of d/dDelta -log sigmoid(beta Delta + alpha d), at Delta = 0, of either answer
    expected = 0.1 * (sigmoid(0.05 * 20) - sigmoid(-0.05 * 20))
    assert pulls[2] == pytest.approx(expected)


@pytest.mark.parametrize("loss, alpha, rest", [("r-dpo", 0.05, -0.05 * (30 - 10) / 0.5), ("dpo", 0.05, 0.0)])
def test_a_policy_over_two_answers_comes_to_rest_where_the_papers_optimum_is(
    loss: str, alpha: float, rest: float
) -> None:
    """R-DPO's optimum under labels both ways round: delta = -alpha (difference of length) / beta; DPO's is 0."""
    logits = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    held = torch.log_softmax(torch.zeros(2, dtype=torch.float64), 0)
    tokens = torch.tensor([30, 10])
    how, optimizer = Preference(loss, beta=0.5, alpha=alpha), torch.optim.Adam([logits], lr=0.05)
    for _ in range(300):
        policy = torch.log_softmax(logits, 0)
        one, other = Side(policy, held, tokens), Side(policy.flip(0), held.flip(0), tokens.flip(0))
        optimizer.zero_grad()
        how.of_pairs(one, other).mean().backward()
        optimizer.step()
    gains = (torch.log_softmax(logits, 0) - held).detach()
    assert float(gains[0] - gains[1]) == pytest.approx(rest, abs=1e-3)


def test_dpo_pays_for_length_that_the_mean_per_word_does_not_see() -> None:
    """Twice as many words, each gaining as much: DPO's margin doubles, that of means stays."""
    short, long = side((-9.0, -10.0, 10)), side((-18.0, -20.0, 20))
    base = side((-10.0, -10.0, 10))
    assert float(dpo(long, base, 1.0)) < float(dpo(short, base, 1.0)) - 0.1
    norm = Preference("sigmoid_norm", beta=1.0)
    assert torch.allclose(norm.of_pairs(long, base), norm.of_pairs(short, base))


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [
    {"loss": "dpo2"}, {"beta": 0.0}, {"beta": -1.0}, {"alpha": -0.1}, {"gamma": -1.0}, {"mixed": -1.0},
    {"tail": 1.5}, {"tail": -0.1}, {"loss": "kto", "tail": 0.5}, {"loss": "sft", "tail": 0.5}, {"beta": math.nan},
])  # fmt: skip
def test_what_is_no_loss_is_refused(wrong: dict[str, float | str]) -> None:
    with pytest.raises(InputError):
        Preference(**wrong)  # type: ignore[arg-type]


def test_a_wrong_name_is_answered_with_the_right_ones() -> None:
    with pytest.raises(InputError, match="sigmoid_norm"):
        Preference("simPO")
