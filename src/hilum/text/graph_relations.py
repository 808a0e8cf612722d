"""Relations between the entities of a sentence: phrases first, then what each phrase says of the one before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from hilum.text.graph_entities import (
    ANATOMY,
    BREAK,
    COMMA,
    HIDDEN,
    IN,
    LINK,
    LISTS,
    NOUNS,
    OF,
    REDACTED,
    VERB,
    WITH,
    WITHOUT,
    WORD,
    Node,
    group,
)

MODIFY, LOCATED, SUGGESTS = "modify", "located_at", "suggestive_of"
_INSIDE = WORD | REDACTED
_PLACED = frozenset({"organ", "site", "sided", "tissue", "property"})


@dataclass
class Phrase:
    """Nodes that stand together: the words before a noun and the noun, or words of quality alone.

    Args:
        first, last: its nodes, both included.
        gap: bits of what stands before it.
        kind: 'organ', 'finding', 'quality' or 'place' (place words without a noun).
        heads: the nodes others attach to: the noun, or each quality.
        places: organs and places that the finding is located at.
        lead: qualities before the noun.
    """

    first: int
    last: int
    gap: int
    kind: str
    heads: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    lead: list[int] = field(default_factory=list)


class Links:
    """Relations of a sentence, each once, by the node they start at."""

    def __init__(self, count: int) -> None:
        self.of: list[list[tuple[str, int]]] = [[] for _ in range(count)]

    def add(self, source: int, kind: str, target: int) -> None:
        """Add one relation."""
        if source != target and (kind, target) not in self.of[source]:
            self.of[source].append((kind, target))

    def drop(self, source: int, kind: str, target: int) -> None:
        """Take one relation back."""
        if (kind, target) in self.of[source]:
            self.of[source].remove((kind, target))


def phrases(found: list[Node], links: Links) -> list[Phrase]:
    """Return the phrases of a sentence and add the relations inside them."""
    made: list[Phrase] = []
    first = 0
    for at in range(1, len(found) + 1):
        if at == len(found) or _parts(found[at - 1], found[at]):
            made.append(_phrase(found, first, at - 1, links))
            first = at
    return made


def _parts(before: Node, node: Node) -> bool:
    """Whether a new phrase begins at a node."""
    noun = before.role in NOUNS
    if node.gap & ~_INSIDE or (noun and node.gap):
        return True
    if "place" in (before.role, node.role):
        return True
    if before.role == "organ" and node.role == "tissue":
        return False
    return noun and (node.role not in NOUNS or (before.role == "finding" and node.role != "finding"))


def _phrase(found: list[Node], first: int, last: int, links: Links) -> Phrase:
    role = found[last].role
    kind = role if role == "finding" else "organ" if role in ("organ", "property") else "quality"
    if kind == "quality" and all(found[n].role in ANATOMY for n in range(first, last + 1)):
        kind = "place"
    elif kind == "quality" and role in ANATOMY:
        kind = "organ"  # 'calcified aortic XXXX'
    made = Phrase(first, last, found[first].gap, kind)
    _degrees(found, first, last, links)
    places = [n for n in range(first, last + 1) if found[n].role in ANATOMY]
    states = [n for n in range(first, last + 1) if found[n].role in ("quality", "size")]
    nouns = [n for n in range(first, last) if found[n].role == "finding"]
    if kind == "finding":
        made.heads, made.lead = [last], states
        made.places = _nest(found, places, links)
        for n in made.places:
            links.add(last, LOCATED, n)
        for n in (*states, *nouns):
            links.add(n, MODIFY, last)
    elif kind == "organ":
        made.heads, made.lead = [places[-1]], states
        _to_organ(found, places, links)
        for n in states:
            links.add(n, LOCATED, made.heads[0])
    elif kind == "place":
        made.heads = places
        _sides(found, places, links)
    else:
        made.heads = states
        if places:
            _nest(found, places, links)
    return made


def _degrees(found: list[Node], first: int, last: int, links: Links) -> None:
    """An adverb modifies the quality that follows it."""
    for n in range(first, last):
        after = found[n + 1].role
        if found[n].role == "degree" and after in ("quality", "degree", "finding"):
            links.add(n, MODIFY, n + 1)


def _sides(found: list[Node], places: list[int], links: Links) -> None:
    """A side modifies the next place that takes one."""
    for at, n in enumerate(places[:-1]):
        if found[n].role in ("side", "region"):
            target = next((m for m in places[at + 1 :] if found[m].role not in ("side", "place")), -1)
            if target >= 0:
                links.add(n, MODIFY, target)


def _to_organ(found: list[Node], places: list[int], links: Links) -> None:
    """In a phrase that ends in an organ each place word modifies it, a side before a sided adjective that one."""
    head = places[-1]
    for at, n in enumerate(places[:-1]):
        after = places[at + 1]
        sided = found[n].role == "side" and found[after].role == "sided"
        links.add(n, MODIFY, after if sided else head)


def _nest(found: list[Node], places: list[int], links: Links) -> list[int]:
    """Relate the place words before a finding with each other; return those it is located at."""
    kept: list[int] = []
    rest: list[int] = []
    for at, n in enumerate(places):
        role = found[n].role
        if role == "organ" and at + 1 < len(places) and places[at + 1] == n + 1 and found[n + 1].role == "organ" and not found[n + 1].word.startswith("soft"):
            rest.append(n)
            continue
        if role == "organ" and found[n].word.startswith("soft tissue"):
            kept.append(n)
        elif role in ("organ", "property"):
            noun_run = [*rest, n]
            _to_organ(found, [m for m in noun_run if found[m].role != "tissue" or m == n], links)
            kept += [m for m in rest if found[m].role == "tissue"]
            kept.append(n)
            rest = []
        else:
            rest.append(n)
    for at, n in enumerate(rest):
        after = rest[at + 1] if at + 1 < len(rest) else -1
        role = found[n].role
        if after >= 0 and role in ("side", "region"):
            target = next((m for m in rest[at + 1 :] if found[m].role not in ("side", "place")), after)
            links.add(n, MODIFY, target)
        elif after >= 0 and found[n].word == "pulmonary" and found[after].role == "site":
            links.add(n, MODIFY, after)
        else:
            kept.append(n)
    return kept


@dataclass
class _State:
    """What the sentence has said so far: the subject, the last findings, and whether a predicate closed them."""

    organs: list[int] = field(default_factory=list)
    findings: list[int] = field(default_factory=list)
    predicates: list[int] = field(default_factory=list)
    subject: str = ""
    last: str = ""
    lead: list[int] = field(default_factory=list)
    placed: dict[int, bool] = field(default_factory=dict)
    property: bool = False
    lungs: list[int] = field(default_factory=list)
    hedged: list[int] = field(default_factory=list)
    target: bool = False  # the last organs are where the findings are, not a subject


class Relations(NamedTuple):
    """What `relate` found.

    Args:
        of: (kind, target) of every relation, by the node it starts at.
        said_of: predicate -> the finding it is said of.
        hedged: findings that a removed word hedges.
    """

    of: list[list[tuple[str, int]]]
    said_of: dict[int, int]
    hedged: list[int]


def relate(found: list[Node], language: str = "en") -> Relations:
    """Return the relations of a sentence."""
    links = Links(len(found))
    made = _distribute(found, phrases(found, links), links)
    state = _State()
    said_of: dict[int, int] = {}
    for number, phrase in enumerate(made):
        after = made[number + 1] if number + 1 < len(made) else None
        fresh = phrase.kind == "organ" and not phrase.gap and after and after.kind == "quality" and after.gap & VERB
        if phrase.gap & BREAK or (fresh and state.last == "finding"):
            keep = state.findings if phrase.gap & LINK and not fresh else []
            state = _State(hedged=state.hedged, findings=keep, subject="finding" if keep else "", last="finding" if keep else "")
        if phrase.kind == "quality":
            _quality(found, phrase, state, links, said_of)
        elif phrase.kind == "finding":
            _finding(found, phrase, state, links)
        else:
            _organ(found, phrase, state, links)
    return Relations(links.of, said_of, state.hedged)


def _distribute(found: list[Node], made: list[Phrase], links: Links) -> list[Phrase]:
    """'Right 7th and 8th rib', 'mediastinal and hilar contours': words before a join share the noun after it."""
    kept: list[Phrase] = []
    waiting: list[Phrase] = []
    for number, phrase in enumerate(made):
        after = made[number + 1] if number + 1 < len(made) else None
        joined = after is not None and bool(after.gap & LISTS) and not after.gap & ~(LISTS | _INSIDE)
        alone = phrase.kind == "place" or (phrase.kind == "quality" and not (phrase.gap & (VERB | IN) or kept))
        if joined and alone and found[phrase.last].role not in ("size", "place"):
            waiting.append(phrase)
            continue
        if waiting and phrase.kind in ("finding", "organ"):
            for early in waiting:
                _share(found, early, phrase, links)
            phrase.first, phrase.gap = waiting[0].first, waiting[0].gap
        else:
            kept += waiting
        waiting = []
        kept.append(phrase)
    return kept + waiting


def _share(found: list[Node], early: Phrase, phrase: Phrase, links: Links) -> None:
    head = phrase.heads[0]
    if early.kind == "quality":
        for n in early.heads:
            links.add(n, MODIFY if phrase.kind == "finding" else LOCATED, head)
            phrase.lead.append(n)
        return
    organs = [n for n in range(phrase.first, phrase.last + 1) if found[n].role in _PLACED]
    target = head if phrase.kind == "organ" else organs[-1] if organs else -1
    for n in early.heads:
        if any(source_kind == MODIFY for source_kind, _ in links.of[n]):
            continue
        if found[n].role == "side" or (found[n].role == "region" and target >= 0):
            if target >= 0:
                links.add(n, MODIFY, target)
                continue
        if phrase.kind == "organ":
            links.add(n, MODIFY, head)
        else:
            links.add(head, LOCATED, n)
            phrase.places.append(n)


def _quality(found: list[Node], phrase: Phrase, state: _State, links: Links, said_of: dict[int, int]) -> None:
    """A quality without a noun is said of the subject: located at organs, modifying findings."""
    subjects = state.findings if state.subject == "finding" else state.organs
    for n in phrase.heads:
        if state.subject == "finding" and subjects:
            said_of[n] = subjects[0]
        for target in subjects:
            links.add(n, MODIFY if state.subject == "finding" else LOCATED, target)
    if not subjects:
        state.subject = ""
    if state.last == "quality" and phrase.gap & LISTS:
        state.predicates += phrase.heads
    else:
        state.predicates = list(phrase.heads)
    state.last = "quality"


def _finding(found: list[Node], phrase: Phrase, state: _State, links: Links) -> None:
    head, gap = phrase.heads[0], phrase.gap
    listed = bool(gap & LISTS) and not gap & (VERB | IN | OF | WITH | WITHOUT | LINK | BREAK)
    _sides_only(found, phrase, state, links)
    apart = HIDDEN if state.last == "organ" else COMMA | VERB
    hidden = bool(gap & REDACTED) and bool(gap & apart) and bool(state.findings) and (state.target or state.last != "organ")
    hidden = hidden and not gap & ~(REDACTED | HIDDEN | COMMA | VERB)
    if gap & LINK or hidden:
        if hidden:
            state.hedged.append(head)
        sources = state.predicates if state.last == "quality" else state.findings or state.lead
        for source in sources:
            links.add(source, SUGGESTS, head)
        state.findings, state.subject, state.last = [head], "finding", "finding"
        state.lead = phrase.lead
        return
    if state.last == "finding" and listed and state.findings:
        before = state.findings[-1]
        _share_lead(found, phrase, before, state, links)
        for source, kind, target in _incoming(before, links):
            if kind == SUGGESTS:
                links.add(source, SUGGESTS, head)
        state.findings.append(head)
    else:
        if state.last == "finding" and (gap & OF or (gap & IN and found[state.findings[-1]].word in group("change-of"))):
            for n in state.findings[-1:]:
                links.add(n, MODIFY, head)
        elif state.last == "organ" and not state.target and gap & (VERB | WITH) and not gap & (BREAK | REDACTED):
            organs = [n for n in state.organs if found[n].role != "property"]
            for n in organs if not phrase.places else ():
                links.add(head, LOCATED, n)
        elif state.last == "organ" and state.organs and not gap & ~_INSIDE and not gap & WORD:
            links.add(head, LOCATED, state.organs[-1])
        elif state.last == "quality" and not state.subject and gap & OF:
            for n in state.predicates:
                links.add(n, MODIFY, head)
        state.findings = [head]
    if gap & WITHOUT and state.organs and not state.target and found[state.organs[0]].word in ("lung", "lungs"):
        state.lungs = list(state.organs)
    if state.lungs and (found[head].word in group("at-lungs") or (gap & WITHOUT and state.subject == "organ" and state.last == "organ")):
        for n in state.lungs:
            links.add(head, LOCATED, n)
    state.subject, state.last, state.lead, state.target = "finding", "finding", phrase.lead, False
    state.placed[head] = bool(phrase.places)


def _sides_only(found: list[Node], phrase: Phrase, state: _State, links: Links) -> None:
    """A side without an organ, in a finding said of an organ before it, is a side of that organ."""
    sides = [n for n in phrase.places if found[n].role == "side"]
    if not sides or len(sides) < len(phrase.places) or not (state.organs and phrase.gap & WITH):
        return
    head, organ = phrase.heads[0], state.organs[-1]
    for n in sides:
        links.drop(head, LOCATED, n)
        links.add(n, MODIFY, organ)
    links.add(head, LOCATED, organ)
    phrase.places = [organ]


def _share_lead(found: list[Node], phrase: Phrase, before: int, state: _State, links: Links) -> None:
    """A leading adjective or place goes to a bare finding of the same list, unless that lies elsewhere."""
    head = phrase.heads[0]
    if phrase.lead or phrase.places or found[head].word in group("elsewhere"):
        return
    for n in state.lead if found[before].word not in ("change", "changes") else ():
        if found[n].word in group("unshared"):
            continue
        links.add(n, MODIFY, head)
    for kind, target in links.of[before]:
        if kind == LOCATED and found[target].role != "tissue" and found[target].word != "pleural":
            links.add(head, LOCATED, target)
    phrase.lead = state.lead


def _incoming(target: int, links: Links) -> list[tuple[int, str, int]]:
    return [(n, kind, to) for n, own in enumerate(links.of) for kind, to in own if to == target]


def _organ(found: list[Node], phrase: Phrase, state: _State, links: Links) -> None:
    head, gap = phrase.heads[-1], phrase.gap
    if found[head].role == "place" and state.organs and not phrase.lead:
        for n in state.organs[-1:] if state.target else state.organs:
            links.add(head, MODIFY, n)
        return
    listed = bool(gap & LISTS) and not gap & (VERB | IN | OF | WITH | WITHOUT | LINK | BREAK)
    prep = bool(gap & (IN | OF)) or not gap & ~_INSIDE
    if state.last == "finding" and (prep and not listed) and not phrase.lead:
        for number, n in enumerate(reversed(state.findings)):
            if number == 0 or not state.placed.get(n):
                links.add(n, LOCATED, head)
        state.organs, state.last, state.target = [head], "organ", True
    elif state.last == "organ" and listed:
        if state.target:
            for n in state.findings:
                if any((LOCATED, o) in links.of[n] for o in state.organs):
                    links.add(n, LOCATED, head)
        elif state.lead and not phrase.lead:
            for n in state.lead:
                links.add(n, LOCATED, head)
        state.organs.append(head)
        state.lead = phrase.lead or state.lead
    elif state.last == "organ" and prep and not phrase.lead and state.organs:
        for n in state.organs if not state.target else state.organs[-1:]:
            links.add(n, MODIFY, head)
    elif state.last == "quality" and not phrase.lead and (prep or (listed and state.property)):
        state.property = True
        _placed_quality(found, head, state, links)
        state.last = "quality"
    elif state.last == "organ" and phrase.lead and found[head].role == "property" and gap & VERB:
        for n in state.organs:
            links.add(n, MODIFY, head)
    else:
        before = state.lead if state.last == "organ" and gap & WITH and phrase.lead else []
        state.organs, state.subject, state.last, state.target = [head], "organ", "organ", False
        state.lead, state.findings, state.property = phrase.lead, [*before, *phrase.lead], False


def _placed_quality(found: list[Node], head: int, state: _State, links: Links) -> None:
    """'Normal in size', 'normal limits for size': the subject modifies its property, the quality is located at it."""
    if state.subject == "finding" and state.findings:
        for n in state.findings:
            links.add(n, LOCATED, head)
        return
    for n in state.predicates:
        if state.subject == "organ" and found[head].role == "property":
            for organ in state.organs:
                if found[organ].role != "property":
                    links.drop(n, LOCATED, organ)
                    links.add(organ, MODIFY, head)
        links.add(n, LOCATED, head)
    if not state.subject:
        state.organs = [head]
