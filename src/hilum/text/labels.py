"""Labels: the facts of a report as the label sets of public data sets, with the evidence for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from hilum.core.errors import InputError
from hilum.core.report import Report
from hilum.core.vocabulary import descendants, label_set
from hilum.text.parse import Fact, Parsed, parse

Uncertain = Literal["keep", "absent", "present", "exclude"]
Likely = Literal["present", "uncertain"]
Aggregate = Literal["strongest", "chexpert"]
_RULES = Path(__file__).parent / "tables" / "label_rules.json"
_RANK = {"absent": 0, "uncertain": 1, "present": 2}
_NO_FINDING = "No Finding"


@dataclass(frozen=True)
class Labels:
    """The labels of one report.

    Args:
        label_set: e.g. 'chexpert-14'.
        states: label -> 'present', 'absent' or 'uncertain'; a label that is not mentioned is not there.
        evidence: label -> numbers of the facts in `parsed.facts` that decided it.
        parsed: the report with its facts and offsets.
    """

    label_set: str
    states: Mapping[str, str]
    evidence: Mapping[str, tuple[int, ...]]
    parsed: Parsed

    @property
    def findings(self) -> tuple[Fact, ...]:
        """The facts behind the labels and all others of the report."""
        return self.parsed.facts

    def cells(self) -> dict[str, str]:
        """Return the row that the data set's own file would hold: '1', '0', '-1' or '' by its convention."""
        return {name: cell(self.label_set, self.states.get(name)) for name in label_set(self.label_set).labels}


@dataclass(frozen=True)
class _Way:
    """How a fact's concept leads to a label."""

    label: str
    unless: tuple[tuple[str, frozenset[str]], ...] = ()
    only: tuple[tuple[str, frozenset[str]], ...] = ()

    def takes(self, fact: Fact) -> bool:
        """Whether a fact with these attributes counts."""
        if any(values & _values(fact, slot) for slot, values in self.unless):
            return False
        return all(values & _values(fact, slot) for slot, values in self.only)


def _values(fact: Fact, slot: str) -> frozenset[str]:
    if slot in ("form", "kind"):
        return frozenset((fact.form if slot == "form" else fact.kind,))
    return frozenset(fact.attributes.get(slot, ()))


@cache
def _rules() -> dict[str, Any]:
    import json

    loaded: dict[str, Any] = json.loads(_RULES.read_text(encoding="utf-8"))
    return loaded


@cache
def _ways(name: str) -> dict[str, tuple[_Way, ...]]:
    """Concept -> the labels of a set it leads to."""
    made: dict[str, list[_Way]] = {}
    own = _own_rules(name)
    for label, rule in own.items():
        names = dict.fromkeys(rule.get("concepts", ()))
        for kind in rule.get("kinds", ()):
            names.update(dict.fromkeys((kind, *(below.name for below in descendants(kind)))))
        for concept_name in names:
            made.setdefault(concept_name, []).append(_way(label, rule))
    for rule in _rules()["extra"].get(name, ()):
        made.setdefault(rule["concept"], []).append(_way(rule["label"], rule))
    return {concept_name: tuple(ways) for concept_name, ways in made.items()}


def _own_rules(name: str) -> dict[str, dict[str, Any]]:
    """The rules of a set: its own, those of the set with the same labels, or its concepts with all below."""
    from hilum.core.vocabulary import to_concept

    sets = _rules()["sets"]
    if name in sets:
        return sets[name]  # type: ignore[no-any-return]
    family = label_set(name).family
    if family in _rules()["specific"]:
        return {label: {"concepts": names} for label, names in _specific(name).items()}
    shared = sets["nih-14"] if family == "nih" else {}
    return {
        label: shared.get(label) or {"kinds": [to_concept(name, label).name]}
        for label in label_set(name).labels
        if label.casefold() not in ("no finding", "normal", "unchanged", "exclude")
    }


def _specific(name: str) -> dict[str, list[str]]:
    """Label -> concepts for a set that writes the most specific label only: each concept goes to its nearest label."""
    from hilum.core.vocabulary import ancestors, concepts, to_concept

    own = {to_concept(name, label).name: label for label in reversed(label_set(name).labels)}
    for label in ("normal", "exclude"):
        own = {concept: known for concept, known in own.items() if known != label}
    found: dict[str, list[str]] = {}
    for concept in concepts():
        line = (concept.name, *(above.name for above in ancestors(concept.name)))
        nearest = next((above for above in line if above in own), None)
        if nearest:
            found.setdefault(own[nearest], []).append(concept.name)
    return found


def _way(label: str, rule: Mapping[str, Any]) -> _Way:
    return _Way(
        label,
        tuple((slot, frozenset(values)) for slot, values in rule.get("unless", {}).items()),
        tuple((slot, frozenset(values)) for slot, values in rule.get("only", {}).items()),
    )


