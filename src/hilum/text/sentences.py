"""Sentences of a report: exact spans, safe on decimals, abbreviations, dictated numbers and hard-wrapped lines."""

from __future__ import annotations

import re

LONGEST = 1_000  # characters; longer runs are cut at a space, so that work per sentence stays bounded
_STOP = re.compile(
    r"[.!?\n](?:(?<!\n)[.!?]*|(?<=\n)[ \t\r]*(?=\n)|(?<=\n)(?=[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]))"
)  # stops, an empty line, a new line with a number; one class of letters first, so that the search is quick
_ABBREVIATIONS = frozenset({"dr", "mr", "mrs", "ms", "vs", "approx", "ca", "cf", "e.g", "i.e", "st", "fig", "etc"})
_ENDINGS = tuple(_ABBREVIATIONS)
_LAST_WORD = re.compile(r"[^\W\d_][\w.]{0,9}\Z")
_LETTER = re.compile(r"[^\W_]")
_NUMBERING = re.compile(r"\s*(?:[-*•]|\d{1,2}[.)](?!\d))?\s*")


def sentences(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Return the character spans of the sentences in text[start:end], without numbering and outer spaces."""
    end = len(text) if end is None else end
    spans: list[tuple[int, int]] = []
    begin = start
    for stop in _STOP.finditer(text, start, end):
        if stop.start() < begin or not _is_end(text, stop.start(), stop.end(), begin, end):
            continue
        _keep(text, begin, stop.end(), spans)
        begin = stop.end()
    _keep(text, begin, end, spans)
    return spans


def _is_end(text: str, at: int, after: int, begin: int, end: int) -> bool:
    """Whether the stop text[at:after] ends the sentence that began at `begin`."""
    if text[at] != ".":
        return True
    if after < end and text[after].isdigit() and at > begin and text[at - 1].isdigit():
        return False  # a decimal
    if after < end and text[after].islower() and after - at == 1:
        return False  # inside a name or an abbreviation
    if at - begin < 6 and text[begin:at].strip().isdigit():
        return False  # dictated numbering
    tail = text[max(begin, at - 10) : at]
    if not tail.lower().endswith(_ENDINGS):
        return True
    word = _LAST_WORD.search(tail)
    return not (word and word.group().lower() in _ABBREVIATIONS)


def _keep(text: str, begin: int, end: int, spans: list[tuple[int, int]]) -> None:
    if not (text[begin : begin + 1] == " " and text[begin + 1 : begin + 2].isalpha()):  # the usual case needs no search
        opening = _NUMBERING.match(text, begin, end)
        begin = opening.end() if opening else begin
    else:
        begin += 1
    while end > begin and text[end - 1] in " \t\r\n":
        end -= 1
    while end - begin > LONGEST:
        cut = text.rfind(" ", begin + LONGEST // 2, begin + LONGEST)
        cut = begin + LONGEST if cut < 0 else cut
        spans.append((begin, cut))
        begin = cut + (text[cut] == " ")
    if _LETTER.search(text, begin, end):
        spans.append((begin, end))
