"""Training state as safetensors: weights, averaged weights, optimiser moments, a few numbers and the step.

One file, or one for each process of a run in parts, which `gather_shards` joins. Nothing is pickled. A file appears
whole or not at all, so that a full disk leaves the state before.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hilum.core.errors import InputError
from hilum.io.save import save_text
from hilum.learn.spread import is_part, like, local, together, whole, world

STATE, SHARDS, BEST = "state.safetensors", "shards.json", "best.safetensors"


def _names(net: nn.Module, optimizer: torch.optim.Optimizer) -> list[str]:
    """The name of each of the optimiser's parameters, in its order."""
    called = {id(parameter): name for name, parameter in net.named_parameters()}
    return [called[id(each)] for group in optimizer.param_groups for each in group["params"]]


def _collected(
    step: int, net: nn.Module, average: Mapping[str, Tensor] | None, optimizer: torch.optim.Optimizer,
    numbers: Mapping[str, float],
) -> Iterator[tuple[str, Tensor]]:  # fmt: skip
    yield "step", torch.tensor(step)
    yield from ((f"net.{name}", value) for name, value in net.state_dict().items())
    yield from ((f"average.{name}", value) for name, value in (average or {}).items())
    names = _names(net, optimizer)
    for index, state in optimizer.state_dict()["state"].items():
        for key, value in state.items():
            if value is not None:
                yield f"moment.{names[index]}.{key}", torch.as_tensor(value)
    yield from ((f"number.{name}", torch.tensor(value, dtype=torch.float64)) for name, value in numbers.items())


def save_state(
    path: Path, *, step: int, net: nn.Module, average: Mapping[str, Tensor] | None, optimizer: torch.optim.Optimizer,
    numbers: Mapping[str, float] | None = None,
) -> None:  # fmt: skip
    """Write the state after `step` steps as one file; of several processes the first writes, and all must call.

    Args:
        path: of the file.
        step: done.
        net, optimizer: as they are.
        average: averaged weights; None if there are none but the network's.
        numbers: anything else to go on from.

    Raises:
        InputError: if it cannot be written; the file that was there is as it was.
    """
    first = world()[0] == 0
    held: dict[str, Tensor] = {}
    for name, value in _collected(step, net, average, optimizer, numbers or {}):
        full = whole(value)
        if first:
            held[name] = full.cpu()
    if first:
        write_tensors(held, path, step=step)
    together()


def write_tensors(
    tensors: Mapping[str, Tensor], path: Path, *, step: int, facts: Mapping[str, str] | None = None
) -> None:
    """Write tensors under a temporary name, onto the disk, then rename.

    Raises:
        InputError: if it cannot be written, with the reason.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    partial = path.with_suffix(".partial")
    before = f"the state of an earlier step is kept in {path.name}" if path.exists() else "no earlier state is there"
    try:
        save_file({name: value.detach().clone().contiguous() for name, value in tensors.items()}, partial,
                  metadata=dict(facts) if facts else None)  # fmt: skip
        with partial.open("rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(partial, path)
    except (OSError, SafetensorError) as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise InputError(f"cannot write the state of step {step} to '{path}' ({error}): {before}; free some space and "
                         "go on with --resume") from None  # fmt: skip


def save_shards(
    folder: Path, *, step: int, net: nn.Module, average: Mapping[str, Tensor] | None, optimizer: torch.optim.Optimizer,
    numbers: Mapping[str, float] | None = None,
) -> None:  # fmt: skip
    """Write each process's part of the state as a file of its own, then name them in `shards.json`.

    Raises:
        InputError: if a part cannot be written; the parts named before are as they were.
    """
    rank, count = world()
    mine = {name: local(value.detach()).cpu() for name, value in _collected(step, net, average, optimizer,
            numbers or {}) if rank == 0 or is_part(value)}  # fmt: skip
    cut = [name for name, value in _collected(step, net, average, optimizer, numbers or {}) if is_part(value)]
    names = [f"shard-{step}-{at + 1}-of-{count}.safetensors" for at in range(count)]
    write_tensors(mine, folder / names[rank], step=step, facts={"cut": json.dumps(cut)})
    together()
    if rank == 0:
        before = _shard_names(folder)
        save_text(json.dumps({"step": step, "files": names}) + "\n", folder / SHARDS)
        for name in set(before) - set(names):
            (folder / name).unlink(missing_ok=True)
    together()


def _shard_names(folder: Path) -> list[str]:
    path = folder / SHARDS
    return [str(name) for name in json.loads(path.read_text())["files"]] if path.exists() else []


def joined_shards(folder: Path) -> dict[str, Tensor]:
    """Return the state whose parts `save_shards` wrote, whole, whatever the number of processes.

    Raises:
        InputError: if there is none, or a part is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    names = _shard_names(folder)
    if not names:
        raise InputError(f"no {SHARDS} in '{folder}': there are no parts of a state to join")
    parts: dict[str, list[Tensor]] = {}
    cut: set[str] = set()
    for name in names:
        try:
            with safe_open(folder / name, "pt") as stored:
                cut.update(json.loads(stored.metadata()["cut"]))
                for key in stored.keys():  # noqa: SIM118 (an opened file is no mapping)
                    parts.setdefault(key, []).append(stored.get_tensor(key))
        except (OSError, SafetensorError) as error:
            raise InputError(f"cannot read '{folder / name}', a part of the state ({error}): all parts must lie in one "
                             "folder that every process sees") from None  # fmt: skip
    return {key: torch.cat(found) if key in cut else found[0] for key, found in parts.items()}


