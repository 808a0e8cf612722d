"""RadGraph-F1 by RadGraph's own model: its package annotates, in an environment of its own; the rewards are ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hilum.core.errors import InputError
from hilum.core.registry import register
from hilum.measure.adapters.radgraph_process import Annotated, Model, annotate
from hilum.measure.graph_reward import Case, Parts, nodes_of, parts, set_f1
from hilum.measure.pairs import ReportPairs, texts, unanswered
from hilum.measure.scored import Scored, averaged, signature

_VERSION = 1
_EMPTY = ("published", "undefined")
_NEEDS = "RadGraph's package in its own Python (HILUM_RADGRAPH_PYTHON) and its weights (HILUM_WEIGHTS)"
_NONE = Parts(frozenset(), frozenset(), frozenset(), frozenset())
Place = str | Path | None


def _annotated(
    name: str, pairs: ReportPairs, model: Model, weights: Place, python: Place, timeout_s: float | None
) -> tuple[Annotated, dict[str, int]]:
    def made(given: ReportPairs) -> tuple[Annotated, dict[str, int]]:
        distinct = sorted({text for side in texts(given) for text in side if text.strip()})
        found = annotate(name, distinct, model, weights, python, timeout_s)
        return found, {text: number for number, text in enumerate(distinct)}

    return pairs.once(("radgraph", model, str(weights), str(python)), made)


def _level(
    level: int, name: str, pairs: ReportPairs, model: Model, case: Case, empty: str, places: tuple[Place, Place],
    timeout_s: float | None,
) -> Scored:  # fmt: skip
    if empty not in _EMPTY:
        raise InputError(f"empty must be one of {', '.join(_EMPTY)}, got '{empty}'")
    parts([], case)  # a case that is not known is told before the model runs
    found, place = _annotated(name, pairs, model, *places, timeout_s)
    unscored, values, notes = unanswered(pairs), np.full(len(pairs), np.nan), []
    known: dict[str, Parts | None] = {"": _NONE}
    for text, number in place.items():
        document = found.documents[number]
        known[text] = None if document is None else parts(nodes_of(document), case)
    for number, both in enumerate(zip(*texts(pairs), strict=True)):
        notes.append({
            side: found.documents[place[text]] if text in place else None
            for side, text in zip(("reference", "answer"), both, strict=True)
        })  # fmt: skip
        reference, answer = (known[text if text.strip() else ""] for text in both)
        if reference is None or answer is None:
            unscored.setdefault(number, "RadGraph's package skipped a text of this pair")
        elif empty == "undefined" and not reference.simple and not answer.simple:
            unscored.setdefault(number, "neither report has an entity")
        if reference is not None and answer is not None and number not in unscored:
            values[number] = set_f1(reference[level], answer[level])
    said = signature(name, _VERSION, **found.said, case=case, empty=empty)
    return averaged(name, values, said, unscored=unscored, notes=notes)


@register.metric(
    "radgraph-xl/simple", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION, needs=_NEEDS
)
def simple(
    pairs: ReportPairs, model: Model = "radgraph-xl", case: Case = "lower", empty: str = "published",
    weights: Place = None, python: Place = None, timeout_s: float | None = None,
) -> Scored:  # fmt: skip
    """F1 over entities (words and label) that RadGraph's own model finds (RadGraph-F1, simple).

    Args:
        pairs: reports.
        model: of RadGraph.
        case: see `graph_reward.CASES`; figures by the package 0.1.18 have 'as-released-0.1.18'.
        empty: what a pair without any entity on both sides is: 0 as 'published', or 'undefined'.
        weights: the model's folder; by default the one in the folder that HILUM_WEIGHTS names.
        python: that has the package; HILUM_RADGRAPH_PYTHON by default.
        timeout_s: in seconds; by default 600 and 5 for each text.

    Raises:
        MissingError: if the Python, the package or the weights are not there.
        InputError: if a choice is unknown.
        HilumError: if the process fails or takes too long.
    """
    return _level(0, "radgraph-xl/simple", pairs, model, case, empty, (weights, python), timeout_s)


@register.metric(
    "radgraph-xl/partial", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION, needs=_NEEDS
)
def partial(
    pairs: ReportPairs, model: Model = "radgraph-xl", case: Case = "lower", empty: str = "published",
    weights: Place = None, python: Place = None, timeout_s: float | None = None,
) -> Scored:  # fmt: skip
    """F1 over entities and whether each is related, by RadGraph's own model (RadGraph-F1, the usual one)."""
    return _level(1, "radgraph-xl/partial", pairs, model, case, empty, (weights, python), timeout_s)


@register.metric(
    "radgraph-xl/complete", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION, needs=_NEEDS
)
def complete(
    pairs: ReportPairs, model: Model = "radgraph-xl", case: Case = "lower", empty: str = "published",
    weights: Place = None, python: Place = None, timeout_s: float | None = None,
) -> Scored:  # fmt: skip
    """F1 over entities with their relations, by RadGraph's own model (RadGraph-F1, complete)."""
    return _level(2, "radgraph-xl/complete", pairs, model, case, empty, (weights, python), timeout_s)
