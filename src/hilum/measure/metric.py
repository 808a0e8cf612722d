"""Metrics by name: what each takes, its range and direction, and how a set of pairs is scored by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Literal, ParamSpec, TypeVar, get_args

import numpy as np

from hilum.core.errors import HilumError, InputError
from hilum.core.registry import Entry, register
from hilum.measure.pairs import Pairs
from hilum.measure.scored import Better, Scored, averaged, signature
from hilum.measure.sets import FeatureSets, ImageSets

Takes = Literal["report", "study", "mask", "image", "features", "image-set", "bone"]

Scorable = Pairs[Any] | FeatureSets | ImageSets
Said = ParamSpec("Said")
Value = TypeVar("Value")


class UnscoredError(HilumError):
    """An item that a metric cannot score; the sentence says why. Its row says so and takes no part in the mean."""


def by_item(function: Callable[Said, Value]) -> Callable[Said, Value]:
    """Let a metric of one pair say by InputError what is wrong with that pair: it is unscored, the others are not."""

    @wraps(function)
    def scored(*args: Said.args, **options: Said.kwargs) -> Value:
        try:
            return function(*args, **options)
        except InputError as error:
            raise UnscoredError(str(error)) from None

    return scored


@dataclass(frozen=True)
class Metric:
    """One registered metric.

    Args:
        name: registered name.
        better: 'higher' or 'lower'.
        unit: of its values, '' where it has none.
        takes: what pairs it scores: reports, Studies, masks, images, or feature vectors.
        range: lowest and highest value it can give; infinite where there is no bound.
        version: of its definition.
        summary: first line of its docstring.
        needs: extras, weights or files without which it is unscored; '' where there are none.
    """

    name: str
    better: Better
    unit: str
    takes: Takes
    range: tuple[float, float]
    version: int
    summary: str
    needs: str = ""
    _run: Callable[..., Any] = field(default=averaged, repr=False)
    _over: str = "pair"

    def __call__(self, pairs: Scorable, **options: Any) -> Scored:
        """Score pairs, or two sets where the metric takes 'features' or 'image-set'.

        Raises:
            InputError: if the pairs cannot be scored at all.
            MissingError: if an extra, weights or a file it needs is not there; the sentence says what to get.
        """
        for_sets = self._over == "set" and self.takes in ("features", "image-set")
        if isinstance(pairs, FeatureSets | ImageSets) and not for_sets:
            raise InputError(f"'{self.name}' scores Pairs (it takes '{self.takes}'), not {type(pairs).__name__}")
        if self._over == "set":
            scored: Scored = self._run(pairs, **options)
            return scored
        return self._each(pairs, options)

    def _each(self, pairs: Any, options: Mapping[str, Any]) -> Scored:
        values, unscored = np.full(len(pairs), np.nan), {}
        for number, (reference, answer) in enumerate(zip(pairs.references, pairs.answers, strict=True)):
            if answer is None:
                unscored[number] = "there is no answer"
                continue
            try:
                value = self._run(reference, answer, **options)
            except UnscoredError as error:
                unscored[number] = str(error)
                continue
            values[number] = np.nan if value is None else float(value)
            if not np.isfinite(values[number]):
                unscored[number] = "undefined for this pair"
        said = dict(sorted(options.items()))
        return averaged(
            self.name, values, signature(self.name, self.version, **said), better=self.better, unscored=unscored
        )


def _metric(entry: Entry) -> Metric:
    facts = entry.facts
    low, high = facts.get("range") or (float("-inf"), float("inf"))
    return Metric(
        entry.name, facts["better"], facts.get("unit", ""), facts.get("takes", "study"), (low, high),
        facts.get("version", 1), entry.summary, facts.get("needs", ""), entry.thing, facts.get("over", "pair"),
    )  # fmt: skip


def metric(name: str) -> Metric:
    """Return the metric of a name.

    Raises:
        InputError: if there is none; the sentence offers the nearest.
    """
    return _metric(register.find("metric", name))


def metrics(takes: str = "") -> tuple[Metric, ...]:
    """Return all registered metrics, or those that take one kind of pair, by name.

    Raises:
        InputError: if there is no such kind of pair.
    """
    if takes and takes not in get_args(Takes):
        raise InputError(f"metrics take {', '.join(get_args(Takes))}, not '{takes}'")
    return tuple(m for m in map(_metric, register.entries("metric")) if not takes or m.takes == takes)


def score_all(
    names: Sequence[str], pairs: Scorable, *, on_done: Callable[[str], None] = lambda name: None
) -> tuple[dict[str, Scored], dict[str, str]]:
    """Score pairs by several metrics; one that cannot be computed is left out with its reason.

    Args:
        names: registered metrics.
        pairs: what they all take.
        on_done: called with each name as it is finished.

    Returns:
        What was scored, and name -> reason of what was not.

    Raises:
        InputError: if a name is not registered.
    """
    found = [metric(name) for name in names]
    done: dict[str, Scored] = {}
    failed: dict[str, str] = {}
    for each in found:
        try:
            done[each.name] = each(pairs)
        except HilumError as error:
            failed[each.name] = str(error)
        on_done(each.name)
    return done, failed
