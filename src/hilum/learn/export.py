"""Write a torch network as ONNX and check that the file agrees with it."""

from __future__ import annotations

import logging
from pathlib import Path

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

    def forward(self, film: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(self.net(film))


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
    wrapped = _Positional(net).eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    film = torch.rand(2, 1, size, size, generator=torch.Generator().manual_seed(0))
    torch.onnx.export(
        wrapped, (film,), str(path), input_names=["film"], output_names=[name + SUFFIX for name in names], dynamo=True,
        dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=64)},), external_data=False, optimize=True,
    )  # fmt: skip
    strip(path)
    probe = torch.rand(3, 1, size, size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = wrapped(probe)
    found = Session(path)(probe.numpy())
    worst = 0.0
    for name, value in zip(names, expected, strict=True):
        gap = np.abs(found[name] - value.numpy()) / (1.0 + np.abs(value.numpy()).max())
        worst = max(worst, float(gap.max()))
    if worst > tolerance:
        raise InputError(f"{path.name} differs from the network by {worst:.2g}, allowed {tolerance:.2g}")
    log.info("%s agrees with the network to %.2g", path.name, worst)
    return worst
