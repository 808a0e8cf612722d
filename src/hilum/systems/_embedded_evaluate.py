"""Recompute the model card from the shipped ONNX file and the data; onnxruntime only, no torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.core.geometry import Letterbox
from hilum.data import pack as packs
from hilum.data.pack import PackRow
from hilum.io.save import save_text
from hilum.learn.onnx import Session, read_facts
from hilum.learn.predict import each
from hilum.measure.binary import dice
from hilum.systems import _embedded_judge as judge
from hilum.systems._embedded_labels import FINDINGS, TRAINED, boxed_patients, labels, split_of

Outputs = dict[str, NDArray[np.float32]]
VERSION = "1.0"


@dataclass(frozen=True)
class Seen:
    """One film of the pack with its split, known labels and what the network said; `lung` is packed bits.

    `dice` is against the lung mask as the pack has it, `placed` against the mask put back on its film.
    """

    row: PackRow
    split: str
    target: NDArray[np.float32]
    known: NDArray[np.bool_]
    outputs: Outputs
    box: Letterbox
    dice: float = float("nan")
    placed: float = float("nan")

    @property
    def logits(self) -> NDArray[np.float64]:
        """Finding logits (15,)."""
        return self.outputs["findings"].astype(np.float64)


def without_fields(outputs: Outputs, box: Letterbox, display: NDArray[np.float32]) -> tuple[Outputs, Letterbox]:
    """Keep what is small: the lung field becomes its sign in one byte per pixel."""
    small = {name: value for name, value in outputs.items() if name not in ("lung", "features")}
    return {**small, "lung": np.where(outputs["lung"] > 0, 1, -1).astype(np.int8)}, box


def films(session: Session, root: Path, *, size: int, limit: int = 0) -> list[Seen]:
    """Run the network over every validation and test film of the pack, training films left out."""
    everything = packs.rows(root)
    boxed = boxed_patients(packs.rows(root, TRAINED))
    rows = [row for row in everything if split_of(row, boxed) != "train"]
    if limit:
        rows = [row for source in packs.FILM_SOURCES for row in [r for r in rows if r.source == source][:limit]]
    found = each(session, (packs.pixels(root, row) for row in rows), without_fields, size=size)
    seen = []
    for row, (outputs, box) in zip(rows, found, strict=True):
        target, known = labels(row)
        overlap = [float("nan") if outline is None else dice(judge.lung_source(outputs, box), outline)
                   for outline in (packs.mask(root, row), packs.mask(root, row, placed=True))]  # fmt: skip
        seen.append(Seen(row, split_of(row, boxed), target, known, outputs, box, *overlap))
    return seen


def variants(
    session: Session, root: Path, seen: list[Seen], change: Callable[[NDArray[np.float32]], NDArray[np.float32]],
    *, size: int, count: int = 120,
) -> list[Outputs]:  # fmt: skip
    """Run the network over changed test films, evenly drawn from them."""
    test = [item.row for item in seen if item.split == "test"]
    chosen = test[:: max(1, len(test) // count)]
    displays = (np.ascontiguousarray(change(packs.pixels(root, row))) for row in chosen)
    return [outputs for outputs, _ in each(session, displays, without_fields, size=size)]


def pictures(session: Session, displays: Iterable[NDArray[np.float32]], *, size: int) -> list[Outputs]:
    """Run the network over display images that are no films of the pack."""
    return [outputs for outputs, _ in each(session, displays, without_fields, size=size)]


def unwanted(root: Path) -> list[NDArray[np.float32]]:
    """Decode the pack's DICOM files that are marked as no chest radiograph; never trained on."""
    from hilum.io.dicom import read_image

    rows = [row for row in packs.rows(root, ("dicom",)) if "NOT_A_CHEST_RADIOGRAPH" in row.labels]
    return [read_image(root / row.file).display() for row in rows]


def write_card(folder: Path, root: Path, *, limit: int = 0, held_out: Path | None = None) -> Mapping[str, Any]:
    """Evaluate folder/model.onnx on the pack and write folder/card.json.

    Args:
        folder: holds model.onnx and export.json.
        root: the pack.
        limit: films per source, 0 for all.
        held_out: a folder of photographs that were not trained on.

    Returns:
        The card.
    """
    from hilum.systems._embedded_card import card_of

    made = read_facts(folder / "export.json")
    session, size = Session(folder / "model.onnx"), int(made["input_size"])
    seen = films(session, root, size=size, limit=limit)
    changed = {
        "inverted": variants(session, root, seen, lambda film: 1.0 - film, size=size),
        "turned 90": variants(session, root, seen, lambda film: np.rot90(film, 1), size=size),
        "turned 180": variants(session, root, seen, lambda film: np.rot90(film, 2), size=size),
        "turned 270": variants(session, root, seen, lambda film: np.rot90(film, 3), size=size),
        "other DICOM (leg, dental)": pictures(session, unwanted(root), size=size),
    }
    if held_out is not None:
        from hilum.learn.decoys import photographs

        changed["held-out pictures"] = pictures(session, photographs(held_out), size=size)
    card = card_of(seen, changed, findings=FINDINGS)
    head = {
        "name": "hilum-embedded", "version": VERSION, "sha256": session.sha256, "input_size": size,
        "bytes": (folder / "model.onnx").stat().st_size, "onnx_vs_torch": made["onnx_vs_torch"],
    }  # fmt: skip
    save_text(json.dumps({**head, **card}, indent=1, allow_nan=False) + "\n", folder / "card.json")
    return {**head, **card}
