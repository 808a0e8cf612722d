"""Batches drawn ahead come in order, once, from the same function."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import pytest

torch = pytest.importorskip("torch")

from hilum.learn.ahead import Ahead  # noqa: E402


@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("steps", [[], [4], list(range(20)), [0, 0, 5]])
def test_every_step_gets_its_batch_in_order(depth: int, steps: list[int]) -> None:
    assert list(Ahead(lambda step: step * step, steps, depth=depth)) == [(step, step * step) for step in steps]


def test_the_thread_works_while_a_step_runs_and_not_further_than_told() -> None:
    made: list[int] = []
    with closing(iter(Ahead(lambda step: made.append(step), range(20), depth=2))) as drawn:
        next(drawn), next(drawn)
        for _ in range(100):
            if len(made) >= 5:
                break
            time.sleep(0.01)
        time.sleep(0.05)
        assert made == [0, 1, 2, 3, 4]  # two taken, two ready, one in hand


def test_waiting_is_measured_and_is_shorter_with_a_thread() -> None:
    waited = []
    for depth in (0, 2):
        ahead = Ahead(lambda step: time.sleep(0.01), range(12), depth=depth)
        for _ in ahead:
            time.sleep(0.02)
        waited.append(ahead.waited_s)
    assert waited[0] >= 12 * 0.01
    assert waited[1] < waited[0]


@pytest.mark.parametrize("depth", [0, 2])
def test_what_goes_wrong_reaches_the_step_that_wanted_the_batch(depth: int) -> None:
    def breaks(step: int) -> int:
        if step == 3:
            raise KeyboardInterrupt
        return step

    seen: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        seen.extend(step for step, _ in Ahead(breaks, range(9), depth=depth))
    assert seen == [0, 1, 2]


def test_leaving_early_ends_the_thread() -> None:
    before = threading.active_count()
    with closing(iter(Ahead(lambda step: step, range(1000), depth=2))) as drawn:
        next(drawn), next(drawn)
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


@pytest.mark.parametrize("depth", [0, 2])
def test_a_function_that_draws_from_torch_s_own_generator_is_seeded_by_step_and_never_runs_in_a_thread(
    depth: int,
) -> None:
    threads: set[str] = set()

    def drawing(step: int) -> float:
        threads.add(threading.current_thread().name)
        return float(torch.rand(()))

    ahead = Ahead(drawing, range(6), depth=depth, seed=lambda step: torch.manual_seed(100 + step))
    got = [value for _, value in ahead]
    want = [float(torch.rand((), generator=torch.Generator().manual_seed(100 + step))) for step in range(6)]
    assert got == want
    assert threads == {threading.current_thread().name}


def test_draws_run_in_the_context_that_the_step_has() -> None:
    def half(step: int) -> str:
        return str((torch.ones(2, 2) @ torch.ones(2, 2)).dtype)

    def context() -> torch.autocast:
        return torch.autocast("cpu", dtype=torch.bfloat16)

    assert {kind for _, kind in Ahead(half, range(4), depth=2, context=context)} == {"torch.bfloat16"}
