"""The graphics card's path where there is no card: plain torch on the CPU, Triton by interpreter and by compiler."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import MissingError
from hilum.drr import joseph, reference
from hilum.drr.field import Field
from hilum.drr.geometry import aim
from tests.drr.test_gradient import POSES, exposure, noise, smooth

torch = pytest.importorskip("torch", reason="the graphics card's path needs hilum[train]")

from hilum.drr import gpu, gpu_slabs  # noqa: E402
from hilum.drr.gradient import Projector, pencils, posed  # noqa: E402

triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="Triton comes with torch for CUDA and is not installed here"
)


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize(("view", "angles"), [("PA", (0, 0, 0)), ("LL", (3, 0, 0)), ("PA", (25, 35, 44))])
def test_plain_torch_agrees_with_the_exact_integral(
    view: str, angles: tuple[float, float, float], parallel: bool
) -> None:
    field = smooth()
    geometry = aim(
        field.affine, field.shape, view=view, angles_deg=angles, detector=(24, 20), pitch_mm=(2.0, 2.0),  # type: ignore[arg-type]
        source_detector_mm=300.0, parallel=parallel,
    )  # fmt: skip
    exact = reference.trilinear(field, geometry, np.argwhere(np.ones(geometry.shape, bool))).reshape(geometry.shape)
    ours = gpu.integrals(field, geometry, "cpu")
    inner = exact > 0.05 * exact.max()
    assert ours.dtype == np.float32
    assert np.median(np.abs(ours - exact)[inner] / exact[inner]) < 1e-3
    assert np.allclose(ours, joseph.integrals(field, geometry), atol=1e-3 * exact.max())


def test_plain_torch_has_the_compiled_kernels_gradients(draw: np.random.Generator) -> None:
    field = noise(draw)
    geometry = exposure(field, shape=(9, 8))
    pose = torch.tensor(POSES, dtype=torch.float64, requires_grad=True)
    rays = pencils(posed(geometry, pose), field.affine)
    values = torch.from_numpy(field.values.astype(np.float64)).requires_grad_()
    weights = torch.from_numpy(draw.random((2, 9, 8)))
    slabs = gpu_slabs.sums(torch.nn.functional.pad(values, (1,) * 6), rays, geometry.shape)
    by_torch = torch.autograd.grad(slabs, (rays, values), weights, retain_graph=True)
    from hilum.drr.gradient import _Sums

    compiled = _Sums.apply(values, rays, geometry.shape)
    by_moments = torch.autograd.grad(compiled, (rays, values), weights)
    assert torch.allclose(slabs, compiled, atol=1e-9)
    for one, two in zip(by_torch, by_moments, strict=True):
        assert torch.allclose(one, two, rtol=1e-6, atol=1e-8)


def test_half_precision_keeps_attenuation_to_a_thousandth(draw: np.random.Generator) -> None:
    hounsfield = draw.integers(-1000, 2000, (20, 21, 22))
    field = Field((hounsfield + 1000).astype(np.uint16), np.eye(4), scale=0.0195 / 1000)
    geometry = exposure(field, shape=(16, 16))
    full, half = (gpu.integrals(field, geometry, "cpu", half=which) for which in (False, True))
    assert np.allclose(full, half, atol=1e-3 * full.max())
    assert (full != half).any()


def test_the_copy_on_the_device_is_kept_with_the_field(draw: np.random.Generator) -> None:
    field = noise(draw, codes=True)
    first = gpu.resident(field, "cpu")
    assert gpu.resident(field, "cpu") is first
    assert tuple(first.shape) == tuple(size + 2 for size in field.shape)
    assert np.allclose(first[1:-1, 1:-1, 1:-1], field.float32())
    assert float(first.sum()) == pytest.approx(float(field.float32().sum()), rel=1e-5)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a card is here")
def test_a_card_that_is_not_there_is_named() -> None:
    field = smooth(8)
    with pytest.raises(MissingError, match="no CUDA device"):
        gpu.integrals(field, exposure(field), "cuda")


def test_the_roofline_counts_samples_and_bytes() -> None:
    size = 50
    field = Field(np.ones((size, size, size), np.float32), np.eye(4))
    geometry = aim(field.affine, field.shape, detector=(40, 40), pitch_mm=(0.5, 0.5), source_detector_mm=1e5)
    whole = gpu.roofline(field, geometry)
    assert whole.samples == pytest.approx(40 * 40 * (size + 1), rel=0.02)
    assert whole.read_bytes == size**3 * 4 + 40 * 40 * 4
    assert gpu.roofline(field, geometry, value_bytes=2).memory_ms < whole.memory_ms
    assert gpu.roofline(field, geometry, derive=True).arithmetic_ms > whole.arithmetic_ms
    assert gpu.roofline(field, geometry, gigabytes_per_s=1.0).bound_ms == pytest.approx(whole.read_bytes / 1e6)


INTERPRETED = """
import numpy as np, torch
from hilum.drr import gpu, joseph
from hilum.drr.gradient import _Sums
from tests.drr.test_gradient import exposure, noise
from hilum.drr.geometry import aim
draw = np.random.default_rng(3)
for codes, view, angles, parallel in [
    (False, "PA", (3, 2, 1), False), (True, "LL", (20, 40, 43), False), (False, "PA", (80, 10, 5), True)
]:
    field = noise(draw, codes=codes)
    geometry = aim(field.affine, field.shape, view=view, angles_deg=angles, detector=(11, 19), pitch_mm=(2, 2),
                   source_detector_mm=200, parallel=parallel)
    padded = gpu.resident(field, "cpu")
    assert gpu.fused(padded)
    truth = joseph.integrals(field, geometry)
    assert np.allclose(gpu.integrals(field, geometry, "cpu"), truth, atol=2e-3 * truth.max())
    assert np.allclose(gpu.integrals(field, geometry, "cpu", half=True), truth, atol=4e-3 * truth.max())
    rays = torch.from_numpy(np.stack(geometry.pencil(field.affine)))[None].requires_grad_()
    weights = torch.from_numpy(draw.random((1, 11, 19), np.float32))
    (ours,) = torch.autograd.grad(gpu.sums(padded, rays, geometry.shape), rays, weights)
    (theirs,) = torch.autograd.grad(_Sums.apply(field.float32(), rays, geometry.shape), rays, weights)
    assert float((ours - theirs).norm() / theirs.norm()) < 5e-3, (view, ours, theirs)
