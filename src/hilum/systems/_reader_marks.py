"""Answers of readers scored: boxes matched one to one, and what a report states, read back by the text reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hilum.core.finding import Finding
from hilum.core.region import Box
from hilum.core.study import Study
from hilum.learn.reader.answers import read_answer
from hilum.learn.reader.material import present
from hilum.learn.reader.preset import Preset
from hilum.learn.reader.sample import Sample
from hilum.measure.scored import Floats, Scored, averaged, f1, summed
from hilum.text.findings import to_findings
from hilum.text.parse import parse

IOU = 0.5


def boxes_in(text: str, preset: Preset, sample: Sample) -> tuple[Box, ...]:
    """Return the boxes of an answer, in pixels of the sample's current frontal film."""
    film = next((shown for shown in sample.shown if shown.role == "cur_front"), sample.shown[0])
    return read_answer(text, preset, film).boxes


def matched(true: Sequence[Box], found: Sequence[Box]) -> NDArray[np.float64]:
    """Return the IoU of each true box with the answer's box that is its own, best pairs first; 0 without one: (T,)."""
    gained = np.zeros(len(true))
    if not found:
        return gained
    table = np.array([[one.iou(other) for other in found] for one in true]).reshape(len(true), len(found))
    while table.size and table.max() > 0:
        row, column = np.unravel_index(int(table.argmax()), table.shape)
        gained[row] = table[row, column]
        table[row], table[:, column] = -1.0, -1.0
    return gained


def box_scores(samples: Sequence[Sample], found: Sequence[Sequence[Box]]) -> dict[str, Scored]:
    """Return 'box IoU', mean over true boxes, and 'box F1@.5', matched one to one; boxes have no ranking, so no AP."""
    overlaps = [matched(sample.boxes, boxes) for sample, boxes in zip(samples, found, strict=True)]
    hits = np.array([float((each >= IOU).sum()) for each in overlaps])
    said, there = (np.array([float(len(each)) for each in some]) for some in (found, [s.boxes for s in samples]))
    table = np.stack([hits, said - hits, there - hits], axis=1)

    def combine(sums: Floats) -> Floats:
        return f1(sums[:, 0], sums[:, 1], sums[:, 2])

    return {
        "box IoU": averaged("box IoU", [float(each.mean()) for each in overlaps], "matched one to one"),
        "box F1@.5": summed("box F1@.5", combine(table), table, combine, "IoU 0.5, matched one to one"),
    }


def stated(text: str) -> dict[tuple[str, str], str]:
    """Return what a text says of each concept and side: 'present', 'absent' or 'uncertain', by the text reader."""
    found: dict[tuple[str, str], str] = {}
    for finding in to_findings(parse({"findings": text, "impression": ""})):
        key = (finding.concept, side_of(finding) if finding.state == "present" else "")
        found[key] = finding.state
    return found


def side_of(finding: Finding) -> str:
    """Return 'left', 'right' or ''."""
    words = {word for site in finding.sites for word in site.split()}
    return next((side for side in ("left", "right") if side in words), "")


def fact_f1(samples: Sequence[Sample], texts: Sequence[str], studies: Mapping[str, Study]) -> Scored:
    """Return the F1 of present findings with their sides in generated reports, by the text reader."""
    rows = []
    for sample, text in zip(samples, texts, strict=True):
        true = {(finding.concept, side_of(finding)) for finding in present(studies[sample.study])}
        said = {key for key, state in stated(text).items() if state == "present"}
        rows.append([len(true & said), len(said - true), len(true - said)])
    table = np.array(rows, dtype=np.float64)

    def combine(sums: Floats) -> Floats:
        return f1(sums[:, 0], sums[:, 1], sums[:, 2])

    return summed("fact F1", combine(table), table, combine, "findings with sides, read back from the text")
