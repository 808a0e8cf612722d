"""A made chest for tests: body, lungs, spine and a heart on the patient's left, as NIfTI or DICOM on any grid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydicom.uid import CTImageStorage

from tests.io.made import ROOT_UID, film, write

SHAPE, SPACING = (26, 34, 40), (12.0, 9.0, 9.0)  # (d, h, w): feet to head, front to back, right to left
NAMES = {1: "lung_upper_lobe_right", 2: "lung_upper_lobe_left", 3: "heart", 4: "vertebrae_T7"}


def upright(spacing: tuple[float, float, float] = SPACING) -> np.ndarray:
    """The affine (d, h, w) -> LPS mm of an upright chest about the origin."""
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = spacing[0], spacing[1], spacing[2], 1
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(SHAPE) - 1) / 2)
    return affine


def chest(affine: np.ndarray | None = None, shape: tuple[int, int, int] = SHAPE) -> tuple[np.ndarray, np.ndarray]:
    """HU int16 (d, h, w) and structure ids uint8 of the same body on any grid: each voxel asks where it lies."""
    lps = upright() if affine is None else affine
    x, y, z = np.tensordot(lps[:3, :3], np.indices(shape), 1) + lps[:3, 3].reshape(3, 1, 1, 1)
    hu = np.full(shape, -1000, np.int16)
    hu[((x / 160) ** 2 + (y / 110) ** 2 < 1) & (np.abs(z) < 140)] = 45
    ids = np.zeros(shape, np.uint8)
    for number, side in ((1, -1), (2, 1)):
        ids[((x - side * 75) / 55) ** 2 + (y / 75) ** 2 + (z / 110) ** 2 < 1] = number
    ids[((x - 30) / 48) ** 2 + ((y + 25) / 40) ** 2 + ((z + 30) / 45) ** 2 < 1] = 3
    ids[(np.abs(x) < 18) & (np.abs(y - 80) < 18) & (np.abs(z) < 140)] = 4
    hu[(ids == 1) | (ids == 2)] = -850
    hu[ids == 3], hu[ids == 4] = 50, 400
    return hu, ids


def nifti(path: Path, data: np.ndarray, affine: np.ndarray | None = None, **header: Any) -> Path:
    """Write (d, h, w) values with an LPS affine the way nibabel wants them: (i, j, k) and RAS."""
    import nibabel

    lps = upright() if affine is None else affine
    ras = np.diag([-1.0, -1, 1, 1]) @ lps[:, [2, 1, 0, 3]]
    picture = nibabel.Nifti1Image(np.ascontiguousarray(data.transpose(2, 1, 0)), ras)
    picture.set_sform(ras, 1)
    for name, value in header.items():
        picture.header[name] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(picture, path)
    return path


def series(
    folder: Path, hu: np.ndarray, affine: np.ndarray | None = None, *, uid: str = "7", **changes: Any
) -> list[Path]:
    """Write a CT as DICOM slices with intercept -1024; a change to None removes the attribute."""
    lps = upright() if affine is None else affine
    folder.mkdir(parents=True, exist_ok=True)
    across, down = lps[:3, 2], lps[:3, 1]
    paths = []
    for index, plane in enumerate(hu):
        ds = film((plane + 1024).astype(np.int16), number=int(uid) * 1000 + index, SOPClassUID=CTImageStorage)
        ds.Modality, ds.SeriesInstanceUID = "CT", f"{ROOT_UID}{uid}"
        ds.FrameOfReferenceUID = f"{ROOT_UID}90"
        ds.PatientBirthDate = ds.PatientSex = ds.AccessionNumber = ds.StudyID = ds.ReferringPhysicianName = ""
        ds.Manufacturer, ds.SeriesNumber = "", 1
        ds.RescaleSlope, ds.RescaleIntercept, ds.InstanceNumber = 1, -1024, index + 1
        ds.ImagePositionPatient = [round(float(v), 6) for v in lps[:3, 3] + index * lps[:3, 0]]
        ds.ImageOrientationPatient = [
            round(float(v), 9) for v in (*across / np.linalg.norm(across), *down / np.linalg.norm(down))
        ]
        ds.PixelSpacing = [round(float(np.linalg.norm(v)), 6) for v in (down, across)]
        ds.SliceThickness = round(float(np.linalg.norm(lps[:3, 0])), 6)
        del ds.ViewPosition
        for name, value in changes.items():
            given = value(index) if callable(value) else value
            if given is None:
                if name in ds:
                    del ds[name]
            else:
                setattr(ds, name, given)
        paths.append(write(ds, folder / f"{uid}-{index:03d}.dcm"))
    return paths
