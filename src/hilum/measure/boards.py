"""Scores of a run: every metric of a task over the studies that were answered, with the value of each study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hilum.core.errors import HilumError, InputError
from hilum.core.study import Study
from hilum.measure.metric import Metric, metric
from hilum.measure.pairs import Pairs
from hilum.measure.scored import Floats, Scored
from hilum.measure.stats import Interval

FEWEST = 3
"""Patients with a value, for an interval to mean anything; the rule of `hilum score` too."""


@dataclass(frozen=True)
class Line:
    """One metric of a run: its definition, what it came to, and the interval over patients."""

    metric: Metric
    scored: Scored
    interval: Interval
    count: int

    def record(self, ids: Sequence[str]) -> dict[str, Any]:
        """Return it as scores.json holds it; values stand in the order of the ids."""
        facts = self.metric
        return {
            "value": self.interval.value, "low": self.interval.low, "high": self.interval.high, "n": self.count,
            "better": facts.better, "unit": facts.unit, "range": facts.range, "version": facts.version,
            "signature": self.scored.signature, "values": self.scored.values, "notes": self.scored.notes,
            "unscored": {ids[number]: why for number, why in self.scored.unscored.items()},
        }  # fmt: skip


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _closed(weights: Floats) -> Floats:
    raise InputError("scores that were read from scores.json cannot be resampled: reopen the run")


@dataclass(frozen=True)
class Board:
    """All scores of a run.

    Args:
        ids, patients: of each study; a study without a patient is its own.
        lines: by metric.
        missing: metric -> why it has no score at all.
        answered: how many studies have an answer.
    """

    ids: tuple[str, ...]
    patients: tuple[str, ...]
    lines: Mapping[str, Line]
    missing: Mapping[str, str]
    answered: int

    @property
    def scored(self) -> dict[str, Scored]:
        """The scores alone, by metric."""
        return {name: line.scored for name, line in self.lines.items()}

    def record(self) -> dict[str, Any]:
        """Return it as scores.json holds it."""
        return {
            "studies": len(self.ids), "patients": len(set(self.patients)), "answered": self.answered,
            "metrics": {name: line.record(self.ids) for name, line in self.lines.items()},
            "not_scored": dict(self.missing), "ids": self.ids, "patient_of": self.patients,
        }  # fmt: skip

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> Board:
        """Return the board that scores.json holds, to be shown; its scores cannot be resampled any more.

        Raises:
            InputError: if the record is not of a board, or names a metric that is not registered.
        """
        try:
            ids, lines = tuple(record["ids"]), {}
            places = {name: number for number, name in enumerate(ids)}
            for name, each in record["metrics"].items():
                values = np.array([_number(value) for value in each["values"]])
                unscored = {places[key]: why for key, why in each["unscored"].items()}
                scored = Scored(name, values, _closed, each["signature"], each["better"], unscored, each["notes"])
                interval = Interval(*(_number(each[key]) for key in ("value", "low", "high")))
                lines[name] = Line(metric(name), scored, interval, each["n"])
            return cls(ids, tuple(record["patient_of"]), lines, record["not_scored"], record["answered"])
        except (KeyError, TypeError, ValueError, AttributeError):
            raise InputError("its scores.json is not of a run: remove it, or score anew with --resume") from None


def score(
    names: Sequence[str], references: Sequence[Study], answers: Sequence[Study | None], reasons: Sequence[str], *,
    seed: int = 0, replicates: int = 1000,
) -> Board:  # fmt: skip
    """Score answers by metrics of studies or reports; a study without an answer is unscored, not wrong.

    Args:
        names: registered metrics.
        references: studies with nothing hidden.
        answers: one for each, None where there is none.
        reasons: why there is none.
        seed, replicates: of the bootstrap over patients.
    """
    ids = tuple(study.id for study in references)
    patients = tuple(study.patient or study.id for study in references)
    lines: dict[str, Line] = {}
    missing: dict[str, str] = {}
    shared: dict[str, tuple[Pairs[Any] | None, list[int], dict[int, str]]] = {}
    for name in names:
        found = metric(name)
        if found.takes not in shared:
            shared[found.takes] = _pairs(found.takes, references, answers, reasons, ids, patients)
        pairs, chosen, without = shared[found.takes]
        if pairs is None:
            missing[name] = "no study has an answer that it could score"
            continue
        try:
            lines[name] = _line(found, pairs, chosen, without, patients, seed=seed, replicates=replicates)
        except HilumError as error:
            missing[name] = str(error)
        except Exception as error:  # a mistake in a stranger's metric costs its own score, not the others'
            missing[name] = f"something unexpected went wrong ({type(error).__name__}: {error})"
    return Board(ids, patients, lines, missing, sum(answer is not None for answer in answers))


def _line(
    found: Metric, pairs: Pairs[Any], chosen: Sequence[int], without: Mapping[int, str], patients: Sequence[str], *,
    seed: int, replicates: int,
) -> Line:  # fmt: skip
    done = found(pairs)
    if len(done.values) != len(pairs):
        raise InputError(f"it gave {len(done.values)} values for {len(pairs)} studies: a metric gives one for each")
    whole = spread(done, chosen, len(patients), without)
    count = int(np.isfinite(whole.values).sum())
    interval = whole.interval(patients, replicates=replicates, seed=seed)
    if too_few(done, pairs.patients):
        interval = replace(interval, low=float("nan"), high=float("nan"))
    return Line(found, whole, interval, count or len(chosen) - len(done.unscored))


def too_few(scored: Scored, patients: Sequence[str]) -> bool:
    """Return whether fewer than `FEWEST` patients have a value, so that resampling them tells nothing.

    Args:
        scored: of a metric that gives single items no value, all items count.
        patients: of each item.
    """
    held = np.flatnonzero(np.isfinite(scored.values))
    return len({patients[int(n)] for n in held} if len(held) else set(patients)) < FEWEST


def _pairs(
    takes: str, references: Sequence[Study], answers: Sequence[Study | None], reasons: Sequence[str],
    ids: Sequence[str], patients: Sequence[str],
) -> tuple[Pairs[Any] | None, list[int], dict[int, str]]:  # fmt: skip
    """Pairs of those that were answered, their numbers, and why the others are not among them."""
    chosen: list[int] = []
    without: dict[int, str] = {}
    for number, (reference, answer) in enumerate(zip(references, answers, strict=True)):
        if answer is None:
            without[number] = f"no answer: {reasons[number]}"
        elif takes == "report" and (reference.report is None or answer.report is None):
            without[number] = f"the {'study' if reference.report is None else 'answer'} has no report"
        else:
            chosen.append(number)
    if not chosen:
        return None, chosen, without
    right = [references[n].report if takes == "report" else references[n] for n in chosen]
    said = [answers[n].report if takes == "report" else answers[n] for n in chosen]  # type: ignore[union-attr]
    pairs: Pairs[Any] = Pairs(
        tuple(right), tuple(said), tuple(ids[n] for n in chosen), tuple(patients[n] for n in chosen)
    )
    return pairs, chosen, without


def spread(scored: Scored, chosen: Sequence[int], count: int, without: Mapping[int, str]) -> Scored:
    """Return scores of some items as scores of all; the others have no value and no weight.

    Args:
        scored: of the chosen items.
        chosen: their numbers among all, ascending.
        count: of all.
        without: number -> why it is not among them.
    """
    places = np.asarray(chosen, dtype=np.intp)
    values = np.full(count, np.nan)
    values[places] = scored.values
    unscored = {int(places[number]): why for number, why in scored.unscored.items()} | dict(without)
    notes: list[Any] = []
    if len(scored.notes):
        notes = [None] * count
        for place, note in zip(chosen, scored.notes, strict=True):
            notes[place] = note

    def at(weights: Floats) -> Floats:
        return scored.at(weights[:, places])

    return replace(scored, values=values, at=at, unscored=dict(sorted(unscored.items())), notes=notes)
