"""Penn Treebank tokens as the COCO caption tools make them, without Java.

pycocoevalcap runs Stanford's PTBTokenizer (CoreNLP 3.4.1) with lower-casing and then drops punctuation. That tokenizer
is a longest-match scanner: at each place the rule that reads furthest wins, its look-ahead counted, and the earlier
rule wins a tie. This module scans by the same principle with rules of its own, checked against the Java program's
output (tests/measure/test_ptb.py); what it cannot read (control characters, characters above U+FFFF) it leaves out,
as that does. Each report is read alone: the Java program reads all reports of a run as one file, so that its last
token can depend on how the next report begins.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from hilum.measure.ptb_rules import ABBREVIATION, DROPPED, NUMBERED, RULES, written

_MOST = 200_000  # words kept in memory
_FULL_STOP = re.compile(r"([A-Za-z]{2,})\.")
_ACROSS = re.compile(rf"[0-9]\)?\s+[-+(.,:0-9]|\.\s+\.|<|[^\t\n\r -~]|{NUMBERED}\.\s\d|(?<![A-Za-z])[A-Za-z]\.\s+[A-Z]")
_ALONE = re.compile(r"(?<![^ ])([A-Za-z]{2,}(?:[-/][A-Za-z]{2,})*(?:[,;:]|\.(?= +[A-Za-z]))?) +")
_BEYOND = re.compile(r"[\U00010000-\U0010ffff]")
_BREAKS = re.compile(r"[\r\n\x0b\x0c\x85\u2028\u2029]")
_RULES = tuple((kind, re.compile(f"({token})(?:{ahead})")) for kind, token, ahead in RULES)


def scan(text: str) -> list[str]:
    """Return the tokens of one line by the rules alone: no memory, every rule tried at every place.

    Args:
        text: one line; it is read as if a line break followed.
    """
    line = _line(text)
    place = 0
    found: list[str] = []
    while place < len(line) - 1:
        token, place = _next(line, place)
        if token not in DROPPED:
            found.append(token)
    return found


def _line(text: str) -> str:
    return _BEYOND.sub("\ue000", _BREAKS.sub(" ", text)) + "\n"


def _next(line: str, place: int) -> tuple[str, int]:
    """The token at a place and where the next one starts."""
    furthest, best, kind = 0, None, ""
    for name, rule in _RULES:
        match = rule.match(line, place)
        if match and match.end() > furthest:
            furthest, best, kind = match.end(), match, name
    if best is None:
        return "", place + 1
    token, after = written(kind, best.group(1))
    return token, best.end(1) - after


def _scan_rest(text: str) -> list[str]:
    """Scan a line, taking from memory the words that no token can reach out of."""
    line, known = _line(text), _words()
    place = 0
    found: list[str] = []
    while place < len(line) - 1:
        word = _ALONE.match(line, place)
        if word:
            found += known[word.group(1)]
            place = word.end()
            continue
        token, place = _next(line, place)
        if token not in DROPPED:
            found.append(token)
    return found


class Words(dict[str, tuple[str, ...]]):
    """Word between blanks -> its tokens, scanned when first met."""

    def __missing__(self, word: str) -> tuple[str, ...]:
        """Scan a word that was not met before."""
        if len(self) > _MOST:
            self.clear()
        self[word] = tokens = _one(word)
        return tokens


def _one(word: str) -> tuple[str, ...]:
    """Tokens of one word; most are letters with at most a full stop, which need no scan."""
    stop = _FULL_STOP.fullmatch(word)
    if stop and not ABBREVIATION.fullmatch(word):
        word = stop.group(1)
    return tuple(scan(word))


@cache
def _words() -> Words:
    return Words()


def tokens(text: str) -> list[str]:
    """Return a report's tokens: lower case, punctuation left out; line breaks are blanks.

    Args:
        text: any text; '' gives no token.
    """
    if _ACROSS.search(text):  # a token may reach over a blank: '5 1/2', '. . .', '(123) 456-7890', '<b x=y>'
        return _scan_rest(text)
    known = _words()
    found: list[str] = []
    for word in text.split():
        found += known[word]
    return found


def tokenize(texts: Sequence[str]) -> list[list[str]]:
    """Return the tokens of many reports; equal reports are read once and share one list."""
    known: dict[str, list[str]] = {}
    for text in texts:
        if text not in known:
            known[text] = tokens(text)
    return [known[text] for text in texts]
