"""Penn Treebank tokens as the COCO caption tools make them, without Java.

pycocoevalcap 1.2 runs a Java tokenizer over the texts, in lower case, and drops punctuation. The rules here were
written from behaviour alone: texts were given to that program as it comes with pycocoevalcap, and its answers read; the
tests compare the two on reports, sentences and drawn lines of report-like pieces (tests/measure/test_ptb.py).

What reports hardly hold is read simply, not as the program does: web and e-mail addresses, HTML, smileys, telephone
numbers but '(123) 456-7890', abbreviations of streets, ranks and companies, colloquial forms ("'tis"), money, two words
that a missing blank joins in odd ways, and rare Unicode. Each report is read alone: the program reads all reports of a
run as one file, so that the stop that ends one can depend on how the next begins.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from unicodedata import normalize

_MOST = 200_000  # words kept in memory

# One letter; one letter or digit (raised digits and fractions such as '½' are signs of their own).
_RAISED = r"\u00b2\u00b3\u00b9\u00bc-\u00be\u2070-\u209c"
_L = rf"[^\W\d_{_RAISED}]"
_A = rf"[^\W_{_RAISED}]"

# Words that keep their full stop, whatever comes next: of every word of one to three letters and WordNet's to nine
# that were tried with a stop, those that a report may hold. 'may', 'sat' and 'sun' lose it.
_STOPPED = (
    "dr drs mr mrs ms messrs prof st sr jr esq rev hon gov sen rep gen col sgt lt rt capt maj asst assn supt dept univ"
    " jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thurs fri"
    " etc vs v cf al seq est ext inc co corp ltd ct det sys adj adv adm ala mo ft sq tel mt ave ga md va vt ky"
)
_STOPPED_CAPITAL = "ark az del ill la mass miss ore pa tex wash"  # states: 'PA.' and 'Mass.', yet 'mass' and no stop
_STOPPED_BEFORE_NUMBER = "art ca fig figs no nos op pp prop"  # 'no. 3', yet 'no' alone in 'No. Stable.'
# A lone letter loses its stop before these with a capital ('B. The heart' gives 'b', 'B. Lungs' gives 'b.'), of some
# 41,000 words tried.
_SENTENCE_STARTS = (
    "a about additionally after an as at but earlier he her here however if in it last many more now once one other our"
    r" she since so some such that the their then there these they this we what when while yet you mr\. ms\."
)
_HALVES = {"cannot": 3, "gonna": 3, "gotta": 3, "wanna": 3, "gimme": 3, "lemme": 3}  # letters of the first half


def _any(words: str) -> str:
    return "(?i:" + "|".join(words.split()) + ")"


_PART = r"[A-Za-z0-9]+(?:-[A-Za-z]+)*"
_START = rf"\s+(?=[A-Z]){_any(_SENTENCE_STARTS)}(?:\s|$)"
_STOP = r"(?:\.(?=[,;:]))"  # a stop before another sign stays at its word: 'T9.,' is 't9. ,'
_CLITIC = rf"'(?i:s|d|m|ll|re|ve)(?!{_L})"
# The first rule that fits is taken, so the ones that read further come first.
_RULES = (
    r"&(?:amp|lt|gt);",
    r"</?[A-Za-z][^\s<>]*>",  # '<XXXX>' stays one
    r"\(\d{3}\) ?\d{3}-\d{4}",
    r"\d{1,4}[- \u00a0]\d+/\d+",  # '5 1/2' is one token with a hard blank
    rf"{_PART}/{_PART}(?:/{_PART})?",  # at most three parts: 'a/b/c/d' is 'a/b/c / d'
    rf"(?:{_A}+-)?(?:Ph|[A-Za-z])(?:\.[A-Za-z])+\.(?!{_L}|-{_A})",  # 'a.m.', 'U.S.', '67-y.o.'
    # Hyphens join, and stops and commas before the first one too ('1.5-cm', 'clear.left-sided'), yet a decimal behind
    # a hyphen is cut: '1.5-2.5' is '1.5-2 .5'. Underscores join words without stops.
    rf"(?:{_A}(?:[.,]|{_A})*-|{_A}+_){_A}+(?:[-_]{_A}+)*{_STOP}?",
    rf"{_L}{_A}*(?:[.?!]{_L}{_A}*)+{_STOP}?",  # a blank forgotten: 'effusion.No' stays one
    r"-{2,}|\.{3}|''|``",  # before the signs of numbers
    r"[-+]?\d*(?:[.,:]\d+)+|[-+]\d+",  # '1.5cm' is '1.5 cm', '10mm' a word; 'T8,9' is 't8 ,9'
    rf"{_any(_STOPPED)}\.|(?=[A-Z]){_any(_STOPPED_CAPITAL)}\.|{_any(_STOPPED_BEFORE_NUMBER)}\.(?=\s?\d)",
    rf"[A-Za-z]\.(?!{_START})",
    rf"{_A}+{_STOP}",
    rf"{_any(' '.join(_HALVES))}(?!{_A})",
    rf"{_L}+(?=(?i:n't))|(?i:n't){_L}*",  # 'does n't'
    _CLITIC,  # 'patient 's'
    # "O'Malley", "d'aorte", yet "patient 's"
    rf"(?!{_L}+{_CLITIC})(?:(?:[A-HJ-Z]|[dlno]|[Qq]u)'{_L}{{2,}}(?:-{_L}+)*|{_L}{{2,}}'[A-Z]{_L}*)",
    r"[A-Z]+(?:[&+][A-Z]+)+",  # 'A&P', yet 'a & p'
    rf"{_A}+",
    r"'\d\d(?:s|(?=\s|$))",  # "'90s"
    r"__+|\*\*+|##+|[!?]{2,}|<<|>>",
    rf"#{_L}+",
    r"[^\s\x00-\x1f\x7f-\x9f\u200b\ufeff\U00010000-\U0010ffff]",  # any other sign; what is left out here falls away
)
_TOKEN = re.compile("|".join(_RULES))
_ACROSS = re.compile(
    rf"\d[ \u00a0]\d+/|\) \d{{3}}-|\b{_any(_STOPPED_BEFORE_NUMBER)}\.\s\d|(?<![A-Za-z])[A-Za-z]\.{_START}"
)
_WRITTEN = {
    **{"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"},
    **{"&amp;": "&", "&lt;": "<", "&gt;": ">"},
    **{"\u00bd": "1/2", "\u00bc": "1/4", "\u00be": "3/4"},
}
_DROPPED = frozenset(
    (*"'`.?!,:-;\"\u2013\u2014\u2026\u201c\u201d\u2018\u00ab\u00bb\u2039\u203a", "''", "``", "...", "--", "---", "----")
)


def scan(text: str) -> list[str]:
    """Return the tokens of one text by the rules alone, without the memory of words.

    Args:
        text: any text.
    """
    found: list[str] = []
    plain = normalize("NFC", text).replace("\u00ad", "").replace("\u2019", "'")
    for token in map(str.lower, _TOKEN.findall(plain)):
        if token in _DROPPED:
            continue
        if token in _HALVES:
            found += (token[: _HALVES[token]], token[_HALVES[token] :])
        elif len(token) > 1 and (" " in token or "(" in token):
            found.append("".join(_WRITTEN.get(char, char) for char in token).replace(" ", "\u00a0"))
        else:
            found.append(_WRITTEN.get(token, token))
    return found


class Words(dict[str, tuple[str, ...]]):
    """Word between blanks -> its tokens, scanned when first met."""

    def __missing__(self, word: str) -> tuple[str, ...]:
        """Scan a word that was not met before."""
        if len(self) > _MOST:
            self.clear()
        self[word] = found = tuple(scan(word))
        return found


@cache
def _words() -> Words:
    return Words()


def tokens(text: str) -> list[str]:
    """Return a report's tokens: lower case, punctuation left out; line breaks are blanks.

    Args:
        text: any text; '' gives no token.
    """
    if _ACROSS.search(text):  # the few rules that look over a blank
        return scan(text)
    known = _words()
    return [token for word in text.split() for token in known[word]]


def tokenize(texts: Sequence[str]) -> list[list[str]]:
    """Return the tokens of many reports; equal reports are read once and share one list."""
    known: dict[str, list[str]] = {}
    for text in texts:
        if text not in known:
            known[text] = tokens(text)
    return [known[text] for text in texts]
