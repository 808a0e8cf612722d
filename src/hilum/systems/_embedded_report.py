"""Print the model card or recompute it: `python -m hilum.systems.embedded --report | --evaluate --data ROOT`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hilum.core.errors import InputError

RULES = {"Evidence": "evidence_rule", "Contradiction": "contradiction_rule", "Thresholds": "threshold_rule"}


def _number(value: float | None) -> str:
    return "  -  " if value is None else f"{value:.3f}"


def _findings(card: Mapping[str, Any]) -> Iterator[str]:
    columns = "AUROC [95 % interval]     AP    ECE   sens/spec at present"
    yield f"{'finding':20} {'source':36} {'n':>4} {'pos':>4}  {columns}"
    for concept, rows in card["finding_rows"].items():
        for row in rows:
            low, high = row["interval"]
            point = row.get("at_present", {})
            yield (
                f"{concept:20} {row['source']:36} {row['n']:4d} {row['positives']:4d}  {_number(row['auroc'])} "
                f"[{_number(low)}, {_number(high)}]  {_number(row['average_precision'])} "
                f"{_number(row.get('calibration_error'))}  "
                f"{_number(point.get('sensitivity'))}/{_number(point.get('specificity'))}"
            )
    yield ""
    yield f"Reported: {', '.join(card['findings']) or 'none'}"
    for concept, reason in card["not_assessed"].items():
        yield f"Not assessed: {concept}: {reason}"


def _rest(card: Mapping[str, Any]) -> Iterator[str]:
    for source, row in card["view"]["sources"].items():
        low, high = row["interval"]
        yield (
            f"View {source}: accuracy {_number(row['accuracy'])} [{_number(low)}, {_number(high)}], n {row['n']}, "
            f"true PA/AP/lateral x said {row['confusion']}"
        )
    for source, row in card["lungs"].items():
        low, high = row["interval"]
        yield (
            f"Lung field {source}: Dice {_number(row['dice'])} [{_number(low)}, {_number(high)}], n {row['n']}, "
            f"worst {_number(row['worst'])}"
        )
    for source, row in card["gate"]["real_films"].items():
        yield f"Gate {source}: {row['refused']} of {row['n']} real films refused {row['reasons'] or ''}"
    for name, row in card["gate"]["others"].items():
        yield f"Gate {name}: {row['accepted']} of {row['n']} accepted"
    for name, methods in card["localisation"].items():
        for method, row in methods.items():
            yield (
                f"Boxes {name} by {method}: IoBB>=0.25 {_number(row['iobb_0.25'])}, "
                f"IoU>=0.1 {_number(row['iou_0.1'])}, "
                f"false per film {_number(row['false_per_film'])}, {row['boxes']} boxes on {row['films']} films"
            )


def table(card: Mapping[str, Any]) -> str:
    """Return the card as text: findings, then view, lung field, gate and boxes."""
    head = f"{card['name']} {card['version']}, {card['bytes'] / 1e6:.1f} MB, sha256 {card['sha256']}"
    rules = [f"{name}: {card[key]}." for name, key in RULES.items()]
    return "\n".join([head, *rules, "", *_findings(card), "", *_rest(card)])


def run(arguments: list[str] | None = None) -> str:
    """Run the command line of the embedded model and return the card as text.

    Raises:
        InputError: if the model file does not match its card, or nothing was asked for.
    """
    from hilum.systems.embedded import WEIGHTS, Embedded

    parser = argparse.ArgumentParser(prog="python -m hilum.systems.embedded", description=__doc__)
    parser.add_argument("--report", action="store_true", help="print the card of the model")
    parser.add_argument("--evaluate", action="store_true", help="recompute the card from model.onnx and --data")
    parser.add_argument("--data", type=Path, help="root folder of the pack")
    parser.add_argument("--held-out", type=Path, help="a folder of pictures to refuse that were not trained on")
    parser.add_argument("--beside", type=Path, help="another training's folder, to say whether it may take its place")
    parser.add_argument("--folder", type=Path, default=WEIGHTS, help="where model.onnx and card.json lie")
    given = parser.parse_args(arguments)
    if given.evaluate:
        from hilum.systems._embedded_evaluate import write_card

        if given.data is None:
            raise InputError("--evaluate needs --data, the root folder of the pack")
        write_card(given.folder, given.data, held_out=given.held_out)
    elif not given.report:
        raise InputError("nothing to do: give --report or --evaluate --data ROOT")
    model = Embedded(folder=given.folder)
    if model.session.sha256 != model.card["sha256"]:
        raise InputError("model.onnx does not match its card: reinstall hilum, or run --evaluate --data ROOT")
    if given.beside is None:
        return table(model.card)
    from hilum.systems._embedded_compare import compared

    return compared(model.card, Embedded(folder=given.beside).card)
