"""Which language pack a report should be read with, from its small words."""

from __future__ import annotations

import re
from functools import cache

from hilum.text.lexicon import languages, pack, unaccented

_WORD = re.compile(r"[^\W\d_]+")
_LOOK = 4_000  # characters that are looked at
_LEAST = 12  # words below which no language is refused


@cache
def _small_words(language: str) -> frozenset[str]:
    """Articles, joins, verbs, prepositions and cue words of a pack, apart from those that another pack has."""
    chosen = pack(language)
    return frozenset().union(*chosen.syntax.values()) | {w for w in chosen.symbols if len(w) > 3}


def language_of(text: str, default: str = "en") -> str:
    """Return the language whose words the text has most of, `default` for a draw, '' where it has hardly any."""
    words = [word.lower() for word in _WORD.findall(unaccented(text[:_LOOK]))]
    scores = {name: sum(word in _small_words(name) for word in words) for name in languages()}
    best = max(scores, key=lambda name: (scores[name], name == default))
    if len(words) >= _LEAST and scores[best] < len(words) / 8:
        return ""
    return best if words else default
