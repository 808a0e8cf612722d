"""GREEN by its own language model: the judge counts errors, the arithmetic is GREEN's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from hilum.core.registry import register
from hilum.measure.adapters.green_answer import LONGEST, PROMPT, SOURCE, read_green
from hilum.measure.adapters.judge import load_judge, scored_by
from hilum.measure.metrics.green import ERRORS
from hilum.measure.metrics.green import green as arithmetic
from hilum.measure.pairs import ReportPairs
from hilum.measure.scored import Scored


@register.metric(
    "green", better="higher", takes="report", over="set", range=(0, 1), version=1,
    needs="GREEN's weights (HILUM_WEIGHTS) and the extra 'language'",
)  # fmt: skip
def green_judge(
    pairs: ReportPairs, weights: str | Path | None = None, device: str = "cpu", model: str = SOURCE.model
) -> Scored:
    """Matched findings over these and clinically significant errors, as GREEN's language model counts them (GREEN).

    A pair whose answer of the judge cannot be read is unscored, where GREEN's code counts 0 for what it does not find.

    Args:
        pairs: reports.
        weights: GREEN's folder; 'green' in the folder that HILUM_WEIGHTS names by default.
        device: 'cpu', 'cuda' ...
        model: what the signature calls the weights, where the folder holds another model of GREEN's.

    Raises:
        MissingError: if the weights or the extra 'language' are not there.
        InputError: if the folder is not a causal language model, its prompt.txt is wrong, or the device is not there.
    """
    source = replace(SOURCE, model=model)
    judge = load_judge("green", source, PROMPT, "green", LONGEST, whole=True, weights=weights, device=device)
    return scored_by("green", pairs, judge, _read)


def _read(said: str) -> tuple[float, dict[str, Any]]:
    counts = read_green(said)
    return arithmetic(counts.matched, counts.significant), {
        "matched": counts.matched, "significant": dict(zip(ERRORS, counts.significant, strict=True)),
        "not significant": dict(zip(ERRORS, counts.insignificant, strict=True)),
    }  # fmt: skip
