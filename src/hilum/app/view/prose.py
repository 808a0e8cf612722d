"""The draft follows the list: sentences of findings that changed are written anew, the reader's other words stay."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.image import MadeBy
from hilum.core.report import Report, Sentence
from hilum.core.study import Study
from hilum.text.bank import bank
from hilum.text.parse import sentence_facts
from hilum.text.phrase import SectionText, compose
from hilum.text.sentences import sentences

SECTIONS = ("findings", "impression")
"""Sections that follow the list and that a reader may write; the others stay as they were."""
_LONGEST = 20_000
_NOTHING = "No finding is stated."


@dataclass(frozen=True)
class _Said:
    """One sentence and the ids of the findings it states."""

    text: str
    ids: tuple[str, ...] = ()


def composed(study: Study, findings: Iterable[Finding] | None = None) -> Report:
    """Return the draft that states the findings of a study, or those given, and nothing else."""
    given = study.findings if findings is None else tuple(findings)
    stated = {finding.concept for finding in study.findings}
    missing = [name for entry in study.provenance for name, _ in entry.not_assessed if name not in stated]
    views = tuple(film.view for film in study.films)
    draft = compose(given, not_assessed=dict.fromkeys(missing), views=views, prior_read=study.prior is not None)
    return draft if given else _stating_nothing(draft)


def _stating_nothing(draft: Report) -> Report:
    """A draft whose list is empty: what was found was taken away, which is not that nothing was assessed."""
    impression = Sentence("impression", 0, len(_NOTHING))
    rest = tuple(each for each in draft.sentences if each.section != "impression")
    return replace(draft, impression=_NOTHING, sentences=(*rest, impression))


def follow(before: Study, after: Study, *, made_by: MadeBy) -> Report:
    """Return the report of a study whose findings were edited.

    A section that is still as composed is composed anew. In one with words of a person, a sentence stays unless a
    finding it states was changed or taken away; those findings, and new ones, are said in composed sentences.

    Args:
        before: the study before the edit.
        after: with its edited findings; its own report is not looked at.
        made_by: who edited.
    """
    new, held = composed(after), before.report
    if held is None:
        return replace(new, made_by=made_by)
    old, known = composed(before), {finding.id: finding for finding in before.findings}
    now = {finding.id: finding for finding in after.findings}
    touched = {key for key in {*known, *now} if known.get(key) != now.get(key)}
    empty = bank()["impression"]["empty"]
    texts, spans = {}, [each for each in held.sentences if each.section not in SECTIONS]
    for name in SECTIONS:
        if getattr(held, name) in (getattr(old, name), empty if not before.findings else None):
            said = _said(new, name)
        else:
            said = _mended(_said(held, name), _said(old, name), _said(new, name), touched, after)
        told = _section(name, said)
        texts[name], spans = told.text, [*spans, *told.sentences]
    return replace(held, **texts, sentences=tuple(spans), status="draft", made_by=made_by)


def write(study: Study, section: str, text: str, *, made_by: MadeBy) -> Report:
    """Return the report with a section in the reader's own words; no finding changes.

    Sentences that were there before keep their findings; of those in their place, each gets the findings whose
    concepts it names.

    Raises:
        InputError: if the section is not 'findings' or 'impression', or the text is longer than 20,000 characters.
    """
    if section not in SECTIONS:
        raise InputError(f"only {' and '.join(SECTIONS)} can be written, got '{section[:40]}'")
    if len(text) > _LONGEST:
        raise InputError(f"the {section} may hold {_LONGEST:,} characters, got {len(text):,}")
    held = study.report or replace(composed(study), made_by=made_by)
    words = "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text).strip()
    pieces = [words[start:end] for start, end in sentences(words)]
    linked = _linked(pieces, _said(held, section), study.findings)
    at, spans = 0, [each for each in held.sentences if each.section != section]
    for piece, ids in zip(pieces, linked, strict=True):
        start = words.index(piece, at)
        at = start + len(piece)
        spans.append(Sentence(section, start, at, ids))
    changed = {section: words, "sentences": tuple(spans), "status": "draft", "made_by": made_by}
    return replace(held, **changed)  # type: ignore[arg-type]


def _said(report: Report, section: str) -> list[_Said]:
    """The sentences of a section; where a report names none, they are found in its text."""
    listed = [each for each in report.sentences if each.section == section]
    if listed:
        return [_Said(report.text(each), each.findings) for each in listed]
    text: str = getattr(report, section)
    return [_Said(text[start:end]) for start, end in sentences(text)]


def _section(name: str, said: Sequence[_Said]) -> SectionText:
    told = SectionText(name)
    for each in said:
        start = len(told.text) + bool(told.text)
        told.text = f"{told.text} {each.text}" if told.text else each.text
        told.sentences.append(Sentence(name, start, len(told.text), each.ids))
    return told


def _mended(
    held: Sequence[_Said], old: Sequence[_Said], new: Sequence[_Said], touched: set[str], after: Study
) -> list[_Said]:
    """The held sentences without those that state a touched finding, and new ones for what is then unsaid."""
    now = {finding.id for finding in after.findings}
    fixed, still = {each.text for each in old if not each.ids}, {each.text for each in new if not each.ids}
    kept = [
        each for each in held if not touched & set(each.ids) and not (each.text in fixed and each.text not in still)
    ]
    dropped = {key for each in held if each not in kept for key in each.ids}
    wanted = ((touched | dropped) & now) - {key for each in kept for key in each.ids}
    fresh: list[_Said] = []
    for each in new:
        mine = [key for key in each.ids if key in wanted]
        if mine and len(mine) == len(each.ids):
            fresh.append(each)
        elif mine:  # a list sentence that also names findings the reader's words still state
            few = composed(after, (finding for finding in after.findings if finding.id in mine))
            fresh += [one for one in _said(few, "findings") if one.ids]
    fresh += [each for each in new if not each.ids and each.text not in fixed and each not in kept]
    return _ordered(kept, fresh, [key for each in new for key in each.ids])


def _ordered(kept: Sequence[_Said], fresh: Sequence[_Said], order: Sequence[str]) -> list[_Said]:
    """Fresh sentences among the kept ones, each before the first that states something of a later place."""

    def rank(each: _Said) -> int:
        return min((order.index(key) for key in each.ids if key in order), default=len(order))

    made = list(kept)
    for each in fresh:
        place = next((at for at, other in enumerate(made) if other.ids and rank(other) > rank(each)), len(made))
        made.insert(place, each)
    return made


def _linked(pieces: Sequence[str], held: Sequence[_Said], findings: Sequence[Finding]) -> list[tuple[str, ...]]:
    """For each new sentence, the findings it states: those of the sentence it was, or of the one it stands for."""
    concepts = {finding.id: finding.concept for finding in findings}
    made: list[tuple[str, ...]] = [()] * len(pieces)
    matcher = SequenceMatcher(None, [each.text for each in held], list(pieces), autojunk=False)
    for kind, i0, i1, j0, j1 in matcher.get_opcodes():
        if kind == "equal":
            made[j0:j1] = [each.ids for each in held[i0:i1]]
            continue
        here = tuple(key for each in held[i0:i1] for key in each.ids)
        for at in range(j0, j1):
            named = {fact.concept for fact in sentence_facts(pieces[at])}
            made[at] = tuple(key for key in (here or tuple(concepts)) if concepts.get(key) in named)
        if j1 - j0 == 1 and not made[j0]:
            made[j0] = here
    return made
