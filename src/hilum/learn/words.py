"""Words and letters as numbers, for networks that read text; no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PAD, UNKNOWN = 0, 1
SPELLED = 16
"""Letters of a word that are read: the first twelve and the last four of a longer one."""
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0.,;:/'<>()-_"
LETTERS = len(_ALPHABET) + 2
"""Size of the alphabet, with padding (0) and the unknown letter (1)."""


class Coded(NamedTuple):
    """B sentences as int64 arrays, padded with 0: lengths (B,), words (B, T), letters (B, T, 16)."""

    lengths: NDArray[np.int64]
    words: NDArray[np.int64]
    letters: NDArray[np.int64]


def plain(word: str) -> str:
    """Return the form a word is known by: lower case, every digit as 0."""
    return "".join("0" if letter.isdigit() else letter for letter in word.lower())


@dataclass(frozen=True)
class Vocabulary:
    """Known words in order; the first has the number 2, after padding and the unknown word."""

    words: tuple[str, ...]

    @classmethod
    def of(cls, sentences: Iterable[Sequence[str]], *, least: int = 2) -> Vocabulary:
        """Return the words seen `least` times or more, the most frequent first."""
        counts = Counter(plain(word) for words in sentences for word in words)
        often = [(-count, word) for word, count in counts.items() if count >= least]
        return cls(tuple(word for _, word in sorted(often)))

    def __len__(self) -> int:
        """Numbers in use, with padding and the unknown word."""
        return len(self.words) + 2

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.words, 2)}

    @cached_property
    def _letters(self) -> dict[str, int]:
        return {letter: number for number, letter in enumerate(_ALPHABET, 2)}

    def code(self, sentences: Sequence[Sequence[str]]) -> Coded:
        """Return sentences as arrays, padded to the longest; an empty sentence has the length 0."""
        lengths = np.array([len(words) for words in sentences], np.int64)
        longest = int(lengths.max(initial=1))
        words = np.full((len(sentences), longest), PAD, np.int64)
        letters = np.full((len(sentences), longest, SPELLED), PAD, np.int64)
        for row, sentence in enumerate(sentences):
            for place, word in enumerate(sentence):
                words[row, place], spelled = self._word(plain(word))
                letters[row, place, : len(spelled)] = spelled
        return Coded(lengths, words, letters)

    def _word(self, word: str) -> tuple[int, list[int]]:
        seen = word if len(word) <= SPELLED else word[: SPELLED - 4] + word[-4:]
        return self._numbers.get(word, UNKNOWN), [self._letters.get(letter, UNKNOWN) for letter in seen]
