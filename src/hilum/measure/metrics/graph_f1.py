"""RadGraph-F1's rewards on our own graphs: comparable among themselves, never with figures made by RadGraph's model."""

from __future__ import annotations

import numpy as np

from hilum.core.errors import InputError
from hilum.core.registry import register
from hilum.measure.graph_reward import Case, Parts, entity_relation, graph_nodes, parts, set_f1
from hilum.measure.pairs import ReportPairs, graphs, unanswered
from hilum.measure.scored import Floats, Scored, averaged, signature
from hilum.text.graph_schema import MADE_BY, Graph

_VERSION = 1
_EMPTY = ("undefined", "published")


def _parts(pairs: ReportPairs, case: Case) -> tuple[list[Parts], list[Parts]]:
    def both(given: ReportPairs) -> tuple[list[Parts], list[Parts]]:
        known: dict[int, Parts] = {}

        def of(graph: Graph) -> Parts:
            if id(graph) not in known:  # graphs are kept by the pairs, so that an id stays one graph's
                known[id(graph)] = parts(graph_nodes(graph), case)
            return known[id(graph)]

        references, answers = graphs(given)
        return [of(g) for g in references], [of(g) for g in answers]

    return pairs.once(("graph parts", case), both)


def _scored(name: str, pairs: ReportPairs, values: Floats, case: Case, empty: str) -> Scored:
    if empty not in _EMPTY:
        raise InputError(f"empty must be one of {', '.join(_EMPTY)}, got '{empty}'")
    unscored = unanswered(pairs)
    if empty == "undefined":
        for number, (reference, answer) in enumerate(zip(*_parts(pairs, case), strict=True)):
            if not reference.simple and not answer.simple:
                unscored.setdefault(number, "neither report has an entity")
    values[list(unscored)] = np.nan
    said = signature(name, _VERSION, graphs=MADE_BY.replace(" ", "-"), case=case, empty=empty)
    return averaged(name, values, said, unscored=unscored)


def _level(name: str, pairs: ReportPairs, level: int, case: Case, empty: str) -> Scored:
    both = zip(*_parts(pairs, case), strict=True)
    return _scored(name, pairs, np.array([set_f1(r[level], a[level]) for r, a in both]), case, empty)


@register.metric("graph-f1/simple", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION)
def simple(pairs: ReportPairs, case: Case = "lower", empty: str = "undefined") -> Scored:
    """F1 over entities (words and label) of our report graphs: RadGraph-F1's 'simple' arithmetic, not its model.

    Args:
        pairs: reports.
        case: see `graph_reward.CASES`.
        empty: what a pair without any entity on both sides is: 'undefined', or 0 as 'published'.
    """
    return _level("graph-f1/simple", pairs, 0, case, empty)


@register.metric("graph-f1/partial", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION)
def partial(pairs: ReportPairs, case: Case = "lower", empty: str = "undefined") -> Scored:
    """F1 over entities and whether each is related, of our report graphs: RadGraph-F1's 'partial', not its model."""
    return _level("graph-f1/partial", pairs, 1, case, empty)


@register.metric("graph-f1/complete", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION)
def complete(pairs: ReportPairs, case: Case = "lower", empty: str = "undefined") -> Scored:
    """F1 over entities with their relations of our report graphs: RadGraph-F1's 'complete', not its model."""
    return _level("graph-f1/complete", pairs, 2, case, empty)


@register.metric(
    "graph-f1/entity-relation", better="higher", takes="report", over="set", range=(0, 1), version=_VERSION
)
def mean_of_both(pairs: ReportPairs, case: Case = "as-released-0.1.18", empty: str = "published") -> Scored:
    """Mean of entity F1 and relation F1 of our report graphs, as CXR-Report-Metric counts them (and RadCliQ takes).

    Its own conventions are the defaults: capitals matter, and a side without entities or relations scores 0.
    """
    both = zip(*_parts(pairs, case), strict=True)
    values = np.array([sum(entity_relation(a, r)) / 2 for r, a in both])
    return _scored("graph-f1/entity-relation", pairs, values, case, empty)
