"""How alike two short phrases are: character n-grams, a stand-in for a language model, or an encoder on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from hilum.core.vocabulary import concepts
from hilum.measure.metrics.bertscore import Encoder, load_encoder
from hilum.measure.scored import Floats

Pairs = NDArray[np.intp]
_LENGTHS = (2, 3, 4)
_BATCH = 64


class Likeness(Protocol):
    """Cosine of phrases."""

    name: str

    def __call__(self, phrases: Sequence[str], ones: Pairs, others: Pairs) -> Floats:
        """Return the cosine, in [0, 1], of phrases[ones[k]] and phrases[others[k]] for every k."""
        ...


class CharGrams:
    """TF-IDF cosine of character n-grams within words (2 to 4, words padded by a blank on each side).

    Document frequencies are those of the vocabulary's names, so that no value depends on the set it stands in.
    """

    name = "char-tfidf"

    def __call__(self, phrases: Sequence[str], ones: Pairs, others: Pairs) -> Floats:
        """Return the cosine of each pair; 0 with an empty phrase."""
        columns: dict[str, int] = {}
        cells = [(row, gram, times) for row, text in enumerate(phrases) for gram, times in _grams(text).items()]
        for _, gram, _ in cells:
            columns.setdefault(gram, len(columns))
        rarity = np.array([_rarity(gram) for gram in columns])
        where = np.array([columns[gram] for _, gram, _ in cells], dtype=np.intp)
        rows = np.array([row for row, _, _ in cells], dtype=np.intp)
        values = np.array([float(times) for _, _, times in cells]) * rarity[where] if cells else np.zeros(0)
        norm = np.sqrt(np.bincount(rows, values**2, minlength=len(phrases)))
        unit = values / norm[rows]
        table = csr_array((unit, (rows, where)), shape=(len(phrases), max(1, len(columns))))
        cosines: Floats = np.asarray(table[ones].multiply(table[others]).sum(axis=1), dtype=np.float64).ravel()
        return np.minimum(cosines, 1.0)


@lru_cache(maxsize=32_768)
def _grams(text: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for word in text.lower().split():
        padded = f" {word} "
        for size in _LENGTHS:
            found.update(padded[start : start + size] for start in range(max(1, len(padded) - size + 1)))
    return found


@cache
def _frequencies() -> tuple[int, Counter[str]]:
    names = [each.name for each in concepts()]
    return len(names), Counter(gram for name in names for gram in _grams(name))


def _rarity(gram: str) -> float:
    count, found = _frequencies()
    return float(np.log((1 + count) / (1 + found[gram]))) + 1.0


class Encoded:
    """Cosine of mean token vectors of an encoder on this machine; below 0 counts as 0.

    Args:
        folder: as `bertscore` takes it.
        layer: of hidden states, the last by default.

    Raises:
        MissingError: if the folder, its weights or the extra 'language' is not there.
    """

    def __init__(self, folder: str | Path, layer: int | None = None) -> None:
        self._encoder: Encoder = load_encoder(folder, layer)
        self.name = f"encoder-{self._encoder.digest}-layer{self._encoder.layer}"

    def __call__(self, phrases: Sequence[str], ones: Pairs, others: Pairs) -> Floats:
        """Return the cosine of each pair; 0 with an empty phrase."""
        made: list[Floats] = []
        for start in range(0, len(phrases), _BATCH):
            ids = self._encoder.ids(phrases[start : start + _BATCH])
            made += [np.asarray(each.mean(axis=0), dtype=np.float64) for each in self._encoder.vectors(ids)]
        table = np.stack(made) if made else np.zeros((0, 1))
        norm = np.linalg.norm(table, axis=1, keepdims=True)
        table = np.where(norm > 0, table / np.where(norm > 0, norm, 1.0), 0.0)
        table[[number for number, text in enumerate(phrases) if not text.strip()]] = 0.0
        cosines: Floats = (table[ones] * table[others]).sum(axis=1)
        return np.minimum(np.maximum(cosines, 0.0), 1.0)
