"""What judging a published claim came to: holds, fails, or cannot be tested here, with the evidence as lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from hilum.core.errors import InputError

Outcome = Literal["holds", "fails", "cannot be tested here"]


@dataclass(frozen=True)
class Verdict:
    """The outcome of one claim.

    Args:
        claim: the claim in one sentence.
        outcome: 'holds' (the interval of the paired difference is clear of 0 on the claimed side), 'fails', or
            'cannot be tested here'.
        lines: the evidence for people: every arm, controls included, with intervals.
        scores: the same as numbers, ready for JSON.
        figures: caption -> picture of the evidence: SVG text, or the bytes of a PNG or JPEG.

    Raises:
        InputError: if the outcome is none of the three, or there is no evidence beside it.
    """

    claim: str
    outcome: Outcome
    lines: tuple[str, ...]
    scores: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, bytes | str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.outcome not in get_args(Outcome):
            raise InputError(f"a verdict must be one of {', '.join(get_args(Outcome))}, got '{self.outcome}'")
        if not self.lines:
            raise InputError(f"the verdict on '{self.claim}' shows no evidence: give the arms and their scores")

    def __str__(self) -> str:
        """Render the evidence and the outcome, a line each."""
        return "\n".join((*self.lines, f"{self.claim}: {self.outcome}"))
