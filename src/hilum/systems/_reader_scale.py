"""How large the bench of readers is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from hilum.core.errors import InputError


@dataclass(frozen=True)
class Scale:
    """How large the bench is.

    Args:
        patients: scenes to draw, of which a fifth is for tests.
        columns: of a film; its rows are about ten ninths.
        side: of the square that an encoder sees, 25 tokens of 16 pixels.
        encoder_steps: of label training; 0 leaves the encoder random.
        steps: of an arm, of 32 samples.
        rate: peak learning rate of an arm.
        width, depth: of its language model.
        asked: test studies that are read, at most.
        seeds: trainings of each arm.
        wordings: in which each training report is met.
        workers: processes that arms are shared out to.
    """

    patients: int = 900
    columns: int = 72
    side: int = 80
    encoder_steps: int = 800
    steps: int = 300
    rate: float = 3e-3
    width: int = 96
    depth: int = 2
    asked: int = 300
    seeds: int = 3
    workers: int = 2
    wordings: int = 4


SMALL = Scale()


def scaled(scale: Scale, changes: Mapping[str, Any]) -> Scale:
    """Return a scale with some numbers changed, given as numbers or text.

    Raises:
        InputError: for a name that is none, or a number that cannot be used.
    """
    held = asdict(scale)
    for name, value in changes.items():
        if name not in held:
            raise InputError(f"unknown setting '{name}': choose from {', '.join(held)}")
        try:
            scale = replace(scale, **{name: type(held[name])(value)})
        except (TypeError, ValueError, OverflowError):
            raise InputError(f"{name} must be a number, got '{value}'") from None
    least = (scale.patients, scale.steps, scale.asked, scale.seeds, scale.depth, scale.workers, scale.wordings)
    if min(least) < 1 or scale.side % 16 or scale.side < 32 or scale.width % 8 or scale.encoder_steps < 0:
        raise InputError("side is a multiple of 16 from 32 up, width of 8, encoder_steps 0 or more, the rest 1 or more")
    return scale


def jobs_of(arms: Sequence[str], scale: Scale, *, seed: int) -> list[tuple[str, int]]:
    """Return every arm with every seed, the arms of one seed together."""
    return [(name, number) for number in range(seed, seed + scale.seeds) for name in arms]
