"""Relations between the phrases of a sentence: what each says of the ones before it."""

from __future__ import annotations

from typing import NamedTuple

from hilum.text.graph_entities import (
    AND,
    BREAK,
    COMMA,
    HEDGE,
    HIDDEN,
    IN,
    LINK,
    LISTS,
    OF,
    OR,
    REDACTED,
    SLASH,
    VERB,
    WITH,
    WITHOUT,
    WORD,
    Node,
    group,
)
from hilum.text.graph_phrases import INSIDE, LOCATED, MODIFY, SUGGESTS, Links, Phrase, phrases

_NOT_LISTED = VERB | IN | OF | WITH | WITHOUT | LINK | BREAK


class Relations(NamedTuple):
    """What `relate` found.

    Args:
        of: (kind, target) of every relation, by the node it starts at.
        said_of: predicate -> the finding it is said of.
        hedged: findings and predicates that a removed word hedges.
        choices: findings that 'or' makes alternatives.
    """

    of: list[list[tuple[str, int]]]
    said_of: dict[int, int]
    hedged: list[int]
    choices: list[int]


def relate(found: list[Node], language: str = "en") -> Relations:
    """Return the relations of a sentence.

    Args:
        found: its nodes, in order.
        language: of the table to use.
    """
    links = Links(len(found))
    made = phrases(found, links, language)
    reader = _Reader(found, links, language)
    for number, phrase in enumerate(made):
        after = made[number + 1] if number + 1 < len(made) else None
        reader.read(phrase, after)
    return Relations(links.of, reader.said_of, reader.hedged, reader.choices)


