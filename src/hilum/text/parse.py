"""Report text to facts: what is stated, how surely, where, and by which characters and rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from hilum.core.errors import InputError
from hilum.core.report import SECTIONS, Report, Sentence
from hilum.text.assertion import assert_all, clauses
from hilum.text.attributes import attach
from hilum.text.findings import owner_of_each, to_findings
from hilum.text.lexicon import Pack, pack
from hilum.text.mentions import mentions
from hilum.text.sections import REPORTING, Section, sections
from hilum.text.sentences import sentences
from hilum.text.sharing import SHADOWS
from hilum.text.tokens import find, tokenize

__all__ = ["LONGEST_REPORT", "Cue", "Fact", "Parsed", "parse", "sentence_facts", "to_findings", "to_report"]
LONGEST_REPORT = 200_000  # characters; a hundred printed pages
_HARMLESS = frozenset(
    {"nipple shadow", "rib fracture", "healed rib fracture", "fracture", "artifact", "skin fold", "end-on vessel",
     "bone deformity", "sclerotic bone lesion"}
)  # fmt: skip
_CACHE = 16_384  # sentences remembered; radiology repeats itself, and the bound keeps memory flat


class Cue(NamedTuple):
    """Characters [start, end) that decided an assertion, and the rule they matched."""

    start: int
    end: int
    rule: str


class Fact(NamedTuple):
    """One statement of a report about one finding. All offsets are characters of the parsed text.

    Args:
        concept: name in the vocabulary.
        kind: 'finding', 'device', 'hardware' or 'study' (said of the film: unchanged, suboptimal).
        state: 'present', 'absent' or 'uncertain'.
        certainty: 'definite', 'likely' or 'possible'; 'likely' findings are 'present', 'possible' ones 'uncertain'.
        start, end: the mention.
        sentence: the sentence (start, end).
        section: 'findings', 'impression', 'body' ...
        rule: the phrase that named it.
        cues: the words that decided its state.
        sides, zones: where, as said; severity, extent, morphology, distribution, count, change, onset likewise.
        sizes: (value, unit) of measured diameters, largest dimension first as written.
        modifiers: characters of the words that gave the attributes.
        form: 'density' for a shadow called nodular, 'explained' for one said to be a nipple, rib or fold; else ''.
        because_of: number of the fact it explains, or -1.
        history: said of the past.
    """

    concept: str
    kind: str
    state: str
    certainty: str
    start: int
    end: int
    sentence: tuple[int, int]
    section: str
    rule: str
    cues: tuple[Cue, ...] = ()
    attributes: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    sizes: tuple[tuple[float, str], ...] = ()
    modifiers: tuple[tuple[int, int], ...] = ()
    form: str = ""
    because_of: int = -1
    history: bool = False

    @property
    def sides(self) -> tuple[str, ...]:
        """Sides as said: 'right', 'left' or both."""
        return self.attributes.get("side", ())

    @property
    def zones(self) -> tuple[str, ...]:
        """Zones and lobes as said, e.g. 'base', 'upper lobe'."""
        return self.attributes.get("zone", ())

    @property
    def severity(self) -> tuple[str, ...]:
        """'mild', 'moderate', 'severe', 'borderline'."""
        return self.attributes.get("severity", ())


@dataclass(frozen=True)
class Parsed:
    """A parsed report: its text, sections, sentences (start, end, section) and facts in order."""

    text: str
    language: str
    sections: tuple[Section, ...]
    sentences: tuple[tuple[int, int, str], ...]
    facts: tuple[Fact, ...]


def parse(text: str | Report | Mapping[str, str], *, language: str = "en") -> Parsed:
    """Return the facts of a report.

    Args:
        text: the whole report; or a Report or {'findings': ..., 'impression': ...}, which are joined under headings.
        language: of the pack to use.

    Raises:
        InputError: if the text is longer than 200,000 characters or there is no pack for the language.
    """
    chosen = pack(language)
    whole, parts = _joined(text, chosen)
    facts: list[Fact] = []
    spans: list[tuple[int, int, str]] = []
    for part in parts:
        for start, end in sentences(whole, part.start, part.end):
            spans.append((start, end, part.name))
            if part.name in REPORTING:
                _place(sentence_facts(whole[start:end], language), start, end, part.name, facts)
    _settle(facts)
    return Parsed(whole, language, parts, tuple(spans), tuple(facts))


def _joined(text: str | Report | Mapping[str, str], chosen: Pack) -> tuple[str, tuple[Section, ...]]:
    if isinstance(text, str):
        whole, parts = text, None
    else:
        named = {name: getattr(text, name) for name in SECTIONS} if isinstance(text, Report) else dict(text)
        whole, made = "", []
        for name, value in named.items():
            if value:
                whole += f"{name.upper()}: "
                made.append(Section(name, len(whole), len(whole) + len(value)))
                whole += value + "\n\n"
        parts = tuple(made)
    if len(whole) > LONGEST_REPORT:
        raise InputError(
            f"this report has {len(whole):,} characters; a report of at most {LONGEST_REPORT:,} is expected: "
            "split the file into one report per row"
        )
    return whole, sections(whole, chosen) if parts is None else parts


def _place(templates: tuple[Fact, ...], start: int, end: int, section: str, facts: list[Fact]) -> None:
    """Move a sentence's facts to where the sentence stands; link 'this may represent' to the sentence before."""
    first = len(facts)
    for made in templates:
        because = made.because_of + first if made.because_of >= 0 else -1
        if made.because_of == -2:
            because = _antecedent(facts, first)
        cues, modifiers = made.cues, made.modifiers
        placed = Fact(
            made.concept, made.kind, made.state, made.certainty, made.start + start, made.end + start, (start, end),
            section, made.rule, tuple([Cue(a + start, b + start, rule) for a, b, rule in cues]) if cues else (),
            made.attributes, made.sizes, tuple([(a + start, b + start) for a, b in modifiers]) if modifiers else (),
            made.form, because, made.history,
        )  # fmt: skip
        nearby = because if made.because_of == -2 else -1
        if because < 0 and "beside" in made.attributes:
            nearby = _neighbour(facts, first)
        if nearby >= 0 and not (made.sides or made.zones):
            places = {k: v for k, v in facts[nearby].attributes.items() if k in ("side", "zone")}
            placed = placed._replace(attributes={**placed.attributes, **places})
        facts.append(placed)


