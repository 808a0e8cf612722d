"""A time to train for, turned into steps: they decide how a fit goes, the clock only how many there are."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from hilum.core.errors import InputError

_UNIT_S = {"s": 1.0, "sec": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(s|sec|min|m|h)\s*")
_STEPS = re.compile(r"(\d+(?:\+\d+)*)\s*steps?")
TRIAL_STEPS, WARM_STEPS, TRIAL_SHARE, SPARE = 10, 2, 0.05, 0.95
"""Steps that are timed, those among them that do not count, the share of the time they may take, and the share of the
time that steps fill: the rest is for logs and states."""


@dataclass
class Budget:
    """What the fits of one command may take together.

    Args:
        seconds: of training; drawing and reading data beforehand is not counted.
        steps: of each fit instead, as an earlier run derived them.
        fits: how many will ask; each gets an equal share of what is left.
    """

    seconds: float = 0.0
    steps: tuple[int, ...] = ()
    fits: int = 1
    taken: list[float] = field(default_factory=list)

    def next(self) -> tuple[int, float]:
        """Return the steps of the next fit, or 0 and the seconds it may take.

        Raises:
            InputError: if more fits ask than were announced.
        """
        at = len(self.taken)
        if self.steps:
            if at >= len(self.steps):
                raise InputError(f"the budget names {len(self.steps)} fits, and this is number {at + 1}: name the "
                                 "steps of each, as 400+200steps")  # fmt: skip
            return self.steps[at], 0.0
        if at >= self.fits:
            raise InputError(f"the budget was made for {self.fits} fits and is spent: this recipe fits more often: "
                             "name the steps of each, as --budget 400+200steps, or use --set")  # fmt: skip
        return 0, max(0.0, self.seconds - sum(self.taken)) / (self.fits - at)

    def spend(self, seconds: float) -> None:
        """Count a fit that has ended."""
        self.taken.append(seconds)


def parse_budget(text: str, *, fits: int = 1) -> Budget:
    """Return the budget that '10min', '1h30min', '90s' or '400+200steps' stands for.

    Raises:
        InputError: if the text stands for no time and no number of steps.
    """
    words = text.strip().lower()
    if found := _STEPS.fullmatch(words):
        steps = tuple(int(each) for each in found[1].split("+"))
        if min(steps) > 0:
            return Budget(steps=steps, fits=len(steps))
    parts = _PART.findall(words)
    seconds = sum(float(number) * _UNIT_S[unit] for number, unit in parts)
    if _PART.sub("", words) or seconds <= 0:
        raise InputError(f"'{text}' is no budget: write a time as 90s, 10min or 1h30min, or steps as 400steps")
    return Budget(seconds=seconds, fits=fits)


def trial_steps(steps: int) -> list[int]:
    """Return the steps to time: spread over the fit, as later steps may let more of the network learn."""
    count = min(TRIAL_STEPS, max(steps, WARM_STEPS + 1))
    return [0] * WARM_STEPS + [at * max(0, steps - 1) // max(1, count - WARM_STEPS - 1)
                               for at in range(count - WARM_STEPS)]  # fmt: skip


def timed_step_s(
    run: Iterable[object], allowed_s: float, *, clock: Callable[[], float] = time.perf_counter
) -> tuple[float, float]:
    """Run trial steps and return the mean seconds of those that count, and the seconds of all.

    Args:
        run: makes one step each time it is asked; the first ones do not count.
        allowed_s: stop after the first counted step that passes it.
        clock: seconds.
    """
    began = last = clock()
    took: list[float] = []
    for at, _ in enumerate(run):
        now = clock()
        if at >= WARM_STEPS:
            took.append(now - last)
        last = now
        if took and now - began > allowed_s:
            break
    return sum(took) / max(1, len(took)), last - began


def steps_within(seconds: float, step_s: float) -> int:
    """Return how many steps of `step_s` seconds fit in the time; at least one."""
    return max(1, int(seconds * SPARE / max(step_s, 1e-9)))
