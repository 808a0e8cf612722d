"""The graphics card's path: one fused kernel where Triton is, plain torch elsewhere. Importing this needs torch."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import MissingError, need
from hilum.drr.field import Field
from hilum.drr.geometry import Geometry

try:
    import torch
except ImportError:
    raise need("torch", "train", "projecting on a graphics card") from None

Tensor = torch.Tensor
_MOST = 2**31 - 1
"""Voxels that 32-bit places can tell apart."""


def resident(field: Field, device: str | torch.device, *, half: bool = False) -> Tensor:
    """Return a field's values in their unit on a device, with a border of zeros: (A + 2, B + 2, C + 2), kept.

    Args:
        field: what the rays run through.
        device: e.g. 'cuda'.
        half: store float16: half the memory, attenuation rounded by less than 1 HU in soft tissue.

    Raises:
        MissingError: if the device is not there.
    """
    place = torch.device(device)
    if place.type == "cuda" and not torch.cuda.is_available():
        raise MissingError(
            "torch sees no CUDA device: install torch for CUDA on a machine with an NVIDIA card, or leave "
            "device at 'cpu'"
        )
    kind = torch.float16 if half else torch.float32

    def make() -> Tensor:
        grid = torch.zeros([size + 2 for size in field.shape], dtype=kind, device=place)
        for index, plane in enumerate(field.values):  # plane by plane: no float copy of the volume on the host
            values = torch.from_numpy(plane.astype(np.float32) * np.float32(field.scale))
            grid[index + 1, 1:-1, 1:-1] = values.to(place, kind)
        return grid

    made: Tensor = field.keep(("resident", str(place), half), make)
    return made


def fused(values: Tensor) -> bool:
    """Tell whether the fused kernel runs here: Triton, and a CUDA tensor (or Triton's interpreter), below 2^31."""
    there = importlib.util.find_spec("triton") is not None
    return there and values.numel() <= _MOST and (values.is_cuda or os.environ.get("TRITON_INTERPRET") == "1")


class _Fused(torch.autograd.Function):
    """The fused kernel, with the gradient by rays."""

    @staticmethod
    def forward(ctx: Any, padded: Tensor, rays: Tensor, shape: tuple[int, int]) -> Tensor:
        from hilum.drr import gpu_kernels

        out, slopes = gpu_kernels.cast(padded, rays.detach(), shape, derive=ctx.needs_input_grad[1])
        ctx.save_for_backward(slopes)
        made: Tensor = out
        return made

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[None, Tensor, None]:
        from hilum.drr.gradient import along_rays

        return None, along_rays(upstream, ctx.saved_tensors[0]), None


def sums(padded: Tensor, rays: Tensor, shape: tuple[int, int]) -> Tensor:
    """Return integrals (B, rows, columns) over the ray parameter, differentiable by rays, and by values in torch.

    The fused kernel is used unless the values need a gradient.

    Args:
        padded: (A + 2, B + 2, C + 2) values with a border of zeros, as `resident` makes them.
        rays: (B, 6, 3) float64 from `gradient.pencils`, on the same device.
        shape: (rows, columns).
    """
    if fused(padded) and not padded.requires_grad:
        found: Tensor = _Fused.apply(padded, rays, shape)  # type: ignore[no-untyped-call, unused-ignore]
        return found
    from hilum.drr import gpu_slabs

    return gpu_slabs.sums(padded.float() if padded.dtype == torch.float16 else padded, rays, shape)


def integrals(field: Field, geometry: Geometry, device: str = "cuda", *, half: bool = False) -> NDArray[np.float32]:
    """Return line integrals (rows, columns) float32 in the field's unit times mm, computed on a device.

    Args:
        field: what the rays run through; its copy on the device is kept with it.
        geometry: source and detector.
        device: as torch names it; 'cpu' runs the plain torch path.
        half: read the volume as float16.

    Raises:
        MissingError: if torch or the device is not there.
    """
    padded = resident(field, device, half=half)
    rays = torch.from_numpy(np.stack(geometry.pencil(field.affine)))[None].to(padded.device)
    with torch.no_grad():
        found = sums(padded, rays, geometry.shape)[0]
    out: NDArray[np.float32] = (found.cpu().numpy() * geometry.ray_mm()).astype(np.float32)
    return out


@dataclass(frozen=True)
class Roofline:
    """The least time one view can take on a card: what must be read, looked up and computed.

    Args:
        samples: bilinear samples over all rays.
        read_bytes: volume once, and the picture.
        memory_ms: those bytes at the card's bandwidth.
        lookup_ms: four voxels per sample at the rate its cores load from cache.
        arithmetic_ms: operations per sample at its float32 rate.
    """

    samples: int
    read_bytes: int
    memory_ms: float
    lookup_ms: float
    arithmetic_ms: float

    @property
    def bound_ms(self) -> float:
        """The largest of the three: no kernel of this model is faster."""
        return max(self.memory_ms, self.lookup_ms, self.arithmetic_ms)


def roofline(
    field: Field,
    geometry: Geometry,
    *,
    value_bytes: int = 4,
    derive: bool = False,
    gigabytes_per_s: float = 3350.0,
    gigaloads_per_s: float = 7400.0,
    teraflops: float = 67.0,
) -> Roofline:
    """Estimate the least time of one view; the defaults are an H100 SXM's data-sheet numbers, not measurements.

    Args:
        field: what the rays run through.
        geometry: source and detector.
        value_bytes: 4 for float32, 2 for float16.
        derive: with the four moments of the pose gradient.
        gigabytes_per_s: memory bandwidth.
        gigaloads_per_s: cached 4-byte loads: 132 multiprocessors, 32 a clock, 1.755 GHz.
        teraflops: float32 operations, a fused multiply-add counted as two.
    """
    from hilum.drr import reference

    rows, columns = (np.linspace(0, size - 1, min(size, 24)).round().astype(np.int64) for size in geometry.shape)
    pixels = np.stack(np.meshgrid(rows, columns, indexing="ij"), -1).reshape(-1, 2)
    start, way, _ = reference.rays(field, geometry, pixels)
    axis = np.abs(way).argmax(1)[:, None]
    speed = np.where(np.abs(way) < 1e-12, 1e-12, way)
    one, two = (-1 - start) / speed, (np.array(field.shape) - start) / speed
    inside = np.minimum(one, two).max(1), np.maximum(one, two).min(1)
    planes = np.maximum(0.0, inside[1] - inside[0]) * np.abs(np.take_along_axis(way, axis, 1)[:, 0])
    pixels_all = geometry.shape[0] * geometry.shape[1]
    samples = int(planes.mean() * pixels_all)
    read = field.values.size * value_bytes + pixels_all * 4 * (7 if derive else 1)
    # places 4, fractions 4, three interpolations 9, sum 1; with moments: two derivatives 3, t 2, four sums 6
    operations = 18 + (11 if derive else 0)
    return Roofline(
        samples, read, read / gigabytes_per_s / 1e6, 4 * samples / gigaloads_per_s / 1e6,
        operations * samples / teraflops / 1e9,
    )  # fmt: skip
