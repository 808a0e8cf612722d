"""Single-finding phrases: a report cut so that each piece tells one finding, in the report's own words.

Source: the phrase style of RadFact (Bannur et al., MAIRA-2, arXiv 2406.04449; its worked examples are MIT).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from hilum.text.lexicon import pack
from hilum.text.minimal import minimal_sentence, wording
from hilum.text.parse import Fact, Parsed, sentence_facts
from hilum.text.places import places
from hilum.text.sections import REPORTING
from hilum.text.spots import rules, slots_of
from hilum.text.tokens import find, tokenize

_JOIN = re.compile(
    r"[,;/]|\b(?:and|or|nor|with|without|but|versus|vs|as well as"
    r"|except for|except|aside from|apart from|other than)\b",
    re.IGNORECASE,
)
_OPENING = re.compile(
    r"^(?:[\s,;:/]|\b(?:and|or|nor|neither|with|but|versus|vs|as well as"
    r"|except for|except|aside from|apart from|other than)\b)+",
    re.IGNORECASE,
)
_CLOSING = " \t\r\n,;:/."
_CACHE = 16_384
_Told = frozenset[tuple[str, str, tuple[str, ...]]]


def phrases(parsed: Parsed) -> tuple[str, ...]:
    """Return the report as phrases of one finding each, with its grade, place and change; each text once.

    A sentence that tells one finding (with what it is likely to be) stays whole. Others are cut at the words that
    join their findings; what was said once for all ('no', 'possible', a shared side) is repeated. A sentence about a
    body part without a finding ('mediastinum is unchanged') stays. Technique, limits of the film, advice, history and
    speculation ('which may be pneumonia') are left out, as in RadFact's examples.
    """
    by_sentence: dict[tuple[int, int], list[int]] = {}
    for number, fact in enumerate(parsed.facts):
        by_sentence.setdefault(fact.sentence, []).append(number)
    made: dict[str, None] = {}
    for start, end, section in parsed.sentences:
        if section in REPORTING:
            sentence = parsed.text[start:end]
            numbers = by_sentence.get((start, end), [])
            stated = [number for number in numbers if not _left_out(parsed.facts, number)]
            if numbers and not stated:
                continue
            units = _units(parsed, stated)
            if len(units) < 2 and len(stated) == len(numbers):
                told = [sentence] if numbers or _about_a_part(sentence, parsed.language) else []
            else:
                here = [parsed.facts[number] for number in numbers]
                told = [each for number in range(len(units)) for each in _cut(parsed, units, number, here)]
            made.update(dict.fromkeys(_tidy(each) for each in told if each))
    return tuple(made)


def _left_out(facts: Sequence[Fact], number: int) -> bool:
    """Whether a fact is no finding of its own: history, a limit of the film, or speculation about another."""
    fact = facts[number]
    guessed = fact.because_of >= 0 and fact.state == "uncertain"
    return fact.history or fact.concept == "suboptimal study" or guessed


def _units(parsed: Parsed, numbers: Sequence[int]) -> list[list[Fact]]:
    """Facts of a sentence, each with those that explain it where none of another finding stands between."""
    units: list[list[int]] = []
    for number in numbers:
        fact = parsed.facts[number]
        last = units[-1] if units else []
        tip = parsed.text[fact.start : fact.start + 3].lower() == "tip"  # 'its tip is in the stomach': of the tube
        first = parsed.facts[last[0]] if last else fact
        if last and (fact.because_of in last or _alike(first, fact) or (tip and first.kind == "device")):
            last.append(number)
        else:
            units.append([number])
    return [[parsed.facts[number] for number in unit] for unit in units]


def _twins(one: Fact, other: Fact) -> bool:
    """Whether two facts are one mention: 'small left and moderate right effusions'."""
    return (one.start, one.end, one.concept) == (other.start, other.end, other.concept)


def _alike(one: Fact, other: Fact) -> bool:
    """Whether a mention tells the same of two places, so that they need no phrase each."""
    told = [{slot: v for slot, v in fact.attributes.items() if slot not in ("side", "zone")} for fact in (one, other)]
    return _twins(one, other) and told[0] == told[1]


@lru_cache(maxsize=_CACHE)
def _about_a_part(sentence: str, language: str) -> bool:
    chosen = pack(language)
    layers = find(tokenize(sentence, chosen), chosen)
    kinds = {match.phrase.kind for match in layers[4]}
    changed = any("change" in match.phrase.sets for match in layers[2])
    return "part" in kinds and ("quality" in kinds or changed)


def _tidy(text: str) -> str:
    """One spaced line, opened by a capital, closed by a stop, without 'however' and the like."""
    words = " ".join(text.split())
    for opener in wording()["openers"]:
        if words[: len(opener) + 1].lower() in (f"{opener} ", f"{opener},"):
            words = words[len(opener) :].lstrip(" ,")
    for negator in ("without any ", "without "):
        if words[: len(negator)].lower() == negator:
            words = f"no {words[len(negator) :]}"
    words = words.rstrip(" .,;:/")
    return words[:1].upper() + words[1:] + "."


def _cut(parsed: Parsed, units: list[list[Fact]], number: int, here: Sequence[Fact]) -> list[str]:
    """The piece of a sentence that tells one unit: the first candidate that reads back as it.

    Where none does, the one that reads back but for its sides; where there is none, minimal sentences.
    """
    unit = units[number]
    apart = any(_twins(unit[0], other[0]) for other in units if other is not unit)
    piece = "" if apart else _piece(parsed.text, units, number, here)
    state, sides = _state(unit[0]), " and ".join(unit[0].sides)
    bare = piece.partition(" ")[2] if piece.lower().startswith(("a ", "an ", "the ")) else piece
    candidates = [piece, f"{state} {bare}", f"{state} {sides} {bare}"] if piece else []
    candidates += _composed(parsed, unit, state)
    wanted, near = _told(unit), ""
    for each in (" ".join(candidate.split()) for candidate in candidates):
        told = _told(sentence_facts(each + ".", parsed.language))
        if told == wanted:
            return [each]
        if not near and {said[:2] for said in told} == {said[:2] for said in wanted}:
            near = each
    if near:
        return [near]
    made = [
        minimal_sentence(fact.concept, fact.state, place.side, place.zone)
        for fact in unit
        for place in places(fact, parsed.text, here, parsed.language)
    ]
    return [each for each in made if each]


def _piece(text: str, units: list[list[Fact]], number: int, here: Sequence[Fact]) -> str:
    """Characters between the joins on both sides of a unit, without the joins; speculation that follows is cut."""
    unit, (left, right) = units[number], here[0].sentence
    if number:
        left = _boundary(text, units[number - 1], unit)
    if number < len(units) - 1:
        right = _boundary(text, unit, units[number + 1])
    last = max(fact.end for fact in unit)
    guess = [fact for fact in here if last <= fact.start < right]
    if guess:
        right = min(_boundary(text, unit, guess), *(cue.start for cue in guess[0].cues if cue.start >= last), right)
    if number < len(units) - 1:  # what stands between the last word told of it and the next finding tells neither
        told = [end for fact in unit for _, end in (*fact.modifiers, *((c.start, c.end) for c in fact.cues))]
        right = max([last, *(end for end in told if end <= right)])
    return _OPENING.sub("", text[left:right]).rstrip(_CLOSING) if left < right else ""


def _told(facts: Sequence[Fact]) -> _Told:
    return frozenset((fact.concept, fact.state, tuple(sorted(fact.sides))) for fact in facts)


def _state(fact: Fact) -> str:
    said = "likely" if fact.certainty == "likely" and fact.state == "present" else fact.state
    return str(wording()["prefix"][said])


def _boundary(text: str, before: Sequence[Fact], after: Sequence[Fact]) -> int:
    """Character where one unit ends and the next begins: the join that no modifier of either crosses."""
    start = max(fact.end for fact in before)
    end = min(fact.start for fact in after)
    if start >= end:
        return end
    last = max([b for fact in before for a, b in fact.modifiers if start <= a and b <= end], default=start)
    own = [a for fact in after for a, b in fact.modifiers if start <= a and b <= end and a >= last]
    first = min(own, default=end)
    joins = [match.start() for match in _JOIN.finditer(text, start, end)]
    fit = [at for at in joins if last <= at <= first]
    return (fit or joins or [first])[-1 if not fit else 0]


def _composed(parsed: Parsed, unit: Sequence[Fact], state: str) -> list[str]:
    """'No small left effusion in the left base': put together from the words of the first fact."""
    fact, text = unit[0], parsed.text
    if fact.rule.startswith("pair:"):
        part = rules().part.get(fact.rule[5:].partition("+")[0], "")
        normal = wording()["normal"].format(part=part)
        return [normal] if part and fact.state == "absent" else [f"{state} {fact.concept}"]
    words = {span: text[slice(*span)] for span in sorted(fact.modifiers)}
    slots = {span: {slot for slot, _ in slots_of(said.lower(), parsed.language)} for span, said in words.items()}
    described = [said for span, said in words.items() if not slots[span] & {"side", "zone", "change"}]
    changed = [said for span, said in words.items() if "change" in slots[span]]
    here = [each for each in unit if _twins(fact, each)]
    where = [str(place) for each in here for place in places(each, text, (), parsed.language) if place.zone]
    noun = " ".join((*described, text[fact.start : fact.end]))
    after = f" in the {' and '.join(where)}" if where else ""
    sides = dict.fromkeys(side for each in here for side in each.sides)
    sided = f"{' and '.join(sides)} {noun}"
    ordered = " ".join((*words.values(), text[fact.start : fact.end]))
    if len(here) == 1 and words and max(words)[1] <= fact.start and not where:
        sided = ordered  # 'small left effusion', as it was said
    pieces = [f"{' '.join(changed)} {noun}{after}", f"{noun}{after}", f"{' '.join(changed)} {sided}", sided]
    return [f"{state} {piece}" for piece in (pieces if where else pieces[2:])]
