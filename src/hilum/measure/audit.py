"""The audit of report metrics: every metric meets reports edited in known ways, and is told what it cannot see.

Scale: 0 % is what a metric gives to the report itself, 100 % what it gives to another patient's report. Of a harmful
edit a metric is *blind* where the 95 % interval (bootstrap over reports) of the loss ends below 5 % for an edit of one
finding, below 25 % for one that takes all disease away; it *sees* it where the interval begins there, but the edit is
*drowned* where it costs less than saying the same in other words; it *rewards* it where the score gets better. It
*punishes* a harmless edit where that costs more than 25 %, or at least 5 % and more than dropping all positive
findings; it *ignores* it where the interval lies within 5 % either way, else it *moves*. A metric by which another
patient's report is no worse takes its scale from the harmful edit that costs most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hilum.core.errors import HilumError, InputError
from hilum.core.report import SECTIONS, Report
from hilum.core.seed import generator
from hilum.measure.audited import STEPS, Audit, AuditRow, Effect, Verdict
from hilum.measure.metric import Metric, metric, metrics
from hilum.measure.pairs import Pairs, Text, plain
from hilum.measure.perturb import Edited, edit, edits_in_turn, kinds
from hilum.measure.scored import Scored
from hilum.measure.stats import Floats, Interval, bounds, patient_weights

__all__ = ["ALL", "FEWEST", "HARMLESS", "ONE", "SAME", "Audit", "Edits", "audit", "edited"]
ONE, ALL, HARMLESS = 0.05, 0.25, 0.25
"""Shares of the scale: least loss for one finding, for all of the disease; most loss for what harms nobody."""
FEWEST = 5  # reports an edit must have been made on for a verdict
SAME = "identity"
_KEPT = ("indication", "technique", "comparison")
_OTHERS = 4  # patients whose reports are offered as another's

Rows = Mapping[str, tuple[NDArray[np.intp], NDArray[np.intp]]]


@dataclass(frozen=True, eq=False)
class Edits:
    """Reports and all that was made of them, as one list of pairs.

    Args:
        pairs: every report beside every edit of it.
        rows: kind -> (reports it was made on, rows of the pairs that hold it).
        counts: kind -> how many reports were edited, had nothing to edit, or could not be proved on.
        ids: of the reports.
        seed: of the draws.
    """

    pairs: Pairs[Text]
    rows: Rows
    counts: Mapping[str, Mapping[str, int]]
    ids: tuple[str, ...]
    seed: int


def audit(
    names: Sequence[str],
    reports: Sequence[Text],
    *,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    most: int = 300,
    replicates: int = 200,
    on_done: Callable[[str], None] = lambda name: None,
) -> Audit:
    """Audit metrics of reports.

    Args:
        names: registered metrics that take reports; all of them where there are none.
        reports: to edit: text, or sections, of which findings and impression are edited as one running text.
        seed: of the edits and the bootstrap.
        ids: of the reports, one patient each; numbers where none are given.
        most: of more reports than this, so many are drawn; a few hundred tell all that the verdicts need.
        replicates: of the bootstrap.
        on_done: called with the name of each metric as it is finished.

    Returns:
        A row for each metric; one that cannot be computed has the reason.

    Raises:
        InputError: if a name is not registered or takes no reports, or fewer than two reports have text.
    """
    chosen = [metric(name) for name in names] or list(metrics("report"))
    for each in chosen:
        if each.takes != "report":
            raise InputError(f"the audit edits reports, but '{each.name}' takes {each.takes}s: leave it out")
    made = edited(reports, seed=seed, ids=ids, most=most)
    weights = patient_weights(made.ids, replicates=replicates, seed=seed)
    weights = np.concatenate([np.ones((1, len(made.ids))), weights])
    rows = []
    for each in chosen:
        rows.append(_row(each, made, weights))
        on_done(each.name)
    return Audit(tuple(rows), made.counts, len(made.ids), seed)


def edited(
    reports: Sequence[Text], *, seed: int = 0, ids: Sequence[str] | None = None, most: int | None = None
) -> Edits:
    """Return reports with every edit of each that could be made and proved.

    Args:
        reports, seed, ids, most: see `audit`; all reports where `most` is None.

    Raises:
        InputError: if fewer than two reports have text, or ids do not fit.
    """
    if ids is not None and len(ids) != len(reports):
        raise InputError(f"{len(reports)} reports but {len(ids)} ids: give one for each")
    named = [str(number) for number in range(len(reports))] if ids is None else list(ids)
    kept = [number for number, report in enumerate(reports) if plain(report).strip()]
    if len(kept) < 2:
        raise InputError(f"an audit needs two reports with text or more, got {len(kept)}")
    if most is not None and len(kept) > most:
        drawn = generator(seed, "audit", "reports").permutation(len(kept))[:most]
        kept = [kept[number] for number in sorted(drawn.tolist())]
    made = _Made([plain(reports[number]) for number in kept], [_shell(reports[number]) for number in kept])
    made.make(seed)
    said = tuple(named[number] for number in kept)
    unique = tuple(f"{said[number]}/{kind}" for number, kind in made.owners)
    pairs = Pairs(tuple(made.references), tuple(made.answers), unique)
    return Edits(pairs, made.rows(), made.counts, said, seed)


class _Made:
    """Pairs as they are made: each reference beside each of its edits."""

    def __init__(self, texts: list[str], shells: list[dict[str, str]]) -> None:
        self.texts, self.shells = texts, shells
        self.references: list[Text] = []
        self.answers: list[Text] = []
        self.owners: list[tuple[int, str]] = []
        self.counts = {name: Counter[str]() for name in kinds()}

    def make(self, seed: int) -> None:
        turns = _turns(len(self.texts), seed)
        for number, text in enumerate(self.texts):
            self.add(number, SAME, text)
            others = [self.texts[turn] for turn in turns[number] if self.texts[turn] != text]
            for name in kinds():
                found = edit(text, name, seed=seed, others=others)
                self.counts[name]["edited" if isinstance(found, Edited) else found.reason] += 1
                if isinstance(found, Edited):
                    self.add(number, name, found.text)
            steps = edits_in_turn(text, max(STEPS), seed=seed)
            for count in STEPS if len(steps) == max(STEPS) else ():
                self.add(number, _step(count), steps[count - 1].text)

    def add(self, number: int, kind: str, text: str | Mapping[str, str]) -> None:
        self.owners.append((number, kind))
        self.references.append(_dressed(self.shells[number], self.texts[number]))
        self.answers.append(_dressed(self.shells[number], text))

    def rows(self) -> Rows:
        found: dict[str, list[tuple[int, int]]] = {name: [] for name in (SAME, *kinds(), *map(_step, STEPS))}
        for row, (number, kind) in enumerate(self.owners):
            found[kind].append((number, row))
        return {kind: (_column(pairs, 0), _column(pairs, 1)) for kind, pairs in found.items()}


def _step(count: int) -> str:
    return f"{count} in turn"


def _column(found: Sequence[tuple[int, int]], which: int) -> NDArray[np.intp]:
    return np.array([pair[which] for pair in found], dtype=np.intp)


def _turns(count: int, seed: int) -> list[list[int]]:
    """For each report a few others, by shifts of one random circle: nobody is given its own."""
    circle = generator(seed, "derangement").permutation(count)
    place = {int(number): at for at, number in enumerate(circle)}
    return [
        [int(circle[(place[number] + step) % count]) for step in range(1, min(_OTHERS, count - 1) + 1)]
        for number in range(count)
    ]


def _shell(report: Text) -> dict[str, str]:
    """Sections that are kept as they are on both sides: a metric of comparisons needs them."""
    if isinstance(report, str):
        return {}
    given = {name: getattr(report, name) for name in SECTIONS} if isinstance(report, Report) else report
    return {name: given[name] for name in _KEPT if given.get(name)}


def _dressed(shell: dict[str, str], text: str | Mapping[str, str]) -> Text:
    if not shell:
        return text
    return {**shell, **({"findings": text} if isinstance(text, str) else text)}


def _row(each: Metric, made: Edits, weights: Floats) -> AuditRow:
    try:
        scored = each(made.pairs)
    except HilumError as error:
        return AuditRow(each.name, each.better, each.version, reason=str(error))
    except Exception as error:  # one broken metric must not take the audit of all others with it
        return AuditRow(each.name, each.better, each.version, reason=f"{type(error).__name__}: {error}")
    meter = _Meter(scored, made, weights)
    if not np.isfinite(meter.same[0]):
        return AuditRow(each.name, each.better, each.version, reason="undefined on reports answered by themselves")
    basis, scale = meter.scale()
    drop, other_words = (meter.loss(name) / scale for name in ("drop-positives", "paraphrase"))
    effects = {name: meter.effect(name, scale, other_words if kind.harmful else drop) for name, kind in kinds().items()}
    steps = tuple(meter.loss(_step(count)) / scale for count in STEPS)
    return AuditRow(
        each.name, each.better, each.version, float(meter.same[0]), float(meter.value("other-report")[0]),
        float(scale[0]), basis, effects, tuple(_bounds(step) for step in steps), _monotone(steps), scored.signature,
    )  # fmt: skip


def _bounds(drawn: Floats) -> Interval:
    return bounds(float(drawn[0]), drawn[1:])


def _monotone(steps: Sequence[Floats]) -> str:
    found = [_bounds(step) for step in (steps[0], steps[1] - steps[0], steps[2] - steps[1])]
    if not all(np.isfinite(one.low) for one in found):
        return "undefined"
    if _bounds(steps[2]).high < ONE:
        return "flat"
    return "falls" if all(one.low > 0 for one in found) else "not always"


@dataclass(frozen=True, eq=False)
class _Meter:
    """One metric's values under every edit and every draw of reports; the first draw is the whole set."""

    scored: Scored
    made: Edits
    weights: Floats

    @property
    def same(self) -> Floats:
        return self.value(SAME)

    def at(self, parts: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]]) -> Floats:
        wide = np.zeros((len(self.weights), len(self.scored.values)))
        for reports, rows in parts:
            wide[:, rows] = self.weights[:, reports]
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.scored.at(wide), dtype=np.float64)

    def value(self, kind: str) -> Floats:
        """Values over the reports that an edit was made on."""
        return self.at([self.made.rows[kind]])

    def over_all(self, kind: str) -> Floats:
        """Values over all reports, those without the edit answered by themselves."""
        reports, rows = self.made.rows[SAME]
        untouched = ~np.isin(reports, self.made.rows[kind][0])
        return self.at([self.made.rows[kind], (reports[untouched], rows[untouched])])

    def loss(self, kind: str) -> Floats:
        """What an edit costs over the reports it was made on; above 0 is worse."""
        reports, rows = self.made.rows[SAME]
        touched = np.isin(reports, self.made.rows[kind][0])
        sign = 1.0 if self.scored.better == "higher" else -1.0
        return sign * (self.at([(reports[touched], rows[touched])]) - self.value(kind))

    def scale(self) -> tuple[str, Floats]:
        """The edit that gives the scale, and its loss in every draw; NaN where no harmful edit costs anything."""
        harmful = ["other-report", *(name for name, kind in kinds().items() if kind.harmful)]
        clear = {name: loss for name in harmful for loss in [self.loss(name)] if _bounds(loss).low > 1e-9}
        if not clear:
            return "", np.full(len(self.weights), np.nan)
        basis = "other-report" if "other-report" in clear else max(clear, key=lambda name: float(clear[name][0]))
        return basis, np.where(clear[basis] > 1e-9, clear[basis], np.nan)

    def effect(self, kind: str, scale: Floats, rival: Floats) -> Effect:
        """What one edit does, relative to the scale, and beside what a rival edit costs."""
        relative = self.loss(kind) / scale
        loss, count = _bounds(relative), len(self.made.rows[kind][0])
        verdict: Verdict = "too few"
        if count >= FEWEST:
            verdict = _verdict(kind, loss, _bounds(relative - rival))
        value, over_all = float(self.value(kind)[0]), float(self.over_all(kind)[0])
        return Effect(kind, kinds()[kind].scope, count, value, over_all, loss, verdict)


def _verdict(kind: str, loss: Interval, beyond: Interval) -> Verdict:
    """Judge a loss, and how far it is beyond that of a paraphrase (harmful) or of dropped positives (harmless)."""
    if not (np.isfinite(loss.low) and np.isfinite(loss.high)):
        return "undefined"
    if kinds()[kind].harmful:
        least = ONE if kinds()[kind].scope == "one" else ALL
        if loss.high < -0.01:
            return "rewards"
        if loss.low >= least:
            return "drowned" if beyond.high < 0 else "sees"
        return "blind" if loss.high < least else "unclear"
    if loss.low > HARMLESS or (loss.value > ONE and beyond.low > 0):
        return "punishes"
    return "ignores" if loss.low > -ONE and loss.high < ONE else "moves"
