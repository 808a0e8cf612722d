"""Mentions of findings and devices in a sentence: phrases of the pack, and parts joined with a quality."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import NamedTuple

from hilum.text.lexicon import Pack
from hilum.text.tokens import Match, Tokens

_REACH = 12  # tokens between a part and its quality
_NO_PUNCTUATION = frozenset(",;:()")


class Mention(NamedTuple):
    """One finding named in a sentence, not yet said to be there or not.

    Args:
        first, last: its tokens, both included.
        anchor: the token that a negation must reach.
        concept: name in the vocabulary.
        kind: 'finding', 'device' or 'hardware'.
        sets: what the phrase itself says, e.g. {'state': ('absent',)} for a normal heart.
        rule: the phrase that fired.
    """

    first: int
    last: int
    anchor: int
    concept: str
    kind: str
    sets: Mapping[str, tuple[str, ...]]
    rule: str


def mentions(tokens: Tokens, layers: list[list[Match]], segments: list[int], pack: Pack) -> list[Mention]:
    """Return the mentions of a sentence, left to right.

    Args:
        tokens: the sentence.
        layers: what `tokens.find` returned for it.
        segments: number of the clause each token is in.
        pack: the language.
    """
    found = [
        Mention(m.first, m.last, m.first, m.phrase.name, m.phrase.kind, m.phrase.sets, m.phrase.rule)
        for m in layers[0]
        if m.phrase.kind != "ignore"
    ]
    found = [each for mention in found for each in _both(mention)]
    found = _merge_calcified(found, tokens, segments, pack)
    found = [m for number, m in enumerate(found) if not (number and _broken_device(found[number - 1], m))]
    if len(layers[4]) > 1:
        found += _pairs(tokens, layers, segments, pack)
        found.sort(key=lambda mention: (mention.first, mention.last))
    return found


def _both(mention: Mention) -> list[Mention]:
    """A word that names two findings, 'kyphoscoliosis', as a mention of each."""
    if "also" not in mention.sets:
        return [mention]
    sets = {slot: values for slot, values in mention.sets.items() if slot != "also"}
    return [mention._replace(concept=name, sets=sets) for name in (mention.concept, *mention.sets["also"])]


_CALCIFIED = {
    "granuloma": "calcified granuloma", "pleural plaques": "calcified pleural plaques",
    "adenopathy": "calcified adenopathy",
}  # fmt: skip


def _merge_calcified(found: list[Mention], tokens: Tokens, segments: list[int], pack: Pack) -> list[Mention]:
    """'Calcified right hilar granuloma' names one finding: the adjective joins the noun that follows."""
    kept: list[Mention] = []
    for mention in found:
        before = kept[-1] if kept else None
        joined = before and before.concept == "calcification" and before.first == before.last
        if before and joined:
            between = tokens.words[before.last + 1 : mention.first]
            stops = pack.syntax["verb"] | pack.syntax["prep"] | pack.syntax["and"] | _NO_PUNCTUATION
            joined = tokens.words[before.last] in pack.syntax.get("adjective", ()) and not stops.intersection(between)
            joined = joined and len(between) <= 5 and segments[before.last] == segments[mention.first]
        if before and joined:
            kept[-1] = mention._replace(
                first=before.first, concept=_CALCIFIED.get(mention.concept, mention.concept),
                sets={**mention.sets, "morphology": ("calcified",)},
            )  # fmt: skip
        else:
            kept.append(mention)
    return kept


def _broken_device(before: Mention, mention: Mention) -> bool:
    """Whether a fracture is that of the device named just before it: 'catheter fracture', 'screw is fractured'."""
    return mention.concept == "fracture" and before.kind != "finding" and mention.first - before.last <= 2


def _pairs(tokens: Tokens, layers: list[list[Match]], segments: list[int], pack: Pack) -> list[Mention]:
    """Findings stated by a part and a quality: 'the heart and mediastinum are normal', 'enlarged hila'."""
    kinds = {m.phrase.kind for m in layers[4]}
    if len(kinds) < 2:
        return []
    taken = [(m.first, m.last) for m in layers[0]]
    free = [m for m in layers[4] if not any(a <= m.last and m.first <= b for a, b in _near(taken, m))]
    parts = [m for m in free if m.phrase.kind == "part"]
    starts = [m.first for m in parts]
    found: list[Mention] = []
    used: set[tuple[int, str]] = set()
    qualities = [m for m in free if m.phrase.kind == "quality"]
    for number, quality in enumerate(qualities):
        at = bisect_left(starts, quality.first)
        ahead = _ahead(tokens, parts, at, quality, pack)
        before = qualities[number - 1].last if number else -1
        until = max(before, _blocked_until(taken, quality.first))
        chosen = ahead or _behind(tokens.words, parts, at, quality, until, segments)
        for part in chosen:
            pair = pack.pairs.get((part.phrase.name, quality.phrase.name))
            clause = _clause(part, tokens.words, segments)
            if pair and clause == segments[quality.first] and (part.first, pair.concept) not in used:
                used.add((part.first, pair.concept))
                first, last = min(part.first, quality.first), max(part.last, quality.last)
                found.append(Mention(first, last, quality.first, pair.concept, "finding", pair.sets, pair.rule))
    return found


def _near(spans: list[tuple[int, int]], match: Match) -> list[tuple[int, int]]:
    """The spans that could overlap a match; spans are sorted and do not overlap each other."""
    at = bisect_left(spans, (match.first, -1))
    return spans[max(0, at - 1) : at + 8]


def _blocked_until(spans: list[tuple[int, int]], at: int) -> int:
    """Last token of the finding before token `at`: a quality does not reach back over it."""
    number = bisect_left(spans, (at, -1)) - 1
    return spans[number][1] if number >= 0 else -1


def _ahead(tokens: Tokens, parts: list[Match], at: int, quality: Match, pack: Pack) -> list[Match]:
    """Parts that a quality stands before: 'normal heart size and mediastinal contours'."""
    verbs, lists = pack.syntax["verb"], pack.lists
    if quality.first and tokens.words[quality.first - 1] in verbs:
        return []
    chosen: list[Match] = []
    last = quality.last
    for part in parts[at : at + 4]:
        between = tokens.words[last + 1 : part.first]
        limit = 3 if chosen else 2
        if len(between) > limit or not verbs.isdisjoint(between):
            break
        clean = _NO_PUNCTUATION.isdisjoint(between) and pack.syntax["and"].isdisjoint(between)
        if not (not lists.isdisjoint(between) if chosen else clean):
            break
        chosen.append(part)
        last = part.last
    return chosen


def _clause(part: Match, words: list[str], segments: list[int]) -> int:
    """Clause of a part; a heading, 'Heart: normal', belongs to what follows it."""
    heads = words[part.last + 1 : part.last + 2] == [":"] and part.last + 2 < len(segments)
    return segments[part.last + 2] if heads else segments[part.first]


def _behind(
    words: list[str], parts: list[Match], at: int, quality: Match, until: int, segments: list[int]
) -> list[Match]:
    """Parts that a quality is said of: 'heart size and mediastinal contours are within normal limits'."""
    chosen: list[Match] = []
    last = quality.first
    for part in reversed(parts[max(0, at - 4) : at]):
        if part.last <= until or last - part.last > _REACH or _clause(part, words, segments) != segments[quality.first]:
            break
        chosen.append(part)
        last = part.first
    return chosen
