"""From what a model says to the option it means: a lone letter, 'the answer is X', one option's text, else invalid."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

How = Literal["letter", "answer is", "option text", "invalid"]
_LEAD = re.compile(r"^\(?([A-Z])(?:[.):]\s*|\)\s*)", re.IGNORECASE)
_LONE = re.compile(r"^[\s\"'*_(\[]*([A-Z])[\s\"'*_)\].:]*$", re.IGNORECASE)
_SAID = re.compile(
    r"(?i:\b(?:answer|correct (?:option|choice)|right (?:option|choice))\b\s*(?:is\s*:?|:|=)\s*)(?i:(not\s+))?"
    r"(?i:option\s|choice\s|letter\s)?\s*[:\"'*_(\[]*([A-Z])\b(?![\w'])(?=[\s.,;:)\]\"'*_!]|$)(?!\s+[a-z])"
)
_WORDS = re.compile(r"[a-z0-9]+(?:\.[0-9]+)?")
_NOT = re.compile(r"\b(?:not|no|isn't|neither|nor|without|rather than|instead of)\s+(?:an?\s+|the\s+)?$")


class Choice(NamedTuple):
    """Which choice was meant, None where that cannot be told, and by which rule."""

    number: int | None
    how: How


def bare(choice: str) -> str:
    """Return a choice without its letter: 'B. left lung' gives 'left lung'."""
    return _LEAD.sub("", choice.strip(), count=1) if _LEAD.match(choice.strip()) else choice.strip()


def read_choice(text: str, choices: Sequence[str]) -> Choice:
    """Return the choice that an answer means; the first rule that applies decides.

    1. the choice itself, or a lone letter, in brackets or with a stop; a letter before a text that is another option's
       contradicts itself and is invalid.
    2. 'the answer is X', all such agreeing; 'the answer is not X' does not count.
    3. the text of exactly one option, as whole words, not denied; a longer option hides a shorter one inside it.

    Args:
        text: as the model wrote it.
        choices: with their letters ('A. left lung') or without; the first is A.
    """
    said = text.strip()
    if said in choices:
        return Choice(list(choices).index(said), "letter")
    lone = _LONE.match(said)
    if lone:
        return _letter(lone.group(1), choices, "letter")
    lead = _LEAD.match(said)
    if lead and _plain(bare(said)) in {_plain(bare(each)) for each in choices}:
        named = [_plain(bare(each)) for each in choices].index(_plain(bare(said)))
        given = _letter(lead.group(1), choices, "letter")
        return given if given.number == named else Choice(None, "invalid")
    letters = {letter for negated, letter in _SAID.findall(said) if not negated}
    if len(letters) == 1:
        return _letter(letters.pop(), choices, "answer is")
    if len(letters) > 1:
        return Choice(None, "invalid")
    found = _named(said, [bare(each) for each in choices])
    return Choice(found, "option text") if found is not None else Choice(None, "invalid")


def _letter(letter: str, choices: Sequence[str], how: How) -> Choice:
    number = ord(letter.upper()) - ord("A")
    return Choice(number, how) if number < len(choices) else Choice(None, "invalid")


def _plain(text: str) -> str:
    return " ".join(_WORDS.findall(text.lower()))


def _named(text: str, options: Sequence[str]) -> int | None:
    """The one option whose words the text holds undenied; None where none or several are held."""
    told, hit = f" {_plain(text)} ", set[int]()
    for number in sorted(range(len(options)), key=lambda at: -len(_plain(options[at]))):
        words = f" {_plain(options[number])} "
        if not words.strip() or words not in told:
            continue
        denied = [bool(_NOT.search(told[: at + 1])) for at in _places(told, words)]
        if not all(denied):
            hit.add(number)
        told = told.replace(words, " | ")
    return hit.pop() if len(hit) == 1 else None


def _places(text: str, words: str) -> list[int]:
    found, at = [], text.find(words)
    while at >= 0:
        found.append(at)
        at = text.find(words, at + 1)
    return found
