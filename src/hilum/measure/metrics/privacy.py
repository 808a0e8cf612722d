"""Metrics of memorising: made films beside the films a generator was trained on, held-out films as the yardstick."""

from __future__ import annotations

from typing import Any

import numpy as np

from hilum.core.errors import InputError
from hilum.core.registry import register
from hilum.measure import privacy
from hilum.measure.features import LOCAL, OnnxNetwork, find_network
from hilum.measure.pictures import Floats
from hilum.measure.scored import Scored, averaged, signature
from hilum.measure.sets import FeatureSets, ImageSets, Sets, as_features, as_images


def pixel_neighbours(sets: ImageSets) -> tuple[privacy.Nearest, privacy.Nearest]:
    """Return the nearest training film by pixels, of each made and of each held-out film.

    Raises:
        InputError: if there are no training films.
    """
    given = as_images(sets)
    if not len(given.train):
        raise InputError("copies are looked for among the films a generator was trained on: give them as 'train'")

    def make(s: ImageSets) -> tuple[privacy.Nearest, privacy.Nearest]:
        made, real = (privacy.nearest_pixels(films, s.train, data_range=s.data_range) for films in (s.fake, s.real))
        return made, real

    return given.once("pixel-neighbours", make)


def latent_neighbours(sets: FeatureSets) -> tuple[privacy.Nearest, privacy.Nearest]:
    """Return the nearest training film by features, of each made and of each held-out film."""

    def make(s: FeatureSets) -> tuple[privacy.Nearest, privacy.Nearest]:
        return privacy.nearest_latent(s.fake, s.trained()), privacy.nearest_latent(s.real, s.trained())

    return sets.once("latent-neighbours", make)


def _copies(name: str, found: tuple[privacy.Nearest, privacy.Nearest], said: str) -> Scored:
    made, real = found
    judged = privacy.verdict(made.distance, real.distance)
    values = (made.distance < judged.threshold).astype(np.float64)
    notes = [
        {"distance": float(d), "train": int(w), "threshold": judged.threshold}
        for d, w in zip(made.distance, made.which, strict=True)
    ]
    return averaged(name, values, said, better="lower", notes=notes)


@register.metric("copies/pixel", better="lower", takes="image-set", over="set", range=(0.0, 1.0))
def copies_pixel(sets: ImageSets) -> Scored:
    """Share of made films nearer to a training film, by pixels, than 98 % of held-out films are; 0.02 is none."""
    found = pixel_neighbours(sets)
    said = signature(
        "copies/pixel", 1, side=privacy.SMALL, shift=privacy.SHIFT, mirrored="yes", threshold=privacy.QUANTILE,
        train=len(sets.train), held_out=len(sets.real), made=len(sets.fake),
    )  # fmt: skip
    return _copies("copies/pixel", found, said)


@register.metric("copies/latent", better="lower", takes="features", over="set", range=(0.0, 1.0))
def copies_latent(sets: Sets, network: Any = LOCAL) -> Scored:
    """Share of made films nearer to a training film, by features, than 98 % of held-out films are; 0.02 is none."""
    given = as_features(sets, network)
    said = given.said("copies/latent", train=len(given.trained()), threshold=privacy.QUANTILE)
    return _copies(given.named("copies/latent"), latent_neighbours(given), said)


@register.metric("authenticity", better="higher", takes="features", over="set", range=(0.0, 1.0))
def authenticity(sets: Sets, network: Any = LOCAL) -> Scored:
    """Share of made films farther from their nearest training film than that film is from its own neighbour."""
    given = as_features(sets, network)
    values = privacy.authentic(given.fake, given.trained())
    return averaged(given.named("authenticity"), values, given.said("authenticity", train=len(given.trained())))


@register.metric("nearest-in-train", better="lower", takes="features", over="set", range=(0.0, 1.0))
def nearest_in_train(sets: Sets, network: Any = LOCAL, seed: int = 0) -> Scored:
    """Share of made films whose nearest real film is a training film, not one of as many held out; 0.5 is none.

    Notes hold each film's distance ratio, training over held-out.
    """
    given = as_features(sets, network)
    values, ratios = privacy.closer_to_train(given.fake, given.trained(), given.real, seed=seed)
    said = given.said("nearest-in-train", train=len(given.trained()), seed=seed)
    notes = [{"ratio": float(each)} for each in ratios]
    return averaged(given.named("nearest-in-train"), values, said, better="lower", notes=notes)


def identities(films: Any, network: Any = LOCAL, data_range: float | None = None) -> Floats:
    """Return identity vectors (N, D) of films: the 'identity' output of a network that has one, else its features."""
    found = find_network(network)
    if not isinstance(found, OnnxNetwork):
        return found.features(films, data_range)
    parts = [outputs.get("identity", next(iter(outputs.values()))) for outputs in found.run(films, data_range)]
    return np.concatenate(parts).astype(np.float64)


@register.metric("reid", better="lower", takes="image-set", over="set", range=(0.0, 1.0))
def reid(sets: ImageSets, network: Any = LOCAL) -> Scored:
    """Highest likeness of each made film to a training film as a person; a stand-in for CheXGenBench's Re-ID score.

    (1 + cosine) / 2 of identity vectors; the signature names the network. Notes hold whose film it is, and the mean
    of held-out films, which share no patient with training.

    Args:
        sets: pictures with 'train'.
        network: see `identities`.
    """
    given = as_images(sets)
    if not len(given.train):
        raise InputError("re-identification takes the films a generator was trained on: give them as 'train'")
    label = find_network(network).label

    def make(s: ImageSets) -> tuple[Floats, Floats, Floats]:
        made, real, train = (identities(films, network, s.data_range) for films in (s.fake, s.real, s.train))
        return made, real, train

    made, real, train = given.once(("identities", label), make)
    near, held_out = privacy.nearest_likeness(made, train), privacy.nearest_likeness(real, train)
    notes = [{"train": int(w), "held_out_mean": float(held_out.distance.mean())} for w in near.which]
    said = signature("reid", 1, network=label, train=len(train), made=len(made), worst="over train")
    return averaged(f"reid@{label.split('@')[0]}", near.distance, said, better="lower", notes=notes)
