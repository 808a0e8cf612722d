"""Score a candidate against its reference: every metric with its interval, rows, a page, and on request an audit."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hilum.app.score_files import Joined, Section, join
from hilum.core.errors import HilumError, InputError
from hilum.measure.metric import Metric, metric, metrics
from hilum.measure.pairs import Pairs, unreadable
from hilum.measure.scored import FEWEST, Scored
from hilum.measure.stats import Interval, bounds, patient_weights

if TYPE_CHECKING:
    from hilum.measure.audit import Audit
    from hilum.measure.significance import Compared

AUDITED = 200  # reports that an audit looks at: enough for its verdicts, and quick
Step = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Choices:
    """How to score.

    Args:
        metrics: names; every metric that needs nothing extra where empty, all of them where ('all',).
        section: part of the reports, see `score_files.join`.
        columns, candidate_columns: role -> column name.
        audit: also audit the metrics on the reference reports.
        seed: of bootstrap, permutations and audit.
        replicates: of the bootstrap.
    """

    metrics: Sequence[str] = ()
    section: Section = "auto"
    columns: Mapping[str, str] = field(default_factory=dict)
    candidate_columns: Mapping[str, str] | None = None
    audit: bool = False
    seed: int = 0
    replicates: int = 1000


@dataclass(frozen=True)
class Outcome:
    """What scoring came to.

    Args:
        joined: what was scored.
        chosen: the metrics, in the order of their names.
        scored: name -> score.
        intervals: name -> 95 % interval over patients.
        failed: name -> why the metric could not be computed.
        other: the same of the file it was compared with, or None.
        compared: paired differences of the two, reference method first.
        audit: what the metrics see on these references, or None.
        seconds: wall time of the scoring.
    """

    joined: Joined
    chosen: tuple[Metric, ...]
    scored: Mapping[str, Scored]
    intervals: Mapping[str, Interval]
    failed: Mapping[str, str]
    other: Outcome | None = None
    compared: tuple[Compared, ...] = ()
    audit: Audit | None = None
    seconds: float = 0.0


def score_files(
    reference: Path, candidate: Path, *, compare: Path | None = None, choices: Choices | None = None,
    on_step: Step = lambda name, number, total: None,
) -> Outcome:  # fmt: skip
    """Score a candidate file against a reference file.

    Args:
        reference, candidate: tables, JSONL, folders of reports, or JSONL of Studies, joined by id.
        compare: another candidate, scored beside it on the ids that both have.
        choices: metrics, sections, columns, seed.
        on_step: called with what is done, its number and how many there are.

    Raises:
        InputError: if a file cannot be read or joined, or a metric is not known.
    """
    choices = choices or Choices()
    both = [_joined(reference, path, choices) for path in (candidate, *([compare] if compare else []))]
    if compare:
        both = _same(both, (candidate, compare))
    chosen = _chosen(both[0], choices.metrics)
    total = len(chosen) * len(both) + int(choices.audit)
    done = [0]

    def step(name: str) -> None:
        done[0] += 1
        on_step(name, done[0], total)

    made = [_score(joined, chosen, choices, step) for joined in both]
    compared, notes = _compare(made, choices) if compare else ((), [])
    audit = _audit(both[0], chosen, choices, step) if choices.audit else None
    first = made[0]
    return Outcome(
        replace(first.joined, notes=(*first.joined.notes, *notes)), first.chosen, first.scored, first.intervals,
        first.failed, made[1] if compare else None, compared, audit, first.seconds,
    )  # fmt: skip


def _joined(reference: Path, candidate: Path, choices: Choices) -> Joined:
    return join(
        reference, candidate, section=choices.section, columns=choices.columns,
        candidate_columns=choices.candidate_columns,
    )  # fmt: skip


def _chosen(joined: Joined, names: Sequence[str]) -> tuple[Metric, ...]:
    """The metrics to run: those named, or all that these pairs can be scored by."""
    takes = [kind for kind, pairs in (("report", joined.reports), ("study", joined.studies)) if pairs is not None]
    every = [each for kind in takes for each in metrics(kind)]
    if not names or list(names) == ["all"]:
        return tuple(each for each in every if names or not each.needs)
    chosen = tuple(metric(name) for name in dict.fromkeys(names))
    wrong = [each for each in chosen if each.takes not in takes]
    if wrong:
        raise InputError(
            f"the metric '{wrong[0].name}' scores {wrong[0].takes} pairs, and these files hold "
            f"{' and '.join(takes) or 'nothing'} pairs; see 'hilum list metrics'"
        )
    return chosen


def _same(both: list[Joined], paths: tuple[Path, Path]) -> list[Joined]:
    """Two joins cut to the ids that both scored, so that differences are paired; what that leaves out is noted."""
    kept, notes = [], list[str]()
    for kind in ("reports", "studies"):
        pairs = [getattr(joined, kind) for joined in both]
        ids = [list(each.ids) if each is not None else [] for each in pairs]
        common = set(ids[0]) & set(ids[1])
        kept.append([_only(each, common) for each in pairs])
        for own, path in zip(ids, reversed(rivals(*paths)), strict=True):
            lost = [name for name in own if name not in common]
            if lost and any(common):
                notes.append(f"{len(lost)} pairs are not in {path}, scored for neither: {', '.join(lost[:5])}")
    if all(each is None for kind in kept for each in kind):
        raise InputError("the two candidates have no id in common that the reference has too")
    parts = {joined.section for joined in both}
    if len(parts) > 1:
        raise InputError(
            f"the candidates have different sections ({', '.join(sorted(parts))}): choose one with --section"
        )
    return [
        replace(j, reports=kept[0][n], studies=kept[1][n], notes=(*j.notes, *dict.fromkeys(notes)))
        for n, j in enumerate(both)
    ]


def rivals(candidate: Path, compare: Path) -> tuple[str, str]:
    """Return names that tell two candidates apart: with their folders where the files are called the same."""
    if candidate.name != compare.name:
        return candidate.name, compare.name
    return candidate.as_posix(), compare.as_posix()


def _only(pairs: Pairs[Any] | None, ids: set[str]) -> Pairs[Any] | None:
    if pairs is None:
        return None
    rows = [number for number, name in enumerate(pairs.ids) if name in ids]
    if not rows:
        return None
    references, answers, names, patients = (
        tuple(each[row] for row in rows) for each in (pairs.references, pairs.answers, pairs.ids, pairs.patients)
    )
    return Pairs(references, answers, names, patients)  # type: ignore[arg-type]


def _score(joined: Joined, chosen: Sequence[Metric], choices: Choices, step: Callable[[str], None]) -> Outcome:
    began = time.perf_counter()
    scored, intervals, failed = {}, {}, {}
    weights: dict[str, Any] = {}
    for each in chosen:
        pairs: Pairs[Any] | None = joined.reports if each.takes == "report" else joined.studies
        if pairs is None:
            continue
        try:
            scored[each.name] = found = each(pairs)
            if each.takes not in weights:
                drawn = patient_weights(pairs.patients, replicates=choices.replicates, seed=choices.seed)
                weights[each.takes] = np.concatenate([np.ones((1, len(pairs))), drawn])
            values = found.at(weights[each.takes])
            intervals[each.name] = _interval(found, pairs, values)
        except HilumError as error:
            failed[each.name] = str(error)
            scored.pop(each.name, None)
        step(each.name)
    return Outcome(joined, tuple(chosen), scored, intervals, failed, seconds=time.perf_counter() - began)


def _interval(found: Scored, pairs: Pairs[Any], values: Any) -> Interval:
    """The interval over patients; undefined where only one or two patients have a value to draw from."""
    held = {pairs.patients[number] for number in np.flatnonzero(np.isfinite(found.values))}
    drawn = values[1:] if not held or len(held) >= FEWEST else np.full(len(values) - 1, np.nan)
    return bounds(float(values[0]), drawn)


def _compare(made: Sequence[Outcome], choices: Choices) -> tuple[tuple[Compared, ...], list[str]]:
    """The comparisons, and a note on each metric whose two numbers are of different protocols."""
    from hilum.measure.significance import compare

    found: list[Compared] = []
    notes: list[str] = []
    for kind in ("report", "study"):
        both = [m.name for m in made[0].chosen if m.takes == kind and all(m.name in one.scored for one in made)]
        apart = [name for name in both if len({one.scored[name].signature for one in made}) > 1]
        notes += [f"{name} is not compared: its two numbers are of different protocols" for name in apart]
        pairs: Pairs[Any] | None = made[0].joined.reports if kind == "report" else made[0].joined.studies
        names = [name for name in both if name not in apart]
        if names and pairs is not None:
            first, second = ({name: one.scored[name] for name in names} for one in made)
            found += compare(first, second, pairs.patients, replicates=choices.replicates, seed=choices.seed)
    return tuple(found), notes


def _audit(joined: Joined, chosen: Sequence[Metric], choices: Choices, step: Callable[[str], None]) -> Audit:
    from hilum.measure.audit import audit

    names = [each.name for each in chosen if each.takes == "report"]
    if joined.reports is None or not names:
        raise InputError("an audit needs reports, and a metric that scores reports")
    lost = unreadable(joined.reports)
    held = [text for number, text in enumerate(joined.reports.references) if number not in lost]
    found = audit(names, held[:AUDITED], seed=choices.seed)
    step("audit")
    return found
