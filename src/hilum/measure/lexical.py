"""What the lexical report metrics share: texts with an answer, their tokens, word n-grams counted by pair."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.measure.pairs import ReportPairs, texts
from hilum.measure.porter import stem
from hilum.measure.ptb import tokenize
from hilum.measure.scored import Floats

Integers = NDArray[np.int64]
Coco = Literal["ptb", "blanks"]
_WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True)
class Answered:
    """The pairs of a set that have an answer.

    Args:
        places: their numbers in the set.
        size: of the set.
        references, answers: their texts.
    """

    places: Integers
    size: int
    references: tuple[str, ...]
    answers: tuple[str, ...]

    @property
    def unscored(self) -> Mapping[int, str]:
        """Number -> reason of the pairs without an answer."""
        without = np.setdiff1d(np.arange(self.size), self.places)
        return {int(number): "there is no answer" for number in without}

    def spread(self, values: Floats, fill: float = np.nan) -> Floats:
        """Put values (or rows of statistics) of the answered pairs into an array for the whole set."""
        given = np.asarray(values, dtype=np.float64)
        full = np.full((self.size, *given.shape[1:]), fill)
        full[self.places] = given
        return full


def answered(pairs: ReportPairs) -> Answered:
    """Return the pairs that have an answer; an empty answer is one."""

    def find(given: ReportPairs) -> Answered:
        references, answers = texts(given)
        places = [number for number, answer in enumerate(given.answers) if answer is not None]
        kept = (tuple(side[number] for number in places) for side in (references, answers))
        return Answered(np.array(places, dtype=np.int64), len(given), *kept)

    return pairs.once("answered", find)


def words(text: str) -> list[str]:
    """Return runs of ASCII letters and digits, lower case."""
    return _WORD.findall(text.lower())


def _stems(text: str) -> list[str]:
    return [stem(word) if len(word) > 3 else word for word in words(text)]


_SYMBOL = re.compile(r"([\{-\~\[-\` -\&\(-\+\:-\@\/])")
_AFTER_WORD = re.compile(r"([^0-9])([\.,])")
_BEFORE_WORD = re.compile(r"([\.,])([^0-9])")
_DASH = re.compile(r"([0-9])(-)")


@lru_cache(maxsize=200_000)
def _apart(word: str) -> tuple[str, ...]:
    """Tokens of one word between blanks; mteval-v13a's rules never reach over a blank."""
    for entity, char in (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")):
        word = word.replace(entity, char)
    word = _SYMBOL.sub(r" \1 ", f" {word} ")
    word = _BEFORE_WORD.sub(r" \1 \2", _AFTER_WORD.sub(r"\1 \2 ", word))
    return tuple(_DASH.sub(r"\1 \2 ", word).split())


def international(text: str) -> list[str]:
    """Return tokens as mteval-v13a makes them: case kept, punctuation apart save within numbers."""
    text = text.replace("<skipped>", "").replace("-\n", "")
    return [token for word in text.split() for token in _apart(word)]


_TOKENIZERS: Mapping[str, Callable[[Sequence[str]], list[list[str]]]] = {
    "ptb": tokenize,
    "blanks": lambda many: [text.split() for text in many],
    "words": lambda many: list(map(words, many)),
    "stems": lambda many: list(map(_stems, many)),
    "13a": lambda many: list(map(international, many)),
}


def tokenizer(name: str) -> Callable[[Sequence[str]], list[list[str]]]:
    """Return the tokenizer of a name, over many texts at once.

    Raises:
        InputError: if there is none.
    """
    if name not in _TOKENIZERS:
        raise InputError(f"there is no tokenizer '{name}': give one of {', '.join(_TOKENIZERS)}")
    return _TOKENIZERS[name]


def coco_case(tokens: Coco) -> str:
    """Return what a COCO metric's tokens do to case.

    Raises:
        InputError: if they are neither 'ptb' (the COCO caption tools' own) nor 'blanks' (cut at blanks, as they stand).
    """
    if tokens not in ("ptb", "blanks"):
        raise InputError(f"this metric takes tokens 'ptb' or 'blanks', not '{tokens}'")
    return "lower" if tokens == "ptb" else "mixed"


def token_lists(pairs: ReportPairs, name: str) -> tuple[list[list[str]], list[list[str]]]:
    """Return the tokens of the answered pairs: references, answers."""
    make = tokenizer(name)

    def both(given: ReportPairs) -> tuple[list[list[str]], list[list[str]]]:
        found = answered(given)
        made = make([*found.references, *found.answers])
        return made[: len(found.references)], made[len(found.references) :]

    return pairs.once(("tokens", name), both)


@dataclass(frozen=True)
class Counted:
    """N-grams of one length in one side of the pairs, each pair's n-grams once.

    Args:
        pair: (M,) which pair.
        gram: (M,) number of the n-gram, the same on both sides.
        times: (M,) how often it stands there.
    """

    pair: Integers
    gram: Integers
    times: Integers


@dataclass(frozen=True)
class Order:
    """N-grams of one length on both sides.

    Args:
        reference, answer: what each side holds.
        shared: rows of `answer.pair` whose n-gram stands in the reference too; partner: its row there.
        grams: number of different n-grams.
        first: (grams,) where in the stream of all tokens each n-gram first stands.
    """

    reference: Counted
    answer: Counted
    shared: Integers
    partner: Integers
    grams: int
    first: Integers

    def clipped(self, pairs: int) -> Floats:
        """Return (pairs,) how many of the answer's n-grams the reference has, each as often as there at most."""
        least = np.minimum(self.answer.times[self.shared], self.reference.times[self.partner])
        return np.bincount(self.answer.pair[self.shared], weights=least, minlength=pairs).astype(np.float64)


@dataclass(frozen=True)
class Grams:
    """All n-grams of a set of pairs.

    Args:
        orders: of length 1, 2, ...
        lengths: (2, N) tokens of references and answers.
        stream: all tokens of references, then answers.
    """

    orders: tuple[Order, ...]
    lengths: Integers
    stream: tuple[str, ...]

    def clipped(self) -> Floats:
        """Return (N, orders) clipped matches."""
        return np.stack([order.clipped(self.lengths.shape[1]) for order in self.orders], axis=1)

    def text(self, order: int, gram: int) -> str:
        """Return an n-gram's words with blanks between."""
        start = int(self.orders[order].first[gram])
        return " ".join(self.stream[start : start + order + 1])


def grams(pairs: ReportPairs, name: str, longest: int = 4) -> Grams:
    """Return the n-grams of the answered pairs; BLEU and CIDEr share them.

    Args:
        pairs: reports.
        name: of the tokenizer.
        longest: n.
    """

    def make(given: ReportPairs) -> Grams:
        references, answers = token_lists(given, name)
        if name == "ptb":  # pycocoevalcap splits its tokens anew at every blank, a hard one in '5 1/2' too
            references, answers = _resplit(references), _resplit(answers)
        return counted(references, answers, longest)

    return pairs.once(("grams", name, longest), make)


def _resplit(many: list[list[str]]) -> list[list[str]]:
    return [" ".join(each).split() if any("\u00a0" in token for token in each) else each for each in many]


def counted(references: Sequence[Sequence[str]], answers: Sequence[Sequence[str]], longest: int) -> Grams:
    """Count the n-grams of token lists, references beside answers."""
    size = len(references)
    stream = tuple(token for side in (references, answers) for each in side for token in each)
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    codes = np.fromiter((numbers[token] for token in stream), np.int64, len(stream))
    lengths = np.array([list(map(len, side)) for side in (references, answers)], dtype=np.int64).reshape(2, size)
    where = np.repeat(np.arange(2 * size), lengths.ravel())  # which text each token stands in
    kinds, grams_now, orders = max(len(numbers), 1), codes, []
    for order in range(longest):
        stays = len(stream) - order
        inside = where[:stays] == where[order:] if stays > 0 else np.zeros(0, dtype=bool)
        starts = np.flatnonzero(inside)
        keys = grams_now[starts] * kinds + codes[starts + order] if order else codes[starts]
        different, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        grams_now = np.full(len(stream), -1, dtype=np.int64)
        grams_now[starts] = inverse
        orders.append(_order(where[starts], inverse, size, len(different), starts[first]))
    return Grams(tuple(orders), lengths, stream)


def _order(where: Integers, gram: Integers, size: int, kinds: int, first: Integers) -> Order:
    width = max(kinds, 1)
    cut = int(np.searchsorted(where, size))
    sides = []
    for text, each in ((where[:cut], gram[:cut]), (where[cut:] - size, gram[cut:])):
        keys, times = np.unique(text * width + each, return_counts=True)
        sides.append((keys, Counted(keys // width, keys % width, times.astype(np.int64))))
    (keys_ref, reference), (keys, answer) = sides
    at = np.asarray(np.searchsorted(keys_ref, keys), dtype=np.int64)
    at[at == len(keys_ref)] = 0
    shared = np.flatnonzero(keys_ref[at] == keys) if len(keys_ref) else np.zeros(0, dtype=np.int64)
    return Order(reference, answer, shared, at[shared], kinds, first)
