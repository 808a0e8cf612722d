"""The view, gate, lung field and localisation tables of the model card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.learn.localise import largest
from hilum.measure.binary import box_overlaps
from hilum.measure.stats import mean_interval
from hilum.systems import _embedded_judge as judge
from hilum.systems._embedded_evaluate import Outputs, Seen
from hilum.systems._embedded_labels import CONCEPTS, VIEWS, cluster
from hilum.systems._embedded_scores import round_

PLACED = "hannover, masks put on their films"


def view_table(seen: Sequence[Seen]) -> dict[str, Any]:
    """Return per source the confusion matrix (rows true, columns said: PA, AP, lateral) and the accuracy."""
    table: dict[str, Any] = {}
    for source in ("nih512", "nih64", "hannover", "covid_cc"):
        films = [s for s in seen if s.row.source == source and s.split == "test" and s.row.view]
        true = [2 if s.row.view == "LATERAL" else int(s.row.view.startswith("AP")) for s in films]
        said = [int(np.argmax(s.outputs["view"])) for s in films]
        matrix = np.zeros((3, 3), dtype=int)
        np.add.at(matrix, (true, said), 1)
        if films:
            area = mean_interval(np.equal(true, said).astype(float), [cluster(s.row) for s in films])
            table[source] = {
                "n": len(films), "confusion": matrix.tolist(), "accuracy": round_(area.value),
                "interval": [round_(area.low), round_(area.high)],
                "frontal_or_lateral": round_(float(np.equal(np.equal(true, 2), np.equal(said, 2)).mean())),
            }  # fmt: skip
    return {"classes": list(VIEWS), "sources": table}


def gate_table(seen: Sequence[Seen], changed: Mapping[str, list[Outputs]]) -> dict[str, Any]:
    """Return the limits, how often real test films are refused and how often other pictures are accepted."""
    upright: dict[str, list[float]] = {}
    for item in seen:
        if item.split == "val" and item.row.view != "LATERAL":
            upright.setdefault(item.row.source, []).append(float(item.outputs["distance"]))
    distance = max((float(np.quantile(found, 0.995)) for found in upright.values()), default=1e9)
    limits = {"chest": 0.5, "inverted": 0.5, "distance": round(distance, 2)}
    refused: dict[str, Any] = {}
    for source in sorted({s.row.source for s in seen}):
        films = [s for s in seen if s.row.source == source and s.split in ("test", "boxed")]
        reasons = [judge.refusal(s.outputs, limits) for s in films]
        if reasons:
            kinds = Counter(reason.split(" (")[0] for reason in reasons if reason)
            refused[source] = {"n": len(reasons), "refused": sum(kinds.values()), "reasons": dict(kinds)}
    accepted = {
        name: {"n": len(films), "accepted": sum(not judge.refusal(film, limits) for film in films)}
        for name, films in changed.items()
    }
    rule = "99.5th percentile of validation films, in the source where it is highest"
    return {"limits": limits, "distance_rule": rule, "real_films": refused, "others": accepted}


def lung_table(seen: Sequence[Seen]) -> dict[str, Any]:
    """Return per source the mean Dice of the lung field with its interval; covid_cc is an external test.

    Hannover's masks come twice: as the pack has them, and put back on their films (`data.pack.mask`).
    """
    table = {}
    for source in ("hannover", "covid_cc"):
        films = [s for s in seen if s.row.source == source and s.split == "test" and np.isfinite(s.dice)]
        if films:
            table[source] = _mean_dice(films, [s.dice for s in films])
        if films and source == "hannover" and all(np.isfinite(s.placed) for s in films):
            table[PLACED] = _mean_dice(films, [s.placed for s in films])
    return table


def _mean_dice(films: Sequence[Seen], values: Sequence[float]) -> dict[str, Any]:
    area = mean_interval(np.array(values), [cluster(s.row) for s in films])
    return {
        "n": len(films), "dice": round_(area.value), "interval": [round_(area.low), round_(area.high)],
        "worst": round_(min(values)),
    }  # fmt: skip


def localisation_table(seen: Sequence[Seen]) -> dict[str, Any]:
    """Return per label the share of radiologists' boxes hit, beside two controls that do not look at the maps.

    A box is hit if any of at most 3 boxes of its label meets IoBB >= 0.25 (or IoU >= 0.1). `centre` is one box of
    half the film's width and height in its middle; `lungs` are the two lungs' own boxes.
    """
    alias = {"Infiltrate": "Infiltration"}
    counts: dict[str, dict[str, list[float]]] = {}
    for item in seen:
        if item.split not in ("test", "boxed") or item.row.source != "nih512":
            continue
        for name in sorted({alias.get(b.label, b.label) for b in item.row.boxes} & set(CONCEPTS)):
            corners = np.array([b.corners for b in item.row.boxes if alias.get(b.label, b.label) == name])
            for method, boxes in _boxes_by_method(item, name).items():
                kept = counts.setdefault(name, {}).setdefault(method, [0.0] * 5)
                counts[name][method] = [a + b for a, b in zip(kept, _tally(boxes, corners), strict=True)]
    return {
        name: {
            method: {
                "boxes": int(n), "films": int(f), "iobb_0.25": round_(b / n), "iou_0.1": round_(u / n),
                "false_per_film": round_(w / f),
            }
            for method, (n, b, u, f, w) in methods.items()
        }
        for name, methods in counts.items()
    }  # fmt: skip


def _boxes_by_method(item: Seen, name: str) -> dict[str, NDArray[np.float64]]:
    height, width = item.box.height, item.box.width
    lung = item.outputs["lung"][0] > 0
    lungs = []
    for part in (largest(lung, count=1), lung & ~largest(lung, count=1)):
        rows, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
        if rows.size:
            lungs.append(item.box.to_source((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)))
    found = [b[:4] for b in judge.finding_boxes(item.outputs, name, item.box)]
    return {
        "model": np.array(found, dtype=float).reshape(-1, 4),
        "centre": np.array([[width / 4, height / 4, width * 3 / 4, height * 3 / 4]]),
        "lungs": np.array(lungs, dtype=float).reshape(-1, 4),
    }


def _tally(boxes: NDArray[np.float64], truths: NDArray[np.float64]) -> tuple[float, ...]:
    """Return true boxes, how many were hit by IoBB and by IoU, films (1) and detected boxes that hit nothing."""
    if len(boxes) == 0:
        return (float(len(truths)), 0.0, 0.0, 1.0, 0.0)
    iou, iobb = box_overlaps(boxes, truths)
    missed = float((iobb.max(axis=1) < 0.25).sum())
    return (
        float(len(truths)),
        float((iobb.max(axis=0) >= 0.25).sum()),
        float((iou.max(axis=0) >= 0.1).sum()),
        1.0,
        missed,
    )
