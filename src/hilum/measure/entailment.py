"""Whether a phrase is borne out by a whole report: judges by rule, and the verdicts that RadFact counts.

Source: RadFact (Bannur et al., MAIRA-2, arXiv 2406.04449): each single-finding phrase of one report is entailed by the
other report or it is not, with the phrases that are the evidence. Its judge is a language model; ours reads facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple, Protocol

from hilum.measure.fact_match import DENIALS_OF_NORMAL
from hilum.measure.facts import Stated, above, likeness, stated_in
from hilum.measure.normal_statements import NORMAL
from hilum.measure.significant_findings import significant
from hilum.text.parse import parse

Status = Literal["entailed", "not entailed", "not judged"]
_ONE_CHANGE = (frozenset({"new", "worsened"}), frozenset({"improved", "resolved"}))
_FAMILY = 0.75  # least likeness of two concepts that are words for one thing
_GRADES_APART = 1.0


class Entailed(NamedTuple):
    """The verdict on one phrase.

    Args:
        phrase: as given.
        status: 'not judged' where the judge could not tell, which counts as not entailed.
        evidence: numbers of the other report's phrases that bear it out.
        reason: why not, or why not judged.
    """

    phrase: str
    status: Status
    evidence: tuple[int, ...] = ()
    reason: str = ""


class Judge(Protocol):
    """Judges phrases against the phrases of another report."""

    name: str

    def __call__(self, phrases: Sequence[str], others: Sequence[str]) -> tuple[Entailed, ...]:
        """Return a verdict for each phrase, in order."""
        ...


class RuleJudge:
    """Entailment by facts: every fact of a phrase must be stated, or implied, by the other report.

    A finding is stated by the same one, one of its family or a kind of it, in the same state, on sides that include its
    own and at a place, grade and change that agree; the other report may say more, and a phrase that says more than it
    is not entailed. A denial is implied by a broader one, but 'no acute abnormality', in so many words or by several
    denials, implies it only in a report that states nothing ill. A phrase that stands in the other report word for
    word is entailed, understood or not.
    """

    name = "hilum-rules-1"

    def __call__(self, phrases: Sequence[str], others: Sequence[str]) -> tuple[Entailed, ...]:
        """Return a verdict for each phrase."""
        held = [(number, each) for number, phrase in enumerate(others) for each in _facts(phrase)]
        words: dict[str, list[int]] = {}
        for number, phrase in enumerate(others):
            words.setdefault(_bare(phrase), []).append(number)
        same = [tuple(words.get(_bare(phrase), ())) for phrase in phrases]
        return tuple(
            Entailed(phrase, "entailed", told) if told else _judged(phrase, held)
            for phrase, told in zip(phrases, same, strict=True)
        )


def _bare(phrase: str) -> str:
    return " ".join(phrase.lower().rstrip(" .").split())


@lru_cache(maxsize=16_384)
def _facts(phrase: str) -> tuple[Stated, ...]:
    return stated_in(parse(phrase))


def _judged(phrase: str, held: Sequence[tuple[int, Stated]]) -> Entailed:
    asked = _facts(phrase)
    if not asked:
        return Entailed(phrase, "not judged", reason="no finding is understood in it")
    evidence: set[int] = set()
    for each in asked:
        found = _support(each, held)
        if not found:
            return Entailed(phrase, "not entailed", reason=f"{each.concept}, {each.state}: {_why(each, held)}")
        evidence |= found
    return Entailed(phrase, "entailed", tuple(sorted(evidence)))


def _support(asked: Stated, held: Sequence[tuple[int, Stated]]) -> set[int]:
    """Numbers of the phrases that bear a fact out."""
    same = {number for number, each in held if _bears(asked, each)}
    if same or asked.state != "absent" or any(each.state != "absent" and significant(each) for _, each in held):
        return same
    normal = {number for number, each in held if each.state == "absent" and each.concept == NORMAL}
    denials = {number for number, each in held if each.state == "absent"}
    enough = asked.concept == NORMAL and len(denials) >= DENIALS_OF_NORMAL
    return normal or (denials if enough else set())


def _bears(asked: Stated, each: Stated) -> bool:
    if each.state != asked.state:
        return False
    if asked.state == "absent":  # a broader denial: of more findings, of both sides
        broader = each.concept == asked.concept or each.concept in above(asked.concept) - {NORMAL}
        return broader and (not each.sides or (bool(asked.sides) and asked.sides <= each.sides))
    kin = likeness(asked.concept, each.concept) >= _FAMILY or asked.concept in above(each.concept)
    sides = asked.sides <= each.sides
    places = not asked.regions or not each.regions or bool(asked.regions & each.regions)
    grades = asked.grade is None or (each.grade is not None and abs(asked.grade - each.grade) < _GRADES_APART)
    return kin and sides and places and grades and _in_time(asked.change, each.change)


def _in_time(asked: str, said: str) -> bool:
    """Whether a change is borne out: by the same one, or one that the other word is used for."""
    return not asked or asked == said or frozenset({asked, said}) in _ONE_CHANGE


def _why(asked: Stated, held: Sequence[tuple[int, Stated]]) -> str:
    near = [each for _, each in held if each.concept == asked.concept]
    if not near:
        return "not mentioned"
    if near[0].state != asked.state:
        return f"the other report has it {near[0].state}"
    return "said otherwise (side, place, grade or change)"
