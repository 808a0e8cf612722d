"""Films on a page: the inline picture, its orientation letters and the drawing over it."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image as Picture

from hilum.app.markup import Html, element, join
from hilum.app.outline import outlines
from hilum.core.finding import Finding
from hilum.core.geometry import FRONTAL, LATERAL, opposite
from hilum.core.image import Image
from hilum.core.region import Box, Mask, Points, Region

LONG_SIDE = 1400
FILM_BYTES = 680_000
"""Most bytes of one JPEG: base64 adds a third, and a page must stay below 1 MB per film."""


@dataclass(frozen=True)
class Drawn:
    """A finding's regions on one film: its number on the page, or 0 for a prior's own finding."""

    number: int
    finding: Finding
    regions: tuple[Region, ...]


def hung(films: Sequence[Image]) -> list[Image]:
    """Return films in hanging order: frontal left, lateral right, others after, otherwise as given."""
    return sorted(films, key=lambda film: 0 if film.view in FRONTAL else 2 if film.view in LATERAL else 1)


def _grey(film: Image, long_side: int) -> Picture.Image:
    """Return a film as an 8-bit picture whose longest side is at most `long_side`."""
    shown = np.multiply(film.display(), 255.0)
    picture = Picture.fromarray(np.rint(shown, out=shown).astype(np.uint8))
    ratio = long_side / max(picture.size)
    if ratio >= 1:
        return picture
    size = (max(1, round(picture.width * ratio)), max(1, round(picture.height * ratio)))
    return picture.resize(size, Picture.Resampling.LANCZOS, reducing_gap=2.0)


def _jpeg(picture: Picture.Image, limit: int) -> bytes:
    """Return JPEG bytes within `limit`, giving up quality first and size after."""
    while True:
        for quality in (92, 84, 70, 50):
            buffer = io.BytesIO()
            picture.save(buffer, "JPEG", quality=quality)
            if buffer.tell() <= limit:
                return buffer.getvalue()
        picture = picture.resize((max(1, picture.width * 2 // 3), max(1, picture.height * 2 // 3)))


def inline(film: Image, *, long_side: int = LONG_SIDE, limit: int = FILM_BYTES) -> str:
    """Return a film as a `data:` address of a grey JPEG, as a viewer shows it and without any metadata.

    Args:
        film: the radiograph; polarity and window are applied by `Image.display`.
        long_side: longest side in pixels; smaller films keep their size.
        limit: most bytes of the JPEG.
    """
    return "data:image/jpeg;base64," + base64.b64encode(_jpeg(_grey(film, long_side), limit)).decode("ascii")


def letters(film: Image) -> tuple[str, str, str, bool]:
    """Return the directions shown at the left, right and lower edge, and whether they are only assumed.

    A frontal film without orientation is assumed to hang as usual, patient's right on image left;
    for other views nothing is assumed and the letters are ''.
    """
    if film.orientation:
        row, column = film.orientation
        return opposite(row), row, column if column != "F" else "", False
    return ("R", "L", "", True) if film.view in FRONTAL else ("", "", "", False)


def spacing(film: Image) -> str:
    """Return the pixel spacing with the plane it holds in, e.g. '0.143 x 0.143 mm at detector'."""
    if film.spacing_mm is None:
        return "pixel spacing unknown"
    plane = "at detector" if film.spacing_plane == "detector" else "in the patient"
    row, column = film.spacing_mm
    return f"{row:.4g} × {column:.4g} mm {plane}"


def _path(region: Mask | Points, shape: tuple[int, int]) -> str:
    """Return the SVG path of a mask's borders or of a polyline, in pixels of the film."""
    if isinstance(region, Points):
        pieces, closed = [region.xy], region.closed
    else:
        if region.pixels.ndim != 2:
            return ""
        scale = (shape[1] / region.pixels.shape[1], shape[0] / region.pixels.shape[0])
        pieces, closed = [ring * scale for ring in outlines(region.pixels)], True
    draw = []
    for piece in pieces:
        steps = " ".join(f"{x:.1f} {y:.1f}" for x, y in piece.tolist())
        draw.append(f"M{steps}{'Z' if closed else ''}")
    return "".join(draw)


def _extent(region: Region, shape: tuple[int, int]) -> tuple[float, float, float] | None:
    """Return left, top and right edge of a region in pixels of the film, or None for an empty one."""
    if isinstance(region, Points):
        x, y = region.xy[:, 0], region.xy[:, 1]
        return (float(x.min()), float(y.min()), float(x.max())) if len(region.xy) else None
    if isinstance(region, Box):
        return region.x0, region.y0, region.x1
    box = region.box() if region.pixels.ndim == 2 else None
    if box is None:
        return None
    across, down = shape[1] / region.pixels.shape[1], shape[0] / region.pixels.shape[0]
    return box.x0 * across, box.y0 * down, box.x1 * across