print("same")
"""

COMPILED = """
import sys, triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from hilum.drr import gpu_kernels
names = "values rays out slopes rows columns n0 n1 n2 DERIVE DOWN ALONG".split()
for kind in ("*fp32", "*fp16"):
    types = [kind, "*fp64", "*fp32", "*fp32", *["i32"] * 5, *["constexpr"] * 3]
    fixed = {(9,): True, (10,): 8, (11,): 16}
    source = ASTSource(fn=gpu_kernels._cast, signature=dict(zip(names, types)), constexprs=fixed)
    made = triton.compile(source, target=GPUTarget("cuda", 90, 32))
    assert len(made.asm["cubin"]) > 1000 and "fma.rn.f32" in made.asm["ptx"]
print("same")
"""


def run(code: str, **environment: str) -> str:
    root = Path(__file__).resolve().parents[2]
    path = os.pathsep.join([str(root / "src"), str(root), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path, **environment}, capture_output=True,
        text=True, check=False, cwd=root,
    )  # fmt: skip
    return done.stdout if done.returncode == 0 else done.stdout + done.stderr


@triton
def test_the_fused_kernel_interpreted_agrees_with_the_compiled_kernels() -> None:
    assert run(INTERPRETED, TRITON_INTERPRET="1").strip() == "same"


@triton
def test_the_fused_kernel_compiles_for_a_card(tmp_path: Path) -> None:
    assert run(COMPILED, TRITON_CACHE_DIR=str(tmp_path)).strip() == "same"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_on_a_card_the_fused_kernel_agrees_with_the_exact_integral() -> None:
    field = smooth()
    geometry = exposure(field, shape=(40, 40))
    exact = reference.trilinear(field, geometry, np.argwhere(np.ones(geometry.shape, bool))).reshape(geometry.shape)
    assert np.allclose(gpu.integrals(field, geometry, "cuda"), exact, atol=5e-3 * exact.max())
    poses = torch.tensor(POSES, dtype=torch.float64)
    grads = []
    for device in ("cpu", "cuda"):
        pose = poses.to(device).requires_grad_()
        seen = Projector(field, geometry, device=device)(pose)
        (grad,) = torch.autograd.grad((seen**2).sum(), pose)
        grads.append(grad.cpu())
    assert torch.allclose(*grads, rtol=1e-3, atol=1e-3 * float(grads[0].abs().max()))
