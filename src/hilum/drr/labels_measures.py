"""Measures of the silhouette, read from projected labels: heart size, straightness of the spine, left and right."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.drr.labels import Shadow

_VERTEBRA = re.compile(r"(vertebrae_)?([ctl])\d+$", re.IGNORECASE)


@dataclass(frozen=True)
class HeartSize:
    """The cardiothoracic ratio and what it is made of, in pixels.

    Args:
        right_px, left_px: from the midline to the furthest edge of the heart on the patient's right and left.
        chest_px: widest row of the lungs, from edge to edge.
        midline_px: column of the midline, at the middle of the heart.
    """

    right_px: float
    left_px: float
    chest_px: float
    midline_px: float

    @property
    def ratio(self) -> float:
        """(right + left) / chest."""
        return (self.right_px + self.left_px) / self.chest_px


def spine_line(shadows: Mapping[str, Shadow]) -> tuple[float, float]:
    """Return (column at row 0, columns per row) of the straight line through the middles of the vertebrae.

    Raises:
        InputError: with fewer than three vertebrae.
    """
    middles = _vertebrae(shadows)
    if len(middles) < 3:
        raise InputError(f"a line through the spine takes three vertebrae, got {len(middles)}")
    slope, start = np.polyfit(middles[:, 0], middles[:, 1], 1)
    return float(start), float(slope)


def spine_centre_distance(shadows: Mapping[str, Shadow], *, pitch_mm: float = 1.0) -> float:
    """Return the mean distance of the vertebrae's middles from the straight line through them.

    0 is a straight spine; scoliosis raises it. In pixels, or in mm with the pixel pitch given.

    Raises:
        InputError: with fewer than three vertebrae.

    Source: the spine-centre distance of CXAS (Seibold et al., 2022).
    """
    start, slope = spine_line(shadows)
    middles = _vertebrae(shadows)
    away = np.abs(middles[:, 1] - start - slope * middles[:, 0]) / np.hypot(1.0, slope)
    return float(away.mean()) * pitch_mm


def heart_size(
    shadows: Mapping[str, Shadow], *, midline: str = "vertebrae", heart: str = "heart", lungs: str = "lung_overall"
) -> HeartSize:
    """Measure the cardiothoracic ratio of a frontal film with the patient's left on image right.

    Args:
        shadows: heart, lungs, and vertebrae or 'hemidiaphragm_right'.
        midline: 'vertebrae' takes the line through the spine in each row; 'hemidiaphragm' takes the medial edge of
            the right hemidiaphragm, as CXAS does, which moves with every pixel of that mask: prefer the first.
        heart: name of the heart.
        lungs: name of both lungs together.

    Raises:
        InputError: if a structure is missing or empty, or the midline is not known.

    Source: (MRD + MLD) / ID, Danzer, Am J Med Sci 1919;157:513; by masks as in CXAS (Seibold et al., 2022).
    """
    first, last, rows = _edges(_found(shadows, heart))
    if midline == "vertebrae":
        start, slope = spine_line(shadows)
        line = start + slope * rows
    elif midline == "hemidiaphragm":
        edge = _found(shadows, "hemidiaphragm_right").box()
        assert edge is not None
        line = np.full(len(rows), edge.x1 - 0.5)
    else:
        raise InputError(f"the midline is by vertebrae or hemidiaphragm, got '{midline}'")
    left, right, _ = _edges(_found(shadows, lungs))
    return HeartSize(
        right_px=float((line - first).max() + 0.5), left_px=float((last - line).max() + 0.5),
        chest_px=float((right - left).max() + 1), midline_px=float(line.mean()),
    )  # fmt: skip


def check_laterality(shadows: Mapping[str, Shadow]) -> None:
    """Check that the patient's left is on image right of a frontal film, by organs that lie on one side.

    The apex of the heart, stomach and spleen lie on the left, the liver on the right, and so does what is named
    left and right in pairs. A patient with situs inversus fails too, and should be looked at.

    Args:
        shadows: three vertebrae or more, and any of 'heart', 'stomach', 'spleen', 'liver', and pairs of names that
            differ in left and right.

    Raises:
        InputError: if most of this speaks for a mirrored film, if labels and organs disagree, or if there is
            nothing to tell by.
    """
    start, slope = spine_line(shadows)

    def side(shadow: Shadow) -> float:
        rows, columns = np.nonzero(shadow.inside)
        return float(np.mean(columns + shadow.column - start - slope * (rows + shadow.row)))

    organs = {
        name: side(shadows[name]) * (-1 if name == "liver" else 1)
        for name in ("heart", "stomach", "spleen", "liver")
        if name in shadows and shadows[name].inside.any()
    }
    pairs = {}
    for name, shadow in shadows.items():
        other = shadows.get(name.replace("left", "right"))
        if "left" in name and other is not None and shadow.inside.any() and other.inside.any():
            pairs[name] = side(shadow) - side(other)
    if not organs and not pairs:
        raise InputError("nothing here tells left from right: project the heart, stomach, spleen or liver, or a pair")
    wrong = [name for found in (organs, pairs) for name, value in found.items() if value < 0]
    votes = [sum(value > 0 for value in found.values()) * 2 > len(found) for found in (organs, pairs) if found]
    if not all(votes):
        state = "names and organs disagree on left and right" if any(votes) else "the film is mirrored"
        raise InputError(
            f"{state}: on image left, where the patient's right belongs, lie {', '.join(wrong) or 'half of them'}; "
            "check the affine of the CT and the order of its labels (or the patient has situs inversus)"
        )


def _found(shadows: Mapping[str, Shadow], name: str) -> Shadow:
    if name not in shadows or not shadows[name].inside.any():
        raise InputError(f"this measure takes a mask of '{name}', and there is none on the film")
    return shadows[name]


def _vertebrae(shadows: Mapping[str, Shadow]) -> NDArray[np.float64]:
    """Return (N, 2) row and column of the middle of each vertebra's mask."""
    found = [shadow for name, shadow in shadows.items() if _VERTEBRA.match(name) and shadow.inside.any()]
    return np.array(
        [np.argwhere(shadow.inside).mean(axis=0) + (shadow.row, shadow.column) for shadow in found]
    ).reshape(-1, 2)


def _edges(shadow: Shadow) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return first and last column of a mask, and the row, for each row that it has."""
    rows = np.flatnonzero(shadow.inside.any(axis=1))
    inside = shadow.inside[rows]
    first = inside.argmax(axis=1) + shadow.column
    last = inside.shape[1] - 1 - inside[:, ::-1].argmax(axis=1) + shadow.column
    return first, last, rows + shadow.row
