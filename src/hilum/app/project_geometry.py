"""A picture of an exposure: source, patient and detector from above and from the patient's left, in millimetres."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from hilum.app.markup import Html, element, join
from hilum.drr.geometry import Geometry, box_corners

Vector = NDArray[np.float64]
_EDGES = ((0, 1), (0, 2), (0, 4), (1, 3), (1, 5), (2, 3), (2, 6), (3, 7), (4, 5), (4, 6), (5, 7), (6, 7))
_WIDE, _HIGH, _MARGIN = 640.0, 300.0, 34.0

# (title, patient axis to the right, patient axis downwards, letters at left, right, top and bottom)
_PANELS = (
    ("from above the head", np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), "RLAP"),
    ("from the patient's left", np.array([0, 1.0, 0]), np.array([0, 0, -1.0]), "APHF"),
)


def geometry_picture(geometry: Geometry, affine: Vector, shape: tuple[int, ...]) -> str:
    """Return an SVG of the exposure: the volume's box, the beam's edges, the isocentre and the distances.

    Args:
        geometry: the exposure.
        affine: (4, 4) voxel index to patient mm (LPS) of the CT.
        shape: voxels of the CT along each axis.

    Returns:
        One SVG document, two panels, drawn to scale.
    """
    panels = [_panel(number, geometry, affine, shape) for number in range(len(_PANELS))]
    style = element(
        "style",
        Html(
            ".b{stroke:#8fa3b5;fill:none}.r{stroke:#e69f00;stroke-opacity:.8}.d{stroke:#56b4e9;stroke-width:4}"
            ".s{fill:#e69f00}.i{fill:#f0e442}text{fill:#dfe7ee;font:13px system-ui,'DejaVu Sans',sans-serif}"
            ".h{font-weight:700}.q{fill:#8fa3b5}"
        ),
    )
    back = element("rect", width=_WIDE, height=2 * _HIGH, fill="#0c1116")
    return element(
        "svg", style, back, *panels, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {_WIDE:g} {2 * _HIGH:g}",
        role="img", aria_label=f"Geometry of the {geometry.view} exposure",
    )  # fmt: skip


def _panel(number: int, geometry: Geometry, affine: Vector, shape: tuple[int, ...]) -> Html:
    title, right, down, letters = _PANELS[number]
    rows, columns = geometry.shape
    box = box_corners(affine, shape)
    corners = np.array([geometry.pixel(r, c) for r in (-0.5, rows - 0.5) for c in (-0.5, columns - 0.5)])
    starts = corners - geometry.normal * geometry.source_detector_mm if geometry.parallel else [geometry.source] * 4
    starts = np.array(starts)
    flat = np.concatenate([box, corners, starts]) @ np.stack([right, down], axis=1)
    low, high = flat.min(axis=0), flat.max(axis=0)
    scale = min((_WIDE - 2 * _MARGIN) / (high[0] - low[0]), (_HIGH - 2 * _MARGIN - 20) / (high[1] - low[1]))
    middle = (low + high) / 2

    def at(point: Vector) -> tuple[float, float]:
        x, y = (np.array([point @ right, point @ down]) - middle) * scale
        return float(x + _WIDE / 2), float(y + _HIGH / 2 + 8)

    iso = at(geometry.isocentre)
    drawn = [
        *(_line(at(box[a]), at(box[b]), "b") for a, b in _EDGES),
        *(_line(at(start), at(corner), "r") for start, corner in zip(starts, corners, strict=True)),
        *(_line(at(corners[a]), at(corners[b]), "d") for a, b in ((0, 1), (0, 2), (1, 3), (2, 3))),
        element("circle", cx=f"{iso[0]:.1f}", cy=f"{iso[1]:.1f}", r=3, class_="i"),
        *_words(number, geometry, title, at(geometry.source), letters),
    ]
    return element("g", *drawn, transform=f"translate(0 {number * _HIGH:g})")


def _line(start: tuple[float, float], end: tuple[float, float], kind: str) -> Html:
    ends = {"x1": start[0], "y1": start[1], "x2": end[0], "y2": end[1]}
    return element("line", **{name: f"{value:.1f}" for name, value in ends.items()}, class_=kind)


def _words(number: int, geometry: Geometry, title: str, source: tuple[float, float], letters: str) -> Iterator[Html]:
    yield _text(_MARGIN, 20, f"{geometry.view}, seen {title}", "h")
    for letter, x, y in zip(
        letters, (10, _WIDE - 20, _WIDE / 2, _WIDE / 2), (_HIGH / 2, _HIGH / 2, 36, _HIGH - 6), strict=True
    ):
        yield _text(x, y, letter, "q")
    if not geometry.parallel:
        yield element("circle", cx=f"{source[0]:.1f}", cy=f"{source[1]:.1f}", r=5, class_="s")
    if number == 0:
        told = (
            "parallel rays" if geometry.parallel
            else f"source to detector {geometry.source_detector_mm:.0f} mm, to isocentre (yellow) "
                 f"{geometry.source_isocentre_mm:.0f} mm, magnification {geometry.magnification:.3f}"
        )  # fmt: skip
        yield _text(_MARGIN, _HIGH - 22, told, "q")
    else:
        rows, columns = geometry.shape
        down, along = geometry.pitch_mm
        yield _text(_MARGIN, _HIGH - 22, f"detector (blue) {rows * down:.0f} x {columns * along:.0f} mm", "q")


def _text(x: float, y: float, words: str, kind: str) -> Html:
    return join([element("text", words, x=f"{x:.1f}", y=f"{y:.1f}", class_=kind)])
