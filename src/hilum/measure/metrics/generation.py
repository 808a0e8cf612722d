"""Metrics of a generator: made films as a set beside real films as a set."""

from __future__ import annotations

from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from hilum.core.errors import InputError
from hilum.core.registry import register
from hilum.measure.features import LOCAL
from hilum.measure.frechet import Gaussian, excess, frechet_distance, gaussian, weighted_distances
from hilum.measure.kernel import mmd
from hilum.measure.neighbours import Manifold, manifold
from hilum.measure.pictures import Floats, ms_ssim
from hilum.measure.scored import Scored, averaged, ratio, signature, summed
from hilum.measure.sets import FeatureSets, ImageSets, Sets, as_features, as_images
from hilum.measure.spectrum import radial_spectrum_slope

BOUNDLESS = float("inf")


@register.metric("fid", better="lower", takes="features", over="set", range=(0.0, BOUNDLESS))
def fid(sets: Sets, network: Any = LOCAL) -> Scored:
    """Fréchet distance between real and made films in a network's features; it depends on how many films there are.

    Items are the made films and have no value of their own. A resampled set holds some films twice, and would lie
    farther away for that alone; what it has too much to first order is taken off, from the rise seen in half sets.

    Args:
        sets: pictures or features.
        network: what makes the features of pictures.
    """
    given = as_features(sets, network)
    smaller, real = min(len(given.real), len(given.fake)), gaussian(given.real)
    gaussian(given.fake)  # a set of one film is refused here, not in the middle of a bootstrap
    rank = "full" if smaller > given.real.shape[1] else "deficient (fewer films than features)"
    values = np.full(len(given.fake), np.nan)
    at = partial(_resampled_fid, given, real)
    return Scored(given.named("fid"), values, at, given.said("fid", rank=rank), "lower")


def _resampled_fid(sets: FeatureSets, real: Gaussian, weights: Floats) -> Floats:
    count = len(sets.fake)
    if len(weights) == 1 and (weights == weights[0, 0]).all():
        return np.array([frechet_distance(real, gaussian(sets.fake))])
    found = weighted_distances(real, sets.fake, weights)
    if count < 4:
        return found
    too_much = sets.once("fid-excess", lambda s: excess(real, s.fake))
    told = weights.sum(axis=1) ** 2 / np.maximum(np.sum(weights**2, axis=1), 1.0)  # films that a weighting is worth
    corrected: Floats = found - too_much * (count / np.maximum(told, 1.0) - 1.0)
    return corrected


@register.metric("kid", better="lower", takes="features", over="set", range=(-BOUNDLESS, BOUNDLESS))
def kid(sets: Sets, network: Any = LOCAL) -> Scored:
    """Kernel distance between real and made films, unbiased over all pairs; 0 is expected of equal distributions.

    The mean over random subsets that is usually reported has the same expectation; `measure.kernel.kid` gives it.

    Args:
        sets: pictures or features.
        network: what makes the features of pictures.
    """
    given = as_features(sets, network)
    mmd(given.real[:2], given.fake[:2])
    said = given.said("kid", kernel="(xy/D+1)^3", pairs="all")
    values = np.full(len(given.fake), np.nan)
    return Scored(given.named("kid"), values, lambda w: mmd(given.real, given.fake, w), said, "lower")


def _manifold(sets: FeatureSets, k: int) -> Manifold:
    return sets.once(("manifold", k), lambda s: manifold(s.real, s.fake, k=k))


def _part(name: str, sets: Sets, network: Any, k: int) -> Scored:
    given = as_features(sets, network)
    values = getattr(_manifold(given, k), name)
    over = "made" if name in ("precision", "density") else "real"
    return averaged(given.named(name), values, given.said(name, k=k, over=over))


@register.metric("precision", better="higher", takes="features", over="set", range=(0.0, 1.0))
def precision(sets: Sets, network: Any = LOCAL, k: int = 5) -> Scored:
    """Share of made films that lie among the real ones: inside the 5-neighbour ball of any."""
    return _part("precision", sets, network, k)


@register.metric("recall", better="higher", takes="features", over="set", range=(0.0, 1.0))
def recall(sets: Sets, network: Any = LOCAL, k: int = 5) -> Scored:
    """Share of real films that lie among the made ones; items are the real films."""
    return _part("recall", sets, network, k)


@register.metric("density", better="higher", takes="features", over="set", range=(0.0, BOUNDLESS))
def density(sets: Sets, network: Any = LOCAL, k: int = 5) -> Scored:
    """Number of real films' balls that hold a made film, over k; about 1 for equal distributions."""
    return _part("density", sets, network, k)


