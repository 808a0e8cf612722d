"""Training state as one safetensors file: weights, averaged weights, optimiser moments and the step."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hilum.core.errors import InputError


def save_state(
    path: Path, *, step: int, net: nn.Module, average: dict[str, Tensor], optimizer: torch.optim.Optimizer
) -> None:
    """Write the state after `step` steps; the file appears whole or not at all."""
    from safetensors.torch import save_file

    tensors: dict[str, Tensor] = {"step": torch.tensor(step)}
    tensors.update({f"net.{name}": value for name, value in net.state_dict().items()})
    tensors.update({f"average.{name}": value for name, value in average.items()})
    for index, state in optimizer.state_dict()["state"].items():
        tensors.update({f"moment.{index}.{name}": torch.as_tensor(value) for name, value in state.items()})
    partial = path.with_suffix(".partial")
    save_file({name: value.detach().clone().contiguous() for name, value in tensors.items()}, partial)
    os.replace(partial, path)


def load_state(path: Path, *, net: nn.Module, average: dict[str, Tensor], optimizer: torch.optim.Optimizer) -> int:
    """Fill net, average and optimiser in place and return the step they were saved after.

    Raises:
        InputError: if the file does not belong to this network.
    """
    from safetensors.torch import load_file

    tensors = load_file(path)
    weights = {name[4:]: value for name, value in tensors.items() if name.startswith("net.")}
    if weights.keys() != net.state_dict().keys():
        raise InputError(f"checkpoint {path.name} belongs to another network: delete it or choose another folder")
    net.load_state_dict(weights)
    for name, value in average.items():
        value.copy_(tensors[f"average.{name}"])
    moments: dict[int, dict[str, Any]] = {}
    for name, value in tensors.items():
        if name.startswith("moment."):
            _, index, key = name.split(".", 2)
            moments.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
    return int(tensors["step"])
