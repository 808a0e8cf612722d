"""Write a torch network as ONNX and check that the file agrees with it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from hilum.core.errors import InputError
from hilum.learn.onnx import SUFFIX, Session

log = logging.getLogger(__name__)


class _Positional(nn.Module):
    """A network whose named-tuple output is flattened to a tuple, as ONNX has it."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(self.net(*inputs))


def strip(path: Path) -> None:
    """Remove what the exporter notes about the machine and the source code, in place; numbers are not touched."""
    import onnx

    model = onnx.load(path)
    for part in (model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output):
        value.doc_string = ""
        del value.metadata_props[:]
    onnx.save(model, path)


def export(net: nn.Module, path: Path, *, size: int, names: tuple[str, ...], tolerance: float = 1e-3) -> float:
    """Write `net` to `path` for films (B, 1, size, size) with any batch size.

    Args:
        net: returns a named tuple of tensors, batch first.
        path: .onnx file to write, weights inside.
        size: side of the input.
        names: of the outputs, in order.
        tolerance: largest difference allowed, relative to 1 + the output's magnitude.

    Returns:
        The largest such difference on random films.

    Raises:
        InputError: if the file does not agree with the network.
    """
    seeds = (torch.Generator().manual_seed(seed) for seed in (0, 1))
    film, probe = (torch.rand(count, 1, size, size, generator=rng) for count, rng in zip((2, 3), seeds, strict=True))
    batch = {0: torch.export.Dim("batch", min=1, max=64)}
    return export_inputs(
        net, path, inputs={"film": film}, probe={"film": probe}, dynamic={"film": batch}, names=names,
        tolerance=tolerance,
    )  # fmt: skip


def export_inputs(
    net: nn.Module,
    path: Path,
    *,
    inputs: Mapping[str, torch.Tensor],
    probe: Mapping[str, torch.Tensor],
    dynamic: Mapping[str, Mapping[int, Any]],
    names: tuple[str, ...],
    tolerance: float = 1e-3,
    traced: bool = False,
) -> float:
    """Write a network with any inputs to `path` and check the file against it.

    Args:
        net: takes the inputs in their order, returns a named tuple of tensors.
        path: .onnx file to write, weights inside.
        inputs: examples by name, at least 2 along every dimension that may change.
        probe: other examples, of other sizes where sizes may change, to compare file and network on.
        dynamic: input -> dimension -> `torch.export.Dim`, for the dimensions that may change.
        names: of the outputs, in order.
        tolerance: largest difference allowed, relative to 1 + the output's magnitude.
        traced: use the older, tracing exporter; the newer one may fix the length of an LSTM to that of the example.

    Returns:
        The largest such difference on the probe.

    Raises:
        InputError: if the file does not agree with the network.
    """
    wrapped = _Positional(net).eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    shapes: dict[str, Any] = (
        {"dynamic_axes": {name: {at: f"{name}_{at}" for at in dynamic.get(name, {})} for name in inputs}}
        if traced
        else {"dynamic_shapes": (tuple(dict(dynamic.get(name, {})) for name in inputs),), "optimize": True}
    )
    torch.onnx.export(
        wrapped, tuple(inputs.values()), str(path), input_names=list(inputs), dynamo=not traced, external_data=False,
        output_names=[name + SUFFIX for name in names], **shapes,
    )  # fmt: skip
    strip(path)
    with torch.inference_mode():
        expected = wrapped(*probe.values())
    found = Session(path).run({name: value.numpy() for name, value in probe.items()})
    worst = 0.0
    for name, value in zip(names, expected, strict=True):
        gap = np.abs(found[name] - value.numpy()) / (1.0 + np.abs(value.numpy()).max())
        worst = max(worst, float(gap.max()))
    if worst > tolerance:
        raise InputError(f"{path.name} differs from the network by {worst:.2g}, allowed {tolerance:.2g}")
    log.info("%s agrees with the network to %.2g", path.name, worst)
    return worst
