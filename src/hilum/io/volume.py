"""A CT to one Volume in HU with an exact affine: DICOM series and NIfTI; what is not a regular grid is refused.

Oblique grids are kept as they are. Sheared ones (a tilted gantry) are refused too unless `Rules` accept them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import DecodeError, HilumError, InputError, RefusedError, need
from hilum.core.image import MadeBy, Volume
from hilum.io import grey, tags
from hilum.io.dicom import Header, file_hash, read_header, stored_pixels
from hilum.io.limits import Limits
from hilum.io.sniff import kind_of

_TILT_DEG = 0.5
_UNEVEN, _ROUNDING_MM = 0.01, 0.02
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_METRE, _MICRON = 1, 3
_AIR_HU = -1000.0


@dataclass(frozen=True)
class Rules:
    """What is accepted beyond upright grids of finite Hounsfield units, for callers that can use it.

    Args:
        sheared: keep a gantry tilt, or axes that are not at right angles, in the affine; exact for rays.
        rescale: (slope, intercept) for stored values in place of the header's, None for the header's.
        fill: take voxels that are not numbers as air.
    """

    sheared: bool = False
    rescale: tuple[float, float] | None = None
    fill: bool = False

    def values(self, stored: NDArray[Any]) -> NDArray[np.float32]:
        """Return stored values with this rescale as float32."""
        slope, intercept = self.rescale or (1.0, 0.0)
        scaled: NDArray[np.float32] = (stored.astype(np.float32) * np.float32(slope) + np.float32(intercept)).astype(
            np.float32
        )
        return scaled


STRICT = Rules()


@dataclass(frozen=True)
class Slice:
    """One CT slice as the scan keeps it: geometry and rescale, without header or pixels.

    `position`, `across` and `down` are patient mm (LPS): first voxel centre, unit vectors along a row and a column.
    """

    path: Path
    name: str
    uid: str
    series: str
    shape: tuple[int, int]
    spacing_mm: tuple[float, float]
    position: tuple[float, float, float]
    across: tuple[float, float, float]
    down: tuple[float, float, float]
    maker: str = ""
    rescaled: bool = True


def slice_of(header: Header) -> Slice:
    """Return what a CT header says about its slice.

    Raises:
        RefusedError: if it is a localizer or holds several frames.
        DecodeError: if it has no pixels, size, spacing, position or orientation.
    """
    ds = header.dataset
    frames = tags.integer(ds, "NumberOfFrames", 1) or 1
    if frames > 1:
        raise RefusedError(
            f"'{header.name}' is a multi-frame CT of {frames} frames; export it as single slices or NIfTI"
        )
    if "LOCALIZER" in tags.values(ds, "ImageType"):
        raise RefusedError(f"'{header.name}' is a CT localizer, not a slice of the volume")
    if header.place is None:
        raise DecodeError(f"'{header.name}' cannot be used: it holds no pixel data")
    position, cosines = tags.numbers(ds, "ImagePositionPatient"), tags.numbers(ds, "ImageOrientationPatient")
    spacing = tags.numbers(ds, "PixelSpacing")
    shape = (tags.integer(ds, "Rows", 0) or 0, tags.integer(ds, "Columns", 0) or 0)
    counts = {"Image Position": (position, 3), "Image Orientation": (cosines, 6), "Pixel Spacing": (spacing, 2)}
    missing = [name for name, (found, count) in counts.items() if len(found) != count]
    if missing or min(shape) < 1 or min(spacing) <= 0:
        raise DecodeError(
            f"'{header.name}' cannot be placed in space: its {', '.join(missing) or 'size or spacing'} "
            "is missing or not usable"
        )
    across, down = np.array(cosines[:3]), np.array(cosines[3:])
    if abs(np.linalg.norm(across) - 1) > 0.01 or abs(np.linalg.norm(down) - 1) > 0.01 or abs(across @ down) > 0.01:
        raise DecodeError(f"'{header.name}' cannot be placed in space: its orientation vectors are not unit and square")
    return Slice(
        header.path, header.name, header.uid, tags.text(ds, "SeriesInstanceUID"), shape, (spacing[0], spacing[1]),
        _three(position), _three(across), _three(down), tags.text(ds, "Manufacturer"),
        bool(tags.values(ds, "RescaleIntercept") or tags.items(ds, "ModalityLUTSequence")),
    )  # fmt: skip


def read_series(folder: str | Path, *, limits: Limits | None = None) -> Volume:
    """Read the one CT series of a folder (not its subfolders).

    Raises:
        InputError: if the folder holds no CT, or more than one series.
        DecodeError, RefusedError, TooLargeError: as `volume_of`.
    """
    folder = Path(folder)
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    headers = [read_header(path, limits=limits) for path in files if kind_of(path) == "DICOM"]
    slices = [slice_of(header) for header in headers if header.modality == "CT"]
    if not slices:
        raise InputError(f"'{folder.name}' holds no CT slices")
    volume = volume_of(slices, limits=limits)
    _ = volume.voxels
    return volume


def volume_of(slices: Sequence[Slice], *, limits: Limits | None = None, rules: Rules = STRICT) -> Volume:
    """Return the lazy Volume of one series, slices ordered along their normal.

    Args:
        slices: one series, in any order.
        limits: bound on memory.
        rules: what is accepted beyond upright grids.

    Returns:
        Volume whose affine maps (d, h, w) to patient mm (LPS): d along the normal, h down a column, w along a row.

    Raises:
        RefusedError: if slices are mixed, missing, doubled, unevenly spaced or sheared by a gantry tilt.
        TooLargeError: if the voxels need more memory than `limits.volume_bytes`.
    """
    bounds = limits or Limits()
    ordered, affine = stack_of(slices, rules=rules)
    first = ordered[0]
    bounds.check_volume(len(ordered) * first.shape[0] * first.shape[1], f"{len(ordered)} slices from {first.name}")
    return Volume(
        voxels=cast(Any, lambda: _load_slices(ordered, bounds, rules)),
        affine=affine,
        id=first.series or ordered[0].uid,
        made_by=MadeBy(first.maker) if first.maker else None,
        source=str(ordered[0].path.parent),
    )


def stack_of(slices: Sequence[Slice], *, rules: Rules = STRICT) -> tuple[list[Slice], NDArray[np.float64]]:
    """Return the slices of one series in order along their normal, and the affine of their stack.

    Raises:
        RefusedError: as `volume_of`.
    """
    _check_one_grid(slices)
    first = slices[0]
    across, down = np.array(first.across), np.array(first.down)
    normal = np.cross(across, down)
    ordered = sorted(slices, key=lambda item: float(normal @ np.array(item.position)))
    affine = np.eye(4)
    affine[:3, 0] = _step(ordered, normal, sheared=rules.sheared)
    affine[:3, 1], affine[:3, 2] = down * first.spacing_mm[0], across * first.spacing_mm[1]
    affine[:3, 3] = ordered[0].position
    return ordered, affine


def read_nifti(
    path: str | Path, *, lazy: bool = False, limits: Limits | None = None, name: str = "", rules: Rules = STRICT
) -> Volume:
    """Read a CT from NIfTI (.nii, .nii.gz): its RAS axes become LPS, its (i, j, k) becomes (d, h, w) = (k, j, i).

    Raises:
        MissingError: if nibabel is not installed.
        DecodeError: if the file is damaged, not 3-D, or does not say how it lies in the patient.
        TooLargeError: if the voxels need more memory than `limits.volume_bytes`.
    """
    try:
        import nibabel
    except ImportError:
        raise need("nibabel", "volume", "reading NIfTI") from None
    path, bounds = Path(path), limits or Limits()
    shown = name or path.name
    if kind_of(path) != "NIfTI":
        raise DecodeError(f"'{shown}' is not a NIfTI file")
    try:
        picture = _nifti(nibabel, path, bounds)
        affine, shape = nifti_grid(picture, shown, rules)
    except HilumError:
        raise
    except Exception as error:  # nibabel raises many kinds on damaged headers
        raise DecodeError(f"'{shown}' cannot be used: its header is damaged ({type(error).__name__})") from None
    bounds.check_volume(int(np.prod(shape, dtype=np.float64)), shown)
    volume = Volume(
        cast(Any, lambda: _load_nifti(path, shown, bounds, rules)), affine, id=file_hash(path), source=str(path)
    )
    if not lazy:
        _ = volume.voxels
    return volume


def hu_hint(volume: Volume) -> str:
    """Return a sentence if the voxels do not look like Hounsfield units, else ''; loads the voxels."""
    low, high = float(volume.voxels.min()), float(volume.voxels.max())
    if low > -200:
        return f"The lowest voxel is {low:g}, not below -200 as air would be: the values may not be Hounsfield units."
    if high > 32_000 or low < -10_000:
        return f"The voxels range from {low:g} to {high:g}: the values may not be Hounsfield units."
    return ""


def _three(values: Any) -> tuple[float, float, float]:
    return (float(values[0]), float(values[1]), float(values[2]))


def _check_one_grid(slices: Sequence[Slice]) -> None:
    if len(slices) < 2:
        raise RefusedError(f"a CT volume needs at least 2 slices, found {len(slices)}")
    first = slices[0]
    if len({item.series for item in slices}) > 1:
        raise RefusedError(
            f"'{first.name}' and others belong to {len({s.series for s in slices})} series; give one at a time"
        )
    for item in slices:
        same = item.shape == first.shape and np.allclose(item.spacing_mm, first.spacing_mm, rtol=1e-3)
        if not same:
            raise RefusedError(
                f"the slices of one series differ in size or spacing: '{first.name}' is {first.shape} "
                f"at {first.spacing_mm} mm, "
                f"'{item.name}' is {item.shape} at {item.spacing_mm} mm"
            )
        if not np.allclose((*item.across, *item.down), (*first.across, *first.down), atol=1e-3):
            raise RefusedError(f"the slices of one series lie at different angles: '{first.name}' and '{item.name}'")


def _step(ordered: list[Slice], normal: NDArray[np.float64], *, sheared: bool) -> NDArray[np.float64]:
    """Return the mm vector from one slice to the next; refuses what is not one even, straight stack."""
    places = np.array([item.position for item in ordered])
    heights = places @ normal
    gaps = np.diff(heights)
    usual = float(np.median(gaps))
    same = np.flatnonzero(gaps < max(1e-3, 0.05 * usual))
    if same.size:
        raise RefusedError(
            f"{same.size + 1} slices share a position, e.g. '{ordered[same[0]].name}' and '{ordered[same[0] + 1].name}'"
        )
    wide = np.flatnonzero(gaps > 1.5 * usual)
    if wide.size:
        count = round(float(sum(gaps[wide] / usual - 1)))
        raise RefusedError(f"about {count} slice(s) are missing, the first after '{ordered[wide[0]].name}'")
    if np.abs(gaps - usual).max() > max(_UNEVEN * usual, _ROUNDING_MM):
        raise RefusedError(
            f"the slices are not evenly spaced: from {gaps.min():.3f} to {gaps.max():.3f} mm; resample the series first"
        )
    step: NDArray[np.float64] = (places[-1] - places[0]) / (len(ordered) - 1)
    tilt = float(np.degrees(np.arccos(np.clip(step @ normal / np.linalg.norm(step), -1, 1))))
    if tilt > _TILT_DEG and not sheared:
        raise RefusedError(
            f"the gantry was tilted: slices are stacked {tilt:.1f} degrees off their normal; resample the series first"
        )
    if np.abs(places - places[0] - np.outer(np.arange(len(ordered)), step)).max() > 0.5:
        raise RefusedError("the slices do not lie on one straight line; the table or the patient moved between them")
    return step


def _load_slices(ordered: list[Slice], limits: Limits, rules: Rules) -> NDArray[np.float32]:
    voxels = np.empty((len(ordered), *ordered[0].shape), np.float32)
    for index, plane in enumerate(slice_planes(ordered, limits=limits, rules=rules)):
        voxels[index] = plane
    return voxels


def slice_planes(
    ordered: Sequence[Slice], *, limits: Limits | None = None, rules: Rules = STRICT
) -> Iterator[NDArray[np.float32]]:
    """Yield the values (H, W) of each slice, read when it is asked for.

    Raises:
        DecodeError: if a file is gone, damaged or of another size than its header said.
    """
    for item in ordered:
        if not item.path.exists():
            raise DecodeError(
                f"'{item.name}' is gone: voxels are read on first use, so use them while the intake is open"
            )
        header = read_header(item.path, limits=limits, name=item.name)
        stored = stored_pixels(header, limits=limits, slices=True)
        if stored.shape != item.shape:
            raise DecodeError(f"'{item.name}' is colour or of another size than its header said")
        yield rules.values(stored) if rules.rescale else grey.modality_values(header.dataset, stored)


def _nifti(nibabel: Any, path: Path, limits: Limits) -> Any:
    """Open by content: nibabel goes by extension, and a copy may have lost it."""
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    if path.name.lower().endswith(".nii.gz" if packed else ".nii"):
        return nibabel.load(path)
    from gzip import open as open_gzip

    with open_gzip(path) if packed else path.open("rb") as stream:
        return nibabel.Nifti1Image.from_bytes(stream.read(limits.volume_bytes))


def nifti_grid(picture: Any, name: str, rules: Rules = STRICT) -> tuple[NDArray[np.float64], tuple[int, ...]]:
    """Return the affine of an opened NIfTI for (k, j, i) order in LPS mm, and its shape in (i, j, k) order.

    Raises:
        DecodeError: if it is not 3-D, does not say how it lies in the patient, or has sheared axes.
    """
    shape = tuple(picture.shape)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3 or min(shape) < 1:
        raise DecodeError(f"'{name}' has shape {picture.shape}; a CT volume has three dimensions")
    if int(picture.header["qform_code"]) == 0 and int(picture.header["sform_code"]) == 0:
        raise DecodeError(
            f"'{name}' does not say how it lies in the patient (qform and sform codes are 0): "
            "left and right are unknown"
        )
    scale = {_METRE: 1000.0, _MICRON: 0.001}.get(int(picture.header["xyzt_units"]) & 7, 1.0)
    ras = np.array(picture.affine, dtype=np.float64)
    ras[:3] *= scale
    lps = (_RAS_TO_LPS @ ras)[:, [2, 1, 0, 3]]
    axes = lps[:3, :3] / np.linalg.norm(lps[:3, :3], axis=0)
    square = np.abs(axes.T @ axes - np.eye(3)).max() <= np.sin(np.radians(_TILT_DEG))
    if not square and not rules.sheared:
        raise DecodeError(f"'{name}' has axes that are not at right angles; resample it first")
    return lps, shape


def _load_nifti(path: Path, name: str, bounds: Limits, rules: Rules) -> NDArray[np.float32]:
    import nibabel

    try:
        picture = _nifti(nibabel, path, bounds)
        if rules.rescale:
            data = rules.values(picture.dataobj.get_unscaled())
        else:
            data = picture.get_fdata(dtype=np.float32, caching="unchanged")
    except MemoryError:
        raise DecodeError(f"'{name}' cannot be used: it asks for more memory than there is") from None
    except Exception as error:  # truncated gzip, short file, codec errors
        raise DecodeError(
            f"'{name}' cannot be used: its voxels are truncated or damaged ({type(error).__name__})"
        ) from None
    if rules.fill:
        np.nan_to_num(data, copy=False, nan=_AIR_HU, posinf=_AIR_HU, neginf=_AIR_HU)
    elif not np.isfinite(data).all():
        raise DecodeError(f"'{name}' cannot be used: it holds voxels that are not numbers")
    return np.ascontiguousarray(data.reshape(data.shape[:3]).transpose(2, 1, 0))
