"""A trained RadZero as a folder: weights, card and words, written whole, read back, and asked in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hilum.core.image import MadeBy
from hilum.learn.calibrate import fit_platt
from hilum.learn.pairs import Pairs
from hilum.learn.weak import one_thread
from hilum.learn.wording import Wording, split_words
from hilum.learn.words import UNKNOWN
from hilum.nets.similarity import Aligner, centre_of, heat
from hilum.systems._radzero_texts import LONGEST, concept_of, prompt, says_absent

FEWEST = 5
"""Validation films with and without a finding from which its probability is calibrated."""
Floats = NDArray[np.float32]


class Model:
    """An aligned network that can be asked: `learn.zero_shot.AlignedModel`.

    Args:
        net: in evaluation mode.
        words: with `code(texts, longest=...)`.
        card: what it was told of; see `learn.zero_shot`.
    """

    def __init__(self, net: Aligner, words: Any, card: Mapping[str, Any]) -> None:
        """Keep them."""
        self.net, self.words, self.card = net, words, card

    @property
    def made_by(self) -> MadeBy:
        """Name, version and hash of the weights."""
        return MadeBy(str(self.card.get("name", "radzero")), str(self.card.get("hilum", "")),
                      str(self.card.get("sha256", "")))  # fmt: skip

    @torch.no_grad()
    def match(self, films: Floats, sentences: Sequence[str]) -> tuple[Floats, Floats]:
        """Return logits (B, M) and maps (B, M, S, S) in logits, of films (B, S, S) in [0, 1] and M sentences."""
        with one_thread():
            seen = self.net.look(torch.from_numpy(np.ascontiguousarray(films, np.float32))[:, None])
            ids, mask = self.words.code(list(sentences), longest=LONGEST)
            found = self.net(seen.pooled, seen.patches, ids, mask)
            maps = heat(found.maps, seen.grid, films.shape[-1], first=centre_of(self.net.image))
            return found.logits.numpy(), maps.numpy()

    def words_unknown(self, sentence: str) -> tuple[str, ...]:
        """Return the words of a sentence that were in no text of the training; () for a tokenizer of its own."""
        if not isinstance(self.words, Wording):
            return ()
        said = split_words(sentence)
        return tuple(word for word, number in zip(said, self.words.code([sentence], longest=len(said))[0][0].tolist(),
                                                  strict=True) if number == UNKNOWN)  # fmt: skip


def concepts_told(pairs: Pairs) -> dict[str, int]:
    """Return the findings that films were said to have, with the number of films, most first."""
    counts: dict[str, int] = {}
    for own in pairs.sentences:
        for name in {concept_of(each) for each in own if not says_absent(each)} - {""}:
            counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def logits_of(model: Model, pairs: Pairs, sentences: Sequence[str], *, batch: int = 32) -> tuple[Floats, Floats]:
    """Return logits (N, M) and maps (N, M, S, S), float16, of films and sentences."""
    parts = [model.match(pairs.films[at : at + batch].astype(np.float32) / 255.0, sentences)
             for at in range(0, len(pairs), batch)]  # fmt: skip
    return np.concatenate([part[0] for part in parts]), np.concatenate([part[1].astype(np.float16) for part in parts])


def calibrated(model: Model, val: Pairs, *, source: str) -> dict[str, Any]:
    """Return calibrations and the scale of the maps, chosen on validation films alone.

    Args:
        model: to calibrate.
        val: validation films; findings with too few cases stay without a calibration.
        source: what the films are, for the record.
    """
    made: dict[str, dict[str, Any]] = {}
    values, answers = [], []
    for at, name in enumerate(val.names):
        if name not in model.card["concepts"]:
            continue
        logits, maps = logits_of(model, val, [prompt(name)])
        known, truth = val.known[:, at], val.target[:, at] > 0
        _add(made, name, logits[known, 0], truth[known], source)
        with_region = np.flatnonzero(val.marked[:, at] & truth)
        if len(with_region):
            values.append(maps[with_region, 0].astype(np.float32).ravel())
            answers.append(val.mask(with_region, at).ravel())
        sided = [prompt(name, side) for side in ("right", "left")]
        if (val.sides[:, at] > 0).sum() >= FEWEST and prompt(name) not in sided:
            logits, _ = logits_of(model, val, sided)
            usable = known & (~truth | (val.sides[:, at] > 0))
            there = np.stack([(val.sides[:, at] & bit) > 0 for bit in (1, 2)], axis=1) & truth[:, None]
            _add(made, f"{name}, sided", logits[usable].ravel(), there[usable].ravel(), source)
    return {"calibration": made, "map": _scale(values, answers)}


def _add(made: dict[str, dict[str, Any]], key: str, logits: Floats, truth: NDArray[np.bool_], source: str) -> None:
    if min(int(truth.sum()), int((~truth).sum())) < FEWEST:
        return
    platt = fit_platt(logits.astype(np.float64), truth, fitted_on=f"{source}: {key}")
    made[key] = {name: getattr(platt, name) for name in ("slope", "offset", "fitted_on", "films", "positives")}


def _scale(values: list[Floats], answers: list[NDArray[np.bool_]]) -> dict[str, float]:
    if not values:
        return {"threshold": 0.0, "low": 0.0, "high": 1.0}
    every, truth = np.concatenate(values), np.concatenate(answers)
    low, high = (float(each) for each in np.percentile(every, (50, 99.5)))
    return {"threshold": best_threshold(every, truth), "low": low, "high": max(high, low + 1e-3)}


def best_threshold(values: Floats, truth: NDArray[np.bool_]) -> float:
    """Return the level among 101 percentiles of a map's values whose Dice, pooled over all pixels, is best."""
    levels = np.unique(np.percentile(values, np.linspace(0, 100, 101)))
    order = np.argsort(values, kind="stable")
    below = np.searchsorted(values[order], levels, side="right")
    hit = truth.sum() - np.concatenate(([0], np.cumsum(truth[order])))[below]
    said = len(values) - below
    return float(levels[int(np.argmax(2.0 * hit / np.maximum(said + truth.sum(), 1)))])
