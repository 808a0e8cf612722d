"""The sentence bank as data, and a finding made ready to be phrased by it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hilum.core.errors import InputError
from hilum.core.finding import Finding, Measurement
from hilum.core.vocabulary import concept

_TABLE = Path(__file__).parent / "tables" / "phrases.json"
_CONTRADICTIONS = {("present", "resolved"), ("absent", "new"), ("absent", "improved"), ("absent", "worsened")}
_MILLIMETRES = {"mm": 1.0, "cm": 10.0}
_LARGEST = 9_999  # in the unit told; a longer figure is a slip of the unit
_AT_ONCE = 3  # dimensions of one lesion


@cache
def bank() -> dict[str, Any]:
    """Return the sentence bank: templates with the slots each states, nouns, prepositions, fixed sentences."""
    import json

    loaded: dict[str, Any] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return loaded


@dataclass(frozen=True)
class Statement:
    """One finding, ready to be phrased: canonical names, its bank entry and what must be said of it.

    Args:
        id: of the finding.
        name: of its concept in the vocabulary.
        state: 'present', 'absent' or 'uncertain'.
        kind: of the concept, e.g. 'device'.
        entry: the concept's entry of the bank, {} where it has none.
        sites: names in the vocabulary; those that go without saying are left out.
        severity: grade or size as a word, or ''.
        since: key of the bank's `since`, 'resolved', or ''.
        count: 'one', 'two', 'three', 'multiple' or ''.
        looks: adjectives of distribution and morphology.
        measured: '12 x 8 mm', or ''.
    """

    id: str
    name: str
    state: str
    kind: str
    entry: dict[str, Any]
    sites: tuple[str, ...]
    severity: str
    since: str
    count: str = ""
    looks: tuple[str, ...] = ()
    measured: str = ""

    @property
    def needs(self) -> set[str]:
        """Slots a sentence about it must state."""
        told = {"severity": self.severity, "sites": self.sites, "change": self.since}
        return {"concept", *(slot for slot, value in told.items() if value)}

    @property
    def detailed(self) -> bool:
        """Whether a number, a look or a size must be said, which only a noun phrase can."""
        return bool(self.count or self.looks or self.measured)

    @property
    def plain(self) -> bool:
        """Whether nothing but the concept must be said."""
        return self.needs == {"concept"} and not self.detailed


def canonical_name(name: str) -> tuple[str, str]:
    """Return (name, kind) as the vocabulary has it; the name itself where it has none."""
    try:
        found = concept(name)
    except InputError:
        return " ".join(name.split()), "finding"
    return found.name, found.kind


def statement(finding: Finding, number: int, prior_read: bool) -> Statement:
    """Return what must be said of a finding.

    Args:
        finding: of a study.
        number: its place, which is its id where it has none.
        prior_read: whether a change may be told.

    Raises:
        InputError: if its change contradicts its state, or a diameter has no length that can be told.
    """
    name, kind = canonical_name(finding.concept)
    entry = bank()["concepts"].get(name, {})
    sites = tuple(dict.fromkeys(canonical_name(site)[0] for site in finding.sites))
    if set(sites) <= set(entry.get("implied", ())):
        sites = ()
    told = finding.attributes
    since = _since(finding) if prior_read else ""
    if finding.state == "absent":  # 'no small nodule' would leave room for a large one
        return Statement(finding.id or f"#{number}", name, finding.state, kind, entry, sites, "", since)
    own = set(bank()["implied_looks"].get(name, ()))
    looks = tuple(told[slot] for slot in ("distribution", "morphology") if told.get(slot) and told[slot] not in own)
    severity = told.get("severity") or told.get("extent") or told.get("size") or ""
    count = told.get("count", "")
    return Statement(
        finding.id or f"#{number}", name, finding.state, kind, entry, sites, severity, since,
        "" if count in own else count, looks, measured(finding.measurements),
    )  # fmt: skip


def _since(finding: Finding) -> str:
    if (finding.state, finding.change) in _CONTRADICTIONS:
        raise InputError(f"finding '{finding.concept}' is {finding.state} and {finding.change}: it cannot be both")
    before = finding.attributes.get("prior", "")
    return finding.change or (f"prior {before}" if before in ("present", "absent") else "")


def measured(measurements: Iterable[Measurement]) -> str:
    """Return the diameters of a finding as '12 x 8 mm', '' without any; in mm where their units differ.

    Args:
        measurements: those not named 'diameter' are left to the tables of a report.

    Raises:
        InputError: if a diameter is not in mm or cm, or is not a length between 0.001 and 9,999 of its unit.
    """
    sizes = [item for item in measurements if item.name == "diameter"]
    for item in sizes:
        if item.unit not in _MILLIMETRES:
            raise InputError(f"a diameter of {item.value:g} {item.unit} cannot be told: give it in mm or cm")
        if not 0.001 <= item.value <= _LARGEST:
            raise InputError(f"a diameter of {item.value:g} {item.unit} is no length: expected 0.001 to {_LARGEST:,}")
    same = len({item.unit for item in sizes}) == 1
    unit = sizes[0].unit if same else "mm"
    figures = [_figure(item.value if same else item.value * _MILLIMETRES[item.unit]) for item in sizes]
    groups = [figures[at : at + _AT_ONCE] for at in range(0, len(figures), _AT_ONCE)]
    return " and ".join(f"{' x '.join(group)} {unit}" for group in groups)


def _figure(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")
