"""Two sets instead of pairs: real films beside made ones, as features or as pictures."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import InputError
from hilum.measure.features import LOCAL, find_network
from hilum.measure.scored import signature

Floats = NDArray[np.float64]
Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class FeatureSets:
    """Feature vectors of real and of made films; the two sets need not be equal in number.

    Args:
        real: (N, D) of real films that the generator has not seen.
        fake: (M, D) of films it made.
        train: (T, D) of the real films it was trained on; privacy is measured against these.
        network: what made the features, e.g. 'fid-local@0123abcd'; 'unnamed' where nothing is given.
        real_patients, train_patients: of each film; nobody may be in both.
        probabilities: (M, C) class probabilities of the made films, for the inception score.

    Raises:
        InputError: if a set is not a finite table, the tables differ in features, or a patient is on both sides.
    """

    real: Floats
    fake: Floats
    train: Floats | None = None
    network: str = "unnamed"
    real_patients: Sequence[str] = ()
    train_patients: Sequence[str] = ()
    probabilities: Floats | None = None
    _made: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for name in ("real", "fake", "train"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _table(name, getattr(self, name)))
        widths = {name: getattr(self, name).shape[1] for name in ("real", "fake", "train") if self._has(name)}
        if len(set(widths.values())) > 1:
            raise InputError(f"the sets differ in features, {widths}: make all with one network")
        _apart(self.real_patients, self.train_patients, len(self.real), 0 if self.train is None else len(self.train))

    def _has(self, name: str) -> bool:
        return getattr(self, name) is not None

    def __len__(self) -> int:
        """Number of made films."""
        return len(self.fake)

    def once(self, key: Hashable, make: Callable[[FeatureSets], Made]) -> Made:
        """Return what `make` makes of these sets, made once for each key."""
        if key not in self._made:
            self._made[key] = make(self)
        return self._made[key]  # type: ignore[no-any-return]

    def named(self, metric: str) -> str:
        """Return a metric's name with the network's, such as 'fid@fid-local'."""
        return f"{metric}@{self.network.split('@')[0]}"

    def said(self, metric: str, **more: object) -> str:
        """Return a signature with the network's hash, both counts and the number of features; all move the value."""
        counts: dict[str, object] = {"network": self.network, "real": len(self.real), "made": len(self.fake)}
        return signature(metric, 1, **counts, features=self.real.shape[1], **more)

    def trained(self) -> Floats:
        """Return the features of the training films.

        Raises:
            InputError: if there are none.
        """
        if self.train is None:
            raise InputError("privacy is measured against the films a generator was trained on: give them as 'train'")
        return self.train


@dataclass(frozen=True, eq=False)
class ImageSets:
    """Pictures of real and of made films; each (H, W), of any size.

    Args:
        real: real films that the generator has not seen.
        fake: films it made.
        train: real films it was trained on; privacy is measured against these.
        prompts: what each made film was asked for; films of one prompt are compared for diversity.
        real_patients, train_patients: of each film; nobody may be in both.
        data_range: see `pictures.unit`.

    Raises:
        InputError: if a set is empty, prompts are missing for some, or a patient is on both sides.
    """

    real: Sequence[Any]
    fake: Sequence[Any]
    train: Sequence[Any] = ()
    prompts: Sequence[str] = ()
    real_patients: Sequence[str] = ()
    train_patients: Sequence[str] = ()
    data_range: float | None = None
    _made: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for name in ("real", "fake"):
            if len(getattr(self, name)) == 0:
                raise InputError(f"there is no {name} film: two sets are compared")
        if len(self.prompts) not in (0, len(self.fake)):
            raise InputError(f"{len(self.fake)} films were made but {len(self.prompts)} prompts given: one for each")
        _apart(self.real_patients, self.train_patients, len(self.real), len(self.train))

    def __len__(self) -> int:
        """Number of made films."""
        return len(self.fake)

    def once(self, key: Hashable, make: Callable[[ImageSets], Made]) -> Made:
        """Return what `make` makes of these sets, made once for each key."""
        if key not in self._made:
            self._made[key] = make(self)
        return self._made[key]  # type: ignore[no-any-return]

    def features(self, network: Any = LOCAL) -> FeatureSets:
        """Return the same sets as features; see `features.find_network`."""
        found = find_network(network)

        def make(sets: ImageSets) -> FeatureSets:
            real, fake = (found.features(films, sets.data_range) for films in (sets.real, sets.fake))
            train = found.features(sets.train, sets.data_range) if len(sets.train) else None
            return FeatureSets(real, fake, train, found.label, sets.real_patients, sets.train_patients)

        return self.once(("features", found.label), make)


Sets = FeatureSets | ImageSets


def as_features(sets: Sets, network: Any = LOCAL) -> FeatureSets:
    """Return sets as features: as they are, or made from pictures by a network.

    Raises:
        InputError: if they are neither.
    """
    if isinstance(sets, ImageSets):
        return sets.features(network)
    if not isinstance(sets, FeatureSets):
        raise InputError(f"two sets are scored, FeatureSets(real, fake) or ImageSets(real, fake), not {_named(sets)}")
    return sets


def as_images(sets: Any) -> ImageSets:
    """Return sets of pictures as they are.

    Raises:
        InputError: if they are something else.
    """
    if not isinstance(sets, ImageSets):
        raise InputError(f"pictures are scored, ImageSets(real, fake), not {_named(sets)}")
    return sets


def _named(thing: Any) -> str:
    return type(thing).__name__


def _table(name: str, values: Any) -> Floats:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or 0 in table.shape:
        raise InputError(f"'{name}' must be features of shape (films, features), got {table.shape}")
    bad = ~np.isfinite(table).all(axis=1)
    if bad.any():
        raise InputError(f"'{name}' has {int(bad.sum())} films with NaN or infinite features, first {bad.argmax()}")
    return table


def _apart(real: Sequence[str], train: Sequence[str], real_count: int, train_count: int) -> None:
    for name, patients, count in (("real", real, real_count), ("train", train, train_count)):
        if len(patients) not in (0, count):
            raise InputError(f"'{name}' has {count} films but {len(patients)} patients: give one for each")
    shared = sorted(set(real) & set(train))
    if shared:
        raise InputError(
            f"{len(shared)} patients are among the training and the held-out films, first '{shared[0]}': "
            "a held-out film of a training patient hides copying; split by patient"
        )
