"""CIDEr-D as pycocoevalcap computes it, with document frequencies that can be fixed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np

from hilum.core.errors import InputError, MissingError
from hilum.core.registry import register
from hilum.measure.lexical import Coco, Counted, Grams, Order, answered, coco_case, counted, grams
from hilum.measure.pairs import ReportPairs
from hilum.measure.ptb import tokenize
from hilum.measure.scored import Floats, Scored, averaged, signature

_ORDERS, _SIGMA = 4, 6.0


@dataclass(frozen=True)
class DocumentFrequencies:
    """In how many of a set of references each run of one to four words stands.

    Args:
        documents: number of references counted.
        frequencies: run of PTB tokens with blanks between -> number of references that hold it.
    """

    documents: int
    frequencies: Mapping[str, int]

    def __post_init__(self) -> None:
        most = max(self.frequencies.values(), default=0)
        if self.documents < 1 or most > self.documents:
            raise InputError(
                f"document frequencies count {self.documents} documents, but a run of words is said to stand in {most}"
            )

    @property
    def digest(self) -> str:
        """Eight hexadecimal digits that name these frequencies in a signature."""
        rows = json.dumps([self.documents, sorted(self.frequencies.items())], ensure_ascii=False)
        return blake2b(rows.encode(), digest_size=4).hexdigest()

    def write(self, path: str | Path) -> None:
        """Write them as JSON."""
        content = {"tokens": "ptb", "documents": self.documents, "frequencies": dict(sorted(self.frequencies.items()))}
        Path(path).write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")


def count_documents(references: Sequence[str]) -> DocumentFrequencies:
    """Count document frequencies over references, such as a training set's, to hold CIDEr fixed.

    Args:
        references: texts, one for each document.
    """
    held = counted([" ".join(each).split() for each in tokenize(references)], [[]] * len(references), _ORDERS)
    found: dict[str, int] = {}
    for order, each in enumerate(held.orders):
        for gram, times in enumerate(np.bincount(each.reference.gram, minlength=each.grams).tolist()):
            found[held.text(order, gram)] = times
    return DocumentFrequencies(len(references), found)


def read_documents(path: str | Path) -> DocumentFrequencies:
    """Read document frequencies that `DocumentFrequencies.write` wrote.

    Raises:
        MissingError: if there is no such file.
        InputError: if it holds something else.
    """
    if not Path(path).is_file():
        raise MissingError(
            f"there is no file of document frequencies at {path}; `count_documents(...).write` makes one"
        )
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        known = {str(run): int(times) for run, times in content["frequencies"].items()}
        documents = int(content["documents"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is no file of document frequencies: expected JSON as `write` makes it") from error
    return DocumentFrequencies(documents, known)


def _rarity(held: Grams, order: int, fixed: DocumentFrequencies | None) -> Floats:
    """(grams,) inverse document frequency of each n-gram."""
    each = held.orders[order]
    if fixed is None:
        times = np.bincount(each.reference.gram, minlength=each.grams).astype(np.float64)
        documents = held.lengths.shape[1]
    else:
        times = np.array([fixed.frequencies.get(held.text(order, gram), 0) for gram in range(each.grams)], dtype=float)
        documents = fixed.documents
    rarity: Floats = np.log(float(max(documents, 1))) - np.log(np.maximum(1.0, times))
    return rarity


def _cosine(each: Order, rarity: Floats, size: int) -> Floats:
    """(size,) clipped cosine of the n-gram vectors of each pair."""

    def length(side: Counted) -> Floats:
        return np.sqrt(np.bincount(side.pair, weights=(side.times * rarity[side.gram]) ** 2, minlength=size))

    here = rarity[each.answer.gram[each.shared]]
    theirs = each.reference.times[each.partner] * here
    ours = np.minimum(each.answer.times[each.shared] * here, theirs)
    product = np.bincount(each.answer.pair[each.shared], weights=ours * theirs, minlength=size)
    lengths = length(each.answer) * length(each.reference)
    return np.where(lengths != 0, product / np.where(lengths != 0, lengths, 1.0), product)


@register.metric("cider", better="higher", takes="report", over="set", range=(0, 10), version=1)
def cider(
    pairs: ReportPairs, frequencies: str | Path | DocumentFrequencies | None = None, tokens: Coco = "ptb"
) -> Scored:
    """Words and runs of words shared with the reference, rare ones counting more (CIDEr-D, times 10).

    Args:
        pairs: reports.
        frequencies: document frequencies to use, or the file of them; the evaluated references' own by default, with
            which the value depends on the set (one pair alone gives 0). Resampling keeps those of the full set.
        tokens: 'ptb', or 'blanks' to cut texts at blanks only.
    """
    fixed = read_documents(frequencies) if isinstance(frequencies, str | Path) else frequencies
    case, held, found = coco_case(tokens), grams(pairs, tokens, _ORDERS), answered(pairs)
    size = held.lengths.shape[1]
    cosines = [_cosine(each, _rarity(held, order, fixed), size) for order, each in enumerate(held.orders)]
    pairs_of_words = np.maximum(held.lengths - 1, 0)  # the published code measures length in bigrams
    apart = (pairs_of_words[1] - pairs_of_words[0]).astype(np.float64)
    values = 10.0 * np.mean(cosines, axis=0) * np.exp(-(apart**2) / (2 * _SIGMA**2))
    source = f"references({size})" if fixed is None else f"fixed({fixed.documents},{fixed.digest})"
    said = signature("cider", 1, tok=tokens, case=case, n=_ORDERS, sigma=_SIGMA, df=source, like="pycocoevalcap-1.2")
    return averaged("cider", found.spread(values), said, unscored=found.unscored)
