"""A projector that can be differentiated: by the patient's pose, by source and detector, by every voxel.

Importing this needs torch, so it is imported where it is first used.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from hilum.core.errors import InputError, need
from hilum.drr.field import Field
from hilum.drr.geometry import Geometry

try:
    import torch
except ImportError:
    raise need("torch", "train", "a projector with gradients") from None

Tensor = torch.Tensor


class Rays(NamedTuple):
    """Source and detector of B exposures, each (B, 3) in patient mm; `geometry.Geometry` says what they are."""

    source: Tensor
    corner: Tensor
    row_step: Tensor
    column_step: Tensor


def rotation(vector: Tensor) -> Tensor:
    """Return the (..., 3, 3) rotation about each vector (..., 3) by its length in radians, smooth at zero too."""
    x, y, z = vector.unbind(-1)
    nothing = torch.zeros_like(x)
    rows = [nothing, -z, y, z, nothing, -x, -y, x, nothing]
    turn: Tensor = torch.linalg.matrix_exp(torch.stack(rows, -1).reshape(*vector.shape[:-1], 3, 3))
    return turn


def posed(geometry: Geometry, pose: Tensor) -> Rays:
    """Return an exposure as a patient sees it who turns about the isocentre, then moves; one for each pose.

    Args:
        geometry: the exposure of the patient who has not moved.
        pose: (B, 6) rotation vector in radians about the left, posterior and head axes, then shift in mm along them.
    """
    pose = pose.double()

    def constant(value: Any) -> Tensor:
        return torch.tensor(np.asarray(value), dtype=torch.float64, device=pose.device)

    turn, middle = rotation(pose[:, :3]), constant(geometry.isocentre)

    def back(vector: Tensor) -> Tensor:
        return (vector.unsqueeze(-2) @ turn).squeeze(-2)  # a row times a matrix: the inverse turn

    def point(place: Any) -> Tensor:
        return back(constant(place) - pose[:, 3:] - middle) + middle

    def step(way: Any) -> Tensor:
        return back(constant(way).expand(len(pose), 3))

    return Rays(point(geometry.source), point(geometry.corner), step(geometry.row_step), step(geometry.column_step))


def pencils(rays: Rays, affine: Any, *, parallel: bool = False) -> Tensor:
    """Return the rays (B, 6, 3) in the index space of a grid, rows as in `geometry.Pencil`, float64.

    Args:
        rays: source and detector in patient mm.
        affine: (4, 4) voxel index to patient mm.
        parallel: rays run along the detector's normal, from the source's distance.
    """
    inverse = torch.linalg.inv(torch.tensor(np.asarray(affine), dtype=torch.float64)).to(rays.source.device)
    turn, shift = inverse[:3, :3].T, inverse[:3, 3]
    corner, row, column = rays.corner @ turn + shift, rays.column_step @ turn, rays.row_step @ turn
    nothing = torch.zeros_like(corner)
    if parallel:
        way = _beam(rays) @ turn
        return torch.stack([corner - way, row, column, way, nothing, nothing], 1)
    source = rays.source @ turn + shift
    return torch.stack([source, nothing, nothing, corner - source, row, column], 1)


def _beam(rays: Rays) -> Tensor:
    """Return (B, 3) the way from the source to the detector's plane along its normal, in mm."""
    across = torch.linalg.cross(rays.row_step, rays.column_step)
    normal = across / across.norm(dim=1, keepdim=True)
    beam: Tensor = normal * (normal * (rays.corner - rays.source)).sum(1, keepdim=True)
    return beam


def lengths_mm(rays: Rays, shape: tuple[int, int], *, parallel: bool = False) -> Tensor:
    """Return (B, rows, columns) the length of each ray from source to pixel, or (B, 1, 1) for parallel rays."""
    if parallel:
        distance: Tensor = _beam(rays).norm(dim=1)[:, None, None]
        return distance
    down, along = (torch.arange(size, dtype=torch.float64, device=rays.source.device) for size in shape)
    # the square of the length is a polynomial of row and column: six numbers for each exposure
    first = rays.corner - rays.source
    parts = (first, rays.column_step, rays.row_step)
    dots = [[(one * two).sum(1)[:, None, None] for two in parts] for one in parts]
    r, c = down[None, :, None], along[None, None, :]
    square = dots[0][0] + r * (2 * dots[0][1] + r * dots[1][1]) + c * (2 * dots[0][2] + c * dots[2][2])
    return (square + 2 * r * c * dots[1][2]).sqrt()


class _Sums(torch.autograd.Function):
    """Integrals over the ray parameter on the CPU, with both gradients."""

    @staticmethod
    def forward(ctx: Any, values: Any, rays: Tensor, shape: tuple[int, int]) -> Tensor:
        from hilum.drr import moments

        tensor = isinstance(values, Tensor)
        grid = values.detach().contiguous().numpy() if tensor else np.ascontiguousarray(values)
        real = np.float64 if grid.dtype == np.float64 else np.float32
        numbers = rays.detach().numpy()
        out = np.empty((len(numbers), *shape), real)
        slopes = np.empty((*out.shape, 6) if ctx.needs_input_grad[1] else (0, 0, 0, 0), real)
        down = abs(numbers[:, 1::3, 2]).sum() >= abs(numbers[:, 2::3, 2]).sum()
        moments.project(grid.reshape(-1), np.array(grid.shape), numbers, bool(down), out, slopes)
        ctx.save_for_backward(rays.detach(), torch.from_numpy(slopes))
        ctx.grid = grid.shape
        return torch.from_numpy(out)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        rays, slopes = ctx.saved_tensors
        by_values = spread(upstream, rays, ctx.grid) if ctx.needs_input_grad[0] else None
        return by_values, along_rays(upstream, slopes) if ctx.needs_input_grad[1] else None, None


