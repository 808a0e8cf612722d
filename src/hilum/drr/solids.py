"""Bodies that can be put in a beam: closed meshes of one material, swept curves, and their placing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hilum.core.equality import ArrayRecord, read_only
from hilum.core.errors import InputError

Floats = NDArray[np.float64]
Faces = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Solid(ArrayRecord):
    """A closed body of one material.

    Args:
        material: a material of `drr.beam`, e.g. 'iron'.
        density_g_cm3: mass density.
        vertices: (N, 3) in mm.
        faces: (M, 3) vertex numbers; their order is turned so that normals point outwards.
        part: what it is of the object, e.g. 'marker thread'.

    Raises:
        InputError: if the mesh is not closed: some edge does not join exactly two faces.
    """

    material: str
    density_g_cm3: float
    vertices: Floats
    faces: Faces
    part: str = ""

    def __post_init__(self) -> None:
        vertices, faces = np.array(self.vertices, np.float64), np.array(self.faces, np.int64)
        if vertices.ndim != 2 or vertices.shape[1] != 3 or faces.ndim != 2 or faces.shape[1] != 3 or not len(faces):
            raise InputError(f"a mesh needs vertices (N, 3) and faces (M, 3), got {vertices.shape} and {faces.shape}")
        if not np.isfinite(vertices).all() or faces.min() < 0 or faces.max() >= len(vertices):
            raise InputError("a mesh holds vertices that are not numbers, or faces that name a vertex it has not")
        open_edges = _open_edges(faces)
        if open_edges:
            raise InputError(
                f"the mesh is not closed: {open_edges} of its edges do not join two faces. Close its holes first, "
                "or rays cannot tell inside from outside"
            )
        if not self.density_g_cm3 > 0:
            raise InputError(f"a body needs a density above 0 g/cm3, got {self.density_g_cm3}")
        faces = faces if _volume(vertices, faces) >= 0 else faces[:, ::-1]
        object.__setattr__(self, "vertices", read_only(vertices))
        object.__setattr__(self, "faces", read_only(np.ascontiguousarray(faces)))

    @property
    def volume_mm3(self) -> float:
        """Enclosed volume."""
        return _volume(self.vertices, self.faces)

    def moved(self, *, rotation: Floats | None = None, shift_mm: Sequence[float] = (0.0, 0.0, 0.0)) -> Solid:
        """Return the body turned by a (3, 3) rotation about the origin, then shifted."""
        turn = np.eye(3) if rotation is None else np.asarray(rotation, np.float64)
        return replace(self, vertices=self.vertices @ turn.T + np.asarray(shift_mm, np.float64))


def _open_edges(faces: Faces) -> int:
    """Return how many directed edges lack their opposite, or appear twice."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    span = int(faces.max()) + 1
    forth, times = np.unique(edges[:, 0] * span + edges[:, 1], return_counts=True)
    back = edges[:, 1] * span + edges[:, 0]
    return int((times > 1).sum() + (~np.isin(forth, back)).sum())


def _volume(vertices: Floats, faces: Faces) -> float:
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6.0)


