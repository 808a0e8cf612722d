"""Why a film was taken: a hint that fits what is there, one that misleads, or none, at stated rates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.seed import generator
from hilum.core.vocabulary import ancestors
from hilum.phantom.tips import story_table

Kind = Literal["truthful", "misleading", "missing"]
TRUTHFUL, MISLEADING = 0.6, 0.2
"""Shares of reports whose indication fits, and points to what is not there; the rest have none."""


def indication(
    findings: Iterable[Finding], *, seed: int, name: str, truthful: float = TRUTHFUL, misleading: float = MISLEADING
) -> tuple[Kind, str]:
    """Draw the indication of one study.

    A truthful one hints at a finding that is there, or is a routine one where nothing is; a misleading one hints at
    one that is not there.

    Args:
        findings: all that is true of the study, told or not.
        seed, name: of the draw; the name is the study's.
        truthful, misleading: shares, together at most 1.

    Raises:
        InputError: if a share is below 0 or they add to more than 1.
    """
    if min(truthful, misleading) < 0 or truthful + misleading > 1 + 1e-9:
        raise InputError(f"shares must be 0 or more and add to at most 1, got {truthful:g} and {misleading:g}")
    rng, hints = generator(seed, "indication", name), story_table()["hints"]
    at = float(rng.random())
    here: set[str] = set()
    for finding in findings:
        if finding.state == "present":
            here |= {finding.concept, *(each.name for each in ancestors(finding.concept))}
    if at >= truthful + misleading:
        return "missing", ""
    kind: Kind = "truthful" if at < truthful else "misleading"
    names = [each for each in hints if (each in here) == (kind == "truthful")]
    options = hints[names[int(rng.integers(len(names)))]] if names else story_table()["routine"]
    return kind, str(options[int(rng.integers(len(options)))])
