"""What SEI's arms learn from and are asked about: texts of each arm, films with their facts, and cases found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hilum.core.seed import generator
from hilum.learn.pairs import Pairs
from hilum.learn.retrieve import fact_overlap, index_of
from hilum.measure.scored import Scored, averaged
from hilum.systems._aligned import aligned
from hilum.systems._sei_claims import ENTITIES, FIRST, FIVE, GLOBAL, ILL, PLAIN, PROSE, SHUFFLED
from hilum.systems._sei_style import by_authors, entities
from hilum.systems._stage1 import Stage1, film_tokens, trunk_of
from hilum.systems._stage1_picture import ASKED, NEAR, RIGHT, WRONG, Cell, sheet

CAPTION = (
    "Films of the unseen family (left) and the first case found by each arm among other patients' training films: "
    "green the same facts, yellow some in common, red none"
)
Facts = tuple[frozenset[str], ...]


def facts_of(pairs: Pairs) -> Facts:
    """Return the findings of each film that are known to be there, with their side where it is told."""
    held = []
    for target, known, sides in zip(pairs.target, pairs.known, pairs.sides, strict=True):
        rows = np.flatnonzero((target > 0) & known)
        held.append(frozenset(f"{pairs.names[at]}|{sides[at]}" for at in rows))
    return tuple(held)


def texts_of(pairs: Pairs, *, seed: int) -> dict[str, tuple[str, ...]]:
    """Return every arm's texts for the films of some studies, all from the same reports by many authors."""
    prose = by_authors(pairs.report, pairs.study.tolist(), seed=seed)
    told = entities(prose)
    order = generator(seed, "shuffled").permutation(np.unique(pairs.study))
    first = {study: told[int(np.flatnonzero(pairs.study == study)[0])] for study in order.tolist()}
    given = dict(zip(order.tolist(), np.roll(order, 1).tolist(), strict=True))
    other = tuple(first[given[study]] for study in pairs.study.tolist())
    return {ENTITIES: told, PLAIN: entities(prose, prefix=False), PROSE: prose, SHUFFLED: other, GLOBAL: told}


@dataclass(frozen=True, eq=False)
class Cases:
    """Films to learn from and to ask about: rows, tokens of the frozen encoder, facts."""

    train: Pairs
    asked: Pairs
    tokens: Tensor
    asked_tokens: Tensor
    held: Facts
    facts: Facts

    def find(self, features: NDArray[np.float32], queries: NDArray[np.float32], mark: str) -> NDArray[np.intp]:
        """Return the rows of the five nearest training films of other patients, by features of both."""
        index = index_of(features, self.train.study.tolist(), self.train.patient.tolist(), self.train.split.tolist(),
                         encoder=mark)  # fmt: skip
        return index.find(queries, self.asked.patient, encoder=mark, keep=5)[0]

    def scores(self, rows: NDArray[np.intp]) -> dict[str, Scored]:
        """Return fact overlap at 1 and 5, and at 5 over films with a finding."""
        one, five = (fact_overlap(rows, self.facts, self.held, k) for k in (1, 5))
        ill = np.where([bool(facts) for facts in self.facts], five, np.nan)
        return {name: averaged(name, values, "2|A and B|/(|A|+|B|)|finding and side|patient excluded")
                for name, values in ((FIRST, one), (FIVE, five), (ILL, ill))}  # fmt: skip


def cases_of(recipe: Stage1, *, seed: int, say: Callable[[str], None]) -> Cases:
    """Return frontal training films, and those of the family that nobody learns from."""
    films = aligned(recipe.patients, size=recipe.size, seed=seed, say=say)
    trunk = trunk_of(films.train, recipe, say=say)
    tokens, asked = (film_tokens(trunk, each.films, grid=recipe.grid) for each in (films.train, films.unseen))
    return Cases(films.train, films.unseen, tokens, asked, facts_of(films.train), facts_of(films.unseen))


def picture(cases: Cases, shown: dict[str, NDArray[np.intp]], arms: Sequence[str], *, rows: int = 6) -> bytes:
    """Return a sheet of films with findings and the first case that each arm finds."""
    ill = np.array([at for at, facts in enumerate(cases.facts) if facts], np.intp)
    ill = ill[np.unique(cases.asked.patient[ill], return_index=True)[1]] if len(ill) else np.arange(len(cases.asked))
    ill = ill[np.linspace(0, len(ill) - 1, min(rows, len(ill))).astype(int)]

    def found(row: int, at: int) -> Cell:
        own, other = cases.facts[at], cases.held[row]
        colour = RIGHT if own == other else NEAR if own & other else WRONG
        return Cell(cases.train.films[row], colour, said(other))

    cells = [[Cell(cases.asked.films[at], ASKED, said(cases.facts[at])),
              *(found(int(shown[arm][at, 0]), int(at)) for arm in arms)] for at in ill]  # fmt: skip
    return sheet(("film", *arms), cells)


def said(facts: frozenset[str]) -> str:
    """Return facts for people: 'left pleural effusion, cardiomegaly'."""
    sides = ("", "right ", "left ", "bilateral ")
    return ", ".join(sorted(sides[int(side)] + name for name, side in (fact.split("|") for fact in facts))) or "none"
