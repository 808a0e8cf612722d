"""METEOR as nltk defines it: exact words, Porter stems, WordNet 3.0 synonyms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal

import numpy as np

from hilum.core.errors import InputError
from hilum.core.registry import register
from hilum.measure.lexical import answered, token_lists
from hilum.measure.pairs import ReportPairs
from hilum.measure.porter import stem
from hilum.measure.scored import Scored, averaged, signature
from hilum.measure.synonyms import synonyms

_ALPHA, _BETA, _GAMMA = 0.9, 3.0, 0.5
_Left = list[tuple[int, str]]


def _match(answer: _Left, reference: _Left, matched: list[tuple[int, int]]) -> None:
    """Match equal words from the end, each with the last one free; what is matched leaves both lists."""
    free: dict[str, list[int]] = {}
    for place, (_, word) in enumerate(reference):
        free.setdefault(word, []).append(place)
    used = set()
    for place in range(len(answer) - 1, -1, -1):
        places = free.get(answer[place][1])
        if places:
            other = places.pop()
            used.add(other)
            matched.append((answer.pop(place)[0], reference[other][0]))
    if used:
        reference[:] = [each for place, each in enumerate(reference) if place not in used]


def _match_synonyms(answer: _Left, reference: _Left, matched: list[tuple[int, int]]) -> None:
    """Match words with the last free reference word that is a synonym."""
    free: dict[str, list[int]] = {}
    for place, (_, word) in enumerate(reference):
        free.setdefault(word, []).append(place)
    for number, word in reversed(answer):
        same = synonyms(word)
        found: Iterable[str] = (
            (w for w in free if w in same) if len(free) < len(same) else (w for w in same if w in free)
        )
        last = max(((free[w][-1], w) for w in found if free[w]), default=None)
        if last:
            free[last[1]].pop()
            matched.append((number, reference[last[0]][0]))


def meteor(reference: Sequence[str], answer: Sequence[str]) -> float:
    """Return METEOR of one tokenised pair, lower case, from 0 to 1.

    Args:
        reference: its tokens.
        answer: its tokens.
    """
    left, right = list(enumerate(answer)), list(enumerate(reference))
    matched: list[tuple[int, int]] = []
    _match(left, right, matched)
    if left and right:
        left, right = [(n, stem(word)) for n, word in left], [(n, stem(word)) for n, word in right]
        _match(left, right, matched)
        _match_synonyms(left, right, matched)  # of the stems: nltk looks up what its stemmer left
    if not matched:
        return 0.0
    matched.sort()
    chunks = 1 + sum(b[0] != a[0] + 1 or b[1] != a[1] + 1 for a, b in pairwise(matched))
    precision, recall = len(matched) / len(answer), len(matched) / len(reference)
    mean = precision * recall / (_ALPHA * precision + (1 - _ALPHA) * recall)
    return float((1 - _GAMMA * (chunks / len(matched)) ** _BETA) * mean)


@register.metric("meteor/nltk", better="higher", takes="report", over="set", range=(0, 1), version=1)
def meteor_nltk(pairs: ReportPairs, tokens: Literal["words", "ptb"] = "words") -> Scored:
    """Words matched exactly, by stem or as synonyms, less a penalty for broken order (METEOR as nltk defines it).

    Args:
        pairs: reports.
        tokens: 'words' for runs of letters and digits, 'ptb' for the COCO tools' tokens.

    Raises:
        InputError: if `tokens` is neither.
    """
    if tokens not in ("words", "ptb"):
        raise InputError(f"meteor/nltk takes tokens 'words' or 'ptb', not '{tokens}'")
    found = answered(pairs)
    known: dict[tuple[str, str], float] = {}
    values = []
    texts = zip(found.references, found.answers, *token_lists(pairs, tokens), strict=True)
    for reference, answer, reference_tokens, answer_tokens in texts:
        if (reference, answer) not in known:
            known[reference, answer] = meteor(reference_tokens, answer_tokens)
        values.append(known[reference, answer])
    said = signature(
        "meteor/nltk", 1, tok=tokens, case="lower", stem="porter-nltk", syn="wordnet-3.0", like="nltk-3.10"
    )
    return averaged("meteor/nltk", found.spread(np.array(values)), said, unscored=found.unscored)
