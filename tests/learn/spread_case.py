"""Small fits for tests of several processes; as a program, torchrun starts it once and it makes all of them."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import torch

from hilum.learn.budget import Budget
from hilum.learn.fit import Fit, fit
from hilum.learn.running import Running
from hilum.learn.schedule import Curve, Group, Optimizer, Schedule
from hilum.learn.spread import joined, world
from hilum.learn.stopping import Stop

TOLERANCE = 1e-6
"""Largest difference of a weight of size 1 after 20 steps, and of a gradient of size 1: the order of summing."""
ROWS, STEPS = 13, 20
PLAN = Schedule((Group("head.*"), Group("encoder.2.*", rate=5e-3, thaw=0.3), Group("encoder.0.*", thaw=None)))
DESCENT = Schedule(curve=Curve("constant", warmup=0.0), optimizer=Optimizer("sgd", momentum=0.0))
"""Weights fall by the gradient itself."""
LONG = Fit(steps=STEPS, rate=1e-2, bf16=False, average=0.5, save_every=5, log_every=1)
ONE = Fit(steps=1, rate=1.0, bf16=False, average=0.0, decay=0.0, clip=1e9, schedule=DESCENT)
CASES = {
    "ddp": (replace(LONG, schedule=PLAN), Running()),
    "ddp-pieces": (replace(LONG, accumulate=2, recompute=("encoder.0",)), Running(unused=True)),
    "fsdp": (replace(LONG, schedule=PLAN), Running(spread="fsdp", shard=("encoder.0", "encoder.2"))),
    "fsdp-pieces": (replace(LONG, accumulate=2), Running(spread="fsdp")),
    "gradient-ddp": (ONE, Running()),
    "gradient-fsdp": (ONE, Running(spread="fsdp")),
    "budget": (replace(LONG, schedule=PLAN), Running(budget=Budget(1.0))),
    "budget-fsdp": (LONG, Running(spread="fsdp", budget=Budget(1.0), ahead=1)),
    "stop-ddp": (replace(LONG, rate=0.02), Running()),
    "stop-fsdp": (replace(LONG, rate=0.02), Running(spread="fsdp", shard=("encoder.0",))),
    "shards": (LONG, Running(spread="fsdp", shards=True)),
}


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers = torch.nn.Linear(6, 17), torch.nn.GELU(), torch.nn.Linear(17, 9)
        self.encoder, self.head = torch.nn.Sequential(*layers), torch.nn.Linear(9, 3)
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.register_buffer("kernel", torch.ones(2, 3, 2, 2).to(memory_format=torch.channels_last))


def net() -> Net:
    torch.manual_seed(0)
    return Net()


def batches(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(ROWS, 6, generator=torch.Generator().manual_seed(step))
    return x, x[:, :3]


def loss(model: Net, batch: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, dict[str, float]]:
    """Calls the parts of the network rather than the network, as losses of recipes do."""
    value = torch.nn.functional.mse_loss(model.head(model.encoder(batch[0])), batch[1])
    return value, {"squared": float(value.detach())}


def worth(model: Net) -> float:
    x, y = batches(999)
    return float(torch.nn.functional.mse_loss(model.head(model.encoder(x)), y))


def run(name: str, folder: Path, *, until: int = -1, resume: bool = False, bad: int = -1) -> None:
    """Make the fit of a case, or its first steps, and write the weights that process 0 ends with."""
    from safetensors.torch import save_file

    torch.set_num_threads(1)
    spec, how = CASES[name]

    def drawn(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        if step == until:
            raise KeyboardInterrupt
        x, y = batches(step)
        return (x * float("nan") if step == bad else x), y

    with suppress(KeyboardInterrupt):
        asked = (
            {"validate": worth, "stop": Stop(every=4, patience=2, better="higher")} if name.startswith("stop") else {}
        )
        trained = fit(net(), drawn, loss, spec, seed=1, folder=folder, resume=resume, how=how, **asked)
        if world()[0] == 0:
            weights = {key: value.contiguous() for key, value in trained.state_dict().items()}
            save_file(weights, folder / "end.safetensors")


def ended(folder: Path) -> dict[str, torch.Tensor]:
    """The weights that a run ended with."""
    from safetensors.torch import load_file

    weights: dict[str, torch.Tensor] = load_file(folder / "end.safetensors")
    return weights


if __name__ == "__main__":
    with joined():
        for case in CASES:
            run(case, Path(sys.argv[1]) / case)
        run("shards", Path(sys.argv[1]) / "resumed", until=12)
        run("shards", Path(sys.argv[1]) / "resumed", resume=True)
        run("ddp", Path(sys.argv[1]) / "half", until=12)
