"""Run a network over many frames without gradients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hilum.learn.pieces import moved
from hilum.learn.spread import lent


def to_film(frames: NDArray[np.uint8], size: int) -> Tensor:
    """Return frames uint8 (B, F, F) as float films (B, 1, size, size) in [0, 1]."""
    film = torch.from_numpy(np.ascontiguousarray(frames)).float().div_(255).unsqueeze(1)
    if film.shape[-1] == size:
        return film
    return nn.functional.interpolate(film, size=(size, size), mode="bilinear", antialias=True, align_corners=False)


@torch.inference_mode()
def outputs(net: nn.Module, frames: NDArray[np.uint8], *, size: int, batch: int = 32) -> Iterator[Any]:
    """Yield the network's output for each batch of frames uint8 (N, F, F), in evaluation mode, on the processor.

    The network works on the device of the command at work.
    """
    net.eval()
    with lent(net) as device:
        for start in range(0, len(frames), batch):
            with torch.autocast(device.type, dtype=torch.bfloat16):
                made = net(to_film(frames[start : start + batch], size).to(device))
            yield moved(made, torch.device("cpu"))


def collect(
    net: nn.Module, frames: NDArray[np.uint8], *, size: int, fields: tuple[str, ...]
) -> dict[str, NDArray[np.float32]]:
    """Return the named fields of the output for all frames, each float32 (N, ...)."""
    parts: dict[str, list[NDArray[np.float32]]] = {name: [] for name in fields}
    for output in outputs(net, frames, size=size):
        for name in fields:
            parts[name].append(getattr(output, name).float().numpy())
    return {name: np.concatenate(found) for name, found in parts.items()}
