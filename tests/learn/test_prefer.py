"""Pairs of judged answers and what a policy learns from them, on a policy whose every probability is known."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.fit import Fit  # noqa: E402
from hilum.learn.objectives.prefer import Preference  # noqa: E402
from hilum.learn.prefer import (  # noqa: E402
    Pair,
    Pairs,
    _held,
    _order,
    best_of,
    judged,
    pairs_of,
    prefer,
    relabelled,
    write_best,
)
from hilum.measure.rewards import J1, J2, J3, reward, words  # noqa: E402
from tests.learn.prefer_toy import SENTENCES, Bigrams, build, logp, sampled  # noqa: E402

NAN = float("nan")
QUESTIONS = 24
TRUTH = [SENTENCES[n % 2] for n in range(QUESTIONS)]
SPEC = Fit(steps=60, rate=0.1, decay=0.0, average=0.0, bf16=False, warmup=0.0)

# --- pairs ------------------------------------------------------------------------------------------------------------


def test_the_best_and_the_worst_make_a_pair_and_ties_make_none() -> None:
    values = np.array([[0.2, 0.9, 0.1, 0.9], [0.5, 0.5, 0.5, 0.5], [NAN, 0.3, NAN, NAN], [NAN, 0.3, 0.4, NAN]])
    texts = [[f"{row}{column}" for column in "abcd"] for row in range(4)]
    made = pairs_of(values, texts)
    assert made.pairs == (Pair(0, "0b", "0c"), Pair(3, "3c", "3b"))
    assert (made.ties, made.unjudged, len(made)) == (1, 1, 2)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0, NAN]), min_size=4, max_size=4), min_size=1, max_size=8))
def test_pairs_ties_and_unjudged_are_all_questions_and_no_pair_is_upside_down(rows: list[list[float]]) -> None:
    texts = [[f"{question} {value}" for value in row] for question, row in enumerate(rows)]
    made = pairs_of(np.array(rows), texts)
    assert len(made) + made.ties + made.unjudged == len(rows)
    for question, chosen, rejected in made.pairs:
        assert float(chosen.split()[1]) == np.nanmax(rows[question])
        assert float(rejected.split()[1]) == np.nanmin(rows[question])
        assert chosen != rejected


def test_the_judge_sees_each_candidate_beside_its_own_reference() -> None:
    values = judged(reward(J1), TRUTH[:2], [[SENTENCES[0], SENTENCES[1]]] * 2)
    assert values.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert judged(reward(J1), [], []).shape == (0, 0)


@pytest.mark.parametrize("candidates", [[["a"]], [["a"], ["a", "b"]]])
def test_uneven_candidates_are_refused(candidates: list[list[str]]) -> None:
    with pytest.raises(InputError, match="as many answers"):
        judged(reward(J1), ["a", "b"], candidates)


def test_random_labels_keep_the_answers_and_turn_about_half() -> None:
    made = Pairs(tuple(Pair(n, "good", "bad") for n in range(2_000)), ties=3)
    turned = relabelled(made, seed=4)
    assert all({p.chosen, p.rejected} == {"good", "bad"} for p in turned.pairs)
    assert [p.question for p in turned.pairs] == list(range(2_000))
    share = sum(p.chosen == "bad" for p in turned.pairs) / 2_000
    assert abs(share - 0.5) < 4 * 0.5 / 2_000**0.5
    assert turned == relabelled(made, seed=4) != relabelled(made, seed=5)
    assert turned.ties == 3


def test_the_best_of_each_question_is_kept_also_among_ties() -> None:
    values = np.array([[0.1, 0.7], [0.5, 0.5], [NAN, NAN], [NAN, 0.0]])
    assert best_of(values, [["a", "b"], ["c", "d"], ["e", "f"], ["g", "h"]]) == ((0, "b"), (1, "c"), (3, "h"))


@pytest.mark.parametrize(("batch", "count"), [(4, 10), (5, 10), (16, 3), (1, 4)])
def test_every_pair_comes_once_in_each_round(batch: int, count: int) -> None:
    each = -(-count // batch)
    for turn in range(3):
        rows = [row for step in range(turn * each, (turn + 1) * each) for row in _order(step, batch, count, 7)]
        assert sorted(rows) == list(range(count))
    assert not np.array_equal(_order(0, count, count, 7), _order(1, count, count, 7)) or count < 4


# --- log-probabilities ------------------------------------------------------------------------------------------------


def varied(seed: int = 0) -> Bigrams:
    torch.manual_seed(seed)
    net = Bigrams()
    with torch.no_grad():
        net.logits += torch.randn_like(net.logits)
    return net


def test_the_reference_is_each_answers_own_words_whatever_is_beside_it_and_on_which_side_it_is_padded() -> None:
    net = varied()
    answers = [(n, " ".join(SENTENCES[: 1 + n % 3])) for n in range(QUESTIONS)] * 2  # more than one batch
    together = _held(net, answers, build, logp)
    padded = _held(net, answers, lambda rows: build(rows, left=True), logp)
    for number, answer in enumerate(answers):
        alone = logp(net, build([answer]))[0][0]
        assert torch.allclose(together[number], alone)
        assert torch.allclose(padded[number], alone)


def test_reading_the_reference_leaves_the_policy_in_training_and_without_gradients() -> None:
    net = varied().train()
    held = _held(net, [(0, SENTENCES[0])], build, logp)
    assert net.training
    assert not held[0].requires_grad


# --- learning ---------------------------------------------------------------------------------------------------------


def pairs_by(judge: str, net: Bigrams, *, seed: int = 0) -> Pairs:
    candidates = sampled(net, QUESTIONS, 4, seed)
    return pairs_of(judged(reward(judge), TRUTH, candidates), candidates)


def worth(net: Bigrams) -> float:
    return float(judged(reward(J1), TRUTH, sampled(net, QUESTIONS, 40, seed=99)).mean())


def length(net: Bigrams) -> float:
    return float(np.mean([words(text) for row in sampled(net, QUESTIONS, 40, seed=98) for text in row]))


@cache
def learned(judge: str, preference: Preference) -> Bigrams:
    net = Bigrams()
    prefer(net, pairs_by(judge, net), preference, SPEC, build=build, logp=logp)
    return net


@pytest.mark.parametrize(
    "preference",
    [
        Preference("dpo", beta=0.5), Preference("kto", beta=0.5), Preference("orpo"),
        *(pytest.param(how, marks=pytest.mark.slow) for how in (
            Preference("ipo", beta=0.2), Preference("sigmoid_norm", beta=2.0), Preference("dpo", beta=0.5, mixed=0.2),
            Preference("r-dpo", beta=0.5, alpha=0.02), Preference("simpo", beta=2.0),
            Preference("dpo", beta=0.5, tail=0.5),
        )),
    ],
    ids=lambda each: f"{each.loss}{each.mixed or ''}{each.tail if each.tail < 1 else ''}",
)  # fmt: skip
def test_judged_pairs_make_the_policy_better(preference: Preference) -> None:
    assert worth(learned(J1, preference)) > worth(Bigrams()) + 0.1


@pytest.mark.slow
def test_random_labels_make_it_no_better() -> None:
    gains = []
    for seed in range(4):
        net = Bigrams()
        prefer(net, relabelled(pairs_by(J1, net), seed=seed), Preference("dpo", beta=0.5), SPEC, build=build, logp=logp)
        gains.append(worth(net) - worth(Bigrams()))
    assert abs(np.mean(gains)) < 0.1
    assert np.mean(gains) < (worth(learned(J1, Preference("dpo", beta=0.5))) - worth(Bigrams())) / 3


def test_a_judge_that_pays_for_repeats_is_paid_in_length_and_a_controlled_one_is_not() -> None:
    """The claim in small: the same policy, loss and steps; only the judge differs."""
    start = length(Bigrams())
    paid, kept = (length(learned(judge, Preference("dpo", beta=0.5))) for judge in (J2, J3))
    assert paid > start * 1.3
    assert kept < paid * 0.8


@pytest.mark.slow
@pytest.mark.parametrize("preference", [
    Preference("r-dpo", beta=0.5, alpha=0.3), Preference("sigmoid_norm", beta=2.0), Preference("kto", beta=0.5),
])  # fmt: skip
def test_losses_that_take_length_into_account_are_paid_less_of_it_by_the_same_judge(preference: Preference) -> None:
    plain, weighed = learned(J2, Preference("dpo", beta=0.5)), learned(J2, preference)
    assert length(weighed) < length(plain) * 0.85
    assert worth(weighed) > worth(Bigrams()) + 0.1


def test_writing_the_best_of_four_makes_it_better_too() -> None:
    net = Bigrams()
    candidates = sampled(net, QUESTIONS, 4, 0)
    best = best_of(judged(reward(J1), TRUTH, candidates), candidates)
    before = worth(net)
    write_best(net, best, SPEC, build=build, logp=logp)
    assert worth(net) > before + 0.1


def test_the_log_begins_at_a_policy_that_is_its_reference_and_ends_with_margins(tmp_path: Path) -> None:
    net = Bigrams()
    prefer(net, pairs_by(J1, net), Preference("dpo", beta=0.5), Fit(**{**SPEC.__dict__, "log_every": 1}),
           build=build, logp=logp, folder=tmp_path)  # fmt: skip
    rows = [line.split(",") for line in (tmp_path / "log.csv").read_text().splitlines()]
    told = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    assert float(told[0]["loss"]) == pytest.approx(np.log(2), abs=1e-5)
    assert float(told[0]["delta"]) == pytest.approx(0.0, abs=1e-5)
    assert float(told[-1]["delta"]) > 0.5
    assert float(told[-1]["right"]) > 0.8


def test_a_stopped_fit_goes_on_as_if_it_had_not_been_stopped(tmp_path: Path) -> None:
    net = Bigrams()
    pairs, how = pairs_by(J1, net), Preference("kto", beta=0.5)
    parts = {"build": build, "logp": logp, "seed": 3}
    whole = prefer(copy.deepcopy(net), pairs, how, SPEC, **parts)

    class Stopped(Exception):
        pass

    calls = 0

    def breaking(policy: torch.nn.Module, given: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        nonlocal calls
        calls += policy.training and torch.is_grad_enabled()
        if calls > 50:  # two forward passes a step: at step 25
            raise Stopped
        return logp(policy, given)

    spec = Fit(**{**SPEC.__dict__, "save_every": 10})
    with pytest.raises(Stopped):
        prefer(copy.deepcopy(net), pairs, how, spec, build=build, logp=breaking, seed=3, folder=tmp_path)
    rest = prefer(copy.deepcopy(net), pairs, how, spec, **parts, folder=tmp_path, resume=True)
    assert torch.allclose(whole.logits, rest.logits, atol=1e-6)


def test_nothing_to_learn_from_is_refused() -> None:
    net = Bigrams()
    with pytest.raises(InputError, match="2 questions are ties"):
        prefer(net, Pairs((), ties=2), Preference(), SPEC, build=build, logp=logp)
    with pytest.raises(InputError, match="no answer"):
        write_best(net, (), SPEC, build=build, logp=logp)
