"""Whether a phrase is borne out by a whole report: judges by rule, and the verdicts that RadFact counts.

Source: RadFact (Bannur et al., MAIRA-2, arXiv 2406.04449): each single-finding phrase of one report is entailed by the
other report or it is not, with the phrases that are the evidence. Its judge is a language model; ours reads facts.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple, Protocol

from hilum.measure.fact_match import DENIALS_OF_NORMAL
from hilum.measure.facts import Stated, above, stated_in
from hilum.measure.normal_statements import NORMAL
from hilum.measure.significant_findings import significant
from hilum.text.parse import parse

Status = Literal["entailed", "not entailed", "not judged"]
_OPPOSED = frozenset({frozenset({"improved", "worsened"}), frozenset({"resolved", "worsened"}),
                      frozenset({"new", "resolved"}), frozenset({"new", "unchanged"}),
                      frozenset({"improved", "unchanged"}), frozenset({"worsened", "unchanged"}),
                      frozenset({"resolved", "unchanged"}), frozenset({"new", "improved"})})  # fmt: skip
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

    A finding is stated by the same one or a kind of it, in the same state, on sides that include its own, with no grade,
    change or place that contradicts; the other report may say more, and a phrase that says more than it is not entailed.
    A denial is implied by a broader denial, and by a report that states normality and nothing ill.
    """

    name = "hilum-rules-1"

    def __call__(self, phrases: Sequence[str], others: Sequence[str]) -> tuple[Entailed, ...]:
        """Return a verdict for each phrase."""
        held = [(number, each) for number, phrase in enumerate(others) for each in _facts(phrase)]
        return tuple(_judged(phrase, held) for phrase in phrases)


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
    if same or asked.state != "absent":
        return same
    denied = {number for number, each in held if each.state == "absent" and each.concept in above(asked.concept)}
    if denied:
        return denied
    ill = any(each.state != "absent" and significant(each) for _, each in held)
    denials = {number for number, each in held if each.state == "absent"}
    return denials if asked.concept == NORMAL and not ill and len(denials) >= DENIALS_OF_NORMAL else set()


def _bears(asked: Stated, each: Stated) -> bool:
    if each.state != asked.state:
        return False
    kin = each.concept == asked.concept
    kin |= asked.concept in above(each.concept) if asked.state != "absent" else each.concept in above(asked.concept)
    if not kin or (asked.state == "absent" and each.sides and not asked.sides):
        return False
    sides = not asked.sides or asked.sides <= each.sides or (asked.state == "absent" and not each.sides)
    places = not asked.regions or not each.regions or bool(asked.regions & each.regions)
    grades = asked.grade is None or (each.grade is not None and abs(asked.grade - each.grade) < _GRADES_APART)
    return sides and places and grades and _in_time(asked.change, each.change)


def _in_time(asked: str, said: str) -> bool:
    """A change is borne out by the same one; a report that says none does not contradict 'unchanged' alone."""
    if not asked or asked == said:
        return True
    return bool(said) and frozenset({asked, said}) not in _OPPOSED


def _why(asked: Stated, held: Sequence[tuple[int, Stated]]) -> str:
    near = [each for _, each in held if each.concept == asked.concept]
    if not near:
        return "not mentioned"
    other = near[0]
    if other.state != asked.state:
        return f"the other report has it {other.state}"
    return "said otherwise (side, place, grade or change)"