def along_rays(upstream: Tensor, slopes: Tensor) -> Tensor:
    """Return the gradient (B, 6, 3) with respect to the rays' numbers.

    Args:
        upstream: (B, rows, columns) gradient of the loss with respect to each integral.
        slopes: (B, rows, columns, 6) derivative of each integral with respect to the ray's start and way.
    """
    rows, columns = (torch.arange(size, dtype=torch.float64, device=upstream.device) for size in upstream.shape[1:])
    each = upstream.unsqueeze(-1) * slopes
    by_row = each.sum(2, dtype=torch.float64)
    by_column = each.sum(1, dtype=torch.float64)
    whole, down, along = by_row.sum(1), rows @ by_row, columns @ by_column
    halves = [part.reshape(-1, 2, 3) for part in (whole, down, along)]
    return torch.stack(halves, 2).reshape(-1, 6, 3)


def spread(weights: Tensor, rays: Tensor, grid: tuple[int, int, int]) -> Tensor:
    """Return the transpose of the projection (A, B, C): each ray's weight goes back to the voxels it read.

    It is race-free, and its result does not depend on the number of threads.

    Args:
        weights: (B, rows, columns) float32 or float64 on the CPU.
        rays: (B, 6, 3) from `pencils`.
        grid: shape of the volume.
    """
    from hilum.drr import moments

    carried, numbers = weights.detach().contiguous().numpy(), rays.detach().numpy()
    shape, voxels = np.array(grid), np.zeros(int(np.prod(grid)), carried.dtype)
    crossing = np.empty((*carried.shape[1:], 8))
    for pose, carries in zip(numbers, carried, strict=True):
        moments.crossings(pose, shape, crossing)
        for axis in np.unique(crossing[:, :, 0]).astype(int):
            moments.spread(crossing, carries, shape, int(axis), 8, voxels)
    return torch.from_numpy(voxels.reshape(grid))


class Projector:
    """A field seen by one exposure from any pose of the patient: `projector(pose)` gives line integrals.

    Args:
        field: what the rays run through, e.g. attenuation in 1/mm.
        geometry: source and detector, for the patient who has not moved.
        device: 'cpu', or a CUDA device for `gpu`'s kernels.

    Raises:
        MissingError: if torch is not installed.
    """

    def __init__(self, field: Field, geometry: Geometry, *, device: str = "cpu") -> None:
        self.field, self.geometry, self.device = field, geometry, torch.device(device)

    def __call__(self, pose: Tensor, values: Tensor | None = None) -> Tensor:
        """Return line integrals (B, rows, columns), the field's unit times mm, for each pose.

        Args:
            pose: (B, 6) or (6,): rotation vector in radians about the left, posterior and head axes through the
                isocentre, then shift in mm to the left, the back and the head.
            values: (A, B, C) float32 or float64 voxels in place of the field's; gradients reach them too.

        Returns:
            Tensor of the values' dtype (float32 for a field), differentiable by pose and values.

        Raises:
            InputError: if the pose is not six numbers, or the values do not have the field's shape.
        """
        pose = pose.unsqueeze(0) if pose.ndim == 1 else pose
        if pose.ndim != 2 or pose.shape[1] != 6:
            raise InputError(f"a pose is six numbers, a batch of poses (B, 6); got {tuple(pose.shape)}")
        return self.cast(posed(self.geometry, pose.to(self.device)), values)

    def cast(self, rays: Rays, values: Tensor | None = None) -> Tensor:
        """Return line integrals (B, rows, columns) for any sources and detectors, differentiable by all of them.

        Args:
            rays: source (B, 3), centre of pixel (0, 0), and steps along a row and down a column, in patient mm.
            values: as for a call.

        Raises:
            InputError: if the values do not have the field's shape.
        """
        if values is not None and tuple(values.shape) != self.field.shape:
            raise InputError(f"values need the field's shape {self.field.shape}, got {tuple(values.shape)}")
        parallel, shape, scale = self.geometry.parallel, self.geometry.shape, 1.0
        numbers = pencils(rays, self.field.affine, parallel=parallel)
        if self.device.type == "cpu":
            grid = self.field.values if values is None else values
            sums = _Sums.apply(grid, numbers, shape)  # type: ignore[no-untyped-call, unused-ignore]
            scale = self.field.scale if values is None else 1.0
        else:
            from hilum.drr import gpu

            padded = None if values is None else torch.nn.functional.pad(values, (1,) * 6)
            sums = gpu.sums(gpu.resident(self.field, self.device) if padded is None else padded, numbers, shape)
        found: Tensor = sums * (lengths_mm(rays, shape, parallel=parallel) * scale).to(sums.dtype)
        return found

    def exposure(self, pose: Tensor) -> Geometry:
        """Return the geometry of one pose (6,), for any other kernel."""
        rays = posed(self.geometry, pose.detach().reshape(1, 6))
        source, corner, row_step, column_step = (part[0].cpu().numpy() for part in rays)
        return replace(self.geometry, source=source, corner=corner, row_step=row_step, column_step=column_step)
