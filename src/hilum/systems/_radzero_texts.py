"""What RadZero is told of a film: minimal sentences, what they imply without their place, and what each film owns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from tempfile import TemporaryFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilum.core.errors import InputError
from hilum.learn.pairs import Pairs
from hilum.learn.wording import Wording
from hilum.text.minimal import minimal_sentence
from hilum.text.parse import sentence_facts

LONGEST, LONGEST_REPORT, IN_MEMORY = 24, 160, 1 << 30  # words, and bytes of a table from which it lies on disk


@lru_cache(maxsize=16_384)
def without_place(sentence: str) -> str:
    """Return a minimal sentence without side and zone; '' where it has neither, or says that something is absent.

    'There is a pleural effusion of the right lung' implies that there is one; none on the right implies nothing.
    """
    facts = sentence_facts(sentence)
    if len(facts) != 1 or facts[0].state == "absent" or not (facts[0].sides or facts[0].zones):
        return ""
    plain = minimal_sentence(facts[0].concept, facts[0].state)
    return "" if plain == sentence else plain


@lru_cache(maxsize=16_384)
def says_absent(sentence: str) -> bool:
    """Tell whether a sentence states an absence."""
    facts = sentence_facts(sentence)
    return bool(facts) and all(fact.state == "absent" for fact in facts)


@lru_cache(maxsize=16_384)
def concept_of(sentence: str) -> str:
    """Return the concept that a minimal sentence is about; '' where the parser finds none."""
    facts = sentence_facts(sentence)
    return facts[0].concept if facts else ""


def prompt(name: str, side: str = "", zone: str = "") -> str:
    """Return how the model is asked for a finding: 'There is X', at a place if one is given.

    Raises:
        InputError: if no wording of the finding is read back by the parser.
    """
    sentence = minimal_sentence(name, "present", side, zone)
    if not sentence:
        raise InputError(f"no sentence can be made of '{name}': ask for another finding")
    return sentence


@dataclass(frozen=True, eq=False)
class Told:
    """The texts of N films: T different ones, coded.

    Args:
        texts: T texts.
        ids, mask: int64 and bool (T, L).
        true: bool (N, T), the film's own texts and what they imply.
        absent: bool (T,), states an absence.
    """

    texts: tuple[str, ...]
    ids: Tensor
    mask: Tensor
    true: NDArray[np.bool_]
    absent: NDArray[np.bool_]


def sentences_of(pairs: Pairs) -> list[tuple[str, ...]]:
    """Return for each film its minimal sentences and those that they imply, once each."""
    return [
        tuple(dict.fromkeys(each for said in own for each in (said, without_place(said)) if each))
        for own in pairs.sentences
    ]


def told(pairs: Pairs, wording: Wording, *, whole: bool = False, shuffled: int | None = None) -> Told:
    """Return what films are told.

    Args:
        pairs: N films.
        wording: words of the model.
        whole: the report as one text instead of sentences.
        shuffled: seed of a permutation that gives each film another film's texts; None leaves them.

    Raises:
        InputError: if no film says anything.
    """
    owned: list[tuple[str, ...]] = [(said,) if said else () for said in pairs.report] if whole else sentences_of(pairs)
    if shuffled is not None:
        order = np.random.default_rng(shuffled).permutation(len(owned))
        owned = [owned[at] for at in order]
    texts = tuple(dict.fromkeys(each for own in owned for each in own))
    if not texts:
        raise InputError("no film has a sentence to learn from: give films with reports")
    number = {text: at for at, text in enumerate(texts)}
    true = _table(len(owned), len(texts))
    for row, own in enumerate(owned):
        true[row, [number[each] for each in own]] = True
    ids, mask = wording.code(texts, longest=LONGEST_REPORT if whole else LONGEST)
    absent = np.array([not whole and says_absent(text) for text in texts])
    return Told(texts, ids, mask, true, absent)


def _table(rows: int, columns: int) -> NDArray[np.bool_]:
    """Zeros; of whole MIMIC-CXR they are more than fit in memory, and lie in a nameless file that ends with them."""
    if rows * columns < IN_MEMORY:
        return np.zeros((rows, columns), np.bool_)
    with TemporaryFile() as stream:
        return np.memmap(stream, np.bool_, "w+", shape=(rows, columns))


def wording_of(pairs: Pairs, prompts: Sequence[str] = ()) -> Wording:
    """Return the words of films' sentences and reports."""
    return Wording.of([*(each for own in sentences_of(pairs) for each in own), *pairs.report, *prompts])


def drawn(told_: Told, rows: NDArray[np.intp], rng: np.random.Generator, *, absences: int, single: bool) -> Tensor:
    """Draw the sentences of a step: (M, 2) of place in the batch and text; all that is present, some absences.

    Args:
        told_: texts of all films.
        rows: films of the batch.
        rng: of the draw.
        absences: at most, of each film.
        single: one sentence of each film, whatever it is.
    """
    found: list[tuple[int, int]] = []
    for place, row in enumerate(rows):
        own = np.flatnonzero(told_.true[row])
        if single:
            own = own[rng.integers(len(own))][None] if len(own) else own
        else:
            gone = own[told_.absent[own]]
            kept = rng.choice(gone, min(absences, len(gone)), replace=False) if len(gone) else gone
            own = np.concatenate((own[~told_.absent[own]], kept))
        found += [(place, int(text)) for text in own]
    return torch.tensor(found, dtype=torch.int64).reshape(-1, 2)
