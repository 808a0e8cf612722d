"""One CT from disk, whatever state it is in: read, checked, and every liberty taken said in a remark."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import DecodeError, HilumError, InputError, RefusedError, TooLargeError
from hilum.core.image import Volume
from hilum.data.ct_hounsfield import Hounsfield, check_hounsfield
from hilum.io.dicom import read_header
from hilum.io.limits import Limits, amount
from hilum.io.sniff import kind_of
from hilum.io.volume import Rules, Slice, read_nifti, slice_of, slice_planes, stack_of
from hilum.io.volume_average import averaged, block_affine, block_factor, nifti_planes

Rescale = tuple[float, float] | None
AUTO, HEADER = "auto", "header"
_TILT_DEG = 0.5
_NO_LIMIT = Limits(volume_bytes=1 << 62)
_THINNEST_MM = 40.0


@dataclass(frozen=True)
class ReadCt:
    """A CT as read.

    Args:
        volume: HU, loaded.
        hounsfield: what its histogram says.
        remarks: sentences on what was chosen, left out or assumed.
    """

    volume: Volume
    hounsfield: Hounsfield
    remarks: tuple[str, ...] = ()


def parse_rescale(text: str) -> tuple[str, Rescale]:
    """Return ('auto', None), ('header', None) or ('given', (slope, intercept)) for a --rescale value.

    Raises:
        InputError: if it is none of auto, header, none and SLOPE,INTERCEPT.
    """
    if text in (AUTO, HEADER):
        return text, None
    if text == "none":
        return "given", (1.0, 0.0)
    try:
        slope, intercept = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--rescale takes auto, header, none or SLOPE,INTERCEPT, got '{text}'") from None
    if not np.isfinite((slope, intercept)).all() or slope == 0:
        raise InputError(f"--rescale needs a finite slope that is not 0, got '{text}'")
    return "given", (slope, intercept)


def read_ct(
    path: str | Path, *, rescale: str = AUTO, table_rescale: Rescale = None, series: str = "",
    memory_bytes: int = Limits().volume_bytes,
) -> ReadCt:  # fmt: skip
    """Read a NIfTI file, or the chosen series of a folder of DICOM slices, as HU.

    Args:
        path: file or folder.
        rescale: 'auto' reads as the header says and refuses what are then no Hounsfield units; 'header' never
            refuses; 'none' takes stored values for Hounsfield units; 'SLOPE,INTERCEPT' replaces the header's.
        table_rescale: (slope, intercept) beside the file, used by 'auto' only where the file alone is not in HU.
        series: Series Instance UID or its end; '' takes the largest series.
        memory_bytes: most memory for the voxels; a larger CT is read plane by plane and averaged in blocks.

    Raises:
        InputError: if it is not a CT that can be projected; the sentence says what to do.
    """
    how, chosen = parse_rescale(rescale)
    place = Path(path)
    if not place.exists():
        raise InputError(f"there is no file or folder '{place}'")
    rules = Rules(sheared=True, rescale=chosen)
    volume, remarks = _read(place, rules, series, memory_bytes)
    seen = check_hounsfield(volume)
    if how == AUTO and seen.scale not in ("hounsfield", "constant") and table_rescale:
        tried, more = _read(place, replace(rules, rescale=table_rescale), series, memory_bytes)
        second = check_hounsfield(tried)
        if second.scale == "hounsfield":
            told = (
                f"slope {table_rescale[0]:g} and intercept {table_rescale[1]:g} of the collection's table were applied"
            )
            volume, remarks, seen = tried, [*more, told], second
    elif how == AUTO and table_rescale and table_rescale != (1.0, 0.0) and seen.scale == "hounsfield":
        remarks.append("the file holds Hounsfield units already: the table's slope and intercept were not applied")
    if seen.wrong and (how == AUTO or seen.scale == "constant"):
        raise InputError(f"'{place.name}': {seen.wrong}")
    remarks += [remark for remark in (seen.wrong or seen.remark,) if remark]
    remarks += _grid_remarks(volume)
    return ReadCt(volume, seen, tuple(remarks))


def grid_of(path: str | Path, *, series: str = "") -> NDArray[np.float64]:
    """Return the affine of a CT without its voxels.

    Raises:
        InputError: as `read_ct`.
    """
    place, rules = Path(path), Rules(sheared=True)
    if place.is_dir():
        return stack_of(_chosen(place, series, [])[1], rules=rules)[1]
    return read_nifti(place, lazy=True, limits=_NO_LIMIT, rules=rules).affine


def _read(place: Path, rules: Rules, series: str, memory_bytes: int) -> tuple[Volume, list[str]]:
    remarks: list[str] = []
    if place.is_dir():
        return _read_dicom(place, rules, series, memory_bytes, remarks), remarks
    return _read_nifti(place, rules, memory_bytes, remarks), remarks


def _read_nifti(path: Path, rules: Rules, memory_bytes: int, remarks: list[str]) -> Volume:
    if kind_of(path) == "DICOM":
        raise InputError(f"'{path.name}' is one DICOM file: give the folder that holds all slices of its series")
    lazy = read_nifti(path, lazy=True, limits=_NO_LIMIT, rules=rules)
    shape = _nifti_shape(path)
    if min(shape) < 2:
        raise RefusedError(f"'{path.name}' is a single slice of {shape[1]} x {shape[2]}: a projection needs a volume")
    if _bytes(shape) > memory_bytes:
        return _averaged(path.name, nifti_planes(path, rules=rules), shape, lazy, memory_bytes, remarks)
    try:
        _ = lazy.voxels
    except DecodeError as error:
        if "not numbers" not in str(error):
            raise
        lazy = read_nifti(path, lazy=True, limits=_NO_LIMIT, rules=replace(rules, fill=True))
        remarks.append(_gaps(path))
        _ = lazy.voxels
    return lazy


def _nifti_shape(path: Path) -> tuple[int, int, int]:
    import nibabel

    picture: Any = nibabel.load(path)
    across, high, deep = picture.shape[:3]
    return int(deep), int(high), int(across)


def _gaps(path: Path) -> str:
    """Say how many voxels are not numbers; refuse where they lie in the middle of the volume."""
    import nibabel

    picture: Any = nibabel.load(path)
    missing = ~np.isfinite(np.asarray(picture.dataobj, np.float32))
    inner = missing[tuple(slice(size // 3, max(size // 3 + 1, -(-2 * size // 3))) for size in missing.shape)]
    if inner.any():
        raise InputError(
            f"'{path.name}' holds {int(missing.sum())} voxels that are not numbers, some in the middle of the volume: "
            "their attenuation is unknown, so it cannot be projected. Write it again from its source"
        )
    return f"{missing.mean():.2%} of the voxels are not numbers, all away from the middle; they count as air"


def _read_dicom(folder: Path, rules: Rules, series: str, memory_bytes: int, remarks: list[str]) -> Volume:
    _, slices = _chosen(folder, series, remarks)
    try:
        ordered, affine = stack_of(slices, rules=rules)
    except RefusedError as error:
        raise RefusedError(f"'{folder.name}': {error}{_advice(str(error))}") from None
    if not all(item.rescaled for item in ordered) and rules.rescale is None:
        remarks.append("no Rescale Intercept in the header")
    shape = (len(ordered), *ordered[0].shape)
    lazy = Volume(cast(Any, lambda: np.empty(0)), affine, id=ordered[0].series, source=str(folder))
    planes = slice_planes(ordered, limits=_NO_LIMIT, rules=rules)
    if _bytes(shape) > memory_bytes:
        return _averaged(folder.name, planes, shape, lazy, memory_bytes, remarks)
    voxels = np.empty(shape, np.float32)
    for index, plane in enumerate(planes):
        voxels[index] = plane
    return Volume(voxels, affine, id=ordered[0].series, source=str(folder))


def _advice(sentence: str) -> str:
    if "missing" in sentence:
        return ". Copy the series again; a gap cannot be projected"
    if "share a position" in sentence:
        return ". Two reconstructions or phases lie in one series: separate them first"
    return ""


def _chosen(folder: Path, wanted: str, remarks: list[str]) -> tuple[str, list[Slice]]:
    """Return the series asked for, or the largest, of a folder."""
    groups: dict[str, list[Slice]] = defaultdict(list)
    left_out: dict[str, int] = defaultdict(int)
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    for path in files:
        if kind_of(path) != "DICOM":
            continue
        try:
            header = read_header(path)
            if header.modality != "CT":
                left_out[f"of modality {header.modality or 'unknown'}"] += 1
                continue
            piece = slice_of(header)
        except RefusedError as error:
            left_out["localizers" if "localizer" in str(error) else "multi-frame files"] += 1
            continue
        except HilumError:
            left_out["that could not be read"] += 1
            continue
        groups[piece.series].append(piece)
    if not groups:
        told = f" (left out: {_counted(left_out)})" if left_out else ""
        raise InputError(f"'{folder.name}' holds no CT slices{told}")
    fitting = [uid for uid in groups if uid == wanted or uid.endswith(wanted)]
    if len(fitting) != 1 and wanted:
        listed = ", ".join(f"...{uid[-12:]} ({len(groups[uid])} slices)" for uid in groups)
        raise InputError(f"--series {wanted} fits {len(fitting)} series of '{folder.name}'; it holds {listed}")
    chosen = max(fitting, key=lambda uid: len(groups[uid]))
    if len(groups) > 1 and not wanted:
        others = ", ".join(str(len(groups[uid])) for uid in groups if uid != chosen)
        remarks.append(
            f"{len(groups)} series lie in one folder: the largest, of {len(groups[chosen])} slices, was taken and "
            f"those of {others} left out (--series chooses)"
        )
    if left_out:
        remarks.append(f"left out: {_counted(left_out)}")
    return chosen, groups[chosen]


def _counted(left_out: dict[str, int]) -> str:
    return ", ".join(f"{count} files {what}" if "of" in what or "that" in what else f"{count} {what}"
                     for what, count in left_out.items())  # fmt: skip


def _bytes(shape: tuple[int, ...]) -> int:
    return prod(shape) * 4


def _averaged(
    name: str, planes: Any, shape: tuple[int, int, int], lazy: Volume, memory_bytes: int, remarks: list[str]
) -> Volume:
    factor = block_factor(shape, lazy.spacing_mm, memory_bytes // 4)
    if max(factor) > 4:
        raise TooLargeError(
            f"'{name}' needs {amount(_bytes(shape))} of memory as a volume, over sixty times what --memory allows "
            f"({amount(memory_bytes)}): allow more, or resample it first"
        )
    voxels = averaged(planes, shape, factor)
    affine = block_affine(lazy.affine, factor)
    remarks.append(
        f"the CT needs {amount(_bytes(shape))} of memory, --memory allows {amount(memory_bytes)}: blocks of "
        f"{' x '.join(map(str, factor))} voxels were averaged while reading, which keeps line integrals but not detail"
    )
    return Volume(voxels, affine, id=lazy.id, source=lazy.source)


def _grid_remarks(volume: Volume) -> list[str]:
    """Say what the grid is like where it is not the usual upright one."""
    axes = volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)
    remarks = []
    shear = float(np.degrees(np.arcsin(min(1.0, float(np.abs(axes.T @ axes - np.eye(3)).max())))))
    if shear > _TILT_DEG:
        remarks.append(f"the grid is sheared by {shear:.1f} degrees (a tilted gantry); rays follow it exactly")
    elif float(np.abs(axes).max(axis=0).min()) < np.cos(np.radians(_TILT_DEG)):
        remarks.append("the grid lies obliquely in the patient; rays follow it exactly")
    tall = float(np.abs(volume.affine[2, :3]) @ np.array(volume.voxels.shape))
    if tall < _THINNEST_MM:
        remarks.append(f"the CT covers only {tall:.0f} mm from head to foot")
    return remarks
