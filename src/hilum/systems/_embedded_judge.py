"""From the network's outputs and the card's thresholds to what is said about a film."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.finding import State
from hilum.core.geometry import Letterbox
from hilum.core.image import MadeBy
from hilum.core.region import Box
from hilum.learn.calibrate import Platt
from hilum.learn.frame import unframe
from hilum.learn.localise import FrameBox, boxes_of, largest
from hilum.systems._embedded_labels import CONCEPTS, FINDINGS, IN_LUNG, VIEWS

Outputs = Mapping[str, NDArray[np.float32]]
LATERAL_REASON = "lateral film: the model reads findings on frontal films only"
TURNED = 0.6
"""Probability from which a quarter or half turn is believed."""


@dataclass(frozen=True)
class FilmFinding:
    """One finding on one film.

    Args:
        concept: name from the vocabulary.
        state: 'present' from the upper threshold, 'absent' below the lower, 'uncertain' between.
        probability: calibrated, [0, 1].
        calibration: id of the calibration.
        boxes: in source pixels, of present findings; score is the calibrated peak of the class map.
    """

    concept: str
    state: State
    probability: float
    calibration: str
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True)
class Assessment:
    """What the model says about one film.

    Args:
        chest: whether the film was read at all.
        reason: why it was refused, '' where it was not.
        view: 'PA', 'AP' or 'lateral'; 'unknown' for a refused film.
        view_probability: of that view, [0, 1].
        lungs: lung field, bool (H, W) of the source, lungs behind heart and diaphragm dome as drawn by V7 Labs;
            None for refused and lateral films.
        findings: those the model may report.
        not_assessed: concept -> reason.
        made_by: model name, version and weight hash.
    """

    chest: bool
    reason: str
    view: str
    view_probability: float
    lungs: NDArray[np.bool_] | None
    findings: tuple[FilmFinding, ...]
    not_assessed: Mapping[str, str] = field(default_factory=dict)
    made_by: MadeBy = MadeBy("hilum-embedded")  # noqa: RUF009


def sigmoid(logit: float | NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the logistic function of a logit, any shape."""
    chance: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(np.asarray(logit, np.float64), -60, 60)))
    return chance


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return probabilities (K,) from logits (K,)."""
    shifted = np.exp(np.asarray(logits, np.float64) - float(np.max(logits)))
    chances: NDArray[np.float64] = shifted / shifted.sum()
    return chances


def refusal(outputs: Outputs, limits: Mapping[str, float]) -> str:
    """Return why the film may not be read, '' if it may.

    Args:
        outputs: of one film.
        limits: 'chest' and 'inverted' probabilities and 'distance' from the card.
    """
    chest = float(sigmoid(outputs["chest"]))
    if chest < limits["chest"]:
        return f"this does not look like a chest radiograph (probability {chest:.2f})"
    turns = softmax(outputs["rotation"])
    quarter = int(np.argmax(turns))
    if quarter and turns[quarter] >= TURNED:
        way = {1: "90 degrees counter-clockwise", 2: "upside down", 3: "90 degrees clockwise"}[quarter]
        said = f"the film looks turned ({way}, probability {turns[quarter]:.2f}), or is no chest film"
        return f"{said}: if it is one, turn it upright and read it again"
    inverted = float(sigmoid(outputs["inverted"]))
    if inverted >= limits["inverted"]:
        return f"the film looks inverted (bone dark, probability {inverted:.2f}): check MONOCHROME1 and read it again"
    if float(outputs["distance"]) > limits["distance"] and VIEWS[int(np.argmax(outputs["view"]))] != "lateral":
        return (
            f"the film is unlike those the model was trained on (feature distance {float(outputs['distance']):.0f}, "
            f"limit {limits['distance']:.0f})"
        )
    return ""


def lung_frame(outputs: Outputs) -> NDArray[np.bool_]:
    """Return the lung field on the frame: bool (size, size), its two largest parts."""
    return largest(outputs["lung"][0] > 0.0)


def lung_source(outputs: Outputs, box: Letterbox) -> NDArray[np.bool_]:
    """Return the lung field on the source film: bool (H, W)."""
    kept = lung_frame(outputs)
    level = 128 + np.rint(np.clip(outputs["lung"][0], -4, 4) * 31)  # 8 bits carry the edge, and resize faster
    soft = np.where(kept, np.maximum(level, 129), np.minimum(level, 127)).astype(np.uint8)
    inside: NDArray[np.bool_] = unframe(soft, box) > 128
    return inside


def finding_boxes(outputs: Outputs, name: str, box: Letterbox, *, keep: int = 3) -> list[FrameBox]:
    """Return boxes in source pixels, with the peak logit as score, for one finding, best first."""
    size = box.size
    within = lung_frame(outputs) if name in IN_LUNG else None
    found = boxes_of(outputs["maps"][FINDINGS.index(name)], size=size, within=within, keep=keep)
    mapped = [FrameBox(*box.to_source(b[:4]), b.score) for b in found]
    return [b for b in mapped if b.x1 - b.x0 >= 1 and b.y1 - b.y0 >= 1]


def findings(outputs: Outputs, box: Letterbox, allowed: Mapping[str, Any]) -> tuple[FilmFinding, ...]:
    """Return the allowed findings: `allowed` maps a concept to its card entry."""
    said = []
    for name, concept in CONCEPTS.items():
        facts = allowed.get(concept)
        if facts is None:
            continue
        fitted = facts["calibration"]
        platt = Platt(fitted["slope"], fitted["offset"], fitted["fitted_on"], fitted["films"], fitted["positives"])
        probability = float(platt(outputs["findings"][FINDINGS.index(name)]))
        low, high = facts["threshold"]
        state: State = "present" if probability >= high else "absent" if probability < low else "uncertain"
        boxes = finding_boxes(outputs, name, box) if state == "present" else []
        marked = tuple(Box(b.x0, b.y0, b.x1, b.y1, score=float(platt(b.score))) for b in boxes)
        said.append(FilmFinding(concept, state, probability, platt.id, marked))
    return tuple(said)
