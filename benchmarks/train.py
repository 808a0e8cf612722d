"""What a step of the training loop costs over a bare PyTorch loop, beside Lightning's and transformers' Trainer.

    python benchmarks/train.py            # needs lightning, accelerate and transformers for the peers
    python benchmarks/train.py --steps 100 --rounds 9 --no-pair

All arms train the same network from the same weights on the same batches in memory with AdamW, clipping at 2, warm-up
and cosine, in float32 on one thread. They take turns in one process, in another order each round. A step lasts from the
beginning of one forward pass to that of the next; what is printed is the median over a round's steps, then the median
of the rounds' ratios to the bare loop, with its 95 % interval. CPU seconds are compared, since a shared machine's clock
on the wall is not the program's; `gap` is the largest difference of a weight from the bare loop's after the last step.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hilum.learn.fit import Fit, fit, rate_at
from hilum.learn.running import Running
from hilum.learn.spread import joined, world
from hilum.nets.towers import SmallImage

SIZE, ROWS, CLASSES, SKIP = 64, 16, 14, 5
TINY_SIZE, TINY_ROWS = 8, 2
Batch = tuple[Tensor, Tensor]


class Marked(nn.Module):
    """A small residual encoder with a head, which notes when each forward pass begins."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder, self.head = SmallImage(64), nn.Linear(64, CLASSES)
        self.marks: list[tuple[float, float]] = []

    def forward(self, film: Tensor) -> Tensor:
        self.marks.append((time.process_time(), time.perf_counter()))
        return self.head(self.encoder(film).pooled)

    def loss(self, batch: Batch) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(self(batch[0]), batch[1])


def made_batches(steps: int, *, rows: int = ROWS, size: int = SIZE) -> list[Batch]:
    rng = torch.Generator().manual_seed(1)
    films = [torch.rand(rows, 1, size, size, generator=rng) for _ in range(steps)]
    return [(film, (torch.rand(rows, CLASSES, generator=rng) > 0.8).float()) for film in films]


def groups(net: nn.Module, spec: Fit) -> list[dict[str, Any]]:
    """Decay on matrices and kernels only, as the loop has it."""
    parts = [[p for p in net.parameters() if (p.ndim > 1) is decayed] for decayed in (True, False)]
    return [{"params": parts[0], "weight_decay": spec.decay}, {"params": parts[1], "weight_decay": 0.0}]


def bare(
    net: Marked, batches: list[Batch], spec: Fit, wrap: Callable[[nn.Module], nn.Module] = lambda net: net
) -> None:
    run, optimizer = wrap(net), torch.optim.AdamW(groups(net, spec), lr=spec.rate)
    run.train()
    for step, (film, target) in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = spec.rate * rate_at(step, spec)
        optimizer.zero_grad(set_to_none=True)
        nn.functional.binary_cross_entropy_with_logits(run(film), target).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), spec.clip)
        optimizer.step()


def ours(net: Marked, batches: list[Batch], spec: Fit, *, folder: Path | None = None, ahead: int = 0) -> None:
    def loss(model: Marked, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        return model.loss(batch), {}

    fit(net, batches.__getitem__, loss, spec, seed=0, folder=folder, how=Running(ahead=ahead))


def averaged(net: Marked, batches: list[Batch], spec: Fit) -> None:
    """As recipes use it: averaged weights, a log, a state every 100 steps, batches drawn ahead."""
    with tempfile.TemporaryDirectory() as place:
        ours(net, batches, replace(spec, average=0.99), folder=Path(place), ahead=2)


def lightning(net: Marked, batches: list[Batch], spec: Fit) -> None:
    import lightning as L

    class Module(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def training_step(self, batch: Batch, at: int) -> Tensor:
            return self.net.loss(batch)

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.AdamW(groups(self.net, spec), lr=spec.rate)
            curve = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_at(step, spec))
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": curve, "interval": "step"}}

    loader = torch.utils.data.DataLoader(batches, batch_size=None)  # type: ignore[arg-type]
    trainer = L.Trainer(
        max_epochs=1, accelerator="cpu", devices=1, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, gradient_clip_val=spec.clip,
    )  # fmt: skip
    trainer.fit(Module(), loader)


def transformers(net: Marked, batches: list[Batch], spec: Fit) -> None:
    from transformers import Trainer, TrainingArguments

    class Module(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, film: Tensor, target: Tensor) -> dict[str, Tensor]:
            return {"loss": self.net.loss((film, target))}

    optimizer = torch.optim.AdamW(groups(net, spec), lr=spec.rate)
    curve = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_at(step, spec))
    with tempfile.TemporaryDirectory() as place:
        told = TrainingArguments(
            place, per_device_train_batch_size=1, num_train_epochs=1, max_grad_norm=spec.clip, use_cpu=True,
            report_to="none", save_strategy="no", logging_strategy="no", disable_tqdm=True,
            remove_unused_columns=False, train_sampling_strategy="sequential",
        )  # fmt: skip
        rows = [{"film": film, "target": target} for film, target in batches]
        trainer = Trainer(Module(), told, data_collator=lambda given: given[0], train_dataset=rows,
                          optimizers=(optimizer, curve))  # type: ignore[arg-type] # fmt: skip
        trainer.train()


ARMS: dict[str, Callable[[Marked, list[Batch], Fit], None]] = {
    "bare loop": bare, "hilum": ours, "hilum, as recipes use it": averaged, "lightning": lightning,
    "transformers": transformers,
}  # fmt: skip
NEEDS = {"lightning": "lightning", "transformers": "accelerate"}