def _mark(drawn: Drawn, place: int, shape: tuple[int, int]) -> Html | None:
    """Draw one region with its label; a second region has the number only.

    The label starts at the region's left edge, or ends at its right edge far right on the film, and
    stands above it where there is room: so it stays on the film at any letter size.
    """
    region = drawn.regions[place]
    extent = _extent(region, shape)
    if extent is None:
        return None
    left, top, right = extent
    if isinstance(region, Box):
        size = {"width": f"{region.x1 - region.x0:.1f}", "height": f"{region.y1 - region.y0:.1f}"}
        drawing = element("rect", x=f"{region.x0:.1f}", y=f"{region.y0:.1f}", **size)
    else:
        drawing = element("path", d=_path(region, shape))
    state = {"uncertain": " ?", "absent": " (absent)"}.get(drawn.finding.state, "")
    label = f"{drawn.number or 'prior:'} {drawn.finding.concept}{state}" if place == 0 else f"{drawn.number or 'prior'}"
    west = left < 0.6 * shape[1]
    caption = element(
        "text",
        label,
        x=f"{max(left, 0) if west else min(right, shape[1]):.1f}",
        y=f"{max(top, 0):.1f}",
        dx=".2em" if west else "-.2em",
        dy="-.35em" if top > shape[0] / 16 else "1.1em",
        text_anchor=None if west else "end",
    )
    return element("g", drawing, caption, class_=f"mark {drawn.finding.state}", data_f=drawn.number or None)


def overlay(
    shape: tuple[int, int], drawn: Sequence[Drawn], fields: Sequence[Mask], *, under: Html | None = None
) -> Html:  # fmt: skip
    """Return the SVG over a film: lung fields, then each finding's regions, in pixels of the film.

    Args:
        shape: (H, W) of the film.
        drawn: regions of findings on this film.
        fields: anatomy masks of this film; scaled where their size differs from the film's.
        under: SVG drawn first, e.g. a map.
    """
    anatomy = [
        element("path", element("title", mask.label or "lung field"), class_="field", d=path)
        for mask in fields
        if (path := _path(mask, shape))
    ]
    marks = [_mark(item, place, shape) for item in drawn for place in range(len(item.regions))]
    return element(
        "svg",
        under,
        *anatomy,
        *marks,
        class_="overlay",
        viewBox=f"0 0 {shape[1]} {shape[0]}",
        aria_hidden="true",
    )


def _frame(film: Image, alt: str, drawing: Html) -> Html:
    """Return picture and drawing in one box of the film's shape, with its permanent corner marks."""
    height, width = film.pixels.shape
    left, right, lower, assumed = letters(film)
    note = element("small", "assumed") if assumed else None
    corners = [
        element("span", left, note, class_="corner left") if left else None,
        element("span", right, note, class_="corner right") if right else None,
        element("span", lower, class_="corner lower") if lower else None,
        element("span", "SYNTHETIC", class_="synthetic") if film.synthetic else None,
    ]
    picture = element("img", src=inline(film), alt=alt, width=width, height=height, draggable="false")
    layer = element("div", picture, drawing, class_="layer")
    return element(
        "div",
        layer,
        *corners,
        class_="frame",
        style=f"--w:{width};--h:{height};--label:{max(width, height) / 42:.1f}px",
    )


def figure(
    film: Image,
    *,
    name: str,
    when: str,
    drawn: Sequence[Drawn] = (),
    fields: Sequence[Mask] = (),
    refusal: str = "",
    under: Html | None = None,
) -> Html:
    """Return one film as a figure: picture, drawing, corner letters and a caption.

    Args:
        film: the radiograph.
        name: shown file name.
        when: 'current' or how long before, e.g. 'prior, 28 days earlier'.
        drawn, fields: what to draw over it.
        refusal: why it was not read, or ''.
        under: SVG over the film and under its drawings.
    """
    shape = (film.pixels.shape[0], film.pixels.shape[1])
    view = film.view if film.view != "unknown" else "view unknown"
    made = "Synthetic chest radiograph" if film.synthetic else "Chest radiograph"
    alt = f"{made}, {view}, {when}: {name}" + (" (not read)" if refusal else "")
    caption = join(
        [
            element("b", when.capitalize()),
            element("span", view),
            element("span", name, class_="file", title=name),
            element(
                "button",
                "⤢",
                type="button",
                class_="solo needs-js",
                title="Show this film alone (f)",
                aria_pressed="false",
            ),
        ]
    )
    refused = element("p", element("b", "Not read. "), refusal, class_="refusal") if refusal else None
    port = element("div", _frame(film, alt, overlay(shape, drawn, fields, under=under)), class_="port")
    return element(
        "figure", element("figcaption", caption), refused, port, class_="film refused" if refusal else "film"
    )


def regions_on(film: Image, findings: Sequence[tuple[int, Finding]]) -> list[Drawn]:
    """Return what to draw on a film: the findings with a region that names it."""
    found = []
    for number, finding in findings:
        here = tuple(region for region in finding.regions if film.id and region.image == film.id)
        if here:
            found.append(Drawn(number, finding, here))
    return found


def fields_of(films: Sequence[Image], masks: Sequence[Mask]) -> Mapping[str, list[Mask]]:
    """Return the anatomy masks of each film by film id."""
    return {film.id: [mask for mask in masks if film.id and mask.image == film.id] for film in films}
