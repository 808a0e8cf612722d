"""A time to train for becomes a number of steps, which is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from hilum.core.errors import InputError
from hilum.learn.budget import (
    SPARE,
    TRIAL_STEPS,
    WARM_STEPS,
    Budget,
    parse_budget,
    steps_within,
    timed_step_s,
    trial_steps,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10min", 600), ("90s", 90), ("1h30min", 5400), ("2 h", 7200), ("0.5min", 30), (" 1H 5Min 3s", 3903)],
)
def test_times_are_read(text: str, seconds: float) -> None:
    assert parse_budget(text).seconds == seconds


def test_steps_are_read() -> None:
    assert parse_budget("400steps").steps == (400,)
    assert parse_budget("400+20 steps").steps == (400, 20)
    assert parse_budget("1step").steps == (1,)


@pytest.mark.parametrize("text", ["", "ten", "10", "10 parsecs", "0s", "-5min", "0steps", "5min later"])
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="is no budget: write a time as 90s, 10min or 1h30min, or steps as 400steps"):
        parse_budget(text)


def test_fits_share_what_is_left() -> None:
    budget = Budget(100, fits=2)
    assert budget.next() == (0, 50)
    budget.spend(80)
    assert budget.next() == (0, 20)
    budget.spend(30)
    with pytest.raises(InputError, match="made for 2 fits and is spent"):
        budget.next()
    named = Budget(steps=(5, 7))
    for steps in (5, 7):
        assert named.next() == (steps, 0)
        named.spend(1)
    with pytest.raises(InputError, match="names 2 fits, and this is number 3"):
        named.next()


@pytest.mark.parametrize("steps", [1, 2, 3, 9, 500])
def test_trial_steps_lie_all_over_the_fit(steps: int) -> None:
    tried = trial_steps(steps)
    assert WARM_STEPS < len(tried) <= TRIAL_STEPS
    assert set(tried) <= set(range(steps))
    counted = tried[WARM_STEPS:]
    assert counted == sorted(counted)
    if steps >= TRIAL_STEPS:
        assert (counted[0], counted[-1]) == (0, steps - 1)


class Clock:
    """Time that passes as told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def run(self, *took: float) -> Iterator[None]:
        for each in took:
            self.now += each
            yield


def test_the_first_steps_do_not_count_and_a_long_trial_ends() -> None:
    clock = Clock()
    assert timed_step_s(clock.run(30, 5, 2, 4), 1000, clock=clock) == (3, 41)
    clock = Clock()
    assert timed_step_s(clock.run(10, 10, 2, 4, 4, 4), 25, clock=clock) == (3, 26)
    clock = Clock()
    assert timed_step_s(clock.run(50, 50, 2, 4), 1, clock=clock) == (2, 102)  # one counted step at least


def test_steps_fill_the_time_but_for_what_logs_and_states_take() -> None:
    assert steps_within(100, 0.5) == int(200 * SPARE)
    assert steps_within(0.001, 5) == 1


torch = pytest.importorskip("torch")

from hilum.learn.fit import Fit, fit  # noqa: E402
from hilum.learn.running import Running, running  # noqa: E402
from tests.learn import test_resume as case  # noqa: E402


def trained(folder: Path | None, budget: Budget | None, make: object = case.batches, *, resume: bool = False) -> object:
    spec = Fit(steps=30, rate=0.02, bf16=False, average=0.5, save_every=5, log_every=1)
    with running(Running(budget=budget)):
        return fit(case.net(), make, case.loss, spec, seed=1, folder=folder, resume=resume).state_dict()  # type: ignore[arg-type]


def test_derived_steps_are_written_and_give_the_same_weights_again(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    first = trained(tmp_path, Budget(1.0))
    told = json.loads((tmp_path / "fit.json").read_text())
    assert told["steps"] == told["spec"]["steps"] >= 1
    assert told["budget_s"] == 1.0
    assert told["step_s"] * told["steps"] <= 1.0
    assert case.same(first, trained(None, Budget(steps=(told["steps"],))))  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_resumed_fit_has_the_steps_it_began_with_whatever_the_time_is_now(tmp_path: Path) -> None:
    torch.set_num_threads(1)

    def stops(step: int) -> object:
        if (tmp_path / "fit.json").exists() and step == 8:
            raise KeyboardInterrupt
        return case.batches(step)

    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, Budget(2.0), stops)
    steps = json.loads((tmp_path / "fit.json").read_text())["steps"]
    first = trained(tmp_path, Budget(500.0), resume=True)
    assert json.loads((tmp_path / "fit.json").read_text())["steps"] == steps
    assert case.same(first, trained(None, Budget(steps=(steps,))))  # type: ignore[arg-type]
    assert case.same(first, trained(tmp_path, None, resume=True))  # type: ignore[arg-type]


def test_named_steps_are_remembered_too_and_other_ones_named_now_win(tmp_path: Path) -> None:
    torch.set_num_threads(1)

    def steps() -> int:
        told: dict[str, int] = json.loads((tmp_path / "fit.json").read_text())
        return told["steps"]

    trained(tmp_path, Budget(steps=(6,)))
    trained(tmp_path, None, resume=True)
    assert steps() == 6
    trained(tmp_path, Budget(steps=(9,)), resume=True)
    assert steps() == 9
    trained(tmp_path, None)
    assert steps() == 30


def test_timing_leaves_no_trace_in_the_weights() -> None:
    """The trial moves weights, moments and running statistics; all of them go back."""
    torch.set_num_threads(1)
    spec = Fit(steps=1, rate=0.02, bf16=False, average=0.5)
    with running(Running(budget=Budget(1e-6))):
        derived = fit(case.net(), case.batches, case.loss, spec, seed=1)
    plain = fit(case.net(), case.batches, case.loss, spec, seed=1)
    assert case.same(dict(derived.state_dict()), dict(plain.state_dict()))
