"""Image, Volume and the grey-scale pipeline: modality values -> VOI -> polarity, in that order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hilum.core.equality import ArrayRecord, read_only
from hilum.core.errors import InputError
from hilum.core.geometry import SpacingPlane, View, check_affine, check_view, flip_orientation, voxel_spacing

VoiFunction = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]
Pixels = NDArray[np.float32]


@dataclass(frozen=True)
class MadeBy:
    """Who made a thing: a device, a person or a model, with version and weight hash where it has them."""

    name: str
    version: str = ""
    sha256: str = ""

    def __str__(self) -> str:
        """Render as 'name version (hash)' with only the parts that are known."""
        parts = [self.name, self.version, f"({self.sha256[:12]})" if self.sha256 else ""]
        return " ".join(part for part in parts if part)


@dataclass(frozen=True)
class Window:
    """A VOI window in modality units: center, width and its function (DICOM PS3.3 C.11.2.1.2-3).

    Raises:
        InputError: if the width is below 1 for LINEAR, or not positive otherwise.
    """

    center: float
    width: float
    function: VoiFunction = "LINEAR"

    def __post_init__(self) -> None:
        lowest = 1.0 if self.function == "LINEAR" else np.nextafter(0.0, 1.0)
        if not (np.isfinite(self.center) and np.isfinite(self.width)) or self.width < lowest:
            raise InputError(f"window {self.center}/{self.width} is not usable with {self.function}")

    def apply(self, values: Pixels) -> Pixels:
        """Map modality values (H, W) to [0, 1] by PS3.3 C.11.2.1.2.1 (and .3 for LINEAR_EXACT, SIGMOID)."""
        if self.function == "SIGMOID":
            steep = np.minimum(-4.0 * (values - self.center) / self.width, 80.0)  # beyond, exp overflows float32
            shown: Pixels = (1.0 / (1.0 + np.exp(steep))).astype(np.float32)
            return shown
        if self.function == "LINEAR_EXACT":
            scaled = (values - self.center) / self.width + 0.5
        else:
            scaled = (values - (self.center - 0.5)) / max(self.width - 1.0, 1e-6) + 0.5
        clipped: Pixels = np.clip(scaled, 0.0, 1.0).astype(np.float32)
        return clipped


@dataclass(frozen=True, eq=False)
class Lut(ArrayRecord):
    """A VOI LUT: `table` float32 (N,) in [0, 1], entry 0 for modality value `first` (PS3.3 C.11.2.1.1)."""

    first: float
    table: NDArray[np.float32]

    def __post_init__(self) -> None:
        table = np.ascontiguousarray(self.table, dtype=np.float32)
        if table.ndim != 1 or table.size == 0:
            raise InputError(f"a VOI LUT needs a list of entries, got shape {table.shape}")
        object.__setattr__(self, "table", read_only(table))

    def apply(self, values: Pixels) -> Pixels:
        """Map modality values (H, W) to [0, 1]; values outside the table take its first or last entry."""
        index = np.clip(np.rint(values - self.first), 0, self.table.size - 1).astype(np.intp)
        found: Pixels = self.table[index]
        return found


def _made(ready: Callable[[Any], NDArray[Any]], value: Callable[[], Any]) -> NDArray[Any]:
    return ready(value())


class _Lazy:
    """Mixin: an array field may be given as a function that is called on first use.

    The way to load holds no image, so that it keeps no other's pixels alive, and travels to another process where
    the function given does.
    """

    _array_field: str

    def _set_array(self, value: object, ready: Callable[[Any], NDArray[Any]]) -> None:
        name = self._array_field
        if callable(value):
            object.__setattr__(self, "_load", partial(_made, ready, value))
            object.__delattr__(self, name)
        else:
            object.__setattr__(self, name, ready(value))

    def __getattr__(self, name: str) -> Any:
        if name == type(self)._array_field and "_load" in self.__dict__:
            array = self.__dict__["_load"]()
            object.__setattr__(self, name, array)
            return array
        raise AttributeError(f"{type(self).__name__} has no attribute '{name}'")

    @property
    def loaded(self) -> bool:
        """Whether the array is in memory already."""
        return type(self)._array_field in self.__dict__

    def _changed(self, **changes: Any) -> Any:
        """A copy with other facts; it shares a loaded array and keeps the way to load it again."""
        name = type(self)._array_field
        kept = {item.name: self.__dict__[item.name] for item in fields(self) if item.name in self.__dict__}  # type: ignore[arg-type]
        kept.setdefault(name, self.__dict__.get("_load"))
        copy = type(self)(**{**kept, **changes})
        if "_load" in self.__dict__ and name not in changes:
            object.__setattr__(copy, "_load", self.__dict__["_load"])
        return copy


@dataclass(frozen=True, eq=False)
class Image(_Lazy, ArrayRecord):
    """One radiograph: modality values and all that is needed to show and measure them.

    Args:
        pixels: float32 (H, W) after the modality LUT, or a function returning it (called once, on first use).
        window: VOI window or LUT; None spans the pixels' own range.
        inverted: True for MONOCHROME1 (low values are bright); applied last by `display`.
        view: View Position (0018,5101).
        spacing_mm: (row, column) distance between pixel centres, or None.
        spacing_plane: where `spacing_mm` holds, 'patient' or 'detector'; None with no spacing.
        orientation: directions of a row and of a column, e.g. ('L', 'F') for a frontal film with
            the patient's left on image right; None where unknown.
        id: SOP Instance UID or a content hash.
        made_by: device or model; None for a film of unknown make.
        synthetic: True when the picture was computed, never exposed.

    Raises:
        InputError: if the pixels are not a finite 2-D array, or spacing is not positive.
    """

    pixels: Pixels
    window: Window | Lut | None = None
    inverted: bool = False
    view: View = "unknown"
    spacing_mm: tuple[float, float] | None = None
    spacing_plane: SpacingPlane | None = None
    orientation: tuple[str, str] | None = None
    id: str = ""
    made_by: MadeBy | None = None
    synthetic: bool = False
    source: str = field(default="", compare=False)

    _array_field = "pixels"

    def __post_init__(self) -> None:
        check_view(self.view)
        if self.spacing_mm is not None and not (min(self.spacing_mm) > 0 and np.isfinite(self.spacing_mm).all()):
            raise InputError(f"pixel spacing must be positive, got {self.spacing_mm}")
        if (self.spacing_mm is None) != (self.spacing_plane is None):
            raise InputError("pixel spacing and the plane it holds in go together: give both or neither")
        self._set_array(self.pixels, self._ready)

    @staticmethod
    def _ready(value: Any) -> Pixels:
        pixels = np.ascontiguousarray(value, dtype=np.float32)
        if pixels.ndim != 2 or 0 in pixels.shape:
            raise InputError(f"an image needs pixels of shape (H, W), got {pixels.shape}")
        if not np.isfinite(pixels).all():
            raise InputError("an image may not hold NaN or infinite pixels")
        return read_only(pixels)

    def __repr__(self) -> str:
        """One line: view, size when loaded, id."""
        size = f"{self.pixels.shape[0]} x {self.pixels.shape[1]}" if self.loaded else "not loaded"
        return f"Image({self.view}, {size}, id={self.id!r})"

    def display(self) -> Pixels:
        """Return what a viewer shows: float32 (H, W) in [0, 1], 0 black, polarity applied last; kept once made."""
        if "_shown" not in self.__dict__:
            object.__setattr__(self, "_shown", read_only(self._display()))
        shown: Pixels = self.__dict__["_shown"]
        return shown

    def _display(self) -> Pixels:
        values = self.pixels
        if self.window is None:
            low, high = float(values.min()), float(values.max())
            shown = (values - low) / (high - low) if high > low else np.zeros_like(values)
        else:
            shown = self.window.apply(values)
        return (1.0 - shown if self.inverted else shown).astype(np.float32)

    def _repr_png_(self) -> bytes:
        from hilum.core.notebook import png

        return png(self.display())

    def with_id(self, name: str) -> Image:
        """Return the same image under another id, without loading its pixels."""
        changed: Image = self._changed(id=name)
        return changed

    def fresh(self) -> Image:
        """Return the same image with its pixels not loaded, where they can be loaded again; else itself."""
        if "_load" not in self.__dict__:
            return self
        kept = {item.name: self.__dict__[item.name] for item in fields(self) if item.name in self.__dict__}
        return Image(**{**kept, "pixels": self.__dict__["_load"]})

    def flip(self, *, horizontal: bool = False, vertical: bool = False) -> Image:
        """Return the mirrored image; orientation letters change with it."""
        pixels = self.pixels[:: -1 if vertical else 1, :: -1 if horizontal else 1]
        turned = self.orientation and flip_orientation(self.orientation, horizontal=horizontal, vertical=vertical)
        flipped: Image = self._changed(pixels=pixels, orientation=turned)
        return flipped

    def with_view(self, view: str) -> Image:
        """Return the same image with another view, without loading its pixels."""
        changed: Image = self._changed(view=check_view(view))
        return changed


@dataclass(frozen=True, eq=False)
class Volume(_Lazy, ArrayRecord):
    """A CT: voxels float32 (D, H, W) in HU and the affine from voxel index (d, h, w) to patient mm (LPS).

    Raises:
        InputError: if the voxels are not a finite 3-D array or the affine is not invertible.
    """

    voxels: NDArray[np.float32]
    affine: NDArray[np.float64]
    id: str = ""
    made_by: MadeBy | None = None
    source: str = field(default="", compare=False)

    _array_field = "voxels"

    def __post_init__(self) -> None:
        object.__setattr__(self, "affine", read_only(check_affine(self.affine)))
        self._set_array(self.voxels, self._ready)

    @staticmethod
    def _ready(value: Any) -> NDArray[np.float32]:
        voxels = np.asarray(value, dtype=np.float32)
        if voxels.ndim != 3 or 0 in voxels.shape:
            raise InputError(f"a volume needs voxels of shape (D, H, W), got {voxels.shape}")
        if not np.isfinite(voxels).all():
            raise InputError("a volume may not hold NaN or infinite voxels")
        return read_only(voxels)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """(d, h, w) size of a voxel in mm."""
        return voxel_spacing(self.affine)

    def __repr__(self) -> str:
        """One line: size when loaded, spacing, id."""
        size = " x ".join(map(str, self.voxels.shape)) if self.loaded else "not loaded"
        spacing = ", ".join(f"{step:.2f}" for step in self.spacing_mm)
        return f"Volume({size}, spacing ({spacing}) mm, id={self.id!r})"
