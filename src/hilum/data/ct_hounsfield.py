"""Whether voxels are Hounsfield units: air and soft tissue lie 1000 apart, at about -1000 and 50.

The trap this is for: CT-RATE's second release holds Hounsfield units already, and applying its table of slopes and
intercepts once more moves air to about -2024 and soft tissue to about -970.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hilum.core.image import Volume

Scale = Literal["hounsfield", "raw", "twice", "constant", "unknown"]

_MOST_VOXELS = 4_000_000
_BIN, _LOW, _HIGH = 10.0, -20_000.0, 20_000.0
_AIR, _SOFT = (-1100.0, -700.0), (-150.0, 120.0)  # air and lung; fat, muscle and blood
_TISSUE = (0.0, 100.0)
_LEAST = 0.03
"""Share of voxels that must be air or lung, and as many soft tissue, before anything is said about the scale."""
_CLEARLY = 0.08
"""The same for a scale above Hounsfield units: dense bone alone could look like a little soft tissue."""


@dataclass(frozen=True)
class Hounsfield:
    """What the histogram of a CT says about its scale.

    Args:
        scale: 'hounsfield'; 'raw' where everything is too high by `offset`, as stored values are before their
            intercept; 'twice' where everything is too low; 'constant' for a single value; 'unknown' where air and
            soft tissue could not both be found.
        offset_hu: how far the values lie above Hounsfield units.
        lowest, highest: extreme values.
        air_hu, soft_tissue_hu: most frequent value among air and among muscle and blood, None where there is none.
        padding: share of voxels below -1100 (with 'hounsfield'): outside the scanner's field, taken as air.
    """

    scale: Scale
    offset_hu: float
    lowest: float
    highest: float
    air_hu: float | None = None
    soft_tissue_hu: float | None = None
    padding: float = 0.0

    @property
    def wrong(self) -> str:
        """One sentence on what is wrong and what to do, '' where nothing is known to be wrong."""
        if self.scale == "constant":
            return f"every voxel is {self.lowest:g}: there is nothing to project"
        if self.scale == "raw":
            return (
                f"the voxels are not Hounsfield units: air lies near {-1000 + self.offset_hu:.0f} and soft tissue near "
                f"{50 + self.offset_hu:.0f}, so no intercept was applied. "
                f"Give it with --rescale 1,{-self.offset_hu:.0f}"
            )
        if self.scale == "twice":
            return (
                f"the voxels were rescaled twice: air lies near {-1000 + self.offset_hu:.0f} and soft tissue near "
                f"{50 + self.offset_hu:.0f}. If the file holds Hounsfield units and its header says otherwise, use "
                f"--rescale none; if the file itself is shifted, --rescale 1,{-self.offset_hu:.0f}"
            )
        return ""

    @property
    def remark(self) -> str:
        """One sentence on what is worth knowing, '' where there is nothing."""
        if self.scale == "unknown":
            return (
                f"air and soft tissue were not both found among the voxels ({self.lowest:g} to {self.highest:g}), so "
                "nobody checked that they are Hounsfield units"
            )
        if self.padding > 0:
            return f"{self.padding:.1%} of the voxels lie below -1100 HU (padding) and count as air"
        return ""

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def check_hounsfield(volume: Volume) -> Hounsfield:
    """Look at the histogram of a CT and say whether its values are Hounsfield units; loads the voxels."""
    voxels = volume.voxels
    stride = max(1, round((voxels.size / _MOST_VOXELS) ** (1 / 3)))
    seen = voxels[::stride, ::stride, ::stride]
    lowest, highest = float(voxels.min()), float(voxels.max())
    if lowest == highest:
        return Hounsfield("constant", 0.0, lowest, highest)
    counts, edges = np.histogram(seen, bins=round((_HIGH - _LOW) / _BIN), range=(_LOW, _HIGH))
    shares = counts / seen.size
    offsets = np.arange(_LOW + 1200.0, _HIGH - 200.0, _BIN)
    scores = _scores(shares, offsets)
    # Padding, air and soft tissue may stand in steps of 1000: soft tissue is the highest of what there is much of.
    higher = offsets[(scores >= _CLEARLY) & (offsets > _AIR[1] / -2)]
    if not higher.size and float(scores[np.abs(offsets).argmin()]) >= _LEAST:
        air, tissue = _peak(shares, edges, _AIR), _peak(shares, edges, _TISSUE)
        return Hounsfield("hounsfield", 0.0, lowest, highest, air, tissue, float((seen < _AIR[0]).mean()))
    if scores.max() < _LEAST:
        return Hounsfield("unknown", 0.0, lowest, highest)
    top = offsets[scores >= 0.5 * scores.max()].max()
    near = (offsets <= top) & (offsets > top - 400.0)
    offset = _anchored(shares, edges, offsets[near & (scores >= 0.8 * scores[near].max())])
    return Hounsfield("raw" if offset > 0 else "twice", offset, lowest, highest)


def _scores(shares: NDArray[np.float64], offsets: NDArray[np.float64]) -> NDArray[np.float64]:
    """The smaller of the shares that would be air and soft tissue if values lay `offsets` above Hounsfield units."""
    upto = np.concatenate([[0.0], np.cumsum(shares)])

    def within(window: tuple[float, float]) -> NDArray[np.float64]:
        first, last = (np.rint((offsets + edge - _LOW) / _BIN).astype(int) for edge in window)
        inside: NDArray[np.float64] = upto[np.clip(last, 0, shares.size)] - upto[np.clip(first, 0, shares.size)]
        return inside

    return np.minimum(within(_AIR), within(_SOFT))


def _peak(shares: NDArray[np.float64], edges: NDArray[np.float64], window: tuple[float, float]) -> float | None:
    held = (edges[:-1] >= window[0]) & (edges[:-1] < window[1])
    return float(edges[:-1][held][shares[held].argmax()] + _BIN / 2) if shares[held].any() else None


def _anchored(shares: NDArray[np.float64], edges: NDArray[np.float64], offsets: NDArray[np.float64]) -> float:
    """Return the usual offset (1000, 1024, 8192 ...) within the possible ones, else where the muscle peak says."""
    low, high = float(offsets.min()), float(offsets.max())
    for usual in (1024.0, -1024.0, 8192.0, -8192.0, 1000.0, -1000.0):
        if low <= usual <= high:
            return usual
    middle = (low + high) / 2
    peak = _peak(shares, edges, (middle - 50.0, middle + 150.0))
    return round((peak if peak is not None else middle + 50.0) - 50.0, -1)
