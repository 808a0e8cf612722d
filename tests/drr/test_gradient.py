"""The differentiable projector against finite differences, exact references and the meaning of a transpose."""

from __future__ import annotations

import numpy as np
import pytest

from hilum.core.errors import InputError
from hilum.drr import joseph, reference
from hilum.drr.field import Field
from hilum.drr.geometry import Geometry, aim

torch = pytest.importorskip("torch", reason="gradients need hilum[train]")

from hilum.drr.gradient import Projector, Rays, lengths_mm, pencils, posed, rotation  # noqa: E402

POSES = [[0.10, -0.20, 0.30, 1.0, 2.0, -1.5], [0.05, 0.60, 0.10, 0.3, 0.2, 0.1]]


def noise(draw: np.random.Generator, *, codes: bool = False) -> Field:
    """Few random voxels on an oblique, anisotropic, shifted grid."""
    affine = np.diag([2.0, 1.5, 3.0, 1.0])
    affine[:3, :3] = np.linalg.qr(draw.normal(size=(3, 3)))[0] @ affine[:3, :3]
    affine[:3, 3] = (-5.0, 3.0, 2.0)
    shape = (5, 6, 4)
    values = draw.integers(0, 4000, shape).astype(np.uint16) if codes else draw.random(shape, np.float32)
    return Field(values, affine, scale=1e-3 if codes else 1.0)


def smooth(size: int = 40) -> Field:
    """A lump that the grid resolves well, so that sums over planes are close to the integral of the interpolant."""
    x, y, z = np.indices((size, size, size)) - (size - 1) / 2
    values = np.exp(-((x / 9) ** 2 + (y / 7) ** 2 + (z / 11) ** 2)) + 0.5 * np.exp(-((x - 8) ** 2 + y**2 + z**2) / 18)
    affine = np.diag([1.0, 1.2, 0.9, 1.0])
    return Field(values.astype(np.float32), affine)


def exposure(field: Field, *, parallel: bool = False, shape: tuple[int, int] = (4, 3)) -> Geometry:
    return aim(
        field.affine, field.shape, detector=shape, pitch_mm=(4.0, 5.0), source_detector_mm=200.0, parallel=parallel
    )  # fmt: skip


