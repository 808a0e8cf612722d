"""Sections made ready: cut at a sentence's end where they are too long, and cleared of comparisons nobody can see."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hilum.core.report import Report
from hilum.learn.reader.sample import Sample
from hilum.text.parse import parse, sentence_facts, to_findings
from hilum.text.phrase import COMPARISON_WORDS
from hilum.text.sentences import sentences

_EARLIER = re.compile(r"\b(earlier|(?:than|as) before|compared|since)\b", re.IGNORECASE)


def cut_words(text: str, longest: int) -> tuple[str, int]:
    """Return whole sentences of a text up to `longest` words, and how many words it had; the text itself if it fits.

    A first sentence that is too long on its own is cut at a word.
    """
    count = len(text.split())
    if count <= longest:
        return text, count
    kept, used = 0, 0
    for start, end in sentences(text):
        used += len(text[start:end].split())
        if used > longest:
            break
        kept = end
    return (text[:kept].rstrip() or " ".join(text.split()[:longest])), count


def fitted(context: dict[str, str], longest: int) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return sections of at most `longest` words each, whole sentences kept, and a note for each that was cut."""
    kept, notes = {}, []
    for name, text in context.items():
        kept[name], count = cut_words(text, longest)
        if kept[name] != text:
            left = len(kept[name].split())
            notes.append(f"the {name.replace('_', ' ')} was cut from {count} to {left} words, at the end of a sentence")
    return kept, tuple(notes)


def compares(text: str) -> bool:
    """Whether a text compares with an earlier film: by a word of comparison, or a finding that is said to have changed.

    Words of size alone ('larger than the left') do not.
    """
    return any(pattern.search(text) for pattern in (COMPARISON_WORDS, _EARLIER)) or any(
        fact.attributes.get("change") for start, end in sentences(text) for fact in sentence_facts(text[start:end])
    )


def without_comparisons(text: str) -> str:
    """Return a text without the sentences that compare with an earlier film (as CheXagent cleans its targets)."""
    kept = (text[start:end] for start, end in sentences(text))
    return " ".join(sentence for sentence in kept if not compares(sentence))


def facts_of(report: Report) -> str:
    """Return what a report states as one short phrase a fact ('left pleural effusion; no pneumothorax'), '' if nothing.

    The rule-based form of what MLRG calls factual serialisation: style and filler are gone, negation is kept.
    """
    told = []
    for finding in to_findings(parse(report)):
        lead = {"absent": "no ", "uncertain": "possible "}.get(finding.state, "")
        grade = finding.attributes.get("severity", "")
        where = f" {', '.join(finding.sites)}" if finding.sites else ""
        told.append(f"{lead}{f'{grade} ' if grade else ''}{finding.concept}{where}")
    return "; ".join(dict.fromkeys(told))


def notes_of(samples: Sequence[Sample]) -> dict[str, int]:
    """Return how many samples carry each note, most frequent first, so that a run can say what it cut."""
    counts: dict[str, int] = {}
    for note in (each for sample in samples for each in sample.notes):
        words = " ".join("N" if word.isdigit() else word for word in note.split())
        counts[words] = counts.get(words, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
