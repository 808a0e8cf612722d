"""Structures of a CT from disk: a NIfTI of labels, NIfTI files of one structure each, or a DICOM segmentation.

Structures stay on the grid they were drawn on: rays know patient millimetres, so nothing is resampled. Where two
structures overlap they come in several layers, so that none loses a voxel.
"""

from __future__ import annotations

import csv
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import DecodeError, InputError, need
from hilum.core.geometry import check_affine
from hilum.data.ct_folders import stem_of
from hilum.drr.field import Structures
from hilum.drr.geometry import box_corners
from hilum.io.save import load_dicom
from hilum.io.sniff import kind_of
from hilum.io.volume import Rules, nifti_grid

Layers = tuple[Structures, ...]
_TABLE = Path(__file__).parent / "tables" / "totalsegmentator.csv"
_LABEL = re.compile(r'<Label[^>]*\bKey="(\d+)"[^>]*>(?:<!\[CDATA\[)?([^<\]]+)')
_SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
_LEAST_SHARED = 0.5


@cache
def totalsegmentator_names() -> Mapping[int, str]:
    """Return TotalSegmentator's ids and names (version 2, task 'total', 117 structures)."""
    with _TABLE.open(encoding="utf-8") as file:
        return {int(row["id"]): row["structure"] for row in csv.DictReader(file)}


def read_structures(paths: Sequence[str | Path]) -> Layers:
    """Read masks as layers of structures that do not overlap within a layer; most masks need one layer.

    Args:
        paths: one NIfTI of labels; NIfTI files of one structure each; one folder of such files; or one DICOM SEG.
            Labels are named by the label table in the NIfTI, a table beside it (`NAME.json` of id to name,
            or `structures.csv` with columns id and structure), else as TotalSegmentator's.

    Raises:
        InputError: if nothing there is a mask; the sentence says what was expected.
    """
    places = [Path(path) for path in paths]
    for place in places:
        if not place.exists():
            raise InputError(f"there is no mask file or folder '{place}'")
    if len(places) == 1 and places[0].is_dir():
        found = sorted(path for path in places[0].iterdir() if path.name.lower().endswith((".nii", ".nii.gz")))
        others = sorted(path for path in places[0].iterdir() if path.is_file() and path.suffix.lower() == ".dcm")
        places = found or others
        if not places:
            raise InputError(f"'{paths[0]}' holds no masks: expected NIfTI files, one structure each, or a DICOM SEG")
    if len(places) == 1 and kind_of(places[0]) == "DICOM":
        return _from_segmentation(places[0])
    if len(places) == 1:
        return _from_labels(places[0])
    return _layered((stem_of(path), *_nifti(path)) for path in places)


def check_masks(layers: Layers, affine: NDArray[np.float64], shape: tuple[int, ...]) -> list[str]:
    """Return remarks where masks lie on another grid than the CT's.

    Raises:
        InputError: if less than half of the masks' extent lies inside the CT: they are of another scan.
    """
    told: dict[str, None] = {}
    corners = box_corners(affine, shape)
    low, high = corners.min(axis=0), corners.max(axis=0)
    for layer in layers:
        if layer.ids.shape == tuple(shape) and np.allclose(layer.affine, affine, atol=1e-3):
            continue
        inside = _share_inside(layer, low, high)
        if inside < _LEAST_SHARED:
            raise InputError(
                f"only {inside:.0%} of the masks lie inside the CT, which reaches from {_mm(low)} to {_mm(high)} mm: "
                "they belong to another scan, or their header is wrong"
            )
        if inside < 0.99 or layer.ids.shape != tuple(shape):
            told[
                f"the masks lie on another grid ({' x '.join(map(str, layer.ids.shape))}) than the CT; rays run "
                f"through each as it lies in the patient ({inside:.0%} of them inside the CT)"
            ] = None
        else:
            told["the masks' axes run otherwise than the CT's; rays run through both as they lie"] = None
    return list(told)


