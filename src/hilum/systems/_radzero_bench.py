"""The films, words and findings that all arms of RadZero share, and how one arm is scored on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hilum.core.vocabulary import concept
from hilum.learn.pairs import Pairs
from hilum.learn.wording import Wording
from hilum.measure.scored import Scored
from hilum.nets.similarity import Aligner
from hilum.systems import _radzero_reading as reads
from hilum.systems import _radzero_scores as score
from hilum.systems._aligned import LEAST, OPACITY, auroc_of, judged_names
from hilum.systems._radzero_claims import (
    ATTENDED,
    AUROC,
    CENTRE,
    DICE,
    KEYS,
    KEYS_ATTENDED,
    ON_BOXES,
    ON_LABELS,
    ON_READ,
    OURS,
    POINT,
    SIDE,
)
from hilum.systems._radzero_fit import Size
from hilum.systems._radzero_look import Cached

Trials = dict[str, dict[str, list[Scored]]]


@dataclass(frozen=True, eq=False)
class Bench:
    """What all arms share: films, what the encoder sees of them, words, and the findings that are judged."""

    size: Size
    wording: Wording
    seen: Mapping[str, Cached]
    films: Mapping[str, Pairs]
    names: tuple[str, ...]
    found: tuple[str, ...]
    sided: tuple[str, ...]


def kinds(pairs: Pairs, names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the findings whose regions are judged (no devices, which are thin lines), and those on one side."""
    found = tuple(name for name in names if concept(name).kind == "finding" and len(score.marked_rows(pairs, name)))
    sided = tuple(name for name in found if np.isin(pairs.sides[:, pairs.column(name)], (1, 2)).sum() >= LEAST)
    return found, sided


def score_centre(trials: Trials, bench: Bench) -> None:
    """Score the floor of grounding, which draws nothing and is the same for every seed."""
    side = bench.films["unseen"].films.shape[-1]
    maps = reads.centre(side)
    level = score.threshold_of(bench.films["val"], bench.found, maps)
    trials[POINT][CENTRE].append(score.pointing(bench.films["unseen"], bench.found, maps))
    trials[DICE][CENTRE].append(score.dice(bench.films["unseen"], bench.found, maps, level))
    if "real" in bench.films:
        trials[ON_BOXES][CENTRE].append(score.pointing(bench.films["real"], ("consolidation",), maps, column=OPACITY))


def score_arm(trials: Trials, bench: Bench, arm: str, net: Aligner) -> reads.Reading:
    """Score one trained arm on the held-out family, and on real films where there are any; return what it answered."""
    films, size = bench.films["unseen"], bench.films["unseen"].films.shape[-1]
    reading, val = (reads.read_films(net, bench.seen[each], bench.wording, bench.names) for each in ("unseen", "val"))
    trials[AUROC][arm].append(auroc_of(films, bench.names, reading.logits))
    trials[SIDE][arm].append(score.following(films, bench.sided, only(reading, bench.sided)))
    judged = [(arm, reads.MAP)]
    judged += [(ATTENDED, reads.ATTENTION)] if arm == OURS else []
    judged += [(KEYS_ATTENDED, reads.ATTENTION)] if arm == KEYS else []
    for name, kind in judged:
        maps, before = (reads.maps_of(only(each, bench.found), size, kind) for each in (reading, val))
        level = score.threshold_of(bench.films["val"], bench.found, before)
        trials[POINT][name].append(score.pointing(films, bench.found, maps))
        trials[DICE][name].append(score.dice(films, bench.found, maps, level))
    if "real" in bench.films:
        _score_real(trials, bench, arm, net)
    return only(reading, bench.found)


def _score_real(trials: Trials, bench: Bench, arm: str, net: Aligner) -> None:
    real = bench.films["real"]
    names = tuple(name for name in judged_names(real) if name != OPACITY)
    reading = reads.read_films(net, bench.seen["real"], bench.wording, (*names, "consolidation"))
    opaque = reading.logits[:, -1:]
    trials[ON_READ][arm].append(auroc_of(real, (OPACITY,), opaque))
    trials[ON_LABELS][arm].append(auroc_of(real, names, reading.logits[:, : len(names)]))
    maps = reads.maps_of(only(reading, ("consolidation",)), real.films.shape[-1])
    trials[ON_BOXES][arm].append(score.pointing(real, ("consolidation",), maps, column=OPACITY))


def only(reading: reads.Reading, names: Sequence[str]) -> reads.Reading:
    """A reading with some of its findings."""
    at = [reading.names.index(name) for name in names]
    return reads.Reading(tuple(names), reading.logits[:, at], reading.maps[:, at], reading.attention[:, at],
                         reading.sided[:, at], reading.grid, reading.first)  # fmt: skip
