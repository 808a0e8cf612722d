"""A trained tagger written to a folder: the network as ONNX, and the words and facts that belong to it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import torch

from hilum.learn.export import export_inputs
from hilum.learn.onnx import Session
from hilum.learn.words import SPELLED, Vocabulary
from hilum.nets.spans import SpanOutput, SpanTagger
from hilum.systems._radgraph_corpus import SCHEMA
from hilum.systems._radgraph_recipe import Recipe


def save_tagger(net: SpanTagger, vocabulary: Vocabulary, recipe: Recipe, out: Path) -> None:
    """Write model.onnx and what belongs to it; the facts come last and name the model file's hash."""
    draw = torch.Generator().manual_seed(0)

    def example(count: int, words: int) -> dict[str, torch.Tensor]:
        lengths = torch.tensor([words] + [words - 1] * (count - 1))
        letters = torch.randint(0, 40, (count, words, SPELLED), generator=draw)
        return {
            "lengths": lengths,
            "words": torch.randint(0, len(vocabulary), (count, words), generator=draw),
            "letters": letters,
        }

    batch, length = torch.export.Dim("batch", min=1, max=1024), torch.export.Dim("length", min=2, max=4096)
    gap = export_inputs(
        net, out / "model.onnx", inputs=example(2, 9), probe=example(3, 14), names=SpanOutput._fields,
        tolerance=1e-6, traced=True,
        dynamic={"lengths": {0: batch}, "words": {0: batch, 1: length}, "letters": {0: batch, 1: length}},
    )  # fmt: skip
    facts = {
        "sha256": Session(out / "model.onnx").sha256, "bytes": (out / "model.onnx").stat().st_size,
        "onnx_vs_torch": gap, "unit": recipe.unit, "pairs": recipe.pairs, "schema": asdict(SCHEMA),
        "words": list(vocabulary.words),
    }  # fmt: skip
    (out / "vocabulary.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")