def _share_inside(layer: Structures, low: NDArray[np.float64], high: NDArray[np.float64]) -> float:
    """Share of a sample of a layer's voxels that lie between two corners in mm, 1 mm of rounding allowed."""
    step = max(1, layer.ids.shape[0] // 64)
    voxels = np.argwhere(layer.ids[::step] > 0)
    voxels = voxels[:: max(1, len(voxels) // 20_000)] * np.array([step, 1, 1])
    places = voxels @ layer.affine[:3, :3].T + layer.affine[:3, 3]
    return float(((places >= low - 1) & (places <= high + 1)).all(axis=1).mean()) if len(voxels) else 1.0


def _mm(point: NDArray[np.float64]) -> str:
    return f"({', '.join(f'{value:.0f}' for value in point)})"


def _open(path: Path) -> Any:
    try:
        import nibabel
    except ImportError:
        raise need("nibabel", "volume", "reading NIfTI masks") from None
    try:
        return nibabel.load(path)
    except Exception as error:  # nibabel raises many kinds on damaged headers
        raise DecodeError(f"mask '{path.name}' cannot be read ({type(error).__name__})") from None


def _nifti(path: Path) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return labels (k, j, i) as stored and the affine of a NIfTI mask."""
    picture = _open(path)
    affine, shape = nifti_grid(picture, path.name, Rules(sheared=True))
    try:
        data = np.asarray(picture.dataobj).reshape(shape)
    except Exception as error:
        raise DecodeError(f"mask '{path.name}' is truncated or damaged ({type(error).__name__})") from None
    if data.dtype.kind == "f":
        whole = np.rint(data)
        if not np.isfinite(data).all() or np.abs(whole - data).max() > 1e-3:
            raise DecodeError(f"mask '{path.name}' holds fractions: expected whole numbers, one per structure")
        data = whole
    if data.min() < 0 or data.max() > 65535:
        raise DecodeError(f"mask '{path.name}' holds labels from {data.min():g} to {data.max():g}: expected 0 to 65535")
    return np.ascontiguousarray(data.transpose(2, 1, 0)), affine


def _from_labels(path: Path) -> Layers:
    data, affine = _nifti(path)
    kind = np.uint8 if data.max() < 256 else np.uint16
    ids = data.astype(kind)
    present = [int(number) for number in np.flatnonzero(np.bincount(ids.ravel())) if number]
    if not present:
        raise InputError(f"mask '{path.name}' is empty: no voxel carries a label")
    names = _names(path)
    if not names and present == [1]:
        names = {1: stem_of(path)}
    known = {number: names.get(number, f"structure_{number}") for number in present}
    return (Structures(ids, affine, {**names, **known}),)


def _names(path: Path) -> dict[int, str]:
    """Names by id: from the file's own label table, a table beside it, or TotalSegmentator's."""
    for extension in _open(path).header.extensions:
        content = extension.get_content()
        text = content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content)
        found = _LABEL.findall(text)
        if found:
            return {int(number): html.unescape(name.strip()) for number, name in found if int(number)}
    beside = path.with_name(f"{stem_of(path)}.json")
    if beside.is_file():
        try:
            return {int(number): str(name) for number, name in json.loads(beside.read_text("utf-8")).items()}
        except (ValueError, AttributeError):
            raise InputError(
                f'\'{beside.name}\' is no table of names: expected an object such as {{"1": "heart"}}'
            ) from None
    table = path.with_name("structures.csv")
    if table.is_file():
        with table.open(encoding="utf-8-sig", newline="") as file:
            return {int(row["id"]): row["structure"] for row in csv.DictReader(file)}
    return dict(totalsegmentator_names())


def _layered(masks: Iterable[tuple[str, NDArray[Any], NDArray[np.float64]]]) -> Layers:
    """Put each mask into the first layer of its grid where it overlaps nothing."""
    drafts: list[tuple[NDArray[np.uint16], NDArray[np.float64], dict[int, str]]] = []
    for number, (name, data, affine) in enumerate(masks, 1):
        inside = data > 0
        for ids, grid, names in drafts:
            if ids.shape == inside.shape and np.allclose(grid, affine, atol=1e-4) and not (ids[inside] > 0).any():
                ids[inside] = number
                names[number] = name
                break
        else:
            drafts.append((np.where(inside, number, 0).astype(np.uint16), affine, {number: name}))
    layers = tuple(
        Structures(ids.astype(np.uint8) if max(names) < 256 else ids, affine, names) for ids, affine, names in drafts
    )
    if not layers or not any(layer.ids.any() for layer in layers):
        raise InputError("the masks are empty: no voxel belongs to a structure")
    return layers


def _from_segmentation(path: Path) -> Layers:
    ds = load_dicom(path, "segmentation")
    if ds.get("SOPClassUID") != _SEGMENTATION:
        raise InputError(f"'{path.name}' is no DICOM segmentation: it is {ds.get('Modality', 'of unknown modality')}")
    return _layered(_segments(ds, path.name))


def _segments(ds: Any, name: str) -> Iterator[tuple[str, NDArray[Any], NDArray[np.float64]]]:
    """Yield each segment of a 3-D DICOM SEG as a mask on one grid that holds every frame."""
    pixels = np.asarray(ds.pixel_array).reshape(-1, ds.Rows, ds.Columns)
    try:
        places = [_place(ds, frame) for frame in ds.PerFrameFunctionalGroupsSequence]
        numbers = [int(frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber)
                   for frame in ds.PerFrameFunctionalGroupsSequence]  # fmt: skip
    except (AttributeError, IndexError, ValueError):
        raise DecodeError(f"'{name}' does not say where its frames lie in the patient") from None
    turn = places[0][1]
    if any(not np.allclose(other, turn, atol=1e-3) for _, other in places):
        raise DecodeError(f"the frames of '{name}' lie at different angles: write one segmentation per stack")
    across, down = turn[:3], turn[3:6]
    heights = np.array([position @ np.cross(across, down) for position, _ in places])
    levels = np.unique(np.round(heights, 2))
    gaps = np.diff(levels)
    step = float(gaps.min()) if gaps.size else float(turn[8])
    index = np.rint((heights - heights.min()) / step).astype(int)
    if np.abs(heights - heights.min() - index * step).max() > 0.2 * step:
        raise DecodeError(f"the frames of '{name}' are not evenly spaced")
    affine = np.eye(4)
    lowest = places[int(heights.argmin())][0]
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = np.cross(across, down) * step, down * turn[6], across * turn[7]
    affine[:3, 3] = lowest
    limit = 0 if ds.get("SegmentationType") == "BINARY" else int(ds.get("MaximumFractionalValue", 255)) // 2
    for item in ds.SegmentSequence:
        mask = np.zeros((int(index.max()) + 1, ds.Rows, ds.Columns), np.bool_)
        for frame, number in enumerate(numbers):
            if number == int(item.SegmentNumber):
                mask[index[frame]] |= pixels[frame] > limit
        yield str(item.SegmentLabel), mask, check_affine(affine)


def _place(ds: Any, frame: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return position (3,) and (9,): directions of a row and a column, spacing of rows and columns, thickness."""

    def group(name: str) -> Any:
        own = frame.get(name) or ds.SharedFunctionalGroupsSequence[0].get(name)
        return own[0]

    position = np.array(group("PlanePositionSequence").ImagePositionPatient, np.float64)
    cosines = np.array(group("PlaneOrientationSequence").ImageOrientationPatient, np.float64)
    measures = group("PixelMeasuresSequence")
    thick = float(measures.get("SpacingBetweenSlices") or measures.SliceThickness)
    return position, np.array([*cosines, *map(float, measures.PixelSpacing), thick])
