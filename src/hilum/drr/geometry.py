"""Where source, patient and detector stand: rays in patient millimetres, seen from any voxel grid."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hilum.core.equality import ArrayRecord, read_only
from hilum.core.errors import InputError
from hilum.core.geometry import SpacingPlane

Vector = NDArray[np.float64]
DrrView = Literal["PA", "AP", "LL", "RL"]

FIELD_MM, SOURCE_DETECTOR_MM, GAP_MM = 430.0, 1800.0, 60.0

# LPS patient axes: x left, y posterior, z head. For each view: the way the beam travels, the way a row runs,
# and the orientation letters of a row and a column. Rows run to the patient's left on frontals (left on image
# right) and to the back on laterals (front on image left); columns always run to the feet.
_VIEWS: dict[str, tuple[tuple[int, int, int], tuple[int, int, int], tuple[str, str]]] = {
    "PA": ((0, -1, 0), (1, 0, 0), ("L", "F")),
    "AP": ((0, 1, 0), (1, 0, 0), ("L", "F")),
    "LL": ((1, 0, 0), (0, 1, 0), ("P", "F")),
    "RL": ((-1, 0, 0), (0, 1, 0), ("P", "F")),
}


class Pencil(NamedTuple):
    """The rays of a detector in the index space of a grid, each linear in (row, column).

    Ray (r, c) runs from `start + r start_row + c start_column` along `way + r way_row + c way_column`, all (3,)
    float64 in voxel indices. One unit of its parameter ends at the pixel; `Geometry.ray_mm` is its length in mm.
    With a point source `start_row` and `start_column` are 0; with parallel rays `way_row` and `way_column` are.
    """

    start: Vector
    start_row: Vector
    start_column: Vector
    way: Vector
    way_row: Vector
    way_column: Vector


@dataclass(frozen=True, eq=False)
class Geometry(ArrayRecord):
    """One exposure: a source (or a direction, for parallel rays) and a flat detector, in patient mm (LPS).

    Args:
        source: (3,) the focal spot; with `parallel`, any point one ray length before the first pixel.
        corner: (3,) centre of pixel (0, 0).
        row_step: (3,) from a pixel to the next one in its row.
        column_step: (3,) from a pixel to the next one in its column.
        shape: (rows, columns).
        isocentre: (3,) the point the patient turns about, and to which `magnification` refers.
        view: the view it started from.
        orientation: directions of a row and of a column, as Patient Orientation (0020,0020).
        parallel: rays run side by side, as from a source far away.

    Raises:
        InputError: if the detector has no size, or the source lies in its plane.
    """

    source: Vector
    corner: Vector
    row_step: Vector
    column_step: Vector
    shape: tuple[int, int]
    isocentre: Vector
    view: DrrView = "PA"
    orientation: tuple[str, str] = ("L", "F")
    parallel: bool = False

    def __post_init__(self) -> None:
        for name in ("source", "corner", "row_step", "column_step", "isocentre"):
            value = np.array(getattr(self, name), np.float64)
            if value.shape != (3,) or not np.isfinite(value).all():
                raise InputError(f"a projection geometry needs three finite numbers as {name}, got {value}")
            object.__setattr__(self, name, read_only(value))
        if min(self.shape) < 1:
            raise InputError(f"a detector needs at least one row and one column, got {self.shape}")
        if min(self.pitch_mm) <= 0 or abs(self.normal @ (self.corner - self.source)) < 1e-6:
            raise InputError("a detector needs a pitch above 0 and a source outside its plane")

    @property
    def pitch_mm(self) -> tuple[float, float]:
        """(between rows, between columns) distance of pixel centres at the detector."""
        return (float(np.linalg.norm(self.column_step)), float(np.linalg.norm(self.row_step)))

    @property
    def normal(self) -> Vector:
        """(3,) unit vector across the detector, the way the beam travels."""
        across: Vector = np.cross(self.row_step, self.column_step)
        unit: Vector = across / max(float(np.linalg.norm(across)), 1e-12)
        return unit if unit @ (self.corner - self.source) >= 0 else -unit

    @property
    def source_detector_mm(self) -> float:
        """Distance from the source to the detector plane (0018,1110)."""
        return float(self.normal @ (self.corner - self.source))

    @property
    def source_isocentre_mm(self) -> float:
        """Distance from the source to the isocentre along the beam (0018,1111)."""
        return float(self.normal @ (self.isocentre - self.source))

    @property
    def magnification(self) -> float:
        """How much larger the detector shows what lies at the isocentre; 1 for parallel rays."""
        return 1.0 if self.parallel else self.source_detector_mm / self.source_isocentre_mm

    @property
    def spacing_plane(self) -> SpacingPlane:
        """Where `pitch_mm` holds: at the detector, or in the patient for parallel rays."""
        return "patient" if self.parallel else "detector"

    def pixel(self, row: float, column: float) -> Vector:
        """Return the (3,) place in mm of a pixel centre; fractions lie between pixels."""
        return self.corner + row * self.column_step + column * self.row_step

    def shadow(self, points: Vector) -> Vector:
        """Return where points (N, 3) in patient mm fall on the detector, as (N, 2) row, column in pixels."""
        points = np.atleast_2d(np.asarray(points, np.float64))
        normal = self.normal
        reach = (self.corner - points) @ normal
        way = np.broadcast_to(normal, points.shape) if self.parallel else points - self.source
        along = way @ normal
        if (along <= 0).any():
            raise InputError("a point behind the source casts no shadow on the detector")
        at = points + way * (reach / along)[:, None] - self.corner
        basis = np.stack([self.column_step, self.row_step], axis=1)
        found: Vector = (at @ np.linalg.pinv(basis).T).astype(np.float64)
        return found

    def pencil(self, affine: Vector) -> Pencil:
        """Return the rays in the index space of a grid whose (4, 4) affine maps voxel index to patient mm."""
        inverse = np.linalg.inv(np.asarray(affine, np.float64))
        turn = inverse[:3, :3]
        corner, row, column = turn @ self.corner + inverse[:3, 3], turn @ self.column_step, turn @ self.row_step
        nothing = np.zeros(3)
        if self.parallel:
            way = turn @ (self.normal * self.source_detector_mm)
            return Pencil(corner - way, row, column, way, nothing, nothing)
        source = turn @ self.source + inverse[:3, 3]
        return Pencil(source, nothing, nothing, corner - source, row, column)

    def ray_mm(self) -> NDArray[np.float64]:
        """Return (rows, columns) the length in mm of each ray from source to pixel."""
        rows, columns = self.shape
        if self.parallel:
            return np.full(self.shape, self.source_detector_mm)
        down = np.arange(rows)[:, None, None] * self.column_step
        along = np.arange(columns)[None, :, None] * self.row_step
        length: NDArray[np.float64] = np.linalg.norm(self.corner - self.source + down + along, axis=2)
        return length

    def turned(
        self, angles_deg: tuple[float, float, float], shift_mm: tuple[float, float, float] = (0, 0, 0)
    ) -> Geometry:
        """Return the geometry as a patient sees it who turns about the isocentre, then moves.

        Args:
            angles_deg: patient rotation about the left, posterior and head axes, in that order.
            shift_mm: patient movement to the left, the back and the head.
        """
        from scipy.spatial.transform import Rotation

        back = Rotation.from_euler("xyz", angles_deg, degrees=True).as_matrix().T
        shift = np.asarray(shift_mm, np.float64)

        def seen(point: Vector) -> Vector:
            moved: Vector = back @ (point - shift - self.isocentre) + self.isocentre
            return moved

        return replace(
            self, source=seen(self.source), corner=seen(self.corner), row_step=back @ self.row_step,
            column_step=back @ self.column_step,
        )  # fmt: skip

    def resized(self, shape: tuple[int, int]) -> Geometry:
        """Return the same detector area divided into other pixels."""
        rows, columns = shape
        down, along = self.column_step * (self.shape[0] / rows), self.row_step * (self.shape[1] / columns)
        edge = self.corner - (self.column_step + self.row_step) / 2
        return replace(self, corner=edge + (down + along) / 2, row_step=along, column_step=down, shape=(rows, columns))

    def as_dict(self) -> dict[str, object]:
        """Return what the exposure was, for JSON."""
        return {
            "view": self.view, "parallel": self.parallel, "shape": list(self.shape), "pitch_mm": list(self.pitch_mm),
            "spacing_plane": self.spacing_plane, "source_detector_mm": self.source_detector_mm,
            "source_isocentre_mm": self.source_isocentre_mm, "magnification": self.magnification,
            "source_mm_lps": self.source.tolist(), "corner_mm_lps": self.corner.tolist(),
            "row_step_mm_lps": self.row_step.tolist(), "column_step_mm_lps": self.column_step.tolist(),
            "isocentre_mm_lps": self.isocentre.tolist(), "orientation": list(self.orientation),
        }  # fmt: skip


def box_corners(affine: Vector, shape: tuple[int, ...]) -> Vector:
    """Return the (8, 3) corners in mm of a grid's box, voxels counted to their outer faces."""
    ends = np.array([[-0.5, size - 0.5] for size in shape])
    index = np.array([[ends[0][i], ends[1][j], ends[2][k], 1.0] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    corners: Vector = (index @ np.asarray(affine, np.float64).T)[:, :3]
    return corners


def aim(
    affine: Vector,
    shape: tuple[int, ...],
    *,
    view: DrrView = "PA",
    angles_deg: tuple[float, float, float] = (0.0, 0.0, 0.0),
    detector: tuple[int, int] = (512, 512),
    pitch_mm: tuple[float, float] | None = None,
    offset_mm: tuple[float, float] = (0.0, 0.0),
    source_detector_mm: float = SOURCE_DETECTOR_MM,
    source_isocentre_mm: float | None = None,
    isocentre_mm: tuple[float, float, float] | None = None,
    parallel: bool = False,
) -> Geometry:
    """Set up an exposure of a volume as a technologist would: view, distances, detector.

    Args:
        affine: (4, 4) voxel index to patient mm (LPS) of the volume.
        shape: of the volume's voxels.
        view: PA or AP (patient's left on image right), LL or RL (front of the patient on image left).
        angles_deg: patient rotation about the left, posterior and head axes before exposure.
        detector: (rows, columns).
        pitch_mm: (between rows, between columns) at the detector; None makes the longer side 430 mm.
        offset_mm: how far the detector's middle lies down and along from the central ray.
        source_detector_mm: source to detector.
        source_isocentre_mm: source to isocentre; None leaves 60 mm between the volume and the detector.
        isocentre_mm: the point on the central ray the patient turns about; None takes the volume's middle.
        parallel: side-by-side rays; distances then only place the detector.

    Raises:
        InputError: for an unknown view, or distances that put the source or the detector inside the volume.
    """
    if view not in _VIEWS:
        raise InputError(f"view must be PA, AP, LL or RL, got '{view}'")
    longest = FIELD_MM / max(detector)
    pitch_mm = pitch_mm or (longest, longest)
    if min(pitch_mm) <= 0:
        raise InputError(f"the detector pitch must be above 0 mm, got {pitch_mm}")
    corners = box_corners(affine, shape)
    middle = corners.mean(axis=0) if isocentre_mm is None else np.asarray(isocentre_mm, np.float64)
    if source_isocentre_mm is None:
        deep = float(((corners - middle) @ np.asarray(_VIEWS[view][0], np.float64)).max())
        source_isocentre_mm = source_detector_mm - GAP_MM - deep
    if source_isocentre_mm <= 0 or source_detector_mm < source_isocentre_mm:
        raise InputError(
            f"the source, {source_isocentre_mm:g} mm from the isocentre and {source_detector_mm:g} mm from the "
            "detector, lies inside the volume or behind it: raise the source to detector distance"
        )
    geometry = replace(
        _facing(view, middle, (source_isocentre_mm, source_detector_mm), detector, pitch_mm, offset_mm),
        parallel=parallel,
    )
    geometry = geometry.turned(angles_deg) if any(angles_deg) else geometry
    check_aim(geometry, affine, shape)
    return geometry


def _facing(
    view: DrrView,
    middle: Vector,
    reach_mm: tuple[float, float],
    detector: tuple[int, int],
    pitch_mm: tuple[float, float],
    offset_mm: tuple[float, float],
) -> Geometry:
    """Return the exposure of a patient who stands straight; reach_mm is from source to isocentre and to detector."""
    beam, along = (np.asarray(part, np.float64) for part in _VIEWS[view][:2])
    down = np.array([0.0, 0.0, -1.0])
    source = middle - beam * reach_mm[0]
    row_step, column_step = along * pitch_mm[1], down * pitch_mm[0]
    centre = source + beam * reach_mm[1] + down * offset_mm[0] + along * offset_mm[1]
    corner = centre - column_step * (detector[0] - 1) / 2 - row_step * (detector[1] - 1) / 2
    return Geometry(source, corner, row_step, column_step, detector, middle, view=view, orientation=_VIEWS[view][2])


def check_aim(geometry: Geometry, affine: Vector, shape: tuple[int, ...]) -> None:
    """Raise InputError if the source lies inside the volume's box, or beside it so that rays start within."""
    if geometry.parallel:
        return
    corners = box_corners(affine, shape)
    if float(((corners - geometry.source) @ geometry.normal).min()) <= 0:
        raise InputError(
            f"the source, {geometry.source_isocentre_mm:g} mm from the isocentre, lies inside the volume or beside it: "
            "raise the source to isocentre distance"
        )
