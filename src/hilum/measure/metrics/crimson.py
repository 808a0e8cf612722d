"""CRIMSON by its own language model: the judge weighs findings and errors, the arithmetic is CRIMSON's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hilum.core.registry import register
from hilum.measure.adapters.crimson_answer import LONGEST, PROMPT, SOURCE, read_crimson
from hilum.measure.adapters.judge import load_judge, scored_by
from hilum.measure.metrics.green import crimson as arithmetic
from hilum.measure.pairs import ReportPairs
from hilum.measure.scored import Scored


@register.metric(
    "crimson", better="higher", takes="report", over="set", range=(-1, 1), version=1,
    needs="CRIMSON's weights (HILUM_WEIGHTS) and the extra 'language'",
)  # fmt: skip
def crimson(pairs: ReportPairs, weights: str | Path | None = None, device: str = "cpu") -> Scored:
    """Findings right less findings made up, weighted by how much each matters, as CRIMSON's language model says.

    Values are not rounded (CRIMSON's package gives four decimals). An answer that cannot be read leaves the pair
    unscored.

    Args:
        pairs: reports.
        weights: CRIMSON's folder; 'crimson' in the folder that HILUM_WEIGHTS names by default.
        device: 'cpu', 'cuda' ...

    Raises:
        MissingError: if the weights or the extra 'language' are not there.
        InputError: if the folder is not a causal language model, its prompt.txt is wrong, or the device is not there.
    """
    judge = load_judge("crimson", SOURCE, PROMPT, "chat", LONGEST, whole=False, weights=weights, device=device)
    return scored_by("crimson", pairs, judge, _read)


def _read(said: str) -> tuple[float, dict[str, Any]]:
    found = read_crimson(said)
    return arithmetic(found.matches, found.false, found.missing), {
        "matched": len(found.matches), "false": list(found.false), "missing": list(found.missing),
        "attribute errors": found.kinds, "ids not listed": list(found.stray),
    }  # fmt: skip
