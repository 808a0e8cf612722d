"""GREEN's question, and its answer read: sections, kinds of errors with their counts, matched findings.

Source: Ostmeier et al. 2024 (sections, kinds and layout of the answer); the words of the question are ours.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from hilum.measure.adapters.judge import Prompt
from hilum.measure.adapters.weights import Source
from hilum.measure.metric import UnscoredError

SOURCE = Source(
    folder="green",
    model="GREEN-RadLlama2-7b",
    repository="StanfordAIMI/GREEN-radllama2-7b on Hugging Face, or another model of GREEN's collection",
    licence="Llama 2 Community License, on the model's page",
    size="about 13.5 GB",
    layout="config.json, the model-*.safetensors with their index, the tokenizer's files, prompt.txt if you have it",
)
KINDS = (
    "False report of a finding in the candidate",
    "Missing a finding present in the reference",
    "Misidentification of a finding's anatomic location/position",
    "Misassessment of the severity of a finding",
    "Mentioning a comparison that isn't in the reference",
    "Omitting a comparison detailing a change from a prior study",
)
"""Kinds a to f, named as in GREEN's answers."""
LONGEST = 2048
_LETTERS = "abcdef"
_SECTIONS = ("Clinically Significant Errors", "Clinically Insignificant Errors", "Matched Findings")
_LINE = re.compile(r"^\s*\(([a-f1-6])\)\s*(.*)$", re.M)
_COUNT = re.compile(r":\s*(\d+)(?=\.|\s*$)")
_MATCHED = re.compile(r"\s*(\d+)(?:\.|\s*$)")
_NONE = re.compile(r"\s*No\b")


class GreenCounts(NamedTuple):
    """What GREEN's judge counted: matched findings, and errors of kinds a to f."""

    matched: int
    significant: tuple[int, ...]
    insignificant: tuple[int, ...]


def _question() -> str:
    kinds = "\n".join(f"({letter}) {kind}" for letter, kind in zip(_LETTERS, KINDS, strict=True))
    lines = "\n".join(
        f"({letter}) {kind}: <count>. <error>; <error>" for letter, kind in zip(_LETTERS, KINDS, strict=True)
    )
    return (
        "Compare a candidate radiology report with the reference report that an expert wrote. Judge the clinical "
        "findings, not the style. Count errors that matter clinically and errors that do not, of these kinds:\n"
        f"{kinds}\n\nReference report:\n{{reference}}\n\nCandidate report:\n{{answer}}\n\n"
        "Answer in exactly this form, also where there is no error:\n"
        f"[Explanation]:\n<explanation>\n\n[{_SECTIONS[0]}]:\n{lines}\n\n[{_SECTIONS[1]}]:\n{lines}\n\n"
        f"[{_SECTIONS[2]}]:\n<count>. <finding>; <finding>\n"
    )


PROMPT = Prompt(_question())
"""GREEN's task in our own words. Its model was trained on its authors' words; see docs/metrics-official.md."""


def read_green(answer: str) -> GreenCounts:
    """Return the counts that an answer of GREEN's judge states.

    A section that begins with 'No' has no errors; a kind that a section leaves out has none either.

    Raises:
        UnscoredError: if a section is missing, or a line has no count; the sentence says which.
    """
    text = answer.rsplit("<|assistant|>", maxsplit=1)[-1].replace("</s>", "").replace("<unk>", "")
    significant, insignificant = (_errors(name, _section(name, text)) for name in _SECTIONS[:2])
    body = _section(_SECTIONS[2], text)
    stated = _MATCHED.match(body)
    if not stated and not _NONE.match(body):
        raise UnscoredError(f"the judge's section [{_SECTIONS[2]}] does not begin with a count: {body[:40]!r}")
    return GreenCounts(int(stated.group(1)) if stated else 0, significant, insignificant)


def _section(name: str, text: str) -> str:
    found = re.search(rf"\[{name}\]:?[ \t]*\n?(.*?)(?=\n\s*\n|\n\s*\[|\Z)", text, re.S)
    if not found:
        raise UnscoredError(f"the judge's answer has no section [{name}]: {text.strip()[:40]!r}")
    if not found.group(1).strip():
        raise UnscoredError(f"the judge's section [{name}] is empty")
    return found.group(1)


def _errors(name: str, body: str) -> tuple[int, ...]:
    counts = [0] * len(KINDS)
    lines = _LINE.findall(body)
    if not lines and not _NONE.match(body):
        raise UnscoredError(f"the judge's section [{name}] lists no kind of error: {body.strip()[:40]!r}")
    for letter, words in lines:
        stated = _COUNT.search(words)
        if not stated:
            raise UnscoredError(f"the judge's section [{name}] gives no count for ({letter}): {words[:40]!r}")
        counts[_LETTERS.index(letter) if letter in _LETTERS else int(letter) - 1] = int(stated.group(1))
    return tuple(counts)
