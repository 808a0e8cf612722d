"""RadGraph-F1's arithmetic on a pair of annotations, whoever made them.

Source: Delbrouck et al. 2022 and the radgraph package (MIT); entity and relation F1 as CXR-Report-Metric (Yu et al.
2023) counts them.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Set
from typing import Any, Literal, NamedTuple

from hilum.core.errors import InputError
from hilum.text.graph_schema import Graph

Case = Literal["lower", "as-released-0.1.18"]
CASES: tuple[Case, ...] = ("lower", "as-released-0.1.18")
"""'lower' is RadGraph's code since 2026. The package 0.1.18 minds capitals, except (so it is written) in the words of
related entities at level 'complete'."""


class Rewards(NamedTuple):
    """The three RadGraph rewards of one pair."""

    simple: float
    partial: float
    complete: float


class Parts(NamedTuple):
    """What an annotation comes down to: the sets that are compared."""

    simple: frozenset[Hashable]
    partial: frozenset[Hashable]
    complete: frozenset[Hashable]
    relations: frozenset[Hashable]


Node = tuple[str, str, tuple[tuple[str, int], ...]]
"""Words, label, and (kind, number of the target) of each relation."""


def nodes_of(document: Mapping[str, Any]) -> list[Node]:
    """Return the nodes of one document in RadGraph's JSON form.

    Raises:
        InputError: if it has no entities as RadGraph writes them.
    """
    try:
        entities = document["entities"]
        number = {key: place for place, key in enumerate(entities)}
        return [
            (e["tokens"], e["label"], tuple((kind, number[str(to)]) for kind, to in e["relations"]))
            for e in entities.values()
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            "an annotation needs RadGraph's 'entities': id -> tokens, label, relations [[kind, id], ...]; "
            f"the fault is {error!r}"
        ) from error


def graph_nodes(graph: Graph) -> list[Node]:
    """Return the nodes of one of our own graphs; its words with single spaces between them."""
    text = graph.text
    return [(" ".join(text[e.start : e.end].split()), e.label, e.relations) for e in graph.entities]


def parts(nodes: list[Node], case: Case = "lower") -> Parts:
    """Return the sets that a pair is compared by.

    Args:
        nodes: of one annotation.
        case: see `CASES`.

    Raises:
        InputError: if the case is unknown.
    """
    if case not in CASES:
        raise InputError(f"case must be one of {', '.join(CASES)}, got '{case}'")
    low = [words.lower() for words, _, _ in nodes]
    shown = low if case == "lower" else [words for words, _, _ in nodes]
    partial: set[Hashable] = set()
    complete: set[Hashable] = set()
    relations: set[Hashable] = set()
    for number, (_, label, links) in enumerate(nodes):
        if not links:
            partial.add((shown[number], label))
            complete.add((shown[number], label))
            continue
        partial.add((shown[number], label, True))
        for kind, to in links:
            complete.add((low[number], label, kind, low[to]))
            relations.add((shown[number], label, shown[to], nodes[to][1], kind))
    simple = frozenset((shown[number], label) for number, (_, label, _) in enumerate(nodes))
    return Parts(simple, frozenset(partial), frozenset(complete), frozenset(relations))


def set_f1(reference: Set[Hashable], answer: Set[Hashable]) -> float:
    """Return the harmonic mean of precision and recall of two sets; 0 where either is empty or nothing is shared."""
    shared = len(reference & answer)
    if not shared:
        return 0.0
    precision, recall = shared / len(answer), shared / len(reference)
    return 2 * precision * recall / (precision + recall)


def rewards(answer: Parts, reference: Parts) -> Rewards:
    """Return the three RadGraph rewards; 0 where either side has no entity."""
    return Rewards(*(set_f1(r, a) for r, a in zip(reference[:3], answer[:3], strict=True)))


def radgraph_rewards(answer: Mapping[str, Any], reference: Mapping[str, Any], *, case: Case = "lower") -> Rewards:
    """Return RadGraph-F1's simple, partial and complete reward of two annotations in RadGraph's JSON form.

    Args:
        answer: annotation of what was said ('hypothesis').
        reference: annotation of what is right.
        case: 'lower' as since 2026, or 'as-released-0.1.18'; one in five published pairs scores differently.

    Raises:
        InputError: if an annotation is malformed or the case is unknown.
    """
    return rewards(parts(nodes_of(answer), case), parts(nodes_of(reference), case))


def entity_relation(answer: Parts, reference: Parts) -> tuple[float, float]:
    """Return CXR-Report-Metric's entity F1 and relation F1, whose mean RadCliQ takes; 0 where either side is empty."""
    return set_f1(reference.simple, answer.simple), set_f1(reference.relations, answer.relations)