def _settle(facts: list[Fact]) -> None:
    """'Effusions' and 'basilar' mean both sides, unless the report tells the side of that finding elsewhere."""
    for number, fact in enumerate(facts):
        if "weak" in fact.attributes or "beside" in fact.attributes:
            told = {key: values for key, values in fact.attributes.items() if key not in ("weak", "beside")}
            sided = any(other.concept == fact.concept and other.sides for other in facts)
            if "weak" in fact.attributes and not fact.sides and not sided and fact.state != "absent":
                told["side"] = ("right", "left")
            facts[number] = fact._replace(attributes=told)


def _antecedent(facts: list[Fact], before: int) -> int:
    """The last opacity-like finding of the sentence before, which 'this' or 'it' stands for; -1 if there is none."""
    if not before:
        return -1
    sentence = facts[before - 1].sentence
    for number in range(before - 1, -1, -1):
        fact = facts[number]
        if fact.sentence != sentence:
            return -1
        if fact.concept in SHADOWS and fact.state != "absent":
            return number
    return -1


def _neighbour(facts: list[Fact], before: int) -> int:
    """The last finding with a place in the sentence before, which 'adjacent' and 'surrounding' point to; or -1."""
    for number in range(before - 1, -1, -1):
        fact = facts[number]
        if fact.sentence != facts[before - 1].sentence:
            return -1
        if fact.state != "absent" and (fact.sides or fact.zones):
            return number
    return -1


