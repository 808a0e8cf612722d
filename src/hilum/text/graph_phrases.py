"""Phrases of a sentence: nodes that stand together, how they relate inside, and words that share a noun."""

from __future__ import annotations

from dataclasses import dataclass, field

from hilum.text.graph_entities import (
    ANATOMY,
    AND,
    BREAK,
    COMMA,
    HEDGE,
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
INSIDE = WORD | REDACTED | HEDGE
_TARGETS = frozenset({"organ", "site", "sided", "tissue", "property"})
_SOFT_TISSUE = "soft tissue"  # before a finding it is a kind of tissue, not the organ the words before it name


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


def phrases(found: list[Node], links: Links, language: str = "en") -> list[Phrase]:
    """Return the phrases of a sentence and add the relations inside them."""
    made: list[Phrase] = []
    first = 0
    for at in range(1, len(found) + 1):
        if at == len(found) or _parts(found[at - 1], found[at]):
            made.append(_phrase(found, first, at - 1, links, language))
            first = at
    return made if len(made) == 1 else _joined(found, made, links)


def _parts(before: Node, node: Node) -> bool:
    """Whether a new phrase begins at a node."""
    noun = before.role in NOUNS
    if node.gap & ~INSIDE or (noun and node.gap) or "place" in (before.role, node.role):
        return True
    if before.role == "organ" and node.role == "tissue":
        return False
    return noun and (node.role not in NOUNS or (before.role == "finding" and node.role != "finding"))


def _phrase(found: list[Node], first: int, last: int, links: Links, language: str) -> Phrase:
    role = found[last].role
    inside = range(first, last + 1)
    places = [n for n in inside if found[n].role in ANATOMY]
    states = [n for n in inside if found[n].role in ("quality", "size")]
    for n in range(first, last):
        if found[n].role == "degree" and found[n + 1].role in ("quality", "degree", "finding"):
            links.add(n, MODIFY, n + 1)
    made = Phrase(first, last, found[first].gap, "quality", states)
    if role == "finding":
        made.kind, made.heads, made.lead = "finding", [last], states
        made.places = _nest(found, places, links)
        owner = _owner(found, first, last, language)
        for n in made.places:
            links.add(owner, LOCATED, n)
        made.places = made.places if owner == last else []
        for n in inside:
            if n != last and found[n].role in ("quality", "size", "finding"):
                links.add(n, MODIFY, last)
    elif len(places) == len(inside) and role not in ("organ", "property"):
        made.kind, made.heads = "place", places
        _sides(found, places, links)
    elif role in ANATOMY:
        made.kind, made.heads, made.lead = "organ", [places[-1]], states
        _to_organ(found, places, links)
        for n in states:
            links.add(n, LOCATED, places[-1])
    elif places:
        _nest(found, places, links)
    return made


def _owner(found: list[Node], first: int, last: int, language: str) -> int:
    """The finding that the places before it belong to: of 'right catheter tip' the catheter."""
    if found[last].word in group("end", language):
        return next((n for n in range(last - 1, first - 1, -1) if found[n].role == "finding"), last)
    return last


def _sides(found: list[Node], places: list[int], links: Links) -> None:
    """A side modifies the next place that takes one."""
    for at, n in enumerate(places[:-1]):
        if found[n].role in ("side", "region"):
            target = next((m for m in places[at + 1 :] if found[m].role not in ("side", "place")), -1)
            if target >= 0:
                links.add(n, MODIFY, target)


def _to_organ(found: list[Node], places: list[int], links: Links) -> None:
    """In a phrase that ends in an organ each place word modifies it, a side before a sided adjective that one."""
    for at, n in enumerate(places[:-1]):
        after = places[at + 1]
        sided = found[n].role == "side" and found[after].role == "sided"
        links.add(n, MODIFY, after if sided else places[-1])


def _nest(found: list[Node], places: list[int], links: Links) -> list[int]:
    """Relate the place words before a finding with each other; return those it is located at."""
    kept: list[int] = []
    rest: list[int] = []
    for n in places:
        soft = found[n].word.startswith(_SOFT_TISSUE)
        chain = n + 1 in places and found[n + 1].role == "organ" and not found[n + 1].word.startswith(_SOFT_TISSUE)
        if soft:
            kept.append(n)
        elif found[n].role in ("organ", "property") and not chain:
            tissues = [m for m in rest if found[m].role == "tissue"]
            _to_organ(found, [m for m in (*rest, n) if m not in tissues], links)
            kept += [*tissues, n]
            rest = []
        else:
            rest.append(n)
    for at, n in enumerate(rest):
        later = rest[at + 1 :]
        if later and found[n].role in ("side", "region"):
            target = next((m for m in later if found[m].role not in ("side", "place")), later[0])
            links.add(n, MODIFY, target)
        elif later and found[n].word == "pulmonary" and found[later[0]].role == "site":
            links.add(n, MODIFY, later[0])
        else:
            kept.append(n)
    return kept


def _joined(found: list[Node], made: list[Phrase], links: Links) -> list[Phrase]:
    """'Right 7th and 8th rib', 'mediastinal and hilar contours': words before a join share the noun after it."""
    kept: list[Phrase] = []
    waiting: list[Phrase] = []
    for number, phrase in enumerate(made):
        after = made[number + 1].gap if number + 1 < len(made) else 0
        inside = INSIDE if phrase.kind == "quality" else WORD
        if after & LISTS and not after & ~(LISTS | inside) and _without_noun(found, phrase, made[number + 1], not kept):
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


def _without_noun(found: list[Node], phrase: Phrase, after: Phrase, first: bool) -> bool:
    """Whether a phrase may wait for a noun: place words, or qualities that are not said of something before."""
    if found[phrase.last].role in ("size", "place"):
        return False
    if phrase.kind == "organ":
        return found[phrase.last].role not in NOUNS and bool(phrase.lead)
    paired = phrase.gap == COMMA and after.gap == AND and bool(after.lead)  # ', calcified and tortuous aorta'
    opens = first or paired or bool(phrase.gap & (BREAK | WITH | WITHOUT | OF | LINK))
    said = phrase.gap & (VERB | IN) and not phrase.gap & BREAK
    return phrase.kind == "place" or (phrase.kind == "quality" and opens and not said)


def _share(found: list[Node], early: Phrase, phrase: Phrase, links: Links) -> None:
    """Attach the words of a phrase without a noun to the noun of a later one."""
    head, finding = phrase.heads[0], phrase.kind == "finding"
    if early.kind == "quality":
        for n in early.heads:
            links.add(n, MODIFY if finding else LOCATED, head)
        phrase.lead += early.heads
        return
    places = [n for n in range(early.first, early.last + 1) if found[n].role in ANATOMY]
    for n in early.lead:
        links.drop(n, LOCATED, early.heads[0])
        links.add(n, MODIFY if finding else LOCATED, head)
    inside = [n for n in range(phrase.first, phrase.last + 1) if found[n].role in _TARGETS]
    organs = [n for n in inside if found[n].role == "organ"] or inside
    target = head if not finding else organs[-1] if organs else -1
    for n in places:
        if early.lead:
            links.of[n] = [(kind, to) for kind, to in links.of[n] if to != early.heads[0]]
        if any(kind == MODIFY for kind, _ in links.of[n]):
            continue
        if target >= 0 and (not finding or found[n].role in ("side", "region")):
            links.add(n, MODIFY, target)
        else:
            links.add(head, LOCATED, n)
            phrase.places.append(n)
