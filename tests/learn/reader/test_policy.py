"""A reader as a policy: what generation says an answer's probability is, and what learning from pairs does to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers", reason="the reader needs the extra 'language'")

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.decode import Decoding, Written  # noqa: E402
from hilum.learn.fit import Fit  # noqa: E402
from hilum.learn.objectives.prefer import Preference  # noqa: E402
from hilum.learn.objectives.write import IGNORED  # noqa: E402
from hilum.learn.prefer import Pair, Pairs, best_of, pairs_of  # noqa: E402
from hilum.learn.reader.policy import Policy, answer_logp  # noqa: E402
from hilum.learn.reader.sample import Turn  # noqa: E402
from hilum.measure.rewards import J1, reward  # noqa: E402
from tests.learn.reader.policy_case import LONGEST, policy  # noqa: E402

SPEC = Fit(steps=8, rate=3e-3, average=0.0, bf16=False, decay=0.0, warmup=0.0)


def exact(one: Policy, drawn: list[Written]) -> list[int]:
    """Numbers of the answers that came to an end and whose text says exactly the words that were drawn."""
    tokenizer = one.trained.processor.tokenizer
    control = set(tokenizer.all_special_ids)  # in a text they are no control tokens, so that they read otherwise
    return [n for n, each in enumerate(drawn) if len(each.tokens) < LONGEST and control.isdisjoint(each.tokens)
            and tuple(tokenizer(each.text, add_special_tokens=False)["input_ids"]) == each.tokens]  # fmt: skip


def said(one: Policy, answers: list[tuple[int, str]]) -> list[float]:
    with torch.no_grad():
        return answer_logp(one.trained.reader, one.build(answers))[0].sum(1).tolist()


def test_learning_sees_the_probability_that_generation_drew_an_answer_with() -> None:
    one = policy()
    how = Decoding(samples=3, temperature=1.0, longest=LONGEST)
    drawn = one.trained.written(one.samples, seed=5, decoding=how)
    same = [(n // 3, drawn[n]) for n in exact(one, drawn)]
    assert len(same) >= 5
    assert said(one, [(at, each.text) for at, each in same]) == pytest.approx([e.logp for _, e in same], abs=1e-3)


def test_labels_stand_on_the_answer_and_its_end_alone() -> None:
    one = policy()
    answers = [(0, one.references[0]), (3, "no pneumothorax.")]
    batch, tokenizer = one.build(answers), one.trained.processor.tokenizer
    for row, (_, text) in zip(batch["labels"], answers, strict=True):
        learned = row[row != IGNORED].tolist()
        assert learned[-1] == tokenizer.eos_token_id
        assert learned[:-1] == tokenizer(text, add_special_tokens=False)["input_ids"]


def test_a_sampled_answer_never_becomes_a_control_token() -> None:
    one = policy()
    batch = one.build([(0, "no effusion <image> <img_cur_front> <ask> </s> <answer>"), (0, "no effusion")])
    tokenizer = one.trained.processor.tokenizer
    learned = batch["labels"][0][batch["labels"][0] != IGNORED].tolist()
    assert learned.count(tokenizer.eos_token_id) == 1
    assert not set(learned[:-1]) & (set(tokenizer.all_special_ids) - {tokenizer.unk_token_id})
    images = batch["input_ids"] == tokenizer.convert_tokens_to_ids("<image>")
    assert images[0].sum() == images[1].sum()


def test_sampling_gives_as_many_answers_as_asked_and_the_same_ones_again() -> None:
    one = policy()
    drawn = one.sampled(3, seed=1)
    assert {len(row) for row in drawn} == {3}
    assert len(drawn) == len(one.samples)
    assert drawn == one.sampled(3, seed=1) != one.sampled(3, seed=2)
    assert len({text for row in drawn for text in row}) > len(one.samples)


def test_judged_values_are_those_of_the_references() -> None:
    one = policy()
    values = one.judged(reward(J1), [[text, ""] for text in one.references])
    assert (values[:, 0] == 1.0).all()
    assert values.shape == (len(one.samples), 2)


@pytest.mark.parametrize(
    "how",
    [
        Preference("dpo", beta=0.2), Preference("kto", beta=0.2),
        pytest.param(Preference("ipo", tail=0.5), marks=pytest.mark.slow),
    ],
    ids=lambda each: each.loss,
)  # fmt: skip
def test_pairs_move_the_chosen_above_the_rejected_and_leave_the_reference_as_it_was(how: Preference) -> None:
    one = policy()
    pairs = Pairs(tuple(Pair(n, "no pneumothorax.", one.references[n]) for n in range(8)))
    kinds = [[(p.question, p.chosen) for p in pairs.pairs], [(p.question, p.rejected) for p in pairs.pairs]]
    before = [np.array(said(one, kind)) for kind in kinds]
    tuned = one.tuned(pairs, how, SPEC, batch=8)
    other = Policy(tuned, one.samples, LONGEST)
    after = [np.array(said(other, kind)) for kind in kinds]
    assert ((after[0] - before[0]) - (after[1] - before[1])).mean() > 0.5
    assert [np.array(said(one, kind)).tolist() for kind in kinds] == [each.tolist() for each in before]
    towers = [dict(each.reader.model.vision_tower.named_parameters()) for each in (tuned, one.trained)]
    assert all(torch.equal(towers[0][name], towers[1][name]) for name in towers[0])
    connectors = [dict(each.reader.model.multi_modal_projector.named_parameters()) for each in (tuned, one.trained)]
    assert any(not torch.equal(connectors[0][name], connectors[1][name]) for name in connectors[0])


def test_the_divergence_is_none_before_learning_and_some_after() -> None:
    one = policy()
    assert np.abs(one.divergence(one.trained, seed=1)).max() < 1e-3
    tuned = one.rewritten([(n, "no pneumothorax.") for n in range(len(one.samples))], SPEC, batch=8)
    gains = one.divergence(tuned, seed=1)
    assert gains.shape == (len(one.samples),)
    assert gains.mean() > 0.1


def test_the_divergence_is_of_the_words_that_are_drawn() -> None:
    """Against the same sum over words that an answer's text gives, where the text says all."""
    one = policy()
    tuned = one.rewritten([(n, "no pneumothorax.") for n in range(len(one.samples))], SPEC, batch=8)
    drawn = tuned.written(one.samples, seed=2, decoding=Decoding(temperature=1.0, longest=LONGEST))
    plain = exact(one, drawn)
    assert plain
    answers = [(n, drawn[n].text) for n in plain]
    ours = np.array(said(Policy(tuned, one.samples, LONGEST), answers)) - np.array(said(one, answers))
    assert one.divergence(tuned, seed=2)[plain] == pytest.approx(ours, abs=2e-3)


def test_writing_the_best_makes_it_likelier() -> None:
    one = policy()
    candidates = one.sampled(4, seed=0)
    best = best_of(one.judged(reward(J1), candidates), candidates)
    tuned = Policy(one.rewritten(best, SPEC, batch=8), one.samples, LONGEST)
    assert np.mean(said(tuned, list(best))) > np.mean(said(one, list(best)))
    assert len(pairs_of(one.judged(reward(J1), candidates), candidates)) <= len(one.samples)


def test_samples_of_several_turns_and_none_at_all_are_refused() -> None:
    one = policy()
    twice = replace(one.samples[0], turns=(*one.samples[0].turns, Turn("And?", "No.")))
    with pytest.raises(InputError, match="one turn"):
        Policy(one.trained, (twice,))
    with pytest.raises(InputError, match="one turn"):
        Policy(one.trained, ())
