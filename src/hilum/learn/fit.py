"""One training loop on plain torch: processors, one GPU or several processes; exact resume, averages, logs, budgets."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hilum.learn.ahead import Ahead
from hilum.learn.budget import TRIAL_SHARE, steps_within, timed_step_s, trial_steps
from hilum.learn.checkpoint import forget, load_state, read_state, save_shards, save_state
from hilum.learn.faults import Watch, bad_batch
from hilum.learn.optimise import plan_of
from hilum.learn.pieces import moved
from hilum.learn.recompute import recomputed
from hilum.learn.records import Record, changes, lasting, read_record, write_record
from hilum.learn.running import Running, current
from hilum.learn.schedule import Schedule
from hilum.learn.spread import Loss, from_first, means, text_from_first, weights_from_first, whole, world
from hilum.learn.stepper import LossError, Stepper
from hilum.learn.stopping import Best, Stop, Validate

__all__ = ["Fit", "Loss", "fit", "rate_at"]
log = logging.getLogger(__name__)
BOTTLENECK = 0.1
"""Share of the time waited for batches above which a fit says so."""


@dataclass(frozen=True)
class Fit:
    """How long and how fast to train.

    Args:
        steps: optimiser steps.
        rate: peak learning rate.
        slow: factor on the rate of parameters whose name starts with `slow_prefix` (a pretrained encoder).
        warmup: share of the steps spent rising to the peak, where no schedule says otherwise.
        decay: weight decay, on matrices and kernels only.
        average: decay of the averaged weights; it rises from 0 so that early steps are forgotten; 0 averages nothing.
        clip: gradient norm limit.
        bf16: run the forward pass in bfloat16.
        save_every, log_every: steps.
        fp16: run the forward pass in float16, the loss scaled so that gradients do not vanish; not with `bf16`.
        accumulate: pieces that the rows of a batch are split into, one after the other, to save memory.
        recompute: patterns of modules whose activations are computed again rather than kept, e.g. 'encoder.layer.*'.
        schedule: groups of parameters, curve, optimiser and norms; a warm-up and a cosine with AdamW if None.
    """

    steps: int
    rate: float = 1e-3
    slow: float = 1.0
    slow_prefix: str = "encoder."
    warmup: float = 0.05
    decay: float = 0.02
    average: float = 0.995
    clip: float = 2.0
    bf16: bool = True
    save_every: int = 100
    log_every: int = 10
    fp16: bool = False
    accumulate: int = 1
    recompute: tuple[str, ...] = ()
    schedule: Schedule | None = None


def rate_at(step: int, spec: Fit) -> float:
    """Return the share of the peak learning rate at a step."""
    return plan_of(spec).curve.at(step, spec.steps)


def fit(
    net: nn.Module,
    batches: Callable[[int], Any],
    loss: Loss,
    spec: Fit,
    *,
    seed: int,
    folder: Path | None = None,
    resume: bool = False,
    progress: Callable[[int, Mapping[str, float]], None] | None = None,
    validate: Validate | None = None,
    stop: Stop | None = None,
    how: Running | None = None,
) -> nn.Module:
    """Train `net` in place and leave the averaged weights in it, or the best ones where a fit is validated.

    Args:
        net: any module.
        batches: batch of a step; must depend on the step alone, so that resuming repeats nothing.
        loss: what to minimise.
        spec: how.
        seed: of dropout and every other draw inside the network, together with the step.
        folder: where `log.csv`, `fit.json` and `state.safetensors` go; None writes nothing.
        resume: continue from the folder's state if there is one, with the number of steps that was derived for it.
        progress: called with the step and what was logged.
        validate: worth of the averaged weights, in evaluation mode; it must not learn from test films.
        stop: how often to validate, and when to end; `Stop()` if None.
        how: device, processes and budget; what the command at work says if None.

    Returns:
        `net`, in evaluation mode, where it lay.

    Raises:
        InputError: if a loss is no number, a state belongs to another network, or nothing can be written.
    """
    how, began = how or current(), time.monotonic()
    if folder is not None:
        folder = Path(text_from_first(str(folder)))
        folder.mkdir(parents=True, exist_ok=True)
    home = next(iter(net.state_dict().values()), torch.empty(0)).device
    stepper = Stepper(net, loss, spec, seed=seed, how=how)
    run = _Run(stepper, batches, folder, how, Best(stop or Stop(), folder) if validate else None)
    try:
        with recomputed(stepper.trained, spec.recompute):
            run.prepare(resume=resume)
            run.go(progress or (lambda step, row: None), validate)
    except LossError as error:
        raise bad_batch(error, batches, folder, seed=seed, rate=spec.rate) from None
    finally:
        stepper.plan.release()
    _leave(net, run, home)
    if how.budget is not None:
        how.budget.spend(max(time.monotonic() - began, run.record.seconds()))
    return net.eval()


class _Run:
    """A fit under way: what it goes on from, how many steps it has, and what it writes."""

    def __init__(
        self, stepper: Stepper, batches: Callable[[int], Any], folder: Path | None, how: Running, best: Best | None
    ) -> None:
        self.stepper, self.batches, self.folder, self.how, self.best = stepper, batches, folder, how, best
        self.first, self.facts, self.record = 0, dict[str, Any](), Record(None, first=0, steps=0)

    def prepare(self, *, resume: bool) -> None:
        """Read the state, decide the number of steps, and open the log."""
        before = read_record(self.folder) if resume else {}
        if not resume and self.folder is not None and world()[0] == 0:
            forget(self.folder)
        facts = self._length(before)
        spec = self.stepper.spec
        now = {"seed": self.stepper.seed, **asdict(spec)}
        for change in changes(before.get("spec", {}), now):
            log.warning("going on with other settings than the fit began with: %s", change)
        if resume and self.folder is not None and (held := read_state(self.folder)) is not None:
            average = self.stepper.average.kept if spec.average else {}
            parts: dict[str, Any] = {"net": self.stepper.trained, "optimizer": self.stepper.plan.optimizer}
            self.first, numbers = load_state(held, average=average, **parts)
            self.stepper.take(numbers)
            if self.best is not None:
                self.best.go_on(numbers)
        mine = self.folder if world()[0] == 0 else None
        self.record = Record(mine, first=self.first, steps=spec.steps, tensorboard=self.how.tensorboard)
        self.facts = {"steps": spec.steps, **facts, "device": str(self.stepper.device), "processes": world()[1],
                      "threads": torch.get_num_threads(), "torch": torch.__version__, "spec": now}  # fmt: skip
        write_record(mine, self.facts)

    def _length(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """Set the number of steps: as it was derived before, from the time there is, or as the spec says."""
        spec, budget = self.stepper.spec, self.how.budget
        remembered = from_first(float(before["steps"]) if "budget_s" in before else 0.0)
        steps, told = int(remembered), {name: before[name] for name in ("budget_s", "step_s") if name in before}
        if budget is not None and (budget.steps or not steps):
            steps, seconds = budget.next()
            step_s = 0.0
            if not steps:
                steps, step_s = self._timed(seconds)
                log.info("%s for training, %.3g s a step: %d steps", lasting(seconds), step_s, steps)
            told = {"budget_s": seconds, "step_s": step_s}
        if steps and steps != spec.steps:
            self.stepper.renew(replace(spec, steps=steps))
        return told

    def _timed(self, seconds: float) -> tuple[int, float]:
        """Return how many steps fill the time, and the seconds of one; what the trial moved goes back."""
        weights = self.stepper.snapshot()
        drawn = self._drawn(trial_steps(self.stepper.spec.steps))
        with closing(drawn):
            trial = (self.stepper.step(step, batch) for step, batch in drawn)
            step_s, spent_s = timed_step_s(trial, TRIAL_SHARE * seconds, clock=_shared_clock)
        self.stepper.reset(weights)
        return steps_within(seconds - spent_s, step_s), step_s

    def _drawn(self, steps: list[int]) -> Generator[tuple[int, Any]]:
        device = self.stepper.device
        self.ahead = Ahead(lambda step: moved(self.batches(step), device), steps, depth=self.how.ahead,
                           context=self.stepper.precision, seed=self.stepper.sow)  # fmt: skip
        return iter(self.ahead)

    def go(self, progress: Callable[[int, Mapping[str, float]], None], validate: Validate | None) -> None:
        """Make the steps."""
        spec, watch = self.stepper.spec, Watch()
        over = self.best is not None and self.best.over
        with closing(self._drawn([] if over else list(range(self.first, spec.steps)))) as drawn:
            for at, batch in drawn:
                value, parts = self.stepper.step(at, batch)
                watch.see(value, at)
                done = at + 1
                if done % spec.log_every == 0 or done == spec.steps:
                    watch.look()
                    self._log(done, value, parts, progress)
                if self.best is not None and validate is not None and self.best.due(done, spec.steps):
                    watch.look()
                    self._check(done, validate)
                    over = self.best.over
                if self.folder is not None and (done % spec.save_every == 0 or done == spec.steps or over):
                    watch.look()
                    self._save(done)
                if over:
                    log.info("no better validation for a while: stopped at step %d", done)
                    break
        self._close()

    def _log(
        self, done: int, value: Tensor, parts: Mapping[str, float], progress: Callable[[int, Mapping[str, float]], None]
    ) -> None:
        mine = [float(value.detach()), *map(float, parts.values())]
        shares = means([number * self.stepper.weight for number in mine])
        numbers = dict(zip(("loss", *parts), shares, strict=True))
        row = {"step": done, "seconds": self.record.seconds(), **numbers}
        if world()[0] == 0:
            rate = float(self.stepper.plan.optimizer.param_groups[0]["lr"])
            self.record.write(row, rate=rate, waited_s=self.ahead.waited_s)
            progress(done, row)

    def _check(self, done: int, validate: Validate) -> None:
        assert self.best is not None
        self.stepper.average.swap()
        with self.stepper.way.readable():
            value = self.best.value_of(self.stepper.trained, validate)
        self.best.take(self.stepper.trained, value, done)
        self.stepper.average.swap()
        self.stepper.plan.train()
        if world()[0] == 0:
            self.record.check(done, value)

    def _save(self, done: int) -> None:
        assert self.folder is not None
        stepper = self.stepper
        numbers = {**stepper.numbers(), **(self.best.numbers() if self.best else {})}
        average = stepper.average.kept if stepper.spec.average else None
        state: dict[str, Any] = {"net": stepper.trained, "average": average, "optimizer": stepper.plan.optimizer}
        if self.how.shards and stepper.way.in_parts:
            save_shards(self.folder, step=done, numbers=numbers, **state)
        else:
            save_state(self.folder / "state.safetensors", step=done, numbers=numbers, **state)

    def _close(self) -> None:
        spent = max(1e-9, time.monotonic() - self.record.began)
        share = self.ahead.waited_s / spent
        ended = {"finished": True, "seconds": round(self.record.seconds(), 2), "waiting_for_batches": round(share, 4)}
        if self.best is not None and self.best.step:
            ended |= {"best_step": self.best.step, "best_validation": self.best.value}
        if world()[0] == 0:
            write_record(self.folder, {**self.facts, **ended})
            log.info("%.1f %% of the time was spent waiting for batches%s", 100 * share,
                 ": draw them ahead, keep films in memory, or augment less" if share > BOTTLENECK else "")  # fmt: skip
        self.record.close()


def _shared_clock() -> float:
    """Seconds by the first process's clock, so that all end a trial together."""
    return from_first(time.perf_counter())


def _leave(net: nn.Module, run: _Run, home: torch.device) -> None:
    """Fill the caller's network, in every process alike, and put it back where it lay."""
    weights: Mapping[str, Tensor] = {name: whole(value) for name, value in run.stepper.average.kept.items()}
    if run.best is not None:
        weights = run.best.weights(weights)
    net.load_state_dict(dict(weights))
    weights_from_first(net, run.stepper.device)
    net.to(home)
