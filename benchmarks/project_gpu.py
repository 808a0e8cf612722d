"""The fused kernel on a CUDA card against nanodrr's, with the roofline: python benchmarks/project_gpu.py.

Same CT, same rays, interleaved in one run; both sides keep the volume on the card and time the view alone. Without a
card it prints the estimates and stops.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable

import numpy as np
import torch

from hilum.data.chest_ct import chest_ct
from hilum.drr import gpu, reference
from hilum.drr.attenuation import mu_map
from hilum.drr.field import Field
from hilum.drr.geometry import Geometry, aim


def milliseconds(work: Callable[[], object], rounds: int = 20) -> float:
    """Return the median time of a call by the card's own clock, after three that are not counted."""
    for _ in range(3):
        work()
    found = []
    for _ in range(rounds):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        work()
        end.record()
        torch.cuda.synchronize()
        found.append(begin.elapsed_time(end))
    return float(np.median(found))


def error(field: Field, geometry: Geometry, picture: np.ndarray, pixels: np.ndarray) -> float:
    """Return mean |error| against the exact integral, in % of its mean."""
    exact = reference.trilinear(field, geometry, pixels)
    return float(np.abs(picture[pixels[:, 0], pixels[:, 1]] - exact).mean() / exact.mean() * 100)


def peer(field: Field, geometry: Geometry) -> Callable[[], torch.Tensor] | None:
    """Return a call of torch's 3-D grid_sample along the same rays, 500 samples: the peers' unfused formula."""
    rays = [torch.from_numpy(part).float().cuda() for part in geometry.pencil(field.affine)]
    rows, columns = (torch.arange(size, device="cuda").float() for size in geometry.shape)
    r, c = rows[:, None, None], columns[None, :, None]
    start, way = rays[0] + r * rays[1] + c * rays[2], rays[3] + r * rays[4] + c * rays[5]
    sizes = torch.tensor(field.shape, device="cuda").float()
    one, two = (-start / way), (sizes - 1 - start) / way
    near, far = torch.minimum(one, two).amax(-1), torch.maximum(one, two).amin(-1)
    width = (far - near).clamp_min(0)
    volume = torch.from_numpy(field.float32()).cuda()[None, None]
    length = torch.from_numpy(geometry.ray_mm()).float().cuda()
    share = (torch.arange(500, device="cuda") + 0.5) / 500

    def cast() -> torch.Tensor:
        at = near[..., None] + share * width[..., None]
        place = (start[:, :, None] + at[..., None] * way[:, :, None]) * 2 / (sizes - 1) - 1
        found = torch.nn.functional.grid_sample(volume, place.flip(-1)[None], align_corners=True)
        return found[0, 0].mean(-1) * width * length

    return cast


def main() -> None:
    """Print the roofline, then times and errors where there is a card."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    field = mu_map(chest_ct())
    print("estimates for an H100's data sheet: pixels, volume: samples, memory, look-ups, arithmetic, bound in ms")
    geometries = {size: aim(field.affine, field.shape, detector=(size, size)) for size in (256, 512, 1024)}
    for size, geometry in geometries.items():
        for name, width in (("float32", 4), ("float16", 2)):
            roof = gpu.roofline(field, geometry, value_bytes=width)
            print(
                f"{size}, {name}: {roof.samples / 1e6:.0f} million, {roof.memory_ms:.3f}, {roof.lookup_ms:.3f}, "
                f"{roof.arithmetic_ms:.3f}, {roof.bound_ms:.3f}"
            )
    if not torch.cuda.is_available():
        print("no CUDA device here: nothing was timed")
        return
    print(f"{torch.cuda.get_device_name()}; nanodrr installed: {importlib.util.find_spec('nanodrr') is not None}")
    pixels = np.random.default_rng(0).integers(0, 256, (300, 2))
    for size, geometry in geometries.items():
        rays = torch.from_numpy(np.stack(geometry.pencil(field.affine)))[None].cuda()
        for name, half in (("float32", False), ("float16", True)):
            padded = gpu.resident(field, "cuda", half=half)
            took = milliseconds(lambda p=padded, r=rays, g=geometry: gpu.sums(p, r, g.shape))  # type: ignore[misc]
            wrong = error(field, geometry, gpu.integrals(field, geometry, half=half), pixels * (size // 256))
            print(f"{size}, fused {name}: {took:.3f} ms, error {wrong:.4f} %")
        sampled = peer(field, geometry)
        if sampled is not None and size <= 512:
            took = milliseconds(sampled)
            wrong = error(field, geometry, sampled().cpu().numpy(), pixels * (size // 256))
            print(f"{size}, 500 samples by grid_sample: {took:.3f} ms, error {wrong:.4f} %")


if __name__ == "__main__":
    main()
