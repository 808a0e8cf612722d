"""What is tried on every encoder, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hilum.learn.pairs import Pairs
from hilum.learn.transfer import FRACTIONS, Tuning
from hilum.systems._benchx_pretrain import METHODS

DEFAULT, SEARCHED = "default", "per-method"
FROZEN, TUNED = "frozen", "tuned"
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Protocol:
    """What is tried on every encoder.

    Args:
        methods: pre-trained, beside a random and a supervised encoder.
        fractions: of the training patients.
        modes: 'frozen' (a linear probe), 'tuned' (the encoder too), or both.
        probe: default recipe of a linear probe; `searched` are tried for each method, the default among them.
        whole: default recipe of fine-tuning the encoder too; `whole_searched` are tried for each method.
    """

    methods: tuple[str, ...] = tuple(METHODS)
    fractions: tuple[float, ...] = FRACTIONS
    modes: tuple[str, ...] = (FROZEN, TUNED)
    probe: Tuning = field(default_factory=lambda: Tuning(rate=1e-2, steps=60, check_every=20, patience=3, frozen=True))
    searched: Mapping[str, Sequence[object]] = field(
        default_factory=lambda: {"norm": (False, True), "truncated": (False, True), "rate": (1e-2, 5e-2)}
    )
    whole: Tuning = field(default_factory=lambda: Tuning(rate=2e-3, steps=16, batch=16, check_every=8, patience=2))
    whole_searched: tuple[Mapping[str, object], ...] = ({"slow": 0.1, "norm": True, "truncated": True},)


@dataclass(frozen=True)
class Cell:
    """One way of fine-tuning: 'frozen' or 'tuned', the share of patients, 'default' or 'per-method'."""

    mode: str
    share: float
    recipe: str


@dataclass(eq=False)
class Cells:
    """What every arm said of the test films.

    Args:
        logits: cell -> arm -> logits (N, K) of each seed.
        spread: arm -> by how much validation AUROC hangs on the settings of the probe, one for each seed and share.
        chosen: arm -> how often each setting was chosen.
        real: arm -> logits of the real films by the probe on all patients, of each seed.
    """

    logits: dict[Cell, dict[str, list[Floats]]] = field(default_factory=dict)
    spread: dict[str, list[float]] = field(default_factory=dict)
    chosen: dict[str, dict[str, int]] = field(default_factory=dict)
    real: dict[str, list[Floats]] = field(default_factory=dict)

    def add(self, cell: Cell, arm: str, logits: NDArray[np.float32]) -> None:
        """Keep one run."""
        self.logits.setdefault(cell, {}).setdefault(arm, []).append(logits.astype(np.float64))


@dataclass(frozen=True, eq=False)
class Split:
    """Training films of all views, frontal films to validate and to judge on, and real ones where there are any."""

    train: Pairs
    val: Pairs
    test: Pairs
    real: Pairs | None = None
