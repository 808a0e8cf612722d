"""Harmless edits: the same facts in another order, other words, another case or under headings."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from hilum.measure.harms import as_before
from hilum.measure.perturb import TRIES, Change, Draw, Groups, Kind, applied
from hilum.measure.said import Said, all_said, said
from hilum.text.parse import Parsed, parse, sentence_facts

_TABLE = Path(__file__).parent / "tables" / "rewording.json"
_CACHE = 4_096


@cache
def reworded_by() -> dict[str, Any]:
    """Return the table of wordings: sentences, patterns, nouns and words of one meaning."""
    loaded: dict[str, Any] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return loaded


def kinds() -> tuple[Kind, ...]:
    """Return the harmless kinds of edits."""
    return (
        Kind("shuffle-sentences", "none", "the sentences in another order", _shuffles, _same, whole=True),
        Kind("paraphrase", "none", "other words for the same facts", _paraphrases, _same, whole=True),
        Kind("near-duplicate", "none", "one sentence said again in other words", _again, _nothing_goes),
        Kind("case-and-punctuation", "none", "small letters, lines for spaces", _plain, _same, whole=True),
        Kind("section-split", "none", "findings and impression under headings", _split, _same, whole=True),
    )


def _same(gone: Counter[Said], come: Counter[Said]) -> bool:
    return not gone and not come


def _nothing_goes(gone: Counter[Said], come: Counter[Said]) -> bool:
    """Only what is said once already is said again; the group that is edited holds no other fact."""
    return not gone


def _slots(report: Parsed) -> list[list[tuple[int, int]]]:
    """Sentences by section: none moves into another."""
    return [
        [(start, end) for start, end, _ in report.sentences if part.start <= start < part.end]
        for part in report.sections
    ]


def _shuffles(report: Parsed, draw: Draw) -> Iterator[str]:
    parts = _slots(report)
    if max((len(part) for part in parts), default=0) < 2:
        return
    for _ in range(TRIES):
        changes: list[Change] = []
        for part in parts:
            for slot, number in zip(part, draw.random.permutation(len(part)), strict=True):
                start, end = part[int(number)]
                changes.append(Change(*slot, report.text[slice(*slot)], _ended(report.text[start:end])))
        yield applied(report.text, changes)


def _ended(sentence: str) -> str:
    return sentence if sentence.rstrip()[-1:] in ".!?:;" else f"{sentence.rstrip()}."


def _paraphrases(report: Parsed, draw: Draw) -> Iterator[str]:
    for _ in range(TRIES):
        changes = []
        for start, end, _name in report.sentences:
            old = report.text[start:end]
            new = reworded(old, int(draw.random.integers(1 << 16)))
            if new != old:
                changes.append(Change(start, end, old, new))
        if changes:
            changes = _proved(report, changes)
            yield applied(report.text, changes)


def _proved(report: Parsed, changes: list[Change]) -> list[Change]:
    """Leave out rewordings that only the whole report shows to be none, such as a 'this' that lost its noun."""
    if all_said(parse(applied(report.text, changes))) == all_said(report):
        return changes
    kept: list[Change] = []
    for change in changes:
        if all_said(parse(applied(report.text, [*kept, change]))) == all_said(report):
            kept.append(change)
    return kept


@lru_cache(maxsize=_CACHE)
def reworded(sentence: str, seed: int = 0) -> str:
    """Return a sentence in other words that state the same facts by the parser; the sentence itself where none do.

    Args:
        sentence: one, with its stop.
        seed: 0 or greater; which of the wordings.
    """
    random, facts = np.random.default_rng(seed), _facts(sentence)
    if not facts:  # nothing proves that a sentence without facts means the same in other words
        return sentence
    for step in (_other_sentence, _other_pattern, _other_noun, _other_word):
        for new in step(sentence, random):
            if new != sentence and _facts(new) == facts:
                sentence = new
                break
    return sentence


def _facts(sentence: str) -> Counter[Said]:
    return Counter(map(said, sentence_facts(sentence)))


def _other_sentence(sentence: str, random: np.random.Generator) -> Iterator[str]:
    for group in reworded_by()["sentences"]:
        if sentence in group:
            yield from (group[int(n)] for n in random.permutation(len(group)))


def _other_pattern(sentence: str, random: np.random.Generator) -> Iterator[str]:
    patterns = reworded_by()["patterns"]
    for number in random.permutation(len(patterns)):
        looked_for, options = patterns[int(number)]
        if re.search(looked_for, sentence):
            for choice in random.permutation(len(options)):
                yield _tidy(re.sub(looked_for, options[int(choice)], sentence))


def _tidy(sentence: str) -> str:
    """Set a capital at the start and small letters where a former start has moved inside."""
    sentence = re.sub(
        r"^(There (?:is|are)(?: no)?(?: evidence of)?|No(?: evidence of)?) ([A-Z])(?=[a-z ])",
        lambda found: f"{found.group(1)} {found.group(2).lower()}",
        sentence,
    )
    return sentence[:1].upper() + sentence[1:]


def _other_noun(sentence: str, random: np.random.Generator) -> Iterator[str]:
    yield from _exchanged(sentence, reworded_by()["nouns"], random)


def _other_word(sentence: str, random: np.random.Generator) -> Iterator[str]:
    yield from _exchanged(sentence, reworded_by()["words"], random)


def _exchanged(sentence: str, groups: list[list[str]], random: np.random.Generator) -> Iterator[str]:
    for number in random.permutation(len(groups)):
        group = groups[int(number)]
        for word in group:
            found = re.search(rf"\b{re.escape(word)}\b", sentence, re.IGNORECASE)
            if found:
                for choice in random.permutation(len(group)):
                    new = as_before(found.group(), group[int(choice)])
                    yield sentence[: found.start()] + new + sentence[found.end() :]


def _again(report: Parsed, draw: Draw) -> Groups:
    """Each sentence with facts, said once more in other words (in its own where there are none) right after it."""
    groups = {}
    for number, (start, end, _) in enumerate(report.sentences):
        old = report.text[start:end]
        if sentence_facts(old):
            new = _ended(reworded(old, int(draw.random.integers(1 << 16))))
            groups[f"sentence {number}"] = [Change(end, end, "", f" {new}")]
    return groups


def _plain(report: Parsed, draw: Draw) -> Iterator[str]:
    """The text in small letters, each sentence on a line; else only one of the two."""
    lines = [Change(end, end + 1, report.text[end : end + 1], "\n") for _, end, _ in report.sentences
             if report.text[end : end + 1] == " "]  # fmt: skip
    broken = applied(report.text, lines)
    yield from (broken.lower(), report.text.lower(), broken)


def _split(report: Parsed, draw: Draw) -> Iterator[Mapping[str, str]]:
    """The last third of the sentences as the impression."""
    starts = [start for start, _, _ in report.sentences]
    if len(starts) < 2 or len(report.sections) != 1:
        return
    for at in dict.fromkeys((max(1, len(starts) * 2 // 3), len(starts) - 1, 1)):
        cut = starts[at]
        yield {"findings": report.text[:cut].strip(), "impression": report.text[cut:].strip()}
