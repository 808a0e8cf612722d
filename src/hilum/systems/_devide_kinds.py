"""Virtual patients: are kinds of findings that were never taught told by what the knowledge store says of them?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import torch

from hilum.core.errors import InputError
from hilum.learn.label_trunk import seen
from hilum.learn.pairs import Pairs
from hilum.measure.scored import Scored
from hilum.systems._devide_align import WIDTH, Shown, align, how_of
from hilum.systems._devide_arms import KIND_ARMS, KINDS, Part, judged, told_in
from hilum.systems._devide_knowledge import entries
from hilum.systems._devide_scores import FEWEST, SEEN, UNSEEN, mean_auroc
from hilum.systems._devide_trunk import fit_places, placed

HELD_OUT: tuple[tuple[str, ...], ...] = (
    ("pleural effusion", "linear atelectasis", "pacemaker"),
    ("cardiomegaly", "lung nodule", "sternotomy"),
    ("consolidation", "pulmonary edema", "central venous catheter"),
)
"""Kinds kept from training, other ones for each seed; set before any result was seen."""


def without(pairs: Pairs, kinds: Sequence[str]) -> Pairs:
    """Return the films known to show none of some kinds.

    Raises:
        InputError: if none is left.
    """
    at = [pairs.column(kind) for kind in kinds]
    left = pairs.take((pairs.known[:, at] & (pairs.target[:, at] == 0)).all(axis=1))
    if not len(left):
        raise InputError(f"every film shows {' or '.join(kinds)}: there is none to learn from")
    return left


def judge_kinds(
    train: Pairs, test: Pairs, *, seed: int, seeds: int, steps: tuple[int, int], say: Callable[[str], None]
) -> Part:
    """Train on films of some kinds of findings, ask for others, and judge the claims.

    Args:
        train, test: films of different patients.
        seed, seeds: first, and how many; each keeps other kinds.
        steps: of the shared encoder, and of each arm.
        say: told what is being done.
    """
    trials: dict[str, list[Scored]] = defaultdict(list)
    known = (test.target > 0, test.known)
    part, taught_values = Part(), []
    for number in range(seeds):
        kept = HELD_OUT[number % len(HELD_OUT)]
        films = without(train, kept)
        columns = [at for at, name in enumerate(films.names)
                   if name not in kept and (films.target[:, at] * films.known[:, at]).sum() >= FEWEST]  # fmt: skip
        order = [*columns, *(films.column(name) for name in kept)]
        places, sure = placed(films)
        say(f"kinds never taught: {', '.join(kept)}; the encoder that all arms share, {len(films)} films")
        encoder = fit_places(films.films, places[:, columns], sure[:, columns], width=WIDTH, steps=steps[0],
                             seed=seed + number)  # fmt: skip
        shown = Shown(seen(encoder, films.films), torch.from_numpy(films.target[:, columns]),
                      torch.from_numpy(films.known[:, columns]), films.report)  # fmt: skip
        looked, told = seen(encoder, test.films), entries([films.names[at] for at in order])
        for arm in KIND_ARMS:
            say(f"kinds, seed {seed + number}: {arm}")
            texts = told_in(arm, told, seed + number)
            reader = align(shown, texts[: len(columns)], how_of(arm), steps=steps[1], seed=seed + number)
            logits = reader.scores(looked, texts).logits
            old, new = order[: len(columns)], order[len(columns) :]
            trials[arm].append(mean_auroc(UNSEEN, logits[:, len(columns) :], known[0][:, new], known[1][:, new]))
            taught_values.append(mean_auroc(SEEN, logits[:, : len(columns)], known[0][:, old], known[1][:, old]).value)
        counts = ", ".join(f"{test.names[at]} {int((known[0] & known[1])[:, at].sum())}" for at in new)
        part.lines.append(f"kinds never taught, seed {seed + number}: on {len(test)} films {counts}; {len(films)} "
                          f"films with {len(columns)} other kinds to learn from")  # fmt: skip
    part.lines.append(f"    AUROC of taught kinds, all arms: {np.mean(taught_values):.3f}")
    part.judged = [judged(claim, trials, test.patient.tolist(), seed) for claim in KINDS]
    return part
