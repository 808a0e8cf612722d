"""Invented patients with three dated films each, and one field of one film changed: what LunguageScore is judged on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType

import numpy as np

from hilum.core.finding import Change, Finding
from hilum.core.seed import generator
from hilum.text.phrase import compose

Findings = tuple[Finding, ...]
Course = tuple[Findings, ...]
FILMS = 3
FIELDS = ("side", "severity", "status", "change")
ORDER = "study order"
DATES = tuple(date(2020, 1, 6) + timedelta(weeks=3 * number) for number in range(FILMS))
"""Within one episode as the timeline parts them."""
_ANCHORS = ("pleural effusion", "pneumothorax")
_OTHERS = ("consolidation", "atelectasis", "lung opacity", "cardiomegaly", "pulmonary edema")
_ZONED, _GRADED = ("consolidation", "atelectasis", "lung opacity"), ("atelectasis", "cardiomegaly", "pulmonary edema")
_DENIED = ("lung nodule", "fracture", "hiatal hernia")
_GRADES = ("mild", "moderate", "severe")
_TURNED: Mapping[Change, Change] = MappingProxyType(
    {"improved": "worsened", "worsened": "improved", "unchanged": "worsened", "new": "unchanged"}
)


def course(random: np.random.Generator) -> Course:
    """Return what three films of one patient show: a pleural finding that stays, two others that come and go."""
    names = [str(random.choice(_ANCHORS)), *map(str, random.permutation(_OTHERS)[:2])]
    sites = [_site(name, random) for name in names]
    films: list[Findings] = []
    before: set[str] = set()
    for number in range(FILMS):
        shown = [n for n in range(len(names)) if n == 0 or random.random() < 0.75]
        found = [_finding(n, names[n], sites[n], number > 0, names[n] in before, random) for n in shown]
        denied = [Finding(name, "absent", id=f"n{n}") for n, name in enumerate(_DENIED) if random.random() < 0.75]
        films.append((*found, *denied))
        before = {names[n] for n in shown}
    return tuple(films)


def _site(name: str, random: np.random.Generator) -> tuple[str, ...]:
    side, zone = str(random.choice(("right", "left"))), str(random.choice(("upper", "mid", "lower")))
    if name in _ANCHORS:
        return (f"{side} pleural space",)
    return (f"{side} {zone} lung zone",) if name in _ZONED else ()


def _finding(
    number: int, name: str, sites: tuple[str, ...], compared: bool, known: bool, random: np.random.Generator
) -> Finding:
    changes: tuple[Change, ...] = ("improved", "worsened", "unchanged")
    change = (changes[int(random.integers(3))] if known else "new") if compared else None
    graded = {"severity": str(random.choice(_GRADES))} if name in (*_ANCHORS, *_GRADED) else {}
    return Finding(name, sites=sites, attributes=graded, change=change, id=f"f{number}")


def written(films: Course, seed: int) -> tuple[str, ...]:
    """Return the findings sections; the same seed words the same finding the same way."""
    return tuple(
        compose(findings, prior_read=number > 0, seed=seed).findings for number, findings in enumerate(films)
    )  # fmt: skip


def _other_side(finding: Finding) -> Finding | None:
    turned = tuple(
        site.replace("right", "?").replace("left", "right").replace("?", "left") for site in finding.sites
    )  # fmt: skip
    return replace(finding, sites=turned) if finding.sites else None


def _other_grade(finding: Finding) -> Finding | None:
    grade = finding.attributes.get("severity")
    return replace(finding, attributes={"severity": "severe" if grade == "mild" else "mild"}) if grade else None


def _denied(finding: Finding) -> Finding | None:
    return Finding(finding.concept, "absent", id=finding.id)


def _other_change(finding: Finding) -> Finding | None:
    turned = _TURNED.get(finding.change) if finding.change else None
    return replace(finding, change=turned) if turned else None


_EDITS: Mapping[str, Callable[[Finding], Finding | None]] = MappingProxyType(
    dict(zip(FIELDS, (_other_side, _other_grade, _denied, _other_change), strict=True))
)


def wrong(films: Course, field: str, random: np.random.Generator) -> Course:
    """Return the films with one field of one present finding, on the second or third film, told wrong."""
    options = [
        (film, place, edited)
        for film in range(1, FILMS)
        for place, finding in enumerate(films[film])
        if finding.state == "present" and (edited := _EDITS[field](finding)) is not None
    ]
    film, place, edited = options[int(random.integers(len(options)))]
    changed = (*films[film][:place], edited, *films[film][place + 1 :])
    return (*films[:film], changed, *films[film + 1 :])


def answers(patients: list[Course], *, wording: int) -> dict[str, list[tuple[str, ...]]]:
    """Return the reports of every arm: references, the same in other words (twice), and each kind of error.

    Args:
        patients: what their films show.
        wording: seed of the words and of which finding is told wrong. An error is worded as the right answer is.
    """
    base = wording * 1_000
    made: dict[str, list[tuple[str, ...]]] = {
        name: [written(films, base + offset + 3 * number) for number, films in enumerate(patients)]
        for offset, name in enumerate(("reference", "right", "near-duplicate"))
    }
    for field in FIELDS:
        made[field] = [
            written(wrong(films, field, generator(wording, "lunguage", field, number)), base + 1 + 3 * number)
            for number, films in enumerate(patients)
        ]
    made[ORDER] = [(texts[0], texts[2], texts[1]) for texts in made["right"]]
    return made


def cohort(count: int, *, seed: int = 0) -> list[Course]:
    """Return what the films of invented patients show."""
    return [course(generator(seed, "lunguage patient", number)) for number in range(count)]
