"""trl's trainers on our reader, with an explicit reference: the same numbers and the same steps as our own loop."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch")
from hilum.core.errors import InputError, MissingError  # noqa: E402
from hilum.learn.fit import Fit  # noqa: E402
from hilum.learn.objectives.prefer import Preference  # noqa: E402
from hilum.learn.prefer import Pair, Pairs  # noqa: E402
from hilum.learn.reader.policy_trl import masked, tuned_trl  # noqa: E402
from hilum.learn.schedule import Curve, Schedule  # noqa: E402
from tests.learn.reader.policy_case import policy  # noqa: E402

CURVE = Schedule(curve=Curve("cosine", warmup=0.0))
SPEC = Fit(steps=3, rate=1e-3, average=0.0, bf16=False, decay=0.0, warmup=0.0, clip=1.0, schedule=CURVE)


def pairs() -> Pairs:
    return Pairs(tuple(Pair(n, "no pneumothorax.", policy().references[n]) for n in range(6)))


def test_what_trl_does_not_have_is_refused_before_it_is_asked_for() -> None:
    for how in (Preference("r-dpo"), Preference("simpo"), Preference("orpo"), Preference("ipo"),
                Preference("kto", mixed=0.5)):  # fmt: skip
        with pytest.raises(InputError, match="has no"):
            tuned_trl(policy(), pairs(), how, SPEC)
    with pytest.raises(InputError, match="no pair"):
        tuned_trl(policy(), Pairs(()), Preference(), SPEC)


def test_without_trl_the_sentence_says_what_to_install() -> None:
    try:
        import trl  # noqa: F401
    except ImportError:
        with pytest.raises(MissingError, match="preference"):
            tuned_trl(policy(), pairs(), Preference(), SPEC)
    else:
        pytest.skip("trl is installed")


def test_the_mask_is_on_the_words_that_are_learned() -> None:
    one = policy()
    made = masked(one, [(0, "no pneumothorax."), (1, one.references[1])])
    whole = one.build([(0, "no pneumothorax."), (1, one.references[1])])
    assert torch.equal(made["completion_mask"].bool(), whole["labels"] != -100)
    assert "labels" not in made


@pytest.mark.parametrize("how", [
    Preference("dpo", beta=0.2), Preference("dpo", beta=0.2, mixed=0.5), Preference("sigmoid_norm", beta=2.0),
    Preference("ipo_norm", beta=0.5), Preference("dpo", beta=0.2, tail=0.5),
], ids=["dpo", "dpo+sft", "sigmoid_norm", "ipo", "ld-dpo"])  # fmt: skip
def test_three_steps_of_trl_end_where_ours_do(how: Preference) -> None:
    """All pairs in each step, so that their order does not matter; the same AdamW, clipping and cosine."""
    pytest.importorskip("trl", reason="trl is not installed: pip install 'hilum[preference]'")
    one = policy()
    before = copy.deepcopy(one.trained.reader.state_dict())
    ours = one.tuned(pairs(), how, SPEC, batch=6).reader.state_dict()
    theirs = tuned_trl(one, pairs(), how, SPEC, batch=6).reader.state_dict()
    moved = max(float((ours[name] - before[name]).abs().max()) for name in ours)
    assert moved > 1e-3
    gaps = {name: float((ours[name] - theirs[name]).abs().max()) for name in ours}
    assert max(gaps.values()) < 0.1 * moved, max(gaps, key=lambda name: gaps[name])
    assert all(torch.equal(value, before[name]) for name, value in one.trained.reader.state_dict().items())


def test_trls_kto_learns_the_same_labels() -> None:
    pytest.importorskip("trl", reason="trl is not installed: pip install 'hilum[preference]'")
    one = policy()
    spec = Fit(steps=10, rate=3e-3, average=0.0, bf16=False, decay=0.0, warmup=0.0)
    tuned = tuned_trl(one, pairs(), Preference("kto", beta=0.2), spec, batch=6)
    from tests.learn.reader.test_policy import Policy, said

    gains = []
    for kind in ("chosen", "rejected"):
        answers = [(pair.question, getattr(pair, kind)) for pair in pairs().pairs]
        after, before = said(Policy(tuned, one.samples, 24), answers), said(one, answers)
        gains.append(sum(after) - sum(before))
    assert gains[0] > gains[1] + 1.0
    with pytest.raises(InputError, match="batches of 2"):
        tuned_trl(one, pairs(), Preference("kto"), spec, batch=1)
