"""A film with its findings drawn on it: boxes, labels, mask outlines and the caution, as 8-bit RGB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.image import Image, MadeBy
from hilum.core.region import Box, Mask, Points
from hilum.io.derived import CAUTION

if TYPE_CHECKING:
    from PIL import Image as PillowImage
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

Rgb = tuple[int, int, int]

COLOURS: tuple[Rgb, ...] = ((230, 159, 0), (86, 180, 233), (0, 200, 140), (240, 228, 66), (213, 94, 0), (204, 121, 167))
"""Okabe and Ito's colours, told apart with any colour vision; blue and green lightened for a dark film."""

MASK_COLOUR: Rgb = (120, 220, 232)


def paint(
    image: Image,
    findings: Sequence[Finding],
    masks: Sequence[Mask] = (),
    *,
    opacity: float = 0.9,
    longest: int | None = None,
    made_by: MadeBy | None = None,
) -> NDArray[np.uint8]:
    """Draw findings and masks over a film.

    Args:
        image: the film, shown as `Image.display` shows it.
        findings: regions on this image are outlined and labelled; others are left out.
        masks: bool (H, W) on the film, drawn as contours.
        opacity: how strongly drawings cover the film, [0, 1]; the caution is always opaque.
        longest: longer side of the result in pixels; None keeps the film's size. A film is never enlarged.
        made_by: named beside the caution.

    Returns:
        uint8 (H, W, 3), RGB.

    Raises:
        InputError: if the opacity is out of range or a mask has another size than the film.
    """
    from PIL import Image as Pillow
    from PIL import ImageDraw

    if not 0.0 <= opacity <= 1.0:
        raise InputError(f"opacity must lie in [0, 1], got {opacity}")
    grey = (image.display() * 255.0 + 0.5).astype(np.uint8)
    for mask in masks:
        if mask.pixels.shape != grey.shape:
            raise InputError(f"mask '{mask.label}' is {mask.pixels.shape} but the film is {grey.shape}")
    scale = min(1.0, longest / max(grey.shape)) if longest else 1.0
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    film = Pillow.fromarray(grey)
    film = (film.resize(size, Pillow.Resampling.BOX) if scale < 1.0 else film).convert("RGB")
    drawn = film.copy() if opacity < 1.0 else film
    thick = max(1, round(max(size) / 500))
    for mask in masks:
        _contour(drawn, mask, thick)
    pen = ImageDraw.Draw(drawn)
    _findings(pen, image, findings, (size[0] / grey.shape[1], size[1] / grey.shape[0]), thick)
    if opacity < 1.0:
        drawn = Pillow.blend(film, drawn, opacity)
    _caution(drawn, made_by)
    return np.asarray(drawn, dtype=np.uint8)


def _contour(picture: PillowImage.Image, mask: Mask, thick: int) -> None:
    """Colour the pixels of the mask that lie within `thick` of its outside."""
    from PIL import Image as Pillow

    shape = Pillow.fromarray(mask.pixels.astype(np.uint8) * 255)
    if shape.size != picture.size:
        shape = shape.resize(picture.size, Pillow.Resampling.NEAREST)
    inside = np.asarray(shape) > 0
    # Erosion by a square, one axis after the other; the film's own edge is no edge of the mask.
    down = inside.copy()
    for step in range(1, thick + 1):
        down[step:] &= inside[:-step]
        down[:-step] &= inside[step:]
    core = down.copy()
    for step in range(1, thick + 1):
        core[:, step:] &= down[:, :-step]
        core[:, :-step] &= down[:, step:]
    picture.paste(MASK_COLOUR, mask=Pillow.fromarray((inside & ~core).astype(np.uint8) * 255))


def _findings(
    pen: ImageDraw, image: Image, findings: Sequence[Finding], scale: tuple[float, float], thick: int
) -> None:
    sized = _font(max(12, round(max(pen.im.size) / 60)))
    taken: list[tuple[float, float, float, float]] = []
    for number, finding in enumerate(findings):
        colour = COLOURS[number % len(COLOURS)]
        for region in finding.regions:
            if region.image not in ("", image.id):
                continue
            box = _drawn_box(region)
            if box is not None:
                x0, y0, x1, y1 = (edge * scale[i % 2] for i, edge in enumerate(box.corners))
                pen.rectangle((x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), outline=colour, width=thick)
                _label(pen, f"{number + 1} {words(finding)}", (x0, y0), colour, sized, taken)


def _drawn_box(region: Box | Mask | Points) -> Box | None:
    if isinstance(region, Box):
        return region
    if isinstance(region, Mask):
        return region.box()
    low, high = region.xy.min(0), region.xy.max(0)
    return Box(*low.tolist(), *high.tolist()) if (high > low).all() else None


def words(finding: Finding) -> str:
    """Return the few words that stand at a box: state where not present, concept, probability."""
    state = {"present": "", "absent": "no ", "uncertain": "possible "}[finding.state]
    chance = "" if finding.probability is None else f" {finding.probability:.2f}"
    return f"{state}{finding.concept}{chance}"


def _label(
    pen: ImageDraw,
    text: str,
    corner: tuple[float, float],
    colour: Rgb,
    font: FreeTypeFont | ImageFont,
    taken: list[tuple[float, float, float, float]],
) -> None:
    """Write a label above its box, inside the picture and not over an earlier label."""
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    width, height = right - left + 6, bottom - top + 6
    x = min(max(0.0, corner[0]), max(0.0, pen.im.size[0] - width))
    y = max(0.0, corner[1] - height)
    while any(x < b[2] and b[0] < x + width and y < b[3] and b[1] < y + height for b in taken):
        y += height
    taken.append((x, y, x + width, y + height))
    pen.rectangle((x, y, x + width - 1, y + height - 1), fill=(0, 0, 0))
    pen.text((x + 3 - left, y + 3 - top), text, fill=colour, font=font)


def _caution(picture: PillowImage.Image, made_by: MadeBy | None) -> None:
    """Burn the caution into the lower left corner, small enough to fit the width."""
    from PIL import ImageDraw

    pen = ImageDraw.Draw(picture)
    text = f"{CAUTION} · {made_by}" if made_by else CAUTION
    size = max(11, round(max(picture.size) / 70))
    font = _font(size)
    wide = pen.textlength(text, font=font)
    if wide > picture.width - 8:
        size = max(5, int(size * (picture.width - 8) / wide))
        font = _font(size)
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    y = picture.height - (bottom - top) - 8
    pen.rectangle((0, y, right - left + 8, picture.height), fill=(0, 0, 0))
    pen.text((4 - left, y + 4 - top), text, fill=(255, 255, 255), font=font)


def _font(size: int) -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size=size)
