"""Closed surfaces from CAD files (STL, OBJ, PLY), for objects to put in a beam."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import DecodeError, InputError, TooLargeError, need

KINDS = (".stl", ".obj", ".ply")
_LARGEST = 256 << 20


class Surface(NamedTuple):
    """A triangle mesh: vertices (N, 3) in mm, and faces (M, 3) of vertex numbers."""

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]


def read_mesh(path: str | Path, *, unit_mm: float = 1.0) -> Surface:
    """Read one closed surface; equal vertices are joined, faces turned alike, materials and textures left out.

    Args:
        path: an STL, OBJ or PLY file.
        unit_mm: what one unit of the file is in mm; CAD files do not say (1000 for metres).

    Raises:
        MissingError: if trimesh is not installed.
        InputError: for another kind of file, or a surface with holes.
        DecodeError: if the file is damaged or holds no triangles.
        TooLargeError: for a file over 256 MiB.
    """
    path = Path(path)
    if path.suffix.lower() not in KINDS:
        raise InputError(f"'{path.name}' is no mesh file: expected {', '.join(KINDS)}")
    if not path.is_file():
        raise InputError(f"there is no file '{path.name}'")
    if path.stat().st_size > _LARGEST:
        raise TooLargeError(f"'{path.name}' has {path.stat().st_size >> 20} MiB; a mesh may have 256")
    try:
        import trimesh
    except ImportError:
        raise need("trimesh", "drr", "reading CAD meshes") from None
    try:
        with path.open("rb") as stream:
            mesh: Any = trimesh.load(stream, file_type=path.suffix[1:].lower(), force="mesh", skip_materials=True)
        mesh.merge_vertices()
        mesh.fix_normals()
        vertices, faces = np.asarray(mesh.vertices, np.float64), np.asarray(mesh.faces, np.int64)
        closed = bool(mesh.is_watertight)
    except Exception as error:  # trimesh raises many kinds on damaged files
        raise DecodeError(f"'{path.name}' cannot be used: it is damaged ({type(error).__name__})") from None
    if not len(faces) or not np.isfinite(vertices).all():
        raise DecodeError(f"'{path.name}' cannot be used: it holds no triangles")
    if not closed:
        raise InputError(
            f"the surface in '{path.name}' has holes, so rays cannot tell inside from outside: close it in a CAD tool"
        )
    return Surface(vertices * unit_mm, faces)
