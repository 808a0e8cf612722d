"""The fused kernel on a CUDA card against nanodrr's, with the roofline: python benchmarks/project_gpu.py.

Same CT, same rays, in turn in one run; all keep the volume and the rays on the card and time the view alone. Each time
stands beside the card's bound: bytes and operations per ray, and the share of the card's bandwidth that was used
(--bandwidth and --teraflops are those of its data sheet). Without a card it prints the estimates and stops; nanodrr is
left out with a sentence where it is not installed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

import numpy as np
import project_peers as peers
import torch
from project import upright

from hilum.data.chest_ct import chest_ct
from hilum.drr import gpu, reference
from hilum.drr.attenuation import mu_map
from hilum.drr.field import Field
from hilum.drr.geometry import Geometry, aim


def milliseconds(runs: Mapping[str, Callable[[], object]], rounds: int = 20) -> dict[str, float]:
    """Return the median time of each call by the card's own clock, taken in turn, after three that are not counted."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 3):
        for name, run in runs.items():
            begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            begin.record()
            run()
            end.record()
            torch.cuda.synchronize()
            if turn >= 3:
                found[name].append(begin.elapsed_time(end))
    return {name: float(np.median(times)) for name, times in found.items()}


def error(field: Field, geometry: Geometry, picture: np.ndarray, pixels: np.ndarray) -> float:
    """Return mean |error| against the exact integral, in % of its mean."""
    exact = reference.trilinear(field, geometry, pixels)
    return float(np.abs(picture[pixels[:, 0], pixels[:, 1]] - exact).mean() / exact.mean() * 100)


class NanoDrrOnDevice(peers.NanoDrr):
    """nanodrr with volume and rays on a device: on a card its fused kernel, on 'cpu' its formula in torch."""

    def __init__(self, field: Field, device: str) -> None:
        super().__init__(field)
        self.device, self.subject = device, self.subject.to(device)

    def aim(self, geometry: Geometry) -> None:
        super().aim(geometry)
        self.source, self.target = self.source.to(self.device), self.target.to(self.device)
        self.eyes = torch.eye(3, device=self.device)[None], torch.eye(4, device=self.device)[None]
        self.reach = torch.tensor([float(geometry.source_detector_mm)], device=self.device)

    def cast(self) -> torch.Tensor:
        """Render the whole detector in one call: (rows, columns)."""
        with torch.no_grad():
            found: torch.Tensor = self.render(
                self.subject, *self.eyes, self.reach, *self.geometry.shape, n_samples=self.samples,
                src=self.source, tgt=self.target,
            )[0, 0]  # fmt: skip
        return found


def sampled(field: Field, geometry: Geometry) -> Callable[[], torch.Tensor]:
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


def nanodrr(field: Field) -> NanoDrrOnDevice | None:
    """Return nanodrr on the card, or None after saying why it is left out."""
    kinds, missing = peers.available([peers.NanoDrr.name])
    if not kinds:
        print(f"nanodrr is left out: {missing[peers.NanoDrr.name]} (project_peers.py names the line that installs it)")
        return None
    return NanoDrrOnDevice(field, "cuda")


def compare(field: Field, geometry: Geometry, rival: NanoDrrOnDevice | None, args: argparse.Namespace) -> None:
    """Print one detector size: ours, nanodrr and the unfused formula in turn, each with its error and the bound."""
    rays = torch.from_numpy(np.stack(geometry.pencil(field.affine)))[None].cuda()
    length = torch.from_numpy(geometry.ray_mm()).float().cuda()
    runs: dict[str, Callable[[], torch.Tensor]] = {}
    for name, half in (("fused float32", False), ("fused float16", True)):
        padded = gpu.resident(field, "cuda", half=half)
        runs[name] = lambda p=padded: gpu.sums(p, rays, geometry.shape)[0] * length
    if rival is not None:
        rival.aim(geometry)
        runs[f"nanodrr, {rival.samples} samples"] = rival.cast
    if geometry.shape[0] <= 512:
        runs["grid_sample, 500 samples"] = sampled(field, geometry)
    pixels = np.random.default_rng(0).integers(0, geometry.shape, (300, 2))
    wrong = {name: error(field, geometry, run().float().cpu().numpy(), pixels) for name, run in runs.items()}
    taken, count = milliseconds(runs), geometry.shape[0] * geometry.shape[1]
    for name, took in taken.items():
        print(f"{geometry.shape[0]}, {name}: {took:.3f} ms, error {wrong[name]:.4f} %", end="")
        if not name.startswith("fused"):
            print()
            continue
        roof = gpu.roofline(
            field, geometry, value_bytes=2 if name.endswith("16") else 4, gigabytes_per_s=args.bandwidth,
            teraflops=args.teraflops,
        )  # fmt: skip
        # flops as `gpu.roofline` counts them: 18 for a sample
        print(f"; bound {roof.bound_ms:.3f} ms ({100 * roof.bound_ms / took:.0f} % reached), "
              f"{roof.read_bytes / count:.0f} bytes and {18 * roof.samples / count:.0f} operations a ray, "
              f"{100 * roof.memory_ms / took:.0f} % of the bandwidth")  # fmt: skip
    if rival is not None:
        theirs = f"nanodrr, {rival.samples} samples"
        for name in ("fused float32", "fused float16"):
            print(f"{geometry.shape[0]}: {name} is {taken[theirs] / taken[name]:.2f} times as fast as nanodrr's fused "
                  f"kernel, its error {wrong[name] / wrong[theirs]:.2f} of nanodrr's")  # fmt: skip


def main() -> None:
    """Print the roofline, then times and errors where there is a card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bandwidth", type=float, default=3350.0, help="of the card's memory, in GB/s")
    parser.add_argument("--teraflops", type=float, default=67.0, help="of the card in float32")
    parser.add_argument("--samples", type=int, default=500, help="of nanodrr along each ray; 500 is its own default")
    args = parser.parse_args()
    found = mu_map(chest_ct())
    field = Field(*upright(found.values, found.affine), scale=found.scale)
    print("estimates for the data sheet's numbers: pixels, volume: samples, memory, look-ups, arithmetic, bound in ms")
    geometries = {size: aim(field.affine, field.shape, detector=(size, size)) for size in (256, 512, 1024)}
    for size, geometry in geometries.items():
        for name, width in (("float32", 4), ("float16", 2)):
            roof = gpu.roofline(
                field, geometry, value_bytes=width, gigabytes_per_s=args.bandwidth, teraflops=args.teraflops
            )
            print(
                f"{size}, {name}: {roof.samples / 1e6:.0f} million, {roof.memory_ms:.3f}, {roof.lookup_ms:.3f}, "
                f"{roof.arithmetic_ms:.3f}, {roof.bound_ms:.3f}"
            )
    if not torch.cuda.is_available():
        print("no CUDA device here: nothing was timed")
        return
    print(torch.cuda.get_device_name())
    rival = nanodrr(field)
    if rival is not None:
        rival.samples = args.samples
    for geometry in geometries.values():
        compare(field, geometry, rival, args)


if __name__ == "__main__":
    main()
