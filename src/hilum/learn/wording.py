"""Texts as rows of word numbers for a network, by the words of a training set."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from hilum.core.errors import InputError
from hilum.learn.words import PAD, UNKNOWN, Vocabulary, plain

_WORD = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*|[.,;:?]")


def split_words(text: str) -> list[str]:
    """Return the words and marks of a text in small letters, digits as 0."""
    return [plain(word) for word in _WORD.findall(text)]


class Wording:
    """Known words with their numbers: 0 is padding, 1 a word that is not known.

    Args:
        words: in order; the first has the number 2.
    """

    def __init__(self, words: Sequence[str]) -> None:
        """Keep the words."""
        self.vocabulary = Vocabulary(tuple(words))
        self._numbers = {word: number for number, word in enumerate(self.vocabulary.words, 2)}

    @classmethod
    def of(cls, texts: Iterable[str], *, least: int = 1) -> Wording:
        """Return the words seen `least` times or more, the most frequent first."""
        return cls(Vocabulary.of((split_words(text) for text in texts), least=least).words)

    def __len__(self) -> int:
        """Numbers in use, with padding and the unknown word."""
        return len(self.vocabulary)

    def code(self, texts: Sequence[str], *, longest: int = 48) -> tuple[Tensor, Tensor]:
        """Return ids int64 (B, L) and mask bool (B, L), L at most `longest`; what is longer is cut at its end."""
        split = [split_words(text)[:longest] for text in texts]
        width = max((len(words) for words in split), default=1) or 1
        ids = torch.full((len(split), width), PAD, dtype=torch.int64)
        for row, words in enumerate(split):
            if words:
                ids[row, : len(words)] = torch.tensor([self._numbers.get(word, UNKNOWN) for word in words])
        return ids, ids != PAD

    def to_json(self) -> str:
        """Return the words as JSON."""
        return json.dumps({"words": list(self.vocabulary.words)}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Wording:
        """Return what `to_json` wrote.

        Raises:
            InputError: if it is something else.
        """
        try:
            return cls([str(word) for word in json.loads(text)["words"]])
        except (ValueError, KeyError, TypeError):
            raise InputError("these are not the words of a model: expected JSON with a list 'words'") from None
