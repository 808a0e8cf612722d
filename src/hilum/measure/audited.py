"""What an audit found: a row for each metric, a verdict for each edit, as lines, JSON or an HTML table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from string import ascii_uppercase
from typing import Any, Literal

from hilum.measure.perturb import Scope, kinds
from hilum.measure.stats import Interval

Verdict = Literal[
    "sees", "drowned", "blind", "rewards", "unclear", "ignores", "moves", "punishes", "undefined", "too few"
]  # fmt: skip
STEPS = (1, 2, 4)
MARKS = {"blind": "b", "drowned": "d", "rewards": "r", "punishes": "!", "unclear": "?", "moves": "~"}
KEY = (
    "A cell is what one edit costs, in % of the way from the same report to another patient's. b: blind, "
    "d: drowned (a paraphrase costs more), r: rewarded, !: punished though harmless, ~: moved though harmless, "
    "?: unclear."
)

SHADES = {
    "sees": "sees a harm", "blind": "blind", "drowned": "drowned", "rewards": "rewarded", "punishes": "punished",
    "unclear": "unclear", "ignores": "ignores the harmless",
}  # fmt: skip
"""Verdicts that have a colour of their own on a page, in words."""


@dataclass(frozen=True)
class Effect:
    """What one edit does to one metric.

    Args:
        edit: its kind.
        scope: 'one' finding, 'all' of the disease, or 'none' (harmless).
        reports: how many the edit could be made on.
        value: of the metric over those.
        over_all: of the metric over all reports, those without the edit answered by themselves.
        loss: what the edit costs as a share of the metric's scale, with its interval over reports.
        verdict: see `hilum.measure.audit`.
    """

    edit: str
    scope: Scope
    reports: int
    value: float
    over_all: float
    loss: Interval
    verdict: Verdict


@dataclass(frozen=True)
class AuditRow:
    """One metric under audit.

    Args:
        metric, better, version: as registered.
        identity: every report answered by itself.
        other: every report answered by another patient's.
        scale: what stands for 100 % of loss.
        basis: the edit that gave the scale; '' where no harmful edit costs anything.
        effects: by edit.
        steps: relative loss after 1, 2 and 4 harmful edits.
        monotone: 'falls' with every step, 'flat', 'not always', or 'undefined'.
        signature: of the metric's protocol.
        reason: why it could not be audited; all else is empty then.
    """

    metric: str
    better: str
    version: int
    identity: float = math.nan
    other: float = math.nan
    scale: float = math.nan
    basis: str = ""
    effects: Mapping[str, Effect] = field(default_factory=dict)
    steps: tuple[Interval, ...] = ()
    monotone: str = "undefined"
    signature: str = ""
    reason: str = ""

    def with_verdict(self, *verdicts: Verdict) -> tuple[str, ...]:
        """Names of the edits with one of these verdicts."""
        return tuple(name for name, effect in self.effects.items() if effect.verdict in verdicts)

    @property
    def summary(self) -> str:
        """One sentence: what it is blind to, what it punishes, whether it falls with more errors."""
        if self.reason:
            return f"not audited: {self.reason}"
        if not self.basis:
            return "no harmful edit costs it anything: it is no measure of agreement"
        parts = [
            f"{word} {', '.join(names)}"
            for word, names in (
                ("sees", self.with_verdict("sees")),
                ("drowned by a paraphrase:", self.with_verdict("drowned")),
                ("blind to", self.with_verdict("blind")),
                ("rewards", self.with_verdict("rewards")),
                ("punishes the harmless", self.with_verdict("punishes")),
            )
            if names
        ]
        more = {"falls": "falls with every further error", "flat": "flat over 1, 2, 4 errors"}
        return "; ".join([*parts, more.get(self.monotone, "does not always fall with more errors")])


@dataclass(frozen=True)
class Audit:
    """An audit of metrics on a set of reports.

    Args:
        rows: one for each metric.
        edits: kind -> how many reports it was made on, had nothing to edit, or could not be proved on.
        reports: how many.
        seed: of the edits and of the bootstrap.
    """

    rows: tuple[AuditRow, ...]
    edits: Mapping[str, Mapping[str, int]]
    reports: int
    seed: int

    def row(self, metric: str) -> AuditRow:
        """Row of one metric."""
        return next(row for row in self.rows if row.metric == metric)

    def lines(self) -> list[str]:
        """Tables for a terminal: what the edits are, harmful and harmless ones, then a sentence for each metric."""
        names = self.columns("one", "all", "none")
        letters = dict(zip(names, ascii_uppercase, strict=False))
        said = [f"{self.reports} reports, seed {self.seed}. {KEY}", ""]
        for name in names:
            about, harmful = kinds()[name].about, kinds()[name].harmful
            made = self.edits[name].get("edited", 0)
            said.append(f"  {letters[name]} {name}: {about}{'' if harmful else ' (harmless)'}, {made} reports")
        wide = max((len(row.metric) for row in self.rows), default=6) + 1
        for title, scopes in (("harmful", ("one", "all")), ("harmless", ("none",))):
            shown = self.columns(*scopes)
            said += ["", f"{title:{wide}}{'same':>8}{'other':>8}" + "".join(f"{letters[name]:>5} " for name in shown)]
            for row in self.rows:
                if not row.reason:
                    cells = "".join(f"{_cell(row, name):>6}" for name in shown)
                    said.append(f"{row.metric:{wide}}{_figure(row.identity):>8}{_figure(row.other):>8}{cells}")
        return [*said, "", *(f"{row.metric}: {row.summary}" for row in self.rows)]

    def columns(self, *scopes: str) -> list[str]:
        """Names of the edits of these scopes, in order."""
        known = {name: effect for row in self.rows for name, effect in row.effects.items()}
        return [name for name in self.edits if name in known and known[name].scope in scopes]

    def record(self) -> dict[str, Any]:
        """JSON form; `audit_from` reads it back."""
        return {
            "reports": self.reports,
            "seed": self.seed,
            "edits": {name: dict(counts) for name, counts in self.edits.items()},
            "rows": [_row_record(row) for row in self.rows],
        }

    def html(self) -> str:
        """HTML of relative losses, a column for each edit under a letter, with the key and the words of each metric.

        Each cell has its verdict as class ('audit-blind') and edit and verdict as title; all text is escaped.
        """
        harmless = self.columns("none")
        names = [*self.columns("one", "all"), *harmless]
        letters = {name: _letter(number) for number, name in enumerate(names)}
        edge = {name: ["edge"] for name in harmless[:1]}
        heads = [f'<th scope="col">{head}</th>' for head in ("Metric", "Same", "Other")]
        heads += [_td("th", letters[name], edge.get(name, []), name, ' scope="col"') for name in names]
        body = []
        for row in self.rows:
            cells = [f'<th scope="row">{escape(row.metric)}</th>']
            if row.reason:
                body.append(f'<tr>{cells[0]}<td class="audit-none" colspan="{2 + len(names)}">not audited</td></tr>')
                continue
            cells += [f'<td class="figure">{_figure(value)}</td>' for value in (row.identity, row.other)]
            for name in names:
                effect = row.effects.get(name)
                verdict = effect.verdict if effect else "undefined"
                kind = [f"audit-{verdict.replace(' ', '-')}", *edge.get(name, [])]
                cells.append(_td("td", _cell(row, name).strip(), kind, f"{name}: {verdict}"))
            body.append(f"<tr>{''.join(cells)}</tr>")
        key = "".join(f"<li>{self._about(name, letters[name], name in harmless)}</li>" for name in names)
        words = "".join(f"<li><strong>{escape(row.metric)}</strong>: {escape(row.summary)}</li>" for row in self.rows)
        shades = "".join(f'<span class="audit-{name}">{word}</span> ' for name, word in SHADES.items())
        shades += '<span class="audit-too-few">grey: too few reports for a verdict</span>'
        return (
            f'<div class="audit-part"><p>{escape(f"Audit on {self.reports} reports. {KEY}")}</p><p>{shades}</p>'
            f'<div class="audit-wide"><table class="audit"><thead><tr>{"".join(heads)}</tr></thead>'
            f'<tbody>{"".join(body)}</tbody></table></div><ul class="audit-key">{key}</ul>'
            f'<details><summary>The same in words</summary><ul class="audit-words">{words}</ul></details></div>'
        )

    def _about(self, name: str, letter: str, harmless: bool) -> str:
        about = f": {kinds()[name].about}" if name in kinds() else ""
        said = f"{name}{about}{' (harmless)' if harmless else ''}, {self.edits[name].get('edited', 0)} reports"
        return f"<strong>{letter}</strong> {escape(said)}"


def _letter(number: int) -> str:
    return ascii_uppercase[number % 26] * (number // 26 + 1)


def _td(tag: str, text: str, classes: Sequence[str], title: str, more: str = "") -> str:
    kind = f' class="{escape(" ".join(classes), quote=True)}"' if classes else ""
    return f'<{tag}{kind} title="{escape(title, quote=True)}"{more}>{escape(text)}</{tag}>'


def _cell(row: AuditRow, name: str) -> str:
    effect = row.effects.get(name)
    if effect is None or not math.isfinite(effect.loss.value):
        return "-"
    return f"{round(effect.loss.value * 100)}{MARKS.get(effect.verdict, ' ')}"


def _figure(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "-"


def _number(value: float) -> float | None:
    return round(value, 5) if math.isfinite(value) else None


def _three(value: Interval) -> list[float | None]:
    return [_number(value.value), _number(value.low), _number(value.high)]


def _row_record(row: AuditRow) -> dict[str, Any]:
    told: dict[str, Any] = {"metric": row.metric, "better": row.better, "version": row.version}
    if row.reason:
        return {**told, "reason": row.reason}
    effects = {
        name: {
            "scope": effect.scope, "reports": effect.reports, "value": _number(effect.value),
            "over_all": _number(effect.over_all), "loss": _three(effect.loss), "verdict": effect.verdict,
        }
        for name, effect in row.effects.items()
    }  # fmt: skip
    return {
        **told, "signature": row.signature, "identity": _number(row.identity), "other": _number(row.other),
        "scale": _number(row.scale), "basis": row.basis, "effects": effects,
        "steps": [_three(step) for step in row.steps], "monotone": row.monotone,
    }  # fmt: skip


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _interval(three: Sequence[float | None]) -> Interval:
    return Interval(*map(_float, three))


def audit_from(record: Mapping[str, Any]) -> Audit:
    """Return the audit of a JSON form.

    Raises:
        KeyError: if a part is missing.
    """
    rows = []
    for told in record["rows"]:
        if "reason" in told:
            rows.append(AuditRow(told["metric"], told["better"], told["version"], reason=told["reason"]))
            continue
        effects = {
            name: Effect(
                name, one["scope"], one["reports"], _float(one["value"]), _float(one["over_all"]),
                _interval(one["loss"]), one["verdict"],
            )
            for name, one in told["effects"].items()
        }  # fmt: skip
        rows.append(AuditRow(
            told["metric"], told["better"], told["version"], _float(told["identity"]), _float(told["other"]),
            _float(told["scale"]), told["basis"], effects, tuple(map(_interval, told["steps"])), told["monotone"],
            told["signature"],
        ))  # fmt: skip
    return Audit(tuple(rows), record["edits"], record["reports"], record["seed"])
