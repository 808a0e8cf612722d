"""Assertion: is a mentioned finding said to be present, absent or uncertain, and by which words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from hilum.text.lexicon import Pack, Phrase
from hilum.text.mentions import Mention
from hilum.text.tokens import Match, Tokens

_HEDGE_REACH = 14  # tokens a hedge looks ahead
_REACH = 60  # tokens a negation looks ahead
_NEAR = 4  # tokens a 'resolved' before its finding looks ahead
_BACK = 10  # tokens a cue after its finding looks back
_CUES_SEEN = 6  # nearest cues weighed for one mention
_JOINS = frozenset(",;/")


class Assertion(NamedTuple):
    """What is said of one mention.

    Args:
        state: 'present', 'absent', 'uncertain', or 'unasserted' (advice, limits of the film: no statement).
        certainty: 'definite', 'likely' (probable, consistent with, versus) or 'possible' (may, cannot exclude).
        cues: tokens (first, last) and rule of each cue that decided.
        history: said of the past, not of this film.
    """

    state: str
    certainty: str = "definite"
    cues: tuple[tuple[int, int, str], ...] = ()
    history: bool = False


@dataclass
class Clauses:
    """Where scopes end in a sentence.

    Args:
        segments: clause number of every token; a scope never leaves its clause.
        resumes: tokens where a new statement may begin ('and the heart', ', there is').
        statements: those of them that surely begin one; no side or grade crosses them.
        commas, withs, ors: tokens of those words.
        fresh: commas and ands after which a described finding begins (', small right effusion').
    """

    segments: list[int]
    resumes: list[int] = field(default_factory=list)
    statements: list[int] = field(default_factory=list)
    commas: list[int] = field(default_factory=list)
    withs: list[int] = field(default_factory=list)
    ors: list[int] = field(default_factory=list)
    fresh: list[int] = field(default_factory=list)


def clauses(tokens: Tokens, layers: list[list[Match]], pack: Pack) -> Clauses:
    """Return the clause structure of a sentence."""
    words, syntax = tokens.words, pack.syntax
    ends = {m.first for m in layers[1] if m.phrase.name == "break"}
    made = Clauses(_segments(words, ends - _between_grades(ends, layers[2])))
    described: set[int] | None = None
    joins, articles, last = pack.joins, pack.skip, len(words) - 1
    for at in [number for number, word in enumerate(words) if word in pack.marks]:
        word = words[at]
        if word == ",":
            made.commas.append(at)
        elif word in syntax["with"]:
            if words[at + 1 : at + 2] != ["or"]:
                made.withs.append(at)
        elif word in syntax["or"]:
            made.ors.append(at)
        if word in joins and at < last:
            if described is None:
                described = {m.first for m in layers[2] if _describes(m)}
            if at + 1 in described and word not in syntax["with"]:
                made.fresh.append(at)
            if words[at + 1] in articles:
                made.resumes.append(at + 1)
    made.statements = [m.first for m in layers[5] if m.first and words[m.first - 1] in joins]
    if made.commas:
        subject = min([m.last for layer in (layers[0], layers[4]) for m in layer], default=len(words))
        made.statements += [at + 1 for at in made.commas if subject < at and _new_verb(at, words, pack)]
    made.resumes += made.statements
    return made


def _between_grades(breaks: set[int], modifiers: list[Match]) -> set[int]:
    """'Small but increasing effusion': a break between two grades or changes ends nothing."""
    if not breaks:
        return breaks
    names = ("severity", "size", "change", "morphology", "onset")
    graded = [m for m in modifiers if m.phrase.name in names]
    firsts, lasts = {m.first for m in graded}, {m.last for m in graded}
    return {at for at in breaks if at - 1 in lasts and at + 1 in firsts}


def _segments(words: list[str], breaks: set[int]) -> list[int]:
    """Clause number of every token: a new one begins at a 'but' and after a semicolon or colon."""
    if not breaks and ";" not in words and ":" not in words:
        return [0] * len(words)
    number, segments = 0, []
    for at in range(len(words)):
        number += at in breaks or (at > 0 and words[at - 1] in ";:")
        segments.append(number)
    return segments


def _describes(match: Match) -> bool:
    """Whether a modifier opens a finding that is there ('small right'); 'large' and 'new' are said of absent ones."""
    sets = match.phrase.sets
    usual = match.phrase.name in ("severity", "size", "side", "change")
    return usual and "large" not in sets.get("extent", ()) and "new" not in sets.get("change", ())


def _new_verb(comma: int, words: list[str], pack: Pack) -> bool:
    """Whether a finite verb follows a comma, with no list going on: ', heart is enlarged' but not ', which is'."""
    if words[comma + 1 : comma + 2] and words[comma + 1] in pack.syntax.get("relative", ()):
        return False
    for word in words[comma + 1 : comma + 5]:
        if word in pack.syntax["or"] or word in _JOINS:
            return False
        if word in pack.syntax["finite"]:
            return True
    return False


def assert_all(found: list[Mention], tokens: Tokens, layers: list[list[Match]], made: Clauses) -> list[Assertion]:
    """Return what is said of each mention, in order."""
    cues = [(m, phrase) for m in layers[1] for phrase in m.phrases if phrase.name not in ("break", "pseudo")]
    muted = next(
        (Assertion("unasserted", cues=((m.first, m.last, p.rule),)) for m, p in cues if p.name == "mute.all"), None
    )
    if muted:
        return [muted] * len(found)
    before = [(m, p) for m, p in cues if p.name in ("neg.pre", "unc.pre", "advice", "history")]
    said = [_from_before(mention, before, made) for mention in found]
    for match, phrase in cues:
        if phrase.name in ("neg.post", "unc.post", "mute.post"):
            _from_after(match, phrase, found, said, made)
        elif phrase.name == "unc.mid":
            _between(match, phrase.rule, found, said, made)
    return [_with_given(mention, each) for mention, each in zip(found, said, strict=True)]


def _any_between(places: list[int], start: int, end: int) -> bool:
    return bool(places) and any(start <= place <= end for place in places)


def _from_before(mention: Mention, cues: list[tuple[Match, Phrase]], made: Clauses) -> Assertion:
    """The cues before a mention that reach it: a negation wins over a hedge, a nearer hedge over a farther one."""
    negation: Assertion | None = None
    hedge: Assertion | None = None
    seen = 0
    for match, phrase in reversed(cues):
        if match.first > mention.anchor or match.last >= mention.anchor:
            continue
        seen += 1
        if seen > _CUES_SEEN or made.segments[match.last] != made.segments[mention.anchor]:
            break
        name, sets, rule = phrase.name, phrase.sets, phrase.rule
        cue = ((match.first, match.last, rule),)
        start, end = match.last + 1, mention.anchor
        if name == "advice":
            if hedge is None and end - start < _HEDGE_REACH and not _any_between(made.resumes, start, end):
                return Assertion("unasserted", cues=cue)
        elif name == "history":
            if end - start < 5 and not _any_between(made.commas, start, end):
                return Assertion("present", cues=cue, history=True)
        elif name == "neg.pre":
            near = "near" not in sets or (end - start < _NEAR and not _any_between(made.commas, start, end))
            if negation is None and near and _negates(start, end, made):
                negation = Assertion("absent", cues=cue)
        elif hedge is None and _hedges(start, end, made, "list" in sets):
            hedge = _hedge(sets.get("certainty", ("possible",))[0], cue)
        elif hedge and _weakens(hedge, match, sets):
            hedge = _hedge("possible", (*cue, *hedge.cues))
    return negation or hedge or Assertion("present")


def _weakens(hedge: Assertion, match: Match, sets: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether a 'may' stands directly before a 'consistent with': the weaker word holds."""
    near = hedge.cues[0][0] - match.last <= 3
    return near and hedge.certainty == "likely" and sets.get("certainty") == ("possible",)


