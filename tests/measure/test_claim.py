"""A claim is judged on paired draws, beside its controls, on three seeds, or not at all."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.measure.claim import Claim, judge, verdict
from hilum.measure.scored import Scored, averaged

CLAIM = Claim("ours beats theirs", "ours", "theirs", "score", controls=("chance",))
PATIENTS = [f"p{number // 2}" for number in range(60)]


def arm(gain: float, seed: int) -> Scored:
    shared = np.random.default_rng(7).random(60)
    noise = np.random.default_rng(seed).normal(0, 0.05, 60)
    return averaged("score", shared + gain + noise, "score")


def trials(gain: float, seeds: int = 3) -> dict[str, list[Scored]]:
    arms = {"ours": gain, "theirs": 0.0, "chance": -0.5}
    return {name: [arm(g, 10 * s + i) for s in range(seeds)] for i, (name, g) in enumerate(arms.items())}


def test_a_gain_clear_of_zero_holds_and_one_that_is_not_fails() -> None:
    held, lost = judge(CLAIM, trials(0.1), PATIENTS), judge(CLAIM, trials(0.0), PATIENTS)
    assert (held.outcome, lost.outcome) == ("holds", "fails")
    assert held.gain.value == pytest.approx(0.1, abs=0.03)


def test_pairing_sees_a_gain_smaller_than_the_spread_of_either_arm() -> None:
    held = judge(CLAIM, trials(0.05), PATIENTS)
    spread = held.arms["ours"].high - held.arms["ours"].low
    assert held.outcome == "holds"
    assert held.gain.value < spread


def test_lower_is_better_turns_the_gain_round() -> None:
    worse = Claim("ours errs less", "ours", "theirs", "error", better="lower")
    assert judge(worse, trials(0.1), PATIENTS).outcome == "fails"
    assert judge(worse, trials(-0.1), PATIENTS).outcome == "holds"


def test_two_seeds_are_not_three_unless_nothing_is_drawn() -> None:
    few = judge(CLAIM, trials(0.1, seeds=2), PATIENTS)
    assert (few.outcome, "3 seeds" in few.reason) == ("cannot be tested here", True)
    assert judge(CLAIM, trials(0.1, seeds=1), PATIENTS, deterministic=True).outcome == "holds"


def test_without_its_control_there_is_no_outcome() -> None:
    partial = {name: runs for name, runs in trials(0.1).items() if name != "chance"}
    with pytest.raises(InputError, match="'chance' did not run"):
        judge(CLAIM, partial, PATIENTS)
    with pytest.raises(InputError, match="same 59 items"):
        judge(CLAIM, trials(0.1), PATIENTS[:-1])


def test_one_part_that_fails_fails_the_whole_and_untested_parts_do_not_count() -> None:
    held, lost = judge(CLAIM, trials(0.1), PATIENTS), judge(CLAIM, trials(0.0), PATIENTS)
    untested = judge(CLAIM, trials(0.1, seeds=1), PATIENTS)
    assert verdict("all", [held, untested]).outcome == "holds"
    assert verdict("all", [held, lost]).outcome == "fails"
    assert verdict("all", [untested]).outcome == "cannot be tested here"
    with pytest.raises(InputError, match="nothing was judged"):
        verdict("all", [])
