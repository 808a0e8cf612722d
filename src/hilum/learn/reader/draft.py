"""A written draft held against the structured findings: what contradicts them, what they cannot vouch for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from hilum.core.finding import Finding
from hilum.core.image import MadeBy
from hilum.core.vocabulary import ancestors, laterality
from hilum.measure.metrics.comparison import refers_to_prior
from hilum.text.parse import Fact, parse

Kind = Literal["state", "side", "omitted", "comparison", "not assessed"]
CONTRADICTIONS: tuple[Kind, ...] = ("state", "side", "omitted", "comparison")
"""Kinds of remark that contradict the findings; what was not assessed is beyond them, and is told apart."""


@dataclass(frozen=True)
class Remark:
    """One place where a draft and the findings differ, or where nothing was found to hold it against.

    Args:
        kind: 'state' (one says present, the other absent), 'side', 'omitted' (found, not written), 'comparison' (a
            change is told and there is no prior film), or 'not assessed'.
        concept: by the vocabulary's name.
        sentence: of the draft, '' where it is silent.
        text: what differs, one sentence for people.
    """

    kind: Kind
    concept: str
    sentence: str
    text: str


@dataclass(frozen=True)
class Sight:
    """How much likelier a draft's words are with the films than with uniformly grey ones, in nats a word.

    Args:
        true, blank: mean log-probability of a word.
    """

    true: float
    blank: float

    @property
    def gap(self) -> float:
        """Of true over blank; near 0 where the films were not looked at."""
        return self.true - self.blank

    def to_json(self) -> dict[str, float]:
        """Return it for JSON."""
        return {"true": self.true, "blank": self.blank, "gap": self.gap}


@dataclass(frozen=True)
class Draft:
    """A draft of a study's findings, written by a reader, with what was remarked of it.

    Args:
        text: as written.
        made_by: the reader.
        remarks: see `remarks_of`.
        sight: how much its words hang on the films.
        inputs: roles and sections that the reader was given.
        notes: what was done to fit them.
    """

    text: str
    made_by: MadeBy
    remarks: tuple[Remark, ...] = ()
    sight: Sight | None = None
    inputs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def contradictions(self) -> tuple[Remark, ...]:
        """Remarks that contradict the findings."""
        return tuple(each for each in self.remarks if each.kind in CONTRADICTIONS)

    def to_json(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "text": self.text,
            "made_by": {"name": self.made_by.name, "version": self.made_by.version, "sha256": self.made_by.sha256},
            "status": "draft",
            "contradictions": [vars_of(each) for each in self.contradictions],
            "not_assessed": [vars_of(each) for each in self.remarks if each.kind == "not assessed"],
            "sight": self.sight.to_json() if self.sight else None,
            "inputs": list(self.inputs),
            "notes": list(self.notes),
        }  # fmt: skip


def vars_of(remark: Remark) -> dict[str, str]:
    """Return a remark for JSON."""
    return {"kind": remark.kind, "concept": remark.concept, "sentence": remark.sentence, "text": remark.text}


def remarks_of(
    text: str, findings: Sequence[Finding], *, prior: bool, not_assessed: Iterable[str] = ()
) -> tuple[Remark, ...]:
    """Hold a draft against the findings of the same study.

    A kind counts with what it is a kind of: 'consolidation' written where 'lung opacity' was found absent contradicts
    it, and so does 'no opacity' where consolidation was found. What was neither found nor found absent is told as not
    assessed, never as agreed.

    Args:
        text: of the draft.
        findings: structured, with states.
        prior: whether a prior film was read.
        not_assessed: concepts that the findings' model does not judge.

    Returns:
        Remarks in the draft's order, what it leaves out last.
    """
    read = parse(text)
    said = [fact for fact in read.facts if fact.kind in ("finding", "device", "hardware")]
    made = [remark for fact in said for remark in _of_fact(text, fact, findings)]
    compared = [] if prior else refers_to_prior(read)
    if compared:
        told = f"the draft compares ({', '.join(compared)}), and no earlier film was read"
        made.append(Remark("comparison", "", "", told))
    silent = (each for each in findings if each.state == "present" and not any(_speaks(fact, each) for fact in said))
    made += [Remark("omitted", each.concept, "", f"{_found(each)}, and the draft is silent of it") for each in silent]
    unknown = set(not_assessed) - {finding.concept for finding in findings}
    return tuple(dict.fromkeys(replace(each, kind=_known(each, unknown)) for each in made))


def _known(remark: Remark, unknown: set[str]) -> Kind:
    return "not assessed" if remark.kind == "not assessed" or remark.concept in unknown else remark.kind


def _line(concept: str) -> set[str]:
    """A concept and all it is a kind of."""
    return {concept, *(each.name for each in ancestors(concept))}


def _speaks(fact: Fact, finding: Finding) -> bool:
    """Whether a statement tells of a finding: by name, by what it is a kind of, or by a kind of it that is there."""
    return fact.concept in _line(finding.concept) or (fact.state != "absent" and finding.concept in _line(fact.concept))


def _of_fact(text: str, fact: Fact, findings: Sequence[Finding]) -> list[Remark]:
    sentence = text[slice(*fact.sentence)].strip()
    made: list[Remark] = []
    if fact.state == "uncertain":
        return made
    against = [each for each in findings if _bears(fact, each)]
    if not against:
        told = f"the draft says {fact.concept} {fact.state}; the findings' model does not assess it"
        return [Remark("not assessed", fact.concept, sentence, told)]
    for finding in against:
        if finding.state == "uncertain":
            continue
        if finding.state != fact.state:
            text_of = f"the draft says {fact.concept} {fact.state}; {_found(finding)}"
            made.append(Remark("state", fact.concept, sentence, text_of))
        elif fact.state == "present" and _elsewhere(_sides(fact.sides), _sides(_sites(finding))):
            told = f"the draft places {fact.concept} {'/'.join(fact.sides)}; {_found(finding)}"
            made.append(Remark("side", fact.concept, sentence, told))
    return made


def _bears(fact: Fact, finding: Finding) -> bool:
    """Whether a finding decides a statement: the same, or one whose state the other's state implies."""
    if finding.concept == fact.concept:
        return True
    if fact.state == "present":  # a kind is there, so what it is a kind of is there
        return finding.concept in _line(fact.concept) and finding.state in ("absent", "present")
    return fact.concept in _line(finding.concept) and finding.state == "present"


def _elsewhere(said: set[str], found: set[str]) -> bool:
    return bool(said and found and not said & found)


def _sites(finding: Finding) -> tuple[str, ...]:
    return tuple(filter(None, (laterality(site) for site in finding.sites)))


def _sides(names: Iterable[str]) -> set[str]:
    both = {"right", "left"}
    found: set[str] = set()
    for name in names:
        found |= both if name == "bilateral" else {name} & both
    return found


def _found(finding: Finding) -> str:
    chance = f" ({100 * finding.probability:.0f} %)" if finding.probability is not None else ""
    where = f" in {', '.join(finding.sites)}" if finding.sites and finding.state == "present" else ""
    return f"the films were found to have {finding.concept} {finding.state}{where}{chance}"