def curve(waypoints: Floats, *, step_mm: float = 1.0, closed: bool = False) -> Floats:
    """Return points (N, 3) about `step_mm` apart on a smooth curve through waypoints (K, 3)."""
    from scipy.interpolate import CubicSpline

    points = np.asarray(waypoints, np.float64)
    if len(points) < 2:
        raise InputError("a curve needs at least two points")
    if closed:
        points = np.concatenate([points, points[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    if (np.diff(along) <= 0).any():
        raise InputError("a curve passes through the same point twice in a row")
    count = max(2, round(along[-1] / step_mm) + 1)
    spline = CubicSpline(along, points, bc_type="periodic" if closed else "natural")
    found: Floats = spline(np.linspace(0.0, along[-1], count))
    return found[:-1] if closed else found


def frames(points: Floats, closed: bool) -> tuple[Floats, Floats]:
    """Return two unit vectors across the curve at each point, carried along without twist."""
    ahead = np.roll(points, -1, axis=0) - np.roll(points, 1, axis=0)
    if not closed:
        ahead[0], ahead[-1] = points[1] - points[0], points[-1] - points[-2]
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    first = np.empty_like(points)
    side = np.cross(ahead[0], np.eye(3)[int(np.argmin(np.abs(ahead[0])))])
    for index, way in enumerate(ahead):
        side = side - (side @ way) * way
        side = side / np.linalg.norm(side)
        first[index] = side
    return first, np.cross(ahead, first)


def sweep(points: Floats, radius_mm: float | Floats, *, sides: int = 16, closed: bool = False) -> tuple[Floats, Faces]:
    """Return the mesh of a round rod along a curve: vertices (N, 3) and faces (M, 3).

    The rod's many-sided section has the area of the circle it stands for, so its mass is right.

    Args:
        points: (K, 3) along the curve, in mm.
        radius_mm: one, or one per point (a taper).
        sides: corners of the section.
        closed: the curve returns to its first point (a ring).
    """
    points = np.asarray(points, np.float64)
    radius = np.broadcast_to(np.asarray(radius_mm, np.float64), len(points))
    first, second = frames(points, closed)
    angle = 2 * np.pi * np.arange(sides) / sides
    fair = np.sqrt(2 * np.pi / (sides * np.sin(2 * np.pi / sides)))
    ring = np.cos(angle)[None, :, None] * first[:, None] + np.sin(angle)[None, :, None] * second[:, None]
    vertices = (points[:, None] + ring * (radius * fair)[:, None, None]).reshape(-1, 3)
    count = len(points)
    section, corner = np.meshgrid(np.arange(count if closed else count - 1), np.arange(sides), indexing="ij")
    after, around = (section + 1) % count, (corner + 1) % sides
    p, q = section * sides + corner, section * sides + around
    r, s = after * sides + corner, after * sides + around
    faces = [np.stack([p, q, s], -1).reshape(-1, 3), np.stack([p, s, r], -1).reshape(-1, 3)]
    if not closed:
        start, end = count * sides, count * sides + 1
        vertices = np.concatenate([vertices, points[:1], points[-1:]])
        here, there = np.arange(sides), (np.arange(sides) + 1) % sides
        faces.append(np.stack([there, here, np.full(sides, start)], -1))
        last = (count - 1) * sides
        faces.append(np.stack([last + here, last + there, np.full(sides, end)], -1))
    return vertices, np.concatenate(faces)


def rod(material: str, density: float, points: Floats, radius_mm: float | Floats, **more: bool | int | str) -> Solid:
    """Return a solid rod along a curve; `part`, `sides` and `closed` as in `Solid` and `sweep`."""
    part = str(more.pop("part", ""))
    return Solid(material, density, *sweep(points, radius_mm, **more), part=part)  # type: ignore[arg-type]


def tube(material: str, density: float, points: Floats, outer_mm: float, inner_mm: float, *, part: str = "") -> Solid:
    """Return a hollow tube of outer and inner radius along a curve, its ends closed by a ring."""
    sides = 24
    outside, shell = sweep(points, outer_mm, sides=sides, closed=False)
    inside, core = sweep(points, inner_mm, sides=sides, closed=False)
    count = len(points) * sides
    walls, lumen = shell[: -2 * sides], core[: -2 * sides, ::-1] + count
    here, there = np.arange(sides), (np.arange(sides) + 1) % sides
    last = count - sides
    rings = [
        np.stack([there, here, count + here], -1), np.stack([there, count + here, count + there], -1),
        np.stack([last + here, last + there, count + last + there], -1),
        np.stack([last + here, count + last + there, count + last + here], -1),
    ]  # fmt: skip
    return Solid(
        material, density, np.concatenate([outside[:count], inside[:count]]),
        np.concatenate([walls, lumen, *rings]), part=part,
    )  # fmt: skip


def prism(material: str, density: float, outline: Floats, thickness_mm: float, *, part: str = "") -> Solid:
    """Return a flat plate: a convex outline (N, 2) in the x-y plane, centred on z = 0."""
    outline = np.asarray(outline, np.float64)
    count = len(outline)
    half = np.full((count, 1), thickness_mm / 2)
    vertices = np.concatenate([np.hstack([outline, -half]), np.hstack([outline, half])])
    here, there = np.arange(count), (np.arange(count) + 1) % count
    fan = np.stack([np.zeros(count - 2, int), np.arange(1, count - 1), np.arange(2, count)], -1)
    walls = [np.stack([here, there, there + count], -1), np.stack([here, there + count, here + count], -1)]
    return Solid(material, density, vertices, np.concatenate([fan[:, ::-1], fan + count, *walls]), part=part)


def plate(
    material: str, density: float, size_mm: tuple[float, float, float], *, round_mm: float = 0.0, part: str = ""
) -> Solid:
    """Return a plate of (x, y, z) size with corners rounded by `round_mm` in the x-y plane."""
    x, y, z = size_mm
    if round_mm <= 0:
        outline = np.array([[-x, -y], [x, -y], [x, y], [-x, y]]) / 2
    else:
        bend = np.linspace(0, np.pi / 2, 7)
        corners = [(x / 2, y / 2, 0), (-x / 2, y / 2, 1), (-x / 2, -y / 2, 2), (x / 2, -y / 2, 3)]
        outline = np.concatenate([
            np.stack([px - np.sign(px) * round_mm + round_mm * np.cos(bend + turn * np.pi / 2),
                      py - np.sign(py) * round_mm + round_mm * np.sin(bend + turn * np.pi / 2)], -1)
            for px, py, turn in corners
        ])  # fmt: skip
    return prism(material, density, outline, z, part=part)


def disc(material: str, density: float, radius_mm: float, thickness_mm: float, *, part: str = "") -> Solid:
    """Return a round plate in the x-y plane."""
    angle = 2 * np.pi * np.arange(32) / 32
    fair = radius_mm * np.sqrt(2 * np.pi / (32 * np.sin(2 * np.pi / 32)))
    return prism(material, density, fair * np.stack([np.cos(angle), np.sin(angle)], -1), thickness_mm, part=part)


def ball(material: str, density: float, radius_mm: float, *, part: str = "") -> Solid:
    """Return a ball about the origin, its mass that of the true sphere."""
    up = np.linspace(-1, 1, 13)[1:-1]
    points = np.stack([np.zeros_like(up), np.zeros_like(up), np.sin(up * np.pi / 2)], -1)
    vertices, faces = sweep(points, np.cos(up * np.pi / 2), sides=20)
    vertices[-2:] = [[0, 0, -1], [0, 0, 1]]
    fair = (4 / 3 * np.pi / abs(_volume(vertices, faces))) ** (1 / 3)
    return Solid(material, density, vertices * radius_mm * fair, faces, part=part)
