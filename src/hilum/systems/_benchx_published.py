"""What the papers and released codes of the nine methods say, as data; no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Tuned:
    """BenchX's choices for fine-tuning one method on NIH, as its released configurations have them.

    Args:
        norm: LayerNorm of the features before the linear layer.
        truncated: start that layer from a truncated normal of deviation 2e-5.
        slow: factor on the encoder's rate.
        rate: peak learning rate; steps of Adam, of SGD where `momentum` is above 0.
        momentum: of SGD; 0 is Adam.
        batch: films of a step.
    """

    norm: bool
    truncated: bool
    slow: float
    rate: float
    momentum: float = 0.0
    batch: int = 64


@dataclass(frozen=True)
class Published:
    """What a method's paper and code say.

    Args:
        name: as commands call it.
        title: as the paper calls it, with authors and year.
        year: of publication, by which 'early' and 'late' methods are told apart.
        encoder: architecture of the released image encoder.
        release: file of the released weights among those that BenchX collected.
        prefix: of the image encoder's tensors in it; what lies outside is no part of the encoder.
        layout: how its tensors are named: 'torchvision', 'numbered', 'timm', 'clip' or 'jax'.
        settings: of pre-training.
        tuned: of fine-tuning; None where BenchX has none for classification.
        auroc: BenchX's own figures on NIH at 1, 10 and 100 % of the training films, from its paper.
    """

    name: str
    title: str
    year: int
    encoder: str
    release: str
    prefix: str
    layout: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    tuned: Tuned | None = None
    auroc: tuple[float, float, float] | None = None