def label(
    text: str | Report | Mapping[str, str],
    label_set: str = "chexpert-14",
    *,
    uncertain: Uncertain = "keep",
    likely: Likely = "present",
    aggregate: Aggregate = "strongest",
    language: str = "en",
) -> Labels:
    """Label one report.

    Args:
        text: the report, whole or by section.
        label_set: name of a label set of the vocabulary, e.g. 'chexpert-14', 'nih-14', 'padchest', 'vindr'.
        uncertain: what 'possible' findings become: kept uncertain, absent, present, or left out.
        likely: what 'probable', 'consistent with' and 'versus' mean: 'present' or 'uncertain'.
        aggregate: 'strongest' (present over uncertain over absent), or 'chexpert', which adds an uncertain
            Cardiomegaly to heart failure as the CheXpert labeler does.
        language: of the report.

    Returns:
        The labels with the facts that decided them.

    Raises:
        InputError: if a choice or the label set is unknown, or the report is too long.
    """
    _check(uncertain, likely, aggregate)
    parsed = parse(text, language=language)
    return label_parsed(parsed, label_set, uncertain=uncertain, likely=likely, aggregate=aggregate)


@cache
def _check(uncertain: str, likely: str, aggregate: str) -> None:
    """Refuse a choice that there is not; what passed once is not looked at again."""
    choices = (uncertain, Uncertain, "uncertain"), (likely, Likely, "likely"), (aggregate, Aggregate, "aggregate")
    for value, kinds, what in choices:
        if value not in get_args(kinds):
            raise InputError(f"{what} must be one of {', '.join(get_args(kinds))}, got '{value}'")


def label_parsed(
    parsed: Parsed,
    name: str = "chexpert-14",
    *,
    uncertain: Uncertain = "keep",
    likely: Likely = "present",
    aggregate: Aggregate = "strongest",
) -> Labels:
    """Label a parsed report; see `label`."""
    states: dict[str, str] = {}
    evidence: dict[str, list[int]] = {}
    ways, alone = _ways(name), _rules()["alone"].get(name, ())
    for number, fact in enumerate(parsed.facts):
        if fact.history or fact.form == "explained" or (fact.concept in alone and _accompanied(fact, parsed)):
            continue
        for way in ways.get(fact.concept, ()):
            if (way.unless or way.only) and not way.takes(fact):
                continue
            state = "uncertain" if fact.certainty == "likely" and likely == "uncertain" else fact.state
            _note(states, evidence, way.label, state, number)
    if aggregate == "chexpert" and name == "chexpert-14":
        _heart_failure(parsed, states, evidence)
    if normal := _normal_label(name):
        _no_finding(normal, parsed, states)
    return Labels(name, _read(states, uncertain), {key: tuple(found) for key, found in evidence.items()}, parsed)


def _accompanied(fact: Fact, parsed: Parsed) -> bool:
    """Whether a sentence states another finding that is there."""
    near = (other for other in parsed.facts if other.sentence == fact.sentence and other.concept != fact.concept)
    return any(other.state != "absent" for other in near)


def _note(states: dict[str, str], evidence: dict[str, list[int]], name: str, state: str, number: int) -> None:
    known = states.get(name)
    if known is None or _RANK[state] > _RANK[known]:
        states[name], evidence[name] = state, [number]
    elif known == state:
        evidence[name].append(number)


def _heart_failure(parsed: Parsed, states: dict[str, str], evidence: dict[str, list[int]]) -> None:
    for number, fact in enumerate(parsed.facts):
        if fact.concept == "heart failure" and fact.state != "absent":
            _note(states, evidence, "Cardiomegaly", "uncertain", number)


@cache
def _normal_label(name: str) -> str:
    """How a set spells No Finding, '' where it has no such label."""
    return next((known for known in label_set(name).labels if known.casefold() in ("no finding", "normal")), "")


def _no_finding(spelled: str, parsed: Parsed, states: dict[str, str]) -> None:
    """No Finding is present when something was reported and nothing but devices is present or uncertain."""
    told = [state for known, state in states.items() if known != "Support Devices"]
    if parsed.sentences and not any(state in ("present", "uncertain") for state in told):
        states[spelled] = "present"


def _read(states: dict[str, str], uncertain: Uncertain) -> dict[str, str]:
    if uncertain == "keep":
        return states
    if uncertain == "exclude":
        return {name: state for name, state in states.items() if state != "uncertain"}
    return {name: uncertain if state == "uncertain" else state for name, state in states.items()}


def cell(name: str, state: str | None) -> str:
    """Return how a data set's file writes a state: '' or '0' for not mentioned, by its convention."""
    convention = label_set(name).convention
    values = [value for value, stated, _ in convention if stated == (state or "") and stated]
    if values:
        return values[0]
    return "0" if any(value == "0" and not stated for value, stated, _ in convention) else ""
