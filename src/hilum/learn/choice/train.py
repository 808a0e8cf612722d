"""How a reader that chooses is taught: a frozen encoder's patches and words in, the right option out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from hilum.core.errors import InputError
from hilum.core.image import Image
from hilum.core.seed import generator
from hilum.learn.fit import Fit, fit
from hilum.learn.reader.features import Features
from hilum.learn.weak import one_thread
from hilum.measure.choice.items import Item
from hilum.nets.choice import ChoiceNet

BATCH = 64
_WORD = re.compile(r"[a-z]+|[0-9]+(?:\.[0-9]+)?")
Films = Mapping[str, Image]
"""Study -> the film that is looked at."""


@dataclass(frozen=True)
class Words:
    """Known words with their numbers from 2; 1 is a word that is not known, 0 is padding. Figures are words, whole."""

    known: tuple[str, ...]

    @classmethod
    def of(cls, items: Sequence[Item]) -> Words:
        """Return the words of items' stems and options."""
        return cls(tuple(sorted({word for item in items for text in (item.stem, *item.options) for word in cut(text)})))

    def __len__(self) -> int:
        """Numbers in use."""
        return len(self.known) + 2

    def code(self, texts: Sequence[str]) -> Tensor:
        """Return ids int64 (N, L), padded with 0."""
        numbers = {word: number for number, word in enumerate(self.known, 2)}
        rows = [[numbers.get(word, 1) for word in cut(text)] for text in texts]
        made = torch.zeros((len(rows), max([1, *map(len, rows)])), dtype=torch.int64)
        for at, row in enumerate(rows):
            made[at, : len(row)] = torch.tensor(row, dtype=torch.int64)
        return made


def cut(text: str) -> list[str]:
    """Return the words and figures of a text, in small letters."""
    return _WORD.findall(text.lower())


@dataclass(frozen=True, eq=False)
class ChoiceReader:
    """A trained network with its words, and the frozen encoder it looks through; None for a blind one."""

    net: ChoiceNet
    words: Words
    features: Features | None

    @torch.no_grad()
    def logits(self, stems: Sequence[str], options: Sequence[Sequence[str]], films: Sequence[Image]) -> Tensor:
        """Return logits (N, O) of the options of N questions, each about the film of its place.

        Raises:
            InputError: if questions differ in how many options they have.
        """
        if len({len(each) for each in options}) != 1:
            raise InputError("questions that are weighed together have as many options each")
        with one_thread():
            seen = None if self.features is None else self.features.of(films)[:, -1]
            return self.net.eval()(*_coded(self.words, stems, options), seen)  # type: ignore[no-any-return]


def _coded(words: Words, stems: Sequence[str], options: Sequence[Sequence[str]]) -> tuple[Tensor, Tensor]:
    flat = words.code([text for each in options for text in each])
    return words.code(stems), flat.reshape(len(stems), len(options[0]), -1)


def teach(
    items: Sequence[Item], films: Films | None, features: Features | None, *, steps: int, seed: int, rate: float = 2e-3
) -> ChoiceReader:
    """Teach a reader that chooses.

    Args:
        items: with answers.
        films: of each item's study: its own, or another one where a control wants that; None for a blind reader.
        features: of the frozen encoder, None for a blind reader.
        steps: of 64 items.
        seed: of weights and draws.
        rate: peak learning rate.

    Raises:
        InputError: if there is no item, or films come without an encoder.
    """
    if not items or (films is None) != (features is None):
        raise InputError("a reader that chooses is taught on items, and with films and an encoder or neither")
    words = Words.of(items)
    stems, options = _coded(words, [each.stem for each in items], [each.options for each in items])
    answers = torch.tensor([each.answer for each in items])
    seen = None
    if features is not None and films is not None:
        names = list(dict.fromkeys(each.study for each in items))
        held = features.of([films[name] for name in names])[:, -1]
        rows = {name: row for row, name in enumerate(names)}
        seen = held, torch.tensor([rows[each.study] for each in items])
    torch.manual_seed(seed)
    net = ChoiceNet(len(words), 1 if features is None else features.shape[2], grid_of(features))

    def draw(step: int) -> NDArray[np.int64]:
        return generator(seed, "choices", step).integers(0, len(items), BATCH)

    def minimise(model: nn.Module, at: NDArray[np.int64]) -> tuple[Tensor, dict[str, float]]:
        shown = None if seen is None else seen[0][seen[1][at]]
        told = model(stems[at], options[at], shown)
        return functional.cross_entropy(told, answers[at]), {}

    spec = Fit(steps=steps, rate=rate, bf16=False, average=0.98, warmup=0.1, decay=0.05, log_every=100)
    with one_thread():
        fit(net, draw, minimise, spec, seed=seed)
    return ChoiceReader(net, words, features)


def grid_of(features: Features | None) -> tuple[int, int]:
    """Return rows and columns of the patches that an encoder sees; (1, 1) without one."""
    side = 1 if features is None else round(features.shape[1] ** 0.5)
    return side, side


def wrong_films(items: Sequence[Item], films: Films, *, seed: int) -> dict[str, Image]:
    """Return for every study of items a film drawn from all of them alike, its own among them, as if at random.

    So films keep their labels' shares, and tell nothing of the study they stand for; never drawing its own would tell
    what it is not.
    """
    names = list(dict.fromkeys(each.study for each in items))
    drawn = generator(seed, "wrong films").integers(0, len(names), len(names))
    return {name: films[names[int(at)]] for name, at in zip(names, drawn, strict=True)}
