"""What 'hilum train' does: a recipe run on a device, alone or by torchrun, within a budget; and what it says then."""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hilum.core.errors import InputError, MissingError, need
from hilum.core.registry import get

AHEAD = 2
"""Batches that a thread draws while a step runs."""


@dataclass(frozen=True)
class Asked:
    """What the command line asks for.

    Args:
        system: name of the recipe.
        data: root of its data set; None for a recipe that draws its own patients.
        out: folder of results.
        settings: of the recipe.
        seed: of every draw.
        resume: go on from the last state in `out`.
        budget: a time or numbers of steps, as `learn.budget.parse_budget` reads them; '' for the recipe's own.
        device: 'cpu', 'cuda', 'cuda:1'; '' where the recipe puts its network.
        spread: 'ddp' or 'fsdp', where torchrun started several processes.
        tensorboard: write event files too.
        quiet: say only what was written.
    """

    system: str
    data: Path | None
    out: Path
    settings: Mapping[str, str]
    seed: int = 0
    resume: bool = False
    budget: str = ""
    device: str = ""
    spread: str = "ddp"
    tensorboard: bool = False
    quiet: bool = False


def run(asked: Asked) -> str:
    """Train and return what to print; nothing in a process that is not the first.

    Raises:
        MissingError: if the recipe has nothing to train, or torch is not installed.
        InputError: if it needs data and none are given, or something asked for cannot be.
    """
    recipe = get("system", asked.system)
    if not hasattr(recipe, "train"):
        raise MissingError(f"'{asked.system}' has nothing to train: see docs, or 'hilum reproduce {asked.system}'")
    if asked.data is None and _needs_data(recipe.train):
        raise InputError(f"'{asked.system}' learns from films that you have: give their folder with --data FOLDER")
    try:
        from hilum.learn.budget import parse_budget
        from hilum.learn.running import Running, running
        from hilum.learn.spread import joined
    except ImportError:
        raise need("torch", "train", "training") from None
    budget = parse_budget(asked.budget, fits=int(getattr(recipe, "fits", 1))) if asked.budget else None
    how = Running(asked.device, asked.spread, budget=budget, ahead=AHEAD, tensorboard=asked.tensorboard)
    with joined(asked.device) as (rank, _), _own_folder(asked.out, rank) as out, running(how), _told(asked, rank):
        try:
            written = recipe.train(data=asked.data, out=out, seed=asked.seed, resume=asked.resume,
                                   settings=dict(asked.settings))  # fmt: skip
        except RuntimeError as error:
            if type(error).__name__ != "OutOfMemoryError":
                raise
            raise InputError(f"the device ran out of memory ({str(error).splitlines()[0]}): take smaller batches, or "
                             "split them with accumulate, see docs/training.md") from None  # fmt: skip
        return summary(asked, Path(str(written)), recipe) if rank == 0 else ""


def _needs_data(train: Any) -> bool:
    given = inspect.signature(train).parameters.get("data")
    return given is not None and given.default is inspect.Parameter.empty and "None" not in str(given.annotation)


@contextmanager
def _own_folder(out: Path, rank: int) -> Iterator[Path]:
    """Results are the first process's; what the others would write goes nowhere."""
    if rank == 0:
        yield out
        return
    with TemporaryDirectory(prefix="hilum-train-") as place:
        yield Path(place)


@contextmanager
def _told(asked: Asked, rank: int) -> Iterator[None]:
    """Say on stderr what the engines log while the recipe runs."""
    handler, log = logging.StreamHandler(sys.stderr), logging.getLogger("hilum")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.WARNING if asked.quiet or rank else logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(before)


def summary(asked: Asked, written: Path, recipe: Any) -> str:
    """Return the closing lines: what was written, how long it took, how to have it again, and what to try next."""
    from hilum.learn.records import RECORD, lasting, read_record

    folder = written if written.is_dir() else written.parent
    found = sorted(folder.rglob(RECORD), key=lambda path: path.stat().st_mtime)
    facts = [read_record(path.parent) for path in found]
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    lines = [f"Wrote {folder}: {', '.join(names)}" if names else f"Wrote {folder}"]
    if facts:
        steps, seconds = [int(each["steps"]) for each in facts], sum(float(each.get("seconds", 0)) for each in facts)
        waited = sum(float(each.get("seconds", 0)) * float(each.get("waiting_for_batches", 0)) for each in facts)
        share = 100 * waited / max(seconds, 1e-9)
        lines.append(
            f"{' + '.join(map(str, steps))} steps in {lasting(seconds)}, {share:.1f} % of it waiting for batches."
        )
        if any(each.get("budget_s") for each in facts):
            counted = "+".join(map(str, steps))
            more = f" --data {asked.data}" if asked.data else ""
            more += "".join(f" --set {name}={value}" for name, value in asked.settings.items())
            command = f"hilum train {asked.system} --budget {counted}steps --seed {asked.seed}{more}"
            lines.append(f"The same weights again: {command}")
    told = str(getattr(recipe, "next_step", ""))
    judged = f"hilum reproduce {asked.system}" if hasattr(recipe, "reproduce") else "hilum list systems"
    lines.append(f"Next: {told.format(out=folder) or judged}")
    return "\n".join(lines)
