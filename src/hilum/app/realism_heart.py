"""The cardiothoracic ratio of both sets by one segmenter: a small network taught hearts and lungs by the cohort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.app.realism_films import Shadow
from hilum.core.seed import generator
from hilum.learn.folded import folded_masks
from hilum.measure.features import squeeze
from hilum.measure.pictures import shrunk
from hilum.systems._paxray_tone import random_tone

SIDE, FOLDS, TRUSTED = 96, 2, 0.5
"""Pixels of a film for the network, networks, and the least correlation with the rays' own ratio to believe a row."""
Masks = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Hearts:
    """What the segmenter finds: each virtual film by the network that has not seen its patient, real films by all.

    Args:
        virtual, real: cardiothoracic ratio of each film, NaN where no heart or no lungs are found.
        check: on virtual films 'n', 'correlation', 'bias', 'true mean', 'true sd' against the rays' own ratio and
            'heart dice'; on outlined real films 'real lung dice', which says how far the segmenter carries over.
    """

    virtual: Floats
    real: Floats
    check: dict[str, float]


def hearts(
    virtual: Sequence[Shadow], real: Sequence[Shadow], outlined: Sequence[Shadow], *, steps: int, seed: int = 0
) -> Hearts:
    """Train on virtual films with their rays' masks and read both sets.

    Args:
        virtual: films with heart and lung masks; those without are only read.
        real, outlined: films to read, and films whose lungs people outlined.
        steps: of training each network.
        seed: of folds and training.
    """
    shown, masks = _films(virtual), np.stack([_masks(film) for film in virtual])
    names, which = np.unique([film.patient for film in virtual], return_inverse=True)
    fold = (generator(seed, "realism-hearts").permutation(len(names)) % FOLDS)[which]
    usable = np.all(masks.any(axis=(2, 3)), axis=1)
    own, others = folded_masks(shown, masks, fold, _films([*real, *outlined]), steps=steps, seed=seed, tone=random_tone)
    found, seen = own > 0.5, others > 0.5
    ratios = np.array([ctr(*each) for each in found])
    truth = np.array([drawn_ctr(film) for film in virtual])
    dice_of = {"heart dice": _dice(found[usable, 0], masks[usable, 0])}
    if outlined:
        dice_of["real lung dice"] = _dice(seen[len(real) :, 1], np.stack([_masks(film)[1] for film in outlined]))
    return Hearts(ratios, np.array([ctr(*each) for each in seen[: len(real)]]), {**agreement(truth, ratios), **dice_of})


def ctr(heart: Masks, lungs: Masks) -> float:
    """Return the width of the heart's largest piece over the lungs' (masks (H, W)), NaN where one is missing."""
    from scipy.ndimage import label

    pieces, count = label(heart)
    if not count or not lungs.any():
        return float("nan")
    largest = pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
    wide = [np.ptp(np.flatnonzero(mask.any(axis=0))) + 1 for mask in (largest, lungs)]
    return float(wide[0] / wide[1])


def drawn_ctr(film: Shadow) -> float:
    """Return the cardiothoracic ratio of a virtual film's own heart and lung masks; NaN where one is missing."""
    return float("nan") if film.heart is None or film.lungs is None else ctr(film.heart, film.lungs)


def agreement(truth: Floats, found: Floats) -> dict[str, float]:
    """Return how ratios agree with true ones: count, and from 3 on correlation, bias, and the true mean and SD."""
    both = np.isfinite(truth) & np.isfinite(found)
    true, seen = truth[both], found[both]
    if both.sum() < 3 or true.std() == 0 or seen.std() == 0:
        return {"n": float(both.sum())}
    return {
        "n": float(both.sum()), "correlation": float(np.corrcoef(true, seen)[0, 1]),
        "bias": float((seen - true).mean()), "true mean": float(true.mean()), "true sd": float(true.std()),
    }  # fmt: skip


def sentence(check: dict[str, float]) -> str:
    """Return in words how far the segmenter's ratio can be believed."""
    if "correlation" not in check:
        return "Too few virtual films show a heart to check the cardiothoracic ratio."
    lungs, more = check.get("real lung dice"), ""
    if lungs is not None:
        more = f"; its lungs overlap those that people outlined on real films by Dice {lungs:.2f}"
    return (
        f"The segmenter's cardiothoracic ratio against the rays' own, on {check['n']:.0f} virtual films of "
        f"patients it has not seen: correlation {check['correlation']:.2f}, bias {check['bias']:+.3f}, heart Dice "
        f"{check['heart dice']:.2f}; the rays' own ratio is {check['true mean']:.3f} ± {check['true sd']:.3f}"
        f"{more}. No one outlined hearts on the real films. "
        + ("" if check["correlation"] >= TRUSTED else "It does not follow the true ratio, so its row is not judged.")
    ).strip()


def _films(films: Sequence[Shadow]) -> NDArray[np.float32]:
    return np.stack([np.clip(squeeze(film.pixels, SIDE), 0, 1) for film in films])


def _masks(film: Shadow) -> Masks:
    none = np.zeros((SIDE, SIDE), np.float32)
    both = (none if each is None else shrunk(each.astype(np.float64), SIDE, SIDE) for each in (film.heart, film.lungs))
    return np.stack([each > 0.5 for each in both])


def _dice(found: Masks, truth: Masks) -> float:
    """Mean Dice of masks (N, H, W) that are not empty."""
    size = found.sum(axis=(1, 2)) + truth.sum(axis=(1, 2))
    return float((2 * (found & truth).sum(axis=(1, 2))[size > 0] / size[size > 0]).mean())
