"""CAD surfaces: what is read is what was written; what cannot be used says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import DecodeError, InputError
from hilum.io.mesh import read_mesh

trimesh = pytest.importorskip("trimesh")


@pytest.mark.parametrize("kind", ["stl", "obj", "ply"])
def test_a_surface_is_read_back(tmp_path: Path, kind: str) -> None:
    made = trimesh.creation.capsule(height=20.0, radius=3.0)
    path = tmp_path / f"tip.{kind}"
    made.export(path)
    found = read_mesh(path)
    a, b, c = (found.vertices[found.faces[:, corner]] for corner in range(3))
    assert np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6 == pytest.approx(made.volume, rel=1e-4)
    assert np.allclose(read_mesh(path, unit_mm=1000.0).vertices, 1000 * found.vertices)


def test_inside_out_faces_are_turned(tmp_path: Path) -> None:
    made = trimesh.creation.box(extents=(2, 3, 4))
    made.faces = made.faces[:, ::-1]
    made.export(tmp_path / "box.stl")
    found = read_mesh(tmp_path / "box.stl")
    a, b, c = (found.vertices[found.faces[:, corner]] for corner in range(3))
    assert np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6 == pytest.approx(24)


def test_what_cannot_be_used_says_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no mesh file"):
        read_mesh(tmp_path / "part.step")
    with pytest.raises(InputError, match="no file"):
        read_mesh(tmp_path / "part.stl")
    (tmp_path / "part.stl").write_bytes(b"\x00\x01nothing")
    with pytest.raises(DecodeError, match="cannot be used"):
        read_mesh(tmp_path / "part.stl")
    made = trimesh.creation.box(extents=(2, 3, 4))
    made.faces = made.faces[1:]
    made.export(tmp_path / "open.stl")
    with pytest.raises(InputError, match="has holes"):
        read_mesh(tmp_path / "open.stl")
