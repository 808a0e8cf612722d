"""What findings state, in one form, so that what was phrased can be held against what is read back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from hilum.core.finding import Finding
from hilum.text.bank import bank, canonical_name
from hilum.text.sites import each_side, home

_TABLE = Path(__file__).parent / "tables" / "loop.json"
_MILLIMETRES = {"mm": 1.0, "cm": 10.0}
_AGAINST = frozenset({"new", "worsened", "improved"})


class Stated(NamedTuple):
    """What one finding states; two findings that compare equal say the same.

    Args:
        concept: name in the vocabulary.
        state: 'present', 'absent' or 'uncertain'.
        sites: (side, place) pairs, a bilateral site as two; what goes without saying of the concept is left out.
        grade: 'mild', 'moderate', 'severe' or ''; small is mild and large is severe; '' where absent.
        number: 'one', 'two', 'three', 'multiple' or ''; '' where absent.
        looks: distribution and morphology that the concept's name does not say; empty where absent.
        sizes: diameters in mm, largest first; empty where absent.
        change: against the prior film, or ''; always '' where none was read.
    """

    concept: str
    state: str
    sites: frozenset[tuple[str, str]] = frozenset()
    grade: str = ""
    number: str = ""
    looks: frozenset[str] = frozenset()
    sizes: tuple[float, ...] = ()
    change: str = ""


@cache
def loop_domain() -> Mapping[str, Any]:
    """Return the data behind the loop property: what may be said of which concept, and which cannot be read back."""
    import json

    loaded: dict[str, Any] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return loaded


def stated(finding: Finding, *, prior_read: bool = False) -> Stated:
    """Return what a finding states in the form in which findings are compared.

    Args:
        finding: given to `compose`, or read back by `to_findings`.
        prior_read: whether a change counts.
    """
    name, _ = canonical_name(finding.concept)
    told, change = finding.attributes, finding.change or ""
    change = change if prior_read and not (finding.state == "absent" and change in _AGAINST) else ""
    sites = frozenset(_places(name, finding.sites))
    if finding.state == "absent":
        return Stated(name, finding.state, sites, change=change)
    own = set(bank()["implied_looks"].get(name, ()))
    word = told.get("severity") or told.get("extent") or told.get("size") or ""
    count = told.get("count", "")
    return Stated(
        name, finding.state, sites,
        grade=loop_domain()["grades"].get(word, word),
        number="" if count in own else count,
        looks=frozenset(told[slot] for slot in ("distribution", "morphology") if told.get(slot)) - own,
        sizes=_sizes(finding),
        change=change,
    )  # fmt: skip


def all_stated(findings: Iterable[Finding], *, prior_read: bool = False) -> frozenset[Stated]:
    """Return what findings state together; what is told twice counts once."""
    return frozenset(stated(finding, prior_read=prior_read) for finding in findings)


def _places(name: str, sites: Iterable[str]) -> Iterable[tuple[str, str]]:
    entry, own = bank()["concepts"].get(name, {}), home(name)
    whole = {place for place in entry.get("sided", ()) if place != "apical zone"}
    unsaid = {own, *whole, *entry.get("implied", ())}
    for site in sites:
        for side, place in each_side(canonical_name(site)[0]):
            where = own if side and place in whole else place
            if side or where not in unsaid:
                yield side, where


def _sizes(finding: Finding) -> tuple[float, ...]:
    told = [item for item in finding.measurements if item.name == "diameter" and item.unit in _MILLIMETRES]
    return tuple(sorted((round(item.value * _MILLIMETRES[item.unit], 2) for item in told), reverse=True))
