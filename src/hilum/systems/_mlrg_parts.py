"""The films that MLRG's first stage is judged on, with all that its arms need of them, and what an arm scores there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hilum.core.seed import generator
from hilum.learn.pairs import Pairs
from hilum.learn.wording import Wording
from hilum.measure.scored import Scored
from hilum.systems._aligned import aligned
from hilum.systems._mlrg_fit import embedded, serialised
from hilum.systems._mlrg_net import Mlrg
from hilum.systems._mlrg_score import Probed, nearest_other_view, probed, view_to_report, view_to_study
from hilum.systems._mlrg_sets import Sets, sets_of
from hilum.systems._stage1 import Stage1, film_tokens, trunk_of
from hilum.systems._stage1_picture import ASKED, NEAR, RIGHT, WRONG, Cell, sheet

CAPTION = (
    "Films of the unseen family, the other view of their study, and the nearest film of the other kind by each arm: "
    "green of the same study, yellow of the same patient, red of another"
)
Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Part:
    """Films with what every arm needs of them: who belongs together, tokens, reports as entities, and their codes."""

    pairs: Pairs
    sets: Sets
    tokens: Tensor
    texts: tuple[str, ...]
    coded: tuple[Tensor, Tensor]


def parts_of(recipe: Stage1, *, seed: int, say: Say) -> tuple[Part, Part, Wording]:
    """Return training films and films of the family that nobody learns from, all views, and the words."""
    films = aligned(recipe.patients, size=recipe.size, seed=seed, views=("PA", "AP", "LL", "RL"), say=say)
    trunk = trunk_of(films.train, recipe, say=say)
    train = serialised(films.train.report)
    words = Wording.of(dict.fromkeys(train), least=2)

    def part(pairs: Pairs, texts: tuple[str, ...]) -> Part:
        tokens = film_tokens(trunk, pairs.films, grid=recipe.grid)
        return Part(pairs, sets_of(pairs), tokens, texts, words.code(texts, longest=recipe.longest))

    return part(films.train, train), part(films.unseen, serialised(films.unseen.report)), words


def scored(
    net: Mlrg, train: Part, test: Part, names: tuple[str, ...], *, views: bool = True, priors: bool = True
) -> Probed:
    """Score a network: probes learn from training films as it gives them, everything else is of unseen ones."""
    known, asked = train.pairs.frontal, test.pairs.frontal
    learned, _ = embedded(net, train.pairs, train.sets, train.tokens, known, views=views, priors=priors)
    shown, _ = embedded(net, test.pairs, test.sets, test.tokens, asked, views=views, priors=priors)
    _, alone = embedded(net, test.pairs, test.sets, test.tokens, np.arange(len(test.pairs)), views=False, priors=False)
    with torch.no_grad():
        told = net.told(*test.coded).double().numpy()
    return Probed(
        probed(names, train.pairs.take(known), learned, test.pairs.take(asked), shown),
        view_to_study(test.pairs, alone),
        view_to_report(test.pairs, asked, shown, told, test.texts),
        nearest_other_view(test.pairs, alone),
    )


def swapped(net: Mlrg, train: Part, test: Part, names: tuple[str, ...], *, seed: int) -> Scored:
    """Score a network whose test films are shown with another patient's other films."""
    known, asked = train.pairs.frontal, test.pairs.frontal
    swap = others_of(test.pairs, seed=seed)
    learned, _ = embedded(net, train.pairs, train.sets, train.tokens, known)
    shown, _ = embedded(net, test.pairs, test.sets, test.tokens, asked, swap=swap)
    return probed(names, train.pairs.take(known), learned, test.pairs.take(asked), shown)


def others_of(pairs: Pairs, *, seed: int) -> NDArray[np.intp]:
    """Return for each frontal film one of another patient, the next by a draw; other films keep their own."""
    swap, rows = np.arange(len(pairs)), pairs.frontal
    people = generator(seed, "swap").permutation(np.unique(pairs.patient[rows]))
    first = {person: rows[pairs.patient[rows] == person] for person in people}
    after = dict(zip(people, np.roll(people, 1), strict=True))
    for row in rows:
        choices = first[after[pairs.patient[row]]]
        swap[row] = choices[min(int(pairs.visit[row]), len(choices) - 1)]
    return swap


def picture(pairs: Pairs, found: dict[str, NDArray[np.intp]], *, rows: int = 6) -> bytes:
    """Return a sheet of films, the other film of their study, and what each arm finds nearest.

    Args:
        pairs: the films.
        found: by arm, of `nearest_other_view`.
        rows: films shown, one a patient.
    """
    first = next(iter(found.values()))
    asked = np.flatnonzero((first >= 0) & np.isin(np.arange(len(pairs)), pairs.frontal))
    asked = asked[np.unique(pairs.patient[asked], return_index=True)[1]]
    asked = asked[np.linspace(0, len(asked) - 1, min(rows, len(asked))).astype(int)]

    def cell(row: int, of: int) -> Cell:
        same = pairs.study[row] == pairs.study[of]
        colour = RIGHT if same else NEAR if pairs.patient[row] == pairs.patient[of] else WRONG
        return Cell(pairs.films[row], colour, _told(pairs, row))

    cells = [[Cell(pairs.films[row], ASKED, _told(pairs, row)), cell(_mate(pairs, row), row),
              *(cell(int(each[row]), row) for each in found.values())] for row in asked]  # fmt: skip
    return sheet(("film", "its study's other view", *found), cells)


def _mate(pairs: Pairs, row: int) -> int:
    others = np.flatnonzero((pairs.study == pairs.study[row]) & ~np.isin(np.arange(len(pairs)), pairs.frontal))
    return int(others[0])


def _told(pairs: Pairs, row: int) -> str:
    names = [name for name, there in zip(pairs.names, pairs.target[row] > 0, strict=True) if there]
    return ", ".join(names) or "nothing of these"
