"""What each report metric is blind to, from the audit that ships with the package."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from hilum.measure.audited import Audit, AuditRow, audit_from

TABLE = Path(__file__).parent / "tables" / "audit.json"


@cache
def shipped_audits() -> dict[str, Audit]:
    """Return the audits that ship: 'invented' reports, and 'openi' where real ones were at hand."""
    loaded = json.loads(TABLE.read_text(encoding="utf-8"))
    return {name: audit_from(record) for name, record in loaded["audits"].items()}


@cache
def _rows() -> dict[str, AuditRow]:
    return {row.metric: row for row in shipped_audits()["invented"].rows}


def blindness(name: str) -> tuple[str, ...]:
    """Return the harmful edits that a metric does not see, or even rewards; empty where it was not audited.

    Args:
        name: registered metric.
    """
    row = _rows().get(name)
    return row.with_verdict("blind", "rewards") if row else ()


def drowned(name: str) -> tuple[str, ...]:
    """Return the harmful edits that cost a metric less than saying the same in other words; empty if not audited.

    Args:
        name: registered metric.
    """
    row = _rows().get(name)
    return row.with_verdict("drowned") if row else ()


def audited(name: str) -> bool:
    """Whether the shipped audit tried a metric: only then does an empty `blindness` say that nothing was found.

    Args:
        name: registered metric.
    """
    row = _rows().get(name)
    return row is not None and not row.reason


def audit_row(name: str) -> AuditRow | None:
    """Return a metric's row of the shipped audit, or None where it has none.

    Args:
        name: registered metric.
    """
    return _rows().get(name)
