"""One small fit for tests of several processes; as a program, torchrun starts it."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from hilum.learn.fit import Fit, fit
from hilum.learn.running import Running
from hilum.learn.schedule import Group, Schedule
from hilum.learn.spread import joined, world

TOLERANCE = 1e-6
"""Largest difference of a weight (of size 1) after 20 steps: the order in which gradients are summed."""
ROWS = 12
SCHEDULE = Schedule((Group("head.*"), Group("encoder.2.*", rate=5e-3, thaw=0.3), Group("encoder.0.*", thaw=None)))


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers = torch.nn.Linear(6, 17), torch.nn.GELU(), torch.nn.Linear(17, 9)
        self.encoder, self.head = torch.nn.Sequential(*layers), torch.nn.Linear(9, 3)


def net() -> Net:
    torch.manual_seed(0)
    return Net()


def loss(model: Net, batch: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, dict[str, float]]:
    """Calls the parts of the network rather than the network, as losses of recipes do."""
    value = torch.nn.functional.mse_loss(model.head(model.encoder(batch[0])), batch[1])
    return value, {"squared": float(value.detach())}


def run(
    folder: Path, spread: str = "ddp", accumulate: int = 1, steps: int = 20, *, shards: bool = False,
    resume: bool = False, plan: bool = True, bad: int = -1,
) -> None:  # fmt: skip
    """Fit and write the weights that process 0 ends with."""
    from safetensors.torch import save_file

    torch.set_num_threads(1)

    def batches(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.randn(ROWS, 6, generator=torch.Generator().manual_seed(step))
        return (x * float("nan") if step == bad else x), x[:, :3]

    how = Running(spread=spread, shard=("encoder.0", "encoder.2"), shards=shards)
    spec = Fit(steps=20, rate=1e-2, bf16=False, average=0.5, accumulate=accumulate, save_every=5, log_every=1,
               schedule=SCHEDULE if plan else None)  # fmt: skip

    def until(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        if step == steps:
            raise SystemExit(0)
        return batches(step)

    trained = fit(net(), until, loss, spec, seed=1, folder=folder, resume=resume, how=how)
    if world()[0] == 0:
        save_file(
            {name: value.contiguous() for name, value in trained.state_dict().items()}, folder / "end.safetensors"
        )


def ended(folder: Path) -> dict[str, torch.Tensor]:
    """The weights that a run ended with."""
    from safetensors.torch import load_file

    weights: dict[str, torch.Tensor] = load_file(folder / "end.safetensors")
    return weights


if __name__ == "__main__":
    asked = argparse.ArgumentParser()
    asked.add_argument("folder", type=Path)
    asked.add_argument("--spread", default="ddp")
    asked.add_argument("--accumulate", type=int, default=1)
    asked.add_argument("--steps", type=int, default=20)
    for flag in ("--shards", "--resume"):
        asked.add_argument(flag, action="store_true")
    given = asked.parse_args()
    with joined():
        run(given.folder, given.spread, given.accumulate, given.steps, shards=given.shards, resume=given.resume)