def _hedge(certainty: str, cue: tuple[tuple[int, int, str], ...]) -> Assertion:
    return Assertion("present" if certainty == "likely" else "uncertain", certainty, cue)


def _negates(start: int, end: int, made: Clauses) -> bool:
    """Whether a negation that ends before `start` reaches token `end`."""
    if end - start > _REACH or _any_between(made.resumes, start, end) or _any_between(made.withs, start, end):
        return False
    breaks = [at for at in made.fresh if start <= at < end]
    if not breaks:
        return True
    segment = made.segments[end]
    return any(at > breaks[0] and made.segments[at] == segment for at in made.ors)


def _hedges(start: int, end: int, made: Clauses, listed: bool) -> bool:
    """Whether a hedge that ends before `start` reaches token `end`."""
    if end - start > _HEDGE_REACH or _any_between(made.resumes, start, end) or _any_between(made.withs, start, end):
        return False
    commas = [at for at in made.commas if start <= at < end]
    if listed or not commas:
        return True
    return any(at > commas[0] and made.segments[at] == made.segments[end] for at in made.ors)


def _from_after(match: Match, phrase: Phrase, found: list[Mention], said: list[Assertion], made: Clauses) -> None:
    """A cue after its subject: the nearest finding before it and those listed with that one."""
    limit = match.first
    name = phrase.name
    cue = ((match.first, match.last, phrase.rule),)
    certainty = phrase.sets.get("certainty", ("possible",))[0]
    for number in range(len(found) - 1, -1, -1):
        mention = found[number]
        if mention.last >= match.first:
            continue
        reach = _BACK if limit == match.first else 5
        if limit - mention.last > reach or made.segments[mention.last] != made.segments[match.first]:
            return
        if _any_between(made.resumes, mention.last, match.first):
            return
        if said[number].state != "absent" and mention.sets.get("state") != ("absent",):
            if name == "unc.post":
                said[number] = _hedge(certainty, cue)
            else:
                said[number] = Assertion("absent" if name == "neg.post" else "unasserted", cues=cue)
        limit = mention.first


def _between(match: Match, rule: str, found: list[Mention], said: list[Assertion], made: Clauses) -> None:
    """'A versus B': both are alternatives, unless they are already hedged."""
    cue = ((match.first, match.last, rule),)
    left = [n for n, m in enumerate(found) if match.first - 8 <= m.last < match.first]
    right = [n for n, m in enumerate(found) if match.last < m.first <= match.last + 8]
    for number in (*left[-1:], *right[:1]):
        same = made.segments[found[number].last] == made.segments[match.first]
        if same and said[number] == Assertion("present"):
            said[number] = _hedge("likely", cue)


def _with_given(mention: Mention, said: Assertion) -> Assertion:
    """Join what the phrase itself states (a normal heart, a borderline one) with the cues round it."""
    given = mention.sets.get("state", ("present",))[0]
    if given == "present":
        return said
    if given == "absent":
        if said.state == "absent":
            return Assertion("unasserted", cues=said.cues)
        return said if said.state == "unasserted" else Assertion("absent", cues=said.cues)
    if said.state in ("absent", "unasserted"):
        return said
    return Assertion(given, mention.sets.get("certainty", ("possible",))[0], said.cues, said.history)