def step_ms(net: Marked, clock: int) -> float:
    marks = [mark[clock] for mark in net.marks[SKIP:]]
    return 1000 * statistics.median(b - a for a, b in pairwise(marks))


def interval(values: list[float]) -> tuple[float, float]:
    """95 % interval of the median, by bootstrap over rounds."""
    rng = np.random.default_rng(0)
    drawn = np.median(rng.choice(np.array(values), (4000, len(values))), axis=1)
    return float(np.quantile(drawn, 0.025)), float(np.quantile(drawn, 0.975))


def available(asked: list[str]) -> list[str]:
    from importlib.util import find_spec

    here = [name for name in asked if name not in NEEDS or find_spec(NEEDS[name])]
    for name in set(asked) - set(here):
        print(f"{name}: not measured, as {NEEDS[name]} is not installed")
    return here


def race(steps: int, rounds: int, asked: list[str]) -> None:
    spec = Fit(steps=steps, rate=1e-3, bf16=False, average=0.0)
    batches, names = made_batches(steps), available(asked)
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    ends: dict[str, dict[str, Tensor]] = {}
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            net = Marked()
            ARMS[name](net, batches, spec)
            took[name].append((step_ms(net, 0), step_ms(net, 1)))
            ends[name] = {key: value.detach() for key, value in net.state_dict().items()}
    print(f"{steps} steps of {ROWS} films of {SIZE} px, {rounds} rounds, one thread, torch {torch.__version__}")
    print(f"{'':28}{'CPU ms':>8}{'wall ms':>9}{'ratio of CPU':>14}{'95 %':>16}{'gap':>10}")
    for name in names:
        ratios = [own[0] / base[0] for own, base in zip(took[name], took["bare loop"], strict=True)]
        middle = [statistics.median(each[clock] for each in took[name]) for clock in (0, 1)]
        gap = max(float((ends[name][key] - value).abs().max()) for key, value in ends["bare loop"].items())
        print(f"{name:28}{middle[0]:8.2f}{middle[1]:9.2f}{statistics.median(ratios):14.3f}"
              f"{interval(ratios)[0]:9.3f}-{interval(ratios)[1]:.3f}{gap:10.1e}")  # fmt: skip


def fixed(steps: int, rounds: int, asked: list[str]) -> None:
    """The same on films so small that what a loop adds to a step stands out, whatever the network costs."""
    spec, names = Fit(steps=steps, rate=1e-3, bf16=False, average=0.0), available(asked)
    batches = made_batches(steps, rows=TINY_ROWS, size=TINY_SIZE)
    took: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            net = Marked()
            ARMS[name](net, batches, spec)
            took[name].append(step_ms(net, 0))
    base = statistics.median(took["bare loop"])
    said = ", ".join(
        f"{name} {statistics.median(each) - base:.2f} ms" for name, each in took.items() if name != "bare loop"
    )
    print(f"CPU time added to a step of any length, over the bare loop's {base:.2f} ms on tiny films: {said}")


def pair(steps: int, rounds: int) -> None:
    """Run by torchrun: the bare loop under DDP and ours, each process with half of the rows."""
    spec = Fit(steps=steps, rate=1e-3, bf16=False, average=0.0)
    with joined() as (rank, count):
        batches, half = made_batches(steps), ROWS // count
        mine = [(film[rank * half :][:half], target[rank * half :][:half]) for film, target in batches]
        ratios, gap = [], 0.0
        for turn in range(rounds):
            nets = {"bare": Marked(), "ours": Marked()}
            for name in ("bare", "ours") if turn % 2 else ("ours", "bare"):
                if name == "bare":
                    bare(nets[name], mine, spec, nn.parallel.DistributedDataParallel)
                else:
                    ours(nets[name], batches, spec)
            ratios.append(step_ms(nets["ours"], 0) / step_ms(nets["bare"], 0))
            ends = [nets[name].state_dict() for name in ("bare", "ours")]
            gap = max(float((ends[0][key] - ends[1][key]).abs().max()) for key in ends[0])
        if world()[0] == 0:
            print(
                json.dumps({"ratio": statistics.median(ratios), "least": min(ratios), "most": max(ratios), "gap": gap})
            )


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--steps", type=int, default=60)
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--arms", nargs="*", choices=list(ARMS), help="all if left out")
    asked.add_argument("--no-pair", action="store_true", help="leave out the two processes")
    asked.add_argument("--inner", action="store_true", help=argparse.SUPPRESS)
    given = asked.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    for name in ("lightning", "lightning.pytorch", "transformers"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if given.inner:
        pair(given.steps, given.rounds)
        return
    arms = ["bare loop", *(name for name in ARMS if name != "bare loop" and (not given.arms or name in given.arms))]
    race(given.steps, given.rounds, arms)
    fixed(given.steps, given.rounds, arms)
    if not given.no_pair:
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", __file__]
        sizes = ["--inner", "--steps", str(given.steps), "--rounds", str(given.rounds)]
        quiet = {"env": {**os.environ, "OMP_NUM_THREADS": "1"}, "capture_output": True, "text": True}
        done = subprocess.run([*command, *sizes], check=True, **quiet)  # type: ignore[call-overload]
        told = json.loads(done.stdout.splitlines()[-1])
        print(f"DDP, two processes over gloo: {told['ratio']:.3f} of a bare DDP loop's CPU time a step "
              f"({told['least']:.3f}-{told['most']:.3f}), gap {told['gap']:.1e}")  # fmt: skip


if __name__ == "__main__":
    main()
