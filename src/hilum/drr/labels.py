"""Labels of a film that come through the same rays as its pixels: masks, boxes, contours, path lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.equality import ArrayRecord, read_only
from hilum.core.errors import InputError, need
from hilum.core.region import Box, Mask, Points
from hilum.drr.anatomy import Anatomy
from hilum.drr.anatomy_rules import RULES, Rule, available
from hilum.drr.field import Structures
from hilum.drr.geometry import Geometry
from hilum.drr.structures import path_lengths

SMALL_PIECE = 0.05  # of the largest piece; smaller ones are dropped where all pieces are kept
THIN_SHARE = 0.1  # of a thin structure's usual path length


@dataclass(frozen=True, eq=False)
class Shadow(ArrayRecord):
    """One structure on one film, cut to where it is.

    Args:
        name: of the structure or class.
        path_mm: float32 (h, w) length of each ray inside it.
        inside: bool (h, w) its mask.
        row, column: where pixel (0, 0) of both lies on the film.
        shape: (rows, columns) of the film.
        image: id of the film.
    """

    name: str
    path_mm: NDArray[np.float32]
    inside: NDArray[np.bool_]
    row: int
    column: int
    shape: tuple[int, int]
    image: str = ""

    def __post_init__(self) -> None:
        for key in ("path_mm", "inside"):
            object.__setattr__(self, key, read_only(np.ascontiguousarray(getattr(self, key))))

    def path_lengths(self) -> NDArray[np.float32]:
        """Return (H, W) float32 path length in mm on the whole film."""
        out = np.zeros(self.shape, np.float32)
        out[self._place] = self.path_mm
        return out

    def mask(self) -> Mask:
        """Return the mask on the whole film, with the film's id and this name."""
        out = np.zeros(self.shape, np.bool_)
        out[self._place] = self.inside
        return Mask(out, image=self.image, label=self.name)

    def box(self) -> Box | None:
        """Return the tight box in pixels of the film; None if the mask is empty."""
        rows, columns = np.flatnonzero(self.inside.any(1)), np.flatnonzero(self.inside.any(0))
        if not rows.size:
            return None
        return Box(
            float(columns[0] + self.column), float(rows[0] + self.row), float(columns[-1] + 1 + self.column),
            float(rows[-1] + 1 + self.row), image=self.image,
        )  # fmt: skip

    def contours(self, *, tolerance_px: float = 0.5) -> list[Points]:
        """Return closed outlines of the mask, outer ones and holes, the longest first.

        Args:
            tolerance_px: how far a simplified outline may run from the true one; 0 keeps every corner.

        Returns:
            Points (N, 2) as (x, y), at the outer edges of the mask's pixels.

        Raises:
            MissingError: if scikit-image is not installed.
        """
        try:
            from skimage import measure as outlines
        except ImportError:
            raise need("scikit-image", "drr", "outlines of a mask") from None
        measure: Any = outlines
        lines = measure.find_contours(np.pad(self.inside, 2).astype(np.float32), 0.5)
        found = []
        for line in sorted(lines, key=len, reverse=True):
            kept = measure.approximate_polygon(line, tolerance_px) if tolerance_px > 0 else line
            if len(kept) > 3:
                xy = kept[:-1, ::-1] - 1.5 + (self.column, self.row)
                found.append(Points(xy, closed=True))
        return found

    @property
    def area_px(self) -> int:
        """Number of pixels of the mask."""
        return int(self.inside.sum())

    @property
    def _place(self) -> tuple[slice, slice]:
        rows, columns = self.inside.shape
        return slice(self.row, self.row + rows), slice(self.column, self.column + columns)


def shadow_mask(path_mm: NDArray[np.float32], rule: Rule) -> NDArray[np.bool_]:
    """Return the mask (h, w) of a path-length map in mm, by a rule: threshold, pieces, holes.

    Rays that graze a solid structure are left out. A thin one keeps all rays over a tenth of its usual (90th
    percentile) path length, at most `rule.least_mm`.
    """
    from scipy import ndimage

    crossed = path_mm[path_mm > 0]
    if not crossed.size:
        return np.zeros(path_mm.shape, np.bool_)
    least = rule.least_mm
    if rule.thin:
        least = min(least, THIN_SHARE * float(np.quantile(crossed, 0.9)))
    mask: NDArray[np.bool_] = path_mm >= least
    parts, count = ndimage.label(mask, np.ones((3, 3)))
    if count > 1:
        sizes = np.bincount(parts.ravel())[1:]
        order = np.argsort(-sizes, kind="stable")
        kept = order[: rule.pieces] if rule.pieces else np.flatnonzero(sizes >= SMALL_PIECE * sizes.max())
        mask = np.isin(parts, kept + 1)
    return np.asarray(ndimage.binary_fill_holes(mask) if rule.fill else mask, np.bool_)


