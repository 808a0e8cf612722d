"""What a film can be asked in yes or no: every finding by itself, with its side, and with each of its attributes.

An encoder taught by concepts alone forgets sides and sizes, which a report must name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.study import Study


@dataclass(frozen=True, eq=False)
class Asked:
    """Answers about the N films of studies.

    Args:
        names: of K questions, such as 'pleural effusion', 'pleural effusion, left', 'pleural effusion, severity large'.
        target: float32 (N, K), 1 where the answer is yes.
        known: bool (N, K), the concept is stated at all; not mentioned is not 0.
    """

    names: tuple[str, ...]
    target: NDArray[np.float32]
    known: NDArray[np.bool_]


def aspects(finding: Finding) -> Iterator[str]:
    """Yield what a present finding answers yes to: itself, its sites, its attributes, and side and attribute at once.

    'left' or 'right' within a site is the side, and a longer site such as 'left lower lung zone' counts by itself too;
    absent and uncertain findings answer yes to nothing.
    """
    if finding.state != "present":
        return
    yield finding.concept
    sides = sorted({word for site in finding.sites for word in site.split() if word in ("left", "right")})
    places = [site for site in finding.sites if site not in sides and len(site.split()) > 2]
    details = [*(f"{name} {value}" for name, value in finding.attributes.items()), *places]
    for side in sides:
        yield f"{finding.concept}, {side}"
    for detail in details:
        yield f"{finding.concept}, {detail}"
        for side in sides:
            yield f"{finding.concept}, {side}, {detail}"


def asked_of(studies: Sequence[Study], *, least: int = 20, names: Sequence[str] | None = None) -> Asked:
    """Return the answers about every study, a row each, for each of its films alike.

    Args:
        studies: with findings.
        least: studies that must say yes for a question to be asked.
        names: the questions, where they are given; `least` then plays no part.

    Raises:
        InputError: if there is nothing to ask.
    """
    said = [{aspect for finding in study.findings for aspect in aspects(finding)} for study in studies]
    if names is None:
        counts = Counter(aspect for each in said for aspect in each)
        names = sorted(aspect for aspect, count in counts.items() if count >= least)
    if not names:
        raise InputError(f"no finding is present in {least} studies or more: an encoder has no label to learn from")
    stated = [{finding.concept for finding in study.findings} for study in studies]
    concepts = [name.split(",")[0] for name in names]
    target = np.array([[name in each for name in names] for each in said], dtype=np.float32)
    known = np.array([[concept in each for concept in concepts] for each in stated], dtype=np.bool_)
    return Asked(tuple(names), target.reshape(len(studies), -1), known.reshape(len(studies), -1))