def double(values: object) -> torch.Tensor:
    return torch.tensor(np.asarray(values), dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize("parallel", [False, True])
def test_gradients_by_pose_and_by_voxels_are_those_of_finite_differences(
    draw: np.random.Generator, parallel: bool
) -> None:
    field = noise(draw)
    projector = Projector(field, exposure(field, parallel=parallel))
    assert torch.autograd.gradcheck(projector, (double(POSES), double(field.values)), eps=1e-7, atol=1e-5)


@pytest.mark.parametrize("parallel", [False, True])
def test_gradients_by_source_and_detector_are_those_of_finite_differences(
    draw: np.random.Generator, parallel: bool
) -> None:
    field = noise(draw)
    geometry = exposure(field, parallel=parallel)
    projector, values = Projector(field, geometry), double(field.values).detach()
    rays = tuple(part.clone().requires_grad_() for part in posed(geometry, double(POSES).detach()))
    assert torch.autograd.gradcheck(lambda *parts: projector.cast(Rays(*parts), values), rays, eps=1e-6, atol=1e-5)


@pytest.mark.parametrize("angle", [0.0, 1e-9, 0.3, 3.0])
def test_a_rotation_vector_turns_by_its_length(draw: np.random.Generator, angle: float) -> None:
    from scipy.spatial.transform import Rotation

    axis = draw.normal(size=3)
    vector = axis / np.linalg.norm(axis) * angle
    assert np.allclose(rotation(double(vector)).detach(), Rotation.from_rotvec(vector).as_matrix(), atol=1e-12)
    assert torch.autograd.gradcheck(rotation, (double(vector),))


@pytest.mark.parametrize("angles", [(8.0, 0.0, 0.0), (0.0, -12.0, 0.0), (0.0, 0.0, 20.0)])
def test_a_pose_is_what_turning_the_geometry_is(angles: tuple[float, float, float]) -> None:
    field = smooth(12)
    geometry, shift = exposure(field), (3.0, -4.0, 5.0)
    pose = torch.tensor([*np.radians(angles), *shift], dtype=torch.float64)
    ours, theirs = Projector(field, geometry).exposure(pose), geometry.turned(angles, shift)
    assert np.allclose(np.stack(ours.pencil(field.affine)), np.stack(theirs.pencil(field.affine)), atol=1e-9)
    with torch.no_grad():
        seen = Projector(field, geometry)(pose)[0].numpy()
    assert np.allclose(seen, joseph.integrals(field, theirs), atol=1e-5)


@pytest.mark.parametrize("parallel", [False, True])
def test_rays_and_lengths_are_the_geometrys_own(parallel: bool) -> None:
    field = smooth(12)
    geometry = exposure(field, parallel=parallel).turned((10.0, 20.0, 5.0))
    rays = posed(geometry, torch.zeros(1, 6))
    assert np.allclose(pencils(rays, field.affine, parallel=parallel)[0], np.stack(geometry.pencil(field.affine)))
    lengths = lengths_mm(rays, geometry.shape, parallel=parallel)[0]
    assert np.allclose(np.broadcast_to(lengths, geometry.shape), geometry.ray_mm())


TURNS = [("PA", (0, 0, 0)), ("LL", (0, 0, 0)), ("PA", (25, 35, 44)), ("PA", (80, 0, 9))]


@pytest.mark.parametrize(("view", "angles"), TURNS)
def test_it_agrees_with_the_exact_integral(view: str, angles: tuple[float, float, float]) -> None:
    field = smooth()
    geometry = aim(
        field.affine, field.shape, view=view, angles_deg=angles, detector=(24, 20), pitch_mm=(2.0, 2.0),  # type: ignore[arg-type]
        source_detector_mm=300.0,
    )  # fmt: skip
    pixels = np.argwhere(np.ones(geometry.shape, bool))
    exact = reference.trilinear(field, geometry, pixels).reshape(geometry.shape)
    with torch.no_grad():
        ours = Projector(field, geometry)(torch.zeros(6))[0].numpy()
    inner = exact > 0.05 * exact.max()
    assert inner.sum() > 50
    assert np.median(np.abs(ours - exact)[inner] / exact[inner]) < 1e-3
    assert np.abs(ours - exact).max() < 0.01 * exact.max()


def test_codes_give_what_their_float_values_give(draw: np.random.Generator) -> None:
    field = noise(draw, codes=True)
    geometry, poses = exposure(field, shape=(9, 8)), double(POSES)
    seen = Projector(field, geometry)(poses)
    plain = Projector(Field(field.float32(), field.affine), geometry)(poses)
    assert torch.allclose(seen, plain, rtol=1e-5)
    one, two = (torch.autograd.grad((part**2).sum(), poses)[0] for part in (seen, plain))
    assert torch.allclose(one, two, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("angles", [(0.0, 0.0, 0.0), (25.0, 35.0, 44.0)])
def test_spreading_is_the_transpose_of_projecting(
    draw: np.random.Generator, angles: tuple[float, float, float]
) -> None:
    field = smooth()
    geometry = exposure(field, shape=(30, 31)).turned(angles)
    values = torch.from_numpy(field.values.copy()).requires_grad_()
    seen = Projector(field, geometry)(torch.tensor(POSES), values)
    weights = torch.from_numpy(draw.random(seen.shape, np.float32))
    (back,) = torch.autograd.grad(seen, values, weights)
    left = float((seen.detach().double() * weights).sum())
    assert left == pytest.approx(float((values.detach().double() * back).sum()), rel=1e-5)


def test_threads_change_nothing(draw: np.random.Generator) -> None:
    import numba

    field = smooth(24)
    geometry, poses = exposure(field, shape=(33, 30)).turned((10.0, 5.0, 44.0)), torch.tensor(POSES)
    weights = torch.from_numpy(draw.random((2, 33, 30), np.float32))

    def work() -> tuple[torch.Tensor, ...]:
        values, moved = torch.from_numpy(field.values.copy()).requires_grad_(), poses.clone().requires_grad_()
        seen = Projector(field, geometry)(moved, values)
        return (seen.detach(), *torch.autograd.grad(seen, (values, moved), weights))

    before = numba.get_num_threads()
    many = work()
    try:
        numba.set_num_threads(1)
        one = work()
    finally:
        numba.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(many, one, strict=True))


def test_a_batch_is_its_poses_one_by_one() -> None:
    field = smooth(16)
    projector, poses = Projector(field, exposure(field)), torch.tensor(POSES)
    assert torch.equal(projector(poses), torch.cat([projector(pose) for pose in poses]))
    assert projector(poses[0]).shape == (1, 4, 3)


def test_gradient_descent_on_voxels_explains_the_films() -> None:
    """Reconstruction in miniature: the volume gradient leads to a volume that projects like the true one."""
    field = smooth(10)
    geometry = exposure(field, shape=(12, 12))
    poses = torch.zeros(6, 6, dtype=torch.float64)
    poses[:, 2] = torch.linspace(0, 2.6, 6)
    projector = Projector(field, geometry)
    films = projector(poses)
    guess = torch.zeros(field.shape, requires_grad=True)
    climber = torch.optim.Adam([guess], lr=0.1)
    first = None
    for _ in range(30):
        climber.zero_grad()
        loss = ((projector(poses, guess) - films) ** 2).mean()
        loss.backward()
        climber.step()
        first = float(loss.detach()) if first is None else first
    assert float(loss.detach()) < 0.05 * first


def test_rays_that_miss_have_no_value_and_no_gradient() -> None:
    field = smooth(12)
    pose = double([0.0, 0.0, 0.0, 500.0, 0.0, 500.0])
    seen = Projector(field, exposure(field))(pose)
    assert not seen.any()
    seen.sum().backward()
    assert not pose.grad.any()


def test_misuse_is_refused() -> None:
    field = smooth(8)
    projector = Projector(field, exposure(field))
    with pytest.raises(InputError, match="six numbers"):
        projector(torch.zeros(2, 7))
    with pytest.raises(InputError, match="field's shape"):
        projector(torch.zeros(6), torch.zeros(4, 4, 4))
