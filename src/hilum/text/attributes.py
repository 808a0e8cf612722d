"""Attributes: which finding a side, zone, severity, size, number or change word belongs to."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from hilum.text.assertion import Clauses
from hilum.text.lexicon import Pack
from hilum.text.mentions import Mention
from hilum.text.tokens import Match, Tokens

_SIZE = re.compile(
    r"(?<![\w.])(\d{1,4}(?:[.,]\d{1,3})?)(?:\s?[x×]\s?(\d{1,4}(?:[.,]\d{1,3})?))?(?:\s?[x×]\s?(\d{1,4}(?:[.,]\d{1,3})?))?"
    r"[ -]?(mm|cm|millimeters?|centimeters?)\b",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d")
PLACES = ("side", "zone", "plural")
GRADES = ("severity", "low")
SHADOWS = frozenset(
    {"lung opacity", "airspace opacity", "interstitial pattern", "costophrenic angle blunting", "lung nodule",
     "lung mass", "consolidation", "infiltration", "volume loss", "ground glass opacity", "reticular pattern"}
)  # fmt: skip
"""What a film shows; other findings are what it is taken to be."""
_MIDLINE = frozenset({"cardiomegaly", "enlarged cardiomediastinum", "heart failure", "hiatal hernia", "emphysema"})
_JOINS = frozenset({",", "/", "versus", "vs", "associated", "adjacent", "xxxx"})
_REDACTED = "xxxx"  # after a shadow it mostly hides 'likely' or 'represents'
_NEAR = 6  # tokens an adjective may stand before its noun
_FAR = 14
_LATE = 30  # tokens a place, behind a preposition, or a change, behind a comma, may stand after its finding
_APART = 3  # tokens between that comma and the change


@dataclass
class Attached:
    """What is known of one mention besides its state.

    Args:
        values: slot -> values in order, e.g. {'side': ['right'], 'zone': ['base'], 'severity': ['mild']}.
        sizes: (value, unit) of each measured diameter.
        spans: characters of the words that gave them.
        because_of: number of the mention that this one explains, or -1.
    """

    values: dict[str, list[str]] = field(default_factory=dict)
    sizes: list[tuple[float, str]] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    because_of: int = -1

    def give(self, slot: str, value: str) -> None:
        """Add one value, once."""
        held = self.values.setdefault(slot, [])
        if value not in held:
            held.append(value)


def attach(
    found: list[Mention], tokens: Tokens, layers: list[list[Match]], made: Clauses, pack: Pack
) -> list[Attached]:
    """Return the attributes of each mention, in order."""
    said = [Attached() for _ in found]
    if not found:
        return said
    for mention, own in zip(found, said, strict=True):
        for slot, values in mention.sets.items():
            for value in values if slot not in ("state", "certainty", "form") else ():
                own.give(slot, value)
    _modify(found, said, tokens, layers, made, pack)
    if _DIGIT.search(tokens.text):
        _sizes(tokens, found, said)
    if len(found) > 1:
        _causes(found, said, layers, made, tokens.words)
        _share(found, said, tokens, made, pack)
    for own in said:
        if own.values.pop("plural", None) and "side" not in own.values:
            own.values["side"] = ["right", "left"]
    return said


def _modify(
    found: list[Mention], said: list[Attached], tokens: Tokens, layers: list[list[Match]], made: Clauses, pack: Pack
) -> None:
    """Give each side, zone, grade and change word to the finding it belongs to."""
    changes = {m.first for m in layers[2] if {"worsened", "improved"}.intersection(m.phrase.sets.get("change", ()))}
    for match in layers[2]:
        if match.phrase.name == "severity" and match.last + 1 in changes:
            continue  # 'mildly increased' grades the change
        number = _owner(match, found, tokens, made, pack)
        if number >= 0 and not (match.phrase.name == "size" and match.first == found[number].anchor):
            said[number].spans.append(tokens.span(match.first, match.last))
            for slot, values in match.phrase.sets.items():
                for value in values:
                    said[number].give(slot, value)


def _owner(match: Match, found: list[Mention], tokens: Tokens, made: Clauses, pack: Pack) -> int:
    """Number of the mention a modifier belongs to, -1 for none."""
    before, after = -1, -1
    for number, mention in enumerate(found):
        if mention.first <= match.last and match.first <= mention.last:
            return number
        if mention.last < match.first:
            before = number
        elif after < 0 and mention.first > match.last:
            after = number
    segment = made.segments[match.first]
    if before >= 0 and made.segments[found[before].last] != segment:
        before = -1
    if after >= 0 and made.segments[found[after].first] != segment:
        after = -1
    place = match.phrase.name in ("side", "zone")
    gap_after = _gap(match.last, found[after].first, tokens, pack, place) if after >= 0 else 99
    change = match.phrase.name == "change"
    gap_before = _gap_back(found[before].last, match.first, tokens, pack, place, change) if before >= 0 else 99
    if gap_before == gap_after == 99:
        return -1
    return before if gap_before <= gap_after else after


def _gap(last: int, first: int, tokens: Tokens, pack: Pack, place: bool) -> int:
    """Cost of a modifier that stands before its finding; 99 where it cannot."""
    between = tokens.words[last + 1 : first]
    if len(between) > (_FAR if place else _NEAR):
        return 99
    cost = 0
    for word in between:
        if word in pack.syntax["verb"]:
            if not place:
                return 99
            cost += 3
        elif word in ",;:" or word in pack.syntax["and"] or word in pack.syntax["or"]:
            cost += 4
        elif word in pack.syntax["with"]:
            cost += 5
        elif word in pack.syntax["prep"]:
            if not place:
                return 99 if word not in ("of", "in") else cost + 3
            cost += 3
        else:
            cost += 1
    return cost


def _gap_back(last: int, first: int, tokens: Tokens, pack: Pack, place: bool, change: bool) -> int:
    """Cost of a modifier that stands after its finding; 99 where it cannot."""
    between = tokens.words[last + 1 : first]
    if change and len(between) <= _LATE and ("," in between[-_APART:] or tokens.words[first] in pack.syntax["finite"]):
        return 5  # 'opacity in the right base, unchanged', 'the opacity in the right base has resolved'
    prep = any(word in pack.syntax["prep"] for word in between)
    if len(between) > (_LATE if place and prep else _FAR):
        return 99
    verb = any(word in pack.syntax["verb"] for word in between)
    stops = sum(word in ",;:" for word in between)
    joins = sum(word in pack.listing for word in between)
    if place:
        cost = len(between) // 4 + 3 * stops + (0 if prep or verb or not between else 3)
        return cost + (4 * joins if not _joined_places(between, tokens, pack) else 0)
    after_noun = "adjectives" in pack.syntax.get("after noun", ()) and len(between) <= 3
    if not verb and not after_noun and (between or first - last > 1) and not (stops == 1 and len(between) == 1):
        return 99
    return 2 + len(between) // 3 + 3 * stops + 6 * joins + (99 if prep and not verb else 0)


def _joined_places(between: list[str], tokens: Tokens, pack: Pack) -> bool:
    """Whether the and between is one of two places: 'in the right base and left apex'."""
    for number, word in enumerate(between):
        if word in pack.syntax["and"]:
            return any(w in pack.syntax["prep"] for w in between[:number]) or bool(
                {"right", "left", "base", "upper", "lower", "derecha", "izquierda"} & set(between[:number])
            )
    return False


def _sizes(tokens: Tokens, found: list[Mention], said: list[Attached]) -> None:
    """Measured sizes go to the finding that is nearest in characters."""
    for match in _SIZE.finditer(tokens.text):
        unit = "cm" if match.group(4).lower().startswith("c") else "mm"
        distances = [
            min(abs(tokens.starts[m.first] - match.end()), abs(match.start() - tokens.ends[m.last])) for m in found
        ]
        number = distances.index(min(distances))
        said[number].spans.append(match.span())
        said[number].sizes += [(float(v.replace(",", ".")), unit) for v in match.groups()[:3] if v]


def _causes(
    found: list[Mention], said: list[Attached], layers: list[list[Match]], made: Clauses, words: list[str]
) -> None:
    """'Opacity may represent pneumonia': the pneumonia is named because of the opacity."""
    for link in layers[3]:
        before = [n for n, m in enumerate(found) if m.last < link.first]
        after = [n for n, m in enumerate(found) if m.first > link.last]
        if not before or not after or found[after[0]].first - link.last > 8:
            continue
        source, target = before[-1], after[0]
        if link.first - found[source].last > _FAR:
            continue
        if any(at in made.commas for at in range(link.last + 1, found[target].first)):
            continue
        said[target].because_of = source
        for following in after[1:]:
            if found[following].first - found[following - 1].last > 4:
                break
            said[following].because_of = source
    for number in range(1, len(found)):
        shadow, mention = found[number - 1], found[number]
        between = words[shadow.last + 1 : mention.first]
        hidden = _REDACTED in between[-3:] and len(between) <= _FAR and shadow.concept in SHADOWS
        if hidden and mention.concept not in SHADOWS and said[number].because_of < 0:
            said[number].because_of = number - 1


def _placed(own: Attached) -> bool:
    return "side" in own.values or "zone" in own.values or "plural" in own.values


def _share(found: list[Mention], said: list[Attached], tokens: Tokens, made: Clauses, pack: Pack) -> None:
    """A side or zone said once holds for findings listed together and for what an opacity is thought to be."""
    joins = pack.listing | _JOINS
    for number, own in enumerate(said):
        if not any(slot in own.values for slot in (*GRADES, "extent")):
            _share_grade(number, found, said, tokens, pack)
        if _placed(own) or found[number].concept in _MIDLINE:
            continue
        source = own.because_of
        if source < 0 and number:
            between = tokens.words[found[number - 1].last + 1 : found[number].first]
            listed = 0 < len(between) <= 5 and bool(joins.intersection(between))
            same = made.segments[found[number - 1].last] == made.segments[found[number].first]
            verb = any(word in pack.syntax["verb"] for word in between)
            source = number - 1 if listed and same and not verb else -1
        if source >= 0:
            for slot in PLACES:
                for value in said[source].values.get(slot, ()):
                    if value != "costophrenic angle":
                        own.give(slot, value)
    _share_back(found, said, tokens, joins, made)


def _share_back(
    found: list[Mention], said: list[Attached], tokens: Tokens, joins: frozenset[str], made: Clauses
) -> None:
    """A place said after the last of a list holds for those before it: 'scarring or atelectasis in the left base'."""
    for number in range(len(said) - 2, -1, -1):
        later = said[number + 1]
        if _placed(said[number]) or later.because_of == number:
            continue
        if (
            found[number].concept in _MIDLINE
            or made.segments[found[number].last] != made.segments[found[number + 1].first]
        ):
            continue
        between = tokens.words[found[number].last + 1 : found[number + 1].first]
        if 0 < len(between) <= 3 and joins.intersection(between) and not _before_noun(later, found[number + 1], tokens):
            for slot in PLACES:
                for value in later.values.get(slot, ()):
                    said[number].give(slot, value)


def _share_grade(number: int, found: list[Mention], said: list[Attached], tokens: Tokens, pack: Pack) -> None:
    """'Minimal scarring or atelectasis': a grade holds for both alternatives, but not across 'and' or 'with'."""
    if not number:
        return
    between = tokens.words[found[number - 1].last + 1 : found[number].first]
    alternatives = pack.syntax["or"] | {"versus", "vs", "/"}
    if 0 < len(between) <= 3 and alternatives.intersection(between):
        for slot in GRADES:
            for value in said[number - 1].values.get(slot, ()):
                said[number].give(slot, value)


def _before_noun(own: Attached, mention: Mention, tokens: Tokens) -> bool:
    """Whether a place word stands before its noun, so that it is not shared backwards."""
    return any(start <= tokens.starts[mention.first] for start, _ in own.spans)
