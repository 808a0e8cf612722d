"""Metrics by name: what each takes, its range and direction, and how a set of pairs is scored by it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import wraps
from inspect import Parameter
from inspect import signature as arguments
from typing import Any, Literal, ParamSpec, TypeVar, get_args

import numpy as np

from hilum.core.errors import HilumError, InputError
from hilum.core.registry import Entry, register
from hilum.measure.pairs import Pairs, readable, unreadable
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
        ideal: value to be near to, where neither end of its range is the good one; else None.
        forgiving: whether an error of the metric's own costs its pair or its score alone; checks turn it off to see it.
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
    ideal: float | None = None
    forgiving: bool = True

    def __call__(self, pairs: Scorable, **options: Any) -> Scored:
        """Score pairs, or two sets where the metric takes 'features' or 'image-set'.

        Reports that nobody can read (`pairs.unreadable`) are unscored, whatever the metric.

        Raises:
            InputError: if the pairs cannot be scored at all, or there is no such option.
            MissingError: if an extra, weights or a file it needs is not there; the sentence says what to get.
            HilumError: if the metric itself broke; the sentence names its error, which is the cause.
        """
        for_sets = self._over == "set" and self.takes in ("features", "image-set")
        if isinstance(pairs, FeatureSets | ImageSets) and not for_sets:
            raise InputError(f"'{self.name}' scores Pairs (it takes '{self.takes}'), not {type(pairs).__name__}")
        self._check(options)
        lost = unreadable(pairs) if self.takes == "report" and isinstance(pairs, Pairs) else {}
        shown = readable(pairs) if lost and isinstance(pairs, Pairs) else pairs
        with _seldom_collected():
            scored = self._set(shown, options) if self._over == "set" else self._each(shown, options)
        if lost:
            scored = replace(scored, unscored={**scored.unscored, **lost})
        return scored if self.ideal is None or scored.ideal is not None else replace(scored, ideal=self.ideal)

    def _check(self, options: Mapping[str, Any]) -> None:
        """Refuse options that the metric does not have."""
        given = list(arguments(self._run).parameters.values()) if options else []
        if not given or any(each.kind is Parameter.VAR_KEYWORD for each in given):
            return
        known = [each.name for each in given[1 if self._over == "set" else 2 :]]
        wrong = [name for name in options if name not in known]
        if wrong:
            raise InputError(f"'{self.name}' has no option '{wrong[0]}'; it takes {', '.join(known) or 'none'}")

    def _set(self, pairs: Scorable, options: Mapping[str, Any]) -> Scored:
        try:
            scored = self._run(pairs, **options)
        except HilumError:
            raise
        except Exception as error:  # one broken metric must not take all others with it
            if not self.forgiving:
                raise
            raise HilumError(f"{self.name}: {type(error).__name__}: {error}") from error
        if not isinstance(scored, Scored):
            raise HilumError(
                f"'{self.name}' scores whole sets and must return a Scored (see measure.scored.averaged), not "
                f"{type(scored).__name__}; register it with over='pair' if it scores one pair"
            )
        return scored

    def _each(self, pairs: Any, options: Mapping[str, Any]) -> Scored:
        values, unscored = np.full(len(pairs), np.nan), {}
        for number, (reference, answer) in enumerate(zip(pairs.references, pairs.answers, strict=True)):
            if answer is None or reference is None:
                unscored[number] = f"there is no {'answer' if answer is None else 'reference'}"
                continue
            try:
                values[number] = _number(self._run(reference, answer, **options))
            except UnscoredError as error:
                unscored[number] = str(error)
                continue
            except HilumError:
                raise
            except Exception as error:  # what breaks one pair must not take the others with it
                if not self.forgiving:
                    raise
                unscored[number] = f"{type(error).__name__}: {error}"
                continue
            if not np.isfinite(values[number]):
                unscored[number] = "undefined for this pair"
        said = dict(sorted(options.items()))
        return averaged(
            self.name, values, signature(self.name, self.version, **said), better=self.better, unscored=unscored
        )


def _number(value: Any) -> float:
    """A metric's value as a float, NaN for None."""
    if value is None:
        return float("nan")
    try:
        if isinstance(value, str | bytes):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise UnscoredError(f"the metric returned {type(value).__name__}, and must return a number") from None


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Look for cycles seldom: thousands of parsed reports are no garbage, and looking through them takes a fifth."""
    before = gc.get_threshold()
    gc.set_threshold(max(before[0], 100_000), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _metric(entry: Entry) -> Metric:
    facts = entry.facts
    ideal = facts.get("ideal")
    low, high = facts.get("range") or (float("-inf"), float("inf"))
    return Metric(
        entry.name, facts["better"], facts.get("unit", ""), facts.get("takes", "study"), (low, high),
        facts.get("version", 1), entry.summary, facts.get("needs", ""),
        entry.thing, facts.get("over", "pair"),
        ideal if ideal is not None and np.isfinite(ideal) else None,
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
