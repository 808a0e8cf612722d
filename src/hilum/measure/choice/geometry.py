"""The maker of geometry: in which range a measure lies, and on which side what lies higher."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hilum.measure.choice.facts import EXTENT, Facts, Measured
from hilum.measure.choice.frame import OPTIONS, Frame, Read, Reading

_FEWEST = 24  # studies that have a measure, for it to be asked
_MARGIN = 0.08  # of a range's width: nearer to an end than this, a value is not asked about
_EDGES = {"cardiothoracic ratio": (0.35, 0.45, 0.50, 0.57, 0.70)}
"""Ranges that readers know: a ratio of one half parts the normal heart from the large one (Danzer 1919)."""
_ASKED = {
    "cardiothoracic ratio": ("In which range does the cardiothoracic ratio lie?", "What is the cardiothoracic ratio?",
                             "Which range holds the cardiothoracic ratio?"),
    EXTENT: ("How long is the {name} on its longer side?", "What is the longer side of the {name}?",
             "In which range does the extent of the {name} lie?"),
}  # fmt: skip
_OTHER = ("What is the {measure} of the {name}?", "In which range does the {measure} of the {name} lie?",
          "Which range holds the {measure} of the {name}?")  # fmt: skip


def geometry(cohort: Sequence[Facts], rng: np.random.Generator) -> list[Frame]:
    """Return one frame for each measure that enough studies have, with four ranges that follow one another.

    Ranges are those that readers know where there are such, else they part the cohort in four about equal parts.

    Args:
        cohort: for its measures.
        rng: not drawn from; every maker takes one.
    """
    frames = []
    for name, measure in sorted({key for facts in cohort for key in facts.measures}):
        found = [facts.measures[name, measure] for facts in cohort if (name, measure) in facts.measures]
        values, unit = np.array([each.value for each in found]), found[0].unit
        edges = _EDGES.get(measure) or quarters(values, least=2 * max(each.step for each in found))
        if len(values) < _FEWEST or edges is None or len({each.unit for each in found}) > 1:
            continue
        stems = tuple(stem.format(name=name, measure=measure) for stem in _ASKED.get(measure, _OTHER))
        frames.append(Frame("geometry", measure, stems, ranges(edges, unit), _within(name, measure, edges)))
    return frames


def quarters(values: NDArray[np.float64], *, least: float = 0.0) -> tuple[float, ...] | None:
    """Return five edges of four ranges on round figures: a quarter of the values in each, or else equally wide.

    Args:
        values: (N,) measured, one or more.
        least: width that each range must have: what cannot be told apart is not asked.

    Returns:
        Edges that rise, or None where there are no four ranges of that width.
    """
    low, high = float(values.min()), float(values.max())
    step = 10.0 ** np.floor(np.log10(max(high - low, 1e-9) / 4))
    for cuts in (np.percentile(values, (0, 25, 50, 75, 100)), np.linspace(low, high, OPTIONS + 1)):
        inner = np.round(cuts[1:-1] / step) * step
        edges = (np.floor(low / step) * step, *inner, np.ceil(high / step) * step)
        if all(above - below >= max(least, step / 2) for below, above in pairwise(edges)):
            return tuple(round(float(edge), 6) for edge in edges)
    return None


def ranges(edges: Sequence[float], unit: str) -> tuple[str, ...]:
    """Return the texts of the ranges between edges, all written with as many decimals."""
    digits = max(len(f"{edge:.6f}".rstrip("0").partition(".")[2]) for edge in edges)
    told = "" if unit in ("", "1") else f" {unit}"
    return tuple(f"{edges[at]:.{digits}f} to {edges[at + 1]:.{digits}f}{told}" for at in range(OPTIONS))


def _within(name: str, measure: str, edges: Sequence[float]) -> Read:
    def read(facts: Facts) -> Reading | None:
        value = facts.measures.get((name, measure), Measured(float("nan"), "")).value
        for at in range(OPTIONS):
            margin = _MARGIN * (edges[at + 1] - edges[at])
            if edges[at] + margin <= value <= edges[at + 1] - margin:
                return Reading(at, tuple(_why(measure, value, at, each) for each in range(OPTIONS)), ", as measured")
        return None

    return read


def _why(measure: str, value: float, true: int, at: int) -> str:
    said = f"the {measure} is {value:.2f}" if value < 1 else f"the {measure} is {value:.0f}"
    return said if at == true else f"{said}, which is {'more' if at < true else 'less'}"
