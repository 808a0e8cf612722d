"""Joseph's sums in plain torch, planes in batches of 2-D samples: any device, gradients by autograd.

Slower than the compiled kernels and the fused one, and what both can be checked against. Importing this needs torch.
"""

from __future__ import annotations

from typing import Any

from hilum.core.errors import need

try:
    import torch
except ImportError:
    raise need("torch", "train", "projecting on a graphics card") from None

Tensor = torch.Tensor
_BATCH = 4_000_000
"""Samples taken at once: bounds the memory of a step to about 100 MB."""


def _planes(slabs: Tensor, first: int, start: Tensor, way: Tensor, others: tuple[int, int], axis: int) -> Tensor:
    """Return the sum (N,) of samples of N rays on planes (K, A + 2, B + 2), the first of them plane `first`."""
    plane = torch.arange(first, first + len(slabs), dtype=start.dtype, device=start.device)[:, None]
    along = (plane - start[:, axis]) / way[:, axis]
    places = []
    for other, size in zip(reversed(others), reversed(slabs.shape[1:]), strict=True):
        index = start[:, other] + along * way[:, other] + 1.0
        places.append(2 * index / (size - 1) - 1)  # grid_sample counts from -1 at the first voxel to 1 at the last
    grid = torch.stack(places, -1)[:, None].to(slabs.dtype)
    found = torch.nn.functional.grid_sample(slabs[:, None], grid, mode="bilinear", align_corners=True)
    return found[:, 0, 0].sum(0)


def _along(padded: Tensor, start: Tensor, way: Tensor, axis: int) -> Tensor:
    """Return integrals (N,) over the ray parameter of rays that cross the planes of `axis` fastest."""
    from torch.utils.checkpoint import checkpoint

    others = (1 if axis == 0 else 0, 1 if axis == 2 else 2)
    slabs = padded.movedim(axis, 0)[1:-1]
    step = max(1, _BATCH // max(1, len(start)))
    total: Any = 0.0
    for first in range(0, len(slabs), step):
        part = slabs[first : first + step]
        if torch.is_grad_enabled() and (start.requires_grad or way.requires_grad or padded.requires_grad):
            # samples are taken again in the backward pass rather than kept: memory stays that of one batch
            total = total + checkpoint(_planes, part, first, start, way, others, axis, use_reentrant=False)
        else:
            total = total + _planes(part, first, start, way, others, axis)
    found: Tensor = total / way[:, axis].abs().to(padded.dtype)
    return found


def sums(padded: Tensor, pencils: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return integrals (B, rows, columns) over the ray parameter, differentiable by both.

    Args:
        padded: (A + 2, B + 2, C + 2) float32 or float64 with a border of zeros, on any device.
        pencils: (B, 6, 3) float64 rays in the index space of the grid without its border, on the same device.
        shape: (rows, columns).
    """
    row, column = (torch.arange(size, dtype=torch.float64, device=padded.device) for size in shape)
    row, column = (part.reshape(-1, 1) for part in torch.meshgrid(row, column, indexing="ij"))
    pictures = []
    for pencil in pencils:
        start = pencil[0] + row * pencil[1] + column * pencil[2]
        way = pencil[3] + row * pencil[4] + column * pencil[5]
        axis = way.detach().abs().argmax(1)
        found = torch.zeros(len(way), dtype=padded.dtype, device=padded.device)
        for one in axis.unique().tolist():
            chosen = (axis == one).nonzero()[:, 0]
            found = found.index_put((chosen,), _along(padded, start[chosen], way[chosen], one))
        pictures.append(found.reshape(shape))
    return torch.stack(pictures)