@lru_cache(maxsize=_CACHE)
def sentence_facts(sentence: str, language: str = "en") -> tuple[Fact, ...]:
    """Return the facts of one sentence with offsets inside it; because_of -2 means the sentence before."""
    chosen = pack(language)
    tokens = tokenize(sentence, chosen)
    layers = find(tokens, chosen)
    if not layers[0] and len(layers[4]) < 2:
        return ()
    made = clauses(tokens, layers, chosen)
    found = mentions(tokens, layers, made.segments, chosen)
    if not found:
        return ()
    said = assert_all(found, tokens, layers, made)
    own = attach(found, tokens, layers, made, chosen, [each.state == "absent" for each in said])
    kept = [number for number in range(len(found)) if said[number].state != "unasserted"]
    moved: dict[int, int] = {}
    facts: list[Fact] = []
    for number in kept:
        moved[number] = len(facts)
        mention, assertion, attached = found[number], said[number], own[number]
        start, end = tokens.span(mention.first, mention.last)
        because = moved.get(attached.because_of, -1)
        if because < 0 and number == 0 and _refers(tokens.words, chosen):
            linked = any(link.last < mention.first for link in layers[3])
            because = -2 if linked or "xxxx" in tokens.words[: mention.first] else -1  # XXXX: 'may represent'
        elif because < 0 and facts and facts[0].because_of == -2 and mention.first - found[number - 1].last <= 4:
            because = -2  # 'this may represent atelectasis or pneumonia'
        facts += [Fact(
            mention.concept, mention.kind, assertion.state, assertion.certainty, start, end, (0, len(sentence)), "",
            mention.rule, tuple([Cue(*tokens.span(a, b), rule) for a, b, rule in assertion.cues]),
            {slot: tuple(values) for slot, values in part.values.items()}, tuple(part.sizes),
            tuple(part.spans), mention.sets.get("form", ("",))[0], because, assertion.history,
        ) for part in attached.parts or (attached,)]  # fmt: skip
    return tuple(_explained(facts))


def _refers(words: list[str], chosen: Pack) -> bool:
    """Whether the first word, articles apart, is a pronoun: 'this', 'these findings'."""
    opening = words[1] if words[0] in chosen.skip and len(words) > 1 else words[0]
    return opening in chosen.syntax["pronoun"] and opening not in chosen.skip


def _explained(facts: list[Fact]) -> list[Fact]:
    """A shadow that is said to be a nipple, a rib or a fold is marked so: it is no lesion of the lung."""
    benign = {fact.because_of for fact in facts if fact.because_of >= 0 and fact.state == "present"
              and fact.concept in _HARMLESS}  # fmt: skip
    if not benign:
        return facts
    return [fact._replace(form="explained") if number in benign else fact for number, fact in enumerate(facts)]


def to_report(parsed: Parsed) -> Report:
    """Return the core Report: text by section and its sentences, with the ids of the findings they state."""
    texts: dict[str, str] = {}
    moved: dict[tuple[int, int], tuple[str, int]] = {}
    for part in parsed.sections:
        name = part.name if part.name in SECTIONS else "findings"
        before = texts.get(name, "")
        before += "\n" if before else ""
        moved[part.start, part.end] = (name, len(before))
        texts[name] = before + parsed.text[part.start : part.end]
    made, owners = [], owner_of_each(parsed.facts)
    for start, end, _ in parsed.sentences:
        (low, _), (name, offset) = next((span, to) for span, to in moved.items() if span[0] <= start < span[1])
        own = [owners[n] for n, fact in enumerate(parsed.facts) if fact.sentence == (start, end)]
        ids = tuple(f"f{number}" for number in dict.fromkeys(own))
        made.append(Sentence(name, start - low + offset, end - low + offset, ids))
    return replace(Report(sentences=(), language=parsed.language), **texts, sentences=tuple(made))  # type: ignore[arg-type]
