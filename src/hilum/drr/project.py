"""A CT to a radiograph of line integrals, as an Image that knows its view, spacing and orientation."""

from __future__ import annotations

from hilum.core.errors import InputError
from hilum.core.image import Image, Volume
from hilum.drr.attenuation import mu_map
from hilum.drr.field import Field
from hilum.drr.geometry import FIELD_MM, GAP_MM, SOURCE_DETECTOR_MM, DrrView, Geometry, aim, box_corners
from hilum.drr.render import Model, line_integrals


def film_geometry(
    grid: Volume | Field,
    *,
    view: DrrView = "PA",
    angles_deg: tuple[float, float, float] = (0.0, 0.0, 0.0),
    size: int | tuple[int, int] = 512,
    field_mm: float = FIELD_MM,
    source_detector_mm: float = SOURCE_DETECTOR_MM,
    gap_mm: float = GAP_MM,
    parallel: bool = False,
) -> Geometry:
    """Set up an exposure with a square-pixel detector behind a volume.

    Args:
        grid: the CT, or a field made of it.
        view: PA or AP (patient's left on image right), LL or RL (front of the patient on image left).
        angles_deg: patient rotation about the left, posterior and head axes before exposure.
        size: rows and columns.
        field_mm: longer side of the detector.
        source_detector_mm: source to detector distance.
        gap_mm: air between the volume's exit face and the detector.
        parallel: side-by-side rays.

    Raises:
        InputError: for an unknown view, or a source inside the volume.
    """
    shape = grid.voxels.shape if isinstance(grid, Volume) else grid.shape
    rows, columns = (size, size) if isinstance(size, int) else size
    if min(rows, columns) < 1 or field_mm <= 0:
        raise InputError(f"a film needs pixels and a field above 0 mm, got {rows} x {columns} on {field_mm:g} mm")
    pitch = field_mm / max(rows, columns)
    corners = box_corners(grid.affine, shape)
    axis = 1 if view in ("PA", "AP") else 0
    deep = float(corners[:, axis].max() - corners[:, axis].min()) / 2
    return aim(
        grid.affine, shape, view=view, angles_deg=angles_deg, detector=(rows, columns), pitch_mm=(pitch, pitch),
        source_detector_mm=source_detector_mm, source_isocentre_mm=source_detector_mm - gap_mm - deep,
        parallel=parallel,
    )  # fmt: skip


def film_of(pixels: object, geometry: Geometry, *, name: str = "") -> Image:
    """Return pixels (H, W) computed for an exposure as an Image with its view, spacing and orientation."""
    return Image(
        pixels,  # type: ignore[arg-type]
        view=geometry.view,
        spacing_mm=geometry.pitch_mm,
        spacing_plane=geometry.spacing_plane,
        orientation=geometry.orientation,
        id=name,
        synthetic=True,
    )


def project(
    volume: Volume,
    *,
    view: DrrView = "PA",
    angles_deg: tuple[float, float, float] = (0.0, 0.0, 0.0),
    size: int | tuple[int, int] = 512,
    field_mm: float = FIELD_MM,
    source_detector_mm: float = SOURCE_DETECTOR_MM,
    gap_mm: float = GAP_MM,
    parallel: bool = False,
    model: Model = "trilinear",
) -> Image:
    """Project a CT to a radiograph of line integrals; bone is bright, as on a film.

    Args:
        volume: HU on any grid.
        view: PA or AP (patient's left on image right), LL or RL (front of the patient on image left).
        angles_deg: patient rotation about the left, posterior and head axes before exposure.
        size: rows and columns.
        field_mm: longer side of the detector.
        source_detector_mm: source to detector distance.
        gap_mm: air between the volume's exit face and the detector.
        parallel: side-by-side rays.
        model: 'trilinear' or 'siddon' (constant voxels).

    Returns:
        Image with the line integral of attenuation (no unit) as pixels, detector spacing and orientation.
    """
    geometry = film_geometry(
        volume, view=view, angles_deg=angles_deg, size=size, field_mm=field_mm,
        source_detector_mm=source_detector_mm, gap_mm=gap_mm, parallel=parallel,
    )  # fmt: skip
    return film_of(line_integrals(mu_map(volume), geometry, model=model), geometry)
