"""Sharing: places and grades said once that hold for findings listed together, explained or seen in two places."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence, Set
from functools import cache

from hilum.core.vocabulary import descendants
from hilum.text.assertion import Clauses
from hilum.text.lexicon import Pack
from hilum.text.mentions import Mention
from hilum.text.modifiers import Attached
from hilum.text.tokens import Match, Tokens

PLACES = ("side", "zone", "plural", "beside")
GRADES = ("severity", "low")
_DIVIDED = {"side": "side", "zone": "zone", "severity": "grade", "extent": "grade", "low": "grade"}
SHADOWS = frozenset(
    {"lung opacity", "airspace opacity", "interstitial pattern", "costophrenic angle blunting", "lung nodule",
     "lung mass", "consolidation", "infiltration", "volume loss", "ground glass opacity", "reticular pattern"}
)  # fmt: skip
"""What a film shows; other findings are what it is taken to be."""
_MIDLINE = frozenset(
    {"cardiomegaly", "enlarged cardiomediastinum", "heart failure", "hiatal hernia", "emphysema", "low lung volumes",
     "hyperinflation", "chronic obstructive pulmonary disease", "kyphosis", "scoliosis", "aortic elongation"}
)  # fmt: skip
"""Findings that have no side of their own to share."""
_DIFFUSE = frozenset({"pulmonary edema", "pulmonary vascular congestion", "vascular redistribution"})
_PLEURAL = frozenset(
    name
    for kind in ("pleural effusion", "pneumothorax", "pleural thickening")
    for name in (kind, *(below.name for below in descendants(kind)))
)
_PLEURAL_ZONES = frozenset({"apex", "fissure", "minor fissure", "major fissure"})
_SIDED_ZONES = frozenset({"base", "lower lobe", "upper lobe", "apex", "upper zone", "mid zone", "lower zone"})
_JOINS = frozenset({",", "/", "versus", "vs", "associated", "adjacent", "xxxx"})
_REDACTED = "xxxx"  # after a shadow it mostly hides 'likely' or 'represents'
_FAR = 14  # tokens from a shadow to what it may represent


def divide(own: Attached, tokens: Tokens, pack: Pack) -> None:
    """'Small left and moderate right effusions' are two findings: one part for each side with its own grade or zone."""
    if len(own.values.get("side", ())) < 2:
        return
    groups: list[list[Match]] = []
    held: set[str] = set()
    last: set[str] = set()
    both = False
    for match in own.matches:
        kinds = {_DIVIDED[slot] for slot in match.phrase.sets if slot in _DIVIDED}
        if not kinds:
            continue
        fresh = "side" in kinds and last == {"zone"} and _listed(groups[-1][-1].last, match.first, tokens, pack)
        if not groups or fresh or (kinds & held and (kinds != last or both)):
            groups.append([])
            held = set()
        groups[-1].append(match)
        held |= kinds
        last, both = kinds, len(match.phrase.sets.get("side", ())) > 1
    told = [_values(group) for group in groups]
    single = [n for n, values in enumerate(told) if len(values.get("side", ())) == 1]
    kinds_of = [{_DIVIDED[slot] for slot in told[n]} for n in single]
    sides = {told[n]["side"][0] for n in single}
    common = set.intersection(*kinds_of) if kinds_of else set()
    if len(sides) < 2 or len(common) < 2:
        return
    if "zone" in common:
        known = {zone for n in single for zone in told[n]["zone"]}
        single = [n for n in range(len(told)) if n in single or not known.issuperset(told[n].get("zone", ()))]
    grouped = [tokens.span(m.first, m.last) for n in single for m in groups[n]]
    for number in single:
        shared = {slot: [*own.values[slot]] for slot in own.values if _DIVIDED.get(slot) not in common}
        shared.pop("plural", None)
        spans = [tokens.span(m.first, m.last) for m in groups[number]]
        spans += [span for span in own.spans if span not in grouped]
        parted = {slot: values for slot, values in told[number].items() if _DIVIDED[slot] in common}
        own.parts += (Attached({**shared, **parted}, own.sizes, spans),)


def _listed(last: int, first: int, tokens: Tokens, pack: Pack) -> bool:
    """Whether a place after another begins the next of a list: 'in the upper lobe, at the right hilum'."""
    return not pack.marks.isdisjoint(tokens.words[last + 1 : first])


def _values(group: list[Match]) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    for match in group:
        for slot in match.phrase.sets.keys() & _DIVIDED.keys():
            told.setdefault(slot, []).extend(match.phrase.sets[slot])
    return told


def causes(
    found: list[Mention], said: list[Attached], layers: list[list[Match]], made: Clauses, words: list[str], pack: Pack
) -> None:
    """'Opacity may represent pneumonia': the pneumonia is named because of the opacity."""
    for link in layers[3]:
        before = [n for n, m in enumerate(found) if m.last < link.first]
        after = [n for n, m in enumerate(found) if m.first > link.last]
        if not before or not after or found[after[0]].first - link.last > 8:
            continue
        shadows = [n for n in before[-2:] if found[n].concept in SHADOWS]
        source, target = (shadows or before)[-1], after[0]
        if link.first - found[source].last > _FAR:
            continue
        if any(at in made.commas for at in range(link.last + 1, found[target].first)):
            continue
        said[target].because_of = source
        for following in after[1:]:
            if found[following].first - found[following - 1].last > 4:
                break
            said[following].because_of = source
    measure = pack.syntax.get("measure", frozenset()) | pack.skip
    for number in range(1, len(found)):
        shadow, mention = found[number - 1], found[number]
        if (
            said[number].because_of >= 0
            or shadow.concept not in SHADOWS
            or mention.concept in SHADOWS - {"consolidation"}
        ):
            continue
        between = words[shadow.last + 1 : mention.first]
        while between and between[-1] in measure:
            between.pop()
        if _REDACTED in between[-3:] and len(between) <= _FAR:
            said[number].because_of = number - 1


def lead_back(found: list[Mention], said: list[Attached], made: Clauses) -> None:
    """'Opacity may represent pneumonia, unchanged': the change is that of the opacity, which is what was seen."""
    for number, own in enumerate(said):
        source = own.because_of
        if source < 0 or "change" not in own.values or "change" in said[source].values or not made.commas:
            continue
        told = [m for m in own.matches if m.phrase.name == "change"]
        comma = bisect_right(made.commas, found[number].last)
        if told and comma < len(made.commas) and made.commas[comma] < told[0].first:
            said[source].values["change"] = own.values.pop("change")
            said[source].matches += told
            own.matches = [m for m in own.matches if m.phrase.name != "change"]


def _placed(own: Attached) -> bool:
    return "side" in own.values or "zone" in own.values or "plural" in own.values


def share(
    found: list[Mention],
    said: list[Attached],
    tokens: Tokens,
    made: Clauses,
    pack: Pack,
    described: Set[int],
    absent: Sequence[bool] = (),
) -> None:
    """A side or zone said once holds for findings listed together and for what an opacity is thought to be.

    Args:
        found, said, tokens, made, pack: the sentence and what is known of its findings.
        described: tokens that are modifiers, which do not count as words between two findings.
        absent: whether each finding is denied: 'small left effusion, no pneumothorax' says no side of the latter.
    """
    joins, listed_with = _joins(pack)
    origins: dict[int, int] = {}  # which mention lent its place: an effusion takes no lobe, what follows it may
    _share_back(found, said, tokens, listed_with, made, absent)
    for number, own in enumerate(said):
        if not any(slot in own.values for slot in (*GRADES, "extent")):
            _share_grade(number, found, said, tokens, pack)
        if found[number].concept in _MIDLINE or (_placed(own) and not _sideless(own)):
            continue
        source = own.because_of
        if source < 0 and number:
            places = range(found[number - 1].last + 1, found[number].first)
            between = [tokens.words[at] for at in places if at not in described]
            listed = len(between) <= 5 and (not between or bool(joins.intersection(between)))
            same = made.segments[found[number - 1].last] == made.segments[found[number].first]
            verb = listed and same and not pack.syntax["verb"].isdisjoint(between)
            alike = _alike(number - 1, number, found, absent)
            source = origins.get(number - 1, number - 1) if listed and same and not verb and alike else -1
        if source >= 0 and not _placed(own):
            origins[number] = source
        if source >= 0 and _placed(own):
            for value in said[source].values.get("side", ()):
                own.give("side", value)
        elif source >= 0:
            _give_places(said[source], own, found[number].concept, own.because_of == source)
    _share_change(found, said, tokens, pack)


def _alike(one: int, other: int, found: list[Mention], absent: Sequence[bool]) -> bool:
    """Whether a place may pass: between two that are denied or two that are not; between findings or devices."""
    devices = (found[one].kind == "device", found[other].kind == "device")
    return devices[0] == devices[1] and (not absent or absent[one] == absent[other])


def _share_change(found: list[Mention], said: list[Attached], tokens: Tokens, pack: Pack) -> None:
    """'Cardiomegaly and effusion are unchanged': a change said of the last of a list is said of all of it."""
    for number in range(len(found) - 1, 0, -1):
        later, own = found[number], said[number - 1]
        between = tokens.words[found[number - 1].last + 1 : later.first]
        listed = 0 < len(between) <= 5 and between[0] in pack.listing | {","}
        if not listed or "change" in own.values or "change" not in said[number].values:
            continue
        after = [m.first for m in said[number].matches if m.phrase.name == "change" and m.first > later.last]
        if after and pack.syntax["verb"].intersection(tokens.words[later.last + 1 : after[-1] + 1]):
            own.values["change"] = list(said[number].values["change"])
            own.matches += [m for m in said[number].matches if m.first in after]


@cache
def _joins(pack: Pack) -> tuple[frozenset[str], frozenset[str]]:
    """Words that join findings to which one place applies; those without 'with'."""
    joins = pack.listing | _JOINS
    return joins, joins - pack.syntax["with"]


def _sideless(own: Attached) -> bool:
    """Whether a zone is said without a side: 'right effusion and basilar atelectasis' means the right base."""
    sided = "side" in own.values or "plural" in own.values
    return not sided and set(own.values["zone"]) <= _SIDED_ZONES


def _give_places(source: Attached, own: Attached, concept: str, explains: bool = False) -> None:
    if concept in _DIFFUSE and len(source.values.get("side", ())) != 1:
        return  # edema on both sides is edema
    for slot in PLACES:
        for value in source.values.get(slot, ()):
            foreign = slot == "zone" and concept in _PLEURAL and value not in _PLEURAL_ZONES and not explains
            if value != "costophrenic angle" and not foreign:
                own.give(slot, value)
    for part in source.parts:
        places = {slot: list(part.values[slot]) for slot in PLACES if slot in part.values}
        own.parts += (Attached({**own.values, **places}, own.sizes, own.spans),)


def _share_back(
    found: list[Mention],
    said: list[Attached],
    tokens: Tokens,
    joins: frozenset[str],
    made: Clauses,
    absent: Sequence[bool],
) -> None:
    """A place said after the last of a list holds for those before it: 'scarring or atelectasis in the left base'."""
    for number in range(len(said) - 2, -1, -1):
        later, concept = said[number + 1], found[number].concept
        if _placed(said[number]) or later.because_of == number or concept in _MIDLINE:
            continue
        if not _alike(number, number + 1, found, absent):
            continue
        if made.segments[found[number].last] != made.segments[found[number + 1].first]:
            continue
        between = tokens.words[found[number].last + 1 : found[number + 1].first]
        listed = len(between) <= 3 and (not between or bool(joins.intersection(between)))
        if listed and (not between or not _before_noun(later, found[number + 1])):
            _give_places(later, said[number], concept)


def _share_grade(number: int, found: list[Mention], said: list[Attached], tokens: Tokens, pack: Pack) -> None:
    """'Minimal scarring or atelectasis': a grade holds for both alternatives, but not across 'and' or 'with'."""
    if not number:
        return
    between = tokens.words[found[number - 1].last + 1 : found[number].first]
    alternative = 0 < len(between) <= 3 and (pack.syntax["or"] | {"versus", "vs", "/"}).intersection(between)
    if alternative:
        for slot in GRADES:
            for value in said[number - 1].values.get(slot, ()):
                said[number].give(slot, value)


def _before_noun(own: Attached, mention: Mention) -> bool:
    """Whether a place word stands before its noun, so that it is not shared backwards."""
    return any(m.first <= mention.first for m in own.matches if m.phrase.name in ("side", "zone"))
