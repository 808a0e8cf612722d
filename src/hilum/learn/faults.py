"""A loss that is no number: found without holding up a GPU, and told with the batch that it came from."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hilum.core.errors import HilumError, InputError
from hilum.io.save import save_text
from hilum.learn.pieces import ids_of, leaves
from hilum.learn.spread import world
from hilum.learn.stepper import LossError

BAD_BATCH = "bad-batch.json"
_SHOWN = 6


class Watch:
    """Losses on a GPU, looked at only when something is written: to ask for each would make the GPU wait."""

    def __init__(self) -> None:
        self.first: Tensor | None = None
        self.value: Tensor | None = None

    def see(self, value: Tensor, step: int) -> None:
        """Note the loss of a step; on a processor the step itself has looked."""
        if value.device.type == "cpu":
            return
        if self.first is None or self.value is None:
            self.first, self.value = torch.full((), -1, device=value.device), torch.zeros((), device=value.device)
        bad = ~torch.isfinite(value) & (self.first < 0)
        self.first = torch.where(bad, step, self.first)
        self.value = torch.where(bad, value.float(), self.value)

    def look(self) -> None:
        """Raise LossError for the first loss that was no number."""
        if self.first is not None and self.value is not None and int(self.first) >= 0:
            raise LossError(int(self.first), float(self.value))


def bad_batch(
    error: LossError, batches: Callable[[int], Any], folder: Path | None, *, seed: int, rate: float
) -> InputError:
    """Return the error to raise, and write which rows the batch had to `bad-batch.json`.

    Args:
        error: step and loss.
        batches: of the fit; the batch is drawn again.
        folder: of the fit; None writes nothing.
        seed, rate: of the fit.
    """
    batch = batches(error.step)
    ids, wrong = ids_of(batch), [name for name, value in leaves(batch) if _not_finite(value)]
    facts = {"step": error.step + 1, "loss": str(error.value), "ids": ids, "not_finite": wrong, "seed": seed}
    said = f"its rows are {', '.join(ids[:_SHOWN])}{' ...' if len(ids) > _SHOWN else ''}" if ids else (
        "the batch does not say which rows it has: give it 'ids'")  # fmt: skip
    kept = ""
    if folder is not None:
        name = BAD_BATCH if world()[0] == 0 else f"bad-batch-{world()[0]}.json"
        with suppress(HilumError):  # the loss is what must be told
            said += f"; see '{save_text(json.dumps(facts, indent=2) + chr(10), folder / name)}'"
        kept = "; the last state is kept" if (folder / "state.safetensors").exists() else ""
    cause = f"{' and '.join(wrong)} of the batch already hold such values" if wrong else (
        f"the batch itself is finite: try a lower rate than {rate:g}, or without half precision")  # fmt: skip
    return InputError(f"the loss of step {error.step + 1} is {error.value}, where a finite number was expected: {said}"
                      f"; {cause}{kept}")  # fmt: skip


def _not_finite(value: Any) -> bool:
    if isinstance(value, Tensor):
        return value.is_floating_point() and not bool(torch.isfinite(value).all())
    return isinstance(value, np.ndarray) and value.dtype.kind == "f" and not bool(np.isfinite(value).all())