def gather_shards(folder: Path) -> Path:
    """Join the parts of a state into one `state.safetensors` beside them and return its path.

    Raises:
        InputError: if a part is missing or damaged.
    """
    tensors, path = joined_shards(folder), folder / STATE
    write_tensors(tensors, path, step=int(tensors["step"]))
    return path


def read_state(folder: Path) -> dict[str, Tensor] | None:
    """Return the latest state of a folder, from one file or from parts; None if there is none.

    Raises:
        InputError: if it is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / STATE
    try:
        single = load_file(path) if path.exists() else None
    except (OSError, SafetensorError) as error:
        raise InputError(f"cannot read the state '{path}' ({error}): delete it to begin anew") from None
    if not (folder / SHARDS).exists():
        return single
    parts = joined_shards(folder)
    return parts if single is None or int(parts["step"]) >= int(single["step"]) else single


def forget(folder: Path) -> None:
    """Delete the states of a folder, so that a fit that begins anew cannot go on from an old one."""
    for name in (STATE, *_shard_names(folder), SHARDS, BEST):
        (folder / name).unlink(missing_ok=True)


def fill(net: nn.Module, weights: Mapping[str, Tensor], place: str) -> None:
    """Copy weights into a network, in parts where it is in parts.

    Raises:
        InputError: if they belong to another network, naming the first that differs.
    """
    own = net.state_dict()
    for name, value in own.items():
        if name not in weights:
            raise InputError(f"{place} belongs to another network: it has no '{name}', which is {tuple(value.shape)} "
                             "here; delete it or choose another folder")  # fmt: skip
        if weights[name].shape != value.shape:
            raise InputError(f"{place} belongs to another network: '{name}' is {tuple(weights[name].shape)} there and "
                             f"{tuple(value.shape)} here; delete it or choose another folder")  # fmt: skip
    if extra := next((name for name in weights if name not in own), None):
        raise InputError(f"{place} belongs to another network: '{extra}' is not in this one; delete it or choose "
                         "another folder")  # fmt: skip
    with torch.no_grad():
        for name, value in own.items():
            local(value).copy_(local(like(weights[name], value)))


def load_state(
    tensors: Mapping[str, Tensor], *, net: nn.Module, average: dict[str, Tensor], optimizer: torch.optim.Optimizer,
    place: str = f"checkpoint {STATE}",
) -> tuple[int, dict[str, float]]:  # fmt: skip
    """Fill net, average and optimiser in place; return the step they were saved after, and the numbers.

    Args:
        tensors: of `read_state`.
        net, average, optimizer: to fill.
        place: what the state is called in an error.

    Raises:
        InputError: if the state does not belong to this network, naming the first mismatch.
    """
    weights = {name[4:]: value for name, value in tensors.items() if name.startswith("net.")}
    fill(net, weights, place)
    with torch.no_grad():
        for name, value in average.items():
            kept = tensors.get(f"average.{name}", weights[name])
            local(value).copy_(local(like(kept, value)))
    names = _names(net, optimizer)
    held = [each for group in optimizer.param_groups for each in group["params"]]
    moments: dict[int, dict[str, Any]] = {}
    for name, value in tensors.items():
        if name.startswith("moment."):
            owner, key = name.removeprefix("moment.").rsplit(".", 1)
            index = names.index(owner) if owner in names else int(owner) if owner.isdigit() else -1  # old files count
            if not 0 <= index < len(held):
                raise InputError(f"{place} belongs to another network: it has moments of '{owner}', which does not "
                                 "learn here; delete it or choose another folder")  # fmt: skip
            moments.setdefault(index, {})[key] = like(value, held[index])
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
    numbers = {name[7:]: float(value) for name, value in tensors.items() if name.startswith("number.")}
    return int(tensors["step"]), numbers
