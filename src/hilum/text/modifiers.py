"""Modifiers: which finding each side, zone, grade, size, number or change word is said of."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field

from hilum.text.assertion import Clauses
from hilum.text.lexicon import Pack, Phrase
from hilum.text.mentions import Mention
from hilum.text.tokens import Match, Tokens

_SIZE = re.compile(
    r"(?<![\w.])(\d{1,4}(?:[.,]\d{1,3})?)(?:\s?[x×]\s?(\d{1,4}(?:[.,]\d{1,3})?))?(?:\s?[x×]\s?(\d{1,4}(?:[.,]\d{1,3})?))?"
    r"[ -]?(mm|cm|millimeters?|centimeters?)\b",
    re.IGNORECASE,
)
_STOPS = frozenset(";:)")
_DIGIT = re.compile(r"\d")
_CHANGED = frozenset({"worsened", "improved"})
_COUNTS = {"2": "two", "3": "three", "4": "four", "5": "five", "6": "six"}
_NEAR = 6  # tokens an adjective may stand before its noun
_FAR = 14
_LATE = 30  # tokens a place, behind a preposition, or a change, behind a comma, may stand after its finding
_APART = 3  # tokens between that comma and the change
_LATE_COST = 5
_NEVER = 99  # the cost of what cannot be


@dataclass(slots=True)
class Attached:
    """What is known of one mention besides its state.

    Args:
        values: slot -> values in order, e.g. {'side': ['right'], 'zone': ['base'], 'severity': ['mild']}.
        sizes: (value, unit) of each measured diameter.
        spans: characters of the words that gave them.
        because_of: number of the mention that this one explains, or -1.
        matches: the words that gave the values, left to right.
        parts: 'small left, moderate right' as one Attached each; empty for a finding in one place.
    """

    values: dict[str, list[str]] = field(default_factory=dict)
    sizes: list[tuple[float, str]] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    because_of: int = -1
    matches: list[Match] = field(default_factory=list)
    parts: tuple[Attached, ...] = ()

    def give(self, slot: str, value: str) -> None:
        """Add one value, once."""
        held = self.values.setdefault(slot, [])
        if value not in held:
            held.append(value)


class Modifiers:
    """The modifiers of a sentence and what is known of the words round them.

    Args:
        found: the mentions of the sentence.
        tokens, layers, made, pack: the sentence, its phrases, its clauses, its language.
    """

    def __init__(
        self, found: list[Mention], tokens: Tokens, layers: list[list[Match]], made: Clauses, pack: Pack
    ) -> None:
        self.found, self.tokens, self.made, self.pack = found, tokens, made, pack
        self.matches = _levelled(layers[2], tokens.words, pack)
        self.covered = {at for m in self.matches for at in range(m.first, m.last + 1)}
        self.apposed = self._apposed() if made.commas else {}

    def _apposed(self) -> dict[int, int]:
        """Token -> mention, for stretches between commas that only describe what stands before: ', left small,'."""
        words, known = self.tokens.words, self.covered
        fill = self.pack.syntax.get("apposed", frozenset())
        told: dict[int, int] = {}
        edges = [*self.made.commas, len(words)]
        for number, comma in enumerate(edges[:-1]):
            start, end = comma + 1, edges[number + 1]
            inside = words[start:end]
            plain = [at for at in range(start, end) if at not in known and words[at] not in fill]
            if plain or start >= end or not known.intersection(range(start, end)):
                continue
            before = [n for n, m in enumerate(self.found) if m.last < start]
            owner = told.get(comma - 1, before[-1] if before else -1)
            if owner < 0 or self.made.segments[self.found[owner].last] != self.made.segments[start]:
                continue
            if end == len(words) or self._tells(start, end, inside):
                told.update(dict.fromkeys(range(start, end), owner))
        return told

    def _tells(self, start: int, end: int, inside: list[str]) -> bool:
        """Whether a stretch with a finding after it still looks back: side and grade, a comparison, a change."""
        names = {m.phrase.name for m in self.matches if start <= m.first < end}
        return {"side"} < names or "than" in inside or names == {"change"}

    def owner(self, match: Match) -> int:
        """Number of the mention a modifier belongs to, -1 for none."""
        first, last = match.first, match.last
        if first in self.apposed:
            return self.apposed[first]
        before, after, within = -1, -1, -1
        for number, mention in enumerate(self.found):
            if mention.kind == "study":
                continue  # 'unchanged' is said of the film: it has no side or grade
            if mention.last < first:
                before = number
            elif mention.first > last:
                after = number
                break
            elif within < 0 or mention.last - mention.first < self.found[within].last - self.found[within].first:
                within = number
        if within >= 0:
            return within
        before, after = self._in_clause(match, before, after)
        closed = match.phrase.name == "change" and self.tokens.words[last + 1 : last + 2] == [","]
        if closed and before >= 0 and self.found[before].last == first - 1:
            return before  # 'left effusion unchanged, right effusion worse'
        place = match.phrase.name in ("side", "zone")
        gap_after = self._gap(match, self.found[after].first, place) if after >= 0 else _NEVER
        late = match.phrase.name == "change" and before >= 0 and self._late(self.found[before].last, first)
        gap_before = _LATE_COST if late else _NEVER
        if before >= 0 and not late:
            gap_before = self._gap_back(self.found[before].last, first, place)
        if gap_before >= _NEVER and gap_after >= _NEVER:
            return -1
        return before if gap_before < gap_after or gap_before == gap_after > 0 else after

    def _in_clause(self, match: Match, before: int, after: int) -> tuple[int, int]:
        """The mentions before and after a modifier, each -1 where a clause ends between."""
        segments, at = self.made.segments, match.first
        starts = self.made.statements
        if after >= 0:
            first = self.found[after].first
            parted = before >= 0 and starts and any(match.last < s <= first for s in starts)
            headed = segments[first] == segments[at] + 1 and before < 0 and self._heads(at, first)
            if (segments[first] != segments[at] and not headed) or parted:  # but 'in the left base, there is'
                after = -1
        if before >= 0:
            last = self.found[before].last
            other = segments[last] != segments[at] and (after >= 0 or not self._goes_on(at))
            if other or (starts and any(last < s <= at for s in starts)):
                before = -1
        return before, after

    def _heads(self, at: int, first: int) -> bool:
        """Whether a place is the heading of what follows: 'right base: atelectasis'."""
        return ":" in self.tokens.words[at:first]

    def _goes_on(self, at: int) -> bool:
        """Whether the clause of token `at` only says more of what stands before it: 'which ...', 'effusion: small'."""
        segments, words = self.made.segments, self.tokens.words
        first = segments.index(segments[at])
        relative = self.pack.syntax.get("relative", frozenset())
        return words[first] in relative or (first > 0 and words[first - 1] == ":")

    def _gap(self, match: Match, first: int, place: bool) -> int:
        """Cost of a modifier that stands before its finding; 99 where it cannot."""
        words, syntax = self.tokens.words, self.pack.syntax
        between = words[match.last + 1 : first]
        if len(between) > (_FAR if place else _NEAR):
            return _NEVER
        cost = 0
        for at in range(match.last + 1, first):
            word = words[at]
            if word in syntax["verb"]:
                if not place:
                    return _NEVER
                cost += 3
            elif word in ",;:" or word in syntax["and"] or word in syntax["or"]:
                cost += 1 if self._between_modifiers(at) else 4
            elif word in syntax["with"]:
                cost += 10
            elif word in syntax["prep"]:
                if not place:
                    return _NEVER if word not in syntax["genitive"] else cost + 3
                cost += 3
            else:
                cost += at not in self.covered
        return cost

    def _between_modifiers(self, at: int) -> bool:
        """Whether a join stands between two describing words: 'small right and left', 'mild, patchy'."""
        words = self.tokens.words
        after = at + 1
        while after < len(words) and (words[after] == "xxxx" or words[after] in self.pack.skip):
            after += 1
        return at - 1 in self.covered and after in self.covered

    def _late(self, last: int, first: int) -> bool:
        """Whether a change far behind its finding is told of it: 'opacity in the right base, unchanged'."""
        words = self.tokens.words
        between = words[last + 1 : first]
        return len(between) <= _LATE and ("," in between[-_APART:] or words[first] in self.pack.syntax["finite"])

    def _gap_back(self, last: int, first: int, place: bool) -> int:
        """Cost of a modifier that stands after its finding; 99 where it cannot."""
        pack = self.pack
        between = self.tokens.words[last + 1 : first]
        prep = not pack.syntax["prep"].isdisjoint(between)
        if len(between) > (_LATE if place and prep else _FAR):
            return _NEVER
        verb = not pack.syntax["verb"].isdisjoint(between)
        stops = sum([word in ",;:(" for word in between])
        joins = sum([word in pack.listing for word in between])
        if place:
            cost = len(between) // 4 + 3 * stops + (0 if prep or verb or not between else 3)
            return cost + (4 * joins if not self._joined_places(between) else 0)
        after_noun = "adjectives" in pack.syntax.get("after noun", ()) and len(between) <= 3
        if between == ["of"]:
            return 2  # 'effusion of mild degree'
        if not verb and not after_noun and (between or first - last > 1) and not (stops == 1 and len(between) == 1):
            return _NEVER
        return 2 + len(between) // 3 + 3 * stops + 6 * joins + (_NEVER if prep and not verb else 0)

    def _joined_places(self, between: list[str]) -> bool:
        """Whether the and between is one of two places: 'in the right base and left apex'."""
        syntax = self.pack.syntax
        for number, word in enumerate(between):
            if word in syntax["and"]:
                placed = {"right", "left", "base", "upper", "lower", "derecha", "izquierda"}
                return any(w in syntax["prep"] for w in between[:number]) or bool(placed & set(between[:number]))
        return False


def _levelled(matches: list[Match], words: list[str], pack: Pack) -> list[Match]:
    """Give a level its zone: 'upper' in 'right upper and left lower lobe', in 'upper left lung'; else leave it out."""
    if not any(m.phrase.name == "level" for m in matches):
        return matches
    kept: list[Match] = []
    joins = pack.syntax["and"] | pack.syntax["or"] | {",", "to"}
    for number in range(len(matches) - 1, -1, -1):
        match = matches[number]
        if match.phrase.name != "level":
            kept.append(match)
            continue
        noun = _noun(match, kept, words, joins)
        if noun:
            level = match.phrase.sets["level"][0]
            value = f"{'mid' if (level, noun) == ('middle', 'zone') else level} {noun}"
            zone = Phrase("word", "zone", {"zone": (value,)}, match.phrase.rule, 2)
            kept.append(Match(match.first, match.last, (zone,), zone))
    return kept[::-1]


def _noun(level: Match, following: list[Match], words: list[str], joins: frozenset[str]) -> str:
    """'lobe' or 'zone' that a level belongs to, from the matches after it (the nearest last); '' for none."""
    near = following[-1] if following else None
    if near and near.phrase.name == "side" and near.first == level.last + 1:
        after = words[near.last + 1 : near.last + 2]
        return "lobe" if after in (["lobe"], ["lobes"]) else "zone" if after in (["lung"], ["lungs"]) else ""
    zones = [m for m in following[-3:] if m.phrase.name == "zone"]
    if not zones or zones[-1].first - level.last > 4 or words[level.last + 1] not in joins:
        return ""
    noun = zones[-1].phrase.sets.get("zone", ("",))[0].rpartition(" ")[2]
    return noun if noun in ("lobe", "zone") else ""


def modify(words: Modifiers, said: list[Attached]) -> None:
    """Give each side, zone, grade and change word to the finding it belongs to."""
    tokens, found = words.tokens, words.found
    for at, match in enumerate(words.matches):
        name = match.phrase.name
        number = words.owner(match)
        if number < 0:
            continue
        ahead = found[number].first > match.last
        grown = name == "severity" and _grades_change(words.matches, at, tokens.words, ahead)
        if grown and not found[number].rule.startswith("pair"):  # 'heart size is mildly increased' is mild
            continue
        if not (name == "size" and match.first == found[number].anchor):
            own = said[number]
            own.matches.append(match)
            own.spans.append(tokens.span(match.first, match.last))
            for slot, values in match.phrase.sets.items():
                for value in values:
                    own.give(slot, value)


def _grades_change(matches: list[Match], at: int, words: list[str], ahead: bool) -> bool:
    """'Mildly increased' and 'increased slightly' grade the change; 'mild increased markings' are mild.

    So is 'increased mild effusion', where the finding stands `ahead`.
    """
    match = matches[at]
    plain = not words[match.last].endswith("ly")
    adjective = plain and words[match.last + 1 : match.last + 2] == ["increased"]
    for other in matches[max(0, at - 1) : at + 2]:
        beside = other.first == match.last + 1 or other.last == match.first - 1
        if (
            beside
            and not (adjective and other.first > match.last)
            and not (plain and ahead and other.last < match.first)
            and not _CHANGED.isdisjoint(other.phrase.sets.get("change", ()))
        ):
            return True
    return False


def sizes(tokens: Tokens, found: list[Mention], said: list[Attached], pack: Pack) -> None:
    """Measured diameters go to the finding that is nearest; distances ('above the carina') and former sizes to none."""
    if not _DIGIT.search(tokens.text):
        return
    away, earlier = pack.syntax.get("distance", frozenset()), pack.syntax.get("earlier", frozenset())
    starts, ends = tokens.starts, tokens.ends
    for match in _SIZE.finditer(tokens.text):
        after = tokens.words[bisect_left(starts, match.end()) :][:1]
        first = bisect_left(starts, match.start())
        if away.intersection(after) or earlier.intersection(tokens.words[max(0, first - 2) : first]):
            continue
        unit = "cm" if match.group(4).lower().startswith("c") else "mm"
        number = _measured(match.start(), match.end(), tokens, found, pack)
        if number < 0:
            distances = [min(abs(starts[m.first] - match.end()), abs(match.start() - ends[m.last])) for m in found]
            number = distances.index(min(distances))
        said[number].spans.append(match.span())
        said[number].sizes += [(float(v.replace(",", ".")), unit) for v in match.groups()[:3] if v]
    _counts(tokens, found, said)


def _measured(start: int, end: int, tokens: Tokens, found: list[Mention], pack: Pack) -> int:
    """Number of the finding before 'measuring 8 mm', or after the adjective in 'a 2 cm spiculated mass'; else -1."""
    first, after = bisect_left(tokens.starts, start), bisect_left(tokens.starts, end)
    ahead = bisect_left(found, after, key=lambda mention: mention.first)
    if ahead < len(found) and found[ahead].first - after <= _NEAR:
        between = tokens.words[after : found[ahead].first]
        if (pack.syntax["verb"] | pack.syntax["prep"] | pack.marks | _STOPS).isdisjoint(between):
            return ahead
    before = bisect_left(found, first, key=lambda mention: mention.first) - 1
    if before < 0 or not 0 <= first - found[before].last <= _LATE:
        return -1
    between = tokens.words[found[before].last + 1 : first]
    return -1 if pack.syntax.get("measured", frozenset()).isdisjoint(between) else before


def _counts(tokens: Tokens, found: list[Mention], said: list[Attached]) -> None:
    """'2 nodules': a small number directly before a plural."""
    for mention, own in zip(found, said, strict=True):
        at = mention.first - 1
        while at > 0 and any(m.first <= at <= m.last for m in own.matches):
            at -= 1
        count = _COUNTS.get(tokens.words[at], "") if at >= 0 else ""
        if count and tokens.words[mention.last].endswith("s") and "count" not in own.values:
            own.give("count", count)
            own.spans.append(tokens.span(at, at))