class _Reader:
    """Reads phrases from left to right and keeps what later ones may refer to.

    Args:
        organs, findings, predicates: the last nodes of each kind.
        subject: 'organ' or 'finding', what a quality is said of; '' for nothing.
        last: kind of the phrase before.
        lead: qualities before the noun of the phrase before.
        target: whether the last organs are where the findings are, not a subject.
        spread: whether a property joined by 'and' takes the predicate too.
        denied: whether the last list of findings began with a denial.
        lungs: the lungs, when said to be clear.
        explained: what the last findings explain; a change after a comma is said of it.
    """

    def __init__(self, found: list[Node], links: Links, language: str) -> None:
        self.found, self.links, self.language = found, links, language
        self.said_of: dict[int, int] = {}
        self.hedged: list[int] = []
        self.choices: list[int] = []
        self.chain: list[int] = []
        self.placed: set[int] = set()
        self.clear([])

    def clear(self, findings: list[int]) -> None:
        """Begin a new statement; of the one before only these findings stay."""
        self.organs: list[int] = []
        self.predicates: list[int] = []
        self.lead: list[int] = []
        self.lungs: list[int] = []
        self.explained: list[int] = []
        self.findings = findings
        self.subject = self.last = "finding" if findings else ""
        self.target = self.spread = self.denied = False

    def read(self, phrase: Phrase, after: Phrase | None) -> None:
        """Add the relations of one phrase with those before it."""
        if phrase.gap & BREAK:
            of_organ = self.last == "quality" and self.subject != "finding"
            kept = self.predicates if of_organ else self.findings
            self.clear(kept if phrase.gap & LINK else [])
        elif after and self._opens(phrase, after):
            self.clear([])
        if not phrase.heads:
            return  # an adverb without its adjective
        if phrase.kind == "quality":
            self._quality(phrase)
        elif phrase.kind == "finding":
            self._finding(phrase, after)
        elif self.found[phrase.heads[-1]].role == "place" and (self.organs or self.findings):
            self._adverb(phrase.heads[-1])
        else:
            self._organ(phrase, after is None)

    def _opens(self, phrase: Phrase, after: Phrase) -> bool:
        """Whether an organ is the subject of the quality after it, and no place of the findings before it."""
        if phrase.kind != "organ" or after.kind != "quality":
            return False
        if not phrase.gap:
            return bool(after.gap & VERB)  # a stop is missing: '... is normal the lungs are clear'
        within = bool(after.gap & IN) and not after.gap & VERB  # 'and heart size within normal limits'
        told = self.target or self.last == "quality"
        return told and bool(phrase.gap & LISTS) and (within or (phrase.gap & COMMA and after.gap & VERB) != 0)

    def _adverb(self, head: int) -> None:
        """'Bilaterally' modifies the organ named; where none is named, the finding is located at it."""
        organs = self.organs[-1:] if self.target else self.organs
        if self.last == "finding" and self.findings:
            own = [to for kind, to in self.links.of[self.findings[-1]] if kind == LOCATED]
            organs = [to for to in own if self.found[to].role == "organ"]
        for n in organs:
            self.links.add(head, MODIFY, n)
        for n in self.findings if not organs else ():
            self.links.add(n, LOCATED, head)

    def _quality(self, phrase: Phrase) -> None:
        """A quality without a noun is said of the subject: located at organs, modifying findings."""
        of_lungs = bool(self.organs) and self.found[phrase.heads[0]].word in group("of-lungs", self.language)
        of_finding = self.subject == "finding" and not of_lungs
        subjects = self.findings if of_finding else self.organs
        changed = self.found[phrase.heads[0]].word in group("change", self.language)
        if of_finding and self.last == "finding" and changed and phrase.gap & (COMMA | AND):
            subjects = self.explained or subjects
        removed = phrase.gap & REDACTED and phrase.gap & (VERB | COMMA)
        for n in phrase.heads:
            if removed and self.found[n].word in group("age", self.language):
                self.hedged.append(n)
            if of_finding and subjects:
                self.said_of[n] = subjects[0]
            for to in subjects:
                self.links.add(n, MODIFY if of_finding else LOCATED, to)
        if not subjects:
            self.subject = ""
        joined = self.last == "quality" and phrase.gap & LISTS
        self.predicates = [*self.predicates, *phrase.heads] if joined else list(phrase.heads)
        self.last = "quality"

    def _finding(self, phrase: Phrase, after: Phrase | None) -> None:
        head, gap = phrase.heads[0], phrase.gap
        hidden = self._hidden(head, gap)
        if hidden or (gap & LINK and gap & HIDDEN):
            self.hedged.append(head)
        likely = gap & HEDGE and gap & (COMMA | VERB) and self.findings and not gap & ~(HEDGE | COMMA | VERB | WORD)
        likely = likely or self._alternatives(head, gap, after)
        apart = hidden or likely or gap & (_NOT_LISTED | AND) or not gap & LISTS or self.last != "finding"
        self.chain = [head] if apart else [*self.chain, head]
        if gap & OR and not gap & (AND | SLASH) and len(self.chain) > 1:
            self.choices += self.chain
        if gap & LINK or hidden or likely:
            of_organ = self.last == "quality" and self.subject != "finding"
            for source in self.predicates if of_organ else self.findings or self.lead:
                self.links.add(source, SUGGESTS, head)
            self.explained = [] if of_organ else self.findings
            self.findings = [head]
        elif self.last == "finding" and self.findings and gap & LISTS and not gap & _NOT_LISTED:
            self._listed(phrase, self.findings[-1])
            self.findings = [*self.findings, head]
        else:
            self._sides_only(phrase)
            self._said_of_before(phrase)
            self.explained = []
            self.findings, self.denied = [head], bool(gap & WITHOUT)
        if not gap & LINK:
            self._of_clear_lungs(head, gap)
        self.subject = self.last = "finding"
        self.lead, self.target = phrase.lead, False
        if phrase.places:
            self.placed.add(head)

    def _alternatives(self, head: int, gap: int, after: Phrase | None) -> bool:
        """Whether a shadow is explained by a choice: 'opacity in the base, scarring versus atelectasis'."""
        shadows = group("shadow", self.language)
        told = bool(self.findings) and self.found[self.findings[-1]].word in shadows
        choice = (
            after is not None and after.kind == "finding" and bool(after.gap & OR) and not after.gap & (AND | SLASH)
        )
        return told and gap == COMMA and choice and not self.denied and self.found[head].word not in shadows

    def _hidden(self, head: int, gap: int) -> bool:
        """Whether a removed word stands where 'likely' or 'represents' would stand before an explanation."""
        if not self.findings or not gap & REDACTED or gap & ~(REDACTED | HIDDEN | COMMA | VERB):
            return False
        if self.last == "organ":
            return self.target and bool(gap & (HIDDEN | COMMA))
        shadows = group("shadow", self.language)
        told = self.found[self.findings[-1]].word in shadows and self.found[head].word not in shadows
        return told or bool(gap & (COMMA | VERB))

    def _listed(self, phrase: Phrase, before: int) -> None:
        """A finding of a list shares what explains the one before; a bare one its adjectives and place too."""
        head, links, found = phrase.heads[0], self.links, self.found
        for n, own in enumerate(links.of):
            if (SUGGESTS, before) in own:
                links.add(n, SUGGESTS, head)
        if phrase.lead or phrase.places or found[head].word in group("elsewhere", self.language):
            return
        unshared = group("unshared", self.language)
        for n in self.lead if found[before].word not in group("change-of", self.language) else ():
            if found[n].word not in unshared:
                links.add(n, MODIFY, head)
        for kind, to in links.of[before]:
            if kind == LOCATED and found[to].role != "tissue" and found[to].word not in unshared:
                links.add(head, LOCATED, to)
        phrase.lead = self.lead

    def _said_of_before(self, phrase: Phrase) -> None:
        """A finding after an organ, a word of change or a quality: where it is, or what has changed."""
        head, gap, found, links = phrase.heads[0], phrase.gap, self.found, self.links
        if self.last == "finding" and self.findings:
            change = found[self.findings[-1]].word in group("change-of", self.language)
            if gap & OF or (gap & IN and change):
                links.add(self.findings[-1], MODIFY, head)
        elif self.last == "organ" and self.organs and not gap & ~REDACTED:
            for n in self.lead if not self.target else ():  # 'healed left clavicle fracture': said of the fracture
                links.drop(n, LOCATED, self.organs[-1])
                links.add(n, MODIFY, head)
            links.add(head, LOCATED, self.organs[-1])
        elif self.last == "organ" and not self.target and gap & (VERB | WITH) and not gap & REDACTED:
            for n in self.organs if not phrase.places else ():
                if found[n].role != "property":
                    links.add(head, LOCATED, n)
        elif self.last == "quality" and not self.subject and gap & OF:
            for n in self.predicates:
                links.add(n, MODIFY, head)

    def _of_clear_lungs(self, head: int, gap: int) -> None:
        """'Lungs are clear without consolidation': the absent finding of the lung is located at the lungs."""
        clear = self.last == "quality" and gap & OF and self.found[self.predicates[-1]].word == "clear"
        lungs = group("lungs", self.language)
        if (gap & WITHOUT or clear) and self.organs and not self.target and self.found[self.organs[0]].word in lungs:
            self.lungs = list(self.organs)
        if self.lungs and self.found[head].word in group("at-lungs", self.language):
            for n in self.lungs:
                self.links.add(head, LOCATED, n)

    def _sides_only(self, phrase: Phrase) -> None:
        """A side without an organ, in a finding said 'with' an organ before it, is a side of that organ."""
        sides = [n for n in phrase.places if self.found[n].role == "side"]
        if not sides or len(sides) < len(phrase.places) or not (self.organs and phrase.gap & WITH):
            return
        head, organ = phrase.heads[0], self.organs[-1]
        for n in sides:
            self.links.drop(head, LOCATED, n)
            self.links.add(n, MODIFY, organ)
        self.links.add(head, LOCATED, organ)
        phrase.places = [organ]

    def _organ(self, phrase: Phrase, ends: bool) -> None:
        head, gap, links = phrase.heads[-1], phrase.gap, self.links
        listed = bool(gap & LISTS) and not gap & _NOT_LISTED
        close = not phrase.lead and (bool(gap & (IN | OF)) or not gap & ~INSIDE)
        after_comma = ends and gap == COMMA and not phrase.lead  # 'granuloma, right base'
        if self.last == "finding" and ((close and not listed) or after_comma):
            self._where(head)
        elif self.last == "organ" and listed:
            self._another(phrase)
        elif self.last == "organ" and close and self.target and gap & IN and not gap & (OF | VERB):
            for n in self.findings:  # 'in the lobe at the third rib'
                links.add(n, LOCATED, head)
        elif self.last == "organ" and close and self.organs and not self._apart(gap):
            for n in self.organs[-1:] if self.target else self.organs:
                whole = self.found[n].role == "property" and self.found[head].role != "property"
                links.add(*((head, MODIFY, n) if whole else (n, MODIFY, head)))  # 'size of the heart'
        elif self.last == "quality" and not phrase.lead and (close or (listed and self.spread)):
            self._placed_quality(head)
        elif self.last == "organ" and phrase.lead and self.found[head].role == "property" and gap & VERB:
            for n in self.organs:
                links.add(n, MODIFY, head)  # 'the heart is of normal size'
        else:
            before = self.lead if self.last == "organ" and gap & WITH and phrase.lead else []
            self.organs, self.lead, self.findings = [head], phrase.lead, [*before, *phrase.lead]
            self.subject = self.last = "organ"
            self.target = self.spread = False

    def _apart(self, gap: int) -> bool:
        """Whether organs that follow each other are not part and whole: a verb between, or a list without commas."""
        return bool(gap & VERB) or (not gap and self.found[self.organs[-1]].role == "property")

    def _where(self, head: int) -> None:
        """An organ after findings: where the last one is, and those of its list that have no place of their own."""
        for number, n in enumerate(reversed(self.findings)):
            if number == 0 or n not in self.placed:
                self.links.add(n, LOCATED, head)
        self.organs, self.last, self.target = [head], "organ", True

    def _another(self, phrase: Phrase) -> None:
        """One more organ of a list: it shares the findings located at the list, or the quality before it."""
        head = phrase.heads[-1]
        if self.target:
            for n in self.findings:
                if any((LOCATED, organ) in self.links.of[n] for organ in self.organs):
                    self.links.add(n, LOCATED, head)
        elif not phrase.lead:
            for n in self.lead:
                self.links.add(n, LOCATED, head)
        self.organs = [*self.organs, head]
        self.lead = phrase.lead or self.lead

    def _placed_quality(self, head: int) -> None:
        """'Normal in size', 'normal limits for size': the subject modifies its property, the quality is there."""
        self.spread = True
        if self.subject == "finding" and self.findings:
            for n in self.findings:
                self.links.add(n, LOCATED, head)
            return
        for n in self.predicates:
            if self.subject == "organ" and self.found[head].role == "property":
                for organ in self.organs:
                    if self.found[organ].role != "property":
                        self.links.drop(n, LOCATED, organ)
                        self.links.add(organ, MODIFY, head)
            self.links.add(n, LOCATED, head)
        if not self.subject:
            self.organs = [head]