@register.metric("coverage", better="higher", takes="features", over="set", range=(0.0, 1.0))
def coverage(sets: Sets, network: Any = LOCAL, k: int = 5) -> Scored:
    """Share of real films whose own ball holds a made film; items are the real films."""
    return _part("coverage", sets, network, k)


@register.metric("inception-score", better="higher", takes="features", over="set", range=(1.0, BOUNDLESS))
def inception_score(sets: FeatureSets) -> Scored:
    """Exponential of the mean divergence of each made film's class probabilities from their mean; never sees a real.

    Args:
        sets: with `probabilities` (M, C) of the made films.

    Raises:
        InputError: if there are none, or they are no probabilities.
    """
    if as_features(sets).probabilities is None:
        raise InputError("the inception score takes class probabilities of the made films: give 'probabilities'")
    chance = np.asarray(sets.probabilities, dtype=np.float64)
    if chance.ndim != 2 or not np.isfinite(chance).all() or (chance < 0).any():
        raise InputError(f"class probabilities must be (films, classes) and not negative, got {chance.shape}")
    if not np.allclose(chance.sum(axis=1), 1.0, atol=1e-4):
        raise InputError("the class probabilities of each film must sum to 1: use a softmax")
    own = np.sum(chance * np.log(np.maximum(chance, 1e-16)), axis=1)

    def combine(sums: Floats) -> Floats:
        total = np.maximum(sums[:, -1:], 1e-16)
        mean = sums[:, :-2] / total
        entropy = -np.sum(mean * np.log(np.maximum(mean, 1e-16)), axis=1)
        found: Floats = np.exp(sums[:, -2] / total[:, 0] + entropy)
        return found

    table = np.column_stack([chance, own, np.ones(len(chance))])
    said = signature("inception-score", 1, made=len(chance), classes=chance.shape[1], splits=1)
    return summed("inception-score", np.full(len(chance), np.nan), table, combine, said)


@register.metric("ms-ssim-diversity", better="lower", takes="image-set", over="set", range=(0.0, 1.0))
def ms_ssim_diversity(sets: ImageSets, scales: int = 5) -> Scored:
    """Mean MS-SSIM of pairs of films made from one prompt: lower is more diverse; items are the prompts.

    Args:
        sets: made films of one size within a prompt, with prompts.
        scales: see `pictures.ms_ssim`.

    Raises:
        InputError: if there are no prompts, none has two films, or sizes do not allow it.
    """
    given = as_images(sets)
    groups: dict[str, list[Any]] = {}
    for prompt, film in zip(given.prompts, given.fake, strict=False):
        groups.setdefault(prompt, []).append(film)
    if not any(len(films) > 1 for films in groups.values()):
        raise InputError("diversity is measured among films of one prompt: give prompts, and two films of one or more")
    table = np.zeros((len(groups), 2))
    for row, films in enumerate(groups.values()):
        alike = [ms_ssim(a, b, given.data_range, scales=scales) for a, b in combinations(films, 2)]
        table[row] = sum(alike), len(alike)
    unscored = {int(n): "the prompt has one film only" for n in np.flatnonzero(table[:, 1] == 0)}
    said = signature("ms-ssim-diversity", 1, scales=scales, prompts=len(groups), made=len(given.fake))
    return summed(
        "ms-ssim-diversity", ratio(table[:, 0], table[:, 1]), table, lambda s: ratio(s[:, 0], s[:, 1]), said,
        better="lower", unscored=unscored,
    )  # fmt: skip


@register.metric("radial-spectrum-slope", better="lower", takes="image-set", over="set", range=(0.0, BOUNDLESS))
def spectrum_slope(sets: ImageSets) -> Scored:
    """Gap between the mean spectral slopes of made and of real films; each made film's slope is its value."""
    given = as_images(sets)
    real, _ = _slopes(given.real, given.data_range)
    made, unscored = _slopes(given.fake, given.data_range)
    there, target = np.isfinite(made), np.nanmean(real) if np.isfinite(real).any() else np.nan
    table = np.column_stack([np.where(there, made, 0.0), there])
    said = signature("radial-spectrum-slope", 1, square=0.8, side=256, cycles="4-64", real=len(real), made=len(made))
    return summed(
        "radial-spectrum-slope", made, table, lambda s: np.abs(ratio(s[:, 0], s[:, 1]) - target), said,
        better="lower", unscored=unscored,
    )  # fmt: skip


def _slopes(films: Any, data_range: float | None) -> tuple[Floats, dict[int, str]]:
    unscored: dict[int, str] = {}

    def slope(number: int, film: Any) -> float:
        try:
            return radial_spectrum_slope(film, data_range)
        except InputError as error:
            unscored[number] = str(error)
            return float("nan")

    return np.array([slope(number, film) for number, film in enumerate(films)]), unscored