def shadows(
    structures: Structures,
    geometry: Geometry,
    names: Sequence[str] | None = None,
    *,
    rule: Rule | None = None,
    image: str = "",
) -> dict[str, Shadow]:
    """Project structures as they are, each one or each group by name.

    Args:
        structures: named structures.
        geometry: of the film.
        names: structure names, or the beginning of several ('lungs', 'ribs'), which are then taken together; None
            takes each one that is present by itself.
        rule: how a path length becomes a mask; None treats ribs, clavicles, scapulae and cartilages as thin and all
            else as solid.
        image: id of the film.

    Returns:
        Shadows by name, in order. A structure that no ray meets has an empty mask of one pixel.

    Raises:
        InputError: if nothing has such a name.
    """
    groups = {name: structures.wanted([name]) for name in names or ()} or {
        structures.names.get(number, str(number)): (number,)
        for number in structures.keep("present", structures.present)
    }
    ids = sorted({number for group in groups.values() for number in group})
    lengths = dict(zip(ids, path_lengths(structures, geometry, ids), strict=True))
    return {
        name: _shadow(name, [lengths[number] for number in group], rule or rule_for(name), image)
        for name, group in groups.items()
    }


def rule_for(name: str) -> Rule:
    """Return the rule for a structure by TotalSegmentator's name."""
    thin = name.startswith(("rib", "clavic", "scapula", "costal"))
    paired = name.rstrip("s") in ("lung", "kidney", "humerus", "autochthon", "adrenal_gland")
    return Rule(thin=True, least_mm=1.0, pieces=0, fill=False) if thin else Rule(pieces=0 if paired else 1)


def class_shadows(
    anatomy: Anatomy, geometry: Geometry, names: Sequence[str] | None = None, *, image: str = ""
) -> dict[str, Shadow]:
    """Project classes of PAXRay by the rules of `anatomy_rules.RULES`.

    Args:
        anatomy: from `anatomy.anatomy`.
        geometry: of the film.
        names: classes; None takes all that this CT can make.
        image: id of the film.

    Returns:
        Shadows by class. They overlap.

    Raises:
        InputError: if a class is not known, or this CT cannot make it.
    """
    there = available(anatomy)
    for name in names or ():
        if name not in there:
            known = "this CT cannot make it (see anatomy_rules.missing)" if name in RULES else "it is not known"
            raise InputError(f"class '{name}' cannot be projected: {known}; there are: {', '.join(there)}")
    wanted = list(dict.fromkeys(names)) if names is not None else list(there)
    needed = _needed(wanted)
    lengths: dict[str, NDArray[np.float32]] = {}
    for index, layer in enumerate(anatomy.layers):
        parts = {name: place[1] for name, place in anatomy.parts.items() if place[0] == index and name in needed}
        order = sorted(parts, key=lambda part: parts[part])
        lengths |= dict(zip(order, path_lengths(layer, geometry, [parts[name] for name in order]), strict=True))
    made: dict[str, Shadow] = {}

    def make(name: str) -> Shadow:
        if name not in made:
            rule = RULES[name]
            if rule.union_of:
                made[name] = _joined(name, [make(part) for part in rule.union_of if part in there])
            else:
                pieces = [lengths[part] for part in rule.parts if part in lengths]
                made[name] = _shadow(name, pieces, rule, image)
        return made[name]

    return {name: make(name) for name in wanted}


def _needed(names: Sequence[str]) -> set[str]:
    """Return the parts that some classes and the classes they join are made of."""
    found: set[str] = set()
    for name in names:
        found |= set(RULES[name].parts) | _needed(RULES[name].union_of)
    return found


def _shadow(name: str, lengths: Sequence[NDArray[np.float32]], rule: Rule, image: str) -> Shadow:
    """Add up the path lengths (H, W) of some parts, cut them to where they are, and make the mask."""
    shape = (lengths[0].shape[0], lengths[0].shape[1])
    boxes = [box for box in map(_extent, lengths) if box is not None]
    if not boxes:
        return Shadow(name, np.zeros((1, 1), np.float32), np.zeros((1, 1), np.bool_), 0, 0, shape, image)
    top, left = min(box[0] for box in boxes), min(box[2] for box in boxes)
    place = slice(top, max(box[1] for box in boxes)), slice(left, max(box[3] for box in boxes))
    path: NDArray[np.float32] = lengths[0][place].copy()
    for other in lengths[1:]:
        path += other[place]
    return Shadow(name, path, shadow_mask(path, rule), top, left, shape, image)


def _extent(path: NDArray[np.float32]) -> tuple[int, int, int, int] | None:
    rows = np.flatnonzero(path.any(axis=1))
    if not rows.size:
        return None
    columns = np.flatnonzero(path[rows[0] : rows[-1] + 1].any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _joined(name: str, shadows: Sequence[Shadow]) -> Shadow:
    """Join masks and add path lengths."""
    top, left = min(part.row for part in shadows), min(part.column for part in shadows)
    bottom = max(part.row + part.inside.shape[0] for part in shadows)
    right = max(part.column + part.inside.shape[1] for part in shadows)
    path, inside = np.zeros((bottom - top, right - left), np.float32), np.zeros((bottom - top, right - left), np.bool_)
    for part in shadows:
        rows, columns = part.inside.shape
        place = slice(part.row - top, part.row - top + rows), slice(part.column - left, part.column - left + columns)
        path[place] += part.path_mm
        inside[place] |= part.inside
    return Shadow(name, path, inside, top, left, shadows[0].shape, shadows[0].image)
